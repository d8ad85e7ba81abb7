import type { INodeExecutionData, INodeParameters } from 'n8n-workflow';
import sharp from 'sharp';

import { emptyFile } from '../support/stored-files.mts';
import { makeFileItem, openRig, toItems, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig();
});
afterEach(async () => {
	await rig.close();
});

const BINARY: INodeParameters = { operation: 'imageTo3d', imageSource: 'binary', download: false };
const CALLED = [
	['image/jpeg', 'photo.jpg'],
	['image/png', 'photo.png'],
] as const;

const run = async (item: INodeExecutionData, more: INodeParameters = {}) =>
	await rig.run({ ...BINARY, ...more }, { items: [item] });

const picture = (width = 60) =>
	sharp({ create: { width, height: 45, channels: 3, background: '#fff' } }).composite([
		{ input: Buffer.from('<svg width="30" height="30"><circle cx="15" cy="15" r="14" fill="red"/></svg>') },
	]);

const latin1 = (text: string) => Promise.resolve(Buffer.from(text, 'latin1'));

describe('an image is uploaded whatever it is called:', () => {
	test.each<[string, string, () => Promise<Buffer>]>([
		['a JPEG', 'image/jpeg', async () => await picture().jpeg().toBuffer()],
		['a JPEG in CMYK', 'image/jpeg', async () => await picture().toColorspace('cmyk').jpeg().toBuffer()],
		[
			'a JPEG that EXIF rotates',
			'image/jpeg',
			async () => await picture().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
		],
		['a PNG', 'image/png', async () => await picture().png().toBuffer()],
		['a PNG of 16 bits', 'image/png', async () => await picture().toColorspace('rgb16').png().toBuffer()],
		['a PNG of 9,000 px', 'image/png', async () => await picture(9000).png().toBuffer()],
		['a WebP', 'image/webp', async () => await picture().webp().toBuffer()],
		['a GIF', 'image/gif', async () => await picture().gif().toBuffer()],
	])('%s', async (_name, mimeType, make) => {
		const base64 = (await make()).toString('base64');
		for (const [type, name] of [
			...CALLED,
			['application/octet-stream', 'file'],
			['text/plain', 'file.txt'],
			['image/heic', 'IMG_1.HEIC'],
		] as const) {
			const { error } = await run(makeFileItem(base64, type, name));
			expect([type, error?.message]).toEqual([type, undefined]);
		}
		const uploads = rig.service.requests.filter(({ path }) => path === '/api/v3/base64_crop');
		expect(uploads).toHaveLength(5);
		for (const { body } of uploads) {
			expect((body as { image: string }).image.slice(0, 30)).toContain(`data:${mimeType};base64,`);
		}
	});
});

