/**
 * A thousand suspended executions in n8n's queue mode: what they hold, how fast they are suspended and resumed, and what the same
 * worker can do when executions poll instead.
 */
import { setTimeout as pause } from 'node:timers/promises';

import pLimit from 'p-limit';
import { median } from 'simple-statistics';

import type { CallRecord } from '../local-api/index.mts';
import type { Say } from '../n8n/real/install.mts';
import { waitUntil } from '../n8n/real/processes.mts';
import { startWorld, type World } from '../n8n/real/worlds.mts';
import { LeapingSystemClock } from '../test/support/leaping-clock.mts';
import { QueueReader, SAMPLE_MS, STUCK_MS } from './queue-reader.mts';
import { compareWithBound, formatVerdict, type Table } from './table.mts';
import { listWaitNodes } from './stock-nodes.mts';
import {
	callWorkflow,
	describeImageTo3d,
	makeCallBody,
	publish,
	SPLIT,
	type NodeSketch,
} from './workflows.mts';

const SUSPENDED = 1000;
/** How many calls the service makes at the same time when all jobs have ended. */
const CALLS_AT_ONCE = 20;
/** The number of executions that are called all at once. */
const BURST = 100;
/** How many executions the one worker runs at the same time. It is n8n's default. */
const SLOTS = 10;
/** How many calls that start an execution are made at the same time. */
const CALLERS = 20;
/** How long the jobs of the suspended executions take, s. All are suspended long before the first one ends. Then all end. */
const LONG = 3600;

/** The number of executions that poll, and how long their jobs take, s. */
const POLLING = 30;
const SHORT = 10;

/** How often the small execution is run for one figure. */
const SMALL_RUNS = 20;
/** How much longer it may take beside suspended executions, ms. Anything that waits for a slot takes longer. */
const SMALL_MORE_MS = 100;

/** The other work of the n8n: an execution of two nodes. */
const SMALL: NodeSketch = {
	name: 'Small',
	type: 'n8n-nodes-base.set',
	typeVersion: 3.4,
	parameters: {
		assignments: { assignments: [{ id: 'a', name: 'done', type: 'boolean', value: true }] },
		options: {},
	},
};

/** The workflow of the small execution. */
type Small = Awaited<ReturnType<typeof publish>>;

/**
 * Runs small executions, one after another.
 *
 * @returns the median of how long they took, from the call to the end as n8n records them, ms
 */
async function runSmall(
	world: World,
	reader: QueueReader,
	{ path, saved }: Small,
	number: number,
): Promise<number> {
	const countEnded = async () => (await reader.readState(saved.id)).count('success');
	const before = await countEnded();
	for (let run = 1; run <= number; run++) {
		await callWorkflow(world, path, {});
		await waitUntil(
			'a small execution has ended',
			async () => (await countEnded()) === before + run,
			120_000,
			100,
		);
	}
	return median(await reader.readLatestTimes(saved.id, number));
}

/** Starts executions of one job each. */
async function startAll(world: World, path: string, number: number): Promise<void> {
	const body = makeCallBody(world.service.origin, 1);
	await pLimit(CALLERS).map(
		Array.from({ length: number }),
		async () => await callWorkflow(world, path, body),
	);
}

/** What executions hold. */
interface Held {
	/** Executions with a status that holds a worker. */
	running: number;
	/** Jobs that the worker is running. */
	active: number;
	/** Jobs that wait for the worker. */
	queued: number;
}

/** The measurement of suspended executions. Times are in s, rates per second. */
interface Suspended extends Held {
	number: number;
	startRate: number;
	/** How long a small execution takes, ms. */
	smallBefore: number;
	smallDuring: number;
	paid: number;
	calls: CallRecord[];
	finished: number;
	resumeSeconds: number;
}

/** What a measurement is made with. */
interface Setting {
	world: World;
	reader: QueueReader;
	clock: LeapingSystemClock;
	small: Small;
	say: Say;
}

