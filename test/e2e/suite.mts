/** What has to work on every n8n, however it is set up. */
import axios from 'axios';
import type { INode, INodeExecutionData, INodeParameters, IRunExecutionData } from 'n8n-workflow';

import { PACKAGE, type Saved, type WorkflowFile } from '../../n8n/real/n8n.mts';
import { until } from '../../n8n/real/processes.mts';
import { API_KEY, CREDENTIAL_TYPE, type World } from '../../n8n/real/worlds.mts';

export const NODE = 'Image to 3D';
const PICTURES = ['mug.jpg', 'duck.png', 'rocket.webp'];
const SMALL = { frameSize: 32, seconds: 1, steps: 1, seed: '1' };

/** Figures are told apart from what the runner prints. */
export const say = (line: string) => process.stderr.write(`${line}\n`);

let count = 0;

/** A workflow that is started by a call with a list of pictures. */
export function pictureWorkflow(
	world: World,
	parameters: INodeParameters,
	node: Partial<INode> = {},
): { path: string; workflow: WorkflowFile } {
	const path = `e2e-${++count}-${Date.now()}`;
	const place = (x: number, y = 0): [number, number] => [x, y];
	const workflow: WorkflowFile = {
		name: `E2E ${count}`,
		nodes: [
			{
				id: 'hook',
				name: 'Hook',
				type: 'n8n-nodes-base.webhook',
				typeVersion: 2,
				position: place(0),
				webhookId: path,
				parameters: { path, httpMethod: 'POST', responseMode: 'onReceived', options: {} },
			},
			{
				id: 'split',
				name: 'Split',
				type: 'n8n-nodes-base.splitOut',
				typeVersion: 1,
				position: place(220),
				parameters: { fieldToSplitOut: 'body.images', options: {} },
			},
			{
				id: 'node',
				name: NODE,
				type: `${PACKAGE}.imgTo3d`,
				typeVersion: 1,
				position: place(440),
				parameters: { image: "={{ $json['body.images'] }}", settings: SMALL, ...parameters },
				credentials: world.credentials,
				...node,
			},
			{
				id: 'after',
				name: 'After',
				type: 'n8n-nodes-base.set',
				typeVersion: 3.4,
				position: place(660),
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
			},
			{
				id: 'failed',
				name: 'Failed',
				type: 'n8n-nodes-base.noOp',
				typeVersion: 1,
				position: place(660, 200),
				parameters: {},
			},
		],
		connections: {
			Hook: { main: [[{ node: 'Split', type: 'main', index: 0 }]] },
			Split: { main: [[{ node: NODE, type: 'main', index: 0 }]] },
			[NODE]: {
				main: [[{ node: 'After', type: 'main', index: 0 }], [{ node: 'Failed', type: 'main', index: 0 }]],
			},
		},
		settings: { executionOrder: 'v1' },
	};
	return { path, workflow };
}

export const samples = (world: World, names = PICTURES) =>
	names.map((name) => `${world.service.origin}/samples/${name}`);

/** Imports and publishes a workflow. */
export async function published(
	world: World,
	parameters: INodeParameters,
	node: Partial<INode> = {},
): Promise<{ path: string; saved: Saved }> {
	const { path, workflow } = pictureWorkflow(world, parameters, node);
	const saved = await world.main.importWorkflow(workflow);
	await world.main.publish(saved);
	return { path, saved };
}

/** Starts a published workflow by a call. Its webhook may be live some moments after n8n has said so. */
export async function startBy(world: World, path: string, images: readonly string[]): Promise<void> {
	await until(`the workflow at ${path} is live`, async () => {
		const { status } = await world.outside.call(`/webhook/${path}`, { images });
		if (status !== 200 && status !== 404) throw new Error(`n8n answers the call with ${status}.`);
		return status === 200;
	});
}

/** Publishes a workflow and starts it. */
export async function begin(
	world: World,
	parameters: INodeParameters,
	node: Partial<INode> = {},
	images = samples(world),
): Promise<Saved> {
	const { path, saved } = await published(world, parameters, node);
	await startBy(world, path, images);
	return saved;
}

export interface Result {
	id: string;
	status: string;
	data: IRunExecutionData;
	/** The node's outputs: regular items, and those of the error output. */
	items: INodeExecutionData[];
	errors: INodeExecutionData[];
	error?: { message: string; description?: string | null };
}

export function itemsOf(data: IRunExecutionData, node: string, output = 0): INodeExecutionData[] {
	return data.resultData.runData[node]?.at(-1)?.data?.main?.[output] ?? [];
}

export const ENDS = ['success', 'error', 'canceled', 'crashed'];

export async function resultOf(world: World, { id: workflow }: Saved, limitMs = 60_000): Promise<Result> {
	return await executionResult(world, await world.main.latest(workflow, ENDS, limitMs));
}