describe('another file is refused before anything is sent, called an image or not:', () => {
	test.each<[string, RegExp, string, () => Promise<Buffer>]>([
		['a HEIC photo', /iPhone/, 'image/heic', async () => await latin1('\0\0\0\x18ftypheic\0\0\0\0mif1heic')],
		['an AVIF image', /Save it as/, 'image/avif', async () => await picture().avif().toBuffer()],
		['a BMP image', /Edit Image/, 'image/bmp', async () => await latin1('BM\x3a\0\0\0\0\0\0\0\x36\0\0\0')],
		['a TIFF image', /Edit Image/, 'image/tiff', async () => await picture().tiff().toBuffer()],
		[
			'an SVG drawing',
			/Save it as/,
			'image/svg+xml',
			async () => await latin1('<svg width="9" height="9"/>'),
		],
		['a web page', /needs a login/, 'text/html', async () => await latin1('<!DOCTYPE html><html></html>')],
		['a JSON text', /needs a login/, 'application/json', async () => await latin1('{"message":"no"}')],
		[
			'the text of a data: URL',
			/Convert to File/,
			'text/plain',
			async () => await latin1('data:image/png;base64,iVBORw0KGgo='),
		],
		['an empty file', /node that made the file/, 'image/png', async () => await latin1('')],
		['a video', /single picture/, 'video/mp4', async () => await latin1('\0\0\0\x18ftypisom\0\0\0\0')],
		['a PDF document', /Save the picture/, 'application/pdf', async () => await latin1('%PDF-1.7')],
		['a GLB file', /picture of the object/, 'model/gltf-binary', async () => await latin1('glTF\x02\0\0\0')],
	])('%s', async (what, advice, ownType, make) => {
		const base64 = (await make()).toString('base64');
		for (const [type, name] of [...CALLED, [ownType, 'file'] as const]) {
			const { error } = await run(makeFileItem(base64, type, name));
			expect(error?.name).toBe('NodeOperationError');
			expect(error?.message).toBe(
				`The file in the binary field "data" (${name}) is ${what}, and not a JPEG, PNG, WebP or GIF image`,
			);
			expect(error?.description).toMatch(advice);
			expect(error?.description).toMatch(/Nothing was submitted for this item\.$/);
		}
		expect(rig.service.requests).toEqual([]);
	});

	test('also if it is one of several: none is uploaded', async () => {
		const { binary } = makeFileItem(
			(await picture().png().toBuffer()).toString('base64'),
			'image/png',
			'a.png',
		);
		const side = makeFileItem((await latin1('<html>')).toString('base64'), 'image/png', 'b.png').binary?.data;
		const item = { json: {}, binary: { ...binary, side: side! } };
		const { error } = await run(item, { apiVersion: 'v6', binaryPropertyName: 'data, side' });
		expect(error?.message).toMatch(/^The file in the binary field "side" \(b\.png\) is a web page/);
		expect(rig.service.requests).toEqual([]);
	});

	test('each with its own error under Continue, and the others are submitted', async () => {
		const png = (await picture().png().toBuffer()).toString('base64');
		const page = (await latin1('<html>')).toString('base64');
		const { items } = await rig.run(BINARY, {
			items: [
				makeFileItem(page, 'image/png', 'a.png'),
				makeFileItem(png, 'image/png', 'b.png'),
				makeFileItem('', 'image/png', 'c.png'),
			],
			node: { onError: 'continueRegularOutput' },
		});
		expect(items.map(({ json }) => json.paid ?? json.status)).toEqual(['no', 'success', 'no']);
		expect(rig.service.jobs).toHaveLength(1);
	});
});

describe('a file in the storage of n8n', () => {
	const store = async (bytes: Buffer, fileName = 'mug.png') => {
		const { file, path } = await rig.engine.storeBinary(bytes, { fileName, mimeType: 'image/png' });
		return { item: { json: {}, binary: { data: file } }, file, path };
	};

	test('is uploaded whole', async () => {
		const png = await picture(400).png().toBuffer();
		const { item } = await store(png);
		expect((await run(item)).error).toBeUndefined();
		const [upload] = rig.service.requests.filter(({ path }) => path === '/api/v3/base64_crop');
		expect(upload?.body).toMatchObject({ image: `data:image/png;base64,${png.toString('base64')}` });
	});

	test('is refused by its stored size, before it is read', async () => {
		const { item, path } = await store(Buffer.alloc(6 * 1024 * 1024, 1));
		// A file that is read now is an empty one.
		emptyFile(path);
		const { error } = await run(item);
		expect(error?.message).toBe(
			'The file in the binary field "data" (mug.png) has 6.0 MB, and the service takes uploads up to 5 MB',
		);
		expect(error?.description).toMatch(/Edit Image node.*Nothing was submitted for this item\.$/);
		expect(rig.service.requests).toEqual([]);
	});

	test.each([
		[0, undefined],
		[1, 'has more than 5 MB, and'],
		[60_000, 'has 5.1 MB, and'],
	])('may have 5 MB, and %d bytes more are too many', async (more, problem) => {
		const png = await picture().png().toBuffer();
		const { item } = await store(Buffer.concat([png, Buffer.alloc(5 * 1024 * 1024 - png.length + more)]));
		const { error } = await run(item);
		expect(error?.message ?? '').toContain(problem ?? '');
		expect(rig.service.jobs).toHaveLength(problem === undefined ? 1 : 0);
	});

	test('of unknown size is read up to the limit', async () => {
		const png = await picture().png().toBuffer();
		const { item, path } = await store(Buffer.concat([png, Buffer.alloc(6 * 1024 * 1024)]));
		emptyFile(`${path}.metadata`);
		const { error } = await run(item);
		expect(error?.message).toContain('has more than 5 MB');
		expect(rig.service.requests).toEqual([]);
		expect(error?.description).toMatch(/Nothing was submitted for this item\.$/);
	});
});

