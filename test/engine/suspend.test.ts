import type { INodeExecutionData, INodeParameters } from 'n8n-workflow';

import { EngineCredentials } from '../../n8n/engine/credentials.cts';
import { readOutput, type Execution, type WorkflowJson } from '../../n8n/engine/engine.cts';
import type { Fault } from '../../local-api/index.mts';
import {
	API_KEY,
	type Rig,
	makeFileItem,
	NODE,
	makeNumberedItems,
	openRig,
	makePngBase64,
} from '../support/rig.mts';
import { serveBehindPublicName } from '../support/http.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 60, parallel: 10 });
});
afterEach(async () => {
	await rig.close();
});

const QUICK = { frameSize: 16, seconds: 1, steps: 1, seed: '1' };

/** The node, set to suspend the execution, with a track ID for each item. */
const suspending = (more: INodeParameters = {}, options: INodeParameters = {}): INodeParameters => ({
	operation: 'imageTo3d',
	image: rig.picture,
	settings: QUICK,
	waitFor: 'webhook',
	download: false,
	options: { trackId: '=item-{{ $json.n }}', ...options },
	...more,
});

const failJob = (skip: number): Fault => ({
	on: 'submit',
	skip,
	do: { kind: 'failJob', message: 'too dark' },
});

const NEW_KEY = 'another-key-of-the-same-account';

const lastExecution = (): Execution => rig.engine.executions.at(-1) as Execution;

/** The node's output after the last run. */
function outputItems(output = 0): INodeExecutionData[] {
	const { run } = lastExecution();
	return run ? (readOutput(run, NODE)[output] ?? []) : [];
}

const resumeUrl = () => String(rig.service.jobs.at(-1)?.webhook);
const idOf = (item: number) => rig.service.jobs.find(({ trackId }) => trackId === `item-${item}`)?.id ?? 0;
const trackIds = (items: INodeExecutionData[]) => items.map(({ json }) => json.track_id);
const pairs = (items: INodeExecutionData[]) => items.map(({ pairedItem }) => pairedItem);
const failedJob = () => rig.service.jobs.find(({ outcome }) => outcome === 'failed');
const fetches = () => rig.service.requests.filter(({ path }) => path.includes('/fetch/'));

/** Without images to fetch, the service accepts the jobs in the order of the items. */
const inOrder = (more: INodeParameters = {}, options: INodeParameters = {}) =>
	suspending({ operation: 'textTo3d', prompt: 'A cup', ...more }, options);

/** A workflow with another node after this one. */
function addNextNode(parameters: INodeParameters, node: object = {}): WorkflowJson {
	const common = { typeVersion: 1, position: [0, 0] as [number, number], parameters: {} };
	return {
		nodes: [
			{ ...common, id: '1', name: 'Start', type: 'n8n-nodes-base.manualTrigger' },
			{
				...common,
				id: '2',
				name: NODE,
				type: 'n8n-nodes-img-to-3d.imgTo3d',
				parameters,
				credentials: { stableDiffusionApi: { id: '1', name: 'Test' } },
				...node,
			},
			{ ...common, id: '3', name: 'After', type: 'n8n-nodes-base.noOp' },
		],
		connections: {
			Start: { main: [[{ node: NODE, type: 'main', index: 0 }]] },
			[NODE]: { main: [[{ node: 'After', type: 'main', index: 0 }]] },
		},
	};
}

