import type { INodeParameters } from 'n8n-workflow';

import { readOutput, type Execution } from '../../n8n/engine/engine.cts';
import type { Fault } from '../../local-api/index.mts';
import {
	type Rig,
	makeFileItem,
	NODE,
	makeNumberedItems,
	openRig,
	makePngBase64,
	buildPromptParameters,
} from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 10, parallel: 10 });
});
afterEach(async () => {
	await rig.close();
});

const failJob = (skip: number, times = 1): Fault => ({
	on: 'submit',
	skip,
	times,
	do: { kind: 'failJob', message: 'too dark' },
});

const latest = () => rig.engine.executions.at(-1) as Execution;
const paidJobs = () => rig.service.jobs.map(({ trackId }) => trackId);

/** Retries the latest execution. */
async function retry() {
	const run = await rig.engine.retry(latest().id);
	return { run, items: readOutput(run, NODE)[0] ?? [], error: run.data.resultData.error };
}

/** Retries the latest execution until it succeeds. @returns its items */
async function retryUntilSuccess() {
	for (let time = 0; time < 10; time++) {
		const { items, run } = await retry();
		if (run.status === 'success') return items;
	}
	return [];
}

/** Changes the node before the retry. */
function changeNode(parameters: INodeParameters, credential = { id: '1', name: 'Test' }): void {
	const { nodes } = latest().workflow;
	const stack = latest().run?.data.executionData?.nodeExecutionStack ?? [];
	for (const node of [...nodes, ...stack.map((entry) => entry.node)]) {
		if (node.name !== NODE) continue;
		Object.assign(node.parameters, parameters);
		node.credentials = { stableDiffusionApi: credential };
	}
}

