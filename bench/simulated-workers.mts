/** Several n8n processes that share an account and cannot see each other, on a simulated clock. Each runs the node's own code. */
import type { IExecuteFunctions } from 'n8n-workflow';

import { createRandom } from '../local-api/model/random.mts';
import type { AccountAnswer } from '../nodes/ImgTo3d/api/account-calls.ts';
import type { Answer } from '../nodes/ImgTo3d/api/answer.ts';
import type { JobId } from '../nodes/ImgTo3d/api/job-id.ts';
import { Cancellation } from '../nodes/ImgTo3d/async/cancellation.ts';
import type { Clock } from '../nodes/ImgTo3d/async/clock.ts';
import { Semaphore } from '../nodes/ImgTo3d/async/semaphore.ts';
import { pollUntilEnd } from '../nodes/ImgTo3d/jobs/poll.ts';
import type { Run } from '../nodes/ImgTo3d/jobs/run.ts';
import { submitOnce } from '../nodes/ImgTo3d/jobs/submit.ts';
import { Account } from '../nodes/ImgTo3d/polling/account.ts';
import type { GenerationItem } from '../nodes/ImgTo3d/request.ts';
import { makeItem, makeRun, SimulatedClock } from './simulated.mts';

/** Workers that share an account. Times are in s. */
export interface Contention {
	workers: number;
	/** How many jobs each of them has. */
	jobs: number;
	jobSeconds: number;
	/** How many jobs the account can have open. The service runs them all at the same time. */
	slots: number;
	/** What a refusal asks for. */
	retryAfter: number;
	/** Whether a submit is answered when its job has ended. */
	answersWhenDone?: boolean;
	/** The workers begin within this time. */
	startWithin?: number;
	seed?: number;
}

/** A call that has reached the service. */
export interface WorkerEvent {
	worker: number;
	call: 'submit' | 'fetch' | 'count';
	/** ms of the clock */
	at: number;
	isRefused: boolean;
	/** Of a fetch: whether the job has ended. */
	hasEnded?: boolean;
	/** Of a count: how many slots are free. */
	free?: number;
}

/** What came of it. Times are in s since the first submit. */
export interface ContentionOutcome {
	makespan: number;
	/** The shortest possible makespan. */
	bound: number;
	/** When each worker knew its last result. */
	ends: number[];
	/** The calls, in the order in which the service got them. */
	events: readonly WorkerEvent[];
}

/** How long a call takes, one way, ms. */
const WAY_MS = 25;

const COUNTS_A_MINUTE = 30;

/** The service with the jobs of one account. */
class SimulatedAccountService {
	readonly events: WorkerEvent[] = [];
	private readonly endsAt: number[] = [];

	constructor(
		private readonly clock: Clock,
		private readonly contention: Contention,
		private readonly random: () => number,
	) {}

	async submit(worker: number): Promise<Answer> {
		const answer = await this.call(() => {
			const now = this.clock.now();
			const isRefused = this.countOpen() >= this.contention.slots;
			this.events.push({ worker, call: 'submit', at: now, isRefused });
			if (isRefused) return this.refuse();
			this.endsAt.push(now + this.contention.jobSeconds * 1000);
			return this.describe(this.endsAt.length - 1);
		});
		const { answersWhenDone, jobSeconds } = this.contention;
		if (!answersWhenDone || answer.state !== 'processing') return answer;
		await this.clock.sleep(jobSeconds * 1000);
		return this.describe(Number(answer.job.id));
	}

	async fetch(worker: number, id: JobId): Promise<Answer> {
		return await this.call(() => {
			const answer = this.describe(Number(id));
			const hasEnded = answer.state === 'success';
			this.events.push({ worker, call: 'fetch', at: this.clock.now(), isRefused: false, hasEnded });
			return answer;
		});
	}

	async count(worker: number): Promise<AccountAnswer> {
		return await this.call(() => {
			const now = this.clock.now();
			const counts = this.events.filter(({ call, isRefused }) => call === 'count' && !isRefused);
			const isRefused = counts.filter(({ at }) => at > now - 60_000).length >= COUNTS_A_MINUTE;
			const open = this.countOpen();
			this.events.push({ worker, call: 'count', at: now, isRefused, free: this.contention.slots - open });
			if (!isRefused) return { state: 'answered', body: { processing_count: open } };
			return { state: 'refused', httpCode: 429, reason: 'rateLimit', message: '', retryAfterSeconds: 10 };
		});
	}

	private async call<T>(answer: () => T): Promise<T> {
		await this.clock.sleep(WAY_MS * (0.5 + this.random()));
		const answered = answer();
		await this.clock.sleep(WAY_MS * (0.5 + this.random()));
		return answered;
	}

	private countOpen(): number {
		return this.endsAt.filter((end) => end > this.clock.now()).length;
	}

	private refuse(): Answer {
		const { slots, retryAfter } = this.contention;
		return {
			...{ state: 'refused', httpCode: 429, reason: 'queueFull', message: 'Rate limit exceeded' },
			...{ retryAfterSeconds: retryAfter, queueLimit: slots },
		};
	}

	private describe(id: number): Answer {
		const left = (this.endsAt[id] ?? NaN) - this.clock.now();
		const job = { id, output: ['https://files.example/a.gif'], extras: {} };
		if (left <= 0) return { state: 'success', httpCode: 200, job };
		return { state: 'processing', httpCode: 200, job, etaSeconds: left / 1000 };
	}
}

/** Has workers do their jobs. */
export async function simulateContention(contention: Contention): Promise<ContentionOutcome> {
	const { workers, jobs, jobSeconds, slots, startWithin = 0.05, seed = 1 } = contention;
	const clock = new SimulatedClock();
	const random = createRandom(seed);
	const service = new SimulatedAccountService(clock, contention, random);
	const work = async (_: unknown, worker: number) => {
		await clock.sleep(1000 * startWithin * random());
		await doJobs(openRun(clock, service, worker, random), jobs);
		return clock.now();
	};
	const known = await clock.run(Promise.all(Array.from({ length: workers }, work)));
	const { events } = service;
	const ends = known.map((at) => (at - (events[0]?.at ?? NaN)) / 1000);
	return {
		makespan: Math.max(...ends),
		bound: jobSeconds * Math.ceil((workers * jobs) / slots),
		ends,
		events,
	};
}

/** A run of the node in a process of its own. */
function openRun(
	clock: SimulatedClock,
	service: SimulatedAccountService,
	worker: number,
	random: () => number,
): Run {
	const run = makeRun(clock, new Account(random), {
		fetch: async (_version, id) => await service.fetch(worker, id),
		submit: async () => await service.submit(worker),
		callAccount: async () => await service.count(worker),
	});
	return {
		...run,
		context: { logger: { warn() {}, info() {} } } as unknown as IExecuteFunctions,
		cancellation: new Cancellation(undefined),
		progress: { noteAccepted() {} } as unknown as Run['progress'],
		maxSubmits: 1,
		shared: new Map(),
	};
}

async function doJobs(run: Run, jobs: number): Promise<void> {
	const slots = new Semaphore(5);
	const work = { operation: 'imageTo3d', apiVersion: 'v3', body: { kind: 'a' } } as const;
	const doJob = async (_: unknown, itemIndex: number) => {
		const item = { ...makeItem({ work }), itemIndex } as GenerationItem;
		await slots.run(async () => {
			const accepted = await submitOnce(run, item);
			const { id } = accepted.known.job;
			if (id === undefined) throw new Error('The job has no ID.');
			await pollUntilEnd(run, item, id, { accepted });
		});
	};
	await Promise.all(Array.from({ length: jobs }, doJob));
}
