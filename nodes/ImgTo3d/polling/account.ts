/**
 * What this process knows about the accounts that it uses: their open jobs in the order in which the service takes them,
 * how many the service allows, and what ended jobs have shown. All executions share it. It is kept in memory only: after
 * a restart the node polls more often, and the service refuses one submit.
 */
import { Condition } from '../async/condition';
import { Pace } from '../async/pace';
import type { GenerationRequest } from '../request';
import { computeStart, MAX_ENDED, measureDurations, toEndedJob, type EndedJob } from './durations';
import { NOTHING_KNOWN, type Forecast, type PolledJob } from './estimate';
import { SubmitRoom } from './submit-room';

/** A job of this account that is polled, and was accepted at a known time. */
export interface OpenJob extends PolledJob {
	/** Jobs of one kind take about the same time. */
	readonly kind: string;
}

const MAX_ACCOUNTS = 100;

/** The time between two calls of an account when there are many, ms. The service filters spam. */
const CALL_INTERVAL_MS = 500;
/** How many polls may come at once. When jobs have ended together, as many submits follow. */
const CALL_BURST = 5;
/** Jobs that take less time need more calls, s. */
const SHORT_JOB = 10;
/** An ETA of almost 0 means "any moment", s. */
const SHORTEST_JOB = 2;

/** Texts, and what the service sends back. They do not change how much work a job is. */
const NOT_OF_THE_KIND = new Set(['prompt', 'negative_prompt', 'seed', 'webhook', 'track_id']);

/** Describes how much work a job is: the same text for the same operation with the same settings. */
export function describeKind({ apiVersion, operation, body }: GenerationRequest): string {
	const settings = Object.entries(body).filter(([name]) => !NOT_OF_THE_KIND.has(name));
	return JSON.stringify([apiVersion, operation, ...settings.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** The accounts that a process has used last. */
export class Accounts {
	private readonly accounts = new Map<string, Account>();

	/** @param id the same for the same key at the same service */
	get(id: string): Account {
		const account = this.accounts.get(id) ?? new Account();
		// The account used last is last in the map, so the first one is the oldest.
		this.accounts.delete(id);
		this.accounts.set(id, account);
		const [oldest] = this.accounts.keys();
		if (this.accounts.size > MAX_ACCOUNTS && oldest !== undefined) this.accounts.delete(oldest);
		return account;
	}
}

/** One account of the service. All times are ms of the clock. */
export class Account {
	/** Notified when a job has ended: the polls of others may be planned again. */
	readonly jobEnded = new Condition();
	/** Notified when there may be room for a submit. */
	readonly roomFreed = new Condition();
	/** Whether there is room for a submit. */
	readonly room: SubmitRoom;
	/** The pace of its calls. Only polls wait for their turn. */
	readonly pace = new Pace(CALL_INTERVAL_MS, CALL_BURST);

	/** In the order of their acceptance. */
	private readonly open: OpenJob[] = [];
	private ended: EndedJob[] = [];
	private durations = measureDurations([]);
	/** When the service starts on the open jobs. Computed again after a job was added or removed. */
	private starts?: ReadonlyMap<OpenJob, number>;

	/** @param random from 0 to 1 */
	constructor(random?: () => number) {
		this.room = new SubmitRoom(random);
	}

	/** When a submit will probably be accepted, as far as is known now, ms of the clock. */
	getNextSubmit(now: number): number {
		return this.room.getNextSubmit(now, this.open.length);
	}

	/**
	 * Sends a submit, and counts it as in the air until it is answered. A job that is to be polled must be tracked before
	 * `send` returns, so that it takes over the submit's slot.
	 */
	async countSubmit<T>(now: number, send: () => Promise<T>): Promise<T> {
		this.pace.count(now);
		try {
			return await this.room.countSubmit(now, send);
		} finally {
			this.roomFreed.notifyAll();
		}
	}

	/** Notes that a submit was accepted. */
	noteAccepted(now: number): void {
		this.room.noteAccepted(now, this.open.length + 1);
	}

	/** Notes that the service has ended a job of this process, so that its slot of the queue is free. */
	noteEnded(now: number): void {
		this.room.noteEnded(now);
		this.roomFreed.notifyAll();
	}

	/** How many jobs of this process are open. */
	get openCount(): number {
		return this.open.length;
	}

	/** Adds a job to the open jobs. */
	track(kind: string, acceptedAt: number): OpenJob {
		const job: OpenJob = { kind, acceptedAt, etas: [], lastOpenAt: acceptedAt };
		const younger = this.open.findIndex((other) => other.acceptedAt > acceptedAt);
		this.open.splice(younger < 0 ? this.open.length : younger, 0, job);
		this.starts = undefined;
		return job;
	}

	/** Removes a job from the open jobs. @returns whether it was one of them */
	untrack(job: OpenJob): boolean {
		const index = this.open.indexOf(job);
		if (index < 0) return false;
		this.open.splice(index, 1);
		this.starts = undefined;
		this.roomFreed.notifyAll();
		return true;
	}

	/**
	 * Notes that a poll has found a job ended.
	 *
	 * @param hasSucceeded otherwise the job only shows that its slot is free
	 */
	recordEnd(job: OpenJob, now: number, hasSucceeded: boolean): void {
		// After a clock was set back, nothing can be measured.
		if (!this.untrack(job) || now < job.lastOpenAt) return;
		this.ended = [...this.ended, toEndedJob(job, now, hasSucceeded)].slice(-MAX_ENDED);
		this.durations = measureDurations(this.ended);
		const work = this.durations.work.get(job.kind);
		if (work) this.notePaceOf(Math.exp(work.mean));
		this.jobEnded.notifyAll();
	}

	/** Lets more calls through if jobs are short. @param seconds how long the latest job takes, as far as is known */
	notePaceOf(seconds: number): void {
		const share = Math.min(1, Math.max(SHORTEST_JOB, seconds) / SHORT_JOB);
		// More short jobs end in a time, and each poll that waits costs a larger part of the next job.
		this.pace.setInterval(CALL_INTERVAL_MS * share ** 2);
	}

	/** Predicts what can be known about an open job from the account's other jobs. */
	predict(job: OpenJob, now: number): Forecast {
		const { work, etaFactor } = this.durations;
		this.starts ??= this.computeStarts(now);
		const start = this.starts.get(job) ?? job.acceptedAt;
		return {
			work: work.get(job.kind),
			startsAt: Math.max(0, start - job.acceptedAt) / 1000,
			etaFactor: etaFactor.get(job.kind) ?? NOTHING_KNOWN.etaFactor,
		};
	}

	/** Computes when the service starts on the open jobs, or has started: first in, first out. */
	private computeStarts(now: number): Map<OpenJob, number> {
		const { parallel, work } = this.durations;
		const starts = new Map<OpenJob, number>();
		if (parallel === Infinity) return starts;
		const ends: number[] = [];
		for (const job of this.open) {
			const endedBefore = this.ended.filter(({ acceptedAt }) => acceptedAt <= job.acceptedAt);
			const endsBefore = [...endedBefore.map(({ endedAt }) => endedAt), ...ends];
			const start = computeStart(job.acceptedAt, endsBefore, parallel);
			starts.set(job, start);
			const expected = work.get(job.kind);
			// A job of an unknown kind may end at any moment.
			ends.push(Math.max(job.lastOpenAt, expected ? start + 1000 * Math.exp(expected.mean) : now));
		}
		return starts;
	}
}
