/** What downloaded files are, and what is refused and left behind. */
import type { Served } from '../support/file-server.mts';
import { sendChunked, serveByClock } from '../support/file-server.mts';
import {
	makePrism,
	toTriangles,
	writeBinaryPly,
	writeObj,
	writeStl,
	writeTextStl,
} from '../support/meshes.mts';
import { API_KEY, openRig, type Rig } from '../support/rig.mts';
import { smallFiles } from '../support/small-files.mts';
import { listStoredFiles } from '../support/stored-files.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 0 });
});
afterEach(async () => {
	await rig.close();
});

const run = async (options: object = {}) =>
	await rig.run({ operation: 'textTo3d', prompt: 'a red ball', options: options as never });

const withOutput = (output: string[], more: object = {}) =>
	rig.service.addFault({
		on: 'submit',
		do: { kind: 'edit', edit: (body) => ({ ...body, output, ...more }) },
	});

const id = () => String(rig.service.jobs.at(-1)?.id);

/** Answers with a file and what a server says about it. */
const send =
	(bytes: Buffer | string, headers: Record<string, string> = {}): Served =>
	(response) =>
		response.writeHead(200, { 'content-length': Buffer.byteLength(bytes), ...headers }).end(bytes);

const serveFiles = async (paths: Record<string, Served>) => await serveByClock(rig.clock, paths);

async function makeFiles(): Promise<
	Array<[name: string, extension: string, mimeType: string, bytes: Buffer]>
> {
	const small = new Map(await smallFiles());
	const prism = toTriangles(makePrism(40));
	return [
		['GIF', 'gif', 'image/gif', small.get('gif')!],
		['PNG', 'png', 'image/png', small.get('png')!],
		['GLB', 'glb', 'model/gltf-binary', small.get('glb')!],
		['MP4', 'mp4', 'video/mp4', small.get('mp4')!],
		['OBJ', 'obj', 'model/obj', writeObj(prism)],
		['STL as text', 'stl', 'model/stl', writeTextStl(prism)],
		['STL', 'stl', 'model/stl', writeStl(prism)],
		['PLY', 'ply', 'application/x-ply', writeBinaryPly(prism, true)],
	];
}

const KINDS = ['GIF', 'PNG', 'GLB', 'MP4', 'OBJ', 'STL as text', 'STL', 'PLY'];
const UNKNOWN = { 'content-type': 'binary/octet-stream' };

describe.each(KINDS)('a file of the kind %s', (kind) => {
	/** Downloads the file from a path, with these headers. */
	async function download(
		name: (extension: string, mimeType: string) => [path: string, headers: Record<string, string>],
		isChunked = false,
	) {
		const [, extension, mimeType, bytes] = (await makeFiles()).find(([made]) => made === kind)!;
		const [path, headers] = name(extension, mimeType);
		const served: Served = isChunked
			? (response) => sendChunked(response.writeHead(200, headers), bytes)
			: send(bytes, headers);
		const files = await serveFiles({ [`/${path}`]: served });
		withOutput([files.at(path)]);
		const { items, error } = await run();
		await files.close();
		expect(error).toBeUndefined();
		expect(await rig.engine.readBinary(items[0]!, 'data')).toEqual(bytes);
		const fileName = `a-red-ball-${id()}.${extension}`;
		expect(items[0]?.binary?.data).toMatchObject({ fileName, mimeType, fileExtension: extension });
		expect(items[0]?.json.files).toMatchObject([{ name: fileName, mimeType, bytes: bytes.length }]);
	}

	test.each<[string, Parameters<typeof download>]>([
		['its address', [(extension) => [`mug.${extension}`, { 'content-type': 'text/plain' }]]],
		['its type', [(_, mimeType) => ['download', { 'content-type': mimeType }]]],
		[
			'Content-Disposition',
			[(extension) => ['mug.bin', { ...UNKNOWN, 'content-disposition': `filename="mug.${extension}"` }]],
		],
		['a query', [(extension) => [`get.php?f=mug.${extension}`, UNKNOWN]]],
		['its bytes alone', [() => ['download', UNKNOWN]]],
		['its bytes, as .bin', [() => ['mug.bin', { 'content-type': 'application/octet-stream' }]]],
		['its bytes, without headers and length', [() => ['download', {}], true]],
	])('is recognized by %s', async (_name, how) => {
		await download(...how);
	});

	test('is recognized although the server calls it something else', async () => {
		const other = kind === 'GIF' ? 'image/png' : 'image/gif';
		await download(() => ['download', { 'content-type': other, 'content-disposition': 'filename=a.webp' }]);
	});
});

