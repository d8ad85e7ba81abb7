/**
 * What is going on when a part of n8n crashes: executions in the middle of a submit, a wait, a call and a download, each
 * with a stand-in service of its own whose answers are slow just there.
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

/** How it is known that a job has ended. */
type Way = 'watching' | 'at rest' | 'trigger';

/** What is going on. `away`: the service calls while what has crashed is not there yet. */
type Moment = 'submit' | 'wait' | 'call' | 'call, away' | 'download';

export interface Scene {
	way: Way;
	moment: Moment;
}

/** In the order in which they are begun: what takes long to prepare first. */
export const SCENES: readonly Scene[] = [
	{ way: 'watching', moment: 'wait' },
	{ way: 'at rest', moment: 'wait' },
	{ way: 'at rest', moment: 'call' },
	{ way: 'at rest', moment: 'call, away' },
	{ way: 'trigger', moment: 'call' },
	{ way: 'trigger', moment: 'call, away' },
	{ way: 'trigger', moment: 'download' },
	{ way: 'at rest', moment: 'download' },
	{ way: 'watching', moment: 'download' },
	{ way: 'watching', moment: 'submit' },
	{ way: 'at rest', moment: 'submit' },
];

export const nameScene = ({ way, moment }: Scene) => `${way}, ${moment}`;

/** How long jobs take unless the clock leaps: longer than all of this. */
const JOB_SECONDS = 3600;

/** How long an execution rests for calls that do not come, s, from the submit. */
const TIMEOUT_SECONDS = 100;

/**
 * How slowly answers come that are to be cut off, bytes/s: they take half a minute and more, those to a call less, since
 * it is answered in time or not at all.
 */
const DRIP = { submit: 12, fetch: 90, download: 700 } as const;

const PICTURES = ['mug.jpg', 'duck.png'];

/** n8n's words for an execution that goes on. */
const OPEN_STATUSES = ['new', 'running', 'waiting'];

/**
 * What is left of a job, the best of it: a result, a reference among the items, its ID in the execution's error, in n8n's
 * log, or with who has submitted it for the trigger; or nothing, so that only the account's generations tell of it.
 */
export type Trace = 'result' | 'reference' | 'error' | 'log' | 'submitter' | 'nothing';

/** What came of a scene. */
export interface Outcome {
	scene: Scene;
	/** How the execution ended: n8n's word, or "not started". */
	execution: string;
	/** Whether n8n still takes it for one that goes on. */
	isOpen: boolean;
	/** How many jobs there should be. */
	expectedJobs: number;
	/** What is left of each job that was paid. */
	traces: Trace[];
	/** The IDs of those jobs that are no results, but that somebody has been told. */
	ids: number[];
}

/** How long what has crashed is away, ms. */
const DOWN_MS = 2000;

/** How long n8n's processes are looked at that may end of themselves because of a crash beside them, ms. */
const AFTERSHOCK_MS = 15_000;

/** A scene that is being played. */
export class RunningScene {
	private readonly calls: Array<Promise<unknown>> = [];

