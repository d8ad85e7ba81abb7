/**
 * How long forty jobs take on an account that runs five at the same time, compared with the shortest possible time: with the node, and
 * with what people do without it.
 */
import { setTimeout as pause } from 'node:timers/promises';

import axios, { type AxiosInstance } from 'axios';
import type { INodeParameters } from 'n8n-workflow';

import { median } from 'simple-statistics';
import { startLocalApi, type JobRecord, type LocalApi } from '../local-api/index.mts';
import type { Execution } from '../n8n/real/n8n.mts';
import type { Say } from '../n8n/real/install.mts';
import { API_KEY, CREDENTIAL_TYPE, startWorld, type World } from '../n8n/real/worlds.mts';
import { listStockNodes, STOCK_ARROWS } from './stock-nodes.mts';
import { formatSpread, formatVerdict, type Table } from './table.mts';
import { describeImageTo3d, execute, makeCallBody, makePlainJob, publish, SPLIT } from './workflows.mts';

const JOBS = 40;
/** How many jobs the service runs at the same time, and how many an account can have open. */
const SERVERS = 5;
/** How long a job takes, s. */
const FROM = 5;
const TO = 15;
const REPETITIONS = 3;

/** Poll interval of the client that does one job after another, and of the one that submits all at once, s. */
const ALONE_POLL = 5;
const ALL_POLL = 20;
/** How long the Wait node of the workflow of stock nodes waits, s. */
const STOCK_WAIT = 5;

/** A submit within this time after the first refusal was sent before the limit could be known, ms. */
const LEARNING_MS = 500;

/** Much longer than anything takes here, ms. */
const LIMIT_MS = 15 * 60_000;

/** The outcome of forty jobs. Times are in s from the arrival of the first submit. */
interface Outcome {
	/** When the client knew the last result. */
	makespan: number;
	/** When the last job ended. */
	lastEnd: number;
	/** When it would have ended if no server ever waited for a job. */
	bound: number;
	/** Polls of a job, on average. */
	polls: number;
	/** Refused submits, and those of them that came when the client could know the limit. */
	refused: number;
	refusedLate: number;
}

/** Does forty jobs. @returns when the client knew the last result, ms since the epoch */
type Client = (service: LocalApi) => Promise<number>;

interface Contender {
	name: string;
	client: Client;
	/** The aim for the makespan / bound. Absent for what the node is compared with. */
	most?: number;
}

/** @returns how long servers take for these jobs in this order, if each job starts as soon as a server is free, s */
function computeBound(seconds: readonly number[], servers: number): number {
	const free = Array.from({ length: servers }, () => 0);
	for (const duration of seconds) {
		const first = free.indexOf(Math.min(...free));
		free[first] = (free[first] ?? 0) + duration;
	}
	return Math.max(...free);
}

/** Has a client do forty jobs on its own service. @param repetition decides the durations, which are the same for all clients */
async function measure(client: Client, repetition: number): Promise<Outcome> {
	const service = await openService(repetition);
	try {
		return measureOutcome(service, await client(service));
	} finally {
		await service.stop();
	}
}

async function openService(repetition: number): Promise<LocalApi> {
	return await startLocalApi({
		jobSeconds: { from: FROM, to: TO, seed: repetition },
		parallel: SERVERS,
		queueLimit: SERVERS,
		eta: 'exact',
	});
}

function measureOutcome({ requests, jobs }: LocalApi, knownAt: number): Outcome {
	if (jobs.length !== JOBS) throw new Error(`${jobs.length} jobs were accepted instead of ${JOBS}.`);
	const submits = requests.filter(({ path }) => path.endsWith('/img_to_3d'));
	const refusals = submits.filter(({ status }) => status === 429).map(({ at }) => at);
	const start = submits[0]?.at ?? NaN;
	const seconds = (job: JobRecord) => (job.endsAt - job.startedAt) / 1000;
	return {
		makespan: (knownAt - start) / 1000,
		lastEnd: (Math.max(...jobs.map(({ endsAt }) => endsAt)) - start) / 1000,
		bound: computeBound(jobs.map(seconds), SERVERS),
		polls: requests.filter(({ path }) => path.includes('/fetch/')).length / JOBS,
		refused: refusals.length,
		refusedLate: refusals.filter((at) => at - (refusals[0] ?? at) > LEARNING_MS).length,
	};
}