async function executionResult(world: World, id: string): Promise<Result> {
	const { status, data } = await world.main.execution(id);
	return {
		id,
		status,
		data,
		items: itemsOf(data, NODE),
		errors: itemsOf(data, NODE, 1),
		error: data.resultData.error as Result['error'],
	};
}

const statuses = (items: INodeExecutionData[]) => items.map(({ json }) => json.status ?? 'error');

/** The bytes that the service serves for a job's file. */
export async function served(item: INodeExecutionData | undefined): Promise<Buffer> {
	const [url = ''] = item?.json.output as string[];
	const { data } = await axios.get<ArrayBuffer>(url, { responseType: 'arraybuffer', proxy: false });
	return Buffer.from(data);
}

/** The tests of everything that does not depend on how n8n is set up. */
export function everywhere(theWorld: () => World): void {
	let world: World;
	let paidBefore = 0;
	beforeEach(() => {
		world = theWorld();
		world.service.clearFaults();
		world.service.configure({ jobSeconds: 3, webhooks: 'once' });
		paidBefore = world.service.jobs.length;
	});
	const paid = () => world.service.jobs.length - paidBefore;
	const failSecond = () =>
		world.service.addFault({ on: 'submit', skip: 1, do: { kind: 'failJob', message: 'too dark' } });

	test('the credential saves, and its test tells a right key from a wrong one', async () => {
		const { main, service } = world;
		const test = async (apiKey: string) =>
			await main.testCredential(`Test ${apiKey}`, CREDENTIAL_TYPE, { apiKey, baseUrl: service.baseUrl });
		expect(await test('another-right-key')).toMatchObject({ status: 'OK' });
		expect(await test('wrong-key')).toMatchObject({ status: 'Error' });
	});

	test.each(['poll', 'webhook'])('waiting by %s: items in order, paired, with the files', async (waitFor) => {
		const saved = await begin(world, { waitFor });
		if (waitFor === 'webhook') await world.main.latest(saved.id, ['waiting']);
		const { status, items, data, error } = await resultOf(world, saved);
		expect([status, error?.message]).toEqual(['success', undefined]);
		expect(statuses(items)).toEqual(['success', 'success', 'success']);
		expect(itemsOf(data, 'After').map(({ json }) => json.picture)).toEqual(samples(world));
		for (const item of items) {
			expect((await world.main.binary(item)).equals(await served(item))).toBe(true);
		}
		expect(paid()).toBe(3);
		expect(JSON.stringify(data)).not.toContain(API_KEY);
	});

	test('several files of a job at rest are paired with their picture', async () => {
		const settings = { ...SMALL, batchSize: 2 };
		const saved = await begin(world, { waitFor: 'webhook', settings, options: { outputMode: 'file' } });
		const { data } = await resultOf(world, saved);
		expect(itemsOf(data, 'After').map(({ json }) => json.picture)).toEqual(
			samples(world).flatMap((picture) => [picture, picture]),
		);
	});

	test('not waiting, and a trigger that is called: once for each job, with the file', async () => {
		const webhookId = `00000000-0000-4000-8000-${String(Date.now()).slice(-12)}`;
		const trigger = await world.main.importWorkflow({
			name: 'E2E trigger',
			nodes: [
				{
					id: 'trigger',
					name: 'Trigger',
					type: `${PACKAGE}.imgTo3dTrigger`,
					typeVersion: 1,
					position: [0, 0],
					webhookId,
					parameters: { trackId: 'e2e-*' },
					credentials: world.credentials,
				},
				{
					id: 'after',
					name: 'After',
					type: 'n8n-nodes-base.noOp',
					typeVersion: 1,
					position: [220, 0],
					parameters: {},
				},
			],
			connections: { Trigger: { main: [[{ node: 'After', type: 'main', index: 0 }]] } },
			settings: { executionOrder: 'v1' },
		});
		await world.main.publish(trigger);
		const path = `/webhook/${webhookId}/webhook`;
		world.service.configure({ webhooks: 'twice' });
		const saved = await begin(world, {
			waitFor: 'none',
			options: { webhookUrl: world.outside.origin + path, trackId: '=e2e-{{ $itemIndex }}' },
		});
		const { items } = await resultOf(world, saved);
		expect(statuses(items)).toEqual(['processing', 'processing', 'processing']);
		await until('the trigger has started three executions', async () => {
			const started = await world.main.executions(trigger.id);
			return started.filter(({ status }) => status === 'success').length === 3;
		});
		const started = await world.main.executions(trigger.id);
		expect(started).toHaveLength(3);
		const ended = await Promise.all(
			started.map(async ({ id }) => itemsOf((await world.main.execution(id)).data, 'After')[0]),
		);
		expect(ended.map((item) => item?.json.id).sort()).toEqual(items.map(({ json }) => json.id).sort());
		expect(ended.map((item) => item?.json.track_id).sort()).toEqual(['e2e-0', 'e2e-1', 'e2e-2']);
		expect(ended.map((item) => item?.binary?.data?.mimeType)).toEqual(Array(3).fill('image/gif'));

		const id = items[0]?.json.id;
		const outputs = ['https://example.com/a.gif'];
		const answers = await Promise.all([
			world.outside.call(path, { status: 'success', id, track_id: 'e2e-0', output: outputs }),
			world.outside.call(path, { status: 'success', id: 4711, track_id: 'e2e-0', output: outputs }),
			world.outside.call(path, [1]),
		]);
		expect(answers.map(({ status }) => status)).toEqual([200, 403, 400]);
		expect(await world.main.executions(trigger.id)).toHaveLength(3);
	});

	describe.each(['poll', 'webhook'])('a job that fails, waiting by %s:', (waitFor) => {
		test('the execution fails with it, names the others, and runs nothing after it', async () => {
			failSecond();
			const { status, error, data } = await resultOf(world, await begin(world, { waitFor }));
			expect(status).toBe('error');
			expect(error?.message).toMatch(/^Job \d+: the service ended the job as failed: too dark$/);
			expect(error?.description).toMatch(/Other jobs of this run .*\d+ \(item \d\), \d+ \(item \d\)/);
			expect(data.resultData.runData).not.toHaveProperty('After');
		});

		test('Continue: an error item stands at its place', async () => {
			failSecond();
			const node = { onError: 'continueRegularOutput' } as const;
			const { status, items } = await resultOf(world, await begin(world, { waitFor }, node));
			expect(status).toBe('success');
			expect(statuses(items).sort()).toEqual(['error', 'success', 'success']);
			expect(items.find(({ json }) => json.error)?.json).toMatchObject({ id: expect.any(Number) });
		});

		test('Continue (using error output): it leaves there', async () => {
			failSecond();
			const node = { onError: 'continueErrorOutput' } as const;
			const { items, errors } = await resultOf(world, await begin(world, { waitFor }, node));
			expect(statuses(items)).toEqual(['success', 'success']);
			expect(errors.map(({ json }) => json.error)).toEqual([
				expect.objectContaining({ message: expect.stringMatching(/too dark$/) }),
			]);
		});

		test('Retry On Fail: it alone is paid for again', async () => {
			failSecond();
			const node = { retryOnFail: true, maxTries: 2, waitBetweenTries: 100 };
			const { status, items } = await resultOf(world, await begin(world, { waitFor }, node));
			expect([status, ...statuses(items)]).toEqual(['success', 'success', 'success', 'success']);
			expect(paid()).toBe(4);
		});
	});

	test.each(['poll', 'webhook'])(
		'Retry in the list of executions, after waiting by %s: the job that failed alone is paid for again',
		async (waitFor) => {
			failSecond();
			const failed = await resultOf(world, await begin(world, { waitFor }));
			expect([failed.status, paid()]).toEqual(['error', 3]);
			const retried = await executionResult(world, await world.main.retry(failed.id));
			expect([retried.status, ...statuses(retried.items)]).toEqual(Array(4).fill('success'));
			expect(itemsOf(retried.data, 'After').map(({ json }) => json.picture)).toEqual(samples(world));
			expect(paid()).toBe(4);
		},
	);

	test('Retry On Fail after a lost answer pays nothing twice', async () => {
		world.service.addFault({ on: 'submit', skip: 1, accept: true, do: { kind: 'reset', when: 'before' } });
		const node = { retryOnFail: true, maxTries: 3, waitBetweenTries: 100 };
		const { status, error } = await resultOf(world, await begin(world, {}, node));
		expect([status, error?.message]).toEqual(['error', expect.stringMatching(/the connection broke/)]);
		expect(paid()).toBe(3);
	});

	test('stopping an execution stops it within two seconds', async () => {
		world.service.configure({ jobSeconds: 1000 });
		// One that the main process has started: n8n 2.41 does not tell the worker of one that a webhook process has.
		const { path, saved } = await published(world, { options: { pollInterval: 1 } });
		await world.main.call(`/webhook/${path}`, { images: samples(world) });
		const id = await world.main.latest(saved.id, ['running']);
		await until('all is submitted', () => paid() === 3);
		await world.main.rest('POST', `/executions/${id}/stop`, {});
		const stopped = Date.now();
		await world.main.latest(saved.id, ['canceled']);
		expect(Date.now() - stopped).toBeLessThan(2000);
		await new Promise((resolve) => setTimeout(resolve, 1500));
		const seen = world.service.requests.length;
		await new Promise((resolve) => setTimeout(resolve, 4000));
		expect(world.service.requests.length).toBe(seen);
	});
}
