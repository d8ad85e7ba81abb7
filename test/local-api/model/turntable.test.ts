import sharp from 'sharp';

import { openStandIn, type StandIn } from '../stand-in.mts';

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn({ jobSeconds: 0 });
});
afterEach(async () => {
	await standIn.close();
});

/** Submits a job, and downloads its files. */
async function filesOf(body: Record<string, unknown> = {}, on = standIn): Promise<Buffer[]> {
	const { output } = (await on.submit(body)).json;
	return await Promise.all(output.map(async (url) => (await on.get(url)).bytes));
}

async function fileOf(body: Record<string, unknown> = {}, on = standIn): Promise<Buffer> {
	return (await filesOf(body, on))[0] as Buffer;
}

describe('a turntable', () => {
	test.each([
		{ frame_size: 1, seconds: 1 },
		{ frame_size: 64, seconds: 1 },
		{ frame_size: 33, seconds: 7 },
	])(
		'is a GIF of the asked size and length that loops for ever: $frame_size px, $seconds s',
		async (asked) => {
			const { output } = (await standIn.submit(asked)).json;
			const reply = await standIn.get(output[0] as string);
			expect(reply.headers['content-type']).toBe('image/gif');
			const {
				format,
				width,
				pageHeight,
				height,
				delay = [],
				loop,
			} = await sharp(reply.bytes, { animated: true }).metadata();
			expect({ format, width, height: pageHeight ?? height, loop }).toEqual({
				format: 'gif',
				width: asked.frame_size,
				height: asked.frame_size,
				loop: 0,
			});
			expect(delay.reduce((sum, ms) => sum + ms, 0)).toBe(asked.seconds * 1000);
		},
	);

	test('shows the object from more than one side, on a light ground', async () => {
		const { data, info } = await sharp(await fileOf({ frame_size: 48 }), { animated: true })
			.removeAlpha()
			.raw()
			.toBuffer({ resolveWithObject: true });
		const frame = 48 * 48 * 3;
		expect(info.height).toBeGreaterThanOrEqual(48 * 8);
		const quarter = Math.round(info.height / 48 / 4) * frame;
		const difference =
			data
				.subarray(0, frame)
				.reduce((sum, value, i) => sum + Math.abs(value - (data[quarter + i] as number)), 0) / frame;
		expect(difference).toBeGreaterThan(5);
		expect(Math.min(data[0] as number, data[1] as number, data[2] as number)).toBeGreaterThan(200);
	});

	test('of the same request and seed has the same bytes, also from another instance', async () => {
		const first = await fileOf();
		expect(await fileOf({ track_id: 'another job' })).toEqual(first);
		const other = await openStandIn({ jobSeconds: 0 });
		expect(await fileOf({}, other)).toEqual(first);
		await other.close();
	});

	test.each([
		['seed', { seed: 21 }],
		['picture', { image: 'SAMPLES/rocket.webp' }],
		['number of steps', { steps: 30 }],
		['guidance scale', { guidance_scale: 20 }],
	])('of another %s has other bytes', async (_, body: Record<string, unknown>) => {
		const changed = body.image ? { image: `${standIn.api.origin}/samples/rocket.webp` } : body;
		expect(await fileOf(changed)).not.toEqual(await fileOf());
	});

	test('without a seed gets a random one, which gives the same bytes when it is sent', async () => {
		const { json } = await standIn.submit({ seed: null });
		const again = await fileOf({ seed: json.meta.seed });
		expect(again).toEqual((await standIn.get(json.output[0] as string)).bytes);
		expect((await standIn.submit({ seed: null })).json.meta.seed).not.toBe(json.meta.seed);
	});

	test('is made for each output of a batch, and each one is different', async () => {
		const files = await filesOf({ batch_size: 3 });
		expect(files).toHaveLength(3);
		expect(new Set(files.map((file) => file.toString('base64'))).size).toBe(3);
	});
});

describe('the picture', () => {
	test.each(['jpeg', 'png', 'webp', 'gif'] as const)(
		'may be a %s, behind a link or uploaded',
		async (format) => {
			const picture = await sharp('samples/duck.png').resize(80).toFormat(format).toBuffer();
			standIn.serve(picture);
			const image = `data:image/${format};base64,${picture.toString('base64')}`;
			const { link } = (await standIn.post('v3/base64_crop', { image, crop: 'false' })).json;
			expect((await standIn.get(link)).headers['content-type']).toBe(`image/${format}`);
			const [linked, uploaded] = [await fileOf({ image: standIn.pictureUrl }), await fileOf({ image: link })];
			expect(uploaded).toEqual(linked);
			expect((await sharp(linked).metadata()).format).toBe('gif');
		},
	);

	test('is cropped to its central square on request, and stays upright', async () => {
		// Red above blue, stored on its side, as a phone stores a portrait.
		const half = (background: string) =>
			sharp({ create: { width: 40, height: 60, channels: 3, background } })
				.png()
				.toBuffer();
		const sideways = await sharp(await half('#e01010'))
			.extend({ right: 40, background: '#1010e0' })
			.withMetadata({ orientation: 6 })
			.jpeg()
			.toBuffer();
		const image = `data:image/jpeg;base64,${sideways.toString('base64')}`;
		const { link } = (await standIn.post('v3/base64_crop', { image, crop: 'true' })).json;
		const { data, info } = await sharp((await standIn.get(link)).bytes)
			.autoOrient()
			.raw()
			.toBuffer({ resolveWithObject: true });
		expect([info.width, info.height]).toEqual([60, 60]);
		const at = (x: number, y: number) =>
			[...data.subarray((y * 60 + x) * 3, (y * 60 + x) * 3 + 3)].map((value) => value > 128);
		expect(at(30, 10)).toEqual([true, false, false]);
		expect(at(30, 50)).toEqual([false, false, true]);
	});
});

describe('a PLY file', () => {
	test.each([
		['v3/img_to_3d', {}],
		['v3/txt_to_3d', { prompt: 'a red rocket' }],
	])('of %s holds what its header says', async (path, more) => {
		const image = `${standIn.api.origin}/samples/mug.jpg`;
		const { output } = (await standIn.post(path, { image, steps: 1, output_type: 'ply', ...more })).json;
		const { bytes, text } = await standIn.get(output[0] as string);
		const header = text.slice(0, text.indexOf('end_header\n') + 'end_header\n'.length);
		expect(header).toMatch(/^ply\nformat binary_little_endian 1\.0\n/);
		expect(header.match(/^property float /gm)).toHaveLength(6);
		expect(header.match(/^property uchar /gm)).toHaveLength(3);
		const count = (element: string) =>
			Number(new RegExp(`^element ${element} (\\d+)$`, 'm').exec(header)?.[1]);
		const [vertices, faces] = [count('vertex'), count('face')];
		const start = header.length + vertices * 27;
		expect(bytes).toHaveLength(start + faces * 13);
		for (let face = 0; face < faces; face++) {
			const at = start + face * 13;
			const corners = [1, 5, 9].map((offset) => bytes.readInt32LE(at + offset));
			expect([bytes[at], ...corners.map((corner) => corner >= 0 && corner < vertices)]).toEqual([
				3,
				true,
				true,
				true,
			]);
		}
		for (let vertex = 0; vertex < vertices; vertex++) {
			const x = bytes.readFloatLE(header.length + vertex * 27);
			if (!(Math.abs(x) <= 1)) throw new Error(`vertex ${vertex} lies outside, at ${x}`);
		}
	});
});
