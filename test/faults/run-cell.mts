/** Runs a cell of the fault table in n8n's engine, with two items, and records what can be observed. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type ClientRequest, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { INodeExecutionData, INodeParameters, IRun } from 'n8n-workflow';

import { buildTriggerWorkflow } from '../../bench/calls.mts';
import { type Execution, readOutput } from '../../n8n/engine/engine.cts';
import type { JobRecord } from '../../local-api/jobs.mts';
import { buildWorkflow, makeFileItem, NODE, openRig, type Rig } from '../support/rig.mts';
import type { Cell } from './cells.mts';
import { JUMPING } from './expect.mts';
import { CALL_FAULTS } from './call-faults.mts';
import type { CallFault } from './fault-entry.mts';
import { FaultProxy, findItem } from './fault-proxy.mts';
import {
	downloadOutputs,
	getInputImages,
	HIT,
	ITEMS,
	makeNodeSettings,
	makeOptions,
	makeParameters,
	type Observation,
	planFault,
} from './scene.mts';

/** It has characters that are encoded in a URL, in JSON or in base64, and between them a long part that is not. */
const KEY = 'sk/3f9c1d7be2a84f60+b5=e2a8"71';

const REQUESTS = 'http.client.request.start';

/** The run of a cell. */
class CellRun {
	readonly log: string[] = [];
	readonly requests: Observation['requests'] = [];
	readonly answers: unknown[] = [];
	private calls: Array<Promise<void>> = [];

	constructor(
		private readonly cell: Cell,
		private readonly rig: Rig,
		private readonly proxy: FaultProxy,
		private readonly images: readonly string[],
	) {}

	private readonly recordRequest = (message: unknown) => {
		const { request: made } = message as { request: ClientRequest };
		const text = `${made.path} ${JSON.stringify(made.getHeaders())}`;
		this.requests.push({ host: String(made.getHeader('host')), text });
	};

	async run(): Promise<Observation> {
		subscribe(REQUESTS, this.recordRequest);
		try {
			return await this.observe();
		} finally {
			unsubscribe(REQUESTS, this.recordRequest);
		}
	}

	private async observe(): Promise<Observation> {
		const { rig, proxy } = this;
		const { clock, service } = rig;
		const restore = this.captureLog();
		const start = clock.now();
		const isTriggered = this.cell.place === 'webhook' && this.cell.mode !== 'suspended';
		const trigger = isTriggered
			? rig.engine.publish(buildTriggerWorkflow({ download: true }), 'called').production
			: undefined;
		if (this.cell.place === 'webhook') this.callForJobs();
		const run = await this.runExecutions(trigger);
		const seconds = (clock.now() - start) / 1000;
		await this.waitUntilIdle();
		restore();

		const [items = [], errors = []] = readOutput(run, NODE);
		const files = await Promise.all(
			items.map(async (item) => (item.binary?.data ? await rig.engine.readBinary(item, 'data') : undefined)),
		);
		const requests = this.requests.slice();
		const made = files.some(Boolean) ? await downloadOutputs(service.jobs) : new Map<number, Buffer>();
		return {
			key: KEY,
			run,
			items,
			errors,
			files,
			made,
			jobs: service.jobs,
			exchanges: proxy.exchanges,
			log: this.log,
			requests,
			hosts: [...proxy.hosts, new URL(service.origin).host, this.n8nHost, N8N],
			seconds,
			started: this.listStartedItems(),
			kept: [rig.engine.executions, this.answers],
		};
	}

	private get n8nHost(): string {
		return new URL(this.rig.engine.additionalData('0').webhookBaseUrl).host;
	}

