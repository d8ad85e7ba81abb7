/** Answers that the reference does not show, but that clients of the service have recorded. */
import type { INode, INodeParameters } from 'n8n-workflow';

import { buildTriggerWorkflow } from '../../bench/calls.mts';
import { readOutput, type Execution, type WorkflowJson } from '../../n8n/engine/engine.cts';
import type { Fault } from '../../local-api/index.mts';
import {
	type Rig,
	makeNumberedItems,
	openRig,
	buildPromptParameters,
	type Result,
	buildWorkflow,
} from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 10, parallel: 10, queueLimit: 100 });
});
afterEach(async () => {
	await rig.close();
});

const RETRIED: Partial<INode> = { retryOnFail: true, maxTries: 3, waitBetweenTries: 1 };

const run = async (parameters: INodeParameters = {}, node: Partial<INode> = {}, count = 1): Promise<Result> =>
	await rig.run(buildPromptParameters(parameters), { items: makeNumberedItems(count), node });

const answer = (body: unknown, status = 200): Fault['do'] => ({ kind: 'answer', body, status });

const onFetch = (body: unknown, times = Infinity, status = 200) =>
	rig.service.addFault({ on: 'fetch', times, do: answer(body, status) });

const submits = () => rig.service.requests.filter(({ path }) => path.includes('txt_to_3d'));
const fetches = () => rig.service.requests.filter(({ path }) => path.includes('/fetch'));
const jobId = () => rig.service.jobs[0]?.idText;
/** Makes the API report a bad end that counts after a minute, and ask for a pause before the next question. */
const reportBadEnd = (pauseSeconds: number) => {
	const edit = ({ id }: Record<string, unknown>) => ({
		status: 'error',
		id,
		message: 'No.',
		retry_after: pauseSeconds,
	});
	rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit } });
};

/** Computes the seconds between the fetches. */
const pauses = () => {
	const times = fetches().map(({ at }) => at / 1000);
	return times.slice(1).map((time, index) => time - (times[index] ?? 0));
};

const seconds = (from: number) => (rig.clock.now() - from) / 1000;
const latest = () => rig.engine.executions.at(-1) as Execution;

/** The JSON of a failed item with Continue. */
const errorOf = ({ items }: Result) => items[0]?.json as { error: string; description: string; paid: string };
const CONTINUE: Partial<INode> = { onError: 'continueRegularOutput' };

const NOT_FOUND = {
	status: 'failed',
	id: '',
	message: 'Request not found',
	output: '',
	tip: 'Get 20x faster',
};

describe('a job that the service does not know yet', () => {
	test.each([
		['v3, as failed', 'v3', NOT_FOUND, 200],
		['v6, as failed', 'v6', NOT_FOUND, 200],
		['v3, as an error', 'v3', { ...NOT_FOUND, status: 'error' }, 200],
		['v6, with its ID', 'v6', { ...NOT_FOUND, id: 10684518 }, 200],
		['v3, with HTTP 404', 'v3', { ...NOT_FOUND, status: 'error' }, 404],
		['v6, as a page', 'v6', '<html>Not found</html>', 404],
	])('is polled until it is done, and paid for once (%s)', async (_case, apiVersion, body, status) => {
		onFetch(body, 6, status);
		const { items, error } = await run({ apiVersion }, RETRIED);
		expect(error).toBeUndefined();
		expect(items[0]?.json.status).toBe('success');
		expect(rig.service.jobs).toHaveLength(1);
		expect(fetches().length).toBeGreaterThan(6);
	});

	test('is polled until Timeout, and no try submits it again', async () => {
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'notFound' } });
		const start = rig.clock.now();
		const { error } = await rig.run(buildPromptParameters({}, { timeout: 300 }), {
			items: makeNumberedItems(1),
			node: RETRIED,
		});
		expect(error?.message).toBe(`Job ${jobId()}: not finished after 300 s (Timeout)`);
		expect(seconds(start)).toBeGreaterThanOrEqual(900);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('gives its slot to the next item after a minute, and is still found later', async () => {
		rig.service.addFault({ on: 'fetch', perJob: true, times: 8, do: { kind: 'notFound' } });
		const { items } = await rig.run(buildPromptParameters({}, { maxJobsInFlight: 1 }), {
			items: makeNumberedItems(2),
		});
		expect(items.map(({ json }) => json.status)).toEqual(['success', 'success']);
		const [first, second] = submits();
		const between = ((second?.at ?? 0) - (first?.at ?? 0)) / 1000;
		expect(between).toBeGreaterThanOrEqual(60);
		expect(between).toBeLessThan(110);
	});
});

