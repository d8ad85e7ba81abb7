import type { Fault } from '../../local-api/index.mts';
import { systemClock } from '../../nodes/ImgTo3d/async/clock';
import { Semaphore } from '../../nodes/ImgTo3d/async/semaphore';
import { downloadFile } from '../../nodes/ImgTo3d/output/download';
import type { Delivery } from '../../nodes/ImgTo3d/request';
import { gif, smallFiles } from '../support/small-files.mts';
import { API_KEY, openRig, type Rig } from '../support/rig.mts';
import {
	sendChunked,
	waitForNextTurn,
	makeOpenBody,
	serveByClock,
	type Served,
} from '../support/file-server.mts';
import { serveBehindPublicName, gzip, serve } from '../support/http.mts';
import type { Connection } from '../../nodes/ImgTo3d/api/connection';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 0 });
});
afterEach(async () => {
	await rig.close();
});

/** The stand-in service makes a mesh in milliseconds. */
const run = async (options: object = {}) =>
	await rig.run({
		operation: 'textTo3d',
		prompt: 'a red ball',
		settings: { outputType: 'ply', steps: 1, seed: '1' },
		options: options as never,
	});

const downloads = () => rig.service.requests.filter(({ path }) => path.startsWith('/files/'));
const spoil = (fault: Fault['do'], times = 1) => rig.service.addFault({ on: 'download', times, do: fault });

/** Changes the service's answers to submits. */
const answering = (changes: object) =>
	rig.service.addFault({ on: 'submit', do: { kind: 'edit', edit: (body) => ({ ...body, ...changes }) } });

/** Makes the service name these URLs as its output. */
const withOutput = (...output: string[]) => answering({ output });

test.each<[string, Fault['do']]>([
	['503', { kind: 'answer', status: 503, body: '' }],
	['a temporary 404', { kind: 'answer', status: 404, body: '' }],
	['a reset connection', { kind: 'reset', when: 'before' }],
	['a connection that breaks in the middle', { kind: 'reset', when: 'middle' }],
	['a file that is cut off', { kind: 'truncate' }],
])('a download with %s is repeated, and the file is complete', async (_name, fault) => {
	spoil(fault, 2);
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect(downloads()).toHaveLength(3);
	const again = await rig.run({ operation: 'getResult', jobId: `${rig.service.jobs[0]?.id}` });
	const [first, second] = [items, again.items].map(
		async ([item]) => await rig.engine.readBinary(item!, 'data'),
	);
	expect((await first)?.equals((await second)!)).toBe(true);
});

test('a download waits as long as the file server asks', async () => {
	spoil({ kind: 'answer', status: 429, body: '', headers: { 'retry-after': '40' } });
	await run();
	const [first, second] = downloads();
	expect((second?.at ?? 0) - (first?.at ?? 0)).toBe(40_000);
});

test('a download without an answer is repeated', async () => {
	rig.clock.patienceMs = 500;
	spoil({ kind: 'hang' });
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect(items[0]?.binary?.data).toBeDefined();
});

test.each<[string, (mesh: Buffer) => { headers: Record<string, string | number>; bytes: Buffer }]>([
	['without its last chunk', (mesh) => ({ headers: {}, bytes: mesh })],
	[
		'that is compressed and shorter than announced',
		(mesh) => {
			const packed = gzip(mesh);
			const headers = { 'content-encoding': 'gzip', 'content-length': packed.length };
			return { headers, bytes: packed.subarray(0, -9) };
		},
	],
])('a download of a file %s is repeated', async (_name, cutOff) => {
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
	expect((await rig.engine.readBinary(items[0]!, 'data')).equals(mesh)).toBe(true);
	expect(asked).toBe(2);
	await files.close();
});

test('a download that stalls is repeated', async () => {
	rig.clock.patienceMs = 500;
	const file = await gif();
	const rest = file.subarray(6);
	let asked = 0;
	const files = await serve((_request, response) => {
		asked += 1;
		response.writeHead(200, { 'content-type': 'image/gif' });
		response.write('GIF89a');
		if (asked > 1) response.end(rest);
	});
	withOutput(`${files.origin}/spin.gif`);
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect(await rig.engine.readBinary(items[0]!, 'data')).toEqual(file);
	expect(asked).toBe(2);
	await files.close();
});

