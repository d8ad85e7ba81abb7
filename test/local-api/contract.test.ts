import sharp from 'sharp';

import { EXAMPLE_BODY, SAMPLE_RESPONSE } from '../support/reference';
import type { JobSeconds } from '../../local-api/index.mts';
import { KEY, NOT_FOUND, openStandIn, QUICK, type StandIn } from './stand-in.mts';

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn({ jobSeconds: 10 });
});
afterEach(async () => {
	await standIn.close();
});

const invalidKey = {
	status: 'error',
	message: 'Invalid Api Key',
	tip: expect.stringContaining('valid API key'),
};

describe('a submit', () => {
	test("the reference's example body is accepted as it is", async () => {
		const { status, json } = await standIn.post('v3/img_to_3d', {
			image: `${standIn.api.origin}/samples/mug.jpg`,
			...EXAMPLE_BODY,
		});
		expect(status).toBe(200);
		expect(json).toMatchObject({ status: 'processing', output: [], messege: expect.any(String) });
		expect(json.fetch_result).toBe(`${standIn.api.baseUrl}/v3/fetch/${json.id}`);
		expect(new Set(json.future_links).size).toBe(10);
	});

	test("the answer about a finished text job is like the reference's sample response, key for key, but for its own remark", async () => {
		standIn.api.configure({ jobSeconds: 0 });
		const asked = {
			prompt: 'A birthday cupcake',
			frame_size: 256,
			guidance_scale: 15,
			seconds: 3,
			seed: 1110454524,
			steps: 64,
		};
		const { json } = await standIn.post('v3/txt_to_3d', asked);
		const { file_prefix: prefix } = json.meta;
		expect(json).toEqual({
			status: 'success',
			generationTime: expect.any(Number),
			id: expect.any(Number),
			output: [`${standIn.api.origin}/files/${String(prefix)}.gif`],
			meta: {
				...SAMPLE_RESPONSE.meta,
				file_prefix: expect.stringMatching(/^[\w-]{36}$/),
				stand_in: expect.stringContaining('stand-in'),
			},
		});
	});

	test('an accepted job is recorded as paid, without the key', async () => {
		await standIn.submit({ track_id: 'order-7' });
		expect(standIn.api.jobs).toHaveLength(1);
		expect(standIn.api.jobs[0]).toMatchObject({ endpoint: 'img_to_3d', trackId: 'order-7', key: KEY });
		expect(standIn.api.jobs[0]?.params).toMatchObject({ steps: 1, track_id: 'order-7' });
		expect(standIn.api.jobs[0]?.params).not.toHaveProperty('key');
	});

	test.each([
		['steps', 65],
		['steps', 0],
		['steps', 2.5],
		['steps', '65'],
		['steps', '2.5'],
		['steps', 'many'],
		['steps', '0x10'],
		['steps', true],
		['guidance_scale', 0.5],
		['guidance_scale', 21],
		['frame_size', 0],
		['frame_size', 2000],
		['seconds', 21],
		['batch_size', 11],
		['seed', 1.5],
		['seed', '1.5'],
		['safety_checker', 'maybe'],
		['safety_checker', 1],
		['output_type', 'obj'],
		['webhook', 'not a url'],
		['track_id', 7],
		['image', null],
	])('%s: %p is refused with a message for that field', async (field, value) => {
		const { status, json } = await standIn.submit({ [field]: value });
		expect(status).toBe(200);
		expect(json).toEqual({
			status: 'error',
			message: { [field]: [expect.stringContaining(`The ${field} `)] },
		});
		expect(standIn.api.jobs).toHaveLength(0);
	});

	test('numbers can be texts, and yes and no booleans', async () => {
		const asked = { steps: '20', guidance_scale: '7.5', frame_size: '64', seconds: ' 2 ', seed: '20' };
		const meta = async (body: Record<string, unknown>) => (await standIn.submit(body)).json.meta;
		expect(await meta({ ...asked, batch_size: '2', safety_checker: true })).toMatchObject({
			steps: 20,
			guidance_scale: 7.5,
			frame_size: 64,
			seconds: 2,
			seed: 20,
			safetychecker: 'yes',
		});
		expect(standIn.api.jobs[0]?.outputs).toHaveLength(2);
		for (const no of [false, 'false', 'no', null]) {
			expect((await meta({ safety_checker: no })).safetychecker).toBe('no');
			await standIn.clock.sleep(10_000);
		}
		expect((await meta({ safety_checker: 'true' })).safetychecker).toBe('yes');
	});

	test('numbers as texts make the same bytes', async () => {
		standIn.api.configure({ jobSeconds: 0 });
		const texts = Object.fromEntries(Object.entries(QUICK).map(([field, value]) => [field, String(value)]));
		const files = [await standIn.submit(), await standIn.submit(texts)].map(
			({ json }) => json.output[0] as string,
		);
		const [one, other] = await Promise.all(files.map(async (link) => (await standIn.get(link)).bytes));
		expect(other?.equals(one as Buffer)).toBe(true);
	});

	test('the error names all wrong fields', async () => {
		const { message } = (await standIn.post('v3/txt_to_3d', { steps: 0, seed: 'x' })).json;
		expect(Object.keys(message as object).sort()).toEqual(['prompt', 'seed', 'steps']);
	});

	test.each(['missing', 'no image', 'not http', 'a sample that does not exist'])(
		'an unreachable image (%s) gets an error with HTTP 200',
		async (what) => {
			if (what === 'no image') standIn.serve(Buffer.from('just text'));
			const other = {
				'not http': 'ftp://127.0.0.1/a.png',
				'a sample that does not exist': `${standIn.api.origin}/samples/none.png`,
			}[what];
			const { status, json } = await standIn.submit({ image: other ?? standIn.pictureUrl });
			expect([status, json]).toEqual([
				200,
				{ status: 'error', message: 'Unable to fetch image from provided URL' },
			]);
			expect(standIn.api.jobs).toHaveLength(0);
		},
	);

	test('only JPEG, PNG, WebP and GIF are pictures', async () => {
		standIn.serve(
			Buffer.from(
				'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
			),
		);
		expect((await standIn.submit({ image: standIn.pictureUrl })).json.status).toBe('error');
	});

	test('an empty wallet gets HTTP 402', async () => {
		const { status, json } = await standIn.submit({ key: 'empty-wallet' });
		expect(status).toBe(402);
		expect(json).toEqual({ status: 'error', message: expect.stringContaining('Insufficient credits') });
		expect((await standIn.post('wallet_balance', { key: 'empty-wallet' })).json.data).toEqual({
			balance: 0,
			currency: 'USD',
		});
	});
});

