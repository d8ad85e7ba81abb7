import sharp from 'sharp';

import { KEY, NOT_FOUND, openStandIn, QUICK_MESH, type StandIn } from './stand-in.mts';

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn({ jobSeconds: 10 });
});
afterEach(async () => {
	await standIn.close();
});

const sample = (name: string) => `${standIn.api.origin}/samples/${name}`;

const submitText = async (body: Record<string, unknown> = {}) =>
	await standIn.post('v6/3d/text_to_3d', { prompt: 'a red vase', ...QUICK_MESH, ...body });

/** The answer to a wrong field. */
const refusal = (field: string) => ({
	status: 'error',
	message: { [field]: [expect.stringContaining(`The ${field} `)] },
});

/** Downloads the first file of a finished job. */
const meshOf = async (body: Record<string, unknown>, on = standIn): Promise<Buffer> => {
	const { output } = (await on.submitMesh(body)).json;
	return (await on.get(output[0] as string)).bytes;
};

// Not with toEqual, which takes minutes to describe the difference between two meshes.
const expectSame = (file: Buffer, other: Buffer, isSame = true) => expect(file.equals(other)).toBe(isSame);

describe('a submit', () => {
	test("the fields of the reference's example for an image are accepted, also with init_image alone", async () => {
		const { status, json } = await standIn.post('v6/3d/image_to_3d', {
			init_image: sample('mug.jpg'),
			ss_sampling_steps: 50,
			slat_sampling_steps: 50,
			output_format: 'obj',
			webhook: null,
			track_id: null,
			temp: 'no',
		});
		const prefix = `${standIn.api.origin}/files/${String(json.meta.file_prefix)}`;
		expect(status).toBe(200);
		expect(json).toEqual({
			status: 'processing',
			tip: expect.any(String),
			eta: 10,
			message: expect.stringContaining('estimated time'),
			fetch_result: `${standIn.api.baseUrl}/v6/3d/fetch/${json.id}`,
			id: expect.any(Number),
			output: [],
			meta: expect.objectContaining({ image: sample('mug.jpg'), ss_sampling_steps: 50 }),
			future_links: [`${prefix}.obj`],
			extra_assets: [`${prefix}.mtl`, `${prefix}.png`],
		});
	});

	test("the fields of the reference's example for a text are accepted, also numbers as texts", async () => {
		const { json } = await standIn.post('v6/3d/text_to_3d', {
			prompt: 'a mushroom',
			foreground_ratio: '0.7',
			num_inference_steps: '31',
			guidance_scale: '4.5',
			resolution: 512,
			ss_sampling_steps: 50,
			slat_sampling_steps: 50,
			seed: 0,
			temp: 'no',
			webhook: null,
			track_id: null,
		});
		expect(json).toMatchObject({
			status: 'processing',
			extra_assets: [],
			meta: { foreground_ratio: '0.7', num_inference_steps: 31, guidance_scale: 4.5 },
		});
	});

	test('a finished image job has the answer and the defaults of the reference, key for key', async () => {
		standIn.api.configure({ jobSeconds: 0 });
		const { json } = await standIn.post('v6/3d/image_to_3d', { image: sample('duck.png') });
		const prefix = String(json.meta.file_prefix);
		expect(json).toEqual({
			status: 'success',
			generationTime: expect.any(Number),
			id: expect.any(Number),
			output: [`${standIn.api.origin}/files/${prefix}.glb`],
			proxy_links: [`${standIn.api.origin}/proxy/${prefix}.glb`],
			meta: {
				chunk_size: 8192,
				file_prefix: expect.stringMatching(/^[\w-]{36}$/),
				foreground_ratio: '0.85',
				guidance_scale: 3,
				image: sample('duck.png'),
				negative_prompt: '',
				num_inference_steps: 30,
				output_format: 'glb',
				prompt: '',
				remove_bg: false,
				render: false,
				resolution: 256,
				seed: expect.any(Number),
				temp: 'no',
				ss_guidance_strength: 7.5,
				ss_sampling_steps: 12,
				slat_guidance_strength: 3,
				slat_sampling_steps: 12,
				mesh_simplify: 0.9,
				multi_image: false,
				texture_size: 1024,
			},
			extra_assets: [],
		});
	});

	test('a finished text job has finer defaults, and repeats the request', async () => {
		standIn.api.configure({ jobSeconds: 0 });
		const { meta } = (await standIn.post('v6/3d/text_to_3d', { prompt: 'a red vase' })).json;
		expect(meta).toMatchObject({
			prompt: 'a red vase',
			image: '',
			multi_image: false,
			resolution: 512,
			ss_sampling_steps: 50,
			slat_sampling_steps: 50,
			foreground_ratio: '0.85',
			guidance_scale: 3,
			num_inference_steps: 30,
		});
		const asked = {
			negative_prompt: 'handles',
			guidance_scale: 0,
			num_inference_steps: 1,
			remove_bg: true,
			output_format: 'stl',
			render: true,
			resolution: 1,
			seed: -7,
			temp: 'yes',
			ss_guidance_strength: 80.5,
			ss_sampling_steps: 1,
			slat_guidance_strength: 10,
			slat_sampling_steps: 2,
			mesh_simplify: 0.98,
			chunk_size: 12_000,
		};
		const { json } = await submitText({ ...asked, foreground_ratio: 1 });
		expect(json.meta).toMatchObject({ ...asked, foreground_ratio: '1' });
	});

	test('an accepted job is recorded as paid, with its version and without the key', async () => {
		await standIn.submitMesh({ track_id: 'order-7' });
		await submitText();
		await standIn.submit();
		expect(standIn.api.jobs.map(({ apiVersion, endpoint }) => [apiVersion, endpoint])).toEqual([
			['v6', 'image_to_3d'],
			['v6', 'text_to_3d'],
			['v3', 'img_to_3d'],
		]);
		expect(standIn.api.jobs[0]).toMatchObject({ trackId: 'order-7', key: KEY });
		expect(standIn.api.jobs[0]?.params).toMatchObject({ ...QUICK_MESH, track_id: 'order-7' });
		expect(standIn.api.jobs[0]?.params).not.toHaveProperty('key');
	});

	test.each([
		['output_format', 'gif'],
		['resolution', 0],
		['resolution', 513],
		['resolution', 1.5],
		['resolution', '513'],
		['resolution', 'fine'],
		['ss_guidance_strength', -0.1],
		['ss_sampling_steps', 0],
		['ss_sampling_steps', 51],
		['slat_guidance_strength', -0.1],
		['slat_guidance_strength', 10.1],
		['slat_sampling_steps', 0],
		['slat_sampling_steps', 51],
		['mesh_simplify', 0.89],
		['mesh_simplify', 0.981],
		['chunk_size', 0],
		['chunk_size', 12_001],
		['seed', 1.5],
		['seed', '1.5'],
		['temp', 'maybe'],
		['temp', 1],
		['webhook', 'not a url'],
		['track_id', 7],
		['image', 7],
		['image', null],
		['image', []],
	])('%s: %p is refused with a message for that field', async (field, value) => {
		const { status, json } = await standIn.submitMesh({ [field]: value });
		expect([status, json]).toEqual([200, refusal(field)]);
		expect(standIn.api.jobs).toHaveLength(0);
	});

	test.each([
		['prompt', ''],
		['negative_prompt', 7],
		['guidance_scale', -1],
		['guidance_scale', '-1'],
		['guidance_scale', 'strong'],
		['guidance_scale', '1e999'],
		['num_inference_steps', 0],
		['num_inference_steps', 2.5],
		['foreground_ratio', -0.1],
		['foreground_ratio', 1.01],
	])('of a text, %s: %p is refused with a message for that field', async (field, value) => {
		expect((await submitText({ [field]: value })).json).toEqual(refusal(field));
		expect(standIn.api.jobs).toHaveLength(0);
	});

	test.each([
		['image_to_3d', 'render'],
		['image_to_3d', 'multi_image'],
		['text_to_3d', 'render'],
		['text_to_3d', 'remove_bg'],
	])('%s: %s can be yes, no, true or false', async (endpoint, field) => {
		const submit = async (value: unknown) =>
			(
				await standIn.post(`v6/3d/${endpoint}`, {
					image: sample('duck.png'),
					prompt: 'a vase',
					[field]: value,
				})
			).json;
		for (const value of ['maybe', 'TRUE', 1, 0]) {
			expect((await submit(value)).message).toEqual({
				[field]: [`The ${field} field must be true or false.`],
			});
		}
		standIn.api.configure({ jobSeconds: 0 });
		for (const value of [true, 'true', 'yes']) expect((await submit(value)).meta[field]).toBe(true);
		for (const value of [false, 'false', 'no', null]) expect((await submit(value)).meta[field]).toBe(false);
	});

	test('numbers can be texts, and temp a boolean', async () => {
		const numbers = {
			resolution: 512,
			ss_guidance_strength: 80.5,
			ss_sampling_steps: 20,
			slat_guidance_strength: 2.5,
			slat_sampling_steps: 2,
			mesh_simplify: 0.95,
			chunk_size: 12_000,
			seed: -7,
		};
		const texts = Object.fromEntries(Object.entries(numbers).map(([field, value]) => [field, String(value)]));
		const meta = async (body: Record<string, unknown>) => (await standIn.submitMesh(body)).json.meta;
		expect(await meta({ ...texts, temp: true })).toMatchObject({ ...numbers, temp: 'yes' });
		expect(await meta({ temp: 'true' })).toMatchObject({ temp: 'yes' });
		expect(await meta({ temp: false })).toMatchObject({ temp: 'no' });
		expect(await meta({ temp: 'false' })).toMatchObject({ temp: 'no' });
	});

	test('numbers as texts make the same bytes', async () => {
		standIn.api.configure({ jobSeconds: 0 });
		const { resolution, seed } = QUICK_MESH;
		const texts = { resolution: `${resolution}`, seed: `${seed}`, mesh_simplify: '0.9' };
		expectSame(await meshOf(texts), await meshOf({}));
	});

	test('the error names all wrong fields', async () => {
		const { message } = (await standIn.post('v6/3d/text_to_3d', { render: 'maybe', seed: 'x' })).json;
		expect(Object.keys(message as object).sort()).toEqual(['prompt', 'render', 'seed']);
	});

	test.each([0, '0', null, undefined])('a seed of %p means a random one', async (seed) => {
		const seeds = await Promise.all(
			Array.from({ length: 3 }, async () => (await standIn.submitMesh({ seed })).json.meta.seed as number),
		);
		expect(new Set(seeds).size).toBe(3);
		for (const drawn of seeds) expect(Number.isInteger(drawn) && drawn > 0).toBe(true);
	});

	test('an empty wallet gets HTTP 402', async () => {
		const { status, json } = await standIn.submitMesh({ key: 'empty-wallet' });
		expect([status, json.message]).toEqual([402, expect.stringContaining('Insufficient credits')]);
	});
});

