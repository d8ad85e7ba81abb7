import type { Fault } from '../../local-api/index.mts';
import { type Rig, NODE, numbered, openRig } from '../support/rig.mts';
import { outputOf } from '../../n8n/engine/engine.cts';

let bench: Rig;
beforeEach(async () => {
	bench = await openRig({ jobSeconds: 10, parallel: 3, queueLimit: 100 });
});
afterEach(async () => {
	await bench.close();
});

const perItem = (options: object = {}) => ({
	operation: 'imageTo3d',
	image: bench.picture,
	download: false,
	settings: { seed: '={{ $json.n }}' },
	options: { trackId: '=item-{{ $json.n }}', ...options },
});

const failJob = (skip: number, message = 'too dark'): Fault => ({
	on: 'submit',
	skip,
	do: { kind: 'failJob', message },
});
const spoiltSubmit = (skip: number): Fault => ({
	on: 'submit',
	skip,
	accept: true,
	do: { kind: 'reset', when: 'before' },
});

describe('many items', () => {
	test('all leave in input order, each paired with its input, whatever the order they end in', async () => {
		bench.service.configure({ jobSeconds: (number) => 100 - 7 * number, parallel: 12 });
		const { items } = await bench.run(perItem({ maxJobsInFlight: 12 }), { items: numbered(12) });
		expect(items.map(({ json }) => json.track_id)).toEqual(Array.from({ length: 12 }, (_, n) => `item-${n}`));
		expect(items.map(({ pairedItem }) => pairedItem)).toMatchObject(
			Array.from({ length: 12 }, (_, item) => ({ item })),
		);
		expect(items.map(({ json }) => (json.meta as { seed: number }).seed)).toEqual(
			Array.from({ length: 12 }, (_, n) => n),
		);
	});

	test.each([1, 3, 5])(
		'no more than %d jobs are open at once, and freed places are filled',
		async (limit) => {
			bench.service.configure({ parallel: 100 });
			const { items } = await bench.run(perItem({ maxJobsInFlight: limit }), { items: numbered(12) });
			expect(items).toHaveLength(12);
			const edges = bench.service.jobs.flatMap(({ acceptedAt, endsAt }) => [
				{ at: acceptedAt, step: 1 },
				{ at: endsAt, step: -1 },
			]);
			let open = 0;
			let most = 0;
			for (const { step } of edges.sort((a, b) => a.at - b.at || a.step - b.step))
				most = Math.max(most, (open += step));
			expect(most).toBe(limit);
		},
	);

	test('a full account queue is waited out, and each job is paid once', async () => {
		bench.service.configure({ queueLimit: 2, parallel: 2 });
		const { items, error } = await bench.run(perItem(), { items: numbered(8) });
		expect(error).toBeUndefined();
		expect(items.map(({ json }) => json.status)).toEqual(Array(8).fill('success'));
		expect(bench.service.jobs).toHaveLength(8);
	});

	test('nobody overtakes those who wait for a place, whatever time the service names', async () => {
		bench.service.configure({ queueLimit: 1, parallel: 1, jobSeconds: 47.3, retryAfter: 30 });
		const { items, error } = await bench.run(perItem({ timeout: 300 }), { items: numbered(12) });
		expect(error).toBeUndefined();
		expect(items.map(({ json }) => json.status)).toEqual(Array(12).fill('success'));
		// The first five ask at the same moment; from then on each comes when its turn is.
		const order = bench.service.jobs.map(({ trackId }) => Number(trackId?.slice('item-'.length)));
		expect(order.slice(5)).toEqual([5, 6, 7, 8, 9, 10, 11]);
	});

	test('a queue that is stuck ends the wait of all items at once', async () => {
		const full = {
			status: 'error',
			message: 'Rate limit exceeded. Maximum 5 queued requests allowed.',
			retry_after: 30,
		};
		bench.service.addFault({
			on: 'submit',
			times: Infinity,
			do: { kind: 'answer', status: 429, body: full },
		});
		const start = bench.clock.now();
		const { items } = await bench.run(perItem({ timeout: 100 }), {
			items: numbered(5),
			node: { onError: 'continueRegularOutput' },
		});
		expect(items.map(({ json }) => json.error)).toEqual(
			Array(5).fill(`The job: the account's queue stayed full: ${full.message}`),
		);
		expect(bench.clock.now() - start).toBeLessThan(150_000);
	});

	test('a submit whose answer takes long does not keep the others waiting', async () => {
		bench.clock.patienceMs = 500;
		const full = { status: 'error', message: 'Rate limit exceeded', retry_after: 5 };
		bench.service.addFault({ on: 'submit', times: 3, do: { kind: 'answer', status: 429, body: full } });
		bench.service.addFault({ on: 'submit', do: { kind: 'hang' } });
		const start = bench.clock.now();
		await bench.run(perItem({ timeout: 200 }), {
			items: numbered(3),
			node: { onError: 'continueRegularOutput' },
		});
		expect(bench.service.jobs).toHaveLength(2);
		for (const { acceptedAt } of bench.service.jobs) expect(acceptedAt - start).toBeLessThan(30_000);
	});

	test('a job that is done at once frees its place at once', async () => {
		bench.service.configure({ jobSeconds: 0 });
		const full = {
			status: 'error',
			message: 'Maximum 5 queued requests allowed. Rate limit exceeded.',
			retry_after: 300,
		};
		bench.service.addFault({ on: 'submit', do: { kind: 'answer', status: 429, body: full } });
		const start = bench.clock.now();
		const { items } = await bench.run(perItem(), { items: numbered(3) });
		expect(items.map(({ json }) => json.status)).toEqual(Array(3).fill('success'));
		expect(bench.clock.now() - start).toBeLessThan(10_000);
	});

	test("Don't Wait submits more items than the queue takes, by waiting", async () => {
		bench.service.configure({ queueLimit: 3 });
		const { items } = await bench.run({ ...perItem(), waitFor: 'none' }, { items: numbered(7) });
		expect(items.map(({ json }) => json.track_id)).toEqual(Array.from({ length: 7 }, (_, n) => `item-${n}`));
		expect(bench.service.jobs.map(({ trackId }) => trackId).sort()).toEqual(
			items.map(({ json }) => json.track_id),
		);
	});

	test('no input items give no output and no call', async () => {
		const { items } = await bench.run(perItem(), { items: [] });
		expect(items).toEqual([]);
		expect(bench.service.requests).toEqual([]);
	});
});

