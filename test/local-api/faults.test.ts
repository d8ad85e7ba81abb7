import { NOT_FOUND, openStandIn, type Reply, type StandIn } from './stand-in.mts';

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn({ jobSeconds: 0 });
});
afterEach(async () => {
	await standIn.close();
});

/** The outcome of a request: its status, or the code of the error that ended it. */
const fate = async (reply: Promise<Reply>): Promise<number | string> =>
	await reply.then(
		({ status }) => status,
		(error: { code?: string; message: string }) => error.code ?? error.message,
	);

const answer503 = { kind: 'answer', status: 503, body: 'busy' } as const;

describe('a fault', () => {
	test('"answer" replaces the answer: text, JSON, status, headers and content type', async () => {
		standIn.api.addFault({ on: 'fetch', do: { ...answer503, headers: { 'retry-after': '7' } } });
		standIn.api.addFault({ on: 'fetch', do: { kind: 'answer', body: { status: 'odd' } } });
		standIn.api.addFault({ on: 'fetch', do: { kind: 'answer', body: '<p>', contentType: 'text/html' } });
		const first = await standIn.fetchJob(1);
		expect([first.status, first.text, first.headers['retry-after']]).toEqual([503, 'busy', '7']);
		const second = await standIn.fetchJob(1);
		expect([second.status, second.json, second.headers['content-type']]).toEqual([
			200,
			{ status: 'odd' },
			'application/json',
		]);
		expect((await standIn.fetchJob(1)).headers['content-type']).toBe('text/html');
		expect((await standIn.fetchJob(1)).json.message).toBe('Request not found');
	});

	test('"edit" changes the right answer, and the submit is accepted', async () => {
		standIn.api.addFault({
			on: 'submit',
			do: { kind: 'edit', edit: ({ status, id }) => ({ status, id: String(id) }) },
		});
		const { json } = await standIn.submit();
		expect(json).toEqual({ status: 'success', id: String(standIn.api.jobs[0]?.id) });
	});

	test.each(['before', 'middle'] as const)('"reset" breaks the connection (%s)', async (when) => {
		standIn.api.addFault({ on: 'system_load', do: { kind: 'reset', when } });
		expect(await fate(standIn.post('v3/system_load'))).toBe('ECONNRESET');
		expect(await fate(standIn.post('v3/system_load'))).toBe(200);
	});

	test('"hang" never answers, and other requests are answered during it', async () => {
		standIn.api.addFault({ on: 'upload', do: { kind: 'hang' } });
		const hanging = fate(standIn.post('v3/base64_crop'));
		while (standIn.api.requests.length === 0) await standIn.get(`${standIn.api.origin}/local-api`);
		expect(await fate(standIn.post('v3/base64_crop'))).toBe(200);
		expect(standIn.api.inFlight()).toBe(1);
		await standIn.api.stop();
		expect(await hanging).toBe('ECONNRESET');
		expect(standIn.api.inFlight()).toBe(0);
	});

	test('"drip" sends the right answer slowly', async () => {
		const { output } = (await standIn.submit()).json;
		const right = await standIn.get(output[0] as string);
		standIn.api.addFault({ on: 'download', do: { kind: 'drip', bytesPerSecond: right.bytes.length * 4 } });
		const started = performance.now();
		const dripped = await standIn.get(output[0] as string);
		expect(performance.now() - started).toBeGreaterThan(200);
		expect(dripped.bytes).toEqual(right.bytes);
	});

	test('"flood" sends JSON of that size, and ends when the client leaves', async () => {
		standIn.api.addFault({ on: 'download', do: { kind: 'flood', megabytes: 3 } });
		const { output } = (await standIn.submit()).json;
		const { bytes, headers } = await standIn.get(output[0] as string);
		expect([bytes.length, headers['content-type']]).toEqual([3 * 1024 * 1024, 'application/json']);
		expect(JSON.parse(bytes.toString())).toMatchObject({ status: 'success' });
		standIn.api.addFault({ on: 'download', do: { kind: 'flood', megabytes: 10_000 } });
		const { body } = await fetch(output[0] as string);
		await body?.cancel();
		while (standIn.api.inFlight() > 0) await standIn.get(`${standIn.api.origin}/samples/none`);
	});

	test('"truncate" ends the connection halfway', async () => {
		const { output } = (await standIn.submit()).json;
		standIn.api.addFault({ on: 'download', do: { kind: 'truncate' } });
		expect(await fate(standIn.get(output[0] as string))).toMatch(/ECONNRESET|ERR_BAD_RESPONSE|aborted/);
		expect(await fate(standIn.get(output[0] as string))).toBe(200);
	});

	test('"truncate" can end the answer halfway as if it were complete', async () => {
		const { output } = (await standIn.submit()).json;
		const link = output[0] as string;
		const whole = await standIn.get(link);
		standIn.api.addFault({ on: 'download', do: { kind: 'truncate', silently: true } });
		const half = await standIn.get(link);
		expect(half.headers).not.toHaveProperty('content-length');
		expect(half.headers['content-type']).toBe('image/gif');
		expect([half.status, half.bytes]).toEqual([200, whole.bytes.subarray(0, whole.bytes.length / 2)]);
		expect((await standIn.get(link)).bytes).toEqual(whole.bytes);
	});

	test.each([303, 400, 403, 404, 409, 422, 429, 500])(
		'"code" gives the right answer under HTTP %d, and the submit is accepted',
		async (status) => {
			standIn.api.addFault({ on: 'submit', do: { kind: 'code', status } });
			standIn.api.addFault({ on: 'fetch', do: { kind: 'code', status } });
			const submitted = await standIn.submit();
			expect([submitted.status, submitted.json.status]).toEqual([status, 'success']);
			expect(standIn.api.jobs.map(({ id }) => id)).toEqual([submitted.json.id]);
			const fetched = await standIn.fetchJob(submitted.json.id);
			expect([fetched.status, fetched.json]).toEqual([status, submitted.json]);
			expect((await standIn.fetchJob(submitted.json.id)).status).toBe(200);
		},
	);

	test('"byteOrderMark" puts one before the right answer, and the submit is accepted', async () => {
		for (const on of ['submit', 'fetch'] as const) {
			standIn.api.addFault({ on, do: { kind: 'byteOrderMark' } });
		}
		const submitted = await standIn.submit();
		const { id } = standIn.api.jobs[0] as { id: number };
		const spoiled = await standIn.fetchJob(id);
		const right = await standIn.fetchJob(id);
		const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), right.bytes]);
		expect([submitted, spoiled].map(({ bytes }) => bytes)).toEqual([marked, marked]);
		expect(right.json.status).toBe('success');
	});

	test('"notFound" says that a job does not exist', async () => {
		const { id } = (await standIn.submit()).json;
		standIn.api.addFault({ on: 'fetch', do: { kind: 'notFound' } });
		const { status, json } = await standIn.fetchJob(id);
		expect([status, json]).toEqual([200, NOT_FOUND]);
		expect((await standIn.fetchJob(id)).json.status).toBe('success');
	});

	test('"late" delays a file until some time after the end of its job', async () => {
		standIn.api.configure({ jobSeconds: 10 });
		standIn.api.addFault({ on: 'download', do: { kind: 'late', seconds: 30 } });
		const { id, future_links: links } = (await standIn.submitMesh()).json;
		await standIn.clock.sleep(10_000);
		const { status, output, proxy_links: mirrors } = (await standIn.fetchMesh(id)).json;
		expect([status, output]).toEqual(['success', links]);
		const files = [output[0] as string, mirrors[0] as string];
		const fates = async () => await Promise.all(files.map(async (link) => await fate(standIn.get(link))));
		expect(await fates()).toEqual([404, 404]);
		await standIn.clock.sleep(29_999);
		expect(await fates()).toEqual([404, 404]);
		await standIn.clock.sleep(1);
		expect(await fates()).toEqual([200, 200]);
		// It counts for every job until it is cleared.
		standIn.api.configure({ jobSeconds: 0 });
		const second = (await standIn.submitMesh()).json.output[0] as string;
		expect(await fate(standIn.get(second))).toBe(404);
		standIn.api.clearFaults();
		expect(await fate(standIn.get(second))).toBe(200);
	});

	test('"late" can end after a number of requests, and affects no upload and no other fault', async () => {
		standIn.api.addFault({ on: 'download', times: 2, do: { kind: 'late', seconds: 30 } });
		standIn.api.addFault({ on: 'download', skip: 1, do: answer503 });
		const image = `data:image/png;base64,${(await standIn.get(`${standIn.api.origin}/samples/duck.png`)).bytes.toString('base64')}`;
		const { link } = (await standIn.post('v3/base64_crop', { image })).json;
		const { output } = (await standIn.submit()).json;
		const file = output[0] as string;
		const links = [file, link, file, file, file];
		const fates: Array<number | string> = [];
		for (const each of links) fates.push(await fate(standIn.get(each)));
		expect(fates).toEqual([404, 200, 404, 503, 200]);
	});

	test('on "download" can affect only the output, or only its mirror', async () => {
		const {
			output,
			proxy_links: mirrors,
			extra_assets: assets,
		} = (await standIn.submitMesh({ output_format: 'obj' })).json;
		const links = [output[0], mirrors[0], assets[0]] as string[];
		const fates = async () => {
			const seen: Array<number | string> = [];
			for (const link of links) seen.push(await fate(standIn.get(link)));
			return seen;
		};
		standIn.api.addFault({ on: 'download', link: 'output', times: Infinity, do: answer503 });
		expect(await fates()).toEqual([503, 200, 200]);
		standIn.api.addFault({
			on: 'download',
			link: 'mirror',
			times: Infinity,
			do: { ...answer503, status: 500 },
		});
		expect(await fates()).toEqual([503, 500, 200]);
		standIn.api.clearFaults();
		standIn.api.addFault({ on: 'download', link: 'mirror', do: { kind: 'late', seconds: 1 } });
		expect(await fates()).toEqual([200, 404, 200]);
	});

	test('on "webhook" puts a byte order mark before the call', async () => {
		standIn.api.addFault({ on: 'webhook', do: { kind: 'byteOrderMark' } });
		for (let job = 0; job < 2; job++) {
			await standIn.submit({ webhook: standIn.hookUrl, track_id: 'order-7' });
			await standIn.clock.sleep(1_000);
		}
		const [first, second] = standIn.calls;
		expect(first?.bytes.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
		expect(JSON.parse(first?.bytes.subarray(3).toString() ?? '')).toMatchObject({ track_id: 'order-7' });
		expect(second?.bytes.toString()).toMatch(/^{"status":"success",/);
		expect(standIn.calls.map(({ contentType }) => contentType)).toEqual([
			'application/json',
			'application/json',
		]);
		expect(standIn.api.calls.map(({ status }) => status)).toEqual([200, 200]);
	});

	test.each([
		[{ on: 'submit', do: { kind: 'notFound' } }, 'on must be "fetch" for notFound'],
		[{ on: 'fetch', do: { kind: 'late', seconds: 1 } }, 'on must be "download" for late'],
		[{ on: 'webhook', do: { kind: 'hang' } }, 'on must be something other than "webhook" for hang'],
		[{ on: 'submit', perJob: true, do: { kind: 'hang' } }, 'on must be "fetch" for perJob'],
		[{ on: 'fetch', link: 'mirror', do: { kind: 'hang' } }, 'on must be "download" for link'],
	] as const)('that is not possible is refused: %j', (fault, expected) => {
		expect(() => standIn.api.addFault(fault)).toThrow(expected);
	});

	test('"redirect" sends the client elsewhere', async () => {
		standIn.api.addFault({
			on: 'fetch',
			do: { kind: 'redirect', status: 308, location: 'http://127.0.0.1:9/x' },
		});
		const { status, headers } = await standIn.fetchJob(1);
		expect([status, headers.location]).toEqual([308, 'http://127.0.0.1:9/x']);
	});

	test('"failJob" accepts a job that ends as failed', async () => {
		standIn.api.configure({ jobSeconds: 5 });
		standIn.api.addFault({ on: 'submit', do: { kind: 'failJob' } });
		const { id, status, future_links: links } = (await standIn.submit()).json;
		expect([status, links]).toEqual(['processing', []]);
		await standIn.clock.sleep(5_000);
		expect((await standIn.fetchJob(id)).json).toEqual({
			status: 'failed',
			id,
			message: 'Failed, Try Again',
			output: '',
		});
		expect(standIn.api.jobs.map(({ outcome }) => outcome)).toEqual(['failed']);
	});

	test('on "image" makes the image unreachable, once', async () => {
		standIn.api.addFault({ on: 'image', do: { kind: 'hang' } });
		expect((await standIn.submit()).json.message).toBe('Unable to fetch image from provided URL');
		expect(standIn.api.requests.at(-1)?.faulted).toBe('image');
		expect((await standIn.submit()).json.status).toBe('success');
	});
});

