import type { Fault } from '../../local-api/index.mts';
import { API_KEY, openBench, type Bench } from './bench.mts';
import { behindPublicName, gzipped, serve } from './http.mts';

let bench: Bench;
beforeEach(async () => {
	bench = await openBench({ jobSeconds: 0 });
});
afterEach(async () => {
	await bench.close();
});

/** A mesh, because the stand-in makes one in milliseconds. */
const run = async (options: object = {}) =>
	await bench.run({
		operation: 'textTo3d',
		prompt: 'a red ball',
		settings: { outputType: 'ply', steps: 1, seed: '1' },
		options: options as never,
	});

const downloads = () => bench.service.requests.filter(({ path }) => path.startsWith('/files/'));
const spoil = (fault: Fault['do'], times = 1) => bench.service.addFault({ on: 'download', times, do: fault });

/** Makes the service name an output URL of the test's own. */
const withOutput = (...output: string[]) =>
	bench.service.addFault({ on: 'submit', do: { kind: 'edit', edit: (body) => ({ ...body, output }) } });

test.each<[string, Fault['do']]>([
	['503', { kind: 'answer', status: 503, body: '' }],
	['a 404 that passes', { kind: 'answer', status: 404, body: '' }],
	['a reset connection', { kind: 'reset', when: 'before' }],
	['a connection that breaks in the middle', { kind: 'reset', when: 'middle' }],
	['a file that is cut off', { kind: 'truncate' }],
])('a download that meets %s is repeated, and the file is whole', async (_name, fault) => {
	spoil(fault, 2);
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect(downloads()).toHaveLength(3);
	const again = await bench.run({ operation: 'getResult', jobId: `${bench.service.jobs[0]?.id}` });
	const [first, second] = [items, again.items].map(
		async ([item]) => await bench.engine.readBinary(item!, 'data'),
	);
	expect((await first)?.equals((await second)!)).toBe(true);
});

test('the wait that a file server asks for is kept', async () => {
	spoil({ kind: 'answer', status: 429, body: '', headers: { 'retry-after': '40' } });
	await run();
	const [first, second] = downloads();
	expect((second?.at ?? 0) - (first?.at ?? 0)).toBe(40_000);
});

test('a file server that does not answer is asked again', async () => {
	bench.clock.patienceMs = 500;
	spoil({ kind: 'hang' });
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect(items[0]?.binary?.data).toBeDefined();
});

test.each<[string, (mesh: Buffer) => { headers: Record<string, string | number>; bytes: Buffer }]>([
	['whose last chunk does not come', (mesh) => ({ headers: {}, bytes: mesh })],
	[
		'that comes packed and is shorter than announced',
		(mesh) => {
			const packed = gzipped(mesh);
			const headers = { 'content-encoding': 'gzip', 'content-length': packed.length };
			return { headers, bytes: packed.subarray(0, -9) };
		},
	],
])('a file %s is repeated', async (_name, cutOff) => {
	const mesh = Buffer.from(`ply\nformat ascii 1.0\n${'comment 7\n'.repeat(1000)}`);
	let asked = 0;
	const files = await serve((_request, response) => {
		asked += 1;
		const { headers, bytes } = cutOff(mesh);
		if (asked > 1) response.end(mesh);
		else response.writeHead(200, headers).write(bytes, () => response.socket?.end());
	});
	withOutput(`${files.origin}/mesh.ply`);
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect((await bench.engine.readBinary(items[0]!, 'data')).equals(mesh)).toBe(true);
	expect(asked).toBe(2);
	await files.close();
});

test('a download that stalls is given up and repeated', async () => {
	bench.clock.patienceMs = 500;
	let asked = 0;
	const files = await serve((_request, response) => {
		asked += 1;
		response.writeHead(200, { 'content-type': 'image/gif' });
		response.write('GIF89a');
		if (asked > 1) response.end('rest');
	});
	withOutput(`${files.origin}/spin.gif`);
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect((await bench.engine.readBinary(items[0]!, 'data')).toString()).toBe('GIF89arest');
	expect(asked).toBe(2);
	await files.close();
});

test('a file that cannot be had is an error that says that the job is done, with id and link', async () => {
	spoil({ kind: 'answer', status: 403, body: '' });
	const { error } = await run();
	const [job] = bench.service.jobs;
	expect(error?.name).toBe('NodeApiError');
	expect(error?.message).toBe(`Job ${job?.id} is done, but its file could not be downloaded: HTTP 403`);
	expect(error?.description).toContain(`The file is at ${job?.outputs[0]}.`);
	expect(error?.description).toMatch(/not lost: the Get Result operation/);
	expect(error?.httpCode).toBe('403');
	expect(downloads()).toHaveLength(1);
});

