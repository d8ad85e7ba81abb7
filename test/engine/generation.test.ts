import type { Fault } from '../../local-api/index.mts';
import { EXAMPLE_BODY, SAMPLE_RESPONSE } from '../support/reference';
import {
	API_KEY,
	listBodies,
	makeFileItem,
	makePngBase64,
	openRig,
	type Rig,
	toItems,
} from '../support/rig.mts';

/** Small, and fast to render. */
const QUICK = { frameSize: 32, seconds: 1, steps: 1, seed: '20' };

let rig: Rig;
beforeEach(async () => {
	rig = await openRig();
});
afterEach(async () => {
	await rig.close();
});

/** The JSON bodies that the service received at a path. */
const bodiesOf = (path: string) => listBodies(rig, path);

describe('the node sends', () => {
	test("exactly the reference's example body", async () => {
		await rig.run({
			operation: 'imageTo3d',
			image: rig.picture,
			settings: {
				guidanceScale: 5,
				steps: 64,
				frameSize: 128,
				batchSize: 10,
				seed: '20',
				safetyChecker: false,
				seconds: 4,
			},
			waitFor: 'none',
			options: { webhookUrl: '', trackId: '' },
		});
		expect(bodiesOf('/api/v3/img_to_3d')).toEqual([
			{
				key: API_KEY,
				image: rig.picture,
				...EXAMPLE_BODY,
			},
		]);
	});

	test('no setting that was not added, and null for an empty seed', async () => {
		await rig.run({ operation: 'imageTo3d', image: rig.picture, waitFor: 'none' });
		await rig.run({
			operation: 'imageTo3d',
			image: rig.picture,
			settings: { seed: '' },
			waitFor: 'none',
		});
		expect(bodiesOf('/api/v3/img_to_3d')).toEqual([
			{ key: API_KEY, image: rig.picture },
			{ key: API_KEY, image: rig.picture, seed: null },
		]);
	});

	test('a prompt to its own endpoint, with its own settings', async () => {
		await rig.run({
			operation: 'textTo3d',
			prompt: 'A birthday cupcake',
			settings: {
				negativePrompt: 'candles',
				outputType: 'ply',
				guidanceScale: 15,
				frameSize: 256,
				seconds: 3,
				steps: 64,
			},
			waitFor: 'none',
			options: { trackId: 'order-7', webhookUrl: 'http://127.0.0.1:9/done' },
		});
		expect(bodiesOf('/api/v3/txt_to_3d')).toEqual([
			{
				key: API_KEY,
				prompt: 'A birthday cupcake',
				negative_prompt: 'candles',
				output_type: 'ply',
				guidance_scale: 15,
				frame_size: 256,
				seconds: 3,
				steps: 64,
				webhook: 'http://127.0.0.1:9/done',
				track_id: 'order-7',
			},
		]);
	});

	test('the results of expressions for each item', async () => {
		await rig.run(
			{
				operation: 'imageTo3d',
				image: '={{ $json.link }}',
				settings: { seed: '={{ $json.seed }}' },
				waitFor: 'none',
			},
			{ items: toItems({ link: rig.picture, seed: 1 }, { link: `${rig.picture}?second`, seed: null }) },
		);
		expect(bodiesOf('/api/v3/img_to_3d')).toEqual([
			{ key: API_KEY, image: rig.picture, seed: 1 },
			{ key: API_KEY, image: `${rig.picture}?second`, seed: null },
		]);
	});
});

