/** What a flood of forged calls does to the trigger, to the service's own calls in between, and to n8n's memory. */
import { join } from 'node:path';

import axios from 'axios';

import { median } from 'simple-statistics';
import type { Say } from '../n8n/real/install.mts';
import { until } from '../n8n/real/processes.mts';
import { startWorld, type World } from '../n8n/real/worlds.mts';
import { AttackedTrigger } from './attacked-trigger.mts';
import { flood as sendFlood, statuses, type Flooded } from './flooder.mts';
import { FORGED_KINDS, type KnownJobs } from './forged-calls.mts';
import { formatVerdict, type Table } from './table.mts';
import { published } from './workflows.mts';

const MB = 1024 * 1024;
const CONNECTIONS = 50;
/** How many calls of the service are made in a flood. */
const TRUE_CALLS = 40;
const WARM_UP = 300;

/** How much more the heap may grow than that of the Webhook node in the second flood, bytes a call: what it varies by. */
const HEAP_TOLERANCE = 200;

/** An n8n, and how many calls it gets: after so many its memory is looked at, and it gets as many once more. */
interface SetUp {
	name: string;
	env: Record<string, string>;
	looks: readonly number[];
	connections: number;
}

const SET_UPS: readonly SetUp[] = [
	{
		name: 'no sandbox',
		env: { N8N_EXPRESSION_ENGINE: 'legacy' },
		looks: [1000, 5000, 10_000],
		connections: CONNECTIONS,
	},
	// With more at a time it takes its database for gone, and answers 503 to everybody by itself.
	{ name: 'as it is', env: {}, looks: [500, 1000], connections: 10 },
];

/** What an n8n holds after it has let go of what nothing holds any more, bytes. */
interface Memory {
	heap: number;
	resident: number;
}

async function memoryOf({ main: { program } }: World): Promise<Memory> {
	const told = () => [...program.printed.matchAll(/^heap in use: (\d+) bytes$/gm)];
	const before = told().length;
	program.signal('SIGUSR2');
	await until('n8n tells its heap', () => told().length > before);
	return { heap: Number(told().at(-1)?.[1]), resident: program.residentBytes };
}

/** What is flooded, and how somebody makes a call that is meant to start it. */
interface Target {
	url: string;
	known: KnownJobs;
	headers?: Record<string, string>;
	callTruly: (turn: number) => void;
}

/** What a contender has shown. */
interface Shown {
	calls: number;
	floods: Flooded[];
	seconds: number;
	cpuSeconds: number;
	/** Before the floods, at each look, and after the second flood. */
	memory: Memory[];
}

async function attack(world: World, target: Target, { looks, connections }: SetUp): Promise<Shown> {
	const total = looks.at(-1) ?? 0;
	const every = Math.floor(total / TRUE_CALLS);
	const { url, known, headers } = target;
	let first = 0;
	const floods: Flooded[] = [];
	const send = async (calls: number) => {
		const begin = first;
		first += calls;
		const onSent = (sent: number) => {
			if ((begin + sent) % every === 0) target.callTruly((begin + sent) / every);
		};
		floods.push(await sendFlood({ url, calls, first: begin, connections, known, headers, onSent }));
	};
	await sendFlood({ url, calls: WARM_UP, first: 1_000_000, connections, known, headers });

	const memory = [await memoryOf(world)];
	const cpuBefore = world.main.program.cpuSeconds;
	for (const look of looks) {
		await send(look - first);
		memory.push(await memoryOf(world));
	}
	await send(total);
	memory.push(await memoryOf(world));
	return {
		calls: first,
		floods,
		seconds: floods.reduce((sum, { seconds }) => sum + seconds, 0),
		cpuSeconds: world.main.program.cpuSeconds - cpuBefore,
		memory,
	};
}

/** What the trigger has shown besides. */
interface TriggerShown extends Shown {
	/** Executions that no call of the service has started. */
	started: number;
	trueCalls: number;
	/** Calls of the service that have not started the workflow, or have not been answered 200. */
	lost: number;
	/** From the service's call to n8n's answer, ms. */
	latencies: number[];
	questions: number;
}

async function attackTrigger(world: World, setUp: SetUp): Promise<TriggerShown> {
	const trigger = await AttackedTrigger.publish(world);
	const submits: Array<Promise<number>> = [];
	const shown = await attack(
		world,
		{
			...trigger,
			callTruly: (turn) => submits.push(trigger.submit(1, turn % 2 === 0 ? 'twice' : 'once')),
		},
		setUp,
	);
	await Promise.all(submits);
	await trigger.allCalled();
	await until(
		'all have started it',
		async () => (await trigger.started()).length >= trigger.jobs.length,
	).catch(() => undefined);
	const started = await trigger.started();
	const answered = trigger.calls.filter(({ status }) => status === 200).map(({ job }) => job);
	return {
		...shown,
		started: started.length - trigger.jobs.filter((job) => started.includes(job)).length,
		trueCalls: trigger.jobs.length,
		lost: trigger.jobs.filter((job) => !started.includes(job) || !answered.includes(job)).length,
		latencies: trigger.calls.map(({ at, endedAt = Infinity }) => endedAt - at),
		questions: world.service.requests.filter(({ path }) => path.includes('/fetch/')).length,
	};
}

