/**
 * How long forty jobs take together on an account that works five at a time, against how long they must take: ours,
 * and what people do without it.
 */
import { setTimeout as pause } from 'node:timers/promises';

import axios, { type AxiosInstance } from 'axios';
import type { INodeParameters } from 'n8n-workflow';

import { median } from 'simple-statistics';
import { startLocalApi, type JobRecord, type LocalApi } from '../local-api/index.mts';
import type { Execution } from '../n8n/real/n8n.mts';
import type { Say } from '../n8n/real/install.mts';
import { API_KEY, CREDENTIAL_TYPE, startWorld, type World } from '../n8n/real/worlds.mts';
import { formatSpread, formatVerdict, type Table } from './table.mts';
import {
	executed,
	imageTo3d,
	pictures,
	plainJob,
	published,
	SPLIT,
	type Arrow,
	type NodeSketch,
} from './workflows.mts';

const JOBS = 40;
/** How many jobs the service works at the same time, and how many an account may have open. */
const SERVERS = 5;
/** How long a job works, s. */
const FROM = 5;
const TO = 15;
const REPETITIONS = 3;

/** How often the one who does a job after the other looks, s, and how often the one who submits all at once. */
const ALONE_POLL = 5;
const ALL_POLL = 20;
/** How long the stock workflow's Wait node waits, s. */
const STOCK_WAIT = 5;

/** A submit that arrives within this time after the first refusal was on its way when the limit became known, ms. */
const LEARNING_MS = 500;

/** Far longer than anything here takes, ms. */
const LIMIT_MS = 15 * 60_000;

/** What came of forty jobs. Times in s, from the arrival of the first submit. */
interface Outcome {
	/** When the client knew the last result. */
	makespan: number;
	/** When the last job ended. */
	lastEnd: number;
	/** When it would have ended if no server had ever waited for a job. */
	bound: number;
	/** Fetch calls per job. */
	looks: number;
	/** Refused submissions, and those of them that came when the client could know the limit. */
	refused: number;
	refusedLate: number;
}

/** Does forty jobs. @returns when it knew the last result, ms since the epoch */
type Client = (service: LocalApi) => Promise<number>;

interface Contender {
	name: string;
	client: Client;
	/** The aim for the makespan over the bound; absent for what ours is compared with. */
	most?: number;
}

/** The time in which servers do these jobs, in this order, each as soon as one is free: s. */
export function listScheduled(seconds: readonly number[], servers: number): number {
	const free = Array.from({ length: servers }, () => 0);
	for (const duration of seconds) {
		const first = free.indexOf(Math.min(...free));
		free[first] = (free[first] ?? 0) + duration;
	}
	return Math.max(...free);
}

