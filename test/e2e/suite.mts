/** The tests that every n8n server must pass, whatever its setup. */
import axios from 'axios';
import type { INode, INodeExecutionData, INodeParameters, IRunExecutionData } from 'n8n-workflow';

import { PACKAGE, type Saved, type WorkflowFile } from '../../n8n/real/n8n.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import { API_KEY, CREDENTIAL_TYPE } from '../../n8n/real/worlds.mts';
import type { Site } from '../../n8n/real/site.mts';

export const NODE = 'Image to 3D';
const PICTURES = ['mug.jpg', 'duck.png', 'rocket.webp'];
const SMALL = { frameSize: 32, seconds: 1, steps: 1, seed: '1' };

/** Prints a line that the test runner does not capture. */
export const say = (line: string) => process.stderr.write(`${line}\n`);

let count = 0;

type WorkflowNode = WorkflowFile['nodes'][number];

export function createNode(
	name: string,
	type: string,
	typeVersion: number,
	x: number,
	more: object,
): WorkflowNode {
	return { id: name.toLowerCase(), name, type, typeVersion, position: [x, 0], parameters: {}, ...more };
}

/** The node after Image to 3D. It adds the image of the paired item. */
const AFTER = createNode('After', 'n8n-nodes-base.set', 3.4, 660, {
	parameters: {
		assignments: {
			assignments: [
				{
					id: 'a',
					name: 'picture',
					type: 'string',
					value: "={{ $('Split').item.json['body.images'] }}",
				},
			],
		},
		includeOtherFields: true,
		options: {},
	},
});

/** Builds a workflow that a call with a list of images starts. @param node settings of the Image to 3D node */
export function buildPictureWorkflow(
	world: Site,
	parameters: INodeParameters,
	node: Partial<INode> = {},
): { path: string; workflow: WorkflowFile } {
	const path = `e2e-${++count}-${Date.now()}`;
	const connectTo = (...names: string[]) => ({
		main: names.map((name) => [{ node: name, type: 'main' as const, index: 0 }]),
	});
	const workflow: WorkflowFile = {
		name: `E2E ${count}`,
		nodes: [
			createNode('Hook', 'n8n-nodes-base.webhook', 2, 0, {
				webhookId: path,
				parameters: { path, httpMethod: 'POST', responseMode: 'onReceived', options: {} },
			}),
			createNode('Split', 'n8n-nodes-base.splitOut', 1, 220, {
				parameters: { fieldToSplitOut: 'body.images', options: {} },
			}),
			createNode(NODE, `${PACKAGE}.imgTo3d`, 1, 440, {
				parameters: { image: "={{ $json['body.images'] }}", settings: SMALL, ...parameters },
				credentials: world.credentials,
				...node,
			}),
			AFTER,
			createNode('Failed', 'n8n-nodes-base.noOp', 1, 660, { position: [660, 200] }),
		],
		connections: { Hook: connectTo('Split'), Split: connectTo(NODE), [NODE]: connectTo('After', 'Failed') },
		settings: { executionOrder: 'v1' },
	};
	return { path, workflow };
}

/** Lists the URLs of sample images. */
export const listSamples = (world: Site, names = PICTURES) =>
	names.map((name) => `${world.service.origin}/samples/${name}`);

/** Imports and publishes a workflow. */
export async function publish(
	world: Site,
	parameters: INodeParameters,
	node: Partial<INode> = {},
): Promise<{ path: string; saved: Saved }> {
	const { path, workflow } = buildPictureWorkflow(world, parameters, node);
	const saved = await world.main.importWorkflow(workflow);
	await world.main.publish(saved);
	return { path, saved };
}

/** Starts a published workflow with a call. Repeats the call until n8n has registered the webhook. */
export async function callWorkflow(world: Site, path: string, images: readonly string[]): Promise<void> {
	await waitUntil(`the workflow at ${path} has started`, async () => {
		const { status } = await world.outside.call(`/webhook/${path}`, { images });
		if (status !== 200 && status !== 404) throw new Error(`n8n answered the call with ${status}.`);
		return status === 200;
	});
}