/** n8n's Webhook node, that refuses the flood and is started by other calls as often as the trigger. */
async function attackWebhook(world: World, setUp: SetUp): Promise<Shown> {
	const { path } = await published(
		world,
		[{ name: 'After', type: 'n8n-nodes-base.noOp', typeVersion: 1, parameters: {} }],
		undefined,
		// An expression: n8n then makes a sandbox for its calls, as for those to every other node.
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

/** Starts an n8n for each contender, and has both flooded at the same time. */
async function contest(setUp: SetUp, say: Say): Promise<[TriggerShown, Shown]> {
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
		say(`n8n 2.41.1, ${setUp.name}: 2 x ${2 * (setUp.looks.at(-1) ?? 0)} calls ...`);
		return await Promise.all([attackTrigger(one, setUp), attackWebhook(other, setUp)]);
	} finally {
		for (const world of worlds) await world.stop();
	}
}

/** Measures it all. @param say gets a line now and then */
export async function flood(say: Say): Promise<Table> {
	const shown: Array<[TriggerShown, Shown]> = [];
	for (const setUp of SET_UPS) shown.push(await contest(setUp, say));
	return tableOf(shown);
}

/** How much the heap grew in the second flood, bytes a call. */
function growth({ memory, calls }: Shown): number {
	const [before, after] = memory.slice(-2);
	return ((after?.heap ?? NaN) - (before?.heap ?? NaN)) / (calls / 2);
}

function tableOf(shown: ReadonlyArray<readonly [TriggerShown, Shown]>): Table {
	const all = (tell: (one: Shown) => string) => shown.flatMap((pair) => pair.map(tell));
	const ours = (tell: (one: TriggerShown) => string) => shown.flatMap(([one]) => [tell(one), '']);
	const aim = (text: string, isMet: boolean) => [text, formatVerdict(isMet)];
	const none = (count: (one: TriggerShown) => number) =>
		aim(
			'0',
			shown.every(([one]) => count(one) === 0),
		);
	const count = (value: number) => value.toLocaleString('en');
	const megabytes = (tell: (memory: Memory) => number) => (one: Shown) =>
		one.memory.map((memory) => (tell(memory) / MB).toFixed(0)).join(', ');
	const answers = ({ floods }: Shown) =>
		[...statuses(floods)].map(([status, times]) => `${status}: ${count(times)}`).join(', ');
	const looks = SET_UPS.map(({ looks: after }) =>
		[0, ...after, 2 * (after.at(-1) ?? 0)].map(count).join(', '),
	).join('; with sandboxes ');
	return {
		question: 'What do forged calls do to the trigger, and to n8n?',
		how: [
			`n8n 2.41.1 in one process, published workflow: the trigger (verifying, with downloads) and a node that does nothing; beside it, in an n8n of its own and at the same time, n8n's Webhook node that refuses the same calls (Ignore Bots) before a node that does nothing. A flood of malformed and forged calls of ${FORGED_KINDS.length} kinds, by ${CONNECTIONS} senders (${SET_UPS[1]?.connections} with sandboxes) that wait for nothing but the answer, then a second one; in each of them the stand-in calls for ${TRUE_CALLS} jobs that have ended, once or twice, and the Webhook node is started as often.`,
			`n8n 2.41 makes an expression sandbox for each call to any node but a Webhook node without expressions, before the node sees the call: the last two columns; without (N8N_EXPRESSION_ENGINE=legacy) it takes in far more. Memory after forced collection, after ${looks} calls. Growth: of the heap, in the second flood.`,
		].join(' '),
		columns: [
			'',
			'trigger',
			'Webhook node',
			'trigger, with sandboxes',
			'Webhook node, with sandboxes',
			'aim',
			'met',
		],
		rows: [
			['forged calls', ...all(({ calls }) => count(calls))],
			['answered per second', ...all(({ calls, seconds }) => (calls / seconds).toFixed(0))],
			[
				'CPU of n8n per call',
				...all(({ calls, cpuSeconds }) => `${((1000 * cpuSeconds) / calls).toFixed(1)} ms`),
			],
			['answers', ...all(answers)],
			[
				'executions that they started',
				...ours(({ started }) => count(started)),
				...none(({ started }) => started),
			],
			['true calls', ...ours(({ trueCalls }) => count(trueCalls))],
			['true calls lost', ...ours(({ lost }) => count(lost)), ...none(({ lost }) => lost)],
			[
				'true call to its answer, median (longest)',
				...ours(
					({ latencies }) =>
						`${(median(latencies) / 1000).toFixed(2)} s (${(Math.max(...latencies) / 1000).toFixed(2)} s)`,
				),
				...aim(
					'at most 30 s',
					shown.every(([{ latencies }]) => Math.max(...latencies) <= 30_000),
				),
			],
			['questions to the API', ...ours(({ questions }) => count(questions))],
			['heap in use, MB', ...all(megabytes(({ heap }) => heap))],
			['resident memory, MB', ...all(megabytes(({ resident }) => resident))],
			[
				'growth per call',
				...all((one) => `${growth(one).toFixed(0)} B`),
				...aim(
					`at most the Webhook node's and ${HEAP_TOLERANCE} B (first two columns)`,
					shown
						.slice(0, 1)
						.every(([trigger, webhook]) => growth(trigger) <= Math.max(0, growth(webhook)) + HEAP_TOLERANCE),
				),
			],
		],
	};
}