describe('a suspended execution', () => {
	test('resumes when all jobs have ended, with its items in order, paired and with their files', async () => {
		rig.service.configure({ jobSeconds: (number) => [50, 30, 40][number - 1] ?? 0 });
		const start = rig.clock.now();
		const { run, items } = await rig.run(suspending({ download: true }), { items: makeNumberedItems(3) });
		expect(run.status).toBe('waiting');
		expect(rig.clock.now()).toBe(start);
		expect(items.map(({ json }) => json)).toEqual(
			[0, 1, 2].map((item) => expect.objectContaining({ id: idOf(item), status: 'processing' })),
		);
		const submitted = fetches().length;
		await rig.clock.sleep(29_000);
		expect(fetches()).toHaveLength(submitted);

		await rig.clock.sleep(300_000);
		expect(lastExecution().run?.status).toBe('success');
		expect(trackIds(outputItems())).toEqual(['item-0', 'item-1', 'item-2']);
		expect(pairs(outputItems())).toEqual([{ item: 0 }, { item: 1 }, { item: 2 }]);
		for (const item of outputItems()) {
			const job = rig.service.jobs.find(({ id }) => id === item.json.id);
			expect(item.json).toMatchObject({ status: 'success', output: job?.outputs, meta: { frame_size: 16 } });
			const file = await rig.engine.readBinary(item, 'data');
			expect(file.equals(Buffer.from(await (await fetch(job?.outputs[0] ?? '')).arrayBuffer()))).toBe(true);
		}
	});

	test('keeps the input fields and the names of the files, also for an item that fails', async () => {
		rig.service.addFault(failJob(1));
		const parameters = inOrder(
			{ prompt: '=A cup {{ $json.n }}', download: true },
			{ includeInputFields: true },
		);
		const node = { onError: 'continueRegularOutput' } as const;
		const items = [...makeNumberedItems(2), { json: { n: 2, seconds: 'x' } }];
		await rig.run(
			{ ...parameters, settings: { ...QUICK, seconds: '={{ $json.seconds ?? 1 }}' } },
			{ items, node },
		);
		await rig.clock.sleep(120_000);
		await rig.waitUntilIdle();
		const output = outputItems();
		expect(output.map(({ json }) => json.input)).toEqual(items.map(({ json }) => json));
		expect(output[0]?.binary?.data?.fileName).toBe(`A-cup-0-${idOf(0)}.gif`);
		expect(output.slice(1).map(({ json }) => typeof json.error)).toEqual(['string', 'string']);
	});

	test('keeps the input fields in its references when Timeout is over', async () => {
		rig.service.configure({ webhooks: 'never' });
		await rig.run(suspending({}, { includeInputFields: true, timeout: 100 }), {
			items: makeNumberedItems(1),
		});
		await rig.clock.sleep(100_000);
		const [late] = readOutput(await rig.engine.endWait(lastExecution().id), NODE)[0] ?? [];
		expect(late?.json).toMatchObject({ status: 'processing', input: { n: 0 } });
	});

	test('does not ask again about a job that has ended, until n8n restarts', async () => {
		rig.service.configure({ jobSeconds: (number) => (number === 1 ? 30 : 600), webhooks: 'never' });
		await rig.run(inOrder(), { items: makeNumberedItems(2) });
		await rig.clock.sleep(31_000);
		const fetchesOfEnded = () => fetches().filter(({ path }) => path.endsWith(`/${idOf(0)}`)).length;
		await rig.call(resumeUrl(), {});
		const known = fetchesOfEnded();
		await rig.call(resumeUrl(), {});
		expect(fetchesOfEnded()).toBe(known);
		rig.restartN8n();
		await rig.call(resumeUrl(), {});
		expect(fetchesOfEnded()).toBe(known + 1);
	});

	test('sends its own address and the track ID, even if Webhook URL is set', async () => {
		await rig.run(suspending({}, { webhookUrl: 'http://127.0.0.1:9/other' }), {
			items: makeNumberedItems(1),
		});
		expect(rig.service.jobs[0]).toMatchObject({ trackId: 'item-0' });
		expect(resumeUrl()).toMatch(
			new RegExp(`/webhook-waiting/${lastExecution().id}/img-to-3d\\?mark=[\\w-]{22}$`),
		);
	});

	test('does not store the API key', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(2) });
		expect(lastExecution().suspended).toContain('item-1');
		expect(lastExecution().suspended).not.toContain(API_KEY);
		expect(lastExecution().suspended).not.toContain(new URL(resumeUrl()).searchParams.get('mark'));
	});

	test('stays suspended after a call while a job is open, and answers it with 200', async () => {
		rig.service.configure({ jobSeconds: (number) => 30 * number });
		await rig.run(suspending(), { items: makeNumberedItems(2) });
		await rig.clock.sleep(31_000);
		expect(lastExecution().run?.status).toBe('waiting');
		expect(await rig.call(resumeUrl(), { status: 'success', id: rig.service.jobs[0]?.id })).toEqual({
			status: 200,
			message: 'Not all jobs have ended. The execution stays suspended.',
		});
		await rig.clock.sleep(60_000);
		expect(trackIds(outputItems())).toEqual(['item-0', 'item-1']);
	});

	test.each([
		['a forged end', { status: 'success', id: 1, output: ['https://example.com/virus.gif'] }],
		['a number', '5'],
		['a list', '[1, 2]'],
		['broken JSON', '{"a":'],
		['a large one', JSON.stringify({ status: 'success', id: 1, more: 'x'.repeat(2_000_000) })],
		['a deep one', '['.repeat(100_000) + ']'.repeat(100_000)],
		['invalid UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
	])('believes only the API: a call with %s as its body changes nothing', async (_case, body) => {
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		const { status } = await rig.call(resumeUrl(), body);
		expect([200, 422]).toContain(status);
		expect(lastExecution().run?.status).toBe('waiting');
		await rig.clock.sleep(61_000);
		expect(outputItems().map(({ json }) => json.output)).toEqual([rig.service.jobs[0]?.outputs]);
	});

	test.each([
		['without a mark', () => ''],
		['with a made-up mark', () => `?mark=${'A'.repeat(22)}`],
		['with a changed mark', () => new URL(resumeUrl()).search.replace(/.$/, '!')],
		['with two marks', () => `${new URL(resumeUrl()).search}&${new URL(resumeUrl()).search.slice(1)}`],
	])(
		'costs no API call and no query when it is called %s, by any number of calls',
		async (_case, makeQuery) => {
			await rig.run(suspending(), { items: makeNumberedItems(1) });
			const { origin, pathname } = new URL(resumeUrl());
			const url = origin + pathname + makeQuery();
			await rig.clock.sleep(59_500);
			const before = fetches().length;
			const getter = jest.spyOn(EngineCredentials.prototype, 'getDecrypted');
			const answers = await Promise.all(
				Array.from({ length: 100 }, async () => await rig.call(url, { status: 'success', id: idOf(0) })),
			);
			const reads = getter.mock.calls.length;
			getter.mockRestore();
			expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
			expect([fetches().length - before, reads]).toEqual([0, 0]);
			expect(lastExecution().run?.status).toBe('waiting');
			await rig.clock.sleep(2000);
			expect(outputItems().map(({ json }) => json.status)).toEqual(['success']);
		},
	);

	test('has the same mark after a restart, and another execution has another one', async () => {
		rig.service.configure({ webhooks: 'never' });
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		const first = resumeUrl();
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		const { origin, pathname } = new URL(resumeUrl());
		expect(await rig.call(origin + pathname + new URL(first).search, {})).toMatchObject({ status: 403 });
		rig.restartN8n();
		expect(await rig.call(resumeUrl(), {})).toMatchObject({ status: 200 });
	});

	test('knows its address after the key was changed', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		rig.setCredential({ apiKey: NEW_KEY });
		await rig.clock.sleep(120_000);
		// In the stand-in, another key has other jobs.
		expect(rig.service.calls.map(({ status }) => status)).toEqual([503]);
		rig.setCredential({ apiKey: API_KEY });
		expect(await rig.call(resumeUrl(), {})).toMatchObject({ status: 200 });
		await rig.clock.sleep(1000);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['success']);
	});

	test.each([[API_KEY], [NEW_KEY]])(
		'knows the address of an earlier suspension, with the same or another key (%s)',
		async (apiKey) => {
			rig.service.configure({ jobSeconds: (number) => [30, 200, 60][number - 1] ?? 0 });
			rig.service.addFault(failJob(0));
			const edit = (answer: Record<string, unknown>) => {
				if (answer.status === 'failed') rig.setCredential({ apiKey });
				return answer;
			};
			rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit } });
			const node = { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 };
			await rig.run(inOrder(), { items: makeNumberedItems(2), node });
			await rig.clock.sleep(31_000);
			await rig.waitUntilIdle();
			await rig.clock.sleep(300_000);
			const [first, , third] = rig.service.jobs.map(({ webhook }) => webhook);
			expect(third === first).toBe(apiKey === API_KEY);
			// In the stand-in, another key has other jobs.
			const isKnown = apiKey === API_KEY;
			expect(rig.service.calls.map(({ status }) => status)).toEqual(
				isKnown ? [200, 200, 200] : [200, 503, 503],
			);
			expect(lastExecution().run?.status).toBe(isKnown ? 'success' : 'waiting');
		},
	);

	test('waits for the end of a job if the call comes before the API shows it', async () => {
		rig.service.configure({ webhooks: { delaySeconds: -8 } });
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		await rig.clock.sleep(70_000);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['success']);
	});

	test('resumes once, even if two calls come for each job at the same moment', async () => {
		rig.service.configure({ webhooks: 'twice' });
		await rig.engine.run(addNextNode(suspending({ download: true })), { items: makeNumberedItems(5) });
		await rig.clock.sleep(120_000);
		const { run } = lastExecution();
		expect(run?.status).toBe('success');
		expect(run?.data.resultData.runData.After).toHaveLength(1);
		expect(rig.service.requests.filter(({ path }) => path.startsWith('/files/'))).toHaveLength(5);
		expect(await rig.call(resumeUrl(), {})).toMatchObject({ status: 409 });
	});

	test('does not ask the API for each call of a flood', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(2) });
		const before = fetches().length;
		const answers = await Promise.all(
			Array.from({ length: 100 }, async () => await rig.call(resumeUrl(), {})),
		);
		expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
		expect(fetches().length - before).toBeLessThan(100);
	});

	test('shares the credential with other executions of its workflow that are called at the same moment', async () => {
		const executions = 5;
		for (let number = 0; number < executions; number++) {
			await rig.run(inOrder(), { items: makeNumberedItems(1) });
		}
		const getter = jest.spyOn(EngineCredentials.prototype, 'getDecrypted');
		await rig.clock.sleep(120_000);
		const reads = getter.mock.calls.length;
		getter.mockRestore();
		expect(rig.engine.executions.map(({ run }) => run?.status)).toEqual(Array(executions).fill('success'));
		// Each resumed node reads it once itself.
		expect(reads).toBe(executions + 1);
	});

	test('handles at most two calls at a time of a flood about one job', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		const before = fetches().length;
		const answers = await Promise.all(
			Array.from({ length: 50 }, async () => await rig.call(resumeUrl(), { status: 'success', id: idOf(0) })),
		);
		expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
		const already = answers.filter(
			({ message }) => message === 'Received. Another call about these jobs is being handled.',
		);
		expect(already).toHaveLength(48);
		// Each asks every two seconds for 12 s, and then about all jobs once.
		expect(fetches().length - before).toBeLessThanOrEqual(2 * 8);
		await rig.clock.sleep(60_000);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['success']);
	});

	test('gives a call its full time, even if the time of a forged call is nearly over', async () => {
		// The call comes at 52 s, and the API shows the end at 60 s.
		rig.service.configure({ webhooks: { delaySeconds: -8 } });
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		await rig.clock.sleep(43_000);
		await rig.call(resumeUrl(), { status: 'success', id: idOf(0) });
		await rig.clock.sleep(30_000);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['success']);
	});

	test('gives a call its full time, even if it waits for calls that get no answer from the API', async () => {
		rig.service.configure({ parallel: 24, queueLimit: 24 });
		for (let run = 0; run < 24; run++) await rig.run(suspending(), { items: makeNumberedItems(1) });
		rig.clock.patienceMs = 500;
		rig.service.addFault({ on: 'fetch', times: 20, do: { kind: 'hang' } });
		await rig.clock.sleep(120_000);
		expect(rig.engine.executions.map(({ run }) => run?.status)).toEqual(Array(24).fill('success'));
	});

	test('answers a call with 503 while the API is down, and resumes at a later call', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		await rig.clock.sleep(59_000);
		rig.service.addFault({
			on: 'fetch',
			times: Infinity,
			do: { kind: 'answer', status: 503, body: 'down' },
		});
		await rig.clock.sleep(60_000);
		expect(lastExecution().run?.status).toBe('waiting');
		expect(await rig.call(resumeUrl(), {})).toMatchObject({ status: 503 });
		rig.service.clearFaults();
		expect(await rig.call(resumeUrl(), {})).toMatchObject({ status: 200 });
		await rig.clock.sleep(1000);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['success']);
	});

	test('stays suspended when the credential cannot be used, and logs only the first calls of a minute', async () => {
		rig.service.configure({ webhooks: 'never' });
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		rig.setCredential({ baseUrl: 'nonsense' });
		for (let call = 0; call < 25; call++) {
			expect(await rig.call(resumeUrl(), {})).toMatchObject({ status: 503 });
		}
		expect(lastExecution().run?.status).toBe('waiting');
		await rig.clock.sleep(61_000);
		const errors = rig.log.filter((line) => line.startsWith('error'));
		expect(errors).toHaveLength(11);
		expect(rig.log.at(-1)).toBe(
			'error: Image to 3D: 15 more webhook calls to suspended executions could not be handled: Base URL in the credential is not an http or https address',
		);
	});

	test('ends with an error that names the job when the service refuses the key', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		rig.setCredential({ apiKey: 'wrong-key' });
		await rig.clock.sleep(61_000);
		expect(lastExecution().run?.status).toBe('waiting');
		await rig.clock.sleep(30_000);
		expect(lastExecution().run?.data.resultData.error?.message).toMatch(
			new RegExp(`^Job ${idOf(0)}: the service does not accept the API key`),
		);
	});

	test('returns references when Timeout is over, and Get Result finishes the jobs', async () => {
		rig.service.configure({ webhooks: 'never' });
		const { run } = await rig.run(suspending({}, { timeout: 600 }), { items: makeNumberedItems(2) });
		expect(new Date(run.waitTill ?? 0).getTime()).toBe((rig.service.jobs[0]?.acceptedAt ?? 0) + 600_000);
		await rig.clock.sleep(600_000);
		const late = readOutput(await rig.engine.endWait(lastExecution().id), NODE)[0] ?? [];
		expect(late.map(({ json }) => json)).toEqual(
			[0, 1].map((item) =>
				expect.objectContaining({
					id: idOf(item),
					status: 'processing',
					track_id: `item-${item}`,
					fetch_result: `${rig.service.baseUrl}/v3/fetch/${idOf(item)}`,
				}),
			),
		);
		expect(pairs(late)).toEqual([{ item: 0 }, { item: 1 }]);

		const fetched = await rig.run(
			{ operation: 'getResult', jobId: '={{ $json.id }}', download: false },
			{ items: late },
		);
		expect(fetched.items.map(({ json }) => json.output)).toEqual(
			[0, 1].map((item) => rig.service.jobs.find(({ id }) => id === idOf(item))?.outputs),
		);
		expect(rig.service.jobs).toHaveLength(2);
	});

	test('returns a finished job without an ID as it is when Timeout is over, because Get Result could not fetch it', async () => {
		rig.service.configure({ webhooks: 'never', jobSeconds: (number) => (number === 1 ? 0 : 60) });
		const edit = (answer: Record<string, unknown>) => ({ ...answer, id: undefined });
		rig.service.addFault({ on: 'submit', do: { kind: 'edit', edit } });
		await rig.run(inOrder({ download: true }), { items: makeNumberedItems(2) });
		const late = readOutput(await rig.engine.endWait(lastExecution().id), NODE)[0] ?? [];
		expect(late.map(({ json }) => json.status)).toEqual(['success', 'processing']);
		expect(late[0]?.json.output).toEqual(rig.service.jobs[0]?.outputs);
	});

	test('returns references if this version of n8n cannot resume the node', async () => {
		const type = rig.engine.nodeTypes.getByNameAndVersion('n8n-nodes-img-to-3d.imgTo3d');
		const answer = type.webhook;
		type.webhook = async function () {
			const blind = Object.create(this, { runExecutionData: { value: undefined } }) as typeof this;
			return (await answer?.call(blind)) ?? {};
		};
		await rig.run(suspending(), { items: makeNumberedItems(2) });
		await rig.clock.sleep(61_000);
		expect(lastExecution().run?.status).toBe('success');
		expect(outputItems().map(({ json }) => json.status)).toEqual(['processing', 'processing']);
		expect(outputItems().map(({ json }) => json.id)).toEqual([idOf(0), idOf(1)]);
	});
});