/** Publishes a workflow and starts it. */
export async function startWorkflow(
	world: Site,
	parameters: INodeParameters,
	node: Partial<INode> = {},
	images = listSamples(world),
): Promise<Saved> {
	const { path, saved } = await publish(world, parameters, node);
	await callWorkflow(world, path, images);
	return saved;
}

export interface Result {
	/** Of the execution. */
	id: string;
	status: string;
	data: IRunExecutionData;
	/** The items of the node's regular output, and of its error output. */
	items: INodeExecutionData[];
	errors: INodeExecutionData[];
	error?: { message: string; description?: string | null };
}

/** Reads the output of a node. @param output 0: the first output */
export function readItems(data: IRunExecutionData, node: string, output = 0): INodeExecutionData[] {
	return data.resultData.runData[node]?.at(-1)?.data?.main?.[output] ?? [];
}

export const ENDS = ['success', 'error', 'canceled', 'crashed'];

/** Waits until the latest execution of a workflow has ended. @returns its result */
export async function waitForResult(world: Site, { id: workflow }: Saved, limitMs = 60_000): Promise<Result> {
	return await readResult(world, await world.main.waitForLatest(workflow, ENDS, limitMs));
}

async function readResult(world: Site, id: string): Promise<Result> {
	const { status, data } = await world.main.readExecution(id);
	return {
		id,
		status,
		data,
		items: readItems(data, NODE),
		errors: readItems(data, NODE, 1),
		error: data.resultData.error as Result['error'],
	};
}

const listStatuses = (items: INodeExecutionData[]) => items.map(({ json }) => json.status ?? 'error');

/** Downloads the first output of an item's job from the service. */
export async function downloadOutput(item: INodeExecutionData | undefined): Promise<Buffer> {
	const [url = ''] = item?.json.output as string[];
	return await downloadLink(url);
}

/** Downloads a link as anybody can. */
export async function downloadLink(url: string): Promise<Buffer> {
	const { data } = await axios.get<ArrayBuffer>(url, { responseType: 'arraybuffer', proxy: false });
	return Buffer.from(data);
}

/** What the tests of an n8n server share. */
export class Suite {
	private paidBefore = 0;

	/** @param jobSeconds how long the jobs take at the beginning of each test */
	constructor(
		private readonly getWorld: () => Site,
		jobSeconds = 3,
	) {
		beforeEach(() => {
			this.world.service.clearFaults();
			this.world.service.configure({ jobSeconds, webhooks: 'once' });
			this.paidBefore = this.world.service.jobs.length;
		});
	}

	get world(): Site {
		return this.getWorld();
	}

	/** How many jobs the test has paid for. */
	get paid(): number {
		return this.world.service.jobs.length - this.paidBefore;
	}

	failSecond(): void {
		this.world.service.addFault({ on: 'submit', skip: 1, do: { kind: 'failJob', message: 'too dark' } });
	}

	/** Runs the workflow with three images, of which the second job fails. @param node settings of the node */
	async runWithFailure(waitFor: string, node: Partial<INode> = {}): Promise<Result> {
		this.failSecond();
		return await waitForResult(this.world, await startWorkflow(this.world, { waitFor }, node));
	}
}

/** Tests everything that does not depend on the setup of the n8n server. */
export function testCommon(getWorld: () => Site): void {
	const suite = new Suite(getWorld);
	testCredential(suite);
	testResults(suite);
	testTrigger(suite);
	testFailedJobs(suite);
	testRetries(suite);
	testStop(suite);
}

function testCredential(suite: Suite): void {
	test('the credential can be saved, and its test refuses a wrong key', async () => {
		const { main, service } = suite.world;
		const testKey = async (apiKey: string) =>
			await main.testCredential(`Test ${apiKey}`, CREDENTIAL_TYPE, {
				apiKey,
				service: 'other',
				baseUrl: service.baseUrl,
			});
		expect(await testKey('another-right-key')).toMatchObject({ status: 'OK' });
		expect(await testKey('wrong-key')).toMatchObject({ status: 'Error' });
	});
}