describe('Retry in the list of executions', () => {
	test('continues with accepted jobs, and pays again only for the failed job', async () => {
		rig.service.addFault(failJob(1));
		const { error } = await rig.run(buildPromptParameters(), { items: makeNumberedItems(3) });
		expect(error?.message).toMatch(/too dark/);
		const { items } = await retry();
		expect(items.map(({ json }) => [json.status, json.track_id])).toEqual(
			[0, 1, 2].map((n) => ['success', `item-${n}`]),
		);
		expect(items.map(({ pairedItem }) => pairedItem)).toEqual([0, 1, 2].map((item) => ({ item })));
		expect(paidJobs()).toEqual(['item-0', 'item-1', 'item-2', 'item-1']);
	});

	test('pays again only for failed jobs, each time', async () => {
		rig.service.addFault(failJob(1, 3));
		await rig.run(buildPromptParameters(), { items: makeNumberedItems(4) });
		expect((await retryUntilSuccess()).map(({ json }) => json.track_id)).toEqual(
			[0, 1, 2, 3].map((n) => `item-${n}`),
		);
		expect(paidJobs()).toHaveLength(4 + 3);
	});

	test('works with uploaded files, and with Retry On Fail in both executions', async () => {
		const picture = await makePngBase64();
		const items = [0, 1, 2].map((n) => ({ ...makeFileItem(picture, 'image/png', 'dot.png'), json: { n } }));
		rig.service.addFault(failJob(1, 3));
		const node = { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 };
		const parameters = buildPromptParameters(
			{ operation: 'imageTo3d', imageSource: 'binary' },
			{ maxJobsInFlight: 1 },
		);
		const { error } = await rig.run(parameters, { items, node });
		expect(error?.message).toMatch(/too dark/);
		expect(paidJobs()).toEqual(['item-0', 'item-1', 'item-1']);
		const { items: left } = await retry();
		expect(left.map(({ json }) => json.status)).toEqual(Array(3).fill('success'));
		expect(paidJobs()).toEqual(['item-0', 'item-1', 'item-1', 'item-1', 'item-1', 'item-2']);
	});

	test('ends in the same error for a job that may have been accepted, and does not submit it again', async () => {
		rig.service.addFault({ on: 'submit', skip: 1, accept: true, do: { kind: 'reset', when: 'before' } });
		const { error } = await rig.run(buildPromptParameters(), { items: makeNumberedItems(3) });
		expect(error?.message).toMatch(/The connection broke.*may have been accepted and paid$/);
		for (let time = 1; time <= 2; time++) {
			expect((await retry()).error?.message).toBe(error?.message);
			expect(paidJobs()).toEqual(['item-0', 'item-1', 'item-2']);
		}
	});

	test('polls a job again that ran out of time', async () => {
		rig.service.configure({ jobSeconds: 100 });
		const { error } = await rig.run(buildPromptParameters({}, { timeout: 60 }), {
			items: makeNumberedItems(1),
		});
		expect(error?.message).toMatch(/not finished after 60 s/);
		expect((await retry()).items.map(({ json }) => json.status)).toEqual(['success']);
		expect(paidJobs()).toHaveLength(1);
	});

	test('continues with the jobs of a stopped execution', async () => {
		const stop = new AbortController();
		void rig.clock.sleep(5000).then(() => stop.abort());
		await rig.run(buildPromptParameters(), { items: makeNumberedItems(2), signal: stop.signal });
		expect((await retry()).items).toHaveLength(2);
		expect(paidJobs()).toHaveLength(2);
	});

	test.each([
		['the prompt is another one', () => changeNode({ prompt: '=mug {{ $json.n }}' })],
		['the credential is another one', () => changeNode({}, { id: '2', name: 'Another' })],
	])('submits again if %s', async (_what, edit) => {
		rig.service.addFault(failJob(1));
		await rig.run(buildPromptParameters(), { items: makeNumberedItems(2) });
		edit();
		expect((await retry()).items).toHaveLength(2);
		expect(paidJobs()).toHaveLength(4);
	});

	test('does not submit again because an expression has a new result each time', async () => {
		rig.service.addFault(failJob(1));
		await rig.run(buildPromptParameters({ prompt: '=cup {{ Math.random() }}' }), {
			items: makeNumberedItems(3),
		});
		const { items } = await retry();
		expect(items).toHaveLength(3);
		expect(paidJobs()).toEqual(['item-0', 'item-1', 'item-2', 'item-1']);
	});

	test('does not submit again because the track ID changes with the execution', async () => {
		rig.service.addFault(failJob(1));
		await rig.run(buildPromptParameters({}, { trackId: '={{ $execution.id }}-{{ $json.n }}' }), {
			items: makeNumberedItems(2),
		});
		const marks = paidJobs();
		const { items } = await retry();
		expect(paidJobs()).toHaveLength(3);
		expect(items.map(({ json }) => json.track_id)).toEqual([marks[0], paidJobs()[2]]);
	});

	test('is the only case in which a job that an item carries is continued', async () => {
		rig.service.addFault(failJob(1));
		await rig.run(buildPromptParameters(), { items: makeNumberedItems(2) });
		const [stack] = latest().run?.data.executionData?.nodeExecutionStack ?? [];
		const { items } = await rig.run(buildPromptParameters(), { items: stack?.data.main?.[0] ?? [] });
		expect(items).toHaveLength(2);
		expect(paidJobs()).toHaveLength(4);
	});

	describe('of a suspended execution', () => {
		const suspending = (options: INodeParameters = {}) =>
			buildPromptParameters({ waitFor: 'webhook' }, options);

		/** Waits for the end of the latest execution. @returns its items */
		async function waitForEnd() {
			for (let step = 0; step < 60 && latest().run?.finished !== true; step++) await rig.clock.sleep(5000);
			const { run } = latest();
			return run ? (readOutput(run, NODE)[0] ?? []) : [];
		}

		test('that failed before it was suspended: the jobs that would call it are polled', async () => {
			rig.service.addFault({
				on: 'submit',
				skip: 1,
				do: { kind: 'answer', status: 400, body: { status: 'error', message: 'No.' } },
			});
			const { error } = await rig.run(suspending(), { items: makeNumberedItems(2) });
			expect(error?.message).toMatch(/refused/);
			await retry();
			expect((await waitForEnd()).map(({ json }) => [json.status, json.track_id])).toEqual([
				['success', 'item-0'],
				['success', 'item-1'],
			]);
			expect(paidJobs()).toEqual(['item-0', 'item-1']);
		});

		test('after ends that are in doubt: each job is fetched first', async () => {
			let isCancelled = false;
			const edit = (body: Record<string, unknown>) => {
				if (body.id === rig.service.jobs[0]?.id) return body;
				return isCancelled
					? { id: body.id, status: 'cancelled' }
					: { ...body, status: 'processing', output: [] };
			};
			rig.service.configure({ webhooks: 'never' });
			rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit } });
			await rig.run(suspending({ maxJobsInFlight: 2 }), { items: makeNumberedItems(3) });
			isCancelled = true;
			await rig.call(String(rig.service.jobs[1]?.webhook), {});
			await rig.clock.sleep(100_000);
			expect(latest().run?.data.resultData.error?.message).toMatch(/cancelled/);
			rig.service.clearFaults();
			expect((await retry()).items.map(({ json }) => json.status)).toEqual(Array(3).fill('success'));
			expect(paidJobs()).toHaveLength(3);
		});

		test('that failed after it was resumed: only failed jobs are paid for again, each time', async () => {
			rig.service.addFault(failJob(1, 4));
			await rig.run(suspending(), { items: makeNumberedItems(4) });
			await rig.clock.sleep(60_000);
			expect(latest().run?.status).toBe('error');
			expect(await retryUntilSuccess()).toHaveLength(4);
			expect(paidJobs()).toHaveLength(4 + 4);
		});
	});
});