test('when one file of a job cannot be had, the others are not fetched after the end of the run', async () => {
	let asked = 0;
	const files = await serve((request, response) => {
		asked += 1;
		response.statusCode = request.url === '/0.gif' ? 403 : 200;
		response.end('GIF89a');
	});
	withOutput(...Array.from({ length: 9 }, (_, index) => `${files.origin}/${index}.gif`));
	const { error } = await run();
	expect(error?.message).toMatch(/could not be downloaded: HTTP 403$/);
	await bench.clock.sleep(60_000);
	// Three come in at once, and those were on their way.
	expect(asked).toBeLessThanOrEqual(3);
	await files.close();
});

test.each([
	['says how large it is', true],
	['does not', false],
])('a file over Max File Size, on a server that %s, is refused', async (_name, announced) => {
	let asked = 0;
	const bytes = Buffer.alloc(300_000, 'GIF89a');
	const files = await serve((_request, response) => {
		asked += 1;
		if (announced) response.setHeader('content-length', bytes.length);
		response.write(bytes.subarray(0, 100_000));
		response.end(bytes.subarray(100_000));
	});
	withOutput(`${files.origin}/spin.gif`);
	const { error, items } = await run({ maxFileSize: 0.2 });
	expect(items).toEqual([]);
	expect(error?.message).toBe(
		`Job ${bench.service.jobs[0]?.id} is done, but its file could not be downloaded: it is larger than Max File Size allows, 0.2 MB${announced ? ' (it has 0.3 MB)' : ''}`,
	);
	expect(asked).toBe(1);
	await files.close();
});

test('a file that unpacks to more than Max File Size is refused, however small it comes in', async () => {
	let asked = 0;
	const packed = gzipped(Buffer.alloc(50_000_000, 'GIF89a'));
	const files = await serve((_request, response) => {
		asked += 1;
		response.setHeader('content-encoding', 'gzip').setHeader('content-length', packed.length).end(packed);
	});
	withOutput(`${files.origin}/spin.gif`);
	const { error, items } = await run({ maxFileSize: 0.2 });
	expect(packed.length).toBeLessThan(200_000);
	expect(items).toEqual([]);
	expect(error?.message).toMatch(/could not be downloaded: it is larger than Max File Size allows, 0\.2 MB$/);
	expect(asked).toBe(1);
	await files.close();
});

test('a file server is sent no key, no credential and no body, behind a redirect neither, and is asked for the bytes as they are', async () => {
	const asked: Array<{ method?: string; url?: string; headers: object; body: string }> = [];
	const files = await serve((request, response) => {
		let body = '';
		request.on('data', (part: Buffer) => (body += part.toString()));
		request.on('end', () => {
			asked.push({ method: request.method, url: request.url, headers: request.headers, body });
			if (request.url === '/elsewhere.gif') response.end('GIF89a');
			else response.writeHead(302, { location: '/elsewhere.gif', 'set-cookie': 'a=b' }).end();
		});
	});
	withOutput(`${files.origin}/spin.gif?token=1`);
	const { error } = await run();
	expect(error).toBeUndefined();
	expect(asked.map(({ method, url, body }) => [method, url, body])).toEqual([
		['GET', '/spin.gif?token=1', ''],
		['GET', '/elsewhere.gif', ''],
	]);
	for (const { headers } of asked) {
		expect(headers).toMatchObject({ 'accept-encoding': 'identity' });
		expect(Object.keys(headers).sort()).toEqual([
			'accept',
			'accept-encoding',
			'connection',
			'host',
			'user-agent',
		]);
	}
	expect(JSON.stringify(asked)).not.toContain(API_KEY);
	await files.close();
});

test('the name that a server suggests does not count', async () => {
	const files = await serve((_request, response) => {
		response.setHeader('content-disposition', 'attachment; filename="../../.bashrc"');
		response.end('GIF89a');
	});
	withOutput(`${files.origin}/spin.gif`);
	const { items } = await run();
	expect(items[0]?.binary?.data?.fileName).toBe('spin.gif');
	expect(items[0]?.binary?.data?.directory).toBeUndefined();
	await files.close();
});

/** The shortest that there is. */
const GLB = 'glTF\x02\0\0\0\x0c\0\0\0';

test.each([
	['/a%2Fb/..%2F..%2Fetc%2Fpasswd', 'application/octet-stream', '_.._etc_passwd', 'application/octet-stream'],
	['/spin.gif?token=1', 'application/octet-stream', 'spin.gif', 'image/gif'],
	['/download', 'model/gltf-binary; charset=binary', 'download.glb', 'model/gltf-binary'],
	['/', 'image/gif', 'job-{id}-0.gif', 'image/gif'],
])('a file at %s of type %s is named %s and typed %s', async (path, contentType, fileName, mimeType) => {
	const files = await serve((_request, response) => {
		response.setHeader('content-type', contentType);
		response.end({ 'image/gif': 'GIF89a', 'model/gltf-binary': GLB }[mimeType] ?? 'bytes');
	});
	withOutput(files.origin + path);
	const { items } = await run();
	expect(items[0]?.binary?.data).toMatchObject({
		fileName: fileName.replace('{id}', String(bench.service.jobs[0]?.id)),
		mimeType,
	});
	await files.close();
});

