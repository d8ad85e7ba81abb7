/** Runs one cell of the fault table: the node in n8n's engine, with two items, and notes all that can be seen of it. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { request, type ClientRequest } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import sharp from 'sharp';
import type { INodeExecutionData, INodeParameters, IRun } from 'n8n-workflow';

import { triggerWorkflow } from '../../bench/calls.mts';
import { outputOf, type Execution } from '../../engine/engine.cts';
import type { JobRecord } from '../../local-api/jobs.mts';
import { fileItem, NODE, openBench, workflowOf, type Bench } from '../engine/bench.mts';
import type { Cell } from './cells.mts';
import { JOB_SECONDS, TIMEOUT, TRIES } from './expect.mts';
import { CALL_FAULTS, FAULTS, type CallFault } from './faults.mts';
import { Front, itemOf, type Exchange, type Spoiling } from './front.mts';

/** With all that is written otherwise in a URL, in JSON and in base64. */
export const KEY = 'sk/3f9c+1d7b=e2a8"4f60';

/** The item that a fault hits. It is the first: of a node that continues, n8n's Retry On Fail looks at that one only. */
export const HIT = 0;
const ITEMS = 2;

/** What was seen of a cell. */
export interface Seen {
	/** The last stretch of the execution. */
	run: IRun;
	items: INodeExecutionData[];
	errors: INodeExecutionData[];
	/** The file of each item that has one, by its place among the items. */
	files: Array<Buffer | undefined>;
	/** What the service has made for the jobs, by job. */
	made: Map<number, Buffer>;
	jobs: readonly JobRecord[];
	exchanges: readonly Exchange[];
	/** Lines of n8n's log. */
	log: string[];
	/** Every request of this process: host, path and headers. */
	requests: Array<{ host: string; text: string }>;
	/** The hosts that may be asked. */
	hosts: string[];
	/** s of the clock */
	seconds: number;
	/** Executions that the trigger has started, by the item whose job it was. */
	started: Array<number | undefined>;
	/** All that n8n keeps of executions, and what callers were told. */
	kept: unknown[];
}

const REQUESTS = 'http.client.request.start';

/** The PNGs of the input items, base64. */
let pictures: Promise<string[]> | undefined;

async function twoPictures(): Promise<string[]> {
	return await Promise.all(
		['#c33', '#33c'].map(async (background) => {
			const picture = sharp({ create: { width: 16, height: 16, channels: 3, background } });
			return (await picture.png().toBuffer()).toString('base64');
		}),
	);
}

/** Requests that were not accepted, in the worst case that their answer leaves open. */
const UNPAID = ['notSent', 'notNow', 'noPlace', 'refused', 'failed'];

function spoilingOf(cell: Cell): Spoiling {
	const { place, means, persistence, fault, mode } = cell;
	const entry = FAULTS.find(({ name }) => name === fault);
	const isLater = place === 'download' || (place === 'fetch' && mode !== 'none');
	return {
		place: place === 'webhook' ? undefined : place,
		way: entry?.way ?? 'silent',
		isPersistent: persistence === 'always',
		isAccepted: !UNPAID.includes(means),
		item: HIT,
		// Of what begins when the jobs have ended, the first request has to fall into it.
		outageSeconds: isLater ? JOB_SECONDS + 3 : 3,
	};
}

/** One cell being run. */
class CellRun {
	readonly log: string[] = [];
	readonly requests: Seen['requests'] = [];
	readonly answers: unknown[] = [];
	private calls: Array<Promise<void>> = [];

	constructor(
		private readonly cell: Cell,
		private readonly bench: Bench,
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
		const { bench, front } = this;
		const { clock, service } = bench;
		const restore = this.readLog();
		const start = clock.now();
		const isTriggered = this.cell.place === 'webhook' && this.cell.mode !== 'suspended';
		const trigger = isTriggered
			? bench.engine.publish(triggerWorkflow({ download: true }), 'called').production
			: undefined;
		if (this.cell.place === 'webhook') this.callForJobs();
		const run = await this.executions(trigger);
		const seconds = (clock.now() - start) / 1000;
		await this.settled();
		restore();

		const [items = [], errors = []] = outputOf(run, NODE);
		const files = await Promise.all(
			items.map(async (item) =>
				item.binary?.data ? await bench.engine.readBinary(item, 'data') : undefined,
			),
		);
		const asked = this.requests.slice();
		const made = new Map<number, Buffer>();
		if (files.some(Boolean)) {
			for (const { id, outputs } of service.jobs) made.set(id, await read(outputs[0] ?? ''));
		}
		return {
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
			kept: [bench.engine.executions, this.answers],
		};
	}

	private n8nHost(): string {
		return new URL(this.bench.engine.additionalData('0').webhookBaseUrl).host;
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
			const type = this.bench.engine.nodeTypes.getByNameAndVersion(`n8n-nodes-img-to-3d.${name}`);
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
		const { bench, front, cell } = this;
		const items = this.images.map((image, n) => ({
			...fileItem(image, 'image/png', 'dot.png'),
			json: { n },
		}));
		if (cell.place !== 'fetch' || cell.mode !== 'none') {
			// At rest it is the call that makes the node fetch.
			if (!this.isFetchedAtRest) await front.arm();
			return await this.execution(this.generation(webhookUrl), items);
		}
		// Fetched without waiting is what another execution has submitted.
		const before = await bench.engine.run(workflowOf(this.generation(undefined)), { items });
		await bench.clock.sleep((JOB_SECONDS + 1) * 1000);
		await front.arm();
		return await this.execution(
			{ operation: 'getResult', jobId: '={{ $json.id }}', waitFor: 'none', options: this.options() },
			outputOf(before, NODE)[0] ?? [],
		);
	}