function testResults(suite: Suite): void {
	test.each(['poll', 'webhook'])(
		'waiting by %s: the items are in order, paired, and have their files',
		async (waitFor) => {
			const saved = await startWorkflow(suite.world, { waitFor });
			if (waitFor === 'webhook') await suite.world.main.waitForLatest(saved.id, ['waiting']);
			const { status, items, data, error } = await waitForResult(suite.world, saved);
			expect([status, error?.message]).toEqual(['success', undefined]);
			expect(listStatuses(items)).toEqual(['success', 'success', 'success']);
			expect(readItems(data, 'After').map(({ json }) => json.picture)).toEqual(listSamples(suite.world));
			for (const item of items) {
				expect((await suite.world.main.downloadFile(item)).equals(await downloadOutput(item))).toBe(true);
			}
			expect(suite.paid).toBe(3);
			expect(JSON.stringify(data)).not.toContain(API_KEY);
		},
	);

	test('several files of a suspended job are paired with their image', async () => {
		const settings = { ...SMALL, batchSize: 2 };
		const saved = await startWorkflow(suite.world, {
			waitFor: 'webhook',
			settings,
			options: { outputMode: 'file' },
		});
		const { data } = await waitForResult(suite.world, saved);
		expect(readItems(data, 'After').map(({ json }) => json.picture)).toEqual(
			listSamples(suite.world).flatMap((picture) => [picture, picture]),
		);
	});
}

function buildTriggerWorkflow(world: Site, webhookId: string): WorkflowFile {
	return {
		name: 'E2E trigger',
		nodes: [
			createNode('Trigger', `${PACKAGE}.imgTo3dTrigger`, 1, 0, {
				webhookId,
				parameters: { options: { trackId: 'e2e-*' } },
				credentials: world.credentials,
			}),
			createNode('After', 'n8n-nodes-base.noOp', 1, 220, {}),
		],
		connections: { Trigger: { main: [[{ node: 'After', type: 'main', index: 0 }]] } },
		settings: { executionOrder: 'v1' },
	};
}

function testTrigger(suite: Suite): void {
	test('without waiting, the trigger starts once for each job, with the file', async () => {
		const webhookId = `00000000-0000-4000-8000-${String(Date.now()).slice(-12)}`;
		const trigger = await suite.world.main.importWorkflow(buildTriggerWorkflow(suite.world, webhookId));
		await suite.world.main.publish(trigger);
		const path = `/webhook/${webhookId}/webhook`;
		suite.world.service.configure({ webhooks: 'twice' });
		const saved = await startWorkflow(suite.world, {
			waitFor: 'none',
			options: { webhookUrl: suite.world.outside.origin + path, trackId: '=e2e-{{ $itemIndex }}' },
		});
		const { items } = await waitForResult(suite.world, saved);
		expect(listStatuses(items)).toEqual(['processing', 'processing', 'processing']);
		await waitUntil('the trigger has started three executions', async () => {
			const started = await suite.world.main.listExecutions(trigger.id);
			return started.filter(({ status }) => status === 'success').length === 3;
		});
		const started = await suite.world.main.listExecutions(trigger.id);
		expect(started).toHaveLength(3);
		const ended = await Promise.all(
			started.map(async ({ id }) => readItems((await suite.world.main.readExecution(id)).data, 'After')[0]),
		);
		expect(ended.map((item) => item?.json.id).sort()).toEqual(items.map(({ json }) => json.id).sort());
		expect(ended.map((item) => item?.json.track_id).sort()).toEqual(['e2e-0', 'e2e-1', 'e2e-2']);
		expect(ended.map((item) => item?.binary?.data?.mimeType)).toEqual(Array(3).fill('image/gif'));

		const id = items[0]?.json.id;
		const outputs = ['https://example.com/a.gif'];
		const answers = await Promise.all([
			suite.world.outside.call(path, { status: 'success', id, track_id: 'e2e-0', output: outputs }),
			suite.world.outside.call(path, { status: 'success', id: 4711, track_id: 'e2e-0', output: outputs }),
			suite.world.outside.call(path, [1]),
		]);
		expect(answers.map(({ status }) => status)).toEqual([200, 403, 400]);
		expect(await suite.world.main.listExecutions(trigger.id)).toHaveLength(3);
	});
}