/** Has a client do forty jobs on a service of its own. @param repetition settles the durations, the same for all */
async function measure(client: Client, repetition: number): Promise<Outcome> {
	const service = await openService(repetition);
	try {
		return outcomeOf(service, await client(service));
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

function outcomeOf({ requests, jobs }: LocalApi, knownAt: number): Outcome {
	if (jobs.length !== JOBS) throw new Error(`${jobs.length} jobs were accepted instead of ${JOBS}.`);
	const submits = requests.filter(({ path }) => path.endsWith('/img_to_3d'));
	const refusals = submits.filter(({ status }) => status === 429).map(({ at }) => at);
	const start = submits[0]?.at ?? NaN;
	const seconds = (job: JobRecord) => (job.endsAt - job.startedAt) / 1000;
	return {
		makespan: (knownAt - start) / 1000,
		lastEnd: (Math.max(...jobs.map(({ endsAt }) => endsAt)) - start) / 1000,
		bound: listScheduled(jobs.map(seconds), SERVERS),
		looks: requests.filter(({ path }) => path.includes('/fetch/')).length / JOBS,
		refused: refusals.length,
		refusedLate: refusals.filter((at) => at - (refusals[0] ?? at) > LEARNING_MS).length,
	};
}

/** Our node, in one execution with forty items. */
function ours(world: World, parameters: INodeParameters): Client {
	return async (service) => {
		const credential = await world.main.createCredential(service.origin, CREDENTIAL_TYPE, {
			apiKey: API_KEY,
			baseUrl: service.baseUrl,
		});
		const node = imageTo3d(parameters, { [CREDENTIAL_TYPE]: credential });
		const workflow = await published(world, [SPLIT, node]);
		const execution = await executed(world, workflow, pictures(service.origin, JOBS), LIMIT_MS);
		return endOf(execution, node.name);
	};
}

/** @throws when the node has not put out a finished job for each item */
function endOf({ data, stoppedAt }: Execution, node: string): number {
	const items = data.resultData.runData[node]?.at(-1)?.data?.main?.[0] ?? [];
	const finished = items.filter(({ json }) => json.status === 'success').length;
	if (finished !== JOBS || stoppedAt === undefined) {
		throw new Error(`"${node}" has put out ${finished} finished jobs instead of ${JOBS}.`);
	}
	return stoppedAt;
}

function http(name: string, url: string, body: string): NodeSketch {
	return {
		name,
		type: 'n8n-nodes-base.httpRequest',
		typeVersion: 4.2,
		parameters: {
			method: 'POST',
			url,
			sendBody: true,
			specifyBody: 'json',
			jsonBody: body,
			options: {},
		},
	};
}

/** What n8n's own nodes are put together to: batches of as many as the account takes, each waited for as a whole. */
function stock(world: World): Client {
	return async (service) => {
		const nodes: NodeSketch[] = [
			SPLIT,
			{
				name: 'Loop Over Items',
				type: 'n8n-nodes-base.splitInBatches',
				typeVersion: 3,
				parameters: { batchSize: SERVERS, options: {} },
			},
			http(
				'Submit',
				`${service.baseUrl}/v3/img_to_3d`,
				`=${JSON.stringify({ key: API_KEY, ...plainJob(service.origin) })}`,
			),
			{
				name: 'Wait',
				type: 'n8n-nodes-base.wait',
				typeVersion: 1.1,
				parameters: { resume: 'timeInterval', amount: STOCK_WAIT, unit: 'seconds' },
			},
			http('Fetch', `=${service.baseUrl}/v3/fetch/{{ $json.id }}`, `=${JSON.stringify({ key: API_KEY })}`),
			{
				name: 'All Done?',
				type: 'n8n-nodes-base.if',
				typeVersion: 2.2,
				parameters: {
					conditions: {
						options: { caseSensitive: true, leftValue: '', typeValidation: 'strict', version: 2 },
						conditions: [
							{
								id: 'done',
								leftValue: "={{ $input.all().every((item) => item.json.status === 'success') }}",
								rightValue: '',
								operator: { type: 'boolean', operation: 'true', singleValue: true },
							},
						],
						combinator: 'and',
					},
					options: {},
				},
			},
			{ name: 'Results', type: 'n8n-nodes-base.noOp', typeVersion: 1, parameters: {} },
		];
		const arrows: Arrow[] = [
			['Call', 'Split'],
			['Split', 'Loop Over Items'],
			['Loop Over Items', 'Results', 0],
			['Loop Over Items', 'Submit', 1],
			['Submit', 'Wait'],
			['Wait', 'Fetch'],
			['Fetch', 'All Done?'],
			['All Done?', 'Loop Over Items', 0],
			['All Done?', 'Wait', 1],
		];
		const workflow = await published(world, nodes, arrows);
		return endOf(await executed(world, workflow, pictures(service.origin, JOBS), LIMIT_MS), 'Results');
	};
}

interface PlainAnswer {
	id: number;
	status: string;
	retry_after?: number;
}

function plainClient({ baseUrl }: LocalApi): AxiosInstance {
	return axios.create({ baseURL: `${baseUrl}/v3`, proxy: false, validateStatus: () => true });
}

/** Submits, again and again while the queue is full. @returns the job's id */
async function submitted(api: AxiosInstance, { origin }: LocalApi): Promise<number> {
	for (;;) {
		const { status, data } = await api.post<PlainAnswer>('/img_to_3d', {
			key: API_KEY,
			...plainJob(origin),
		});
		if (status === 200) return data.id;
		if (status !== 429) throw new Error(`A submit was answered with ${status}.`);
		await pause((data.retry_after ?? ALL_POLL) * 1000);
	}
}

/** Looks at a job at a fixed pace until it has ended. @param seconds between two looks, and before the first */
async function polled(api: AxiosInstance, id: number, seconds: number): Promise<void> {
	for (;;) {
		await pause(seconds * 1000);
		const { data } = await api.post<PlainAnswer>(`/fetch/${id}`, { key: API_KEY });
		if (data.status === 'success') return;
		if (data.status !== 'processing') throw new Error(`Job ${id} is said to be "${data.status}".`);
	}
}

const oneAfterTheOther: Client = async (service) => {
	const api = plainClient(service);
	for (let job = 0; job < JOBS; job++) await polled(api, await submitted(api, service), ALONE_POLL);
	return Date.now();
};

const allAtOnce: Client = async (service) => {
	const api = plainClient(service);
	const one = async () => await polled(api, await submitted(api, service), ALL_POLL);
	await Promise.all(Array.from({ length: JOBS }, one));
	return Date.now();
};

/** A measurement that goes on by itself. */
export interface Background {
	outcomes: Promise<Outcome[]>;
	/** Ends it before its time. */
	stop(): Promise<void>;
}

const repetitions = Array.from({ length: REPETITIONS }, (_, index) => index + 1);

/** Begins what takes longest, some eight minutes: one job after the other. It needs no n8n, and next to no processor. */
export function startOneAfterTheOther(): Background {
	const services: LocalApi[] = [];
	const outcomes = Promise.all(
		repetitions.map(async (repetition) => {
			const service = await openService(repetition);
			services.push(service);
			try {
				return outcomeOf(service, await oneAfterTheOther(service));
			} finally {
				await service.stop();
			}
		}),
	);
	// Whoever waits for it gets the error; when it was stopped, nobody does.
	outcomes.catch(() => undefined);
	return {
		outcomes,
		async stop() {
			for (const service of services) await service.stop();
		},
	};
}

/**
 * Measures it all, all contenders and repetitions at the same time.
 *
 * @param say gets a line now and then
 * @param slowest what may have been begun before something else
 */
export async function makespan(say: Say, slowest: Background = startOneAfterTheOther()): Promise<Table> {
	try {
		const world = await startWorld({ version: '2.41.1', say });
		const rows: string[][] = [];
		let cpu: string;
		try {
			const contenders: Contender[] = [
				{ name: 'ours, watching the jobs', client: ours(world, { waitFor: 'poll' }), most: 1.05 },
				{ name: 'ours, at rest until called', client: ours(world, { waitFor: 'webhook' }), most: 1.02 },
				{
					name: 'ours, watching, Max Jobs in Flight 40',
					client: ours(world, { waitFor: 'poll', options: { maxJobsInFlight: JOBS } }),
					most: 1.05,
				},
				{ name: `stock nodes: batches of ${SERVERS}, Wait ${STOCK_WAIT} s`, client: stock(world) },
				{ name: `all submitted at once, each polled every ${ALL_POLL} s`, client: allAtOnce },
			];
			say(`${JOBS} jobs each for ${contenders.length} contenders, ${REPETITIONS} times ...`);
			const stopwatch = { at: Date.now(), n8n: world.main.program.cpuSeconds, own: process.cpuUsage() };
			await Promise.all(
				contenders.map(async ({ name, client, most }, index) => {
					const outcomes = await Promise.all(
						repetitions.map(async (repetition) => await measure(client, repetition)),
					);
					rows[index] = rowOf(name, outcomes, most);
					say(`  ${name}: ${rows[index]?.[1]} s`);
				}),
			);
			const seconds = (Date.now() - stopwatch.at) / 1000;
			const { user, system } = process.cpuUsage(stopwatch.own);
			const share = (used: number) => `${Math.round((used / seconds) * 100)} %`;
			cpu = `n8n used ${share(world.main.program.cpuSeconds - stopwatch.n8n)} of a core, stand-ins and plain clients ${share((user + system) / 1e6)}`;
		} finally {
			await world.stop();
		}
		say('One job after the other is still under way ...');
		rows.push(rowOf(`one after the other, polled every ${ALONE_POLL} s`, await slowest.outcomes));
		return {
			question: `How long do ${JOBS} jobs take together?`,
			how: [
				`${JOBS} jobs of ${FROM} to ${TO} s (uniform, the same durations for all), on a stand-in that works ${SERVERS} at a time, first in, first out, and takes ${SERVERS} open jobs of an account. Real clock, one n8n 2.41.1, exact ETAs, ${REPETITIONS} repetitions, all at the same time (${cpu}).`,
				'Makespan: from the first submit to when the client knows the last result (in n8n: the end of the execution). Bound: the time in which the servers do these jobs in the order of acceptance if none ever waits for one; last job: when the service ended it, over the same bound.',
				`Refused: submissions answered 429; late: those that came more than ${LEARNING_MS / 1000} s after the first, when the limit could be known. Aims hold for the median of the makespans, and for every repetition of late refusals.`,
				`Stock nodes: Loop Over Items (${SERVERS}) > HTTP Request (submit) > Wait > HTTP Request (fetch) > IF all of the batch are done: next batch, else Wait again. All at once: a refused submit is tried again after its retry_after.`,
			].join(' '),
			columns: [
				'contender',
				'makespan, s',
				'over the bound',
				'last job over the bound',
				'fetch calls per job',
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

function rowOf(name: string, outcomes: readonly Outcome[], most?: number): string[] {
	const digits = (count: number) => (value: number) => value.toFixed(count);
	const over = outcomes.map(({ makespan, bound }) => makespan / bound);
	const late = outcomes.map(({ refusedLate }) => refusedLate);
	const isMet = most !== undefined && median(over) <= most && Math.max(...late) === 0;
	return [
		name,
		formatSpread(
			outcomes.map(({ makespan }) => makespan),
			digits(1),
		),
		formatSpread(over, digits(3)),
		formatSpread(
			outcomes.map(({ lastEnd, bound }) => lastEnd / bound),
			digits(3),
		),
		formatSpread(
			outcomes.map(({ looks }) => looks),
			digits(1),
		),
		formatSpread(
			outcomes.map(({ refused }) => refused),
			String,
		),
		formatSpread(late, String),
		most === undefined ? '' : `at most ${most} x the bound, no late refusal`,
		most === undefined ? '' : formatVerdict(isMet),
	];
}
