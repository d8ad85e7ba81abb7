import type { INodeParameters } from 'n8n-workflow';

import { outputOf, type Execution } from '../../n8n/engine/engine.cts';
import type { Fault } from '../../local-api/index.mts';
import { type Rig, fileItem, NODE, numbered, openRig, pngBase64, prompts } from '../support/rig.mts';

let bench: Rig;
beforeEach(async () => {
	bench = await openRig({ jobSeconds: 10, parallel: 10 });
});
afterEach(async () => {
	await bench.close();
});

const failJob = (skip: number, times = 1): Fault => ({
	on: 'submit',
	skip,
	times,
	do: { kind: 'failJob', message: 'too dark' },
});

const latest = () => bench.engine.executions.at(-1) as Execution;
const paid = () => bench.service.jobs.map(({ trackId }) => trackId);

/** Presses Retry on the latest execution. */
async function retried() {
	const run = await bench.engine.retry(latest().id);
	return { run, items: outputOf(run, NODE)[0] ?? [], error: run.data.resultData.error };
}

/** Presses it until the execution is well. @returns its items */
async function retriedUntilWell() {
	for (let time = 0; time < 10; time++) {
		const { items, run } = await retried();
		if (run.status === 'success') return items;
	}
	return [];
}

/** The node as the person has changed it since. */
function changed(parameters: INodeParameters, credential = { id: '1', name: 'Test' }): void {
	const { nodes } = latest().workflow;
	const stack = latest().run?.data.executionData?.nodeExecutionStack ?? [];
	for (const node of [...nodes, ...stack.map((entry) => entry.node)]) {
		if (node.name !== NODE) continue;
		Object.assign(node.parameters, parameters);
		node.credentials = { stableDiffusionApi: credential };
	}
}