describe('the picture', () => {
	test('can also be in init_image if both are equal', async () => {
		const image = sample('mug.jpg');
		expect((await standIn.submitMesh({ image, init_image: image })).json.meta.image).toBe(image);
		const other = await standIn.submitMesh({ image, init_image: sample('duck.png') });
		expect(other.json).toEqual({
			status: 'error',
			message: { init_image: ['The init_image field must match image.'] },
		});
		expect(standIn.api.jobs).toHaveLength(1);
	});

	test('is required, and the error names image', async () => {
		const { json } = await standIn.post('v6/3d/image_to_3d', {});
		expect(json.message).toEqual({ image: ['The image field is required.'] });
	});

	test.each(['image', 'init_image'])('%s can be a list only with multi_image', async (field) => {
		const views = { image: null, [field]: [sample('mug.jpg'), sample('duck.png')] };
		expect((await standIn.submitMesh(views)).json).toEqual(refusal(field));
		const { meta } = (await standIn.submitMesh({ ...views, multi_image: true })).json;
		expect(meta).toMatchObject({ image: views[field], multi_image: true });
	});

	test.each([[[]], [[7]], [['']], [{}]])('of several views cannot be %j', async (image) => {
		expect((await standIn.submitMesh({ image, multi_image: true })).json).toEqual(refusal('image'));
	});

	test('of several views is the first one, whatever the others are', async () => {
		standIn.api.configure({ jobSeconds: 0 });
		const [mug, duck] = [sample('mug.jpg'), sample('duck.png')];
		const first = await meshOf({ image: mug });
		expectSame(await meshOf({ image: [mug, duck], multi_image: true }), first);
		expectSame(await meshOf({ image: [duck, mug], multi_image: true }), first, false);
		expectSame(await meshOf({ image: mug, multi_image: true }), first);
	});

	test('must be an image in each of several views', async () => {
		const image = [sample('mug.jpg'), standIn.pictureUrl];
		const submit = async () => (await standIn.submitMesh({ image, multi_image: true })).json;
		const unreachable = { status: 'error', message: 'Unable to fetch image from provided URL' };
		expect(await submit()).toEqual(unreachable);
		standIn.serve(Buffer.from('just text'));
		expect(await submit()).toEqual(unreachable);
		expect(standIn.api.jobs).toHaveLength(0);
		standIn.serve(await sharp('samples/duck.png').resize(40).png().toBuffer());
		expect((await submit()).status).toBe('processing');
	});
});