test('a file that cannot be downloaded is an error that says that the job is done, with its ID and its link', async () => {
	spoil({ kind: 'answer', status: 403, body: '' });
	const { error } = await run();
	const [job] = rig.service.jobs;
	expect(error?.name).toBe('NodeApiError');
	expect(error?.message).toBe(`Job ${job?.id} is done, but its file could not be downloaded: HTTP 403`);
	expect(error?.description).toContain(`The file is at ${job?.outputs[0]}.`);
	expect(error?.description).toMatch(/not lost: Get Result with the Job ID/);
	expect(error?.httpCode).toBe('403');
	expect(downloads()).toHaveLength(1);
});

test('if a file of a job cannot be downloaded, no other is requested after the end of the run', async () => {
	let asked = 0;
	const files = await serve((request, response) => {
		asked += 1;
		response.statusCode = request.url === '/0.gif' ? 403 : 200;
		response.end('GIF89a');
	});
	withOutput(...Array.from({ length: 9 }, (_, index) => `${files.origin}/${index}.gif`));
	const { error } = await run();
	expect(error?.message).toMatch(/could not be downloaded: HTTP 403$/);
	await rig.clock.sleep(60_000);
	// Three downloads run at once, and those had begun.
	expect(asked).toBeLessThanOrEqual(3);
	await files.close();
});

test.each([
	['says its size', true],
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
		`Job ${rig.service.jobs[0]?.id} is done, but its file could not be downloaded: it is larger than Max File Size allows, 0.2 MB${announced ? ' (it has 0.3 MB)' : ''}`,
	);
	expect(asked).toBe(1);
	await files.close();
});