describe('an expression in Input Binary Field can be', () => {
	const inField = async (name: string, x: number) => {
		const about = { mimeType: 'image/png', fileName: `${name}.png` };
		return { [name]: (await rig.engine.storeBinary(await picture(x).png().toBuffer(), about)).file };
	};
	const item = async (): Promise<INodeExecutionData> => ({
		json: { field: 'front', list: ['front', 'side'] },
		binary: { ...(await inField('front', 50)), ...(await inField('side', 60)) },
	});
	const submitted = () => rig.service.jobs.map(({ params }) => params);

	test.each([
		['a name', '={{ $json.field }}'],
		['a list with one name', '={{ [$json.field] }}'],
		['a file', '={{ $binary.front }}'],
		['a file of another node', "={{ $('Start').item.binary.front }}"],
		['a list with one file', "={{ [$('Start').item.binary.front] }}"],
	])('%s', async (_name, binaryPropertyName) => {
		expect((await run(await item(), { binaryPropertyName })).error).toBeUndefined();
		expect(submitted()).toHaveLength(1);
	});

	test.each([
		['a list of names', '={{ $json.list }}'],
		['names with commas', '={{ $json.list.join(", ") }}'],
		['a list as JSON', '={{ JSON.stringify($json.list) }}'],
		['a list of files', "={{ [$binary.front, $('Start').item.binary.side] }}"],
		['all files of an item', "={{ $('Start').item.binary }}"],
	])('%s', async (_name, binaryPropertyName) => {
		const settings = { resolution: 16, seed: '1' };
		const { error } = await run(await item(), { apiVersion: 'v6', settings, binaryPropertyName });
		expect(error).toBeUndefined();
		expect(submitted()).toMatchObject([
			{ multi_image: true, image: [expect.any(String), expect.any(String)] },
		]);
	});

	test.each([
		['nothing', '={{ $json.none }}'],
		['a number', '={{ 7 }}'],
		['an empty list', '={{ [] }}'],
		['an object that is no file', '={{ $json }}'],
	])('not %s', async (_name, binaryPropertyName) => {
		const { error } = await run(await item(), { binaryPropertyName });
		expect(error?.message).toMatch(
			/^Input Binary Field must be the name of a binary field, a file, or a list of either, but is /,
		);
		expect(rig.service.requests).toEqual([]);
	});
});

describe('Image URL', () => {
	const submit = async (image: unknown, apiVersion = 'v3') => {
		const { error } = await rig.run(
			{ operation: 'imageTo3d', apiVersion, image: '={{ $json.image }}', waitFor: 'none' },
			{ items: toItems({ image } as never) },
		);
		const asked = rig.service.requests.find(({ path }) => /image_to_3d|img_to_3d/.test(path));
		return { error, image: (asked?.body as { image?: unknown } | undefined)?.image };
	};

	test.each([
		'https://example.com/a,b.png',
		'https://example.com/a b.png',
		'https://proxy.example.com/?width=9,https://example.com/a.png',
		'https://proxy.example.com/w_9,h_9/https://example.com/a.png',
	])('%s is one link', async (link) => {
		expect(await submit(link)).toMatchObject({ image: link });
	});

	test.each([
		['a list', ['http://a.test/1.png', 'http://a.test/2.png']],
		['a list as JSON', '["http://a.test/1.png", "http://a.test/2.png"]'],
		['lines', 'http://a.test/1.png\nhttp://a.test/2.png\n'],
		['a text with commas', 'http://a.test/1.png,http://a.test/2.png'],
	])('%s has several links', async (_name, links) => {
		expect(await submit(links, 'v6')).toMatchObject({
			image: ['http://a.test/1.png', 'http://a.test/2.png'],
		});
	});
});