/** Samples what the executions of a workflow hold. @returns the most */
async function sampleHeld(reader: QueueReader, workflowId: string): Promise<Held> {
	const most: Held = { running: 0, active: 0, queued: 0 };
	for (let sample = 0; sample < 10; sample++) {
		const state = await reader.readState(workflowId);
		most.running = Math.max(most.running, state.count('running', 'new'));
		most.active = Math.max(most.active, state.active);
		most.queued = Math.max(most.queued, state.queued);
		await pause(SAMPLE_MS);
	}
	return most;
}

/** Starts executions until all are suspended. @returns how many are suspended per second */
async function suspendAll({ world, reader, say }: Setting, workflow: Small, number: number): Promise<number> {
	const start = Date.now();
	await startAll(world, workflow.path, number);
	const suspended = await reader.waitUntil(workflow.saved.id, 'waiting', number);
	const rate = suspended / ((Date.now() - start) / 1000);
	if (suspended < number) throw new Error(`Only ${suspended} of ${number} executions are suspended.`);
	say(`  ${number} executions are suspended (${rate.toFixed(0)} per second).`);
	return rate;
}

/** Ends all jobs at once, so that the service calls for each. */
async function resumeAll(
	{ world: { service }, reader, clock, say }: Setting,
	{ saved }: Small,
	number: number,
): Promise<Pick<Suspended, 'calls' | 'finished' | 'resumeSeconds'>> {
	const callsBefore = service.calls.length;
	const firstCall = Date.now();
	clock.leap(LONG + 1);
	const finished = await reader.waitUntil(saved.id, 'success', number);
	const resumeSeconds = ((await reader.readLastEnd(saved.id)) - firstCall) / 1000;
	const isOver = () =>
		service.calls.slice(callsBefore).filter(({ endedAt }) => endedAt !== undefined).length === number;
	await waitUntil('each call has ended', isOver, STUCK_MS);
	say(`  ${finished} have finished, the last one ${resumeSeconds.toFixed(1)} s after the first call.`);
	return { calls: service.calls.slice(callsBefore), finished, resumeSeconds };
}

/**
 * Suspends executions, and resumes them.
 *
 * @param nodes suspend an execution
 * @param callsAtOnce how many of their calls are made at the same time
 */
async function measureSuspended(
	setting: Setting,
	nodes: readonly NodeSketch[],
	number: number,
	callsAtOnce: number,
): Promise<Suspended> {
	const { world, reader, small } = setting;
	const { service } = world;
	const workflow = await publish(world, nodes);
	const smallBefore = await runSmall(world, reader, small, SMALL_RUNS);
	service.configure({ jobSeconds: LONG, callsAtOnce });
	const jobsBefore = service.jobs.length;
	const startRate = await suspendAll(setting, workflow, number);
	const held = await sampleHeld(reader, workflow.saved.id);
	const smallDuring = await runSmall(world, reader, small, SMALL_RUNS);
	const resumed = await resumeAll(setting, workflow, number);
	const paid = service.jobs.length - jobsBefore;
	return { number, startRate, ...held, smallBefore, smallDuring, paid, ...resumed };
}

/** The measurement of some executions with short jobs. Times are in s. */
interface Waited extends Held {
	/** How long a small execution took that was started when all others were there. */
	small: number;
	/** From the first call to the end of the last execution. */
	seconds: number;
}

async function measureWaiting(
	{ world, reader, small }: Setting,
	waitFor: 'poll' | 'webhook',
): Promise<Waited> {
	const { service, credentials } = world;
	const { path, saved } = await publish(world, [SPLIT, describeImageTo3d({ waitFor }, credentials)]);
	service.configure({ jobSeconds: SHORT });
	const start = Date.now();
	await startAll(world, path, POLLING);
	// All that can be submitted are submitted by then, and no job has ended.
	await pause((SHORT / 2) * 1000);
	const { count, active, queued } = await reader.readState(saved.id);
	const smallTime = runSmall(world, reader, small, 1);
	const finished = await reader.waitUntil(saved.id, 'success', POLLING);
	if (finished < POLLING) throw new Error(`Only ${finished} of ${POLLING} executions have finished.`);
	return {
		running: count('running'),
		active,
		queued,
		small: (await smallTime) / 1000,
		seconds: ((await reader.readLastEnd(saved.id)) - start) / 1000,
	};
}