describe('a job', () => {
	test('is processing until its time is over, then it has succeeded, and only then its files exist', async () => {
		const submitted = (await standIn.submitMesh({ output_format: 'obj', render: true })).json;
		const { id, future_links: links, extra_assets: assets } = submitted;
		const proxied = links.map((link) => link.replace('/files/', '/proxy/'));
		const statuses = async () =>
			await Promise.all(
				[...links, ...assets, ...proxied].map(async (link) => (await standIn.get(link)).status),
			);
		await standIn.clock.sleep(9_999);
		expect((await standIn.fetchMesh(id)).json).toEqual({ ...submitted, eta: 0.001 });
		expect(await statuses()).toEqual([404, 404, 404, 404, 404, 404]);
		await standIn.clock.sleep(1);
		expect((await standIn.fetchMesh(id)).json).toEqual({
			status: 'success',
			generationTime: 10,
			id,
			output: links,
			proxy_links: proxied,
			meta: submitted.meta,
			extra_assets: assets,
		});
		expect(await statuses()).toEqual([200, 200, 200, 200, 200, 200]);
	});

	test('can have no ETA', async () => {
		standIn.api.configure({ eta: 'missing' });
		expect((await standIn.submitMesh()).json).not.toHaveProperty('eta');
	});

	test('is found only by its own version and its own key', async () => {
		const [old, mesh] = [(await standIn.submit()).json.id, (await standIn.submitMesh()).json.id];
		expect((await standIn.fetchMesh(mesh)).json).toMatchObject({ status: 'processing', id: mesh });
		expect((await standIn.fetchJob(mesh)).json).toEqual(NOT_FOUND);
		expect((await standIn.fetchMesh(old)).json).toEqual(NOT_FOUND);
		expect((await standIn.fetchMesh('abc')).json).toEqual(NOT_FOUND);
		expect((await standIn.post(`v6/3d/fetch/${mesh}`, { key: 'another key' })).json).toEqual(NOT_FOUND);
	});

	test('is in the same queue as jobs of version 3', async () => {
		for (let i = 0; i < 2; i++) {
			await standIn.submit();
			await standIn.submitMesh();
		}
		expect((await submitText()).json.eta).toBe(30);
		expect((await standIn.post('v3/system_load')).json.queue_num).toBe(5);
		for (const refused of [await standIn.submit(), await standIn.submitMesh(), await submitText()]) {
			expect([refused.status, refused.json.retry_after]).toEqual([429, 10]);
		}
		await standIn.clock.sleep(10_000);
		expect((await standIn.submitMesh()).status).toBe(200);
	});
});