describe("version 6's requests", () => {
	test.each(['image_to_3d', 'text_to_3d'])('%s is a submit', async (endpoint) => {
		standIn.api.addFault({ on: 'submit', accept: true, do: answer503 });
		const image = `${standIn.api.origin}/samples/duck.png`;
		expect(await fate(standIn.post(`v6/3d/${endpoint}`, { image, prompt: 'a vase' }))).toBe(503);
		expect(standIn.api.jobs.map((job) => job.endpoint)).toEqual([endpoint]);
	});

	test.each([
		['fetch', 'v6/3d/fetch/1'],
		['upload', 'v6/base64_to_url'],
		['upload', 'v6/3d/base64_to_url'],
	] as const)('are hit by a fault on "%s": %s', async (on, path) => {
		standIn.api.addFault({ on, do: answer503 });
		expect([await fate(standIn.post(path)), await fate(standIn.post(path))]).toEqual([503, 200]);
	});

	test('are affected by a fault on "download" in both folders', async () => {
		const { output, proxy_links: links } = (await standIn.submitMesh()).json;
		standIn.api.addFault({ on: 'download', times: 2, do: answer503 });
		const [file, proxied] = [output[0] as string, links[0] as string];
		expect([await fate(standIn.get(file)), await fate(standIn.get(proxied))]).toEqual([503, 503]);
		expect([await fate(standIn.get(file)), await fate(standIn.get(proxied))]).toEqual([200, 200]);
	});

	test('are affected by a fault on "image", but a text is not', async () => {
		standIn.api.addFault({ on: 'image', do: { kind: 'hang' } });
		expect((await standIn.post('v6/3d/text_to_3d', { prompt: 'a vase' })).json.status).toBe('success');
		expect((await standIn.submitMesh()).json.message).toBe('Unable to fetch image from provided URL');
		expect((await standIn.submitMesh()).json.status).toBe('success');
	});

	test('"failJob" makes a mesh that fails, without files', async () => {
		standIn.api.configure({ jobSeconds: 5 });
		standIn.api.addFault({ on: 'submit', do: { kind: 'failJob', message: 'too dark' } });
		const { id, ...answer } = (await standIn.submitMesh({ output_format: 'obj' })).json;
		expect(answer).toMatchObject({ status: 'processing', future_links: [], extra_assets: [] });
		await standIn.clock.sleep(5_000);
		const failed = { status: 'failed', id, message: 'too dark', output: '' };
		expect((await standIn.fetchMesh(id)).json).toEqual(failed);
	});
});