/** All measurements. */
interface Results {
	suspended: Suspended;
	burst: Suspended;
	/** The same with n8n's Wait node. */
	stock: Suspended;
	stockBurst: Suspended;
	polling: Waited;
	suspendedShort: Waited;
}

async function measureAll(setting: Setting): Promise<Results> {
	const { say } = setting;
	const { service, credentials } = setting.world;
	const nodes = [SPLIT, describeImageTo3d({ waitFor: 'webhook' }, credentials)];
	const stockNodes = listWaitNodes(service);
	say(`${BURST} executions are suspended, and called all at once ...`);
	const stockBurst = await measureSuspended(setting, stockNodes, BURST, BURST);
	const burst = await measureSuspended(setting, nodes, BURST, BURST);
	say(`${SUSPENDED} executions are suspended ...`);
	const stock = await measureSuspended(setting, stockNodes, SUSPENDED, CALLS_AT_ONCE);
	const suspended = await measureSuspended(setting, nodes, SUSPENDED, CALLS_AT_ONCE);
	say(`${POLLING} executions poll jobs of ${SHORT} s, and ${POLLING} are suspended for such jobs ...`);
	const polling = await measureWaiting(setting, 'poll');
	const suspendedShort = await measureWaiting(setting, 'webhook');
	return { suspended, burst, stock, stockBurst, polling, suspendedShort };
}

/** @param say gets a line from time to time */
export async function measureSuspending(say: Say): Promise<Table> {
	const clock = new LeapingSystemClock();
	const most = 2 * (SUSPENDED + BURST) + 3 * POLLING;
	const world = await startWorld({
		version: '2.41.1',
		queue: true,
		workers: 1,
		concurrency: SLOTS,
		service: { clock, parallel: most, queueLimit: most },
		say,
	});
	try {
		const reader = new QueueReader(world);
		const setting: Setting = { world, reader, clock, small: await publish(world, [SMALL]), say };
		// What every process does only once is done by then.
		await runSmall(world, reader, setting.small, SMALL_RUNS);
		await measureWaiting(setting, 'webhook');
		const results = await measureAll(setting);
		return {
			question: `What do ${SUSPENDED} suspended executions hold, and how are they resumed?`,
			how: HOW,
			columns: ['', 'suspended', 'suspended, called all at once', 'polling instead', 'aim', 'met'],
			rows: [...makeHeldRows(results), ...makeResumeRows(results)],
		};
	} finally {
		await world.stop();
	}
}

const HOW = [
	`n8n 2.41.1 in queue mode on one machine: main, a webhook process, one worker with ${SLOTS} slots, PostgreSQL and Redis, with n8n's defaults. Executions of one job each, started by ${CALLERS} callers at the same time. When all are suspended, all their jobs end at the same moment, and the stand-in calls once for each, ${CALLS_AT_ONCE} calls at the same time. In the second column, it makes all calls at once.`,
	`A small execution: a webhook and a Set node, from the call to the end (median of ${SMALL_RUNS}). "Polling instead": ${POLLING} executions that poll jobs of ${SHORT} s, on the same worker. The small execution was started ${SHORT / 2} s after them.`,
].join(' ');

const writeMs = (value: number) => `${value.toFixed(0)} ms`;
const writeSeconds = (value: number) => `${value.toFixed(1)} s`;
const writeAim = (text: string, isMet: boolean) => [text, formatVerdict(isMet)];
const aimAtNone = (values: readonly number[]) => writeAim('0', Math.max(...values) === 0);