describe('Get Result of an unknown job', () => {
	test('asks again for 30 s, and its error gives no advice that costs money', async () => {
		const start = rig.clock.now();
		const { items } = await rig.run({ operation: 'getResult', jobId: 'gen/4711' }, { node: CONTINUE });
		expect(items[0]?.json).toEqual({
			error:
				'Job gen/4711: the service does not know this job in V3 or V6. With another account it may have been accepted and paid',
			description: expect.not.stringMatching(/run|submit it|new job/) as string,
			paid: 'unknown',
			id: 'gen/4711',
		});
		expect(seconds(start)).toBeGreaterThanOrEqual(30);
		expect(seconds(start)).toBeLessThan(40);
		expect(fetches()[0]?.path).toMatch(/\/fetch\/gen%2F4711$/);
	});
});

describe('an end that leaves a doubt', () => {
	const own = () => ({ id: Number(jobId()) });

	test.each<[string, () => object, RegExp, number]>([
		[
			'failed without an ID',
			() => ({ status: 'failed', id: '', message: 'Failed, Try Again', output: '' }),
			/says that the job failed: Failed, Try Again$/,
			60,
		],
		[
			'error with its ID',
			() => ({ ...own(), status: 'error', message: 'No.' }),
			/refused the call: No\.$/,
			60,
		],
		['cancelled with its ID', () => ({ ...own(), status: 'cancelled' }), /the job was cancelled$/, 60],
		['success without a file', () => ({ ...own(), status: 'success', output: [] }), /names no file/, 60],
		[
			'a result that is withheld',
			() => ({ ...own(), status: 'success', output: [], nsfw_content_detected: true }),
			/withholds the result.*nsfw_content_detected/,
			30,
		],
		[
			'a refused key',
			() => ({ status: 'error', message: 'Invalid Api Key' }),
			/does not accept the API key/,
			10,
		],
	])('(%s) counts after the API has repeated it', async (_case, body, message, least) => {
		const edit = () => body() as Record<string, unknown>;
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit } });
		const { error } = await run({}, RETRIED);
		expect(error?.message).toMatch(message);
		expect(error?.message).toMatch(new RegExp(`^Job ${jobId()}: `));
		// Each try starts from the beginning, and none submits.
		expect(rig.service.jobs).toHaveLength(1);
		const at = fetches().map((request) => request.at / 1000);
		const first = at.slice(0, at.findIndex((time, n) => (at[n + 1] ?? Infinity) - time > 40) + 1);
		expect(at.at(-1)! - at[0]!).toBeGreaterThanOrEqual(3 * least);
		expect(first.length).toBeLessThan(30);
	});

	test.each<[string, () => object]>([
		['failed without an ID', () => ({ status: 'failed', id: '', message: 'Failed, Try Again' })],
		['error with its ID', () => ({ ...own(), status: 'error', message: 'No.' })],
		['error without an ID', () => ({ status: 'error', message: 'Internal server error. Please try again.' })],
		['success without a file', () => ({ ...own(), status: 'success', output: [] })],
		['a refused key', () => ({ status: 'error', message: 'Invalid Api Key' })],
		['a forbidden account', () => ({ status: 'error', message: 'Your plan has no 3D.' })],
		['queued', () => ({ status: 'queued', ...own() })],
		['starting', () => ({ status: 'starting' })],
		['success of another job', () => ({ status: 'success', id: 4711, output: ['https://x.example/a.gif'] })],
		['failed of another job', () => ({ status: 'failed', id: 4711, message: 'too dark' })],
		['no credits', () => ({ status: 'error', message: 'credits exhausted' })],
	])('(%s) does not count if the API says it once', async (_case, body) => {
		const edit = () => body() as Record<string, unknown>;
		rig.service.addFault({ on: 'fetch', do: { kind: 'edit', edit } });
		const { items, error } = await run({}, RETRIED);
		expect(error).toBeUndefined();
		expect(items[0]?.json).toMatchObject({ status: 'success', output: rig.service.jobs[0]?.outputs });
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('the success of another job never ends it', async () => {
		const other = { status: 'success', id: 4711, output: ['https://x.example/a.gif'] };
		onFetch(other);
		const { error } = await rig.run(buildPromptParameters({}, { timeout: 120 }), {
			items: makeNumberedItems(1),
		});
		expect(error?.message).toBe(`Job ${jobId()}: not finished after 120 s (Timeout)`);
		expect(error?.description).toContain('answered about job 4711');
	});

	test('only "failed" with its own ID makes Retry On Fail submit it again', async () => {
		rig.service.addFault({ on: 'submit', times: 2, do: { kind: 'failJob', message: 'too dark' } });
		const { items } = await run({}, RETRIED);
		expect(items[0]?.json.status).toBe('success');
		expect(rig.service.jobs).toHaveLength(3);
	});
});