describe('an execution that failed is retried in the list of executions:', () => {
	test('what was accepted is taken up, and the job that failed alone is paid for again', async () => {
		bench.service.addFault(failJob(1));
		const { error } = await bench.run(prompts(), { items: numbered(3) });
		expect(error?.message).toMatch(/too dark/);
		const { items } = await retried();
		expect(items.map(({ json }) => [json.status, json.track_id])).toEqual(
			[0, 1, 2].map((n) => ['success', `item-${n}`]),
		);
		expect(items.map(({ pairedItem }) => pairedItem)).toEqual([0, 1, 2].map((item) => ({ item })));
		expect(paid()).toEqual(['item-0', 'item-1', 'item-2', 'item-1']);
	});

	test('again and again: only what had failed is paid for once more', async () => {
		bench.service.addFault(failJob(1, 3));
		await bench.run(prompts(), { items: numbered(4) });
		expect((await retriedUntilWell()).map(({ json }) => json.track_id)).toEqual(
			[0, 1, 2, 3].map((n) => `item-${n}`),
		);
		expect(paid()).toHaveLength(4 + 3);
	});

	test('with files that were uploaded, and Retry On Fail in both executions', async () => {
		const picture = await pngBase64();
		const items = [0, 1, 2].map((n) => ({ ...fileItem(picture, 'image/png', 'dot.png'), json: { n } }));
		bench.service.addFault(failJob(1, 3));
		const node = { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 };
		const parameters = prompts({ operation: 'imageTo3d', imageSource: 'binary' }, { maxJobsInFlight: 1 });
		const { error } = await bench.run(parameters, { items, node });
		expect(error?.message).toMatch(/too dark/);
		expect(paid()).toEqual(['item-0', 'item-1', 'item-1']);
		const { items: left } = await retried();
		expect(left.map(({ json }) => json.status)).toEqual(Array(3).fill('success'));
		expect(paid()).toEqual(['item-0', 'item-1', 'item-1', 'item-1', 'item-1', 'item-2']);
	});

	test('a submit of which nobody knows is not sent again: it ends in the same error', async () => {
		bench.service.addFault({ on: 'submit', skip: 1, accept: true, do: { kind: 'reset', when: 'before' } });
		const { error } = await bench.run(prompts(), { items: numbered(3) });
		expect(error?.message).toMatch(/the connection broke.*may have been accepted and paid$/);
		for (let time = 1; time <= 2; time++) {
			expect((await retried()).error?.message).toBe(error?.message);
			expect(paid()).toEqual(['item-0', 'item-1', 'item-2']);
		}
	});

	test('a job that ran out of time is watched on', async () => {
		bench.service.configure({ jobSeconds: 100 });
		const { error } = await bench.run(prompts({}, { timeout: 60 }), { items: numbered(1) });
		expect(error?.message).toMatch(/not finished after 60 s/);
		expect((await retried()).items.map(({ json }) => json.status)).toEqual(['success']);
		expect(paid()).toHaveLength(1);
	});

	test('one that was stopped, too', async () => {
		const stop = new AbortController();
		void bench.clock.sleep(5000).then(() => stop.abort());
		await bench.run(prompts(), { items: numbered(2), signal: stop.signal });
		expect((await retried()).items).toHaveLength(2);
		expect(paid()).toHaveLength(2);
	});

	test.each([
		['the prompt was changed', () => changed({ prompt: '=mug {{ $json.n }}' })],
		['another credential was chosen', () => changed({}, { id: '2', name: 'Another' })],
	])('what was submitted for something else is not taken up: %s', async (_what, edit) => {
		bench.service.addFault(failJob(1));
		await bench.run(prompts(), { items: numbered(2) });
		edit();
		expect((await retried()).items).toHaveLength(2);
		expect(paid()).toHaveLength(4);
	});

	test('an expression that brings something else each time makes no other job', async () => {
		bench.service.addFault(failJob(1));
		await bench.run(prompts({ prompt: '=cup {{ Math.random() }}' }), { items: numbered(3) });
		const { items } = await retried();
		expect(items).toHaveLength(3);
		expect(paid()).toEqual(['item-0', 'item-1', 'item-2', 'item-1']);
	});

	test('a mark that changes with the execution is no other job', async () => {
		bench.service.addFault(failJob(1));
		await bench.run(prompts({}, { trackId: '={{ $execution.id }}-{{ $json.n }}' }), { items: numbered(2) });
		const marks = paid();
		const { items } = await retried();
		expect(paid()).toHaveLength(3);
		expect(items.map(({ json }) => json.track_id)).toEqual([marks[0], paid()[2]]);
	});

	test('and only then: an item that carries a job for another reason is new work', async () => {
		bench.service.addFault(failJob(1));
		await bench.run(prompts(), { items: numbered(2) });
		const [stack] = latest().run?.data.executionData?.nodeExecutionStack ?? [];
		const { items } = await bench.run(prompts(), { items: stack?.data.main?.[0] ?? [] });
		expect(items).toHaveLength(2);
		expect(paid()).toHaveLength(4);
	});

	describe('at rest,', () => {
		const resting = (options: INodeParameters = {}) => prompts({ waitFor: 'webhook' }, options);

		/** Lets the latest execution go on until it has ended. */
		async function ended() {
			for (let step = 0; step < 60 && latest().run?.finished !== true; step++) await bench.clock.sleep(5000);
			const { run } = latest();
			return run ? (outputOf(run, NODE)[0] ?? []) : [];
		}

		test('before it came to that: the jobs that would call the failed one are watched', async () => {
			bench.service.addFault({
				on: 'submit',
				skip: 1,
				do: { kind: 'answer', status: 400, body: { status: 'error', message: 'No.' } },
			});
			const { error } = await bench.run(resting(), { items: numbered(2) });
			expect(error?.message).toMatch(/refused/);
			await retried();
			expect((await ended()).map(({ json }) => [json.status, json.track_id])).toEqual([
				['success', 'item-0'],
				['success', 'item-1'],
			]);
			expect(paid()).toEqual(['item-0', 'item-1']);
		});

		test('after ends that are none for good: each job is fetched first', async () => {
			let isCancelled = false;
			const edit = (body: Record<string, unknown>) => {
				if (body.id === bench.service.jobs[0]?.id) return body;
				return isCancelled
					? { id: body.id, status: 'cancelled' }
					: { ...body, status: 'processing', output: [] };
			};
			bench.service.configure({ webhooks: 'never' });
			bench.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit } });
			await bench.run(resting({ maxJobsInFlight: 2 }), { items: numbered(3) });
			isCancelled = true;
			await bench.call(String(bench.service.jobs[1]?.webhook), {});
			await bench.clock.sleep(100_000);
			expect(latest().run?.data.resultData.error?.message).toMatch(/cancelled/);
			bench.service.clearFaults();
			expect((await retried()).items.map(({ json }) => json.status)).toEqual(Array(3).fill('success'));
			expect(paid()).toHaveLength(3);
		});

		test('after it, again and again: only what had failed is paid for once more', async () => {
			bench.service.addFault(failJob(1, 4));
			await bench.run(resting(), { items: numbered(4) });
			await bench.clock.sleep(60_000);
			expect(latest().run?.status).toBe('error');
			expect(await retriedUntilWell()).toHaveLength(4);
			expect(paid()).toHaveLength(4 + 4);
		});
	});
});