	private get isFetchedAtRest(): boolean {
		return this.cell.place === 'fetch' && this.cell.mode === 'suspended';
	}

	private options(): INodeParameters {
		return { trackId: '=item-{{ $json.n ?? $json.track_id.slice(5) }}', timeout: TIMEOUT, maxFileSize: 2 };
	}

	private generation(webhookUrl: string | undefined): INodeParameters {
		const { place, mode } = this.cell;
		const isUpload = place === 'upload';
		return {
			...(isUpload
				? { operation: 'imageTo3d', imageSource: 'binary' }
				: { operation: 'textTo3d', prompt: 'a ball' }),
			settings: isUpload ? { steps: 1 } : { outputType: 'ply', steps: 1, seed: '={{ $json.n }}' },
			waitFor: mode === 'suspended' ? 'webhook' : mode,
			download: !isUpload,
			options: { ...this.options(), ...(webhookUrl && { webhookUrl }) },
		};
	}

	private async execution(parameters: INodeParameters, items: INodeExecutionData[]): Promise<IRun> {
		const { bench, cell } = this;
		const { clock, engine } = bench;
		const onError = {
			stop: undefined,
			continue: 'continueRegularOutput' as const,
			errorOutput: 'continueErrorOutput' as const,
		}[cell.onError];
		const retry = cell.isRetried ? { retryOnFail: true, maxTries: TRIES, waitBetweenTries: 1 } : {};
		const workflow = workflowOf(parameters, { ...(onError && { onError }), ...retry });
		let run = await engine.run(workflow, { items });
		const { id } = engine.executions.at(-1) as Execution;
		if (this.isFetchedAtRest) await this.front.arm();
		while (run.waitTill) {
			const rest = run;
			const state = () => engine.executions.find((execution) => execution.id === id)?.run;
			while (state() === rest && clock.now() < new Date(rest.waitTill as Date).getTime()) {
				this.answers.push(engine.executions.find((execution) => execution.id === id)?.resting);
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
		const { engine, clock } = this.bench;
		while (engine.isBusy()) await clock.sleep(1000);
	}

	/** Which item's job each execution of the trigger was started by. */
	private startedItems(): Array<number | undefined> {
		return this.bench.engine.executions.slice(1).flatMap(({ run }) => {
			const [item] = run ? (outputOf(run, 'After')[0] ?? []) : [];
			return item ? [itemOf(this.bench.service.jobs.find(({ id }) => `${id}` === String(item.json.id)))] : [];
		});
	}

	/** Makes the service's calls in its place, for each job that comes in. */
	private callForJobs(): void {
		const { service, clock } = this.bench;
		const make = async () => {
			while (service.jobs.length < ITEMS) await clock.sleep(500);
			await Promise.all(service.jobs.map(async (job) => await this.callFor(job)));
		};
		this.calls.push(make());
	}

	private async callFor(job: JobRecord): Promise<void> {
		const { clock } = this.bench;
		const right = { status: 'success', id: job.id, track_id: job.trackId, output: job.outputs, meta: {} };
		const url = String(job.webhook);
		const fault = CALL_FAULTS.find(({ name }) => name === this.cell.fault) as CallFault;
		if (itemOf(job) === HIT) {
			const faulty = fault.call(right, KEY);
			await clock.sleep(job.endsAt + 1000 * (2 + (faulty?.afterSeconds ?? 0)) - clock.now());
			for (let time = 0; faulty && time < (faulty.times ?? 1); time++) {
				this.answers.push(await call(url, faulty.body, faulty.headers));
			}
			if (this.cell.persistence === 'always') return;
		}
		await clock.sleep(job.endsAt + (itemOf(job) === HIT ? 5000 : 0) - clock.now());
		this.answers.push(await call(url, JSON.stringify(right)));
	}
}

/** A call under this name holds the clock until it is answered. */
const N8N = 'n8n.localhost';

async function read(url: string): Promise<Buffer> {
	return Buffer.from(await (await fetch(url)).arrayBuffer());
}

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
	pictures ??= twoPictures();
	const images = await pictures;
	const isCalled = cell.place === 'webhook';
	const bench = await openBench({
		// Of the calls, the one that a fault hits has to be the last.
		jobSeconds: (number) => (isCalled && number === 1 ? JOB_SECONDS + 5 : JOB_SECONDS),
		parallel: 10,
		queueLimit: 10,
		webhooks: isCalled ? 'never' : 'once',
	});
	const front = await Front.open(bench, KEY, spoilingOf(cell), images, cell.isPublic === true);
	bench.credential({ apiKey: KEY, baseUrl: front.baseUrl });
	try {
		return await new CellRun(cell, bench, front, images).run();
	} finally {
		await front.close();
		await bench.close();
	}
}
