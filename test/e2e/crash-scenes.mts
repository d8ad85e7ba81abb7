/**
 * The scenes in which a part of n8n crashes: executions in the middle of a submit, a wait, a call or a download. Each has
 * its own stand-in service, whose answers are slow at that moment.
 */
import { setTimeout as pause } from 'node:timers/promises';

import axios from 'axios';
import type { INodeParameters } from 'n8n-workflow';

import { AFTER, buildTriggerWorkflow, TRIGGER } from '../../bench/calls.mts';
import { type FaultPlace, type LocalApi, startLocalApi } from '../../local-api/index.mts';
import { LeapingSystemClock } from '../support/leaping-clock.mts';
import type { Saved, WorkflowFile } from '../../n8n/real/n8n.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import { API_KEY, CREDENTIAL_TYPE, type Part, type World } from '../../n8n/real/worlds.mts';
import { callWorkflow, NODE, publish, readItems, say, startWorkflow, waitForResult } from './suite.mts';

/** How n8n learns that a job has ended. */
type Way = 'polling' | 'suspended' | 'trigger';

/** What happens at the moment of the crash. `call while down`: the service calls before the part is started again. */
type Moment = 'submit' | 'wait' | 'call' | 'call while down' | 'download';

export interface Scene {
	way: Way;
	moment: Moment;
}

/** In the order in which they begin. Those with a long preparation come first. */
export const SCENES: readonly Scene[] = [
	{ way: 'polling', moment: 'wait' },
	{ way: 'suspended', moment: 'wait' },
	{ way: 'suspended', moment: 'call' },
	{ way: 'suspended', moment: 'call while down' },
	{ way: 'trigger', moment: 'call' },
	{ way: 'trigger', moment: 'call while down' },
	{ way: 'trigger', moment: 'download' },
	{ way: 'suspended', moment: 'download' },
	{ way: 'polling', moment: 'download' },
	{ way: 'polling', moment: 'submit' },
	{ way: 'suspended', moment: 'submit' },
];

export const nameScene = ({ way, moment }: Scene) => `${way}, ${moment}`;

/** How long jobs take unless the clock leaps, s. It is longer than the test. */
const JOB_SECONDS = 3600;

/** Timeout of a suspended execution, s. */
const TIMEOUT_SECONDS = 100;

/** How slow the interrupted answers are, bytes/s. They take half a minute or more. The fetch takes less, since n8n must answer a call in time. */
const DRIP = { submit: 12, fetch: 90, download: 700 } as const;

const PICTURES = ['mug.jpg', 'duck.png'];

/** n8n's statuses of an execution that has not ended. */
const OPEN_STATUSES = ['new', 'running', 'waiting'];

/**
 * The best that is left of a job: a result; a reference in the items; its ID in the execution's error, in n8n's log, or in
 * the answer to the submit for the trigger; or nothing, so that only Get Many finds it.
 */
export type Trace = 'result' | 'reference' | 'error' | 'log' | 'submitter' | 'nothing';

/** The outcome of a scene. */
export interface Outcome {
	scene: Scene;
	/** n8n's status of the execution, or "not started". */
	execution: string;
	/** Whether the execution has not ended, according to its status. */
	isOpen: boolean;
	/** How many jobs must have been paid. */
	expectedJobs: number;
	/** What is left of each job that was paid. */
	traces: Trace[];
	/** The IDs of the jobs without a result, as far as they are known. */
	ids: number[];
}

/** The time between a crash and the restart, ms. */
const DOWN_MS = 2000;

/** How long other processes of n8n may end because of the crash, ms. */
const AFTERSHOCK_MS = 15_000;

/** What a scene works with. */
interface Backing {
	clock: LeapingSystemClock;
	service: LocalApi;
	credentials: World['credentials'];
}

/** A published workflow. */
interface StartableWorkflow {
	saved: Saved;
	/** Starts an execution of the node, or submits a job for the trigger. */
	start: () => Promise<void>;
	/** The URL of the trigger. */
	triggerUrl?: string;
}

/** Publishes a workflow with the node. */
async function publishNode(
	world: World,
	scene: Scene,
	{ service, credentials }: Backing,
): Promise<StartableWorkflow> {
	const { path, saved } = await publish(world, chooseParameters(scene), { credentials });
	const images = PICTURES.map((picture) => `${service.origin}/samples/${picture}`);
	return { saved, start: async () => await callWorkflow(world, path, images) };
}