describe('the files', () => {
	beforeEach(() => standIn.api.configure({ jobSeconds: 0 }));

	test.each([
		['glb', 'model/gltf-binary'],
		['obj', 'model/obj'],
		['stl', 'model/stl'],
		['ply', 'application/x-ply'],
	])(
		'%s: is one file of that type, and its proxy link leads to the same bytes',
		async (format, contentType) => {
			const submits = [standIn.submitMesh({ output_format: format }), submitText({ output_format: format })];
			for (const { output, proxy_links: links } of (await Promise.all(submits)).map(({ json }) => json)) {
				expect([output, links].map((urls) => urls.length)).toEqual([1, 1]);
				expect(new URL(output[0] as string).pathname).toMatch(new RegExp(`^/files/[\\w-]{36}\\.${format}$`));
				const file = await standIn.get(output[0] as string);
				const proxied = await standIn.get(links[0] as string);
				expect([file, proxied].map(({ headers }) => headers['content-type'])).toEqual([
					contentType,
					contentType,
				]);
				expect(file.bytes.length).toBeGreaterThan(100);
				expectSame(proxied.bytes, file.bytes);
			}
		},
	);

	test('of an OBJ refer to each other by the names of their links, in each job', async () => {
		for (let job = 0; job < 2; job++) {
			const { output, extra_assets: assets } = (await standIn.submitMesh({ output_format: 'obj' })).json;
			const [mesh, material, texture] = await Promise.all(
				[...output, ...assets].map(async (link) => await standIn.get(link)),
			);
			const nameOf = (link = '') => link.slice(link.lastIndexOf('/') + 1);
			expect(mesh?.text).toContain(`mtllib ${nameOf(assets[0])}\n`);
			expect(material?.text).toContain(`map_Kd ${nameOf(assets[1])}\n`);
			expect([material, texture].map((file) => file?.headers['content-type'])).toEqual([
				'model/mtl',
				'image/png',
			]);
			expect((await sharp(texture?.bytes).metadata()).format).toBe('png');
		}
	});

	test('are two with render: the mesh, and a turntable GIF of 256 px and 3 s', async () => {
		const { output, proxy_links: links } = (await standIn.submitMesh({ render: true })).json;
		expect(output.map((url) => url.slice(-4))).toEqual(['.glb', '.gif']);
		expect((await standIn.get(output[0] as string)).headers['content-type']).toBe('model/gltf-binary');
		const file = await standIn.get(output[1] as string);
		expect(file.headers['content-type']).toBe('image/gif');
		const metadata = await sharp(file.bytes, { animated: true }).metadata();
		expect([metadata.format, metadata.width, metadata.pageHeight]).toEqual(['gif', 256, 256]);
		expect(metadata.delay?.reduce((sum, ms) => sum + ms, 0)).toBe(3_000);
		expectSame((await standIn.get(links[1] as string)).bytes, file.bytes);
	});

	test('of the same request and seed have the same bytes, also from another instance', async () => {
		const first = await meshOf({});
		expectSame(await meshOf({ track_id: 'another job' }), first);
		const other = await openStandIn({ jobSeconds: 0 });
		expectSame(await meshOf({}, other), first);
		await other.close();
	});

	test.each([
		['seed', { seed: 21 }],
		['format', { output_format: 'obj' }],
		['resolution', { resolution: 128 }],
		['simplification', { mesh_simplify: 0.98 }],
		['picture', { image: 'rocket.webp' }],
	])('of another %s have other bytes', async (_, change: Record<string, unknown>) => {
		const base = { resolution: 64, image: sample('duck.png') };
		const changed = change.image ? { image: sample(String(change.image)) } : change;
		expectSame(await meshOf({ ...base, ...changed }), await meshOf(base), false);
	});
});