describe('the resumed node', () => {
	/** Does something between the webhook call and the run of the resumed node. */
	function afterCall(happen: () => void): void {
		const type = rig.engine.nodeTypes.getByNameAndVersion('n8n-nodes-img-to-3d.imgTo3d');
		const answer = type.webhook;
		type.webhook = async function () {
			const answered = (await answer?.call(this)) ?? {};
			if (answered.workflowData) happen();
			return answered;
		};
	}

	test('continues with the ends that the API has reported, and does not ask for them again', async () => {
		rig.service.configure({ jobSeconds: (number) => 10 * number });
		await rig.run(inOrder(), { items: makeNumberedItems(5) });
		const before = fetches().length;
		await rig.clock.sleep(120_000);
		expect(outputItems()).toHaveLength(5);
		// At each call, the named job and those that are still open: 5 + 4 + 3 + 2 + 1.
		expect(fetches().length - before).toBe(15);
	});

	test.each([
		['no ID', { id: undefined }],
		['no meta', { meta: undefined }],
	])('keeps what it knew about a job when the answer has %s', async (_case, change) => {
		const { items } = await rig.run(suspending(), { items: makeNumberedItems(1) });
		const edit = (answer: Record<string, unknown>) => ({ ...answer, ...change });
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit } });
		await rig.clock.sleep(61_000);
		const { id, meta } = items[0]?.json ?? {};
		expect(outputItems().map(({ json }) => json)).toEqual([
			expect.objectContaining({ id, meta, status: 'success', output: rig.service.jobs[0]?.outputs }),
		]);
	});

	test('does not need the API', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(2) });
		afterCall(() =>
			rig.service.addFault({
				on: 'fetch',
				times: Infinity,
				do: { kind: 'answer', status: 503, body: 'down' },
			}),
		);
		await rig.clock.sleep(61_000);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['success', 'success']);
	});

	test('stays suspended after one odd answer of the API, and resumes at a later call', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		rig.service.addFault({ on: 'fetch', do: { kind: 'answer', status: 403, body: 'no' } });
		expect((await rig.call(resumeUrl(), {})).status).toBe(200);
		await rig.clock.sleep(30_000);
		expect(lastExecution().run?.status).toBe('waiting');
		await rig.clock.sleep(31_000);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['success']);
	});

	test('names its jobs in an error that stops the run', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(2) });
		afterCall(() => rig.setCredential({ baseUrl: 'nonsense' }));
		await rig.clock.sleep(61_000);
		const error = lastExecution().run?.data.resultData.error as { message: string; description: string };
		expect(error.message).toMatch(/^Base URL in the credential/);
		expect(error.description).toContain(`fetched with Get Result: ${idOf(0)} and ${idOf(1)}.`);
	});

	test('names each job in its error item with Continue', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(2), node: { onError: 'continueRegularOutput' } });
		afterCall(() => rig.setCredential({ apiKey: '' }));
		await rig.clock.sleep(61_000);
		expect(outputItems().map(({ json }) => json)).toEqual(
			[0, 1].map((item) => ({
				error: 'The credential has no API key',
				description: expect.stringMatching(/^Enter the API key of your account/) as string,
				paid: 'yes',
				id: idOf(item),
				track_id: `item-${item}`,
			})),
		);
	});

	test('continues on a worker that does not know its public address', async () => {
		const proxy = await serveBehindPublicName(rig.service.origin);
		try {
			await rig.run(suspending(), { items: makeNumberedItems(1) });
			afterCall(() => rig.setCredential({ baseUrl: 'http://api.service.invalid/api' }));
			await rig.clock.sleep(61_000);
			expect(outputItems().map(({ json }) => json.status)).toEqual(['success']);
		} finally {
			await proxy.end();
		}
	});

	test('returns an error for an item whose job is a success without a file', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(2), node: { onError: 'continueRegularOutput' } });
		const empty = idOf(0);
		rig.service.addFault({
			on: 'fetch',
			times: Infinity,
			do: { kind: 'edit', edit: (answer) => (answer.id === empty ? { ...answer, output: [] } : answer) },
		});
		await rig.clock.sleep(110_000);
		expect(lastExecution().run?.status).toBe('waiting');
		await rig.clock.sleep(90_000);
		expect(outputItems().map(({ json }) => json.status ?? json.error)).toEqual([
			`Job ${empty} (dot.png): the service says "success", but names no file that can be fetched`,
			'success',
		]);
	});

	test('asks the API at the address that the service named', async () => {
		const edit = (answer: Record<string, unknown>) => ({
			...answer,
			fetch_result: `${rig.service.baseUrl}/v3/fetch/${String(answer.id)}?of=us`,
		});
		rig.service.addFault({ on: 'submit', do: { kind: 'edit', edit } });
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit } });
		await rig.run(suspending(), { items: makeNumberedItems(1) });
		await rig.clock.sleep(61_000);
		expect(outputItems()).toHaveLength(1);
		expect(fetches().every(({ path }) => path.endsWith('?of=us'))).toBe(true);
	});

	test('answers within the 30 s that the service waits, even if the API does not answer', async () => {
		rig.clock.patienceMs = 500;
		await rig.run(suspending(), { items: makeNumberedItems(2) });
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'hang' } });
		const start = rig.clock.now();
		const { status } = await rig.call(resumeUrl(), { status: 'success', id: idOf(0), output: [] });
		expect(status).toBe(503);
		expect(rig.clock.now() - start).toBeLessThan(30_000);
	});
});