describe('a file that its bytes do not name', () => {
	const bytes = Buffer.from('\x01\x02 anything'.repeat(100));

	test.each([
		['attachment; filename="mug.usdz"', 'usdz'],
		["attachment; filename=mug.bad; filename*=UTF-8''a%2F..%2Fm%C3%BCg.fbx", 'fbx'],
		["attachment; filename*=iso-8859-1'de'm%FCg.fbx", 'fbx'],
		['attachment; filename=mug.usdz; size=7', 'usdz'],
		['filename="..\\\\..\\\\mug.usdz"', 'usdz'],
		['attachment; filename="mug.$(reboot)"', undefined],
		["attachment; filename*=UTF-8''%E0%A4%A", undefined],
		['attachment; filename="', undefined],
	])('is named after %s', async (disposition, extension) => {
		const files = await serveFiles({
			'/get': send(bytes, { ...UNKNOWN, 'content-disposition': disposition }),
		});
		withOutput([files.at('get')]);
		const { items } = await run();
		expect(items[0]?.binary?.data).toMatchObject({
			fileName: `a-red-ball-${id()}${extension ? `.${extension}` : ''}`,
			mimeType: 'binary/octet-stream',
		});
		await files.close();
	});
});

test('the name of a material loses what means something in a shell, from its address and from Content-Disposition', async () => {
	const evil = 'a $(reboot)`x`;&|<>*?~!#%"\'{b}\n.mtl';
	const material = 'newmtl red\n';
	const named = encodeURIComponent(evil);
	const files = await serveFiles({
		'/mug.obj': send('v 0 0 0\n'),
		[`/${named}`]: send(material),
		'/get': send(material, {
			...UNKNOWN,
			'content-disposition': `attachment; filename*=UTF-8''..%2F${named}`,
		}),
	});
	withOutput([files.at('mug.obj')], { extra_assets: [files.at(named), files.at('get')] });
	const { items, error } = await run();
	expect(error).toBeUndefined();
	const [, ...names] = (items[0]?.json.files as Array<{ name: string }>).map(({ name }) => name);
	expect(names).toEqual([`a __reboot__x${'_'.repeat(15)}b__.mtl`, `a __reboot__x${'_'.repeat(15)}b__.mtl`]);
	await files.close();
});

describe('a text that a server sends instead of a file', () => {
	const long = `<html><head><style>p { color: red }</style></head><body><p>${'Sorry, wait. '.repeat(300)}</body>`;

	test.each<[string, string, string]>([
		[
			'<!doctype html><html><head><title>Please log in</title></head><body>x</body></html>',
			'a web page',
			'Please log in',
		],
		[
			'\ufeff<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
			'an XML document',
			'AccessDenied Access Denied',
		],
		['{"status":"error","message":"Link expired"}', 'a JSON text', 'Link expired'],
		['["a", 1]', 'a JSON text', '["a", 1]'],
		[long, 'a web page', `${'Sorry, wait. '.repeat(8).slice(0, 97)}...`],
		[`{"message":"bad key ${API_KEY}"}`, 'a JSON text', 'bad key ***'],
		['<html></html>', 'a web page', ''],
		['<!-- saved -->\n<html><title>Please log in</title>', 'a web page', 'Please log in'],
		['"Link expired"', 'a JSON text', '"Link expired"'],
		['null', 'a JSON text', 'null'],
	])('is refused, whatever it is called, with what it says (%#)', async (text, what, says) => {
		const paths = ['mug.glb', 'mug.obj', 'mug.bin', 'get.php', 'download'];
		const files = await serveFiles(
			Object.fromEntries(paths.map((path) => [`/${path}`, send(text, { 'content-type': 'model/obj' })])),
		);
		const before = listStoredFiles().length;
		for (const path of paths) {
			withOutput([files.at(path)]);
			const { error } = await run();
			const quotation = says === '' ? '' : `: "${says}"`;
			expect(error?.message).toBe(
				`Job ${id()} is done, but its file could not be downloaded: the server sent ${what} instead of the file${quotation}`,
			);
		}
		expect(listStoredFiles()).toHaveLength(before);
		await files.close();
	});

	test('is refused without a byte order mark, too', async () => {
		const page = Buffer.from('<!doctype html><html><title>Please log in</title>', 'utf16le');
		const files = await serveFiles({ '/download': send(page), '/swapped': send(Buffer.from(page).swap16()) });
		for (const path of ['download', 'swapped']) {
			withOutput([files.at(path)]);
			expect((await run()).error?.message).toMatch(/sent a web page instead of the file: "Please log in"$/);
		}
		await files.close();
	});

	test('is refused as a page if only its type says that it is one', async () => {
		const files = await serveFiles({
			'/get.php?f=mug.obj': send('File not found', { 'content-type': 'text/html; charset=UTF-8' }),
			'/mug.obj': send('v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n', { 'content-type': 'text/html' }),
		});
		withOutput([files.at('get.php?f=mug.obj')]);
		expect((await run()).error?.message).toMatch(/sent a web page instead of the file: "File not found"$/);
		withOutput([files.at('mug.obj')]);
		expect((await run()).error).toBeUndefined();
		await files.close();
	});

	test('that repeats the key never shows a part of it', async () => {
		const text = `<html>${' '.repeat(1975)}key=${API_KEY} is wrong`;
		const files = await serveFiles({ '/get': send(text) });
		withOutput([files.at('get')]);
		const { error } = await run();
		expect(error?.message).not.toContain(API_KEY.slice(0, 4));
		await files.close();
	});
});