describe('On Error', () => {
	test('Stop: the error names the job, and the other accepted jobs that can be fetched', async () => {
		bench.service.addFault(failJob(1));
		const { error, items } = await bench.run(perItem(), { items: numbered(4) });
		expect(items).toEqual([]);
		expect(bench.service.jobs).toHaveLength(4);
		for (const { id, outcome, trackId } of bench.service.jobs) {
			const index = Number(trackId?.slice('item-'.length));
			if (outcome === 'success') expect(error?.description).toContain(`${id} (item ${index})`);
			else {
				expect(error?.message).toBe(`Job ${id}: the service ended the job as failed: too dark`);
				expect(error?.context?.itemIndex).toBe(index);
			}
		}
	});

	test('Stop: the error also names the items whose submit nobody knows the fate of', async () => {
		bench.service.addFault({ ...spoiltSubmit(0), times: 3 });
		const { error } = await bench.run(perItem(), { items: numbered(3) });
		const others = [0, 1, 2].filter((index) => index !== error?.context?.itemIndex);
		expect(error?.description).toMatch(/It is not known whether the jobs of these items were accepted: /);
		const named = /were accepted: ([\d, ]+)\./
			.exec(error?.description ?? '')?.[1]
			?.split(', ')
			.map(Number);
		expect(named?.sort()).toEqual(others);
	});

	test('Stop: nothing more is submitted after an error', async () => {
		bench.service.addFault({
			on: 'submit',
			do: { kind: 'answer', status: 402, body: { status: 'error', message: 'Insufficient credits.' } },
		});
		await bench.run(perItem({ maxJobsInFlight: 1 }), { items: numbered(4) });
		expect(bench.service.jobs).toEqual([]);
		expect(bench.service.requests).toHaveLength(1);
	});

	test('Continue: a failed item stands at its place with its id and track id, and the others arrive', async () => {
		bench.service.addFault(failJob(1));
		const items = [...numbered(2), { json: { n: 'not a number' } }, { json: { n: 3 } }];
		const { items: out, error } = await bench.run(perItem({ maxJobsInFlight: 1 }), {
			items,
			node: { onError: 'continueRegularOutput' },
		});
		expect(error).toBeUndefined();
		const failed = bench.service.jobs[1]?.id;
		expect(out.map(({ json }) => json)).toMatchObject([
			{ status: 'success', track_id: 'item-0' },
			{
				error: `Job ${failed}: the service ended the job as failed: too dark`,
				id: failed,
				track_id: 'item-1',
			},
			{ error: 'Seed must be an integer, or empty for a random seed, but is "not a number"' },
			{ status: 'success', track_id: 'item-3' },
		]);
		expect(out.map(({ pairedItem }) => pairedItem)).toMatchObject([
			{ item: 0 },
			{ item: 1 },
			{ item: 2 },
			{ item: 3 },
		]);
	});

	test.each([
		[
			'a wrong option',
			{ maxJobsInFlight: '={{ "x" }}' },
			undefined,
			'Max Jobs in Flight must be an integer from 1 to 1000, but is "x"',
		],
		['a wrong Base URL', {}, 'nowhere', 'Base URL in the credential is no http or https address'],
	])('Continue: %s for all items makes an error item of each', async (_name, options, baseUrl, message) => {
		if (baseUrl) bench.credential({ baseUrl });
		const node = { onError: 'continueRegularOutput' as const };
		const { items } = await bench.run(perItem(options), { items: numbered(2), node });
		const description = expect.stringMatching(/\w\.$/) as string;
		const wanted = { error: message, description, paid: 'no' };
		expect(items.map(({ json }) => json)).toEqual([wanted, wanted]);
		expect(items.map(({ pairedItem }) => pairedItem)).toMatchObject([{ item: 0 }, { item: 1 }]);
		expect(bench.service.requests).toEqual([]);
	});

	test('Continue (using error output): failed items leave there, paired, and the message names the job', async () => {
		bench.service.addFault(failJob(0));
		const { items, errors } = await bench.run(perItem({ maxJobsInFlight: 1 }), {
			items: numbered(3),
			node: { onError: 'continueErrorOutput' },
		});
		expect(items.map(({ json }) => json.track_id)).toEqual(['item-1', 'item-2']);
		expect(errors).toHaveLength(1);
		expect(errors[0]?.json).toMatchObject({
			error: {
				message: `Job ${bench.service.jobs[0]?.id}: the service ended the job as failed: too dark`,
				paid: 'yes',
				id: bench.service.jobs[0]?.id,
				track_id: 'item-0',
			},
		});
		expect(errors[0]?.pairedItem).toMatchObject({ item: 0 });
	});
});