/** The node, in one execution with forty items. */
function makeNodeClient(world: World, parameters: INodeParameters): Client {
	return async (service) => {
		const credential = await world.main.createCredential(service.origin, CREDENTIAL_TYPE, {
			apiKey: API_KEY,
			service: 'other',
			baseUrl: service.baseUrl,
		});
		const node = describeImageTo3d(parameters, { [CREDENTIAL_TYPE]: credential });
		const workflow = await publish(world, [SPLIT, node]);
		const execution = await execute(world, workflow, makeCallBody(service.origin, JOBS), LIMIT_MS);
		return findEnd(execution, node.name);
	};
}

/** Finds the end of an execution. @throws when the node has not put out a job that succeeded for each item */
function findEnd({ data, stoppedAt }: Execution, node: string): number {
	const items = data.resultData.runData[node]?.at(-1)?.data?.main?.[0] ?? [];
	const finished = items.filter(({ json }) => json.status === 'success').length;
	if (finished !== JOBS || stoppedAt === undefined) {
		throw new Error(`"${node}" has put out ${finished} jobs that succeeded instead of ${JOBS}.`);
	}
	return stoppedAt;
}

/** A workflow of n8n's own nodes: batches of the size that the account takes. Each batch ends before the next begins. */
function makeStockClient(world: World): Client {
	return async (service) => {
		const workflow = await publish(world, listStockNodes(service, SERVERS, STOCK_WAIT), STOCK_ARROWS);
		const body = makeCallBody(service.origin, JOBS);
		return findEnd(await execute(world, workflow, body, LIMIT_MS), 'Results');
	};
}

interface PlainAnswer {
	id: number;
	status: string;
	retry_after?: number;
}

function openPlainClient({ baseUrl }: LocalApi): AxiosInstance {
	return axios.create({ baseURL: `${baseUrl}/v3`, proxy: false, validateStatus: () => true });
}

/** Submits a job. Repeats it while the queue is full. @returns the job's ID */
async function submit(api: AxiosInstance, { origin }: LocalApi): Promise<number> {
	for (;;) {
		const { status, data } = await api.post<PlainAnswer>('/img_to_3d', {
			key: API_KEY,
			...makePlainJob(origin),
		});
		if (status === 200) return data.id;
		if (status !== 429) throw new Error(`A submit was answered with ${status}.`);
		await pause((data.retry_after ?? ALL_POLL) * 1000);
	}
}

/** Polls a job at a fixed interval until it has ended. @param seconds between two polls, and before the first */
async function poll(api: AxiosInstance, id: number, seconds: number): Promise<void> {
	for (;;) {
		await pause(seconds * 1000);
		const { data } = await api.post<PlainAnswer>(`/fetch/${id}`, { key: API_KEY });
		if (data.status === 'success') return;
		if (data.status !== 'processing') throw new Error(`Job ${id} has the status "${data.status}".`);
	}
}

const doOneAfterAnother: Client = async (service) => {
	const api = openPlainClient(service);
	for (let job = 0; job < JOBS; job++) await poll(api, await submit(api, service), ALONE_POLL);
	return Date.now();
};

const doAllAtOnce: Client = async (service) => {
	const api = openPlainClient(service);
	const one = async () => await poll(api, await submit(api, service), ALL_POLL);
	await Promise.all(Array.from({ length: JOBS }, one));
	return Date.now();
};

/** A measurement that runs by itself. */
export interface Background {
	outcomes: Promise<Outcome[]>;
	/** Ends the measurement early. */
	stop(): Promise<void>;
}

const repetitions = Array.from({ length: REPETITIONS }, (_, index) => index + 1);

/** Starts the longest measurement, about eight minutes: one job after another. It needs no n8n, and almost no processor. */
export function startOneAfterAnother(): Background {
	const services: LocalApi[] = [];
	const outcomes = Promise.all(
		repetitions.map(async (repetition) => {
			const service = await openService(repetition);
			services.push(service);
			try {
				return measureOutcome(service, await doOneAfterAnother(service));
			} finally {
				await service.stop();
			}
		}),
	);
	// If the measurement is stopped, nothing waits for it, and nothing else handles the error.
	outcomes.catch(() => undefined);
	return {
		outcomes,
		async stop() {
			for (const service of services) await service.stop();
		},
	};
}

function listContenders(world: World): Contender[] {
	return [
		{ name: 'the node, polling', client: makeNodeClient(world, { waitFor: 'poll' }), most: 1.05 },
		{ name: 'the node, suspended', client: makeNodeClient(world, { waitFor: 'webhook' }), most: 1.02 },
		{
			name: 'the node, polling, Max Jobs in Flight 40',
			client: makeNodeClient(world, { waitFor: 'poll', options: { maxJobsInFlight: JOBS } }),
			most: 1.05,
		},
		{ name: `stock nodes: batches of ${SERVERS}, Wait ${STOCK_WAIT} s`, client: makeStockClient(world) },
		{ name: `all submitted at once, each polled every ${ALL_POLL} s`, client: doAllAtOnce },
	];
}

