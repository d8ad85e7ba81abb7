/**
 * A thousand executions at rest in n8n's queue mode: what they hold, how fast they come and go, and what the same
 * worker can do when executions watch their jobs instead.
 */
import { setTimeout as pause } from 'node:timers/promises';

import { median } from 'simple-statistics';
import type { CallRecord } from '../local-api/index.mts';
import type { Say } from '../n8n/real/install.mts';
import { LeapingSystemClock } from '../test/support/leaping-clock.mts';
import { until } from '../n8n/real/processes.mts';
import { query, redisNumber } from '../n8n/real/services.mts';
import { startWorld, type World } from '../n8n/real/worlds.mts';
import { formatVerdict, type Table } from './table.mts';
import { called, imageTo3d, pictures, published, SPLIT, type NodeSketch } from './workflows.mts';

const RESTING = 1000;
/** How many calls the service makes at the same time when all their jobs have ended. */
const CALLS_AT_ONCE = 20;
/** The executions that are called all at once. */
const BURST = 100;
/** How many executions the one worker runs at the same time: n8n's own default. */
const SLOTS = 10;
/** How many calls that start an execution are under way at the same time. */
const CALLERS = 20;
/** How long the jobs of the resting executions take, s: all rest long before the first one ends, and then all end. */
const LONG = 3600;

/** The executions that watch, and how long their jobs take, s. */
const WATCHING = 30;
const SHORT = 10;

/** How often the small execution is run for one figure. */
const SMALL_RUNS = 20;
/** How much longer it may take beside resting executions, ms: less than anything that waits for a slot does. */
const SMALL_MORE_MS = 100;

/** When nothing has moved for this long, nothing will, ms. */
const STUCK_MS = 45_000;
const LOOK_MS = 250;

/** A workflow's executions by their status, and the worker's queue in Redis. */
interface Standing {
	/** Statuses as n8n names them: new, running, waiting, success, ... */
	count(...statuses: string[]): number;
	/** Jobs that the worker has in hand. */
	active: number;
	/** Jobs that no worker has taken yet. */
	queued: number;
}

/** What is asked of an n8n in queue mode, past its REST interface, which lists a hundred executions at most. */
class Eye {
	private readonly redis: number;
	private readonly postgres: number;

	constructor({ servers }: World) {
		if (!servers) throw new Error('This n8n is not in queue mode.');
		({ redis: this.redis, postgres: this.postgres } = servers);
	}

	async standing(workflowId: string): Promise<Standing> {
		const [rows, active, queued] = await Promise.all([
			query(
				this.postgres,
				`SELECT status, count(*) FROM execution_entity WHERE "workflowId" = '${workflowId}' GROUP BY status`,
			),
			redisNumber(this.redis, 'LLEN', 'bull:jobs:active'),
			redisNumber(this.redis, 'LLEN', 'bull:jobs:wait'),
		]);
		const counts = new Map(rows.map(([status = '', count]) => [status, Number(count)]));
		return {
			count: (...statuses) => statuses.reduce((sum, status) => sum + (counts.get(status) ?? 0), 0),
			active,
			queued,
		};
	}

	/** When the last execution of a workflow ended, ms since the epoch. */
	async lastEnd(workflowId: string): Promise<number> {
		const [row] = await query(
			this.postgres,
			`SELECT extract(epoch FROM max("stoppedAt")) * 1000 FROM execution_entity WHERE "workflowId" = '${workflowId}'`,
		);
		return Number(row?.[0]);
	}

	/** How long the latest executions of a workflow took, with the wait for a slot, ms. */
	async latestTimes(workflowId: string, number: number): Promise<number[]> {
		const rows = await query(
			this.postgres,
			`SELECT extract(epoch FROM "stoppedAt" - "createdAt") * 1000 FROM execution_entity WHERE "workflowId" = '${workflowId}' ORDER BY id DESC LIMIT ${number}`,
		);
		return rows.map(([ms]) => Number(ms));
	}

	/** Waits until so many executions have a status, or until nothing has moved for a while. @returns how many have it */
	async reached(workflowId: string, status: string, number: number): Promise<number> {
		let reached = 0;
		let movedAt = Date.now();
		while (reached < number && Date.now() - movedAt < STUCK_MS) {
			await pause(LOOK_MS);
			const now = (await this.standing(workflowId)).count(status);
			if (now !== reached) movedAt = Date.now();
			reached = now;
		}
		return reached;
	}
}

/** The other work that an n8n has to do: an execution of two nodes. */
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
type Small = Awaited<ReturnType<typeof published>>;

/**
 * Runs small executions, one after the other.
 *
 * @returns how long they took, from n8n's noting the call to its noting the end, ms: the median
 */
async function smallRuns(world: World, eye: Eye, { path, saved }: Small, number: number): Promise<number> {
	const ended = async () => (await eye.standing(saved.id)).count('success');
	const before = await ended();
	for (let run = 1; run <= number; run++) {
		await called(world, path, {});
		await until('a small execution has ended', async () => (await ended()) === before + run, 120_000, 100);
	}
	return median(await eye.latestTimes(saved.id, number));
}