function makeHeldRows({ suspended, burst, polling }: Results): string[][] {
	const both = [suspended, burst];
	const each = (write: (one: Suspended) => string) => both.map(write);
	const held = both.map(({ running, active }) => Math.max(running, active));
	return [
		['executions', ...each(({ number }) => String(number)), String(POLLING)],
		['suspended per second', ...each(({ startRate }) => startRate.toFixed(1))],
		[
			`of ${SLOTS} slots held during that (running in n8n's database / active in Redis)`,
			...each(({ running, active }) => `${running} / ${active}`),
			`${polling.running} / ${polling.active}`,
			...aimAtNone(held),
		],
		[
			'executions that wait for a slot during that',
			...each(({ queued }) => String(queued)),
			String(polling.queued),
			...aimAtNone(both.map(({ queued }) => queued)),
		],
		[
			'a small execution before / during that',
			...each(({ smallBefore, smallDuring }) => `${writeMs(smallBefore)} / ${writeMs(smallDuring)}`),
			`${writeMs(suspended.smallBefore)} / ${writeMs(polling.small * 1000)}`,
			...writeAim(
				`at most ${SMALL_MORE_MS} ms longer`,
				both.every(({ smallBefore, smallDuring }) => smallDuring <= smallBefore + SMALL_MORE_MS),
			),
		],
	];
}

/** Counts the calls that were not answered with 200, by what happened. */
function describeTroubles({ calls }: Suspended): string {
	const counts = new Map<string, number>();
	for (const { status, failure } of calls) {
		if (status === 200) continue;
		const answer = failure ?? `HTTP ${status}`;
		counts.set(answer, (counts.get(answer) ?? 0) + 1);
	}
	return [...counts].map(([answer, count]) => `${count} x ${answer}`).join(', ') || '0';
}

/** How much longer the node takes at the most than n8n's Wait node. */
const STOCK_BOUND = 1.3;

/** Compares the resumptions with those of as many executions of n8n's Wait node, called at the same pace. */
function makeStockRows({ suspended, burst, stock, stockBurst }: Results): string[][] {
	const ratios = [
		suspended.resumeSeconds / stock.resumeSeconds,
		burst.resumeSeconds / stockBurst.resumeSeconds,
	];
	return [
		[
			"the same with n8n's Wait node",
			...[stock, stockBurst].map(({ resumeSeconds }) => writeSeconds(resumeSeconds)),
		],
		[
			'the node / the Wait node',
			...ratios.map((ratio) => ratio.toFixed(2)),
			'',
			`at most ${STOCK_BOUND}`,
			compareWithBound(Math.max(...ratios), STOCK_BOUND),
		],
	];
}

function makeResumeRows(results: Results): string[][] {
	const { suspended, burst, polling, suspendedShort } = results;
	const both = [suspended, burst];
	const each = (write: (one: Suspended) => string) => both.map(write);
	const lost = both.map(({ number, finished }) => number - finished);
	const bad = both.map(({ calls }) => calls.filter(({ status }) => status !== 200).length);
	const findSlowest = ({ calls }: Suspended) =>
		Math.max(...calls.map(({ at, endedAt = at }) => endedAt - at)) / 1000;
	return [
		[
			`${POLLING} with jobs of ${SHORT} s: all done after`,
			writeSeconds(suspendedShort.seconds),
			'',
			writeSeconds(polling.seconds),
		],
		['resumed per second', ...each(({ finished, resumeSeconds }) => (finished / resumeSeconds).toFixed(1))],
		['first call to end of last execution', ...each(({ resumeSeconds }) => writeSeconds(resumeSeconds))],
		...makeStockRows(results),
		['slowest answer to a call', ...each((one) => writeSeconds(findSlowest(one)))],
		['calls not answered with 200', ...each(describeTroubles), '', ...aimAtNone(bad)],
		['calls lost: executions that they did not resume', ...lost.map(String), '', ...aimAtNone(lost)],
		[
			'jobs paid',
			...each(({ paid }) => String(paid)),
			'',
			...writeAim(
				'one per execution',
				both.every(({ paid, number }) => paid === number),
			),
		],
	];
}