describe('a spoiled submit', () => {
	test.each([
		answer503,
		{ kind: 'reset', when: 'before' },
		{ kind: 'reset', when: 'middle' },
		{ kind: 'truncate' },
		{ kind: 'redirect', status: 302, location: '/' },
	] as const)('counts as paid only with "accept" ($kind)', async (misbehaviour) => {
		standIn.api.addFault({ on: 'submit', do: misbehaviour });
		const spoiled = await fate(standIn.submit());
		expect(spoiled).not.toBe(200);
		expect(standIn.api.jobs).toHaveLength(0);
		standIn.api.addFault({ on: 'submit', accept: true, do: misbehaviour });
		expect(await fate(standIn.submit())).toBe(spoiled);
		expect(standIn.api.jobs).toHaveLength(1);
	});

	test('that is refused without the fault is not paid, even with "accept"', async () => {
		standIn.api.addFault({ on: 'submit', accept: true, do: answer503 });
		expect(await fate(standIn.submit({ steps: 0 }))).toBe(503);
		expect(standIn.api.jobs).toHaveLength(0);
	});
});

describe('the number of requests that a fault affects', () => {
	const fates = async (count: number) => {
		const seen: Array<number | string> = [];
		for (let i = 0; i < count; i++) seen.push(await fate(standIn.fetchJob(1)));
		return seen;
	};

	test('it skips some, affects some, and then the next fault begins', async () => {
		standIn.api.addFault({ on: 'fetch', skip: 1, times: 2, do: answer503 });
		standIn.api.addFault({ on: 'fetch', do: { ...answer503, status: 500 } });
		standIn.api.addFault({ on: 'system_load', do: answer503 });
		expect(await fates(5)).toEqual([200, 503, 503, 500, 200]);
	});

	test('it can affect all, until the faults are cleared', async () => {
		standIn.api.addFault({ on: 'fetch', times: Infinity, do: answer503 });
		expect(await fates(4)).toEqual([503, 503, 503, 503]);
		standIn.api.clearFaults();
		expect(await fates(1)).toEqual([200]);
	});

	test('counts for each job separately with "perJob"', async () => {
		standIn.api.configure({ jobSeconds: 10 });
		const ids = [(await standIn.submit()).json.id, (await standIn.submit()).json.id];
		standIn.api.addFault({ on: 'fetch', perJob: true, times: 2, do: { kind: 'notFound' } });
		standIn.api.addFault({ on: 'fetch', do: answer503 });
		const statuses = async (id = 0) => {
			const reply = await standIn.fetchJob(id);
			return reply.status === 200 ? reply.json.status : reply.status;
		};
		const seen: unknown[] = [];
		for (const id of [ids[0], ids[1], ids[0], ids[1], ids[1], ids[0]]) seen.push(await statuses(id));
		// The next fault begins for a job that has used up this one.
		expect(seen).toEqual(['failed', 'failed', 'failed', 'failed', 503, 'processing']);
		const third = (await standIn.submit()).json.id;
		const asked = async () => (await standIn.post('v3/fetch', { request_id: third })).json.status;
		expect([await statuses(third), await asked(), await asked()]).toEqual(['failed', 'failed', 'processing']);
	});

	test('counts for each job separately after some', async () => {
		const ids = [(await standIn.submit()).json.id, (await standIn.submit()).json.id];
		standIn.api.addFault({ on: 'fetch', perJob: true, skip: 1, times: 1, do: answer503 });
		const seen: Array<number | string> = [];
		for (let round = 0; round < 3; round++) {
			for (const id of ids) seen.push(await fate(standIn.fetchJob(id)));
		}
		expect(seen).toEqual([200, 200, 503, 503, 200, 200]);
	});

	test('the requests are recorded with the fault that hit them', async () => {
		standIn.api.addFault({ on: 'fetch', do: answer503 });
		await fates(2);
		expect(standIn.api.requests.map(({ method, path, faulted }) => [method, path, faulted])).toEqual([
			['POST', '/api/v3/fetch/1', 'answer'],
			['POST', '/api/v3/fetch/1', undefined],
		]);
	});
});