/** Publishes a workflow with the trigger. */
async function publishTrigger(
	world: World,
	scene: Scene,
	{ service, credentials }: Backing,
): Promise<StartableWorkflow> {
	const webhookId = `crash-${service.origin.split(':').at(-1)}-${Date.now()}`;
	const workflow = buildTriggerWorkflow({ download: true }) as WorkflowFile;
	for (const node of workflow.nodes) {
		if (node.name === TRIGGER) Object.assign(node, { credentials, webhookId });
	}
	const name = `${nameScene(scene)} ${service.origin}`;
	const saved = await world.main.importWorkflow({ ...workflow, name });
	await world.main.publish(saved);
	const path = `/webhook/${webhookId}/webhook`;
	await waitUntil('the trigger is active', async () => (await world.outside.call(path, {})).status === 400);
	return { saved, start: async () => await submitJob(service), triggerUrl: world.outside.origin + path };
}

async function submitJob({ baseUrl, origin }: LocalApi): Promise<void> {
	const { status } = await axios.post(
		`${baseUrl}/v3/img_to_3d`,
		{ key: API_KEY, image: `${origin}/samples/mug.jpg`, frame_size: 32, seconds: 1 },
		{ proxy: false },
	);
	if (status !== 200) throw new Error(`The service refused the job: ${status}`);
}

/** A scene on an n8n server. */
export class RunningScene {
	private readonly calls: Array<Promise<unknown>> = [];

	private constructor(
		private readonly world: World,
		readonly scene: Scene,
		private readonly backing: Backing,
		private readonly workflow: StartableWorkflow,
	) {}

	static async open(world: World, scene: Scene): Promise<RunningScene> {
		const clock = new LeapingSystemClock();
		const service = await startLocalApi({
			clock,
			jobSeconds: JOB_SECONDS,
			eta: 'missing',
			webhooks: 'never',
			samplesDir: 'samples',
		});
		const name = `${nameScene(scene)} ${service.origin}`;
		const { id } = await world.main.createCredential(name, CREDENTIAL_TYPE, {
			apiKey: API_KEY,
			service: 'other',
			baseUrl: service.baseUrl,
		});
		const backing = { clock, service, credentials: { stableDiffusionApi: { id, name } } };
		const workflow = await (scene.way === 'trigger' ? publishTrigger : publishNode)(world, scene, backing);
		return new RunningScene(world, scene, backing, workflow);
	}

	private get service(): LocalApi {
		return this.backing.service;
	}

	private get clock(): LeapingSystemClock {
		return this.backing.clock;
	}

	/** Starts the execution, up to the time before the crash. */
	async prepare(): Promise<void> {
		const { way, moment } = this.scene;
		if (moment === 'submit') this.slowDown('submit', 1);
		await this.workflow.start();
		if (moment === 'submit') return;
		await waitUntil(
			`the jobs are submitted (${nameScene(this.scene)})`,
			() => this.service.jobs.length === (way === 'trigger' ? 1 : PICTURES.length),
		);
		if (way === 'suspended') await this.world.main.waitForLatest(this.workflow.saved.id, ['waiting']);
	}

