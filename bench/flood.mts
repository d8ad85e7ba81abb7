/** What a flood of forged calls does to the trigger, to the service's own calls during it, and to n8n's memory. */
import { join } from 'node:path';

import axios from 'axios';

import { median } from 'simple-statistics';
import type { Say } from '../n8n/real/install.mts';
import { waitUntil } from '../n8n/real/processes.mts';
import { startWorld, type World } from '../n8n/real/worlds.mts';
import { AttackedTrigger } from './attacked-trigger.mts';
import { countStatuses, sendFlood, type FloodResult } from './flooder.mts';
import { FORGED_KINDS, type KnownJobs } from './forged-calls.mts';
import { formatVerdict, type Table } from './table.mts';
import { measureMemory, type Memory } from './server-memory.mts';
import { publish } from './workflows.mts';

const MB = 1024 * 1024;
const CONNECTIONS = 50;
/** How many calls the service makes during a flood. */
const TRUE_CALLS = 40;
const WARM_UP = 300;

/** How long the calls before the flood may take, s. They may cause API calls, too. */
const WARM_UP_LIMIT_S = 60;

/** How much more the heap may grow in the second flood than with the Webhook node, bytes a call. It varies by this much. */
const HEAP_TOLERANCE = 200;

/** An n8n, and how many calls it gets. Its memory is measured after these numbers of calls. Then it gets all of them again. */
interface SetUp {
	name: string;
	env: Record<string, string>;
	measuredAfter: readonly number[];
	connections: number;
}

const SET_UPS: readonly SetUp[] = [
	{
		name: 'no sandbox',
		env: { N8N_EXPRESSION_ENGINE: 'legacy' },
		measuredAfter: [1000, 2500, 5000],
		connections: CONNECTIONS,
	},
	// With more connections, it considers its database lost, and answers all calls with 503.
	{ name: 'with its defaults', env: {}, measuredAfter: [250, 500], connections: 10 },
];

/** What is flooded, and how to make a true call to it. */
interface Target {
	url: string;
	known: KnownJobs;
	headers?: Record<string, string>;
	/** @param number from 1 */
	callTruly: (number: number) => void;
}

/** The measurement of a contender. */
interface Result {
	calls: number;
	floods: FloodResult[];
	seconds: number;
	cpuSeconds: number;
	/** Before the floods, at each measurement, and after the second flood. */
	memory: Memory[];
}

async function attack(world: World, target: Target, { measuredAfter, connections }: SetUp): Promise<Result> {
	const total = measuredAfter.at(-1) ?? 0;
	const every = Math.floor(total / TRUE_CALLS);
	const { url, known, headers } = target;
	let first = 0;
	const floods: FloodResult[] = [];
	const send = async (calls: number) => {
		const begin = first;
		first += calls;
		const onSent = (sent: number) => {
			if ((begin + sent) % every === 0) target.callTruly((begin + sent) / every);
		};
		floods.push(await sendFlood({ url, calls, first: begin, connections, known, headers, onSent }));
	};
	await sendFlood({ url, calls: WARM_UP, first: 1_000_000, connections, known, headers });

	const memory = [await measureMemory(world)];
	const cpuBefore = world.main.program.cpuSeconds;
	for (const calls of measuredAfter) {
		await send(calls - first);
		memory.push(await measureMemory(world));
	}
	await send(total);
	memory.push(await measureMemory(world));
	return {
		calls: first,
		floods,
		seconds: floods.reduce((sum, { seconds }) => sum + seconds, 0),
		cpuSeconds: world.main.program.cpuSeconds - cpuBefore,
		memory,
	};
}

/** The measurement of the trigger. */
interface TriggerResult extends Result {
	/** Executions that a forged call started. */
	started: number;
	/** The service's calls that have a mark, as those for jobs of the node. */
	marked: TrueCalls;
	/** The service's calls for jobs of other clients. */
	unmarked: TrueCalls;
	/** API calls because of forged calls. */
	polls: number;
}

/** The service's own calls. */
interface TrueCalls {
	count: number;
	/** Calls that did not start the workflow, or were not answered with 200. */
	lost: number;
	/** From a call of the service to n8n's answer, ms. */
	latencies: number[];
}

/** The trigger, and the Webhook node that it is compared with. */
type Pair = readonly [trigger: TriggerResult, webhook: Result];