describe('the output', () => {
	test('is exactly the sample response of the reference', async () => {
		rig.service.addFault({ on: 'submit', do: { kind: 'answer', body: SAMPLE_RESPONSE } });
		const { items } = await rig.run({
			operation: 'textTo3d',
			prompt: 'A birthday cupcake',
			download: false,
		});
		expect(items).toEqual([{ json: SAMPLE_RESPONSE, pairedItem: { item: 0, input: undefined } }]);
	});

	test('has the turntable once the job is done', async () => {
		rig.service.configure({ jobSeconds: 45 });
		const { items } = await rig.run({
			operation: 'imageTo3d',
			image: rig.picture,
			settings: QUICK,
			options: { trackId: 'order-7' },
		});
		expect(items).toHaveLength(1);
		const [item] = items;
		const [job] = rig.service.jobs;
		expect(item?.json).toMatchObject({
			id: job?.id,
			status: 'success',
			track_id: 'order-7',
			output: job?.outputs,
			generationTime: 45,
			meta: { frame_size: 32, seconds: 1, seed: 20 },
		});
		expect(item?.binary?.data).toMatchObject({
			mimeType: 'image/gif',
			fileExtension: 'gif',
			fileType: 'image',
		});
		const gif = await rig.engine.readBinary(item!, 'data');
		expect(gif.subarray(0, 6).toString('latin1')).toBe('GIF89a');
	});

	test('comes after polls at exactly the Poll Interval', async () => {
		rig.service.configure({ jobSeconds: 40 });
		await rig.run({
			operation: 'imageTo3d',
			image: rig.picture,
			download: false,
			options: { pollInterval: 7 },
		});
		const polls = rig.service.requests.filter(({ path }) => path.includes('/fetch/')).map(({ at }) => at);
		const accepted = rig.service.jobs[0]?.acceptedAt ?? 0;
		expect(polls.map((at) => at - accepted)).toEqual([7, 14, 21, 28, 35, 42].map((s) => s * 1000));
	});

	test('has several files in numbered fields, or one item for each file', async () => {
		const parameters = {
			operation: 'imageTo3d',
			image: rig.picture,
			settings: { ...QUICK, batchSize: 2 },
			outputBinaryPropertyName: 'spin',
		};
		const whole = await rig.run(parameters);
		expect(Object.keys(whole.items[0]?.binary ?? {})).toEqual(['spin', 'spin_1']);

		const { items } = await rig.run({ ...parameters, options: { outputMode: 'file' } });
		const outputs = rig.service.jobs[1]?.outputs ?? [];
		expect(items.map(({ json }) => [json.output_url, json.output_index])).toEqual(
			outputs.map((url, i) => [url, i]),
		);
		expect(items.map(({ json }) => 'output' in json)).toEqual([false, false]);
		expect(items.map(({ binary }) => Object.keys(binary ?? {}))).toEqual([['spin'], ['spin']]);
		expect(items.map(({ pairedItem }) => pairedItem)).toMatchObject([{ item: 0 }, { item: 0 }]);
	});

	test('is a reference without waiting, and Get Result fetches the result without a new generation', async () => {
		rig.service.configure({ jobSeconds: 60 });
		const { items } = await rig.run({
			operation: 'imageTo3d',
			image: rig.picture,
			settings: QUICK,
			waitFor: 'none',
			options: { trackId: 'order-7' },
		});
		const id = rig.service.jobs[0]?.id;
		expect(items[0]?.json).toMatchObject({
			id,
			status: 'processing',
			track_id: 'order-7',
			eta: 60,
			fetch_result: `${rig.service.baseUrl}/v3/fetch/${id}`,
			meta: { seed: 20 },
		});
		expect(items[0]?.binary).toBeUndefined();

		const state = await rig.run({ operation: 'getResult', jobId: `=${id}`, waitFor: 'none' });
		expect(state.items[0]?.json).toMatchObject({ id, status: 'processing' });

		const result = await rig.run({ operation: 'getResult', jobId: '={{ $json.id }}' }, { items });
		expect(result.items[0]?.json).toMatchObject({
			id,
			status: 'success',
			output: rig.service.jobs[0]?.outputs,
		});
		expect(result.items[0]?.binary?.data?.mimeType).toBe('image/gif');
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('is the finished item even without waiting, if the service is that fast', async () => {
		rig.service.configure({ jobSeconds: 0 });
		const { items } = await rig.run({ operation: 'imageTo3d', image: rig.picture, waitFor: 'none' });
		expect(items[0]?.json).toMatchObject({ status: 'success', output: rig.service.jobs[0]?.outputs });
		expect(items[0]?.binary).toBeUndefined();
	});

	test.each([
		['true', 1],
		['false', 0],
	])('follows an expression with the text "%s" in Download Output Files', async (text, files) => {
		const parameters = {
			operation: 'textTo3d',
			prompt: 'a ball',
			settings: { outputType: 'ply', steps: 1, seed: '1' },
		};
		const { items } = await rig.run({
			...parameters,
			download: `={{ "${text}" }}`,
			outputBinaryPropertyName: 'data',
		});
		expect(Object.keys(items[0]?.binary ?? {})).toHaveLength(files);
	});

	test('names a PLY mesh and its type', async () => {
		const { items } = await rig.run({
			operation: 'textTo3d',
			prompt: 'a red ball',
			settings: { outputType: 'ply', steps: 1, seed: '1' },
		});
		expect(items[0]?.binary?.data).toMatchObject({ mimeType: 'application/x-ply', fileExtension: 'ply' });
		const ply = await rig.engine.readBinary(items[0]!, 'data');
		expect(ply.subarray(0, 4).toString('latin1')).toBe('ply\n');
	});
});

describe('an image file', () => {
	test('is uploaded first, and the job gets its link', async () => {
		const png = await makePngBase64();
		const { error } = await rig.run(
			{ operation: 'imageTo3d', imageSource: 'binary', download: false },
			{ items: [makeFileItem(png, 'image/png', 'dot.png')] },
		);
		expect(error).toBeUndefined();
		expect(bodiesOf('/api/v3/base64_crop')).toEqual([
			{ key: API_KEY, image: `data:image/png;base64,${png}`, crop: 'false' },
		]);
		const [{ image } = { image: '' }] = bodiesOf('/api/v3/img_to_3d');
		expect(image).toMatch(new RegExp(`^${rig.service.origin}/files/`));
	});

	test.each<[string, Fault['do']]>([
		['503', { kind: 'answer', status: 503, body: '' }],
		['a reset connection', { kind: 'reset', when: 'before' }],
		[
			'a rate limit',
			{
				kind: 'answer',
				status: 429,
				body: { status: 'error', message: 'Rate limit exceeded', retry_after: 9 },
			},
		],
		['a web page', { kind: 'answer', body: '<html>busy</html>' }],
	])('is uploaded again after %s, and the job is paid once', async (_name, fault) => {
		rig.service.addFault({ on: 'upload', times: 2, do: fault });
		const items = [makeFileItem(await makePngBase64(), 'image/png', 'dot.png')];
		const { error } = await rig.run(
			{ operation: 'imageTo3d', imageSource: 'binary', download: false },
			{ items },
		);
		expect(error).toBeUndefined();
		expect(bodiesOf('/api/v3/base64_crop')).toHaveLength(3);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('is not uploaded for longer than Timeout', async () => {
		const busy = { kind: 'answer', status: 503, body: '', headers: { 'retry-after': '3600' } } as const;
		rig.service.addFault({ on: 'upload', times: Infinity, do: busy });
		const items = [makeFileItem(await makePngBase64(), 'image/png', 'dot.png')];
		const start = rig.clock.now();
		await rig.run({ operation: 'imageTo3d', imageSource: 'binary', options: { timeout: 60 } }, { items });
		expect(rig.clock.now() - start).toBeLessThan(60_000);
	});

	test('that cannot be uploaded is an error that says that nothing was paid', async () => {
		rig.service.addFault({ on: 'upload', times: Infinity, do: { kind: 'answer', status: 500, body: '' } });
		const items = [makeFileItem(await makePngBase64(), 'image/png', 'dot.png')];
		const { error } = await rig.run({ operation: 'imageTo3d', imageSource: 'binary' }, { items });
		expect(error?.message).toBe('The image could not be uploaded: the service is in trouble, HTTP 500');
		expect(error?.description).toMatch(/No job was accepted, so nothing was paid\.$/);
		expect(rig.service.jobs).toEqual([]);
	});

	test('is accepted even if n8n did not recognize its type', async () => {
		const { error } = await rig.run(
			{ operation: 'imageTo3d', imageSource: 'binary', download: false },
			{ items: [makeFileItem(await makePngBase64(), 'text/plain', 'dot')] },
		);
		expect(error).toBeUndefined();
		expect(rig.service.jobs).toHaveLength(1);
	});

	test.each([
		['a missing field', { json: {} }, 'binary'],
		['an empty file', makeFileItem('', 'image/png', 'empty.png'), '(empty.png) is an empty file'],
		[
			'a text file',
			makeFileItem('aGVsbG8=', 'text/plain', 'note.txt'),
			'(note.txt) is a text, and not a JPEG, PNG, WebP or GIF image',
		],
		[
			'6 MB',
			makeFileItem('A'.repeat(8 * 1024 * 1024), 'image/png', 'big.png'),
			'(big.png) has 6.0 MB, and the service takes uploads up to 5 MB',
		],
	])('is refused before anything is uploaded or submitted: %s', async (_name, item, message) => {
		const { error } = await rig.run({ operation: 'imageTo3d', imageSource: 'binary' }, { items: [item] });
		expect(error?.name).toBe('NodeOperationError');
		expect(error?.message).toContain(message);
		expect(error?.context?.itemIndex).toBe(0);
		expect(rig.service.requests).toEqual([]);
	});
});

describe('invalid input', () => {
	test.each([
		['steps', { settings: { steps: 65 } }, 'Steps must be an integer from 1 to 64, but is 65'],
		[
			'steps as a fraction',
			{ settings: { steps: 1.5 } },
			'Steps must be an integer from 1 to 64, but is 1.5',
		],
		[
			'guidance',
			{ settings: { guidanceScale: 0.5 } },
			'Guidance Scale must be a number from 1 to 20, but is 0.5',
		],
		[
			'frame size',
			{ settings: { frameSize: '={{ -1 }}' } },
			'Frame Size must be an integer from 1, but is -1',
		],
		[
			'seconds from an expression',
			{ settings: { seconds: '={{ "long" }}' } },
			'Seconds must be an integer from 1, but is "long"',
		],
		['batch size', { settings: { batchSize: 0 } }, 'Batch Size must be an integer from 1, but is 0'],
		[
			'seed',
			{ settings: { seed: 'red' } },
			'Seed must be an integer, or empty for a random seed, but is "red"',
		],
		[
			'safety checker',
			{ settings: { safetyChecker: '={{ "maybe" }}' } },
			'Safety Checker must be true or false, but is "maybe"',
		],
		[
			'image link',
			{ image: 'ftp://example.com/a.png' },
			'Image URL must be a link that begins with http:// or https://, but is "ftp://example.com/a.png"',
		],
		[
			'no image link',
			{ image: '={{ $json.nothing }}' },
			'Image URL must be a link, or a list of links, but is',
		],
		[
			'webhook',
			{ options: { webhookUrl: 'my-webhook' } },
			'Webhook URL must be an address that begins with http:// or https://, but is "my-webhook"',
		],
		['timeout', { options: { timeout: 0 } }, 'Timeout must be a number from 1 to 86400, but is 0'],
		[
			'jobs in flight',
			{ options: { maxJobsInFlight: 2.5 } },
			'Max Jobs in Flight must be an integer from 1 to 1000, but is 2.5',
		],
		['version', { apiVersion: 'v9' }, 'Result must be "v3" or "v6" or "enterprise", but is "v9"'],
		[
			'download',
			{ download: '={{ "maybe" }}' },
			'Download Output Files must be true or false, but is "maybe"',
		],
		['prompt', { operation: 'textTo3d', prompt: ' ' }, 'Prompt must be a text that is not empty, but is " "'],
		[
			'output type',
			{ operation: 'textTo3d', prompt: 'x', settings: { outputType: 'exe' } },
			'Output Type must be "gif" or "ply", but is "exe"',
		],
		[
			'job id',
			{ operation: 'getResult', jobId: ' ' },
			'Job must be the ID in the item or the error that reported the job, but is " "',
		],
	])(
		'%s: the error names the field, the range and the value, and the service is not called',
		async (_name, parameters, message) => {
			const { error, run } = await rig.run({ operation: 'imageTo3d', image: rig.picture, ...parameters });
			expect(run.status).toBe('error');
			expect(error?.name).toBe('NodeOperationError');
			expect(error?.message).toContain(message);
			expect(rig.service.requests).toEqual([]);
		},
	);

	test('in the last item costs nothing for the items before it', async () => {
		const { error } = await rig.run(
			{ operation: 'imageTo3d', image: '={{ $json.link }}' },
			{ items: toItems({ link: rig.picture }, { link: 'no link' }) },
		);
		expect(error?.context?.itemIndex).toBe(1);
		expect(rig.service.jobs).toEqual([]);
	});

	test('in a long text that is not a link is refused at once', async () => {
		const start = Date.now();
		const { error } = await rig.run(
			{ operation: 'imageTo3d', image: '={{ $json.link }}' },
			{ items: toItems({ link: `x${' '.repeat(200_000)}y` }) },
		);
		expect(error?.message).toMatch(/^Image URL must be a link that begins with http/);
		// If the time grew with the square of the length, this would take minutes. The text may come from a public form.
		expect(Date.now() - start).toBeLessThan(10_000);
	});
});
