/** Tests what people and workflows learn about jobs that may be paid. Only an n8n server shows this. */
import { request as send } from 'node:http';

import type { IDataObject, INode, INodeExecutionData } from 'n8n-workflow';

import type { Saved } from '../../n8n/real/n8n.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import { API_KEY, CREDENTIAL_TYPE, type World } from '../../n8n/real/worlds.mts';
import { serve } from '../support/http.mts';
import {
	buildPictureWorkflow,
	callWorkflow,
	listSamples,
	publish,
	readItems,
	waitForResult,
} from './suite.mts';

/** How soon n8n must show a stopped execution as canceled, ms. */
const STOP_MS = 2000;

/** A server in front of the service that holds back the answers to submits. */
interface HoldingServer {
	origin: string;
	/** The IDs in the answers that were held back. */
	readonly held: number[];
	/** How many connections were closed before they got their answer. */
	readonly closed: number;
	/** Sends all answers. */
	release(): void;
	close(): Promise<void>;
}

/** @param skip how many submits are answered at once, before the first answer is held back */
async function openHoldingServer(service: string, skip: number): Promise<HoldingServer> {
	const held: number[] = [];
	let closed = 0;
	let submits = 0;
	let release = () => {};
	const released = new Promise<void>((resolve) => (release = resolve));
	const server = await serve((request, response) => {
		const { method, headers, url = '' } = request;
		const isHeld = /\/img_to_3d$/.test(url) && ++submits > skip;
		response.once('close', () => {
			if (!response.writableFinished) closed += 1;
		});
		const passed = send(service + url, { method, headers }, (answer) => {
			const chunks: Buffer[] = [];
			answer.on('data', (chunk: Buffer) => chunks.push(chunk));
			answer.once('end', () => {
				const body = Buffer.concat(chunks);
				const sendAnswer = () => response.writeHead(answer.statusCode ?? 502, answer.headers).end(body);
				if (!isHeld) {
					sendAnswer();
					return;
				}
				held.push((JSON.parse(body.toString()) as { id: number }).id);
				void released.then(sendAnswer);
			});
		});
		request.pipe(passed);
	});
	return {
		...server,
		held,
		get closed() {
			return closed;
		},
		release,
	};
}

/** Runs the workflow with a filter at its end, which keeps the items whose job may be paid. @param paid the expression for `paid` */
async function runWithFilter(
	world: World,
	onError: INode['onError'],
	paid: string,
): Promise<{ outputs: INodeExecutionData[][]; filtered: INodeExecutionData[] }> {
	const { path, workflow } = buildPictureWorkflow(
		world,
		{ download: false, options: { maxJobsInFlight: 1, trackId: '=order-{{ $itemIndex }}' } },
		{ onError },
	);
	workflow.nodes.push({
		id: 'paid',
		name: 'Paid',
		type: 'n8n-nodes-base.filter',
		typeVersion: 2,
		position: [880, 200],
		parameters: {
			conditions: {
				options: { caseSensitive: true, leftValue: '', typeValidation: 'strict' },
				combinator: 'or',
				conditions: ['yes', 'unknown'].map((value) => ({
					id: value,
					leftValue: `={{ ${paid} ?? '' }}`,
					rightValue: value,
					operator: { type: 'string', operation: 'equals' },
				})),
			},
			options: {},
		},
	});
	const before = onError === 'continueErrorOutput' ? 'Failed' : 'After';
	workflow.connections[before] = { main: [[{ node: 'Paid', type: 'main', index: 0 }]] };
	const saved = await world.main.importWorkflow(workflow);
	await world.main.publish(saved);
	await callWorkflow(world, path, listSamples(world, ['mug.jpg', 'duck.png', 'rocket.webp', 'mug.jpg']));
	const { status, error, items, errors, data } = await waitForResult(world, saved);
	expect([status, error?.message]).toEqual(['success', undefined]);
	return { outputs: [items, errors], filtered: readItems(data, 'Paid') };
}

/** Tests what is known about the jobs after a stop and after errors. */
export function testMoney(getWorld: () => World): void {
	let paidBefore = 0;
	beforeEach(() => {
		const { service } = getWorld();
		service.clearFaults();
		service.configure({ jobSeconds: 1, webhooks: 'once' });
		paidBefore = service.jobs.length;
	});
	const listJobs = () => getWorld().service.jobs.slice(paidBefore);
	testStop(getWorld, listJobs);
	testErrors(getWorld, listJobs);
}

type ListJobs = () => World['service']['jobs'];