/** Starts so many executions of one job each, some calls at a time. */
async function startAll(world: World, path: string, number: number): Promise<void> {
	const body = pictures(world.service.origin, 1);
	let left = number;
	const caller = async () => {
		while (left > 0) {
			left -= 1;
			await called(world, path, body);
		}
	};
	await Promise.all(Array.from({ length: CALLERS }, caller));
}

/** What executions at rest have shown. Times in s, rates per second. */
interface Rested {
	number: number;
	startRate: number;
	/** The most that was seen while all rested: statuses that hold a worker, jobs in its hands, jobs that wait for it. */
	running: number;
	active: number;
	queued: number;
	smallBefore: number;
	smallMeanwhile: number;
	paid: number;
	calls: CallRecord[];
	finished: number;
	resumeSeconds: number;
}

/** @param number of executions @param callsAtOnce how many of their calls are made at the same time */
async function rest(
	world: World,
	eye: Eye,
	clock: LeapingSystemClock,
	small: Small,
	number: number,
	callsAtOnce: number,
	say: Say,
): Promise<Rested> {
	const { service, credentials } = world;
	const { path, saved } = await published(world, [SPLIT, imageTo3d({ waitFor: 'webhook' }, credentials)]);
	const smallBefore = await smallRuns(world, eye, small, SMALL_RUNS);

	service.configure({ jobSeconds: LONG, callsAtOnce });
	const jobsBefore = service.jobs.length;
	const start = Date.now();
	await startAll(world, path, number);
	const resting = await eye.reached(saved.id, 'waiting', number);
	const startRate = resting / ((Date.now() - start) / 1000);
	if (resting < number) throw new Error(`Only ${resting} of ${number} executions have come to rest.`);
	say(`  ${number} executions rest (${startRate.toFixed(0)} per second).`);

	let [running, active, queued] = [0, 0, 0];
	for (let look = 0; look < 10; look++) {
		const standing = await eye.standing(saved.id);
		running = Math.max(running, standing.count('running', 'new'));
		active = Math.max(active, standing.active);
		queued = Math.max(queued, standing.queued);
		await pause(LOOK_MS);
	}
	const smallMeanwhile = await smallRuns(world, eye, small, SMALL_RUNS);

	const callsBefore = service.calls.length;
	const firstCall = Date.now();
	clock.leap(LONG + 1);
	const finished = await eye.reached(saved.id, 'success', number);
	const resumeSeconds = ((await eye.lastEnd(saved.id)) - firstCall) / 1000;
	const isOver = () => {
		const ended = service.calls.slice(callsBefore).filter(({ endedAt }) => endedAt !== undefined);
		return ended.length === number;
	};
	await until('each call has come to its end', isOver, STUCK_MS);
	say(`  ${finished} have gone on, the last one ${resumeSeconds.toFixed(1)} s after the first call.`);
	return {
		number,
		startRate,
		running,
		active,
		queued,
		smallBefore,
		smallMeanwhile,
		paid: service.jobs.length - jobsBefore,
		calls: service.calls.slice(callsBefore),
		finished,
		resumeSeconds,
	};
}

/** What some executions with short jobs have shown. Times in s. */
interface Waited {
	/** What was seen when all were there: statuses that hold a worker, jobs in its hands, jobs that wait for it. */
	running: number;
	active: number;
	queued: number;
	/** How long a small execution took that was started when all others were there. */
	small: number;
	/** From the first call to the end of the last execution. */
	seconds: number;
}

async function wait(world: World, eye: Eye, small: Small, waitFor: 'poll' | 'webhook'): Promise<Waited> {
	const { service, credentials } = world;
	const { path, saved } = await published(world, [SPLIT, imageTo3d({ waitFor }, credentials)]);
	service.configure({ jobSeconds: SHORT });
	const start = Date.now();
	await startAll(world, path, WATCHING);
	// Long enough that all have been submitted that can be, and short enough that no job has ended.
	await pause((SHORT / 2) * 1000);
	const { count, active, queued } = await eye.standing(saved.id);
	const smallTime = smallRuns(world, eye, small, 1);
	const finished = await eye.reached(saved.id, 'success', WATCHING);
	if (finished < WATCHING) throw new Error(`Only ${finished} of ${WATCHING} executions have ended.`);
	return {
		running: count('running'),
		active,
		queued,
		small: (await smallTime) / 1000,
		seconds: ((await eye.lastEnd(saved.id)) - start) / 1000,
	};
}