test.each([
	['model.gltf', '{"asset":{"version":"2.0"}}'],
	['scene.dae', '<?xml version="1.0"?><COLLADA/>'],
	['icon.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
])('a file %s is the text that its address says', async (path, text) => {
	const files = await serveFiles({ [`/${path}`]: send(text) });
	withOutput([files.at(path)]);
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect((await rig.engine.readBinary(items[0] ?? { json: {} }, 'data')).toString()).toBe(text);
	await files.close();
});

test('a page is refused under any name', async () => {
	const files = await serveFiles({ '/model.gltf': send('<!DOCTYPE html><title>Gone</title>') });
	withOutput([files.at('model.gltf')]);
	expect((await run()).error?.message).toMatch(/a web page instead of the file: "Gone"/);
	await files.close();
});

test.each([
	['a.png', 'gif', 'image/gif'],
	['a.gif', 'mp4', 'video/mp4'],
	['a.mp4', 'gif', 'image/gif'],
])('a picture %s whose bytes are a %s is stored as that', async (path, extension, mimeType) => {
	const bytes = new Map(await smallFiles()).get(extension) ?? Buffer.alloc(0);
	const files = await serveFiles({ [`/${path}`]: send(bytes) });
	withOutput([files.at(path)]);
	const { items, error } = await run();
	expect(error).toBeUndefined();
	expect(items[0]?.binary?.data).toMatchObject({
		mimeType,
		fileName: expect.stringMatching(new RegExp(`\\.${extension}$`)),
	});
	await files.close();
});

describe('what n8n keeps of a file that is not downloaded', () => {
	const mesh = Buffer.alloc(300_000, 'glTF');
	const rest = (response: Parameters<Served>[0]) => response.writeHead(200, { 'content-length': 900_000 });

	test.each<[string, string, Served, { tries: number; parts: number }]>([
		['is another kind of file', 'mug.glb', send(Buffer.alloc(2000, 'GIF89a')), { tries: 1, parts: 0 }],
		['is empty', 'download', send(''), { tries: 5, parts: 0 }],
		[
			'begins with a byte order mark',
			'mug.glb',
			send(Buffer.concat([Buffer.from('\ufeffglTF\x02\0\0\0\0\x08\0\0', 'utf8'), Buffer.alloc(2048)])),
			{ tries: 5, parts: 0 },
		],
		['is short and too large', 'mug.gif', send(Buffer.alloc(3000, 'GIF89a')), { tries: 1, parts: 0 }],
		[
			'is too large without its length',
			'mug.gif',
			(response) => sendChunked(response, Buffer.alloc(3000, 'GIF89a')),
			{ tries: 1, parts: 0 },
		],
		[
			'breaks in its first bytes',
			'mug.gif',
			(response) => response.write('GIF89a', () => response.destroy()),
			{ tries: 5, parts: 0 },
		],
	])('nothing, if it %s', async (_name, path, served, { tries, parts }) => {
		const files = await serveFiles({ [`/${path}`]: served });
		withOutput([files.at(path)]);
		const before = listStoredFiles().length;
		const { error } = await run({ maxFileSize: 0.0025 });
		expect(error?.message).toMatch(/could not be downloaded/);
		expect(files.asked).toHaveLength(tries);
		expect(listStoredFiles().length - before).toBe(parts);
		await files.close();
	});

	test.each<[string, Served]>([
		['breaks in the middle', (response) => rest(response).write(mesh, () => response.destroy())],
		[
			'is cut off',
			(response) =>
				sendChunked(
					response,
					Buffer.from('ply\nformat ascii 1.0\nelement vertex 9\nend_header\n'.padEnd(900)),
				),
		],
	])('at most three parts, if it %s, and four with its mirror', async (_name, served) => {
		for (const [mirrors, parts] of [
			[[], 3],
			[['b'], 4],
		] as const) {
			const files = await serveFiles({ '/a': served, '/b': served });
			withOutput([files.at('a')], { proxy_links: mirrors.map((path) => files.at(path)) });
			const before = listStoredFiles().length;
			const { error } = await run();
			expect(error?.message).toMatch(/could not be downloaded: .*(broke in the middle|is cut off)/);
			expect(files.asked).toHaveLength(parts);
			expect(listStoredFiles().length - before).toBe(parts);
			await files.close();
		}
	});
});
