import { readOutput } from '../../n8n/engine/engine.cts';
import {
	API_KEY,
	COARSE,
	listBodies,
	makeFileItem,
	makePngBase64,
	NODE,
	openRig,
	type Rig,
	toItems,
} from '../support/rig.mts';
import type { Fault } from '../../local-api/index.mts';
import { serveBehindPublicName, serve } from '../support/http.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig();
});
afterEach(async () => {
	await rig.close();
});

const SUBMIT = '/api/v6/3d/image_to_3d';
const TEXT_SUBMIT = '/api/v6/3d/text_to_3d';
const UPLOAD = '/api/v6/base64_to_url';

/** The JSON bodies that the service received at a path. */
const bodiesOf = (path: string) => listBodies(rig, path);

const imageTo3d = (more: object = {}) => ({
	operation: 'imageTo3d',
	apiVersion: 'v6',
	image: rig.picture,
	settings: COARSE,
	...more,
});

describe('the node sends', () => {
	test('an image under both of its names, and every setting with the name and type of the API', async () => {
		await rig.run(
			imageTo3d({
				outputFormat: 'stl',
				settings: {
					render: true,
					resolution: 512,
					multiImage: false,
					ssGuidanceStrength: 7.5,
					ssSamplingSteps: 50,
					slatGuidanceStrength: 0,
					slatSamplingSteps: 1,
					meshSimplify: 0.98,
					chunkSize: 12000,
					seed: '',
					temp: true,
				},
				waitFor: 'none',
				options: { trackId: 'order-7', webhookUrl: '' },
			}),
		);
		expect(bodiesOf(SUBMIT)).toEqual([
			{
				key: API_KEY,
				image: rig.picture,
				init_image: rig.picture,
				output_format: 'stl',
				render: true,
				resolution: 512,
				multi_image: false,
				ss_guidance_strength: 7.5,
				ss_sampling_steps: 50,
				slat_guidance_strength: 0,
				slat_sampling_steps: 1,
				mesh_simplify: 0.98,
				chunk_size: 12000,
				seed: 0,
				temp: 'yes',
				webhook: null,
				track_id: 'order-7',
			},
		]);
	});

	test('a prompt with the settings that only prompts have', async () => {
		const { error } = await rig.run({
			operation: 'textTo3d',
			apiVersion: 'v6',
			prompt: 'A birthday cupcake',
			settings: {
				negativePrompt: 'candles',
				guidanceScale: 0,
				numInferenceSteps: 30,
				foregroundRatio: 0.85,
				removeBg: true,
			},
			waitFor: 'none',
		});
		expect(error).toBeUndefined();
		expect(bodiesOf(TEXT_SUBMIT)).toEqual([
			{
				key: API_KEY,
				prompt: 'A birthday cupcake',
				negative_prompt: 'candles',
				guidance_scale: 0,
				num_inference_steps: 30,
				output_format: 'glb',
				foreground_ratio: 0.85,
				remove_bg: true,
			},
		]);
	});

	test('several links as a list, whether they come as a list or as text', async () => {
		const [front, back] = [rig.picture, `${rig.picture}?back, left`];
		await rig.run(imageTo3d({ image: '={{ $json.images }}', waitFor: 'none' }), {
			items: toItems(
				{ images: [front, ` ${back}`] },
				{ images: `${front}\n${back}` },
				{ images: `${front}, ${back}` },
				{ images: `${front},${back}` },
				{ images: `\n ${front},\n ${back},\n` },
			),
		});
		const several = { image: [front, back], init_image: [front, back], multi_image: true };
		expect(bodiesOf(SUBMIT)).toEqual(Array(5).fill(expect.objectContaining(several)));
		expect(rig.service.jobs).toHaveLength(5);
	});

	test.each(['v3', 'v6'])('a link without the spaces around it, with %s', async (apiVersion) => {
		const { error } = await rig.run(
			imageTo3d({ apiVersion, settings: {}, image: `={{ "\\n ${rig.picture} \\n" }}`, waitFor: 'none' }),
		);
		expect(error).toBeUndefined();
		expect(rig.service.requests.map(({ body }) => (body as { image?: unknown }).image)).toEqual([
			rig.picture,
		]);
	});

	test('files as links, after it has uploaded each once to the endpoint of v6', async () => {
		const base64 = await makePngBase64();
		const file = makeFileItem(base64, 'image/png', 'front.png');
		const item = { ...file, binary: { ...file.binary, side: file.binary!.data! } };
		const { items, error } = await rig.run(
			imageTo3d({ imageSource: 'binary', binaryPropertyName: 'data, side', waitFor: 'none' }),
			{ items: [item] },
		);
		expect(error).toBeUndefined();
		expect(items).toHaveLength(1);
		const upload = { key: API_KEY, base64_string: `data:image/png;base64,${base64}` };
		expect(bodiesOf(UPLOAD)).toEqual([upload, upload]);
		const [sent] = bodiesOf(SUBMIT);
		expect(sent).toMatchObject({ multi_image: true, init_image: sent?.image });
		const links = sent?.image as string[];
		expect(new Set(links).size).toBe(2);
		for (const link of links) expect(link).toMatch(`${rig.service.origin}/files/`);
	});

	test('the file of a field with a comma in its name, if it is in a list or with v3', async () => {
		const file = makeFileItem(await makePngBase64(), 'image/png', 'front.png');
		const item = { ...file, binary: { 'front, left': file.binary!.data! } };
		for (const [apiVersion, binaryPropertyName] of [
			['v6', ['front, left']],
			['v3', 'front, left'],
		]) {
			const { error } = await rig.run(
				imageTo3d({ apiVersion, imageSource: 'binary', binaryPropertyName, settings: {}, waitFor: 'none' }),
				{ items: [item] },
			);
			expect(error).toBeUndefined();
		}
		expect(rig.service.jobs.map(({ apiVersion }) => apiVersion)).toEqual(['v6', 'v3']);
	});

	test('nothing if an upload of several is refused, and the error names its field', async () => {
		const file = makeFileItem(await makePngBase64(), 'image/png', 'front.png');
		const item = { ...file, binary: { ...file.binary, side: file.binary!.data! } };
		rig.service.addFault({
			on: 'upload',
			skip: 1,
			do: { kind: 'answer', body: { status: 'error', message: 'no' } },
		});
		const { error } = await rig.run(imageTo3d({ imageSource: 'binary', binaryPropertyName: 'data,side' }), {
			items: [item],
		});
		expect(error?.message).toBe(
			'The image in the binary field "side" could not be uploaded: the service refused the call: no',
		);
		expect(rig.service.jobs).toEqual([]);
	});

	test('nothing if Multi Image is off for several images', async () => {
		const image = 'http://127.0.0.1/a.png http://127.0.0.1/b.png';
		const { error } = await rig.run(imageTo3d({ settings: { multiImage: false }, image }));
		expect(error?.message).toBe('Multi Image must be on for several images, but is false');
		expect(rig.service.requests).toEqual([]);
	});

	test.each<[object, string]>([
		[{ image: [] }, 'Image URL must be a link, or a list of links, but is []'],
		[{ image: '={{ "" }}' }, 'Image URL must be a link, or a list of links, but is ""'],
		[
			{ image: ['http://127.0.0.1/a.png', 'b.png'] },
			'Image URL must be a link that begins with http:// or https://, but is "b.png"',
		],
		[{ image: 7 }, 'Image URL must be a link, or a list of links, but is 7'],
		[
			{ image: [{ url: 'http://127.0.0.1/a.png' }] },
			'Image URL must be a link, or a list of links, but is [{"url":"http://127.0.0.1/a.png"}]',
		],
		[
			{ imageSource: 'binary', binaryPropertyName: ['data', ''] },
			'Input Binary Field must be the name of a binary field, a file, or a list of either, but is ["data",""]',
		],
		[{ settings: { resolution: 513 } }, 'Resolution must be an integer from 1 to 512, but is 513'],
		[{ settings: { meshSimplify: 0.5 } }, 'Mesh Simplify must be a number from 0.9 to 0.98, but is 0.5'],
		[{ outputFormat: 'usdz' }, 'Output Format must be "glb" or "obj" or "ply" or "stl", but is "usdz"'],
	])('nothing for %j: the error names the field, the range and the value', async (parameters, message) => {
		const { error } = await rig.run(imageTo3d(parameters));
		expect(error?.message).toBe(message);
		expect(rig.service.requests).toEqual([]);
	});
});

