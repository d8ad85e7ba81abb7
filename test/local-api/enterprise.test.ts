import sharp from 'sharp';

import { NOT_FOUND, openStandIn, QUICK_MESH, type StandIn } from './stand-in.mts';

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn({ jobSeconds: 10 });
});
afterEach(async () => {
	await standIn.close();
});

const ROOT = 'v1/enterprise';
const submit = async (body: Record<string, unknown> = {}) =>
	await standIn.post(`${ROOT}/3d/image_to_3d`, {
		image: `${standIn.api.origin}/samples/duck.png`,
		...QUICK_MESH,
		...body,
	});

test('a job has the answers of version 6, at addresses of its own', async () => {
	const { json } = await submit();
	expect(json).toMatchObject({
		status: 'processing',
		message: expect.any(String),
		fetch_result: `${standIn.api.baseUrl}/${ROOT}/3d/fetch/${json.id}`,
		future_links: [expect.stringMatching(/\.glb$/)],
		extra_assets: [],
	});
	await standIn.clock.sleep(10_000);
	for (const [path, body] of [
		[`fetch/${json.id}`, {}],
		['fetch', { request_id: json.id }],
	] as const) {
		expect((await standIn.post(`${ROOT}/3d/${path}`, body)).json).toMatchObject({
			status: 'success',
			id: json.id,
			proxy_links: [expect.stringMatching(/\.glb$/)],
		});
	}
	expect(standIn.api.jobs[0]).toMatchObject({ apiVersion: 'enterprise', endpoint: 'image_to_3d' });
});

test('a text job has the defaults of version 6', async () => {
	standIn.api.configure({ jobSeconds: 0 });
	const { json } = await standIn.post(`${ROOT}/3d/text_to_3d`, { prompt: 'a red vase' });
	expect(json.meta).toMatchObject({ resolution: 512, ss_sampling_steps: 50, output_format: 'glb' });
});

test('no version finds the job of another', async () => {
	const [own, theirs] = [(await submit()).json, (await standIn.submitMesh()).json];
	for (const path of [`v3/fetch/${own.id}`, `v6/3d/fetch/${own.id}`, `${ROOT}/3d/fetch/${theirs.id}`]) {
		expect((await standIn.post(path)).json).toEqual(NOT_FOUND);
	}
});

test('the account has its job: in the list, and for a deletion', async () => {
	standIn.api.configure({ jobSeconds: 0 });
	const { json } = await submit();
	const list = async () => (await standIn.post('v6/assets_generated', { type: '3d' })).json.data;
	expect(await list()).toEqual([{ id: json.id, output: json.output }]);
	await standIn.post('v3/delete_image', { type: '3d', request_id: json.id });
	expect(await list()).toEqual([]);
});

test('a wrong key and a fault hit it as they hit the others', async () => {
	expect((await submit({ key: 'wrong-key' })).json.message).toBe('Invalid Api Key');
	for (const [on, path] of [
		['submit', '3d/image_to_3d'],
		['fetch', '3d/fetch/1'],
		['upload', 'upload_image'],
	] as const) {
		standIn.api.addFault({ on, do: { kind: 'answer', status: 503, body: 'busy' } });
		expect((await standIn.post(`${ROOT}/${path}`)).status).toBe(503);
	}
	expect(standIn.api.jobs).toEqual([]);
});

describe('an upload', () => {
	const makePngBase64 = async () => {
		const image = sharp({ create: { width: 8, height: 8, channels: 3, background: '#c33' } });
		return (await image.png().toBuffer()).toString('base64');
	};

	const upload = async (body: Record<string, unknown>) =>
		(await standIn.post(`${ROOT}/upload_image`, { image_type: 'png', ...body })).json;

	test('of plain base64 becomes a link that a job can use', async () => {
		const { output } = await upload({ base64_image: await makePngBase64(), deploy_type: 'text_to_3d' });
		expect(output).toEqual([expect.stringMatching(/\/files\/[\w-]+\.png$/)]);
		expect((await submit({ image: output[0] })).json.status).toBe('processing');
	});

	test('is refused without a file, as a data URL, or of another type', async () => {
		const base64 = await makePngBase64();
		expect(await upload({})).toMatchObject({ message: { base64_image: [expect.any(String)] } });
		expect(await upload({ base64_image: `data:image/png;base64,${base64}` })).toMatchObject({
			message: 'The image could not be decoded.',
		});
		expect(await upload({ base64_image: base64, image_type: 'webp' })).toMatchObject({
			message: 'The selected image type is invalid.',
		});
	});
});