describe('a wrong key', () => {
	test.each([
		'v3/img_to_3d',
		'v3/txt_to_3d',
		'v3/fetch/1',
		'v3/fetch',
		'v3/base64_crop',
		'v3/system_load',
		'wallet_balance',
		'v6/3d/image_to_3d',
		'v6/3d/text_to_3d',
		'v6/3d/fetch/1',
		'v6/3d/fetch',
		'v6/base64_to_url',
		'v6/3d/base64_to_url',
	])('%s: HTTP 200 with an error in the body', async (path) => {
		for (const key of ['wrong-key', '', undefined]) {
			const { status, json } = await standIn.post(path, { key });
			expect([status, json]).toEqual([200, invalidKey]);
		}
	});

	test('an option sets the keys that are refused', async () => {
		const other = await openStandIn({ refusedKeys: [KEY] });
		expect((await other.submit()).json).toEqual(invalidKey);
		expect((await other.submit({ key: 'wrong-key' })).json.status).toBe('processing');
		await other.close();
	});
});

describe('a job', () => {
	test('is processing until its time is over, then it has succeeded, and only then its files exist', async () => {
		const { id, future_links: links, eta } = (await standIn.submit()).json;
		expect(eta).toBe(10);
		expect((await standIn.get(links[0] as string)).status).toBe(404);
		await standIn.clock.sleep(9_999);
		expect((await standIn.fetchJob(id)).json).toMatchObject({
			status: 'processing',
			id,
			eta: 0.001,
			output: [],
		});
		expect((await standIn.get(links[0] as string)).status).toBe(404);
		await standIn.clock.sleep(1);
		expect((await standIn.fetchJob(id)).json).toMatchObject({
			status: 'success',
			id,
			generationTime: 10,
			output: links,
		});
		expect((await standIn.get(links[0] as string)).status).toBe(200);
	});

	test('can have a wrong ETA, or none', async () => {
		standIn.api.configure({ eta: 'missing' });
		expect((await standIn.submit()).json).not.toHaveProperty('eta');
		standIn.api.configure({ eta: { factor: 0.5 } });
		expect((await standIn.submit()).json.eta).toBe(5);
	});

	test('takes the time that is set for its number', async () => {
		standIn.api.configure({ jobSeconds: (jobNumber) => jobNumber * 3 });
		expect((await standIn.submit()).json.eta).toBe(3);
		expect((await standIn.submit()).json.eta).toBe(6);
	});

	/** How long the jobs of another service take, s. */
	const durations = async (jobSeconds: JobSeconds, count: number) => {
		const other = await openStandIn({ jobSeconds, parallel: count, queueLimit: count });
		for (let i = 0; i < count; i++) await other.submit();
		await other.close();
		return other.api.jobs.map(({ startedAt, endsAt }) => (endsAt - startedAt) / 1000);
	};

	test('takes a random time between two limits, the same for the same seed and number', async () => {
		const range = { from: 5, to: 15 };
		const seconds = await durations({ ...range, seed: 1 }, 40);
		expect(Math.min(...seconds)).toBeGreaterThanOrEqual(5);
		expect(Math.max(...seconds)).toBeLessThan(15);
		expect(new Set(seconds).size).toBe(40);
		for (const from of [5, 7.5, 10, 12.5]) {
			const within = seconds.filter((value) => value >= from && value < from + 2.5);
			expect(within.length).toBeGreaterThan(4);
		}
		expect(await durations({ ...range, seed: 1 }, 40)).toEqual(seconds);
		expect((await durations({ ...range, seed: 2 }, 1))[0]).not.toBe(seconds[0]);
		standIn.api.configure({ jobSeconds: { ...range, seed: 1 } });
		expect((await standIn.submit()).json.eta).toBeCloseTo(seconds[0] as number, 2);
		standIn.api.configure({ jobSeconds: 3 });
		await standIn.submit();
		standIn.api.configure({ jobSeconds: { ...range, seed: 1 }, parallel: 3 });
		expect((await standIn.submit()).json.eta).toBeCloseTo(seconds[2] as number, 2);
	});

	test('is not found if it does not exist, or belongs to another key', async () => {
		const { id } = (await standIn.submit()).json;
		const { status, json } = await standIn.fetchJob(99);
		expect([status, json]).toEqual([200, NOT_FOUND]);
		expect((await standIn.fetchJob('abc')).json).toEqual(NOT_FOUND);
		expect((await standIn.post(`v3/fetch/${id}`, { key: 'another key' })).json).toEqual(NOT_FOUND);
	});
});