describe('faults over HTTP', () => {
	const post = async (fault: unknown) =>
		await standIn.request(
			'POST',
			`${standIn.api.origin}/local-api/faults`,
			typeof fault === 'string' ? fault : JSON.stringify(fault),
		);

	test('are added one or several at a time, listed, and cleared', async () => {
		const faults = [{ on: 'fetch', times: 'Infinity', do: answer503 }, { on: 'image' }];
		expect((await post(faults)).status).toBe(200);
		expect((await post({ on: 'fetch', do: answer503 })).status).toBe(200);
		const { faults: listed } = (await standIn.get(`${standIn.api.origin}/local-api`)).json;
		expect(listed).toMatchObject([...faults, { on: 'fetch', times: 1, do: answer503 }]);
		expect(await fate(standIn.fetchJob(1))).toBe(503);
		await standIn.request('DELETE', `${standIn.api.origin}/local-api/faults`);
		expect(await fate(standIn.fetchJob(1))).toBe(200);
	});

	test.each([
		{ on: 'fetch', perJob: true, times: 3, do: { kind: 'notFound' } },
		{ on: 'download', link: 'mirror', times: 'Infinity', do: { kind: 'late', seconds: 2.5 } },
		{ on: 'submit', do: { kind: 'code', status: 409 } },
		{ on: 'fetch', do: { kind: 'byteOrderMark' } },
		{ on: 'webhook', do: { kind: 'byteOrderMark' } },
		{ on: 'download', link: 'output', do: { kind: 'truncate', silently: true } },
	])('are accepted and listed as they were given: %j', async (fault) => {
		expect((await post(fault)).status).toBe(200);
		const { faults } = (await standIn.get(`${standIn.api.origin}/local-api`)).json;
		expect(faults).toEqual([{ skip: 0, times: 1, ...fault }]);
	});

	test('of late files affect all requests, unless they say how many', async () => {
		await post({ on: 'download', do: { kind: 'late', seconds: 2 } });
		const { faults } = (await standIn.get(`${standIn.api.origin}/local-api`)).json;
		expect(faults).toMatchObject([{ times: 'Infinity' }]);
	});

	test('of a long answer are kept completely', async () => {
		const body = 'x'.repeat(30_000);
		await post({ on: 'fetch', do: { kind: 'answer', body } });
		expect((await standIn.fetchJob(1)).text).toBe(body);
	});

	test.each([
		['fault', 'null'],
		['on', { do: answer503 }],
		['on', { on: 'lunch', do: answer503 }],
		['on', { on: 'fetch', do: { kind: 'failJob' } }],
		['times', { on: 'fetch', times: 0, do: answer503 }],
		['times', { on: 'fetch', times: 1.5, do: answer503 }],
		['skip', { on: 'fetch', skip: -1, do: answer503 }],
		['skip', { on: 'fetch', skip: 'Infinity', do: answer503 }],
		['accept', { on: 'submit', accept: 'yes', do: answer503 }],
		['time', { on: 'fetch', time: 3, do: answer503 }],
		['perJob', { on: 'fetch', perJob: 1, do: answer503 }],
		['on', { on: 'submit', perJob: true, do: answer503 }],
		['link', { on: 'download', link: 'both', do: answer503 }],
		['on', { on: 'fetch', link: 'output', do: answer503 }],
		['on', { on: 'submit', do: { kind: 'notFound' } }],
		['on', { on: 'submit', do: { kind: 'late', seconds: 1 } }],
		['on', { on: 'webhook', do: answer503 }],
		['do.seconds', { on: 'download', do: { kind: 'late', seconds: -1 } }],
		['do.status', { on: 'submit', do: { kind: 'code', status: 700 } }],
		['do.silently', { on: 'download', do: { kind: 'truncate', silently: 1 } }],
		['do', { on: 'fetch' }],
		['do.kind', { on: 'fetch', do: { kind: 'edit' } }],
		['do.body', { on: 'fetch', do: { kind: 'answer' } }],
		['do.status', { on: 'fetch', do: { kind: 'answer', body: '', status: 99 } }],
		['do.headers', { on: 'fetch', do: { kind: 'answer', body: '', headers: { a: 1 } } }],
		['do.headers', { on: 'fetch', do: { kind: 'answer', body: '', headers: { 'not a name': 'x' } } }],
		['do.contentType', { on: 'fetch', do: { kind: 'answer', body: '', contentType: 'a\nb' } }],
		['do.when', { on: 'fetch', do: { kind: 'reset' } }],
		['do.bytesPerSecond', { on: 'fetch', do: { kind: 'drip', bytesPerSecond: 0 } }],
		['do.megabytes', { on: 'fetch', do: { kind: 'flood', megabytes: 0.5 } }],
		['do.status', { on: 'fetch', do: { kind: 'redirect', status: 200, location: '/' } }],
		['do.location', { on: 'fetch', do: { kind: 'redirect', status: 302 } }],
		['do.location', { on: 'fetch', do: { kind: 'redirect', status: 302, location: 'a\nb' } }],
		['do.message', { on: 'submit', do: { kind: 'failJob', message: 1 } }],
		['JSON', '{"on":'],
	])('with a wrong "%s" are refused, and the error names it: %j', async (field, fault) => {
		const { status, json } = await post(fault);
		expect(status).toBe(400);
		expect(json.message).toMatch(field === 'JSON' ? /JSON/ : new RegExp(`^${field} must be `));
		expect((await standIn.get(`${standIn.api.origin}/local-api`)).json.faults).toEqual([]);
	});
});