/** Measures it all. @param say gets a line now and then */
export async function suspended(say: Say): Promise<Table> {
	const clock = new LeapingSystemClock();
	const most = RESTING + BURST + 3 * WATCHING;
	const world = await startWorld({
		version: '2.41.1',
		queue: true,
		workers: 1,
		concurrency: SLOTS,
		service: { clock, parallel: most, queueLimit: most },
		say,
	});
	try {
		const eye = new Eye(world);
		const small = await published(world, [SMALL]);
		// What every process does only once is done.
		await smallRuns(world, eye, small, SMALL_RUNS);
		await wait(world, eye, small, 'webhook');
		say(`${RESTING} executions are put to rest ...`);
		const rested = await rest(world, eye, clock, small, RESTING, CALLS_AT_ONCE, say);
		say(`${BURST} executions are put to rest, and called all at once ...`);
		const burst = await rest(world, eye, clock, small, BURST, BURST, say);
		say(`${WATCHING} executions watch jobs of ${SHORT} s, and ${WATCHING} rest for such ...`);
		const watched = await wait(world, eye, small, 'poll');
		const restedShort = await wait(world, eye, small, 'webhook');
		return tableOf(rested, burst, watched, restedShort);
	} finally {
		await world.stop();
	}
}

/** What came of calls that were not answered 200, and how often. */
function troubles({ calls }: Rested): string {
	const counts = new Map<string, number>();
	for (const { status, failure } of calls) {
		if (status === 200) continue;
		const answer = failure ?? `HTTP ${status}`;
		counts.set(answer, (counts.get(answer) ?? 0) + 1);
	}
	const told = [...counts].map(([answer, count]) => `${count} x ${answer}`);
	return told.length > 0 ? told.join(', ') : '0';
}

function tableOf(rested: Rested, burst: Rested, watched: Waited, restedShort: Waited): Table {
	const both = [rested, burst];
	const aim = (text: string, isMet: boolean) => [text, formatVerdict(isMet)];
	const none = (values: readonly number[]) => aim('0', Math.max(...values) === 0);
	const lost = both.map(({ number, finished }) => number - finished);
	const bad = both.map(({ calls }) => calls.filter(({ status }) => status !== 200).length);
	const held = both.map(({ running, active }) => Math.max(running, active));
	const ms = (value: number) => `${value.toFixed(0)} ms`;
	const s = (value: number) => `${value.toFixed(1)} s`;
	const slowest = ({ calls }: Rested) =>
		Math.max(...calls.map(({ at, endedAt = at }) => endedAt - at)) / 1000;
	const each = (tell: (rested: Rested) => string) => both.map(tell);
	return {
		question: `What do ${RESTING} executions at rest hold, and how do they go on?`,
		how: [
			`n8n 2.41.1 in queue mode on one machine: main, a webhook process, one worker with ${SLOTS} slots, PostgreSQL and Redis, all as n8n has them if nothing is set. Executions of one job each, started by ${CALLERS} callers at a time; when all rest, all their jobs end at the same moment and the stand-in calls for each, once, ${CALLS_AT_ONCE} calls at a time, and in the second column all at once.`,
			`A small execution: a webhook and a Set node, from the call to its end (median of ${SMALL_RUNS}). "Watching instead": ${WATCHING} executions with Wait For: Watching, jobs of ${SHORT} s, on the same worker; the small execution was started ${SHORT / 2} s after them.`,
		].join(' '),
		columns: ['', 'at rest', 'at rest, called all at once', 'watching instead', 'aim', 'met'],
		rows: [
			['executions', ...each(({ number }) => String(number)), String(WATCHING)],
			['put to rest per second', ...each(({ startRate }) => startRate.toFixed(1))],
			[
				`of ${SLOTS} slots held meanwhile (running in n8n's database / active in Redis)`,
				...each(({ running, active }) => `${running} / ${active}`),
				`${watched.running} / ${watched.active}`,
				...none(held),
			],
			[
				'executions waiting for a slot meanwhile',
				...each(({ queued }) => String(queued)),
				String(watched.queued),
				...none(both.map(({ queued }) => queued)),
			],
			[
				'a small execution before / meanwhile',
				...each(({ smallBefore, smallMeanwhile }) => `${ms(smallBefore)} / ${ms(smallMeanwhile)}`),
				`${ms(rested.smallBefore)} / ${ms(watched.small * 1000)}`,
				...aim(
					`at most ${SMALL_MORE_MS} ms longer`,
					both.every(({ smallBefore, smallMeanwhile }) => smallMeanwhile <= smallBefore + SMALL_MORE_MS),
				),
			],
			[`${WATCHING} with jobs of ${SHORT} s: all done after`, s(restedShort.seconds), '', s(watched.seconds)],
			['resumed per second', ...each(({ finished, resumeSeconds }) => (finished / resumeSeconds).toFixed(1))],
			['first call to end of last execution', ...each(({ resumeSeconds }) => s(resumeSeconds))],
			['slowest answer to a call', ...each((one) => s(slowest(one)))],
			['calls not answered 200', ...each(troubles), '', ...none(bad)],
			['calls lost: executions that they did not resume', ...lost.map(String), '', ...none(lost)],
			[
				'jobs paid',
				...each(({ paid }) => String(paid)),
				'',
				...aim(
					'one per execution',
					both.every(({ paid, number }) => paid === number),
				),
			],
		],
	};
}
