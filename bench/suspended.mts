/**
 * A thousand executions at rest in n8n's queue mode: what they hold, how fast they come and go, and what the same
 * worker can do when executions watch their jobs instead.
 */
import { setTimeout as pause } from 'node:timers/promises';

import { systemClock, type CallRecord, type Clock } from '../local-api/index.mts';
import type { Say } from '../real-n8n/install.mts';
import { until } from '../real-n8n/processes.mts';
import { query, redisNumber } from '../real-n8n/services.mts';
import { startWorld, type World } from '../real-n8n/worlds.mts';
import { median, type Table } from './table.mts';
import { called, imageTo3d, pictures, published, SPLIT, type NodeSketch } from './workflows.mts';

const RESTING = 1000;
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

/** When nothing has moved for this long, nothing will, ms. */
const STUCK_MS = 45_000;
const LOOK_MS = 250;

/** The system's time, until it leaps ahead. */
class LeapingClock implements Clock {
	private aheadMs = 0;
	private leaping = new AbortController();

	now(): number {
		return systemClock.now() + this.aheadMs;
	}

	async sleep(ms: number, signal?: AbortSignal): Promise<void> {
		const end = this.now() + ms;
		while (this.now() < end) {
			const wake = signal ? AbortSignal.any([signal, this.leaping.signal]) : this.leaping.signal;
			try {
				await systemClock.sleep(end - this.now(), wake);
			} catch (error) {
				if (signal?.aborted) throw error;
			}
		}
	}

	leap(seconds: number): void {
		this.aheadMs += seconds * 1000;
		this.leaping.abort();
		this.leaping = new AbortController();
	}
}

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

/** The other work that an n8n has to do: an execution of two nodes, answered when it is through. */
const SMALL: NodeSketch = {
	name: 'Small',
	type: 'n8n-nodes-base.set',
	typeVersion: 3.4,
	parameters: {
		assignments: { assignments: [{ id: 'a', name: 'done', type: 'boolean', value: true }] },
		options: {},
	},
};

/** Runs the small execution. @returns how long its answer took, ms */
async function smallRun(world: World, path: string): Promise<number> {
	const start = performance.now();
	await called(world, path, {});
	return performance.now() - start;
}