async function attackTrigger(world: World, setUp: SetUp): Promise<TriggerResult> {
	const trigger = await AttackedTrigger.publish(world);
	const submits: Array<Promise<number>> = [];
	const result = await attack(
		world,
		{
			...trigger,
			callTruly: (number) => {
				const webhooks = number % 2 === 0 ? 'twice' : 'once';
				submits.push(trigger.submit(1, webhooks, number % 4 < 2));
			},
		},
		setUp,
	);
	await Promise.all(submits);
	await trigger.waitUntilCalled();
	await waitUntil(
		'each job has started the workflow',
		async () => (await trigger.listStarted()).length >= trigger.jobs.length,
	).catch(() => undefined);
	const started = await trigger.listStarted();
	const { jobs } = trigger;
	return {
		...result,
		started: started.length - jobs.filter((job) => started.includes(job)).length,
		marked: countTrueCalls(trigger, started, (job) => trigger.marked.has(job)),
		unmarked: countTrueCalls(trigger, started, (job) => !trigger.marked.has(job)),
		polls: world.service.requests.filter(
			({ path }) => path.includes('/fetch/') && !jobs.some((job) => path.endsWith(`/${job}`)),
		).length,
	};
}

/** @param started the jobs that have started the workflow */
function countTrueCalls(
	{ jobs, calls }: AttackedTrigger,
	started: readonly number[],
	isCounted: (job: number) => boolean,
): TrueCalls {
	const counted = calls.filter(({ job }) => isCounted(job));
	const isFine = (job: number) =>
		started.includes(job) && counted.some((call) => call.job === job && call.status === 200);
	return {
		count: jobs.filter(isCounted).length,
		lost: jobs.filter((job) => isCounted(job) && !isFine(job)).length,
		latencies: counted.map(({ at, endedAt = Infinity }) => endedAt - at),
	};
}

/** n8n's Webhook node. It refuses the flood, and other calls start it as often as the trigger. */
async function attackWebhook(world: World, setUp: SetUp): Promise<Result> {
	const { path } = await publish(
		world,
		[{ name: 'After', type: 'n8n-nodes-base.noOp', typeVersion: 1, parameters: {} }],
		undefined,
		// Because of the expression, n8n makes a sandbox for its calls, as for those to all other nodes.
		{ ignoreBots: '={{ true }}' },
	);
	const url = world.outside.origin + path;
	return await attack(
		world,
		{
			url,
			known: { done: 1, open: 2, trackId: 'true-7' },
			headers: { 'user-agent': 'Googlebot/2.1' },
			callTruly: () => {
				void axios.post(url, {}, { proxy: false, validateStatus: () => true }).catch(() => undefined);
			},
		},
		setUp,
	);
}

/** Starts an n8n for each contender, and floods both at the same time. */
async function compare(setUp: SetUp, say: Say): Promise<Pair> {
	const options = {
		version: '2.41.1',
		env: { ...setUp.env, NODE_OPTIONS: `--require ${join(import.meta.dirname, 'collect.cjs')}` },
		service: { parallel: 1000, queueLimit: 1000, maxRecords: 1_000_000 },
		say,
	} as const;
	const worlds: World[] = [];
	try {
		for (let contender = 0; contender < 2; contender++) worlds.push(await startWorld(options));
		const [one, other] = worlds as [World, World];
		say(`n8n 2.41.1, ${setUp.name}: 2 x ${2 * (setUp.measuredAfter.at(-1) ?? 0)} calls ...`);
		return await Promise.all([attackTrigger(one, setUp), attackWebhook(other, setUp)]);
	} finally {
		for (const world of worlds) await world.stop();
	}
}

/** @param say gets a line from time to time */
export async function measureFlood(say: Say): Promise<Table> {
	const pairs: Pair[] = [];
	for (const setUp of SET_UPS) pairs.push(await compare(setUp, say));
	return makeTable(pairs);
}

/** Computes how much the heap grew in the second flood, bytes a call. */
function computeGrowth({ memory, calls }: Result): number {
	const [before, after] = memory.slice(-2);
	return ((after?.heap ?? NaN) - (before?.heap ?? NaN)) / (calls / 2);
}

const writeCount = (value: number) => value.toLocaleString('en');

/** Writes a figure of each contender. */
const writeAll = (pairs: readonly Pair[], write: (one: Result) => string) =>
	pairs.flatMap((pair) => pair.map(write));

/** Writes a figure of the triggers. The Webhook nodes have none. */
const writeTriggers = (pairs: readonly Pair[], write: (one: TriggerResult) => string) =>
	pairs.flatMap(([trigger]) => [write(trigger), '']);

const writeAim = (text: string, isMet: boolean) => [text, formatVerdict(isMet)];

const aimAtNone = (pairs: readonly Pair[], count: (one: TriggerResult) => number) =>
	writeAim(
		'0',
		pairs.every(([trigger]) => count(trigger) === 0),
	);

function makeAnswerRows(pairs: readonly Pair[]): string[][] {
	const writeAnswers = ({ floods }: Result) =>
		[...countStatuses(floods)].map(([status, times]) => `${status}: ${writeCount(times)}`).join(', ');
	return [
		['forged calls', ...writeAll(pairs, ({ calls }) => writeCount(calls))],
		['answered per second', ...writeAll(pairs, ({ calls, seconds }) => (calls / seconds).toFixed(0))],
		[
			'CPU of n8n per call',
			...writeAll(pairs, ({ calls, cpuSeconds }) => `${((1000 * cpuSeconds) / calls).toFixed(1)} ms`),
		],
		['answers', ...writeAll(pairs, writeAnswers)],
	];
}