test('redirects of a file are followed', async () => {
	const mesh = 'ply\nformat ascii 1.0\n';
	const files = await serve((_request, response) => response.end(mesh));
	spoil({ kind: 'redirect', status: 302, location: `${files.origin}/elsewhere` });
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect((await bench.engine.readBinary(items[0]!, 'data')).toString()).toBe(mesh);
	await files.close();
});

test.each([
	['a ring of redirects', '?again', 'more than 5 redirects'],
	['a redirect to a file of this machine', 'file:///etc/passwd', 'file addresses are not downloaded'],
	['the same in capitals', 'FILE:///etc/passwd', 'file addresses are not downloaded'],
	['a redirect to FTP', 'ftp://127.0.0.1/x.gif', 'ftp addresses are not downloaded'],
	['a redirect to data', 'data:image/gif;base64,R0lGODlh', 'data addresses are not downloaded'],
	['a redirect to a script', 'javascript:alert(1)', 'javascript addresses are not downloaded'],
	['a redirect to nowhere', 'http://', 'HTTP 302 without an address'],
])('%s ends with an error', async (_name, location, problem) => {
	spoil({ kind: 'redirect', status: 302, location }, Infinity);
	const { error } = await run();
	expect(error?.message).toMatch(new RegExp(`: ${problem}$`));
});

test('five redirects are followed', async () => {
	const files = await serve((request, response) => {
		const hop = Number(request.url?.slice(1));
		if (hop === 5) response.end('ply\n');
		else response.writeHead(307, { location: String(hop + 1) }).end();
	});
	withOutput(`${files.origin}/0`);
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect(items[0]?.binary?.data?.fileExtension).toBe('ply');
	await files.close();
});

test.each([
	'file:///etc/passwd',
	'ftp://example.com/a.gif',
	'data:image/gif;base64,R0lGODlh',
	'javascript:1',
	'/a.gif',
])('an output at %s is none', async (output) => {
	withOutput(output);
	const { error } = await run();
	expect(error?.message).toMatch(/names no file that can be fetched$/);
	expect(downloads()).toHaveLength(0);
});

describe('a service on the open internet', () => {
	const PRIVATE = [
		'http://169.254.169.254/latest/meta-data/x.gif',
		'http://[::1]/x.gif',
		'http://10.0.0.5/x.gif',
		'http://2130706433/x.gif',
		'http://localhost/x.gif',
		'http://metadata.google.internal/x.gif',
		'HTTP://LOCALHOST/x.gif',
		'http://localhost./x.gif',
		'http://files.localhost/x.gif',
		'http://0x7f.1/x.gif',
		'http://0177.0.0.1/x.gif',
		'http://cdn.example.com@127.0.0.1/x.gif',
		'http://100.64.0.1/x.gif',
		'http://[::]/x.gif',
		'http://[::ffff:127.0.0.1]/x.gif',
		'http://[64:ff9b::7f00:1]/x.gif',
		'http://[fd12::1]/x.gif',
		'http://[fe80::1]/x.gif',
	];

	test.each(PRIVATE)('cannot make the node read %s, named as output or by redirect', async (url) => {
		const network = await behindPublicName(bench.service.origin);
		bench.credential({ baseUrl: 'http://img3d.example.com/api' });

		withOutput(url);
		const named = await run();
		expect(named.error?.message).toMatch(
			/is a private address, and files are fetched from the open internet only$/,
		);

		withOutput('http://cdn.example.com/files/x.gif');
		spoil({ kind: 'redirect', status: 302, location: url });
		const redirected = await run();
		expect(redirected.error?.message).toBe(
			named.error?.message.replace(/\d+/, String(bench.service.jobs[1]?.id)),
		);

		expect(network.asked).toEqual([
			'http://img3d.example.com/api/v3/txt_to_3d',
			'http://img3d.example.com/api/v3/txt_to_3d',
			'http://cdn.example.com/files/x.gif',
		]);
		await network.end();
	});

	test.each(['//127.0.0.1/x.gif', '\\\\127.0.0.1\\x.gif', '/\\localhost/x.gif'])(
		'cannot make it read %s, relative to the address that redirects there',
		async (location) => {
			const network = await behindPublicName(bench.service.origin);
			bench.credential({ baseUrl: 'http://img3d.example.com/api' });
			withOutput('http://cdn.example.com/files/x.gif');
			spoil({ kind: 'redirect', status: 302, location });
			expect((await run()).error?.message).toMatch(/is a private address/);
			expect(network.asked).toHaveLength(2);
			await network.end();
		},
	);
});