describe('the output', () => {
	test('is a mesh and its turntable, each with its name, extension and type', async () => {
		const { items, error } = await rig.run(imageTo3d({ settings: { ...COARSE, render: true } }));
		expect(error).toBeUndefined();
		const [{ json, binary }] = items as [(typeof items)[number]];
		const [job] = rig.service.jobs;
		expect(json).toMatchObject({
			id: job?.id,
			status: 'success',
			output: job?.outputs,
			proxy_links: [expect.stringMatching(/\.glb$/), expect.stringMatching(/\.gif$/)],
			extra_assets: [],
			meta: expect.objectContaining({ output_format: 'glb', resolution: 16, seed: 20, render: true }),
		});
		expect(
			Object.values(binary ?? {}).map(({ fileExtension, mimeType }) => [fileExtension, mimeType]),
		).toEqual([
			['glb', 'model/gltf-binary'],
			['gif', 'image/gif'],
		]);
		expect((await rig.engine.readBinary(items[0]!, 'data')).subarray(0, 4).toString()).toBe('glTF');
		const polls = rig.service.requests.filter(({ path }) => path.includes('/fetch/'));
		expect(polls.map(({ path }) => path)).toEqual(polls.map(() => `/api/v6/3d/fetch/${job?.id}`));
	});

	test.each([
		['stl', 'model/stl'],
		['ply', 'application/x-ply'],
	])('of a mesh as .%s has the type %s', async (outputFormat, mimeType) => {
		const { items } = await rig.run(imageTo3d({ outputFormat }));
		expect(items[0]?.binary).toEqual({
			data: expect.objectContaining({ fileExtension: outputFormat, mimeType }),
		});
	});

	test('of an OBJ has its materials, with the names that the OBJ uses', async () => {
		const { items } = await rig.run(imageTo3d({ outputFormat: 'obj', options: { outputMode: 'file' } }));
		const files = items.map(({ binary }) => binary?.data);
		expect(files.map((file) => file?.mimeType)).toEqual(['model/obj', 'model/mtl', 'image/png']);
		const [obj = '', mtl = ''] = await Promise.all(
			items.map(async (item) => (await rig.engine.readBinary(item, 'data')).toString('latin1')),
		);
		expect(/^mtllib (.+)$/m.exec(obj)?.[1]).toBe(files[1]?.fileName);
		expect(/^map_Kd (.+)$/m.exec(mtl)?.[1]).toBe(files[2]?.fileName);
		const [job] = rig.service.jobs;
		expect(items.map(({ json }) => [json.output_index, json.id])).toEqual(
			[0, 1, 2].map((at) => [at, job?.id]),
		);
	});

	describe('has a file in extra_assets that', () => {
		const links = () => ['a.png', 'b.png'].map((name) => `${rig.picture}?${name}`);

		test.each([
			['says nothing about it', undefined, 3, 2],
			['says that there is none', [], 1, 0],
			['names it again, one file twice', 'twice', 3, 3],
		])(
			'was announced before the end, polled or suspended, if the end %s',
			async (_name, assetsAtEnd, files, entries) => {
				const assets = links();
				const atTheEnd = assetsAtEnd === 'twice' ? [...assets, assets[0]] : assetsAtEnd;
				const edit = (body: Record<string, unknown>) => ({
					...body,
					extra_assets: body.status === 'processing' ? assets : atTheEnd,
				});
				for (const waitFor of ['poll', 'webhook']) {
					for (const on of ['submit', 'fetch'] as const) {
						rig.service.addFault({ on, times: 20, do: { kind: 'edit', edit } });
					}
					await rig.run(imageTo3d({ waitFor, outputFormat: 'ply' }));
					await rig.clock.sleep(10_000);
					await rig.waitUntilIdle();
					rig.service.clearFaults();
				}
				expect(rig.service.jobs).toHaveLength(2);
				const items = rig.engine.executions.map(({ run }) => run && readOutput(run, NODE)[0]?.[0]);
				expect(items.map((item) => Object.keys(item?.binary ?? {}).length)).toEqual([files, files]);
				expect(items.map((item) => (item?.json.extra_assets as unknown[]).length)).toEqual([
					entries,
					entries,
				]);
			},
		);

		test('cannot be downloaded: the error says so', async () => {
			rig.service.addFault({
				on: 'download',
				skip: 1,
				times: 99,
				do: { kind: 'answer', status: 404, body: '' },
			});
			const { error } = await rig.run(imageTo3d({ outputFormat: 'obj' }));
			expect(error?.message).toMatch(
				/ is done, but a file that belongs to its output could not be downloaded: HTTP 404$/,
			);
			expect(error?.description).toMatch(/The file is at \S+\.(mtl|png)\./);
		});
	});

	test('has the future links without waiting, and Get Result downloads the files', async () => {
		const { items } = await rig.run(imageTo3d({ waitFor: 'none' }));
		const { id, ...json } = items[0]?.json ?? {};
		expect(json).toMatchObject({
			status: 'processing',
			fetch_result: `${rig.service.baseUrl}/v6/3d/fetch/${String(id)}`,
			future_links: rig.service.jobs[0]?.outputs,
			extra_assets: [],
		});
		const get = async (apiVersion: string) =>
			await rig.run({ operation: 'getResult', apiVersion, jobId: String(id) });
		expect((await get('v6')).items[0]?.binary?.data?.mimeType).toBe('model/gltf-binary');
		expect((await get('v3')).error?.message).toMatch(`Job ${String(id)}: the service does not know this job`);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('can be a video', async () => {
		const files = await serve((_request, response) => {
			response.writeHead(200, { 'content-type': 'application/octet-stream' });
			response.end('\0\0\0\x0cftypisom');
		});
		rig.service.configure({ jobSeconds: 0 });
		rig.service.addFault({
			on: 'submit',
			do: { kind: 'edit', edit: (body) => ({ ...body, output: [`${files.origin}/spin.mp4`] }) },
		});
		const { items } = await rig.run(imageTo3d());
		expect(items[0]?.binary?.data).toMatchObject({
			fileName: `dot-${rig.service.jobs[0]?.id}.mp4`,
			fileExtension: 'mp4',
			mimeType: 'video/mp4',
			fileType: 'video',
		});
		await files.close();
	});

	test('of a suspended execution comes after the call, and the job is polled at v6', async () => {
		rig.service.configure({ jobSeconds: 60 });
		const { run } = await rig.run(imageTo3d({ waitFor: 'webhook' }));
		expect(run.status).toBe('waiting');
		await rig.clock.sleep(70_000);
		await rig.waitUntilIdle();
		const [execution] = rig.engine.executions;
		expect(execution?.run?.status).toBe('success');
		expect(rig.service.jobs).toHaveLength(1);
		expect(bodiesOf('/api/v3')).toEqual([]);
	});
});

describe('a Base URL without documented v6 endpoints', () => {
	const BASE_URL = 'http://stablediffusionapi.com/api';
	const HELP =
		'The v6 endpoints are documented at https://modelslab.com/api only: select ModelsLab as Service in the credential.';

	/** The name resolves to the stand-in service. */
	async function there(work: () => Promise<void>): Promise<void> {
		const proxy = await serveBehindPublicName(rig.service.origin);
		rig.setCredential({ baseUrl: BASE_URL });
		try {
			await work();
			expect(proxy.asked.length).toBeGreaterThan(0);
		} finally {
			await proxy.end();
		}
	}
	const hintsOf = ({ run }: Awaited<ReturnType<Rig['run']>>) =>
		run.data.resultData.runData['Image to 3D']?.[0]?.hints?.map(({ message }) => message);

	test('gives a hint, even if the calls succeed', async () => {
		await there(async () => {
			const result = await rig.run(imageTo3d({ waitFor: 'none' }));
			expect(result.error).toBeUndefined();
			expect(hintsOf(result)).toEqual([
				'3D Model (API V6) is documented for ModelsLab only. If calls fail, select ModelsLab in the credential.',
			]);
			const onOwnServer = await rig.run({ ...imageTo3d({ waitFor: 'none' }), apiVersion: 'enterprise' });
			expect(hintsOf(onOwnServer)).toEqual([expect.stringMatching(/^3D Model, Own Server.{1,100}$/)]);
			expect(hintsOf(onOwnServer)?.[0]?.length).toBeLessThanOrEqual(120);
			expect(hintsOf(await rig.run({ ...imageTo3d({ waitFor: 'none' }), apiVersion: 'v3' }))).toEqual([]);
		});
		rig.setCredential({ baseUrl: rig.service.baseUrl });
		expect(hintsOf(await rig.run(imageTo3d({ waitFor: 'none' })))).toEqual([]);
	});

	const refusal = (message: unknown, status = 200) =>
		({ kind: 'answer', status, body: { status: 'error', message } }) as const;

	test.each<[string, Fault['do'], RegExp]>([
		['a page', { kind: 'answer', status: 404, body: '<html>Not found</html>' }, /^HELP/],
		['a page with HTTP 200', { kind: 'answer', body: '<html>Welcome</html>' }, /^HELP/],
		['a refusal', refusal('No such endpoint'), /HELP$/],
		['a wrong key', refusal('Invalid Api Key'), /HELP$/],
		[
			'a redirect',
			{ kind: 'redirect', status: 301, location: 'https://modelslab.com/api/v6/3d/image_to_3d' },
			/select it as Service in the credential, or enter its API as Base URL, for example https:\/\/modelslab\.com\/api\./,
		],
	])('is named in the error after %s, with the right host', async (_name, fault, expected) => {
		await there(async () => {
			rig.service.addFault({ on: 'submit', times: 9, do: fault });
			const descriptionFor = async (apiVersion: string) =>
				(await rig.run(imageTo3d({ apiVersion }))).error?.description?.replace(HELP, 'HELP');
			expect(await descriptionFor('v6')).toMatch(expected);
			expect(await descriptionFor('v3')).not.toMatch('HELP');
		});
	});

	test.each([
		['credits', refusal('Insufficient credits. Please add more credits to continue.', 402)],
		['the image', refusal('Unable to fetch image from provided URL')],
	])('is not blamed if the service complains about %s', async (_name, fault) => {
		await there(async () => {
			rig.service.addFault({ on: 'submit', do: fault });
			expect((await rig.run(imageTo3d())).error?.description).not.toMatch(HELP);
		});
	});
});

describe('a file with a beginning that does not match its name', () => {
	const lie = (body: string, contentType?: string, times = 99) =>
		rig.service.addFault({ on: 'download', times, do: { kind: 'answer', body, contentType } });
	const downloads = () => rig.service.requests.filter(({ path }) => path.startsWith('/files/'));

	test('is downloaded again, and then an error names the job, the link, and what the file is', async () => {
		lie('<!DOCTYPE html><html><body>Please log in</body></html>', 'text/html');
		const { error } = await rig.run(imageTo3d());
		const [job] = rig.service.jobs;
		const page = 'the server sent a web page instead of the file: "Please log in"';
		expect(error?.message).toBe(
			`Job ${job?.id} is done, but its file could not be downloaded: ${page}; from its mirror: ${page}`,
		);
		expect(error?.description).toContain(job?.outputs[0]);
		expect(downloads()).toHaveLength(5);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('is not downloaded again if it is another kind of file', async () => {
		lie('GIF89a');
		const { error } = await rig.run(imageTo3d());
		expect(error?.message).toMatch(/its name says GLB, but it begins with the bytes of a GIF file$/);
		expect(downloads()).toHaveLength(1);
	});

	test('is given up as soon as its beginning has arrived', async () => {
		let sent = 0;
		const files = await serve((_request, response) => {
			response.writeHead(200, { 'content-length': 50_000_000 });
			const more = () => {
				for (let room = true; room && sent < 50_000_000; ) {
					room = response.write(Buffer.alloc(64_000, 1));
					sent += 64_000;
				}
			};
			response.on('drain', more);
			more();
		});
		rig.service.configure({ jobSeconds: 0 });
		rig.service.addFault({
			on: 'submit',
			do: {
				kind: 'edit',
				edit: (body) => ({ ...body, output: [`${files.origin}/mug.glb`], proxy_links: [] }),
			},
		});
		const { error } = await rig.run(imageTo3d());
		expect(error?.message).toMatch(/its name says GLB, but it begins with the bytes 0101010101010101$/);
		// Five tries, and the sockets' buffers.
		expect(sent).toBeLessThan(50_000_000);
		await files.close();
	});

	test('does no harm if that happens only once', async () => {
		lie('{"message":"busy"}', 'application/json', 1);
		const { items, error } = await rig.run(imageTo3d());
		expect(error).toBeUndefined();
		expect(items[0]?.binary?.data?.mimeType).toBe('model/gltf-binary');
	});

	test('gets its extension from its beginning if it has no extension', async () => {
		const files = await serve((_request, response) => {
			response.writeHead(200, { 'content-type': 'application/octet-stream' });
			response.end('glTF\x02\0\0\0');
		});
		rig.service.configure({ jobSeconds: 0 });
		rig.service.addFault({
			on: 'submit',
			do: { kind: 'edit', edit: (body) => ({ ...body, output: [`${files.origin}/download?id=7`] }) },
		});
		const { items } = await rig.run(imageTo3d());
		expect(items[0]?.binary?.data).toMatchObject({
			fileName: `dot-${rig.service.jobs[0]?.id}.glb`,
			fileExtension: 'glb',
			mimeType: 'model/gltf-binary',
		});
		await files.close();
	});
});