describe('the queue', () => {
	test('is first in, first out, with as many jobs at the same time as there are workers', async () => {
		const ids: number[] = [];
		for (let i = 0; i < 5; i++) ids.push((await standIn.submit()).json.id);
		const ended = async () => {
			const states = await Promise.all(ids.map(async (id) => (await standIn.fetchJob(id)).json.status));
			return states.filter(
				(status, i) => status === 'success' && states.slice(0, i).every((other) => other === 'success'),
			).length;
		};
		expect((await standIn.post('v3/system_load')).json).toEqual({
			queue_num: 5,
			queue_time: 20,
			status: 'ok',
		});
		for (const expected of [2, 4, 5]) {
			await standIn.clock.sleep(10_000);
			expect(await ended()).toBe(expected);
		}
		expect((await standIn.post('v3/system_load')).json).toEqual({
			queue_num: 0,
			queue_time: 0,
			status: 'ok',
		});
	});

	test('with one worker, a job waits for the one before it', async () => {
		standIn.api.configure({ parallel: 1 });
		await standIn.submit();
		expect((await standIn.submit()).json.eta).toBe(20);
	});

	test('accepts five open jobs of a key, and answers 429 to one more until a job ends', async () => {
		for (let i = 0; i < 5; i++) expect((await standIn.submit()).status).toBe(200);
		const { status, json } = await standIn.submit();
		expect(status).toBe(429);
		expect(json).toEqual({
			status: 'error',
			message: 'Rate limit exceeded. Maximum 5 queued requests allowed.',
			retry_after: 10,
		});
		expect((await standIn.submit({ key: 'another key' })).status).toBe(200);
		await standIn.clock.sleep(10_000);
		expect((await standIn.submit()).status).toBe(200);
		expect(standIn.api.jobs).toHaveLength(7);
	});

	test('records what it has refused, and when each job starts and ends', async () => {
		const start = standIn.clock.now();
		for (let i = 0; i < 6; i++) await standIn.submit();
		expect(standIn.api.requests.map((request) => request.status)).toEqual([200, 200, 200, 200, 200, 429]);
		const times = standIn.api.jobs.map(({ acceptedAt, startedAt, endsAt }) =>
			[acceptedAt, startedAt, endsAt].map((time) => time - start),
		);
		expect(times).toEqual([
			[0, 0, 10_000],
			[0, 0, 10_000],
			[0, 10_000, 20_000],
			[0, 10_000, 20_000],
			[0, 20_000, 30_000],
		]);
	});

	test('keeps its limit when submits come at the same time', async () => {
		standIn.serve(await sharp('samples/duck.png').resize(40).png().toBuffer());
		const replies = await Promise.all(
			Array.from({ length: 9 }, () => standIn.submit({ image: standIn.pictureUrl })),
		);
		expect(replies.filter(({ status }) => status === 429)).toHaveLength(4);
		expect(standIn.api.jobs).toHaveLength(5);
	});
});