describe('an answer to a submit that holds a job', () => {
	test.each([303, 400, 403, 404, 409, 422, 429, 500])('means accepted, with HTTP %d', async (status) => {
		rig.service.addFault({ on: 'submit', times: Infinity, do: { kind: 'code', status } });
		const { items } = await run({}, RETRIED, 2);
		expect(items.map(({ json }) => [json.status, json.track_id])).toEqual([
			['success', 'item-0'],
			['success', 'item-1'],
		]);
		expect(rig.service.jobs).toHaveLength(2);
	});

	test.each<[string, (body: Record<string, unknown>) => Record<string, unknown>]>([
		['an error', ({ id }) => ({ status: 'error', message: 'Server Error', id })],
		['a limit', ({ id }) => ({ status: 'error', message: 'Too many requests', id })],
		['a nested ID', ({ id }) => ({ status: 'error', message: 'Queue is full', data: { request_id: id } })],
		['an address', ({ fetch_result }) => ({ status: 'dreaming', fetch_result })],
		['a success without a file', ({ id }) => ({ status: 'success', output: [], id })],
	])('means accepted: %s', async (_case, edit) => {
		rig.service.addFault({ on: 'submit', do: { kind: 'edit', edit } });
		const { items } = await run({}, RETRIED);
		expect(items[0]?.json.status).toBe('success');
		expect(rig.service.jobs).toHaveLength(1);
	});

	test.each([{ eta: 12 }, { output: ['x'] }, { future_links: ['x'] }, { proxy_links: ['x'] }])(
		'without an ID (%j) is paid for and not submitted again',
		async (body) => {
			const accepted = answer({ status: 'error', message: 'Too many requests', ...body }, 429);
			rig.service.addFault({ on: 'submit', accept: true, do: accepted });
			const { items } = await run({}, { ...RETRIED, ...CONTINUE });
			expect(items[0]?.json.paid).toBe('yes');
			expect(rig.service.jobs).toHaveLength(1);
		},
	);

	test.each<[string, unknown, number?, string?]>([
		['failed, but with doubt whose', { status: 'failed', id: 777, message: 'Request not found' }],
		['failed, with an address', { status: 'failed', id: '', fetch_result: 'https://x.example/fetch/777' }],
		['failed, nested', { status: 'failed', id: '', data: { id: 777 } }],
		['a limit, the ID in a list', { status: 'error', message: 'Too many requests', id: [777] }],
		['a limit, the ID wrapped', { status: 'error', message: 'Rate limit', id: { $oid: '777' } }, 429],
		['the ID in a list', { status: 'processing', request_id: [['777']] }],
		['a relative address', { status: 'processing', fetch_result: '/api/v3/fetch/777' }],
		['a list', [{ status: 'processing', id: 777 }]],
		['JSON encoded twice', JSON.stringify('{"status":"processing","id":777}')],
		['two byte order marks', '\uFEFF\uFEFF{"status":"processing","id":777}'],
		['nested too deeply', `${'['.repeat(5000)}{"id":777}${']'.repeat(5000)}`],
		['See Other', '', 303, '/api/v3/fetch/777'],
	])('means accepted, and its job is polled: %s', async (...[, body, status = 200, location]) => {
		rig.service.configure({ idFor: () => '777' });
		const headers = location === undefined ? undefined : { location };
		const accepted: Fault['do'] = { kind: 'answer', body, status, headers };
		rig.service.addFault({ on: 'submit', accept: true, times: Infinity, do: accepted });
		const { items } = await run({}, { ...RETRIED, ...CONTINUE });
		expect(submits()).toHaveLength(1);
		expect(items[0]?.json).toMatchObject({ id: 777, status: 'success' });
	});

	test.each([
		['another job', /[^/]*$/, '4711'],
		['nowhere', '/api/', '/nowhere/'],
	])('may name an address that leads to %s, so the documented one is asked too', async (_case, from, to) => {
		const edit = (body: Record<string, unknown>) => ({
			...body,
			fetch_result: String(body.fetch_result).replace(from, to),
		});
		rig.service.addFault({ on: 'submit', do: { kind: 'edit', edit } });
		const { items } = await run({}, CONTINUE);
		expect(items[0]?.json).toMatchObject({ status: 'success', id: Number(jobId()) });
	});

	test('counts even if only its beginning came', async () => {
		const begun = answer('{"status":"processing","id":10684518,"outp');
		rig.service.addFault({ on: 'submit', accept: true, do: begun });
		const { items } = await run({}, RETRIED);
		expect(items[0]?.json.status).toBe('success');
		expect(rig.service.jobs).toHaveLength(1);
	});
});