function testFailedJobs(suite: Suite): void {
	describe.each(['poll', 'webhook'])('a job that fails, waiting by %s:', (waitFor) => {
		test('the execution fails, the error names the other jobs, and no later node runs', async () => {
			const { status, error, data } = await suite.runWithFailure(waitFor);
			expect(status).toBe('error');
			expect(error?.message).toMatch(/^Job \d+ \([\w.]+\): the service ended the job as failed: too dark$/);
			expect(error?.description).toMatch(/Other jobs of this run .*\d+ \(item \d\) and \d+ \(item \d\)/);
			expect(data.resultData.runData).not.toHaveProperty('After');
		});

		test('Continue: an error item replaces its item', async () => {
			const { status, items } = await suite.runWithFailure(waitFor, { onError: 'continueRegularOutput' });
			expect(status).toBe('success');
			expect(listStatuses(items).sort()).toEqual(['error', 'success', 'success']);
			expect(items.find(({ json }) => json.error)?.json).toMatchObject({ id: expect.any(Number) });
		});

		test('Continue (using error output): its error leaves by that output', async () => {
			const { items, errors } = await suite.runWithFailure(waitFor, { onError: 'continueErrorOutput' });
			expect(listStatuses(items)).toEqual(['success', 'success']);
			expect(errors.map(({ json }) => json.error)).toEqual([
				expect.objectContaining({ message: expect.stringMatching(/too dark$/) }),
			]);
		});

		test('Retry On Fail: only this job is paid for again', async () => {
			const node = { retryOnFail: true, maxTries: 2, waitBetweenTries: 100 };
			const { status, items } = await suite.runWithFailure(waitFor, node);
			expect([status, ...listStatuses(items)]).toEqual(['success', 'success', 'success', 'success']);
			expect(suite.paid).toBe(4);
		});
	});
}

function testRetries(suite: Suite): void {
	test.each(['poll', 'webhook'])(
		'Retry in the list of executions, after waiting by %s: only the failed job is paid for again',
		async (waitFor) => {
			const failed = await suite.runWithFailure(waitFor);
			expect([failed.status, suite.paid]).toEqual(['error', 3]);
			const retried = await readResult(suite.world, await suite.world.main.retry(failed.id));
			expect([retried.status, ...listStatuses(retried.items)]).toEqual(Array(4).fill('success'));
			expect(readItems(retried.data, 'After').map(({ json }) => json.picture)).toEqual(
				listSamples(suite.world),
			);
			expect(suite.paid).toBe(4);
		},
	);

	test('Retry On Fail after a lost answer pays for nothing twice', async () => {
		suite.world.service.addFault({
			on: 'submit',
			skip: 1,
			accept: true,
			do: { kind: 'reset', when: 'before' },
		});
		const node = { retryOnFail: true, maxTries: 3, waitBetweenTries: 100 };
		const { status, error } = await waitForResult(suite.world, await startWorkflow(suite.world, {}, node));
		expect([status, error?.message]).toEqual([
			'error',
			expect.stringMatching(/: The connection broke before the answer was complete/),
		]);
		expect(suite.paid).toBe(3);
	});
}

function testStop(suite: Suite): void {
	test('stopping an execution stops it within two seconds', async () => {
		suite.world.service.configure({ jobSeconds: 1000 });
		// The main process starts it, because n8n 2.41 does not stop a worker's execution that a webhook process has started.
		const { path, saved } = await publish(suite.world, { options: { pollInterval: 1 } });
		await suite.world.main.call(`/webhook/${path}`, { images: listSamples(suite.world) });
		const id = await suite.world.main.waitForLatest(saved.id, ['running']);
		await waitUntil('all jobs are submitted', () => suite.paid === 3);
		await suite.world.main.requestData('POST', `/executions/${id}/stop`, {});
		const stopped = Date.now();
		await suite.world.main.waitForLatest(saved.id, ['canceled']);
		expect(Date.now() - stopped).toBeLessThan(2000);
		await new Promise((resolve) => setTimeout(resolve, 1500));
		const requests = suite.world.service.requests.length;
		await new Promise((resolve) => setTimeout(resolve, 4000));
		expect(suite.world.service.requests.length).toBe(requests);
	});
}