async function smallRuns(world: World, path: string): Promise<number> {
	const times: number[] = [];
	while (times.length < SMALL_RUNS) times.push(await smallRun(world, path));
	return median(times);
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

/** What a thousand executions at rest have shown. Times in s, rates per second. */
interface Rested {
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

async function rest(world: World, eye: Eye, clock: LeapingClock, small: string, say: Say): Promise<Rested> {
	const { service, credentials } = world;
	const { path, saved } = await published(world, [SPLIT, imageTo3d({ waitFor: 'webhook' }, credentials)]);
	const smallBefore = await smallRuns(world, small);

	service.configure({ jobSeconds: LONG });
	const jobsBefore = service.jobs.length;
	const start = Date.now();
	await startAll(world, path, RESTING);
	const resting = await eye.reached(saved.id, 'waiting', RESTING);
	const startRate = resting / ((Date.now() - start) / 1000);
	if (resting < RESTING) throw new Error(`Only ${resting} of ${RESTING} executions have come to rest.`);
	say(`  ${RESTING} executions rest (${startRate.toFixed(0)} per second).`);

	let [running, active, queued] = [0, 0, 0];
	for (let look = 0; look < 10; look++) {
		const standing = await eye.standing(saved.id);
		running = Math.max(running, standing.count('running', 'new'));
		active = Math.max(active, standing.active);
		queued = Math.max(queued, standing.queued);
		await pause(LOOK_MS);
	}
	const smallMeanwhile = await smallRuns(world, small);

	const callsBefore = service.calls.length;
	const firstCall = Date.now();
	clock.leap(LONG + 1);
	const finished = await eye.reached(saved.id, 'success', RESTING);
	const resumeSeconds = ((await eye.lastEnd(saved.id)) - firstCall) / 1000;
	await until('each call has come to its end', () =>
		service.calls.slice(callsBefore).every(({ endedAt }) => endedAt !== undefined),
	);
	say(`  ${finished} have gone on, the last one ${resumeSeconds.toFixed(1)} s after the first call.`);
	return {
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
	/** The most that was seen: executions in a worker's hands, and those that wait for one. */
	active: number;
	queued: number;
	/** How long a small execution took that was started when all others were there. */
	small: number;
	/** From the first call to the end of the last execution. */
	seconds: number;
}

async function wait(world: World, eye: Eye, small: string, waitFor: 'poll' | 'webhook'): Promise<Waited> {
	const { service, credentials } = world;
	const { path, saved } = await published(world, [SPLIT, imageTo3d({ waitFor }, credentials)]);
	service.configure({ jobSeconds: SHORT });
	const start = Date.now();
	await startAll(world, path, WATCHING);
	// Long enough that all have been submitted that can be, and short enough that no job has ended.
	await pause((SHORT / 2) * 1000);
	const smallTime = smallRun(world, small);
	const { active, queued } = await eye.standing(saved.id);
	const finished = await eye.reached(saved.id, 'success', WATCHING);
	if (finished < WATCHING) throw new Error(`Only ${finished} of ${WATCHING} executions have ended.`);
	return {
		active,
		queued,
		small: (await smallTime) / 1000,
		seconds: ((await eye.lastEnd(saved.id)) - start) / 1000,
	};
}

/** Measures it all. @param say gets a line now and then */
export async function suspended(say: Say): Promise<Table> {
	const clock = new LeapingClock();
	const most = RESTING + 2 * WATCHING;
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
		const { path: small } = await published(world, [SMALL], undefined, 'lastNode');
		// What every process does only once is done.
		await smallRuns(world, small);
		await wait(world, eye, small, 'webhook');
		say(`${RESTING} executions are put to rest ...`);
		const rested = await rest(world, eye, clock, small, say);
		say(`${WATCHING} executions watch jobs of ${SHORT} s, and ${WATCHING} rest for such ...`);
		const watched = await wait(world, eye, small, 'poll');
		const restedShort = await wait(world, eye, small, 'webhook');
		return tableOf(rested, watched, restedShort);
	} finally {
		await world.stop();
	}
}

function tableOf(rested: Rested, watched: Waited, restedShort: Waited): Table {
	const aim = (text: string, isMet: boolean) => [text, isMet ? 'yes' : 'NO'];
	const none = (value: number) => aim('0', value === 0);
	const bad = rested.calls.filter(({ status }) => status !== 200);
	const answers = new Map<string, number>();
	for (const { status, failure } of bad) {
		const answer = failure ?? `HTTP ${status}`;
		answers.set(answer, (answers.get(answer) ?? 0) + 1);
	}
	const lost = RESTING - rested.finished;
	const notAnswered = [...answers].map(([answer, count]) => `${count} x ${answer}`).join(', ');
	const ms = (value: number) => `${value.toFixed(0)} ms`;
	const slowest = Math.max(...rested.calls.map(({ at, endedAt = at }) => endedAt - at)) / 1000;
	return {
		question: `What do ${RESTING} executions at rest hold, and how do they go on?`,
		how: [
			`n8n 2.41.1 in queue mode on one machine: main, a webhook process, one worker with ${SLOTS} slots, PostgreSQL and Redis, all with n8n's defaults. ${RESTING} executions of one job each, started by ${CALLERS} callers; when all rest, all jobs end at the same moment and the stand-in makes its ${RESTING} calls at once, each once.`,
			`A small execution: a webhook and a Set node, answered when it is through (median of ${SMALL_RUNS}). "Watching instead": ${WATCHING} executions with Wait For: watching, jobs of ${SHORT} s, on the same worker; its small execution was started ${SHORT / 2} s after the others.`,
		].join(' '),
		columns: ['', 'at rest', 'watching instead', 'aim', 'met'],
		rows: [
			['executions', String(RESTING), String(WATCHING)],
			['put to rest per second', rested.startRate.toFixed(1), ''],
			[
				`of ${SLOTS} worker slots held meanwhile (n8n's database / Redis)`,
				`${rested.running} / ${rested.active}`,
				`- / ${watched.active}`,
				...none(Math.max(rested.running, rested.active)),
			],
			[
				'executions waiting for a slot',
				String(rested.queued),
				String(watched.queued),
				...none(rested.queued),
			],
			[
				`a small execution meanwhile (before: ${ms(rested.smallBefore)})`,
				ms(rested.smallMeanwhile),
				ms(watched.small * 1000),
				...aim('at most 1.5 x before', rested.smallMeanwhile <= 1.5 * rested.smallBefore),
			],
			[
				`all of ${WATCHING} with jobs of ${SHORT} s done after`,
				`${restedShort.seconds.toFixed(1)} s`,
				`${watched.seconds.toFixed(1)} s`,
			],
			['resumed per second, all called at once', (rested.finished / rested.resumeSeconds).toFixed(1), ''],
			['from the first call to the end of the last execution', `${rested.resumeSeconds.toFixed(1)} s`, ''],
			[
				`calls not answered 200 (slowest answer ${slowest.toFixed(1)} s)`,
				`${bad.length}${notAnswered && ` (${notAnswered})`}`,
				'',
				...none(bad.length),
			],
			['calls lost: executions not resumed by them', String(lost), '', ...none(lost)],
			['jobs paid', String(rested.paid), '', ...aim(`exactly ${RESTING}`, rested.paid === RESTING)],
		],
	};
}
