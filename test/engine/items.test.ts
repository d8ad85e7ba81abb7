import type { Fault } from '../../local-api/index.mts';
import { type Rig, NODE, makeNumberedItems, openRig } from '../support/rig.mts';
import { readOutput } from '../../n8n/engine/engine.cts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 10, parallel: 3, queueLimit: 100 });
});
afterEach(async () => {
	await rig.close();
});

const perItem = (options: object = {}) => ({
	operation: 'imageTo3d',
	image: rig.picture,
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
	test('leave in input order, each paired with its input, in whatever order their jobs end', async () => {
		rig.service.configure({ jobSeconds: (number) => 100 - 7 * number, parallel: 12 });
		const { items } = await rig.run(perItem({ maxJobsInFlight: 12 }), { items: makeNumberedItems(12) });
		expect(items.map(({ json }) => json.track_id)).toEqual(Array.from({ length: 12 }, (_, n) => `item-${n}`));
		expect(items.map(({ pairedItem }) => pairedItem)).toMatchObject(
			Array.from({ length: 12 }, (_, item) => ({ item })),
		);
		expect(items.map(({ json }) => (json.meta as { seed: number }).seed)).toEqual(
			Array.from({ length: 12 }, (_, n) => n),
		);
	});

	test.each([1, 3, 5])('have no more than %d open jobs at once, and free slots are filled', async (limit) => {
		rig.service.configure({ parallel: 100 });
		const { items } = await rig.run(perItem({ maxJobsInFlight: limit }), { items: makeNumberedItems(12) });
		expect(items).toHaveLength(12);
		const edges = rig.service.jobs.flatMap(({ acceptedAt, endsAt }) => [
			{ at: acceptedAt, step: 1 },
			{ at: endsAt, step: -1 },
		]);
		let open = 0;
		let most = 0;
		for (const { step } of edges.sort((a, b) => a.at - b.at || a.step - b.step))
			most = Math.max(most, (open += step));
		expect(most).toBe(limit);
	});

	test('wait for a full queue, and each job is paid once', async () => {
		rig.service.configure({ queueLimit: 2, parallel: 2 });
		const { items, error } = await rig.run(perItem(), { items: makeNumberedItems(8) });
		expect(error).toBeUndefined();
		expect(items.map(({ json }) => json.status)).toEqual(Array(8).fill('success'));
		expect(rig.service.jobs).toHaveLength(8);
	});

	test('get their slots in order, whatever wait the service asks for', async () => {
		rig.service.configure({ queueLimit: 1, parallel: 1, jobSeconds: 47.3, retryAfter: 30 });
		const { items, error } = await rig.run(perItem({ timeout: 300 }), { items: makeNumberedItems(12) });
		expect(error).toBeUndefined();
		expect(items.map(({ json }) => json.status)).toEqual(Array(12).fill('success'));
		// The first five are submitted at the same moment, and the others in order.
		const order = rig.service.jobs.map(({ trackId }) => Number(trackId?.slice('item-'.length)));
		expect(order.slice(5)).toEqual([5, 6, 7, 8, 9, 10, 11]);
	});

	test('all stop waiting for a queue that does not move, at the same time', async () => {
		const full = {
			status: 'error',
			message: 'Rate limit exceeded. Maximum 5 queued requests allowed.',
			retry_after: 30,
		};
		rig.service.addFault({
			on: 'submit',
			times: Infinity,
			do: { kind: 'answer', status: 429, body: full },
		});
		const start = rig.clock.now();
		const { items } = await rig.run(perItem({ timeout: 100 }), {
			items: makeNumberedItems(5),
			node: { onError: 'continueRegularOutput' },
		});
		expect(items.map(({ json }) => json.error)).toEqual(
			Array(5).fill(`dot.png: The account's queue stayed full: ${full.message}`),
		);
		expect(rig.clock.now() - start).toBeLessThan(150_000);
	});

	test('do not wait for a submit that is answered slowly', async () => {
		rig.clock.patienceMs = 500;
		const full = { status: 'error', message: 'Rate limit exceeded', retry_after: 5 };
		rig.service.addFault({ on: 'submit', times: 3, do: { kind: 'answer', status: 429, body: full } });
		rig.service.addFault({ on: 'submit', do: { kind: 'hang' } });
		const start = rig.clock.now();
		await rig.run(perItem({ timeout: 200 }), {
			items: makeNumberedItems(3),
			node: { onError: 'continueRegularOutput' },
		});
		expect(rig.service.jobs).toHaveLength(2);
		for (const { acceptedAt } of rig.service.jobs) expect(acceptedAt - start).toBeLessThan(30_000);
	});

	test('get the slot of a job that is done at once', async () => {
		rig.service.configure({ jobSeconds: 0 });
		const full = {
			status: 'error',
			message: 'Maximum 5 queued requests allowed. Rate limit exceeded.',
			retry_after: 300,
		};
		rig.service.addFault({ on: 'submit', do: { kind: 'answer', status: 429, body: full } });
		const start = rig.clock.now();
		const { items } = await rig.run(perItem(), { items: makeNumberedItems(3) });
		expect(items.map(({ json }) => json.status)).toEqual(Array(3).fill('success'));
		expect(rig.clock.now() - start).toBeLessThan(10_000);
	});

	test('can be more than the queue holds, even without waiting for results', async () => {
		rig.service.configure({ queueLimit: 3 });
		const { items } = await rig.run({ ...perItem(), waitFor: 'none' }, { items: makeNumberedItems(7) });
		expect(items.map(({ json }) => json.track_id)).toEqual(Array.from({ length: 7 }, (_, n) => `item-${n}`));
		expect(rig.service.jobs.map(({ trackId }) => trackId).sort()).toEqual(
			items.map(({ json }) => json.track_id),
		);
	});

	test('leave nothing and cause no call if there are none', async () => {
		const { items } = await rig.run(perItem(), { items: [] });
		expect(items).toEqual([]);
		expect(rig.service.requests).toEqual([]);
	});
});

