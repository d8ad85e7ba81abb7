import type { Fault } from '../../local-api/index.mts';
import { EXAMPLE_BODY, SAMPLE_RESPONSE } from '../support/reference';
import { API_KEY, fileItem, itemsOf, openRig, pngBase64, type Rig } from '../support/rig.mts';

/** Small and quick to render. */
const QUICK = { frameSize: 32, seconds: 1, steps: 1, seed: '20' };

let bench: Rig;
beforeEach(async () => {
	bench = await openRig();
});
afterEach(async () => {
	await bench.close();
});

/** The JSON bodies that were posted to a path, as the service received them. */
const bodiesOf = (path: string) =>
	bench.service.requests
		.filter((request) => request.path.startsWith(path))
		.map(({ body }) => body as Record<string, unknown>);

describe('what is sent', () => {
	test("the reference's example body goes out exactly as it stands", async () => {
		await bench.run({
			operation: 'imageTo3d',
			image: bench.picture,
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
				image: bench.picture,
				...EXAMPLE_BODY,
			},
		]);
	});

	test('a setting that was not added is not sent, and an empty seed is null', async () => {
		await bench.run({ operation: 'imageTo3d', image: bench.picture, waitFor: 'none' });
		await bench.run({
			operation: 'imageTo3d',
			image: bench.picture,
			settings: { seed: '' },
			waitFor: 'none',
		});
		expect(bodiesOf('/api/v3/img_to_3d')).toEqual([
			{ key: API_KEY, image: bench.picture },
			{ key: API_KEY, image: bench.picture, seed: null },
		]);
	});

	test('a text prompt goes to its own endpoint with its own settings', async () => {
		await bench.run({
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

	test('parameters come from expressions, item by item', async () => {
		await bench.run(
			{
				operation: 'imageTo3d',
				image: '={{ $json.link }}',
				settings: { seed: '={{ $json.seed }}' },
				waitFor: 'none',
			},
			{ items: itemsOf({ link: bench.picture, seed: 1 }, { link: `${bench.picture}?second`, seed: null }) },
		);
		expect(bodiesOf('/api/v3/img_to_3d')).toEqual([
			{ key: API_KEY, image: bench.picture, seed: 1 },
			{ key: API_KEY, image: `${bench.picture}?second`, seed: null },
		]);
	});
});

describe('what comes out', () => {
	test('the sample response of the reference comes out exactly as an item', async () => {
		bench.service.addFault({ on: 'submit', do: { kind: 'answer', body: SAMPLE_RESPONSE } });
		const { items } = await bench.run({
			operation: 'textTo3d',
			prompt: 'A birthday cupcake',
			download: false,
		});
		expect(items).toEqual([{ json: SAMPLE_RESPONSE, pairedItem: { item: 0, input: undefined } }]);
	});

	test('a job is watched until it is done, and its turntable is on the item', async () => {
		bench.service.configure({ jobSeconds: 45 });
		const { items } = await bench.run({
			operation: 'imageTo3d',
			image: bench.picture,
			settings: QUICK,
			options: { trackId: 'order-7' },
		});
		expect(items).toHaveLength(1);
		const [item] = items;
		const [job] = bench.service.jobs;
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
		const gif = await bench.engine.readBinary(item!, 'data');
		expect(gif.subarray(0, 6).toString('latin1')).toBe('GIF89a');
	});

	test('Poll Interval is kept exactly', async () => {
		bench.service.configure({ jobSeconds: 40 });
		await bench.run({
			operation: 'imageTo3d',
			image: bench.picture,
			download: false,
			options: { pollInterval: 7 },
		});
		const looks = bench.service.requests.filter(({ path }) => path.includes('/fetch/')).map(({ at }) => at);
		const accepted = bench.service.jobs[0]?.acceptedAt ?? 0;
		expect(looks.map((at) => at - accepted)).toEqual([7, 14, 21, 28, 35, 42].map((s) => s * 1000));
	});

	test('several output files get numbered fields, or an item each', async () => {
		const parameters = {
			operation: 'imageTo3d',
			image: bench.picture,
			settings: { ...QUICK, batchSize: 2 },
			outputBinaryPropertyName: 'spin',
		};
		const whole = await bench.run(parameters);
		expect(Object.keys(whole.items[0]?.binary ?? {})).toEqual(['spin', 'spin_1']);

		const { items } = await bench.run({ ...parameters, options: { outputMode: 'file' } });
		const outputs = bench.service.jobs[1]?.outputs ?? [];
		expect(items.map(({ json }) => [json.output_url, json.output_index])).toEqual(
			outputs.map((url, i) => [url, i]),
		);
		expect(items.map(({ json }) => 'output' in json)).toEqual([false, false]);
		expect(items.map(({ binary }) => Object.keys(binary ?? {}))).toEqual([['spin'], ['spin']]);
		expect(items.map(({ pairedItem }) => pairedItem)).toMatchObject([{ item: 0 }, { item: 0 }]);
	});

	test("Don't Wait returns a reference, and Get Result finishes it without a new generation", async () => {
		bench.service.configure({ jobSeconds: 60 });
		const { items } = await bench.run({
			operation: 'imageTo3d',
			image: bench.picture,
			settings: QUICK,
			waitFor: 'none',
			options: { trackId: 'order-7' },
		});
		const id = bench.service.jobs[0]?.id;
		expect(items[0]?.json).toMatchObject({
			id,
			status: 'processing',
			track_id: 'order-7',
			eta: 60,
			fetch_result: `${bench.service.baseUrl}/v3/fetch/${id}`,
			meta: { seed: 20 },
		});
		expect(items[0]?.binary).toBeUndefined();

		const state = await bench.run({ operation: 'getResult', jobId: `=${id}`, waitFor: 'none' });
		expect(state.items[0]?.json).toMatchObject({ id, status: 'processing' });

		const result = await bench.run({ operation: 'getResult', jobId: '={{ $json.id }}' }, { items });
		expect(result.items[0]?.json).toMatchObject({
			id,
			status: 'success',
			output: bench.service.jobs[0]?.outputs,
		});
		expect(result.items[0]?.binary?.data?.mimeType).toBe('image/gif');
		expect(bench.service.jobs).toHaveLength(1);
	});

	test("Don't Wait returns the finished item when the service was that fast", async () => {
		bench.service.configure({ jobSeconds: 0 });
		const { items } = await bench.run({ operation: 'imageTo3d', image: bench.picture, waitFor: 'none' });
		expect(items[0]?.json).toMatchObject({ status: 'success', output: bench.service.jobs[0]?.outputs });
		expect(items[0]?.binary).toBeUndefined();
	});

	test.each([
		['true', 1],
		['false', 0],
	])('Download Output Files from an expression that brings the text "%s"', async (text, files) => {
		const parameters = {
			operation: 'textTo3d',
			prompt: 'a ball',
			settings: { outputType: 'ply', steps: 1, seed: '1' },
		};
		const { items } = await bench.run({
			...parameters,
			download: `={{ "${text}" }}`,
			outputBinaryPropertyName: 'data',
		});
		expect(Object.keys(items[0]?.binary ?? {})).toHaveLength(files);
	});

	test('a PLY mesh leaves with its name and type', async () => {
		const { items } = await bench.run({
			operation: 'textTo3d',
			prompt: 'a red ball',
			settings: { outputType: 'ply', steps: 1, seed: '1' },
		});
		expect(items[0]?.binary?.data).toMatchObject({ mimeType: 'application/x-ply', fileExtension: 'ply' });
		const ply = await bench.engine.readBinary(items[0]!, 'data');
		expect(ply.subarray(0, 4).toString('latin1')).toBe('ply\n');
	});
});

describe('a file as the image', () => {
	test('it is uploaded first, and the job gets the link', async () => {
		const png = await pngBase64();
		const { error } = await bench.run(
			{ operation: 'imageTo3d', imageSource: 'binary', download: false },
			{ items: [fileItem(png, 'image/png', 'dot.png')] },
		);
		expect(error).toBeUndefined();
		expect(bodiesOf('/api/v3/base64_crop')).toEqual([
			{ key: API_KEY, image: `data:image/png;base64,${png}`, crop: 'false' },
		]);
		const [{ image } = { image: '' }] = bodiesOf('/api/v3/img_to_3d');
		expect(image).toMatch(new RegExp(`^${bench.service.origin}/files/`));
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
	])('an upload that meets %s is repeated, and the job is paid once', async (_name, fault) => {
		bench.service.addFault({ on: 'upload', times: 2, do: fault });
		const items = [fileItem(await pngBase64(), 'image/png', 'dot.png')];
		const { error } = await bench.run(
			{ operation: 'imageTo3d', imageSource: 'binary', download: false },
			{ items },
		);
		expect(error).toBeUndefined();
		expect(bodiesOf('/api/v3/base64_crop')).toHaveLength(3);
		expect(bench.service.jobs).toHaveLength(1);
	});

	test('an upload is not waited for longer than the timeout', async () => {
		const busy = { kind: 'answer', status: 503, body: '', headers: { 'retry-after': '3600' } } as const;
		bench.service.addFault({ on: 'upload', times: Infinity, do: busy });
		const items = [fileItem(await pngBase64(), 'image/png', 'dot.png')];
		const start = bench.clock.now();
		await bench.run({ operation: 'imageTo3d', imageSource: 'binary', options: { timeout: 60 } }, { items });
		expect(bench.clock.now() - start).toBeLessThan(60_000);
	});

	test('an upload that keeps failing says that nothing was paid', async () => {
		bench.service.addFault({ on: 'upload', times: Infinity, do: { kind: 'answer', status: 500, body: '' } });
		const items = [fileItem(await pngBase64(), 'image/png', 'dot.png')];
		const { error } = await bench.run({ operation: 'imageTo3d', imageSource: 'binary' }, { items });
		expect(error?.message).toBe('The upload of the image: the service is in trouble, HTTP 500');
		expect(error?.description).toMatch(/No job was accepted, so nothing was paid\.$/);
		expect(bench.service.jobs).toEqual([]);
	});

	test('an image whose type n8n did not recognise is still an image', async () => {
		const { error } = await bench.run(
			{ operation: 'imageTo3d', imageSource: 'binary', download: false },
			{ items: [fileItem(await pngBase64(), 'text/plain', 'dot')] },
		);
		expect(error).toBeUndefined();
		expect(bench.service.jobs).toHaveLength(1);
	});

	test.each([
		['a missing field', { json: {} }, 'binary'],
		['an empty file', fileItem('', 'image/png', 'empty.png'), '(empty.png) is empty'],
		[
			'a text',
			fileItem('aGVsbG8=', 'text/plain', 'note.txt'),
			'(note.txt) is not an image: its type is text/plain',
		],
		[
			'6 MB',
			fileItem('A'.repeat(8 * 1024 * 1024), 'image/png', 'big.png'),
			'(big.png) has 6.0 MB, and the service takes uploads up to 5 MB',
		],
	])('%s is refused before anything is uploaded or submitted', async (_name, item, message) => {
		const { error } = await bench.run({ operation: 'imageTo3d', imageSource: 'binary' }, { items: [item] });
		expect(error?.name).toBe('NodeOperationError');
		expect(error?.message).toContain(message);
		expect(error?.context?.itemIndex).toBe(0);
		expect(bench.service.requests).toEqual([]);
	});
});

describe('input that cannot be sent', () => {
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
		['version', { apiVersion: 'v9' }, 'API Version must be "v3" or "v6", but is "v9"'],
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
			'Job ID must be the ID in the item or the error that reported the job, but is " "',
		],
	])(
		'%s: the error names field, range and value, and nothing was called',
		async (_name, parameters, message) => {
			const { error, run } = await bench.run({ operation: 'imageTo3d', image: bench.picture, ...parameters });
			expect(run.status).toBe('error');
			expect(error?.name).toBe('NodeOperationError');
			expect(error?.message).toContain(message);
			expect(bench.service.requests).toEqual([]);
		},
	);

	test('a mistake in the last item costs nothing for the items before it', async () => {
		const { error } = await bench.run(
			{ operation: 'imageTo3d', image: '={{ $json.link }}' },
			{ items: itemsOf({ link: bench.picture }, { link: 'no link' }) },
		);
		expect(error?.context?.itemIndex).toBe(1);
		expect(bench.service.jobs).toEqual([]);
	});

	test('a long text that is no link is refused at once', async () => {
		const start = Date.now();
		const { error } = await bench.run(
			{ operation: 'imageTo3d', image: '={{ $json.link }}' },
			{ items: itemsOf({ link: `x${' '.repeat(200_000)}y` }) },
		);
		expect(error?.message).toMatch(/^Image URL must be a link that begins with http/);
		// Minutes where the time grows with the square of the length: a form that anyone fills in may lead here.
		expect(Date.now() - start).toBeLessThan(10_000);
	});
});