function makeTriggerRows(pairs: readonly Pair[]): string[][] {
	return [
		[
			'executions that they started',
			...writeTriggers(pairs, ({ started }) => writeCount(started)),
			...aimAtNone(pairs, ({ started }) => started),
		],
		...makeTrueCallRows(pairs, 'with a mark', ({ marked }) => marked),
		...makeTrueCallRows(pairs, 'without a mark', ({ unmarked }) => unmarked),
		[
			'API calls per forged call (per second)',
			...writeTriggers(
				pairs,
				({ polls, calls, seconds }) => `${(polls / calls).toFixed(2)} (${(polls / seconds).toFixed(1)})`,
			),
			...writeAim(
				'at most 5 a second, and 30',
				pairs.every(([{ polls, seconds }]) => polls <= 30 + 5 * (seconds + WARM_UP_LIMIT_S)),
			),
		],
	];
}

function makeTrueCallRows(
	pairs: readonly Pair[],
	kind: string,
	find: (trigger: TriggerResult) => TrueCalls,
): string[][] {
	const writeSeconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
	return [
		[
			`true calls ${kind}, lost`,
			...writeTriggers(pairs, (one) => `${find(one).count}, ${find(one).lost}`),
			...aimAtNone(pairs, (one) => find(one).lost),
		],
		[
			'to the answer, median (longest)',
			...writeTriggers(pairs, (one) => {
				const { latencies } = find(one);
				return `${writeSeconds(median(latencies))} (${writeSeconds(Math.max(...latencies))})`;
			}),
			...writeAim(
				'at most 30 s',
				pairs.every(([trigger]) => Math.max(...find(trigger).latencies) <= 30_000),
			),
		],
	];
}

function makeMemoryRows(pairs: readonly Pair[]): string[][] {
	const writeMegabytes = (read: (memory: Memory) => number) =>
		writeAll(pairs, ({ memory }) => memory.map((one) => (read(one) / MB).toFixed(0)).join(', '));
	const isMet = pairs
		.slice(0, 1)
		.every(
			([trigger, webhook]) => computeGrowth(trigger) <= Math.max(0, computeGrowth(webhook)) + HEAP_TOLERANCE,
		);
	return [
		['heap in use, MB', ...writeMegabytes(({ heap }) => heap)],
		['resident memory, MB', ...writeMegabytes(({ resident }) => resident)],
		["n8n's folder, MB", ...writeMegabytes(({ disk }) => disk)],
		[
			'longest pauses of the event loop',
			...writeAll(
				pairs,
				({ memory }) =>
					`${memory
						.slice(1)
						.map(({ pause }) => pause)
						.join(', ')} ms`,
			),
		],
		[
			'growth per call',
			...writeAll(pairs, (one) => `${computeGrowth(one).toFixed(0)} B`),
			...writeAim(`at most the Webhook node's and ${HEAP_TOLERANCE} B (first two columns)`, isMet),
		],
	];
}

function describeHow(): string {
	const after = SET_UPS.map(({ measuredAfter }) =>
		[0, ...measuredAfter, 2 * (measuredAfter.at(-1) ?? 0)].map(writeCount).join(', '),
	).join('; with sandboxes ');
	return [
		`n8n 2.41.1 in one process, published workflow: the trigger (verifying, with downloads), and a node that does nothing. Compared with an n8n of its own at the same time: n8n's Webhook node, which refuses the same calls (Ignore Bots), before a node that does nothing.`,
		`A flood of malformed and forged calls of ${FORGED_KINDS.length} kinds, over ${CONNECTIONS} connections (${SET_UPS[1]?.connections} with sandboxes), each with the next call as soon as it has an answer. Then a second flood. In each of them, the stand-in calls for ${TRUE_CALLS} jobs that have ended, once or twice, half of them with a mark, and the Webhook node is started as often.`,
		`n8n 2.41 makes an expression sandbox for each call before the node sees it, except for a Webhook node without expressions: the last two columns. Without sandboxes (N8N_EXPRESSION_ENGINE=legacy), it accepts far more calls. Memory after forced garbage collection, after ${after} calls. Growth: of the heap, in the second flood.`,
	].join(' ');
}

function makeTable(pairs: readonly Pair[]): Table {
	return {
		question: 'What do forged calls do to the trigger, and to n8n?',
		how: describeHow(),
		columns: [
			'',
			'trigger',
			'Webhook node',
			'trigger, with sandboxes',
			'Webhook node, with sandboxes',
			'aim',
			'met',
		],
		rows: [...makeAnswerRows(pairs), ...makeTriggerRows(pairs), ...makeMemoryRows(pairs)],
	};
}