describe('an upload', () => {
	const upload = async (file: Buffer) =>
		(
			await standIn.post('v3/base64_crop', {
				image: `data:image/png;base64,${file.toString('base64')}`,
				crop: 'false',
			})
		).json;

	test('becomes a link to the same bytes', async () => {
		const file = await sharp('samples/duck.png').resize(30).png().toBuffer();
		const answer = await upload(file);
		expect(answer).toEqual({
			status: 'success',
			messege: 'image uploaded',
			link: expect.stringContaining('/files/'),
			request_id: 1,
		});
		expect((await standIn.get(answer.link)).bytes).toEqual(file);
	});

	test('above 5 MB is refused, and slightly below it is not', async () => {
		const file = await sharp('samples/duck.png').resize(30).png().toBuffer();
		const padded = (size: number) => Buffer.concat([file, Buffer.alloc(size - file.length)]);
		expect((await upload(padded(5 * 1024 * 1024 + 1))).message).toBe(
			'The image must not be greater than 5 MB.',
		);
		expect((await upload(padded(5 * 1024 * 1024))).status).toBe('success');
	});

	test.each([
		['no image', undefined, { image: ['The image field is required.'] }],
		['a link', 'http://127.0.0.1/a.png', 'The image must be a base64 data URL.'],
		['what is no picture', 'data:image/png;base64,AAAA', 'The image could not be decoded.'],
	])('of %s is refused', async (_, image, message) => {
		expect((await standIn.post('v3/base64_crop', { image })).json).toEqual({ status: 'error', message });
	});
});

describe('a request that is not part of the API', () => {
	test.each([
		['GET', '/nowhere'],
		['POST', '/api/v3/nowhere'],
		['GET', '/api/v3/img_to_3d'],
		['POST', '/api/v6/3d/nowhere'],
		['POST', '/api/v6/image_to_3d'],
		['GET', '/files/none.gif'],
		['GET', '/proxy/none.glb'],
		['GET', '/samples/none.png'],
		['GET', '/samples/..%2Fpackage.json'],
	])('%s %s gets 404 in HTML', async (method, path) => {
		const { status, headers, text } = await standIn.request(method, `${standIn.api.origin}${path}`);
		expect(status).toBe(404);
		expect(headers['content-type']).toContain('text/html');
		expect(text).toContain('<h1>404');
	});

	test('malformed JSON gets 400', async () => {
		const { status, json } = await standIn.post('v3/img_to_3d', '{"key": ');
		expect(status).toBe(400);
		expect(json).toEqual({ status: 'error', message: expect.stringContaining('JSON') });
	});
});