/** Starts to measure the CPU of an n8n and of this process. @returns writes what each has used */
function measureCpu(world: World): () => string {
	const { program } = world.main;
	const start = { at: Date.now(), n8n: program.cpuSeconds, own: process.cpuUsage() };
	return () => {
		const seconds = (Date.now() - start.at) / 1000;
		const { user, system } = process.cpuUsage(start.own);
		const share = (used: number) => `${Math.round((used / seconds) * 100)} %`;
		return `n8n used ${share(program.cpuSeconds - start.n8n)} of a core, stand-ins and plain clients ${share((user + system) / 1e6)}`;
	};
}

/** Measures all contenders but the slowest, at the same time. */
async function race(say: Say): Promise<{ rows: string[][]; cpu: string }> {
	const world = await startWorld({ version: '2.41.1', say });
	try {
		const contenders = listContenders(world);
		say(`${JOBS} jobs each for ${contenders.length} contenders, ${REPETITIONS} times ...`);
		const writeCpu = measureCpu(world);
		const rows = await Promise.all(
			contenders.map(async ({ name, client, most }) => {
				const outcomes = await Promise.all(
					repetitions.map(async (repetition) => await measure(client, repetition)),
				);
				const row = makeRow(name, outcomes, most);
				say(`  ${name}: ${row[1]} s`);
				return row;
			}),
		);
		return { rows, cpu: writeCpu() };
	} finally {
		await world.stop();
	}
}

/**
 * Measures all contenders and repetitions at the same time.
 *
 * @param say gets a line from time to time
 * @param slowest the slowest contender, if it was started before something else
 */
export async function measureMakespan(
	say: Say,
	slowest: Background = startOneAfterAnother(),
): Promise<Table> {
	try {
		const { rows, cpu } = await race(say);
		say('One job after another is still running ...');
		rows.push(makeRow(`one after another, polled every ${ALONE_POLL} s`, await slowest.outcomes));
		return {
			question: `How long do ${JOBS} jobs take together?`,
			how: describeHow(cpu),
			columns: [
				'contender',
				'makespan, s',
				'makespan / bound',
				'last job / bound',
				'polls per job',
				'refused',
				'late',
				'aim',
				'met',
			],
			rows,
		};
	} catch (error) {
		await slowest.stop();
		throw error;
	}
}

function describeHow(cpu: string): string {
	return [
		`${JOBS} jobs of ${FROM} to ${TO} s (uniform, the same durations for all), on a stand-in that runs ${SERVERS} at the same time, first in, first out, and accepts ${SERVERS} open jobs of an account. Real clock, one n8n 2.41.1, exact ETAs, ${REPETITIONS} repetitions, all at the same time (${cpu}).`,
		'Makespan: from the first submit until the client knows the last result (in n8n: the end of the execution). Bound: how long the servers take for these jobs in the order of acceptance if none ever waits for a job. Last job: when the service ended it, divided by the same bound.',
		`Refused: submits answered with 429. Late: those that came more than ${LEARNING_MS / 1000} s after the first, when the limit could be known. The aims apply to the median of the makespans, and to the late refusals of every repetition.`,
		`Stock nodes: Loop Over Items (${SERVERS}) > HTTP Request (submit) > Wait > HTTP Request (fetch) > IF all of the batch have succeeded: the next batch, else Wait again. All at once: a refused submit is repeated after its retry_after.`,
	].join(' ');
}

function makeRow(name: string, outcomes: readonly Outcome[], most?: number): string[] {
	const overBound = outcomes.map(({ makespan, bound }) => makespan / bound);
	const late = outcomes.map(({ refusedLate }) => refusedLate);
	const isMet = most !== undefined && median(overBound) <= most && Math.max(...late) === 0;
	const write = (read: (outcome: Outcome) => number, digits: number) =>
		formatSpread(outcomes.map(read), (value) => value.toFixed(digits));
	return [
		name,
		write(({ makespan }) => makespan, 1),
		write(({ makespan, bound }) => makespan / bound, 3),
		write(({ lastEnd, bound }) => lastEnd / bound, 3),
		write(({ polls }) => polls, 1),
		write(({ refused }) => refused, 0),
		write(({ refusedLate }) => refusedLate, 0),
		most === undefined ? '' : `at most ${most} x the bound, no late refusal`,
		most === undefined ? '' : formatVerdict(isMet),
	];
}