describe('before it suspends the execution, the node', () => {
	test('does not suspend when all jobs have ended', async () => {
		rig.service.configure({ jobSeconds: 0 });
		const { run, items } = await rig.run(suspending(), { items: makeNumberedItems(3) });
		expect(run.status).toBe('success');
		expect(items.map(({ json }) => json.status)).toEqual(['success', 'success', 'success']);
		expect(fetches()).toHaveLength(0);
	});

	test('asks about each job once more, because calls to a running execution are lost', async () => {
		// The first job ends while the others are submitted, because the queue is full until then.
		rig.service.configure({ queueLimit: 1, parallel: 1, jobSeconds: 10 });
		const { run, items } = await rig.run(suspending(), { items: makeNumberedItems(3) });
		expect(run.status).toBe('waiting');
		expect(items).toHaveLength(3);
		await rig.clock.sleep(60_000);
		expect(trackIds(outputItems())).toEqual(['item-0', 'item-1', 'item-2']);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['success', 'success', 'success']);
		expect(rig.service.jobs).toHaveLength(3);
	});

	test('asks again when a poll fails', async () => {
		rig.service.configure({ jobSeconds: 2 });
		rig.service.addFault({ on: 'fetch', times: 2, do: { kind: 'answer', status: 503, body: 'down' } });
		const { run, items } = await rig.run(suspending(), { items: makeNumberedItems(1) });
		expect(run.status).toBe('success');
		expect(items.map(({ json }) => json.status)).toEqual(['success']);
	});

	test('does not wait when the API asks for a long pause, because the call would be lost', async () => {
		const full = { status: 'error', message: 'Rate limit exceeded', retry_after: 30 };
		rig.service.addFault({ on: 'fetch', times: 2, do: { kind: 'answer', status: 429, body: full } });
		const start = rig.clock.now();
		const { run } = await rig.run(suspending(), { items: makeNumberedItems(2) });
		expect([run.status, rig.clock.now() - start]).toEqual(['waiting', 0]);
		await rig.clock.sleep(61_000);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['success', 'success']);
	});

	test('asks again when one of the polls took long', async () => {
		rig.clock.patienceMs = 500;
		rig.service.configure({ jobSeconds: (number) => 4 + number });
		rig.service.addFault({ on: 'fetch', do: { kind: 'hang' } });
		const { run, items } = await rig.run(suspending(), { items: makeNumberedItems(2) });
		expect(run.status).toBe('success');
		expect(items.map(({ json }) => json.status)).toEqual(['success', 'success']);
	});

	test('keeps Max Jobs in Flight, and suspends after the last submit', async () => {
		const start = rig.clock.now();
		const { run } = await rig.run(suspending({ download: true }, { maxJobsInFlight: 2 }), {
			items: makeNumberedItems(7),
		});
		expect(run.status).toBe('waiting');
		expect(rig.service.jobs).toHaveLength(7);
		const open = rig.service.jobs.filter(({ endsAt }) => endsAt > rig.clock.now());
		expect(open.length).toBeLessThanOrEqual(2);
		expect(rig.clock.now() - start).toBeLessThan(3 * 70_000);
		await rig.clock.sleep(120_000);
		expect(trackIds(outputItems())).toEqual(Array.from({ length: 7 }, (_, n) => `item-${n}`));
		expect(outputItems().every(({ binary }) => binary?.data?.mimeType === 'image/gif')).toBe(true);
		expect(rig.service.requests.filter(({ path }) => path.startsWith('/files/'))).toHaveLength(7);
	});

	test('fails and submits nothing when the service cannot reach n8n', async () => {
		const proxy = await serveBehindPublicName(rig.service.origin);
		try {
			rig.setCredential({ baseUrl: 'http://api.service.invalid/api' });
			const { error } = await rig.run(suspending(), { items: makeNumberedItems(2) });
			expect(error?.message).toMatch(
				/^The service cannot call this n8n: its webhook address is at 127\.0\.0\.1:\d+, which is not on the open internet$/,
			);
			expect(error?.description).toMatch(/WEBHOOK_URL.*Nothing was submitted/);
			const { items } = await rig.run(suspending(), {
				items: makeNumberedItems(2),
				node: { onError: 'continueRegularOutput' },
			});
			expect(items.map(({ json }) => json.error)).toEqual([error?.message, error?.message]);
			expect(proxy.asked).toEqual([]);
		} finally {
			await proxy.end();
		}
	});

	test('stops when the execution is stopped', async () => {
		rig.service.configure({ queueLimit: 1 });
		const stop = new AbortController();
		const running = rig.run(suspending(), { items: makeNumberedItems(3), signal: stop.signal });
		while (rig.service.jobs.length < 2) await rig.clock.sleep(1000);
		stop.abort();
		const { run } = await running;
		expect(run.status).toBe('canceled');
		expect(run.waitTill).toBeUndefined();
	});
});