	private constructor(
		private readonly world: World,
		readonly scene: Scene,
		private readonly clock: LeapingSystemClock,
		private readonly service: LocalApi,
		private readonly credentials: World['credentials'],
		private readonly saved: Saved,
		/** What starts the execution of the node. */
		private readonly begin: () => Promise<void>,
		/** Where the trigger is called. */
		private readonly trigger?: string,
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
			baseUrl: service.baseUrl,
		});
		const credentials = { stableDiffusionApi: { id, name } };
		if (scene.way === 'trigger') {
			const webhookId = `crash-${service.origin.split(':').at(-1)}-${Date.now()}`;
			const workflow = buildTriggerWorkflow({ download: true }) as WorkflowFile;
			for (const node of workflow.nodes) {
				if (node.name === TRIGGER) Object.assign(node, { credentials, webhookId });
			}
			const saved = await world.main.importWorkflow({ ...workflow, name });
			await world.main.publish(saved);
			const submit = async () => {
				const { status } = await axios.post(
					`${service.baseUrl}/v3/img_to_3d`,
					{ key: API_KEY, image: `${service.origin}/samples/mug.jpg`, frame_size: 32, seconds: 1 },
					{ proxy: false },
				);
				if (status !== 200) throw new Error(`The service does not take the job: ${status}`);
			};
			const path = `/webhook/${webhookId}/webhook`;
			await waitUntil('the trigger is live', async () => (await world.outside.call(path, {})).status === 400);
			return new RunningScene(
				world,
				scene,
				clock,
				service,
				credentials,
				saved,
				submit,
				world.outside.origin + path,
			);
		}
		const { path, saved } = await publish(world, chooseParameters(scene), { credentials });
		const images = PICTURES.map((picture) => `${service.origin}/samples/${picture}`);
		const start = async () => await callWorkflow(world, path, images);
		return new RunningScene(world, scene, clock, service, credentials, saved, start);
	}

	/** Brings the scene to where it waits for its moment. */
	async prepare(): Promise<void> {
		const { way, moment } = this.scene;
		if (moment === 'submit') this.slowDown('submit', 1);
		await this.begin();
		if (moment === 'submit') return;
		await waitUntil(
			`the jobs are in (${nameScene(this.scene)})`,
			() => this.service.jobs.length === (way === 'trigger' ? 1 : PICTURES.length),
		);
		if (way === 'at rest') await this.world.main.waitForLatest(this.saved.id, ['waiting']);
	}

	/** Brings it into its moment. */
	async enter(): Promise<void> {
		const { way, moment } = this.scene;
		const { service } = this;
		if (moment === 'submit') {
			await waitUntil(`the second submit is in`, () => service.jobs.length === PICTURES.length);
		}
		if (moment === 'call') {
			this.slowDown('fetch');
			this.clock.leap(JOB_SECONDS);
			await this.waitForRequest(/\/fetch\//);
		}
		if (moment === 'download') {
			this.slowDown('download');
			this.clock.leap(JOB_SECONDS);
			if (way !== 'watching') this.callForJobs();
			await this.waitForRequest(/^\/files\//);
		}
	}

	private async waitForRequest(path: RegExp): Promise<void> {
		const { service, scene } = this;
		const earlier = service.requests.length;
		if (scene.moment === 'call') this.callForJobs();
		await waitUntil(`${nameScene(scene)} is in its moment`, () =>
			service.requests.slice(earlier).some((request) => path.test(request.path)),
		);
	}

	/** What happens between the crash and the restart. */
	actWhileDown(): void {
		if (this.scene.moment !== 'call, away') return;
		this.clock.leap(JOB_SECONDS);
		this.callForJobs();
	}

	/** What happens when all is there again. */
	actAfterRestart(): void {
		const { way, moment } = this.scene;
		this.service.clearFaults();
		this.clock.leap(JOB_SECONDS);
		if (way === 'at rest' && moment === 'wait') this.callForJobs();
	}

	/** The service's calls for all jobs, once each. */
	private callForJobs(): void {
		for (const job of this.service.jobs) {
			const url = this.trigger ?? job.webhook;
			if (!url) throw new Error(`Job ${job.id} has no webhook (${nameScene(this.scene)}).`);
			const body = { status: 'success', id: job.id, track_id: job.trackId, output: job.outputs, meta: {} };
			this.calls.push(axios.post(url, body, { proxy: false, timeout: 30_000 }).catch(() => undefined));
		}
	}

	/** Spoils answers without an end. @param skip so many come as usual before */
	private slowDown(on: FaultPlace & keyof typeof DRIP, skip = 0): void {
		this.service.addFault({ on, skip, times: Infinity, do: { kind: 'drip', bytesPerSecond: DRIP[on] } });
	}

	/** Waits until n8n has nothing to do with it any more. @returns how the execution stands */
	async waitForEnd(): Promise<string> {
		let status = '';
		await waitUntil(
			`${nameScene(this.scene)} has ended`,
			async () => {
				try {
					const [latest] = await this.world.main.listExecutions(this.saved.id);
					status = latest?.status ?? 'not started';
				} catch {
					// It may not have its database back yet.
					return false;
				}
				// A trigger that has not started its execution when the others have ended does not start it any more.
				return this.scene.way === 'trigger' || !OPEN_STATUSES.includes(status);
			},
			(TIMEOUT_SECONDS + 60) * 1000,
			1000,
		).catch(() => undefined);
		return status;
	}

	/** @param printed all that n8n's processes have printed */
	async readOutcome(printed: string): Promise<Outcome> {
		const { scene, service, saved, world } = this;
		const execution = await this.waitForEnd();
		const [latest] = await world.main.listExecutions(saved.id);
		const data = latest && (await world.main.readExecution(latest.id)).data;
		const items = data ? readItems(data, this.trigger ? AFTER : NODE) : [];
		const { error } = data?.resultData ?? {};
		const errorText = `${error?.message ?? ''} ${error?.description ?? ''}`;
		const traces = service.jobs.map(({ id }): Trace => {
			const item = items.find(({ json }) => String(json.id) === `${id}`);
			if (item) return item.json.status === 'success' && item.binary?.data ? 'result' : 'reference';
			if (new RegExp(`\\b${id}\\b`).test(errorText)) return 'error';
			// Each service counts its jobs alike.
			if (printed.includes(`job ${id} was accepted (execution ${latest?.id},`)) return 'log';
			return this.trigger ? 'submitter' : 'nothing';
		});
		const ids = service.jobs.flatMap(({ id }, n) => {
			return ['result', 'nothing'].includes(traces[n] ?? 'nothing') ? [] : [id];
		});
		const expectedJobs = this.trigger ? 1 : PICTURES.length;
		return { scene, execution, isOpen: OPEN_STATUSES.includes(execution), expectedJobs, traces, ids };
	}

	/** Fetches jobs by Get Result. @returns whether all came with their files, and nothing was paid for it */
	async fetchJobs(ids: readonly number[]): Promise<boolean> {
		const { service, world } = this;
		const paid = service.jobs.length;
		const parameters = { operation: 'getResult', jobId: "={{ $json['body.images'] }}" };
		const saved = await startWorkflow(world, parameters, { credentials: this.credentials }, ids.map(String));
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
	return way === 'watching'
		? { waitFor: 'poll', options: { pollInterval: 1 } }
		: { waitFor: 'webhook', options: { timeout: TIMEOUT_SECONDS } };
}

/** Brings all scenes into their moments, lets the part crash, and waits for what comes of it. */
export async function crashDuring(
	world: World,
	part: Part,
	plays: readonly RunningScene[],
): Promise<Outcome[]> {
	await Promise.all(plays.map(async (play) => await play.prepare()));
	// Who calls does not wait for long.
	for (const isCall of [false, true]) {
		const group = plays.filter(({ scene }) => (scene.moment === 'call') === isCall);
		await Promise.all(group.map(async (play) => await play.enter()));
	}
	await world.crash(part, async () => {
		for (const play of plays) play.actWhileDown();
		await pause(DOWN_MS);
	});
	for (const play of plays) play.actAfterRestart();
	for (const end = Date.now() + AFTERSHOCK_MS; Date.now() < end; await pause(500)) {
		const gone = await world.revive();
		if (gone.length > 0) say(`After the crash of ${part}, ${gone.join(' and ')} ended too.`);
	}
	for (const play of plays) await play.waitForEnd();
	const outcomes: Outcome[] = [];
	for (const play of plays) outcomes.push(await play.readOutcome(world.readLog()));
	return outcomes;
}
