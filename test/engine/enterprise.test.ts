import { readOutput } from '../../n8n/engine/engine.cts';
import { AFTER, buildTriggerWorkflow } from '../../bench/calls.mts';
import {
	API_KEY,
	COARSE,
	listBodies,
	makeFileItem,
	makePngBase64,
	NODE,
	openRig,
	type Rig,
} from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig();
});
afterEach(async () => {
	await rig.close();
});

const BASE = '/api/v1/enterprise';

const paths = () => rig.service.requests.map(({ path }) => path);

/** The JSON bodies that the service received at a path. */
const bodiesOf = (path: string) => listBodies(rig, path);

const imageTo3d = (more: object = {}) => ({
	operation: 'imageTo3d',
	apiVersion: 'enterprise',
	image: rig.picture,
	settings: COARSE,
	...more,
});

describe('a job on a server of the customer', () => {
	test('is submitted and polled there, and its mesh is downloaded', async () => {
		const { items, error } = await rig.run(imageTo3d({ options: { trackId: 'order-7' } }));
		expect(error).toBeUndefined();
		const [job] = rig.service.jobs;
		expect(job).toMatchObject({ apiVersion: 'enterprise', trackId: 'order-7' });
		expect(items[0]?.json).toMatchObject({
			id: job?.id,
			status: 'success',
			track_id: 'order-7',
			output: job?.outputs,
			proxy_links: [expect.stringMatching(/\.glb$/)],
		});
		expect(items[0]?.binary?.data?.mimeType).toBe('model/gltf-binary');
		const [submit, ...rest] = paths();
		expect(submit).toBe(`${BASE}/3d/image_to_3d`);
		const polls = rest.filter((path) => path.startsWith('/api'));
		expect(new Set(polls)).toEqual(new Set([`${BASE}/3d/fetch/${job?.id}`]));
	});

	test('gets the fields of V6, and its format even if that is the default', async () => {
		await rig.run(imageTo3d({ waitFor: 'none' }));
		await rig.run({
			...{ operation: 'textTo3d', apiVersion: 'enterprise', prompt: 'A cupcake', waitFor: 'none' },
			settings: { additionalFields: { model_id: 'instantmesh' }, removeBg: true },
		});
		const image = { image: rig.picture, init_image: rig.picture };
		expect(bodiesOf(`${BASE}/3d/image_to_3d`)).toEqual([
			{ key: API_KEY, ...image, output_format: 'glb', resolution: 16, seed: 20 },
		]);
		expect(bodiesOf(`${BASE}/3d/text_to_3d`)).toEqual([
			{
				key: API_KEY,
				prompt: 'A cupcake',
				model_id: 'instantmesh',
				output_format: 'glb',
				remove_bg: true,
			},
		]);
	});

	test('of several files is made of their links, after each was uploaded there as plain base64', async () => {
		const base64 = await makePngBase64();
		const file = makeFileItem(base64, 'image/png', 'front.png');
		const item = { ...file, binary: { ...file.binary, side: file.binary!.data! } };
		const { items, error } = await rig.run(
			imageTo3d({ imageSource: 'binary', binaryPropertyName: 'data, side', outputFormat: 'stl' }),
			{ items: [item] },
		);
		expect(error).toBeUndefined();
		expect(items[0]?.binary?.data).toMatchObject({ mimeType: 'model/stl' });
		const upload = {
			key: API_KEY,
			base64_image: base64,
			image_type: 'png',
			deploy_type: 'text_to_3d',
		};
		expect(bodiesOf(`${BASE}/upload_image`)).toEqual([upload, upload]);
		const [sent] = bodiesOf(`${BASE}/3d/image_to_3d`);
		expect(sent).toMatchObject({ multi_image: true, image: [expect.any(String), expect.any(String)] });
		expect(paths().filter((path) => /v3|v6/.test(path))).toEqual([]);
	});

	test('is not submitted for a file of a type that the upload refuses: the error has its words', async () => {
		const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
		const { error } = await rig.run(imageTo3d({ imageSource: 'binary' }), {
			items: [makeFileItem(gif.toString('base64'), 'image/gif', 'dot.gif')],
		});
		expect(error?.message).toMatch(/could not be uploaded.*The selected image type is invalid/);
		expect(rig.service.jobs).toEqual([]);
	});

	test('is not submitted with a wrong key', async () => {
		rig.setCredential({ apiKey: 'wrong-key' });
		const { error } = await rig.run(imageTo3d());
		expect(error?.message).toMatch(/^The service does not accept the API key/);
		expect(rig.service.jobs).toEqual([]);
	});

	test('resumes a suspended execution', async () => {
		rig.service.configure({ jobSeconds: 60 });
		const { run } = await rig.run(imageTo3d({ waitFor: 'webhook' }));
		expect(run.status).toBe('waiting');
		await rig.clock.sleep(70_000);
		await rig.waitUntilIdle();
		const [execution] = rig.engine.executions;
		expect(execution?.run?.status).toBe('success');
		expect(execution?.run && readOutput(execution.run, NODE)[0]?.[0]?.binary?.data?.mimeType).toBe(
			'model/gltf-binary',
		);
		expect(paths().filter((path) => /v3|v6/.test(path))).toEqual([]);
	});

	test('is retried without a second payment', async () => {
		rig.service.addFault({ on: 'download', times: 99, do: { kind: 'answer', status: 500, body: '' } });
		const { run } = await rig.run(imageTo3d(), {
			node: { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 },
		});
		expect(run.status).toBe('error');
		expect(rig.service.jobs).toHaveLength(1);
	});
});

describe('Get Result', () => {
	const submit = async () => {
		const { items } = await rig.run(imageTo3d({ waitFor: 'none' }));
		expect(items[0]?.json).toMatchObject({ status: 'processing', api_version: 'enterprise' });
		return String(items[0]?.json.id);
	};

	test('fetches the job with its version, and with no other', async () => {
		const jobId = await submit();
		const get = async (apiVersion: string) =>
			await rig.run({ operation: 'getResult', apiVersion, jobId, download: false });
		expect((await get('enterprise')).items[0]?.json).toMatchObject({
			status: 'success',
			api_version: 'enterprise',
		});
		for (const other of ['v3', 'v6']) {
			expect((await get(other)).error?.message).toMatch(`Job ${jobId}: the service does not know this job`);
		}
	});

	test('does not find it out: own servers are not searched', async () => {
		const jobId = await submit();
		const before = rig.service.requests.length;
		const { error } = await rig.run({ operation: 'getResult', jobId });
		expect(error?.message).toMatch(`Job ${jobId}: the service does not know this job`);
		const asked = paths().slice(before);
		expect(asked.length).toBeGreaterThan(1);
		expect(asked.filter((path) => path.includes('enterprise'))).toEqual([]);
	});
});

test('the trigger asks the own server about the job of a call', async () => {
	const { production } = rig.engine.publish(
		buildTriggerWorkflow({ apiVersion: 'enterprise', download: true }),
		'called',
	);
	await rig.run(imageTo3d({ waitFor: 'none', options: { webhookUrl: production } }));
	await rig.clock.sleep(60_000);
	await rig.waitUntilIdle();
	const started = rig.engine.executions.flatMap(({ run }) => (run && readOutput(run, AFTER)[0]) ?? []);
	expect(started.map(({ json }) => json.id)).toEqual([rig.service.jobs[0]?.id]);
	expect(started[0]?.binary?.data?.mimeType).toBe('model/gltf-binary');
	expect(paths().filter((path) => path.includes('/fetch/'))).toEqual([
		`${BASE}/3d/fetch/${rig.service.jobs[0]?.id}`,
	]);
});