describe('a job that fails', () => {
	const FAILED = (id: unknown) =>
		new RegExp(
			`^Job ${String(id)} \\((dot\\.png|"A cup")\\): the service ended the job as failed: too dark$`,
		);
	test('ends the suspended execution at once with an error that names the other jobs, and runs no later node', async () => {
		rig.service.configure({ jobSeconds: (number) => 20 * number });
		rig.service.addFault(failJob(0));
		await rig.engine.run(addNextNode(inOrder()), { items: makeNumberedItems(3) });
		await rig.clock.sleep(25_000);
		const { run } = lastExecution();
		expect(run?.status).toBe('error');
		const failed = failedJob();
		const { error, runData } = run?.data.resultData ?? {};
		expect(error?.message).toMatch(FAILED(failed?.id));
		for (const { id } of rig.service.jobs.filter(({ outcome }) => outcome === 'success')) {
			expect((error as { description?: string }).description).toContain(`${id} (item`);
		}
		expect(runData).not.toHaveProperty('After');
		expect(rig.service.jobs).toHaveLength(3);
	});

	test('becomes an error item in its place with Continue, after all jobs have ended', async () => {
		rig.service.addFault(failJob(1));
		await rig.run(suspending(), { items: makeNumberedItems(3), node: { onError: 'continueRegularOutput' } });
		await rig.clock.sleep(120_000);
		const failed = failedJob();
		const place = Number(failed?.trackId?.slice('item-'.length));
		expect(outputItems().map(({ json }) => json.status ?? 'error')).toEqual(
			[0, 1, 2].map((item) => (item === place ? 'error' : 'success')),
		);
		expect(outputItems()[place]?.json).toEqual({
			error: expect.stringMatching(FAILED(failed?.id)),
			description: expect.stringMatching(/^The job is over\./) as string,
			paid: 'yes',
			id: failed?.id,
			track_id: failed?.trackId,
		});
		expect(pairs(outputItems())).toEqual([{ item: 0 }, { item: 1 }, { item: 2 }]);
	});

	test('becomes an item of the error output with Continue (using error output)', async () => {
		rig.service.addFault(failJob(1));
		await rig.run(suspending(), { items: makeNumberedItems(3), node: { onError: 'continueErrorOutput' } });
		await rig.clock.sleep(120_000);
		expect(outputItems(0)).toHaveLength(2);
		expect(outputItems(1).map(({ json }) => json)).toEqual([
			{
				// n8n adds the fields of the input item.
				n: expect.any(Number) as number,
				error: {
					message: expect.stringMatching(FAILED(failedJob()?.id)),
					description: expect.stringMatching(/^The job is over\./) as string,
					paid: 'yes',
					id: failedJob()?.id,
					track_id: failedJob()?.trackId,
				},
			},
		]);
	});

	test('is submitted again with Retry On Fail, without the others, and the execution is suspended again', async () => {
		rig.service.addFault(failJob(1));
		const picture = await makePngBase64();
		const items = [0, 1, 2].map((n) => ({ ...makeFileItem(picture, 'image/png', 'dot.png'), json: { n } }));
		await rig.run(suspending({ imageSource: 'binary', download: true }), {
			items,
			node: { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 },
		});
		const failed = failedJob()?.trackId;
		for (let step = 0; step < 60 && rig.service.jobs.length < 4; step++) await rig.clock.sleep(5000);
		await rig.clock.sleep(120_000);
		expect(rig.service.jobs.map(({ trackId }) => trackId).sort()).toEqual(
			['item-0', 'item-1', 'item-2', failed].sort(),
		);
		expect(lastExecution().run?.status).toBe('success');
		expect(trackIds(outputItems())).toEqual(['item-0', 'item-1', 'item-2']);
		expect(outputItems().every(({ binary }) => binary?.data)).toBe(true);
	});

	test.each([
		['', {}, 2],
		[' and Continue', { onError: 'continueRegularOutput' }, 2],
		[' and five tries', { maxTries: 5 }, 5],
	])(
		'each time is not submitted more often than Max. Tries with Retry On Fail%s',
		async (_case, node, paid) => {
			rig.service.addFault({
				on: 'submit',
				times: Infinity,
				do: { kind: 'failJob', message: 'too dark' },
			});
			await rig.run(suspending(), {
				items: makeNumberedItems(1),
				node: { retryOnFail: true, maxTries: 2, waitBetweenTries: 1, ...node } as object,
			});
			for (let step = 0; step < 200; step++) await rig.clock.sleep(5000);
			expect(rig.service.jobs).toHaveLength(paid);
			expect(lastExecution().run?.status).toBe('onError' in node ? 'success' : 'error');
			if ('onError' in node) expect(outputItems()[0]?.json.error).toMatch(/too dark/);
		},
	);

	test('is submitted again by Retry in the list of executions, without the others', async () => {
		rig.service.addFault(failJob(1));
		await rig.run(suspending(), { items: makeNumberedItems(3) });
		await rig.clock.sleep(61_000);
		expect(lastExecution().run?.status).toBe('error');
		const run = await rig.engine.retry(lastExecution().id);
		expect(run.status).toBe('success');
		expect((readOutput(run, NODE)[0] ?? []).map(({ json }) => json.status)).toEqual(Array(3).fill('success'));
		expect(rig.service.jobs).toHaveLength(4);
	});

	test('before the suspension is not paid for twice with Continue and Retry On Fail, and its error is in the output', async () => {
		rig.service.addFault({ on: 'submit', accept: true, do: { kind: 'reset', when: 'before' } });
		await rig.run(suspending({}, { maxJobsInFlight: 1 }), {
			items: makeNumberedItems(3),
			node: {
				retryOnFail: true,
				maxTries: 3,
				waitBetweenTries: 1,
				onError: 'continueRegularOutput',
			},
		});
		await rig.clock.sleep(120_000);
		expect(rig.service.jobs).toHaveLength(3);
		// n8n repeats a run whose first item is an error, with pauses by the real clock.
		await rig.waitUntilIdle();
		expect(outputItems().map(({ json }) => json.status ?? json.error)).toEqual([
			expect.stringMatching(/^dot\.png: The connection broke/),
			'success',
			'success',
		]);
	});

	test('before the suspension does not keep another job from leaving as a reference when Timeout is over', async () => {
		rig.service.configure({ webhooks: 'never' });
		rig.service.addFault({ on: 'image', do: { kind: 'hang' } });
		await rig.run(suspending({}, { maxJobsInFlight: 1 }), {
			items: makeNumberedItems(2),
			node: { onError: 'continueErrorOutput' },
		});
		expect(lastExecution().suspended).not.toContain('"httpCode":0');
		const run = await rig.engine.endWait(lastExecution().id);
		const [late = [], errors = []] = readOutput(run, NODE);
		expect(late.map(({ json }) => json.status)).toEqual(['processing']);
		expect(errors.map(({ json }) => json.error)).toEqual([
			expect.objectContaining({
				message: expect.stringMatching(/could not fetch the image/) as string,
				paid: 'no',
			}),
		]);
	});
});