describe('On Error', () => {
	test('Stop: the error names the job, and the other accepted jobs for Get Result', async () => {
		rig.service.addFault(failJob(1));
		const { error, items } = await rig.run(perItem(), { items: makeNumberedItems(4) });
		expect(items).toEqual([]);
		expect(rig.service.jobs).toHaveLength(4);
		for (const { id, outcome, trackId } of rig.service.jobs) {
			const index = Number(trackId?.slice('item-'.length));
			if (outcome === 'success') expect(error?.description).toContain(`${id} (item ${index})`);
			else {
				expect(error?.message).toBe(`Job ${id} (dot.png): the service ended the job as failed: too dark`);
				expect(error?.context?.itemIndex).toBe(index);
			}
		}
	});

	test('Stop: the error also names the items whose jobs may have been accepted', async () => {
		// After three submits that the service accepted, the node sends three at once.
		await rig.run(perItem(), { items: makeNumberedItems(3) });
		rig.service.addFault({ ...spoiltSubmit(0), times: 3 });
		const { error } = await rig.run(perItem(), { items: makeNumberedItems(3) });
		const others = [0, 1, 2].filter((index) => index !== error?.context?.itemIndex);
		expect(error?.description).toMatch(/It is not known whether the jobs of these items were accepted: /);
		const named = /were accepted: ([\d, and]+)\./.exec(error?.description ?? '')?.[1]?.match(/\d+/g);
		expect(named?.map(Number).sort()).toEqual(others);
	});

	test('Stop: nothing more is submitted after an error', async () => {
		rig.service.addFault({
			on: 'submit',
			do: { kind: 'answer', status: 402, body: { status: 'error', message: 'Insufficient credits.' } },
		});
		await rig.run(perItem({ maxJobsInFlight: 1 }), { items: makeNumberedItems(4) });
		expect(rig.service.jobs).toEqual([]);
		expect(rig.service.requests).toHaveLength(1);
	});

	test('Continue: an error item with ID and track ID takes the place of a failed item, and the others succeed', async () => {
		rig.service.addFault(failJob(1));
		const items = [...makeNumberedItems(2), { json: { n: 'not a number' } }, { json: { n: 3 } }];
		const { items: out, error } = await rig.run(perItem({ maxJobsInFlight: 1 }), {
			items,
			node: { onError: 'continueRegularOutput' },
		});
		expect(error).toBeUndefined();
		const failed = rig.service.jobs[1]?.id;
		expect(out.map(({ json }) => json)).toMatchObject([
			{ status: 'success', track_id: 'item-0' },
			{
				error: `Job ${failed} (dot.png): the service ended the job as failed: too dark`,
				id: failed,
				track_id: 'item-1',
			},
			{ error: 'dot.png: Seed must be an integer, or empty for a random seed, but is "not a number"' },
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
			'dot.png: Max Jobs in Flight must be an integer from 1 to 1000, but is "x"',
		],
		['a wrong Base URL', {}, 'nowhere', 'Base URL in the credential is not an http or https address'],
	])('Continue: %s for all items gives an error item for each', async (_name, options, baseUrl, message) => {
		if (baseUrl) rig.setCredential({ baseUrl });
		const node = { onError: 'continueRegularOutput' as const };
		const { items } = await rig.run(perItem(options), { items: makeNumberedItems(2), node });
		const description = expect.stringMatching(/\w\.$/) as string;
		const wanted = { error: message, description, paid: 'no' };
		expect(items.map(({ json }) => json)).toEqual([wanted, wanted]);
		expect(items.map(({ pairedItem }) => pairedItem)).toMatchObject([{ item: 0 }, { item: 1 }]);
		expect(rig.service.requests).toEqual([]);
	});

	test('Continue (using error output): failed items leave through it, paired, and their message names the job', async () => {
		rig.service.addFault(failJob(0));
		const { items, errors } = await rig.run(perItem({ maxJobsInFlight: 1 }), {
			items: makeNumberedItems(3),
			node: { onError: 'continueErrorOutput' },
		});
		expect(items.map(({ json }) => json.track_id)).toEqual(['item-1', 'item-2']);
		expect(errors).toHaveLength(1);
		expect(errors[0]?.json).toMatchObject({
			error: {
				message: `Job ${rig.service.jobs[0]?.id} (dot.png): the service ended the job as failed: too dark`,
				paid: 'yes',
				id: rig.service.jobs[0]?.id,
				track_id: 'item-0',
			},
		});
		expect(errors[0]?.pairedItem).toMatchObject({ item: 0 });
	});
});

const BROKEN =
	'dot.png: The connection broke before the answer was complete (ECONNRESET). The job may have been accepted and paid';

describe('Retry On Fail', () => {
	const retry = { retryOnFail: true, maxTries: 3, waitBetweenTries: 1 };

	test('continues with the jobs that the failed try submitted', async () => {
		rig.service.configure({ parallel: 100 });
		rig.service.addFault(failJob(1));
		const { items, error } = await rig.run(perItem(), { items: makeNumberedItems(4), node: retry });
		expect(error).toBeUndefined();
		expect(items.map(({ json }) => json.status)).toEqual(Array(4).fill('success'));
		// Four jobs, and a new one for the job that the service ended as failed.
		const failed = rig.service.jobs.find(({ outcome }) => outcome === 'failed')?.trackId ?? '';
		expect(rig.service.jobs.map(({ trackId }) => trackId).sort()).toEqual(
			['item-0', 'item-1', 'item-2', 'item-3', failed].sort(),
		);
	});

	test('ends in the same error for what may have been accepted, and does not submit it again', async () => {
		rig.service.addFault(spoiltSubmit(1));
		const { error } = await rig.run(perItem(), { items: makeNumberedItems(3), node: retry });
		expect(error?.message).toBe(BROKEN);
		expect(rig.service.jobs).toHaveLength(3);
	});

	test('does not repeat a submit that was in progress when another item stopped the run', async () => {
		// After three submits that the service accepted, the node sends three at once.
		await rig.run(perItem(), { items: makeNumberedItems(3) });
		rig.service.addFault({ ...spoiltSubmit(0), times: 3 });
		const { error } = await rig.run(perItem(), { items: makeNumberedItems(3), node: retry });
		expect(error?.message).toBe(BROKEN);
		expect(rig.service.jobs).toHaveLength(3 + 3);
	});

	test('pays nothing twice with Continue, if the first item is an error', async () => {
		rig.service.addFault(spoiltSubmit(0));
		const { items } = await rig.run(perItem({ maxJobsInFlight: 1 }), {
			items: makeNumberedItems(3),
			node: { ...retry, onError: 'continueRegularOutput' },
		});
		expect(items.map(({ json }) => json.status ?? 'error')).toEqual(['error', 'success', 'success']);
		expect(rig.service.jobs).toHaveLength(3);
	});

	test('polls a job again that ran out of time, and does not submit it again', async () => {
		rig.service.configure({ jobSeconds: 100 });
		const { items, error } = await rig.run(perItem({ timeout: 60 }), {
			items: makeNumberedItems(1),
			node: retry,
		});
		expect(error).toBeUndefined();
		expect(items[0]?.json.status).toBe('success');
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('repeats a failed download without a new job', async () => {
		rig.service.addFault({ on: 'download', times: 6, do: { kind: 'answer', status: 500, body: '' } });
		const parameters = {
			...perItem(),
			download: true,
			settings: { frameSize: 16, seconds: 1, steps: 1, seed: '1' },
		};
		const { items, error } = await rig.run(parameters, { items: makeNumberedItems(1), node: retry });
		expect(error).toBeUndefined();
		expect(items[0]?.binary?.data?.mimeType).toBe('image/gif');
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('treats a second run of the node in the same execution as new work, even for the same items', async () => {
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
								parameters: { image: rig.picture, download: false },
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
		const run = await rig.engine.run(workflow, { items: makeNumberedItems(2) });
		expect(readOutput(run, NODE, 0)[0]).toHaveLength(2);
		expect(readOutput(run, NODE, 1)[0]).toHaveLength(2);
		expect(rig.service.jobs).toHaveLength(4);
	});
});

describe('stopping the execution', () => {
	test('ends all waiting at once', async () => {
		rig.service.configure({ jobSeconds: 1e6, eta: 'missing' });
		const stop = new AbortController();
		const running = rig.run(perItem({ timeout: 86_400 }), {
			items: makeNumberedItems(2),
			signal: stop.signal,
		});
		const start = rig.clock.now();
		while (rig.service.requests.length < 6) await rig.clock.sleep(500);
		stop.abort();
		const { run } = await running;
		expect(run.status).toBe('canceled');
		const { description } = run.data.resultData.error as { description?: string };
		for (const { id } of rig.service.jobs)
			expect(description).toMatch(new RegExp(`^Jobs of this run were accepted .*${id} \\(item`));
		const seen = rig.service.requests.length;
		await rig.clock.sleep(3_600_000);
		expect(rig.service.requests).toHaveLength(seen);
		expect(rig.clock.now() - start).toBeGreaterThan(3_600_000);
	});
});