	/** Continues it to the moment of the crash. */
	async enter(): Promise<void> {
		const { way, moment } = this.scene;
		const { service } = this;
		if (moment === 'submit') {
			await waitUntil('the second job is submitted', () => service.jobs.length === PICTURES.length);
		}
		if (moment === 'call') {
			this.slowDown('fetch');
			this.clock.leap(JOB_SECONDS);
			await this.waitForRequest(/\/fetch\//);
		}
		if (moment === 'download') {
			this.slowDown('download');
			this.clock.leap(JOB_SECONDS);
			if (way !== 'polling') this.callForJobs();
			await this.waitForRequest(/^\/files\//);
		}
	}

	/** Waits for the request that the crash interrupts. */
	private async waitForRequest(path: RegExp): Promise<void> {
		const { service, scene } = this;
		const earlier = service.requests.length;
		if (scene.moment === 'call') this.callForJobs();
		await waitUntil(`the request is sent (${nameScene(scene)})`, () =>
			service.requests.slice(earlier).some((request) => path.test(request.path)),
		);
	}

	/** Does what happens between the crash and the restart. */
	actWhileDown(): void {
		if (this.scene.moment !== 'call while down') return;
		this.clock.leap(JOB_SECONDS);
		this.callForJobs();
	}

	/** Does what happens after the restart. */
	actAfterRestart(): void {
		const { way, moment } = this.scene;
		this.service.clearFaults();
		this.clock.leap(JOB_SECONDS);
		if (way === 'suspended' && moment === 'wait') this.callForJobs();
	}

	/** Makes the call of the service for each job, once. */
	private callForJobs(): void {
		for (const job of this.service.jobs) {
			const url = this.workflow.triggerUrl ?? job.webhook;
			if (!url) throw new Error(`Job ${job.id} has no webhook (${nameScene(this.scene)}).`);
			const body = { status: 'success', id: job.id, track_id: job.trackId, output: job.outputs, meta: {} };
			this.calls.push(axios.post(url, body, { proxy: false, timeout: 30_000 }).catch(() => undefined));
		}
	}

	/** Slows down answers. @param skip how many come as usual before */
	private slowDown(on: FaultPlace & keyof typeof DRIP, skip = 0): void {
		this.service.addFault({ on, skip, times: Infinity, do: { kind: 'drip', bytesPerSecond: DRIP[on] } });
	}

	/** Waits until the execution has ended. @returns its status */
	async waitForEnd(): Promise<string> {
		let status = '';
		await waitUntil(
			`${nameScene(this.scene)} has ended`,
			async () => {
				try {
					const [latest] = await this.world.main.listExecutions(this.workflow.saved.id);
					status = latest?.status ?? 'not started';
				} catch {
					// n8n may not be connected to its database yet.
					return false;
				}
				// A trigger that has not started its workflow by now does not start it any more.
				return this.scene.way === 'trigger' || !OPEN_STATUSES.includes(status);
			},
			(TIMEOUT_SECONDS + 60) * 1000,
			1000,
		).catch(() => undefined);
		return status;
	}

	/** @param log what all processes of n8n have printed */
	async readOutcome(log: string): Promise<Outcome> {
		const { scene, service, world } = this;
		const { saved, triggerUrl } = this.workflow;
		const execution = await this.waitForEnd();
		const [latest] = await world.main.listExecutions(saved.id);
		const data = latest && (await world.main.readExecution(latest.id)).data;
		const items = data ? readItems(data, triggerUrl ? AFTER : NODE) : [];
		const { error } = data?.resultData ?? {};
		const errorText = `${error?.message ?? ''} ${error?.description ?? ''}`;
		const traces = service.jobs.map(({ id }): Trace => {
			const item = items.find(({ json }) => String(json.id) === `${id}`);
			if (item) return item.json.status === 'success' && item.binary?.data ? 'result' : 'reference';
			if (new RegExp(`\\b${id}\\b`).test(errorText)) return 'error';
			// Jobs of different services can have the same ID.
			if (log.includes(`job ${id} was accepted (execution ${latest?.id},`)) return 'log';
			return triggerUrl ? 'submitter' : 'nothing';
		});
		const ids = service.jobs.flatMap(({ id }, n) => {
			return ['result', 'nothing'].includes(traces[n] ?? 'nothing') ? [] : [id];
		});
		const expectedJobs = triggerUrl ? 1 : PICTURES.length;
		return { scene, execution, isOpen: OPEN_STATUSES.includes(execution), expectedJobs, traces, ids };
	}

	/** Fetches jobs with Get Result. @returns whether all have their files, and no job was paid for that */
	async canFetch(ids: readonly number[]): Promise<boolean> {
		const { service, world } = this;
		const paid = service.jobs.length;
		const parameters = { operation: 'getResult', jobId: "={{ $json['body.images'] }}" };
		const saved = await startWorkflow(
			world,
			parameters,
			{ credentials: this.backing.credentials },
			ids.map(String),
		);
		const { items } = await waitForResult(world, saved);
		return (
			items.length === ids.length &&
			items.every(({ json, binary }) => json.status === 'success' && binary?.data !== undefined) &&
			service.jobs.length === paid
		);
	}

	async close(): Promise<void> {
		await Promise.all(this.calls);
		await this.service.stop();
	}
}

function chooseParameters({ way }: Scene): INodeParameters {
	return way === 'polling'
		? { waitFor: 'poll', options: { pollInterval: 1 } }
		: { waitFor: 'webhook', options: { timeout: TIMEOUT_SECONDS } };
}

/** Crashes a part of n8n in the middle of all scenes, and starts it again. @returns the outcomes of the scenes */
export async function crashDuring(
	world: World,
	part: Part,
	scenes: readonly RunningScene[],
): Promise<Outcome[]> {
	await Promise.all(scenes.map(async (scene) => await scene.prepare()));
	// A caller does not wait for long, so the calls come last.
	for (const isCall of [false, true]) {
		const group = scenes.filter(({ scene }) => (scene.moment === 'call') === isCall);
		await Promise.all(group.map(async (scene) => await scene.enter()));
	}
	await world.crash(part, async () => {
		for (const scene of scenes) scene.actWhileDown();
		await pause(DOWN_MS);
	});
	for (const scene of scenes) scene.actAfterRestart();
	for (const end = Date.now() + AFTERSHOCK_MS; Date.now() < end; await pause(500)) {
		const ended = await world.revive();
		if (ended.length > 0) say(`After the crash of ${part}, ${ended.join(' and ')} ended too.`);
	}
	for (const scene of scenes) await scene.waitForEnd();
	const outcomes: Outcome[] = [];
	for (const scene of scenes) outcomes.push(await scene.readOutcome(world.readLog()));
	return outcomes;
}