describe('the node', () => {
	test('suspends and resumes in each of its runs in the same execution', async () => {
		const workflow = addNextNode(suspending());
		const [start, node, after] = workflow.nodes;
		const branch = (name: string) => ({ ...after, id: name, name }) as (typeof workflow.nodes)[0];
		const looped: WorkflowJson = {
			nodes: [start, node, after, branch('A'), branch('B')] as WorkflowJson['nodes'],
			connections: {
				...workflow.connections,
				Start: {
					main: [
						[
							{ node: 'A', type: 'main', index: 0 },
							{ node: 'B', type: 'main', index: 0 },
						],
					],
				},
				A: { main: [[{ node: NODE, type: 'main', index: 0 }]] },
				B: { main: [[{ node: NODE, type: 'main', index: 0 }]] },
			},
		};
		await rig.engine.run(looped, { items: makeNumberedItems(2) });
		expect(rig.service.jobs).toHaveLength(2);
		await rig.clock.sleep(61_000);
		expect(rig.service.jobs).toHaveLength(4);
		expect(lastExecution().run?.status).toBe('waiting');
		await rig.clock.sleep(61_000);
		const { run } = lastExecution();
		expect(run?.status).toBe('success');
		const runs = run?.data.resultData.runData[NODE] ?? [];
		expect(runs.map(({ data }) => data?.main?.[0]?.map(({ json }) => json.status))).toEqual([
			['success', 'success'],
			['success', 'success'],
		]);
		expect(run?.data.resultData.runData.After).toHaveLength(2);
	});

	test('suspends a manual execution too', async () => {
		const { run } = await rig.run(suspending(), { items: makeNumberedItems(1), mode: 'manual' });
		expect(run.status).toBe('waiting');
		await rig.clock.sleep(61_000);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['success']);
	});

	test('pairs each file with its input item, even if a job has several', async () => {
		const parameters = suspending(
			{ download: true, settings: { ...QUICK, batchSize: 2 } },
			{ outputMode: 'file' },
		);
		await rig.run(parameters, { items: makeNumberedItems(2) });
		await rig.clock.sleep(61_000);
		expect(outputItems().map(({ json }) => [json.track_id, json.output_index])).toEqual([
			['item-0', 0],
			['item-0', 1],
			['item-1', 0],
			['item-1', 1],
		]);
		expect(pairs(outputItems())).toEqual([{ item: 0 }, { item: 0 }, { item: 1 }, { item: 1 }]);
		expect(outputItems().every(({ binary }) => binary?.data)).toBe(true);
	});

	test('keeps the output parameters of each item through the suspension', async () => {
		const parameters = suspending({
			download: '={{ $json.n === 1 }}',
			outputBinaryPropertyName: '=file{{ $json.n }}',
		});
		await rig.run(parameters, { items: makeNumberedItems(2) });
		await rig.clock.sleep(61_000);
		expect(outputItems().map(({ binary }) => Object.keys(binary ?? {}))).toEqual([[], ['file1']]);
	});

	test('can wait differently for each item, and suspends when only the suspending items are left', async () => {
		rig.service.configure({ jobSeconds: (number) => (number === 3 ? 30 : 100), parallel: 3 });
		const parameters = inOrder({ waitFor: '={{ ["none", "webhook", "poll"][$json.n] }}' });
		const start = rig.clock.now();
		const { run } = await rig.run(parameters, { items: makeNumberedItems(3) });
		expect(run.status).toBe('waiting');
		const polled = rig.service.jobs.find(({ trackId }) => trackId === 'item-2');
		expect(rig.clock.now()).toBeGreaterThanOrEqual(polled?.endsAt ?? Infinity);
		expect(rig.clock.now() - start).toBeLessThan(110_000);
		await rig.clock.sleep(120_000);
		expect(outputItems().map(({ json }) => json.status)).toEqual(['processing', 'success', 'success']);
		expect(trackIds(outputItems())).toEqual(['item-0', 'item-1', 'item-2']);
	});

	test('asks about the suspending jobs once more when the last polled job has ended', async () => {
		rig.service.configure({ jobSeconds: (number) => (number === 1 ? 20 : 60) });
		const parameters = inOrder({ waitFor: '={{ ["webhook", "poll"][$json.n] }}' }, { pollInterval: 30 });
		const { run, items } = await rig.run(parameters, { items: makeNumberedItems(2) });
		expect(run.status).toBe('success');
		expect(items.map(({ json }) => json.status)).toEqual(['success', 'success']);
	});

	test('runs only the first item with Execute Once', async () => {
		await rig.run(suspending(), { items: makeNumberedItems(3), node: { executeOnce: true } });
		await rig.clock.sleep(61_000);
		expect(trackIds(outputItems())).toEqual(['item-0']);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('polls in Get Result, because the service does not call for it', async () => {
		const { items: [job] = [] } = await rig.run(suspending({ waitFor: 'none' }), {
			items: makeNumberedItems(1),
		});
		const { run, items } = await rig.run(
			{ operation: 'getResult', jobId: String(job?.json.id), waitFor: 'webhook', download: false },
			{ items: makeNumberedItems(1) },
		);
		expect(run.status).toBe('success');
		expect(items.map(({ json }) => json.status)).toEqual(['success']);
	});
});

describe('Webhook URL', () => {
	test.each(['poll', 'none'])('is called with the track ID when the node waits for %s', async (waitFor) => {
		const after = addNextNode(suspending({ waitFor: 'none' }));
		const trigger = {
			...after.nodes[0],
			type: 'n8n-nodes-img-to-3d.imgTo3dTrigger',
			credentials: { stableDiffusionApi: { id: '1', name: 'Test' } },
		} as WorkflowJson['nodes'][0];
		const { production } = rig.engine.publish(
			{
				nodes: [trigger, after.nodes[2] as WorkflowJson['nodes'][0]],
				connections: { Start: { main: [[{ node: 'After', type: 'main', index: 0 }]] } },
			},
			'notified',
		);
		await rig.run(suspending({ waitFor }, { webhookUrl: production }), { items: makeNumberedItems(2) });
		await rig.clock.sleep(120_000);
		const started = rig.engine.executions.slice(-2);
		expect(
			started.map(({ run }) => run && readOutput(run, 'After')[0]?.map(({ json }) => json.track_id)).sort(),
		).toEqual([['item-0'], ['item-1']]);
	});

	test('is refused before a submit if the service cannot reach it', async () => {
		const proxy = await serveBehindPublicName(rig.service.origin);
		try {
			rig.setCredential({ baseUrl: 'http://api.service.invalid/api' });
			const webhookUrl = 'http://localhost:5678/webhook/done';
			const { error } = await rig.run(suspending({ waitFor: 'none' }, { webhookUrl }), {
				items: makeNumberedItems(1),
			});
			expect(error?.message).toBe(
				`The service cannot call Webhook URL: ${webhookUrl} is not on the open internet`,
			);
			expect(error?.context?.itemIndex).toBe(0);
			expect(proxy.asked).toEqual([]);
		} finally {
			await proxy.end();
		}
	});
});
