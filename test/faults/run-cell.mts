/** Runs one cell of the fault table: the node in n8n's engine, with two items, and notes all that can be seen of it. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { request, type ClientRequest } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { INodeExecutionData, INodeParameters, IRun } from 'n8n-workflow';

import { buildTriggerWorkflow } from '../../bench/calls.mts';
import { readOutput, type Execution } from '../../n8n/engine/engine.cts';
import type { JobRecord } from '../../local-api/jobs.mts';
import { makeFileItem, NODE, openRig, buildWorkflow, type Rig } from '../support/rig.mts';
import type { Cell } from './cells.mts';
import { JUMPING } from './expect.mts';
import { CALL_FAULTS, type CallFault } from './faults.mts';
import { Front, itemOf } from './front.mts';
import {
	generationOf,
	HIT,
	inputPictures,
	ITEMS,
	madeFor,
	optionsOf,
	settingsOf,
	spoilingOf,
	type Seen,
} from './scene.mts';

/** With all that is written otherwise in a URL, in JSON and in base64, around a long run that is not. */
const KEY = 'sk/3f9c1d7be2a84f60+b5=e2a8"71';

const REQUESTS = 'http.client.request.start';

/** One cell being run. */
class CellRun {
	readonly log: string[] = [];
	readonly requests: Seen['requests'] = [];
	readonly answers: unknown[] = [];
	private calls: Array<Promise<void>> = [];

	constructor(
		private readonly cell: Cell,
		private readonly rig: Rig,
		private readonly front: Front,
		private readonly images: readonly string[],
	) {}

	private readonly note = (message: unknown) => {
		const { request: made } = message as { request: ClientRequest };
		const text = `${made.path} ${JSON.stringify(made.getHeaders())}`;
		this.requests.push({ host: String(made.getHeader('host')), text });
	};

	async run(): Promise<Seen> {
		subscribe(REQUESTS, this.note);
		try {
			return await this.observed();
		} finally {
			unsubscribe(REQUESTS, this.note);
		}
	}

	private async observed(): Promise<Seen> {
		const { rig, front } = this;
		const { clock, service } = rig;
		const restore = this.readLog();
		const start = clock.now();
		const isTriggered = this.cell.place === 'webhook' && this.cell.mode !== 'suspended';
		const trigger = isTriggered
			? rig.engine.publish(buildTriggerWorkflow({ download: true }), 'called').production
			: undefined;
		if (this.cell.place === 'webhook') this.callForJobs();
		const run = await this.executions(trigger);
		const seconds = (clock.now() - start) / 1000;
		await this.settled();
		restore();

		const [items = [], errors = []] = readOutput(run, NODE);
		const files = await Promise.all(
			items.map(async (item) => (item.binary?.data ? await rig.engine.readBinary(item, 'data') : undefined)),
		);
		const asked = this.requests.slice();
		const made = files.some(Boolean) ? await madeFor(service.jobs) : new Map<number, Buffer>();
		return {
			key: KEY,
			run,
			items,
			errors,
			files,
			made,
			jobs: service.jobs,
			exchanges: front.exchanges,
			log: this.log,
			requests: asked,
			hosts: [...front.hosts, new URL(service.origin).host, this.n8nHost(), N8N],
			seconds,
			started: this.startedItems(),
			kept: [rig.engine.executions, this.answers],
		};
	}

	private n8nHost(): string {
		return new URL(this.rig.engine.additionalData('0').webhookBaseUrl).host;
	}

	/** Writes n8n's log down, whatever its level. @returns ends that */
	private readLog(): () => void {
		const { log } = this;
		const restores: Array<() => void> = [];
		const listen = (logger: object) => {
			if (restores.length > 0) return;
			for (const level of ['error', 'warn', 'info', 'debug']) {
				const usual: unknown = Reflect.get(logger, level);
				Object.assign(logger, { [level]: (...line: unknown[]) => log.push(JSON.stringify(line)) });
				restores.push(() => Object.assign(logger, { [level]: usual }));
			}
		};
		for (const name of ['imgTo3d', 'imgTo3dTrigger']) {
			const type = this.rig.engine.nodeTypes.getByNameAndVersion(`n8n-nodes-img-to-3d.${name}`);
			const { execute, webhook } = type;
			if (execute) {
				type.execute = async function (...rest) {
					listen(this.logger);
					return await execute.call(this, ...rest);
				};
			}
			if (webhook) {
				type.webhook = async function () {
					listen(this.logger);
					return await webhook.call(this);
				};
			}
		}
		return () => restores.forEach((restore) => restore());
	}

	/** Runs the workflow of the cell to its end, and the one before it if there is one. */
	private async executions(webhookUrl: string | undefined): Promise<IRun> {
		const { rig, front, cell } = this;
		const items = this.images.map((image, n) => ({
			...makeFileItem(image, 'image/png', 'dot.png'),
			json: { n },
		}));
		if (cell.place !== 'fetch' || cell.mode !== 'none') {
			// At rest it is the call that makes the node fetch.
			if (!this.isFetchedAtRest) await front.arm();
			return await this.execution(this.generation(webhookUrl), items);
		}
		// Fetched without waiting is what another execution has submitted.
		const before = await rig.engine.run(buildWorkflow(this.generation()), { items });
		await rig.clock.sleep((JUMPING.jobSeconds + 1) * 1000);
		await front.arm();
		return await this.execution(
			{ operation: 'getResult', jobId: '={{ $json.id }}', waitFor: 'none', options: optionsOf(JUMPING) },
			readOutput(before, NODE)[0] ?? [],
		);
	}