	/** Captures n8n's log at all levels. @returns a function that ends this */
	private captureLog(): () => void {
		const { log } = this;
		const restores: Array<() => void> = [];
		const capture = (logger: object) => {
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
					capture(this.logger);
					return await execute.call(this, ...rest);
				};
			}
			if (webhook) {
				type.webhook = async function () {
					capture(this.logger);
					return await webhook.call(this);
				};
			}
		}
		return () => restores.forEach((restore) => restore());
	}

	/** Runs the workflow of the cell to its end. If it fetches jobs of another execution, runs that one first. */
	private async runExecutions(webhookUrl: string | undefined): Promise<IRun> {
		const { rig, proxy, cell } = this;
		const items = this.images.map((image, n) => ({
			...makeFileItem(image, 'image/png', 'dot.png'),
			json: { n },
		}));
		if (cell.place !== 'fetch' || cell.mode !== 'none') {
			// A suspended execution fetches when the service calls.
			if (!this.isFetchedWhileSuspended) await proxy.arm();
			return await this.runExecution(this.chooseParameters(webhookUrl), items);
		}
		// Get Result without waiting fetches the jobs of an execution that has submitted them.
		const before = await rig.engine.run(buildWorkflow(this.chooseParameters()), { items });
		await rig.clock.sleep((JUMPING.jobSeconds + 1) * 1000);
		await proxy.arm();
		return await this.runExecution(
			{ operation: 'getResult', jobId: '={{ $json.id }}', waitFor: 'none', options: makeOptions(JUMPING) },
			readOutput(before, NODE)[0] ?? [],
		);
	}

	private get isFetchedWhileSuspended(): boolean {
		return this.cell.place === 'fetch' && this.cell.mode === 'suspended';
	}

	private chooseParameters(webhookUrl?: string): INodeParameters {
		return makeParameters(this.cell, JUMPING, webhookUrl ? { webhookUrl } : {});
	}

	private async runExecution(parameters: INodeParameters, items: INodeExecutionData[]): Promise<IRun> {
		const { rig, cell } = this;
		const { clock, engine } = rig;
		const workflow = buildWorkflow(parameters, makeNodeSettings(cell));
		let run = await engine.run(workflow, { items });
		const { id } = engine.executions.at(-1) as Execution;
		if (this.isFetchedWhileSuspended) await this.proxy.arm();
		while (run.waitTill) {
			const suspended = run;
			const findExecution = () => engine.executions.find((execution) => execution.id === id);
			while (
				findExecution()?.run === suspended &&
				clock.now() < new Date(suspended.waitTill as Date).getTime()
			) {
				this.answers.push(findExecution()?.suspended);
				await clock.sleep(5000);
			}
			while (findExecution()?.run === undefined) await clock.sleep(1000);
			const latest = findExecution()?.run as IRun;
			run = latest === suspended ? await engine.endWait(id) : latest;
		}
		return run;
	}

	/** Waits for the calls, and for the executions that they started. */
	private async waitUntilIdle(): Promise<void> {
		await Promise.all(this.calls);
		const { engine, clock } = this.rig;
		while (engine.isBusy()) await clock.sleep(1000);
	}

	/** Lists the items of the executions that the trigger has started. */
	private listStartedItems(): Array<number | undefined> {
		return this.rig.engine.executions.slice(1).flatMap(({ run }) => {
			const [item] = run ? (readOutput(run, 'After')[0] ?? []) : [];
			return item ? [findItem(this.rig.service.jobs.find(({ id }) => `${id}` === String(item.json.id)))] : [];
		});
	}

	/** Makes the calls of the service for all jobs. */
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
		if (findItem(job) === HIT) {
			const faulty = fault.call(right, KEY);
			await clock.sleep(job.endsAt + 1000 * (2 + (faulty?.afterSeconds ?? 0)) - clock.now());
			this.proxy.replaceNextFetch(faulty?.meanwhile);
			for (let time = 0; faulty && time < (faulty.times ?? 1); time++) {
				this.answers.push(await call(url, faulty.body, faulty.headers));
			}
			this.proxy.replaceNextFetch(undefined);
			if (this.cell.persistence === 'always') return;
		}
		await clock.sleep(job.endsAt + (findItem(job) === HIT ? 5000 : 0) - clock.now());
		this.answers.push(await call(url, JSON.stringify(right)));
	}
}

/** A call to this host name holds the clock until it is answered. */
const N8N = 'n8n.localhost';

/** Calls n8n. @returns the body of the answer, or `undefined` if n8n closed the connection */
async function call(
	url: string,
	body: string | Buffer | (() => Readable),
	headers: Record<string, string> = {},
): Promise<string | undefined> {
	return await new Promise((resolve) => {
		// n8n refuses a large body by itself. That takes a while, and nothing waits for the clock meanwhile.
		const host = typeof body === 'function' ? N8N : new URL(url).host;
		const made = request(
			url,
			{ method: 'POST', headers: { 'content-type': 'application/json', host, ...headers } },
			(answer) => {
				let text = '';
				answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
				answer.once('close', () => resolve(text));
			},
		);
		made.once('error', () => resolve(undefined));
		if (typeof body === 'function') pipeline(body(), made).catch(() => resolve(undefined));
		else made.end(body);
	});
}

/** Runs a cell with a new n8n and a new service. */
export async function runCell(cell: Cell): Promise<Observation> {
	const images = await getInputImages();
	const isCalled = cell.place === 'webhook';
	const rig = await openRig({
		// The call that the fault hits must be the last one.
		jobSeconds: (number) => (isCalled && number === 1 ? JUMPING.jobSeconds + 5 : JUMPING.jobSeconds),
		parallel: 10,
		queueLimit: 10,
		webhooks: isCalled ? 'never' : 'once',
	});
	const proxy = await FaultProxy.open(rig, KEY, planFault(cell, JUMPING), images, cell.isPublic === true);
	rig.setCredential({ apiKey: KEY, baseUrl: proxy.baseUrl });
	try {
		return await new CellRun(cell, rig, proxy, images).run();
	} finally {
		await proxy.close();
		await rig.close();
	}
}