const BROKEN =
	'The job: the connection broke before the answer was complete (ECONNRESET). It may have been accepted and paid';

describe('Retry On Fail', () => {
	const retry = { retryOnFail: true, maxTries: 3, waitBetweenTries: 1 };

	test('picks up the jobs that the failed try submitted', async () => {
		bench.service.configure({ parallel: 100 });
		bench.service.addFault(failJob(1));
		const { items, error } = await bench.run(perItem(), { items: numbered(4), node: retry });
		expect(error).toBeUndefined();
		expect(items.map(({ json }) => json.status)).toEqual(Array(4).fill('success'));
		// Four, and a new one for the job that the service itself ended as failed.
		const failed = bench.service.jobs.find(({ outcome }) => outcome === 'failed')?.trackId ?? '';
		expect(bench.service.jobs.map(({ trackId }) => trackId).sort()).toEqual(
			['item-0', 'item-1', 'item-2', 'item-3', failed].sort(),
		);
	});

	test('does not submit again what may have been accepted: the same error comes again', async () => {
		bench.service.addFault(spoiltSubmit(1));
		const { error } = await bench.run(perItem(), { items: numbered(3), node: retry });
		expect(error?.message).toBe(BROKEN);
		expect(bench.service.jobs).toHaveLength(3);
	});

	test('does not submit again what was in the air when another item stopped the run', async () => {
		bench.service.addFault({ ...spoiltSubmit(0), times: 3 });
		const { error } = await bench.run(perItem(), { items: numbered(3), node: retry });
		expect(error?.message).toBe(BROKEN);
		expect(bench.service.jobs).toHaveLength(3);
	});

	test('pays nothing twice when the node continues and its first item is an error', async () => {
		bench.service.addFault(spoiltSubmit(0));
		const { items } = await bench.run(perItem({ maxJobsInFlight: 1 }), {
			items: numbered(3),
			node: { ...retry, onError: 'continueRegularOutput' },
		});
		expect(items.map(({ json }) => json.status ?? 'error')).toEqual(['error', 'success', 'success']);
		expect(bench.service.jobs).toHaveLength(3);
	});

	test('a job that ran out of time is watched on, not submitted again', async () => {
		bench.service.configure({ jobSeconds: 100 });
		const { items, error } = await bench.run(perItem({ timeout: 60 }), { items: numbered(1), node: retry });
		expect(error).toBeUndefined();
		expect(items[0]?.json.status).toBe('success');
		expect(bench.service.jobs).toHaveLength(1);
	});

	test('a download that failed is repeated without a new job', async () => {
		bench.service.addFault({ on: 'download', times: 6, do: { kind: 'answer', status: 500, body: '' } });
		const parameters = {
			...perItem(),
			download: true,
			settings: { frameSize: 16, seconds: 1, steps: 1, seed: '1' },
		};
		const { items, error } = await bench.run(parameters, { items: numbered(1), node: retry });
		expect(error).toBeUndefined();
		expect(items[0]?.binary?.data?.mimeType).toBe('image/gif');
		expect(bench.service.jobs).toHaveLength(1);
	});

	test('a second run of the node in the same execution is new work, also for the same items', async () => {
		const workflow = {
			nodes: [
				...['Start', 'A', 'B', NODE].map((name, index) => ({
					id: String(index),
					name,
					typeVersion: 1,
					position: [0, 0] as [number, number],
					...(name === NODE
						? {
								type: 'n8n-nodes-img-to-3d.imgTo3d',
								parameters: { image: bench.picture, download: false },
								credentials: { stableDiffusionApi: { id: '1', name: 'Test' } },
								...retry,
							}
						: { type: index === 0 ? 'n8n-nodes-base.manualTrigger' : 'n8n-nodes-base.noOp', parameters: {} }),
				})),
			],
			connections: {
				Start: {
					main: [
						[
							{ node: 'A', type: 'main' as const, index: 0 },
							{ node: 'B', type: 'main' as const, index: 0 },
						],
					],
				},
				A: { main: [[{ node: NODE, type: 'main' as const, index: 0 }]] },
				B: { main: [[{ node: NODE, type: 'main' as const, index: 0 }]] },
			},
		};
		const run = await bench.engine.run(workflow, { items: numbered(2) });
		expect(outputOf(run, NODE, 0)[0]).toHaveLength(2);
		expect(outputOf(run, NODE, 1)[0]).toHaveLength(2);
		expect(bench.service.jobs).toHaveLength(4);
	});
});

describe('stopping the execution', () => {
	test('ends the waiting at once', async () => {
		bench.service.configure({ jobSeconds: 1e6, eta: 'missing' });
		const stop = new AbortController();
		const running = bench.run(perItem({ timeout: 86_400 }), { items: numbered(2), signal: stop.signal });
		const start = bench.clock.now();
		while (bench.service.requests.length < 6) await bench.clock.sleep(500);
		stop.abort();
		const { run } = await running;
		expect(run.status).toBe('canceled');
		const { description } = run.data.resultData.error as { description?: string };
		for (const { id } of bench.service.jobs)
			expect(description).toMatch(new RegExp(`^Jobs of this run were accepted .*${id} \\(item`));
		const seen = bench.service.requests.length;
		await bench.clock.sleep(3_600_000);
		expect(bench.service.requests).toHaveLength(seen);
		expect(bench.clock.now() - start).toBeGreaterThan(3_600_000);
	});
});