describe('an ID', () => {
	const LONG = `"${'long-'.repeat(300)}"`;

	test.each([
		'1234567890123456789',
		'1e21',
		'-5',
		'"a.b.c"',
		'"job:123"',
		'"gen/123"',
		'".."',
		'"a/../b"',
		'"ä ö?#%"',
		'{"id":-7}',
		LONG,
	])('like %s is returned as the service wrote it, and polled', async (written) => {
		rig.service.configure({ idFor: () => written });
		const { items } = await run();
		expect(items[0]?.json.status).toBe('success');
		expect(String(items[0]?.json.id)).toBe(jobId());
		expect(rig.log[0]).toContain(`job ${jobId()} was accepted`);

		const failed = await rig.run(buildPromptParameters({}, { timeout: 1 }), {
			items: makeNumberedItems(1),
			node: CONTINUE,
		});
		const item = failed.items[0]?.json as { error: string; id: string | number };
		expect(item.error).toContain(`Job ${jobId()?.slice(0, 100)}`);
		expect(String(item.id)).toBe(jobId());
	});
});

describe('a limit in other words', () => {
	test.each([
		{ status: 'error', message: 'Queue is full' },
		{ status: 'failed', messege: 'Too many requests', id: '' },
		{ status: 'error', message: 'Try later', current_queue: 5 },
	])('%j is waited out', async (body) => {
		rig.service.addFault({ on: 'submit', times: 2, do: answer(body) });
		const { items } = await run();
		expect(items[0]?.json.status).toBe('success');
		expect(submits()).toHaveLength(3);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test.each(['Please fund your wallet', 'credits exhausted', 'Monthly limit exceeded, upgrade subscription'])(
		'"%s" means no credits',
		async (message) => {
			rig.service.addFault({ on: 'submit', do: answer({ status: 'error', message }) });
			const { error, paid, description } = errorOf(await run({}, CONTINUE));
			expect(error).toBe(`The account has no credits left: ${message}`);
			expect([paid, description]).toEqual(['no', expect.stringMatching(/^Add credits/)]);
			expect(submits()).toHaveLength(1);
		},
	);
});

test('a byte order mark in an answer is ignored', async () => {
	const markEach = (on: Fault['on']) =>
		rig.service.addFault({ on, times: Infinity, do: { kind: 'byteOrderMark' } });
	(['submit', 'fetch'] as const).forEach(markEach);
	const { items } = await run();
	expect(items[0]?.json.status).toBe('success');
});

test('two byte order marks in an answer are ignored', async () => {
	onFetch('\uFEFF\uFEFF{"status":"success","output":["https://x.example/a.gif"]}');
	const { items } = await run();
	expect(items[0]?.json.status).toBe('success');
});

test('a try without a credential names the jobs of the try before', async () => {
	rig.service.configure({ jobSeconds: 1000 });
	void rig.clock.sleep(61_000).then(() => rig.setCredential({ apiKey: '' }));
	const { items } = await rig.run(buildPromptParameters({}, { timeout: 60 }), {
		items: makeNumberedItems(2),
		node: { ...RETRIED, waitBetweenTries: 300, ...CONTINUE },
	});
	expect(items.map(({ json }) => [json.error, json.paid, json.id])).toEqual(
		rig.service.jobs.map(({ id }) => ['The credential has no API key', 'yes', id]),
	);
});

test('an item that cannot be read on a later try still names its job', async () => {
	rig.service.configure({ jobSeconds: 1000 });
	const items = makeNumberedItems(1);
	void rig.clock.sleep(61_000).then(() => Object.assign(items[0]!.json, { n: 'no seed' }));
	const { items: out } = await rig.run(
		buildPromptParameters({ settings: { seed: '={{ $json.n }}' } }, { timeout: 60 }),
		{
			items,
			node: { ...RETRIED, waitBetweenTries: 300, ...CONTINUE },
		},
	);
	expect(out.map(({ json }) => [json.error, json.paid, json.id])).toEqual([
		[expect.stringMatching(/^Seed must be/), 'yes', rig.service.jobs[0]?.id],
	]);
});

test('a server without TLS certainly did not get the job', async () => {
	rig.setCredential({ baseUrl: rig.service.baseUrl.replace('http:', 'https:') });
	const { error, paid, description } = errorOf(await run({}, { ...RETRIED, ...CONTINUE }));
	expect(error).toBe('No secure connection could be made (EPROTO)');
	expect(paid).toBe('no');
	expect(description).toMatch(/may begin with https:\/\/ although.*nothing was paid/);
});

describe('an error item', () => {
	const cut: Fault = { on: 'submit', accept: true, do: { kind: 'reset', when: 'before' } };
	const refused: Fault = { on: 'submit', do: answer({ status: 'error', message: 'No.' }) };
	const failed: Fault = { on: 'submit', do: { kind: 'failJob', message: 'too dark' } };

	test.each([
		['no', refused],
		['yes', failed],
		['unknown', cut],
	])('says whether the job is paid for (%s)', async (paid, fault) => {
		rig.service.addFault(fault);
		const flat = errorOf(await run({}, CONTINUE));
		expect(flat).toMatchObject({ paid, description: expect.stringMatching(/\w\.$/) as string });
		expect(/may have been accepted and paid$/.test(flat.error)).toBe(paid === 'unknown');

		rig.service.addFault(fault);
		const { errors, items } = await run({}, { onError: 'continueErrorOutput' });
		expect(items).toEqual([]);
		const { error } = errors[0]?.json as { error: { message: string; paid: string; id?: number } };
		expect(error.paid).toBe(paid);
		expect(error.message).toBe(flat.error.replace(/\d+/, String(error.id)));
		expect(errors[0]?.error).toBeUndefined();
	});
});

describe('stopping the execution', () => {
	test('ends the wait for a submit at once, but the submit goes on, and its ID is in the log', async () => {
		const stop = new AbortController();
		// The execution is stopped while the service answers.
		const edit = (body: Record<string, unknown>) => {
			stop.abort();
			return body;
		};
		rig.service.addFault({ on: 'submit', do: { kind: 'edit', edit } });
		const { run: execution } = await rig.run(buildPromptParameters(), {
			items: makeNumberedItems(1),
			signal: stop.signal,
		});
		expect(execution.status).toBe('canceled');
		await rig.clock.sleep(1000);
		expect(rig.log).toEqual([
			expect.stringMatching(
				new RegExp(`^warn: .*job ${jobId()} was accepted after the execution was stopped`),
			),
		]);
		expect(submits()).toHaveLength(1);
	});

	test('puts the IDs of the jobs into the execution', async () => {
		rig.service.configure({ jobSeconds: 1e6 });
		const stop = new AbortController();
		const running = rig.run(buildPromptParameters(), { items: makeNumberedItems(2), signal: stop.signal });
		while (rig.service.jobs.length < 2) await rig.clock.sleep(500);
		await rig.clock.sleep(500);
		stop.abort();
		const { run: execution } = await running;
		const ids = rig.service.jobs.map(({ idText }) => idText);
		expect(Object.values(execution.data.resultData.metadata ?? {}).join()).toContain(ids.join(', '));
	});
});

/** The first node, then the second one. */
function chain(first: INodeParameters, second: INodeParameters): WorkflowJson {
	const json = buildWorkflow(first);
	const [, node] = json.nodes;
	const next = { ...node!, id: '3', name: 'Second', parameters: second };
	return {
		...json,
		nodes: [...json.nodes, next],
		connections: {
			...json.connections,
			[node!.name]: { main: [[{ node: 'Second', type: 'main', index: 0 }]] },
		},
	};
}

describe('a chain of two nodes', () => {
	test('pays for no job of the second one twice with Retry, after the first one was suspended until Timeout', async () => {
		rig.service.configure({ webhooks: 'never', jobSeconds: 60 });
		const mark = (name: string, n: string) => ({ options: { trackId: `=${name}-{{ ${n} }}` } });
		await rig.engine.run(
			chain(
				{ ...buildPromptParameters({ waitFor: 'webhook' }), ...mark('first', '$json.n') },
				{
					...buildPromptParameters({ prompt: '=cup {{ $json.track_id }}' }),
					...mark('second', '$json.track_id.slice(6)'),
				},
			),
			{ items: makeNumberedItems(3) },
		);
		expect(rig.service.jobs).toHaveLength(3);
		rig.service.addFault({ on: 'submit', skip: 2, times: 2, do: { kind: 'failJob', message: 'too dark' } });
		await rig.engine.endWait(latest().id);
		const paid = () => rig.service.jobs.map(({ trackId }) => trackId);
		expect(paid()).toHaveLength(6);
		const { error } = latest().run?.data.resultData ?? {};
		expect(error?.description).toContain(
			'Retry in the list of executions would fetch the jobs of 2 items without paying again and submit 1 item again, which is paid.',
		);

		await rig.engine.retry(latest().id);
		expect(paid()).toEqual([
			...['first-0', 'first-1', 'first-2', 'second-0', 'second-1', 'second-2'],
			'second-2',
		]);
		// Retry of the first execution, and of its retry.
		await rig.engine.retry(latest().id);
		expect(paid()).toHaveLength(8);
		expect(latest().run?.status).toBe('success');
		expect(readOutput(latest().run!, 'Second')[0]).toHaveLength(3);
	});
});

test('in a sub-workflow, the error says which execution to retry', async () => {
	rig.service.addFault({ on: 'submit', skip: 1, do: { kind: 'failJob', message: 'too dark' } });
	const { error } = await rig.run(buildPromptParameters(), {
		items: makeNumberedItems(2),
		mode: 'integrated',
	});
	expect(error?.description).toMatch(
		/fetch the jobs of 1 item without paying again and submit 1 item again, which is paid\. Retry this execution, not the one that called it/,
	);
});

test('a submit that may have been accepted is named in what Retry would do', async () => {
	rig.service.addFault({ on: 'submit', skip: 1, accept: true, do: { kind: 'reset', when: 'before' } });
	const { error } = await rig.run(buildPromptParameters(), { items: makeNumberedItems(3) });
	expect(error?.description).toMatch(/and end in this error again for 1 item, and submit nothing there\.$/);
});

describe('a suspended execution', () => {
	const suspended = () => buildPromptParameters({ waitFor: 'webhook' });
	const state = () => latest().run?.status;

	test('is not resumed by a call that is still being handled when Timeout is over', async () => {
		rig.service.configure({ jobSeconds: 101, webhooks: 'never' });
		await rig.engine.run(
			chain(
				buildPromptParameters({ waitFor: 'webhook' }, { timeout: 100, trackId: 'first' }),
				buildPromptParameters({ waitFor: 'webhook', prompt: 'A cup' }, { trackId: 'second' }),
			),
			{ items: makeNumberedItems(1) },
		);
		await rig.clock.sleep(96_000);
		const [job] = rig.service.jobs;
		const called = rig.call(String(job?.webhook), { status: 'failed', id: job?.id });
		await rig.clock.sleep(5000);
		await rig.engine.endWait(latest().id);
		expect((await called).message).toBe('The wait is over. The execution resumes by itself.');
		await rig.clock.sleep(20_000);
		expect(rig.service.jobs.map(({ trackId }) => trackId)).toEqual(['first', 'second']);
		expect(state()).toBe('waiting');
	});

	test.each<[string, Fault['do']]>([
		['a 403 page', answer('<html>Forbidden</html>', 403)],
		['404', answer({ status: 'error', message: 'Not found' }, 404)],
		['a redirect', { kind: 'redirect', status: 302, location: 'https://elsewhere.example/' }],
		['Request not found', { kind: 'notFound' }],
		['Invalid Api Key', answer({ status: 'error', message: 'Invalid Api Key' })],
		['an unknown status', answer({ status: 'dreaming' })],
		['failed without an ID', answer({ status: 'failed', id: '', message: 'Failed, Try Again' })],
		['success of another job', answer({ status: 'success', id: 1, output: ['https://x.example/a.gif'] })],
	])('stays suspended if the API answers a call once or twice with %s', async (name, fault) => {
		rig.service.configure({ jobSeconds: 300 });
		await rig.run(suspended(), { items: makeNumberedItems(1) });
		// A key that is refused twice, ten seconds apart, counts.
		rig.service.addFault({ on: 'fetch', times: name.includes('Key') ? 1 : 2, do: fault });
		await rig.call(String(rig.service.jobs[0]?.webhook), {});
		await rig.clock.sleep(100_000);
		expect(state()).toBe('waiting');
		await rig.clock.sleep(300_000);
		expect(state()).toBe('success');
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('is resumed by an end that the API repeats for a minute, although the service calls only once', async () => {
		rig.service.addFault({ on: 'submit', do: { kind: 'failJob', message: 'too dark' } });
		await rig.run(suspended(), { items: makeNumberedItems(1), node: CONTINUE });
		const edit = (body: Record<string, unknown>) => ({ ...body, id: '' });
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit } });
		await rig.clock.sleep(50_000);
		expect(state()).toBe('waiting');
		await rig.clock.sleep(60_000);
		expect(readOutput(latest().run!, 'Image to 3D')[0]?.map(({ json }) => json.error)).toEqual([
			`Job ${jobId()}: the service says that the job failed: too dark`,
		]);
	});

	test.each([25, 50])('keeps a pause of %d s that the API asks for while it proves an end', async (pause) => {
		rig.service.configure({ webhooks: 'never' });
		await rig.run(suspended(), { items: makeNumberedItems(1), node: CONTINUE });
		reportBadEnd(pause);
		await rig.clock.sleep(60_000);
		await rig.call(String(rig.service.jobs[0]?.webhook), {});
		await rig.clock.sleep(120_000);
		expect(pauses().length).toBeGreaterThan(1);
		expect(Math.min(...pauses())).toBeGreaterThanOrEqual(pause);
		expect(state()).toBe('success');
	});
});

describe('the trigger', () => {
	const publish = () => rig.engine.publish(buildTriggerWorkflow({ download: false }), 'published').production;
	const STARTED = { status: 200, message: 'The workflow was started.' };
	const starts = () => rig.engine.executions.map(({ run: started }) => started?.status);

	/** Runs a job without a call about its end. @returns its ID */
	async function submitAndEnd(): Promise<number> {
		rig.service.configure({ webhooks: 'never' });
		await rig.run(buildPromptParameters({ waitFor: 'none' }), { items: makeNumberedItems(1) });
		await rig.clock.sleep(11_000);
		return Number(jobId());
	}

	test.each([NOT_FOUND, { ...NOT_FOUND, status: 'error' }])(
		'starts nothing for a job that the API does not know (%j)',
		async (body) => {
			const url = publish();
			for (const status of [200, 404]) {
				onFetch(body, Infinity, status);
				expect(await rig.call(url, { status: 'failed', id: 4711 })).toEqual({
					status: 403,
					message: 'The API does not confirm this job.',
				});
			}
			expect(starts()).toEqual([]);
		},
	);

	test('asks again about a job that the API does not know for a moment', async () => {
		const id = await submitAndEnd();
		const url = publish();
		onFetch(NOT_FOUND, 1);
		expect(await rig.call(url, { status: 'success', id })).toEqual(STARTED);
	});

	test('starts nothing for the success of another job', async () => {
		const id = await submitAndEnd();
		const url = publish();
		onFetch({ status: 'success', id: 4711, output: ['https://x.example/a.gif'] });
		expect((await rig.call(url, { status: 'success', id })).status).toBe(403);
		expect(starts()).toEqual(['success']);
	});

	test.each([
		['after a minute, if the API still reports it', Infinity, ['success', 'success']],
		['not if the job succeeds after all', 4, ['success']],
	])('starts the workflow for a failure without an ID: %s', async (_case, times, wanted) => {
		const id = await submitAndEnd();
		const url = publish();
		onFetch({ status: 'failed', id: '', message: 'Failed, Try Again' }, times);
		const start = rig.clock.now();
		expect((await rig.call(url, { status: 'failed', id })).status).toBe(200);
		expect(seconds(start)).toBeLessThan(30);
		expect(starts()).toEqual(['success']);
		await rig.clock.sleep(50_000);
		expect(starts()).toEqual(['success']);
		await rig.clock.sleep(50_000);
		expect(starts()).toEqual(wanted);
	});

	test.each([25, 50])(
		'keeps a pause of %d s that the API asks for while it proves a failure',
		async (pause) => {
			const id = await submitAndEnd();
			const url = publish();
			reportBadEnd(pause);
			expect((await rig.call(url, { status: 'failed', id })).status).toBe(200);
			await rig.clock.sleep(120_000);
			expect(pauses().length).toBeGreaterThan(1);
			expect(Math.min(...pauses())).toBeGreaterThanOrEqual(pause);
			expect(starts()).toEqual(['success', 'success']);
		},
	);
});