/** Starts a workflow of two images, whose jobs are submitted to a server. */
async function startTwoJobs(world: World, server: HoldingServer): Promise<Saved> {
	const { main, service } = world;
	const name = `Held ${server.origin}`;
	const { id: credential } = await main.createCredential(name, CREDENTIAL_TYPE, {
		apiKey: API_KEY,
		service: 'other',
		baseUrl: service.baseUrl.replace(service.origin, server.origin),
	});
	const { path, saved } = await publish(
		world,
		{ download: false },
		{ credentials: { [CREDENTIAL_TYPE]: { id: credential, name } } },
	);
	// The main process starts it, because n8n 2.41 does not stop a worker's execution that a webhook process has started.
	await main.call(`/webhook/${path}`, { images: listSamples(world, ['mug.jpg', 'duck.png']) });
	return saved;
}

/** Stops the running execution of a workflow. @returns its ID, and how long n8n took to cancel it, ms */
async function stopExecution({ main }: World, { id }: Saved): Promise<{ execution: string; ms: number }> {
	const execution = await main.waitForLatest(id, ['running']);
	const start = Date.now();
	await main.requestData('POST', `/executions/${execution}/stop`, {});
	await main.waitForLatest(id, ['canceled']);
	return { execution, ms: Date.now() - start };
}

function testStop(getWorld: () => World, listJobs: ListJobs): void {
	test('stopping during a submit cancels the execution at once, and n8n has the ID of each job', async () => {
		const world = getWorld();
		const { service, main } = world;
		const server = await openHoldingServer(service.origin, 1);
		try {
			const saved = await startTwoJobs(world, server);
			await waitUntil('both are submitted', () => listJobs().length === 2 && server.held.length === 1);
			const [late = 0] = server.held;
			const early = listJobs().find(({ id }) => id !== late)?.id ?? 0;
			await waitUntil('the first is accepted', () => world.readLog().includes(`job ${early} was accepted`));

			const { execution, ms } = await stopExecution(world, saved);
			expect(ms).toBeLessThan(STOP_MS);
			expect(server.closed).toBe(0);

			server.release();
			await waitUntil(
				'the log has the job that was accepted late',
				() => world.readLog().includes(`job ${late} was accepted after the execution was stopped`),
				10_000,
			);
			const { customData = {} } = await main.requestData<{ customData?: Record<string, string> }>(
				'GET',
				`/executions/${execution}`,
			);
			expect(Object.values(customData).join()).toContain(String(early));
			expect(listJobs()).toHaveLength(2);
		} finally {
			server.release();
			await server.close();
		}
	});
}

/** Lists the errors of the first three items. @param message the name of the message's field @param failed the ID of the failed job */
const listExpectedErrors = (message: string, failed: number | undefined): IDataObject[] => [
	{
		[message]: expect.stringContaining('Unable to fetch image') as string,
		description: expect.any(String) as string,
		paid: 'no',
		track_id: 'order-0',
	},
	{
		[message]: `Job ${failed} (duck.png): the service ended the job as failed: too dark`,
		description: expect.any(String) as string,
		paid: 'yes',
		id: failed,
		track_id: 'order-1',
	},
	{
		[message]: expect.stringMatching(/may have been accepted and paid/) as string,
		description: expect.any(String) as string,
		paid: 'unknown',
		track_id: 'order-2',
	},
];

function testErrors(getWorld: () => World, listJobs: ListJobs): void {
	describe('of four items, one is refused, one job fails, and the fate of one is unknown:', () => {
		beforeEach(() => {
			const body = { status: 'error', message: 'Unable to fetch image from provided URL' };
			getWorld().service.addFault({ on: 'submit', do: { kind: 'answer', body } });
			getWorld().service.addFault({ on: 'submit', do: { kind: 'failJob', message: 'too dark' } });
			getWorld().service.addFault({ on: 'submit', accept: true, do: { kind: 'reset', when: 'before' } });
		});

		test('Continue: the next node can filter by "paid"', async () => {
			const { outputs, filtered } = await runWithFilter(getWorld(), 'continueRegularOutput', '$json.paid');
			const [items = [], errors] = outputs;
			const [failed] = listJobs();
			expect(items.slice(0, 3).map(({ json }) => json)).toEqual(listExpectedErrors('error', failed?.id));
			expect(items.slice(3).map(({ json }) => json.status)).toEqual(['success']);
			expect(errors).toEqual([]);
			expect(filtered.map(({ json }) => json.track_id)).toEqual(['order-1', 'order-2']);
			expect(listJobs()).toHaveLength(3);
		});

		test('Continue (using error output): the node on that output can filter by "error.paid"', async () => {
			const expression = '$json.error?.paid';
			const { outputs, filtered } = await runWithFilter(getWorld(), 'continueErrorOutput', expression);
			const [items = [], errors = []] = outputs;
			const [failed] = listJobs();
			expect(errors.map(({ json }) => json.error)).toEqual(listExpectedErrors('message', failed?.id));
			expect(errors.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
			expect(items.map(({ json }) => json.status)).toEqual(['success']);
			expect(filtered.map(({ json }) => (json.error as IDataObject).track_id)).toEqual([
				'order-1',
				'order-2',
			]);
			expect(listJobs()).toHaveLength(3);
		});
	});
}