	private get isFetchedAtRest(): boolean {
		return this.cell.place === 'fetch' && this.cell.mode === 'suspended';
	}

	private generation(webhookUrl?: string): INodeParameters {
		return generationOf(this.cell, JUMPING, webhookUrl ? { webhookUrl } : {});
	}

	private async execution(parameters: INodeParameters, items: INodeExecutionData[]): Promise<IRun> {
		const { rig, cell } = this;
		const { clock, engine } = rig;
		const workflow = buildWorkflow(parameters, settingsOf(cell));
		let run = await engine.run(workflow, { items });
		const { id } = engine.executions.at(-1) as Execution;
		if (this.isFetchedAtRest) await this.front.arm();
		while (run.waitTill) {
			const rest = run;
			const state = () => engine.executions.find((execution) => execution.id === id)?.run;
			while (state() === rest && clock.now() < new Date(rest.waitTill as Date).getTime()) {
				this.answers.push(engine.executions.find((execution) => execution.id === id)?.suspended);
				await clock.sleep(5000);
			}
			while (state() === undefined) await clock.sleep(1000);
			const latest = state() as IRun;
			run = latest === rest ? await engine.endWait(id) : latest;
		}
		return run;
	}

	/** Waits for what goes on beside the execution. */
	private async settled(): Promise<void> {
		await Promise.all(this.calls);
		const { engine, clock } = this.rig;
		while (engine.isBusy()) await clock.sleep(1000);
	}

	/** Which item's job each execution of the trigger was started by. */
	private startedItems(): Array<number | undefined> {
		return this.rig.engine.executions.slice(1).flatMap(({ run }) => {
			const [item] = run ? (readOutput(run, 'After')[0] ?? []) : [];
			return item ? [itemOf(this.rig.service.jobs.find(({ id }) => `${id}` === String(item.json.id)))] : [];
		});
	}

	/** Makes the service's calls in its place, for each job that comes in. */
	private callForJobs(): void {
		const { service, clock } = this.rig;
		const make = async () => {
			while (service.jobs.length < ITEMS) await clock.sleep(500);
			await Promise.all(service.jobs.map(async (job) => await this.callFor(job)));
		};
		this.calls.push(make());
	}

	private async callFor(job: JobRecord): Promise<void> {
		const { clock } = this.rig;
		const right = { status: 'success', id: job.id, track_id: job.trackId, output: job.outputs, meta: {} };
		const url = String(job.webhook);
		const fault = CALL_FAULTS.find(({ name }) => name === this.cell.fault) as CallFault;
		if (itemOf(job) === HIT) {
			const faulty = fault.call(right, KEY);
			await clock.sleep(job.endsAt + 1000 * (2 + (faulty?.afterSeconds ?? 0)) - clock.now());
			this.front.spoilNextFetch(faulty?.meanwhile);
			for (let time = 0; faulty && time < (faulty.times ?? 1); time++) {
				this.answers.push(await call(url, faulty.body, faulty.headers));
			}
			this.front.spoilNextFetch(undefined);
			if (this.cell.persistence === 'always') return;
		}
		await clock.sleep(job.endsAt + (itemOf(job) === HIT ? 5000 : 0) - clock.now());
		this.answers.push(await call(url, JSON.stringify(right)));
	}
}

/** A call under this name holds the clock until it is answered. */
const N8N = 'n8n.localhost';

/** Calls n8n. @returns its answer's body; nothing when it has hung up */
async function call(
	url: string,
	body: string | Buffer | (() => Readable),
	headers: Record<string, string> = {},
): Promise<string | undefined> {
	return await new Promise((resolve) => {
		// What is large n8n refuses by itself, which takes a while, and nobody waits on the clock.
		const host = typeof body === 'function' ? N8N : new URL(url).host;
		const made = request(
			url,
			{ method: 'POST', headers: { 'content-type': 'application/json', host, ...headers } },
			(answer) => {
				let told = '';
				answer.on('data', (chunk: Buffer) => (told += chunk.toString()));
				answer.once('close', () => resolve(told));
			},
		);
		made.once('error', () => resolve(undefined));
		if (typeof body === 'function') pipeline(body(), made).catch(() => resolve(undefined));
		else made.end(body);
	});
}

/** Runs a cell, from an n8n and a service that know of nothing to the end. */
export async function runCell(cell: Cell): Promise<Seen> {
	const images = await inputPictures();
	const isCalled = cell.place === 'webhook';
	const rig = await openRig({
		// Of the calls, the one that a fault hits has to be the last.
		jobSeconds: (number) => (isCalled && number === 1 ? JUMPING.jobSeconds + 5 : JUMPING.jobSeconds),
		parallel: 10,
		queueLimit: 10,
		webhooks: isCalled ? 'never' : 'once',
	});
	const front = await Front.open(rig, KEY, spoilingOf(cell, JUMPING), images, cell.isPublic === true);
	rig.setCredential({ apiKey: KEY, baseUrl: front.baseUrl });
	try {
		return await new CellRun(cell, rig, front, images).run();
	} finally {
		await front.close();
		await rig.close();
	}
}
