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
import { publish } from './workflows.mts';

const MB = 1024 * 1024;
const CONNECTIONS = 50;
/** How many calls the service makes during a flood. */
const TRUE_CALLS = 40;
const WARM_UP = 300;

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
		measuredAfter: [1000, 5000, 10_000],
		connections: CONNECTIONS,
	},
	// With more connections, it considers its database lost, and answers all calls with 503.
	{ name: 'with its defaults', env: {}, measuredAfter: [500, 1000], connections: 10 },
];

/** The memory of an n8n after a garbage collection, bytes. */
interface Memory {
	heap: number;
	resident: number;
}

async function measureMemory({ main: { program } }: World): Promise<Memory> {
	const find = () => [...program.printed.matchAll(/^heap in use: (\d+) bytes$/gm)];
	const before = find().length;
	program.signal('SIGUSR2');
	await waitUntil('n8n prints its heap', () => find().length > before);
	return { heap: Number(find().at(-1)?.[1]), resident: program.residentBytes };
}

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
	trueCalls: number;
	/** Calls of the service that did not start the workflow, or were not answered with 200. */
	lost: number;
	/** From a call of the service to n8n's answer, ms. */
	latencies: number[];
	polls: number;
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
			callTruly: (number) => submits.push(trigger.submit(1, number % 2 === 0 ? 'twice' : 'once')),
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
	const answered = trigger.calls.filter(({ status }) => status === 200).map(({ job }) => job);
	return {
		...result,
		started: started.length - trigger.jobs.filter((job) => started.includes(job)).length,
		trueCalls: trigger.jobs.length,
		lost: trigger.jobs.filter((job) => !started.includes(job) || !answered.includes(job)).length,
		latencies: trigger.calls.map(({ at, endedAt = Infinity }) => endedAt - at),
		polls: world.service.requests.filter(({ path }) => path.includes('/fetch/')).length,
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
	const writeSeconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
	return [
		[
			'executions that they started',
			...writeTriggers(pairs, ({ started }) => writeCount(started)),
			...aimAtNone(pairs, ({ started }) => started),
		],
		['true calls', ...writeTriggers(pairs, ({ trueCalls }) => writeCount(trueCalls))],
		[
			'true calls lost',
			...writeTriggers(pairs, ({ lost }) => writeCount(lost)),
			...aimAtNone(pairs, ({ lost }) => lost),
		],
		[
			'true call to its answer, median (longest)',
			...writeTriggers(
				pairs,
				({ latencies }) => `${writeSeconds(median(latencies))} (${writeSeconds(Math.max(...latencies))})`,
			),
			...writeAim(
				'at most 30 s',
				pairs.every(([{ latencies }]) => Math.max(...latencies) <= 30_000),
			),
		],
		['polls of the API', ...writeTriggers(pairs, ({ polls }) => writeCount(polls))],
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
		`A flood of malformed and forged calls of ${FORGED_KINDS.length} kinds, over ${CONNECTIONS} connections (${SET_UPS[1]?.connections} with sandboxes), each with the next call as soon as it has an answer. Then a second flood. In each of them, the stand-in calls for ${TRUE_CALLS} jobs that have ended, once or twice, and the Webhook node is started as often.`,
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