describe('an upload', () => {
	const dataUrl = (type: string, file: Buffer) => `data:${type};base64,${file.toString('base64')}`;
	const MB = 1024 * 1024;

	test('of an image becomes a link to the same bytes, which a submit can use', async () => {
		const file = await sharp('samples/duck.png').resize(60).png().toBuffer();
		const { json } = await standIn.post('v6/base64_to_url', { base64_string: dataUrl('image/png', file) });
		expect(json).toEqual({
			status: 'success',
			id: 1,
			output: [expect.stringMatching(/\/files\/.+\.png$/)],
		});
		expect((await standIn.get(json.output[0] as string)).bytes).toEqual(file);
		expect((await standIn.submitMesh({ image: json.output[0] })).json.status).toBe('processing');
	});

	test.each([
		['model/gltf-binary', 'glb'],
		['model/obj', 'obj'],
		['model/something-new', 'bin'],
	])('of a 3D file (%s) becomes a link to the same bytes', async (type, extension) => {
		const file = Buffer.from([0, 1, 2, 253, 254, 255]);
		const { json } = await standIn.post('v6/3d/base64_to_url', { init_obj: dataUrl(type, file) });
		expect(json).toEqual({
			status: 'success',
			id: 1,
			output: [expect.stringMatching(new RegExp(`/files/.+\\.${extension}$`))],
		});
		const { bytes, headers } = await standIn.get(json.output[0] as string);
		expect([bytes, headers['content-type']]).toEqual([file, type]);
	});

	test.each([
		['v6/base64_to_url', 'base64_string', 'image/png'],
		['v6/3d/base64_to_url', 'init_obj', 'model/obj'],
	])('to %s can have 5 MB and not a byte more', async (path, field, type) => {
		const picture = await sharp('samples/duck.png').resize(30).png().toBuffer();
		const post = async (size: number) => {
			const file = Buffer.concat([picture, Buffer.alloc(size - picture.length)]);
			return (await standIn.post(path, { [field]: dataUrl(type, file) })).json;
		};
		expect((await post(5 * MB + 1)).message).toContain('must not be greater than 5 MB.');
		expect((await post(5 * MB)).status).toBe('success');
	});

	const required = (field: string) => ({ [field]: [`The ${field} field is required.`] });
	const [noPicture, noModel] = ['The image must be a base64 data URL.', expect.stringContaining('3D model')];

	test.each([
		['v6/base64_to_url', 'base64_string', undefined, required('base64_string')],
		['v6/base64_to_url', 'base64_string', 7, required('base64_string')],
		['v6/base64_to_url', 'base64_string', 'http://127.0.0.1/a.png', noPicture],
		['v6/base64_to_url', 'base64_string', 'data:image/png;base64,AAAA', 'The image could not be decoded.'],
		['v6/base64_to_url', 'init_obj', 'data:model/obj;base64,AAAA', required('base64_string')],
		['v6/3d/base64_to_url', 'init_obj', '', required('init_obj')],
		['v6/3d/base64_to_url', 'init_obj', 'http://127.0.0.1/a.obj', noModel],
		['v6/3d/base64_to_url', 'init_obj', 'data:image/png;base64,AAAA', noModel],
		['v6/3d/base64_to_url', 'init_obj', 'data:model/obj;base64,', noModel],
		['v6/3d/base64_to_url', 'init_obj', 'data:model/obj;base64,not base64', noModel],
		['v6/3d/base64_to_url', 'base64_string', 'data:image/png;base64,AAAA', required('init_obj')],
	])('to %s with %s = %p is refused', async (path, field, value, message: unknown) => {
		const { status, json } = await standIn.post(path, { [field]: value });
		expect([status, json]).toEqual([200, { status: 'error', message }]);
	});
});