test('a file server gets no key, no credential and no body, even after a redirect, and is asked for uncompressed bytes', async () => {
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

test('the file name that a server suggests is ignored', async () => {
	const files = await serve((_request, response) => {
		response.setHeader('content-disposition', 'attachment; filename="../../.bashrc"');
		response.end('GIF89a');
	});
	withOutput(`${files.origin}/spin.gif`);
	const { items } = await run();
	expect(items[0]?.binary?.data?.fileName).toBe(`a-red-ball-${rig.service.jobs[0]?.id}.gif`);
	expect(items[0]?.binary?.data?.directory).toBeUndefined();
	await files.close();
});

/** The shortest possible GLB. */
const GLB = 'glTF\x02\0\0\0\x0c\0\0\0';

test.each([
	[
		'/a%2Fb/..%2F..%2Fetc%2Fpasswd',
		'application/octet-stream',
		'a-red-ball-{id}',
		'application/octet-stream',
	],
	['/spin.gif?token=1', 'application/octet-stream', 'a-red-ball-{id}.gif', 'image/gif'],
	['/download', 'model/gltf-binary; charset=binary', 'a-red-ball-{id}.glb', 'model/gltf-binary'],
	['/', 'image/gif', 'a-red-ball-{id}.gif', 'image/gif'],
])(
	'a file at %s with type %s gets the name %s and the type %s',
	async (path, contentType, fileName, mimeType) => {
		const files = await serve((_request, response) => {
			response.setHeader('content-type', contentType);
			response.end({ 'image/gif': 'GIF89a', 'model/gltf-binary': GLB }[mimeType] ?? 'bytes');
		});
		withOutput(files.origin + path);
		const { items } = await run();
		expect(items[0]?.binary?.data).toMatchObject({
			fileName: fileName.replace('{id}', String(rig.service.jobs[0]?.id)),
			mimeType,
		});
		await files.close();
	},
);

test('redirects of a file are followed', async () => {
	const mesh = 'ply\nformat ascii 1.0\n';
	const files = await serve((_request, response) => response.end(mesh));
	spoil({ kind: 'redirect', status: 302, location: `${files.origin}/elsewhere` });
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect((await rig.engine.readBinary(items[0]!, 'data')).toString()).toBe(mesh);
	await files.close();
});

test.each([
	['a circle of redirects', '?again', 'more than 5 redirects'],
	['a redirect to a file on this machine', 'file:///etc/passwd', 'file addresses are not downloaded'],
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

const serveFiles = async (paths: Record<string, Served>) => await serveByClock(rig.clock, paths);

const answer =
	(status: number, headers: Record<string, string> = {}): Served =>
	(response) =>
		response.writeHead(status, headers).end();
const whole: Served = (response) => response.end(GIF);
const GIF = 'GIF89a of whatever';

describe('a file that does not exist yet', () => {
	test('is waited for up to a minute', async () => {
		const files = await serveFiles({
			'/a.gif': (response, at) => (at < 60_000 ? answer(404) : whole)(response, at),
		});
		withOutput(files.at('a.gif'));
		const { items, error } = await run();
		expect(error).toBeUndefined();
		expect((await rig.engine.readBinary(items[0]!, 'data')).toString()).toBe(GIF);
		expect(files.asked.length).toBeGreaterThan(6);
		expect(files.asked.at(-1)).toEqual(['/a.gif', 60_000]);
		await files.close();
	});

	test('is downloaded from its mirror after that minute, and not before', async () => {
		const files = await serveFiles({ '/mirrors/1.gif': whole });
		answering({ output: [files.at('a.gif')], proxy_links: [files.at('mirrors/1.gif')] });
		const { items, error } = await run();
		expect(error).toBeUndefined();
		expect(items[0]?.json).toMatchObject({
			output: [files.at('a.gif')],
			proxy_links: [files.at('mirrors/1.gif')],
		});
		expect(items[0]?.binary?.data).toMatchObject({
			fileName: `a-red-ball-${rig.service.jobs[0]?.id}.gif`,
			mimeType: 'image/gif',
		});
		expect(files.asked.slice(-2)).toEqual([
			['/a.gif', 60_000],
			['/mirrors/1.gif', 60_000],
		]);
		await files.close();
	});

	test('is waited for as long as its server asks', async () => {
		const files = await serveFiles({
			'/a.gif': (response, at) => (at < 90_000 ? answer(404, { 'retry-after': '90' }) : whole)(response, at),
		});
		withOutput(files.at('a.gif'));
		expect((await run()).error).toBeUndefined();
		expect(files.asked).toEqual([
			['/a.gif', 0],
			['/a.gif', 90_000],
		]);
		await files.close();
	});

	test('does not delay other downloads', async () => {
		const files = await serveFiles({ '/late.gif': whole, '/mirrors/0': whole });
		const missing = Array.from({ length: 6 }, (_, index) => files.at(`${index}.gif`));
		withOutput(...missing, files.at('late.gif'));
		const { error } = await run();
		expect(error?.message).toMatch(/: HTTP 404$/);
		expect(files.asked.find(([path]) => path === '/late.gif')).toEqual(['/late.gif', 0]);
		await files.close();
	});

	test('is downloaded from its mirror at once if less than a minute is left until Timeout', async () => {
		const files = await serveFiles({ '/mirror.gif': whole });
		answering({ output: [files.at('a.gif')], proxy_links: [files.at('mirror.gif')] });
		const { error } = await run({ timeout: 30 });
		expect(error).toBeUndefined();
		expect(files.asked.at(-1)?.[0]).toBe('/mirror.gif');
		expect(files.asked.at(-1)?.[1]).toBeLessThan(30_000);
		await files.close();
	});
});

describe('the mirror of a file', () => {
	const cut: Served = (response) => response.write('GIF89a', () => response.end());
	const page: Served = (response) => response.end('<html></html>');
	const other: Served = (response) => response.end('glTF\x02\0\0\0\x0c\0\0\0');
	const broken: Served = (response) => response.destroy();

	test.each<[string, Served, number]>([
		['403', answer(403), 1],
		['410', answer(410), 1],
		['503', answer(503), 5],
		['a broken connection', broken, 5],
		['an endless redirect', answer(302, { location: '/a.gif' }), 6],
		['a web page', page, 5],
		['another kind of file', other, 1],
		['a file that is cut off', cut, 5],
	])('is used if the first address keeps answering with %s', async (_name, first, tries) => {
		const files = await serveFiles({ '/a.gif': first, '/mirror.gif': whole });
		answering({ output: [files.at('a.gif')], proxy_links: [files.at('mirror.gif')] });
		const { items, error } = await run();
		expect(error).toBeUndefined();
		expect((await rig.engine.readBinary(items[0]!, 'data')).toString()).toBe(GIF);
		expect(files.asked.map(([path]) => path)).toEqual([
			...Array.from({ length: tries }, () => '/a.gif'),
			'/mirror.gif',
		]);
		await files.close();
	});

	test('is used if the connection to the first address is refused', async () => {
		const closed = await serve(() => {});
		await closed.close();
		const files = await serveFiles({ '/mirror.gif': whole });
		answering({ output: `${closed.origin}/a.gif`, proxy_links: files.at('mirror.gif') });
		const { items, error } = await run();
		expect(error).toBeUndefined();
		expect(items[0]?.binary?.data?.fileName).toBe(`a-red-ball-${rig.service.jobs[0]?.id}.gif`);
		await files.close();
	});

	test('is in the error if it fails too, with the job and what to do', async () => {
		const files = await serveFiles({ '/a.gif': answer(403), '/mirror.gif': answer(410) });
		answering({ output: [files.at('a.gif')], proxy_links: [files.at('mirror.gif')] });
		const { error } = await run();
		const id = rig.service.jobs[0]?.id;
		expect(error?.message).toBe(
			`Job ${id} is done, but its file could not be downloaded: HTTP 403; from its mirror: HTTP 410`,
		);
		expect(error?.description).toContain(
			`The file is at ${files.at('a.gif')}, and its mirror at ${files.at('mirror.gif')}.`,
		);
		expect(error?.description).toMatch(/paid for and not lost: Get Result with the Job ID/);
		expect(error?.httpCode).toBe('403');
		await files.close();
	});

	test('is not used for a file that is too large', async () => {
		const files = await serveFiles({
			'/a.gif': (response) => response.end(Buffer.alloc(300_000, 'GIF89a')),
			'/mirror.gif': whole,
		});
		answering({ output: [files.at('a.gif')], proxy_links: [files.at('mirror.gif')] });
		const { error } = await run({ maxFileSize: 0.2 });
		expect(error?.message).toMatch(/larger than Max File Size allows, 0\.2 MB \(it has 0\.3 MB\)$/);
		expect(files.asked).toHaveLength(1);
		await files.close();
	});

	test.each<[string, Served, RegExp]>([
		[
			'the size',
			(response) => response.end(Buffer.alloc(300_000, 'GIF89a')),
			/mirror: it is larger than Max/,
		],
		['the kind', other, /mirror: its name says GIF, but it begins with the bytes of a GLB file$/],
		['redirects', answer(302, { location: 'file:///etc/passwd' }), /mirror: file addresses are not/],
		['the end', cut, /mirror: it is cut off after 6 bytes$/],
	])('has the same rules for %s', async (_name, served, problem) => {
		const files = await serveFiles({ '/a.gif': answer(410), '/mirror.gif': served });
		answering({ output: [files.at('a.gif')], proxy_links: [files.at('mirror.gif')] });
		expect((await run({ maxFileSize: 0.2 })).error?.message).toMatch(problem);
		await files.close();
	});

	test('is not used if it is private and the service is on the internet', async () => {
		const network = await serveBehindPublicName(rig.service.origin);
		rig.setCredential({ baseUrl: 'http://img3d.example.com/api' });
		answering({ output: ['http://cdn.example.com/files/x.gif'], proxy_links: ['http://127.0.0.1/x.gif'] });
		spoil({ kind: 'answer', status: 410, body: '' });
		const { error } = await run();
		expect(error?.message).toMatch(/HTTP 410; from its mirror: 127\.0\.0\.1 is a private address/);
		expect(network.asked).toHaveLength(2);
		await network.end();
	});

	test.each<[string, (at: (path: string) => string) => object]>([
		[
			'there are fewer mirrors than outputs',
			(at) => ({ output: [at('a.gif'), at('b.gif')], proxy_links: [at('mirror.gif')] }),
		],
		[
			'one mirror is empty',
			(at) => ({ output: ['', at('b.gif'), at('a.gif')], proxy_links: ['', at('mirror.gif')] }),
		],
		['it is the first address', (at) => ({ output: [at('a.gif')], proxy_links: [at('a.gif')] })],
	])('is not used if %s', async (_name, links) => {
		const files = await serveFiles({ '/a.gif': answer(410), '/b.gif': answer(410), '/mirror.gif': whole });
		answering(links(files.at));
		expect((await run()).error?.message).toMatch(/: HTTP 410$/);
		expect(files.asked.map(([path]) => path)).not.toContain('/mirror.gif');
		await files.close();
	});
});

test.each<[string, unknown]>([
	['an empty list', []],
	['empty text', ''],
	['null', null],
	['nothing', undefined],
	['a list of empty entries', [null, '']],
])('if output is %s, proxy_links are the output', async (_name, output) => {
	const files = await serveFiles({ '/mirrors/1.gif': whole });
	const link = files.at('mirrors/1.gif');
	answering({ output, proxy_links: [link] });
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect(items[0]?.json).toMatchObject({ status: 'success', output: [link], proxy_links: [link] });
	expect(items[0]?.binary?.data?.fileName).toBe(`a-red-ball-${rig.service.jobs[0]?.id}.gif`);
	await files.close();
});

test('if one output is missing, its link in proxy_links takes its place', async () => {
	const files = await serveFiles({ '/a.gif': whole, '/m/b.gif': whole });
	answering({ output: [files.at('a.gif'), ''], proxy_links: [files.at('m/a.gif'), files.at('m/b.gif')] });
	const { items } = await run({ outputMode: 'file' });
	expect(items.map(({ json }) => json.output_url)).toEqual([files.at('a.gif'), files.at('m/b.gif')]);
	await files.close();
});

describe('a file without Content-Length', () => {
	test('that ends early is noticed if its format allows it, and downloaded again', async () => {
		for (const [extension, file] of await smallFiles()) {
			const tries = [file.length >> 1, Math.floor(file.length * 0.95), file.length];
			let asked = 0;
			const path = `spin.${extension}`;
			const files = await serveFiles({
				[`/${path}`]: (response) => sendChunked(response, file.subarray(0, tries[asked++])),
			});
			withOutput(files.at(path));
			const { items, error } = await run();
			expect([extension, error]).toEqual([extension, undefined]);
			expect(await rig.engine.readBinary(items[0]!, 'data')).toEqual(file);
			expect([extension, asked]).toEqual([extension, 3]);
			await files.close();
		}
	});

	test('and without a name is recognized by its first bytes', async () => {
		const file = await gif();
		let asked = 0;
		const files = await serveFiles({
			'/download': (response) => sendChunked(response, file.subarray(0, ++asked === 1 ? 600 : undefined)),
		});
		withOutput(files.at('download'));
		const { items } = await run();
		expect(items[0]?.binary?.data?.fileName).toBe(`a-red-ball-${rig.service.jobs[0]?.id}.gif`);
		expect(await rig.engine.readBinary(items[0]!, 'data')).toEqual(file);
		await files.close();
	});

	test('that always ends early is an error', async () => {
		const file = await gif();
		const files = await serveFiles({ '/a.gif': (response) => sendChunked(response, file.subarray(0, 700)) });
		withOutput(files.at('a.gif'));
		const { error } = await run();
		expect(error?.message).toMatch(/could not be downloaded: it is cut off after 700 bytes$/);
		expect(files.asked).toHaveLength(3);
		await files.close();
	});

	test('may have more bytes after its end', async () => {
		for (const [extension, file] of await smallFiles()) {
			const longer = Buffer.concat([file, Buffer.from('\0\0\0 and what a server put there')]);
			const path = `spin.${extension}`;
			const files = await serveFiles({ [`/${path}`]: (response) => sendChunked(response, longer) });
			withOutput(files.at(path));
			const { items } = await run();
			expect(await rig.engine.readBinary(items[0]!, 'data')).toEqual(longer);
			await files.close();
		}
	});
});

test('a file with the announced length is accepted, even without its end', async () => {
	const file = (await gif()).subarray(0, -1);
	const files = await serveFiles({ '/a.gif': (response) => response.end(file) });
	withOutput(files.at('a.gif'));
	expect((await run()).error).toBeUndefined();
	expect(files.asked).toHaveLength(1);
	await files.close();
});

test('the connection of an answer that comes too late is closed', async () => {
	const late = makeOpenBody();
	let answerNow = () => {};
	const httpRequest = async () => {
		await new Promise<void>((resolve) => (answerNow = resolve));
		return { statusCode: 200, headers: {}, body: late };
	};
	const connection = {
		context: { helpers: { httpRequest } },
		clock: { ...systemClock, now: () => 0, sleep: async () => {} },
		service: { canReach: () => true, clean: (text: string) => text },
		signal: new AbortController().signal,
	} as unknown as Connection;
	const delivery = { timeoutMs: 100 } as Delivery;
	const file = { url: 'http://127.0.0.1/a.gif', isAsset: false, name: 'a' };
	await expect(downloadFile(connection, delivery, 7, file, new Semaphore(1))).rejects.toThrow(
		/did not answer in time/,
	);
	expect(late.destroyed).toBe(false);
	answerNow();
	await waitForNextTurn();
	expect(late.destroyed).toBe(true);
	expect(() => late.emit('error', new Error('aborted'))).not.toThrow();
});

test.each([
	'file:///etc/passwd',
	'ftp://example.com/a.gif',
	'data:image/gif;base64,R0lGODlh',
	'javascript:1',
	'/a.gif',
])('an output at %s is not a file', async (output) => {
	withOutput(output);
	const edit = (body: Record<string, unknown>) => ({ ...body, output: [output] });
	rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit } });
	const { error } = await run();
	expect(error?.message).toMatch(/names no file that can be fetched$/);
	expect(downloads()).toHaveLength(0);
});

describe('a service on the internet', () => {
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

	test.each(PRIVATE)(
		'cannot make the node read %s, neither as an output nor with a redirect',
		async (url) => {
			const network = await serveBehindPublicName(rig.service.origin);
			rig.setCredential({ baseUrl: 'http://img3d.example.com/api' });

			withOutput(url);
			const named = await run();
			expect(named.error?.message).toMatch(
				/is a private address, and files are downloaded from the open internet only$/,
			);

			withOutput('http://cdn.example.com/files/x.gif');
			spoil({ kind: 'redirect', status: 302, location: url });
			const redirected = await run();
			expect(redirected.error?.message).toBe(
				named.error?.message.replace(/\d+/, String(rig.service.jobs[1]?.id)),
			);

			expect(network.asked).toEqual([
				'http://img3d.example.com/api/v3/txt_to_3d',
				'http://img3d.example.com/api/v3/txt_to_3d',
				'http://cdn.example.com/files/x.gif',
			]);
			await network.end();
		},
	);

	test.each(['//127.0.0.1/x.gif', '\\\\127.0.0.1\\x.gif', '/\\localhost/x.gif'])(
		'cannot make the node read %s, relative to the address of a redirect',
		async (location) => {
			const network = await serveBehindPublicName(rig.service.origin);
			rig.setCredential({ baseUrl: 'http://img3d.example.com/api' });
			withOutput('http://cdn.example.com/files/x.gif');
			spoil({ kind: 'redirect', status: 302, location });
			expect((await run()).error?.message).toMatch(/is a private address/);
			expect(network.asked).toHaveLength(2);
			await network.end();
		},
	);
});

// This is the last test: the unread rest of a compressed file ends without an event, and would stop the clock.
describe('a compressed file', () => {
	test('that is larger than Max File Size when decompressed is refused', async () => {
		let asked = 0;
		const packed = gzip(Buffer.alloc(50_000_000, 'GIF89a'));
		const files = await serve((_request, response) => {
			asked += 1;
			response.setHeader('content-encoding', 'gzip').setHeader('content-length', packed.length).end(packed);
		});
		withOutput(`${files.origin}/spin.gif`);
		const { error, items } = await run({ maxFileSize: 0.2 });
		expect(packed.length).toBeLessThan(200_000);
		expect(items).toEqual([]);
		expect(error?.message).toMatch(
			/could not be downloaded: it is larger than Max File Size allows, 0\.2 MB$/,
		);
		expect(asked).toBe(1);
		await files.close();
	});
});
