/**
 * What this process knows of the accounts that it uses: their open jobs, in the order in which the service takes
 * them, how many the service lets them have open, and what ended jobs have taught. It is shared by all executions
 * and kept in memory only: where it is missing, jobs are looked at more often, and the service refuses once.
 */
import { Condition } from '../async/condition';
import type { GenerationRequest } from '../request';
import { NOTHING_KNOWN, type EtaReport, type Forecast, type LogNormal } from './end-estimate';

/** What was seen of a job that is watched. */
export interface PolledJob {
	/** When it was accepted, or first looked at if nobody knows; ms since the epoch. */
	readonly acceptedAt: number;
	/** The ETAs of its answers so far. */
	readonly etas: EtaReport[];
	/** When it was last known not to have ended, ms since the epoch. */
	lastOpenAt: number;
}

/** A job of this account that is being watched, of which it is known when it was accepted. */
export interface OpenJob extends PolledJob {
	/** Jobs of one kind take about the same time. */
	readonly kind: string;
}

/** A job whose end was seen. */
interface EndedJob {
	readonly kind: string;
	readonly acceptedAt: number;
	/** ms since the epoch, in the middle between the last look before the end and the first one after it. */
	readonly endedAt: number;
	/** How far off that may be (standard deviation), ms. */
	readonly blur: number;
	/** Whether it says how long such jobs work: not if it failed. */
	readonly teachesDuration: boolean;
	/** ln of what the service's first ETA was too long by. */
	readonly eta?: Measured;
}

/** Something measured, as a logarithm, and how far off the measurement may be (standard deviation). */
interface Measured {
	value: number;
	blur: number;
}

/** What the ended jobs of an account have taught. */
interface Learned {
	/** How many jobs the service works on at once; Infinity when none has been seen to wait. */
	parallel: number;
	/** ln s of work, by kind. */
	work: Map<string, LogNormal>;
	/** ln of the ETAs' factor, by kind. */
	etaFactor: Map<string, LogNormal>;
}

/** How many ended jobs are kept in mind: the latest. */
const MAX_ENDED = 64;
/** How many of them, the latest of a kind, teach. */
const MAX_LESSONS = 16;
const MAX_ACCOUNTS = 100;

/** How far jobs of a kind are expected to differ before they are known (ln); as much as one job has to say about it. */
const USUAL_SPREAD = 0.08;
/** The same of the factors by which ETAs are out. */
const USUAL_ETA_SPREAD = 0.15;

/** How long the service's word on its limit holds, ms: a person may take a larger plan. */
const LIMIT_HOLDS_MS = 3_600_000;

/** How many submits may be in the air while the limit is not known: the smallest plan's limit. */
const FIRST_SUBMITS = 5;

/** A submit that takes longer has found room, ms: a refusal comes at once, a fast generation does not. */
export const REFUSED_WITHIN_MS = 5000;

/** Texts, and what the service sends back: they do not change what there is to do. */
const NOT_OF_THE_KIND = new Set(['prompt', 'negative_prompt', 'seed', 'webhook', 'track_id']);

/** Names jobs that have the same work to do: the same operation with the same settings. */
export function describeKind({ apiVersion, operation, body }: GenerationRequest): string {
	const settings = Object.entries(body).filter(([name]) => !NOT_OF_THE_KIND.has(name));
	return JSON.stringify([apiVersion, operation, ...settings.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** The accounts that a process has used lately. */
export class Accounts {
	private readonly accounts = new Map<string, Account>();

	/** @param id the same for the same key at the same service */
	of(id: string): Account {
		const account = this.accounts.get(id) ?? new Account();
		// The latest last, so that the first has not been used for longest.
		this.accounts.delete(id);
		this.accounts.set(id, account);
		const [oldest] = this.accounts.keys();
		if (this.accounts.size > MAX_ACCOUNTS && oldest !== undefined) this.accounts.delete(oldest);
		return account;
	}
}

export class Account {
	/** In the order of their acceptance. */
	private readonly open: OpenJob[] = [];
	private ended: EndedJob[] = [];
	private lessons: Learned = learnFrom([]);
	private limit?: { jobs: number; toldAt: number };
	/** When the submits were sent that are not answered yet, ms since the epoch. */
	private readonly inTheAir = new Set<{ since: number }>();
	private accepted = 0;
	/** When the turns of the open jobs come, as long as none has come or gone since. */
	private turns?: Map<OpenJob, number>;
	/** A job has ended, and the looks at others may have to be planned anew. */
	readonly jobEnded = new Condition();
	/** There may be room for a submit. */
	readonly roomFreed = new Condition();

	/** The service has said how many jobs of the account may be open at once. @param now ms since the epoch */
	learnLimit(jobs: number, now: number): void {
		this.limit = { jobs, toldAt: now };
	}

	/**
	 * Whether a submit can be expected to be accepted. As long as the limit is not known, no more submits are in the
	 * air than have been accepted before, so that few are refused when it is met; a refusal comes at once, so those that
	 * take long do not count. @param now ms since the epoch
	 */
	hasRoom(now: number): boolean {
		if (this.limit && this.knowsLimit(now)) return this.open.length + this.inTheAir.size < this.limit.jobs;
		const undecided = [...this.inTheAir].filter(({ since }) => now - since < REFUSED_WITHIN_MS).length;
		return undecided < Math.max(FIRST_SUBMITS, this.limit?.jobs ?? this.accepted);
	}

	/** Whether the service has said lately how many jobs may be open. @param now ms since the epoch */
	knowsLimit(now: number): boolean {
		return this.limit !== undefined && now - this.limit.toldAt < LIMIT_HOLDS_MS;
	}

	/**
	 * Sends a submit, which takes a place until it is answered. A job to be watched takes one of its own before.
	 * @param now ms since the epoch
	 */
	async countSubmit<T>(now: number, send: () => Promise<T>): Promise<T> {
		const submit = { since: now };
		this.inTheAir.add(submit);
		try {
			return await send();
		} finally {
			this.inTheAir.delete(submit);
			this.roomFreed.notifyAll();
		}
	}

	/** A submit was accepted. */
	countAccepted(): void {
		this.accepted += 1;
	}

	/** Takes a job among the open ones. @param acceptedAt ms since the epoch */
	track(kind: string, acceptedAt: number): OpenJob {
		const job: OpenJob = { kind, acceptedAt, etas: [], lastOpenAt: acceptedAt };
		const younger = this.open.findIndex((other) => other.acceptedAt > acceptedAt);
		this.open.splice(younger < 0 ? this.open.length : younger, 0, job);
		this.turns = undefined;
		return job;
	}

	/**
	 * A job was seen ended.
	 *
	 * @param now when it was seen, ms since the epoch
	 * @param isWell whether it ended as it should; another one teaches nothing but that its place is free
	 */
	recordEnd(job: OpenJob, now: number, isWell: boolean): void {
		const { kind, acceptedAt, lastOpenAt, etas } = job;
		// A clock that was set back teaches nothing.
		if (!this.untrack(job) || now < lastOpenAt) return;
		const endedAt = (lastOpenAt + now) / 2;
		// The standard deviation of an even distribution.
		const blur = (now - lastOpenAt) / Math.sqrt(12);
		const [first] = etas;
		const left = first ? endedAt - acceptedAt - first.age * 1000 : 0;
		this.ended.push({
			kind,
			acceptedAt,
			endedAt,
			blur,
			teachesDuration: isWell,
			...(isWell &&
				first &&
				left > 0 && { eta: { value: Math.log(first.eta) - Math.log(left / 1000), blur: blur / left } }),
		});
		this.ended = this.ended.slice(-MAX_ENDED);
		this.lessons = learnFrom(this.ended);
		this.jobEnded.notifyAll();
	}

	/** A job is not watched any more. @returns whether it was */
	untrack(job: OpenJob): boolean {
		const index = this.open.indexOf(job);
		if (index < 0) return false;
		this.open.splice(index, 1);
		this.turns = undefined;
		this.roomFreed.notifyAll();
		return true;
	}

	/** What is known of an open job by the jobs before it. @param now ms since the epoch */
	predict(job: OpenJob, now: number): Forecast {
		const { work, etaFactor } = this.lessons;
		this.turns ??= this.turnsAt(now);
		const turn = this.turns.get(job) ?? job.acceptedAt;
		return {
			work: work.get(job.kind),
			startsAt: Math.max(0, turn - job.acceptedAt) / 1000,
			etaFactor: etaFactor.get(job.kind) ?? NOTHING_KNOWN.etaFactor,
		};
	}

	/** When the open jobs' turns come or came, ms since the epoch: first in, first out. */
	private turnsAt(now: number): Map<OpenJob, number> {
		const { parallel, work } = this.lessons;
		const turns = new Map<OpenJob, number>();
		if (parallel === Infinity) return turns;
		const ends: number[] = [];
		for (const job of this.open) {
			const before = this.ended.filter(({ acceptedAt }) => acceptedAt <= job.acceptedAt);
			const turn = turnOf(job.acceptedAt, [...before.map(({ endedAt }) => endedAt), ...ends], parallel);
			turns.set(job, turn);
			const taught = work.get(job.kind);
			// One of an unknown kind may end at any moment.
			ends.push(Math.max(job.lastOpenAt, taught ? turn + 1000 * Math.exp(taught.mean) : now));
		}
		return turns;
	}
}

/** When a job's turn comes. @param endsBefore the ends of the jobs that were accepted before it, and of no others */
function turnOf(acceptedAt: number, endsBefore: readonly number[], parallel: number): number {
	const open = endsBefore.filter((end) => end > acceptedAt).sort((a, b) => a - b);
	return open[open.length - parallel] ?? acceptedAt;
}

function learnFrom(ended: readonly EndedJob[]): Learned {
	const jobs = [...ended].sort((a, b) => a.acceptedAt - b.acceptedAt);
	const { parallel, worked } = likeliestParallel(jobs);
	const factors = byKind(jobs, ({ eta }) => eta);
	return {
		parallel,
		work: mapped(worked, (measured) => predicted(measured.slice(-MAX_LESSONS), USUAL_SPREAD)),
		etaFactor: mapped(factors, (measured) => predicted(measured.slice(-MAX_LESSONS), USUAL_ETA_SPREAD)),
	};
}

/**
 * How many jobs the service works on at once: the number with which jobs of a kind have worked equally long, when
 * that is clearly better than that none has waited.
 */
function likeliestParallel(jobs: readonly EndedJob[]): { parallel: number; worked: Map<string, Measured[]> } {
	let best = { parallel: Infinity, worked: workedWith(jobs, Infinity) ?? new Map<string, Measured[]>() };
	// Half of what the spread is without any waiting, and more than what jobs differ by anyway.
	let least = disparity(best.worked) / 2;
	const most = Math.max(0, ...jobs.map(({ acceptedAt }, index) => openAt(jobs.slice(0, index), acceptedAt)));
	for (let parallel = most; parallel >= 1 && least > USUAL_SPREAD ** 2; parallel--) {
		const worked = workedWith(jobs, parallel);
		const spread = worked ? disparity(worked) : Infinity;
		if (spread < least) {
			least = spread;
			best = { parallel, worked: worked ?? best.worked };
		}
	}
	return best;
}

const openAt = (jobs: readonly EndedJob[], time: number) =>
	jobs.filter(({ endedAt }) => endedAt > time).length;

/** How long the jobs have worked, ln s, if so many are worked on at once; nothing if that cannot be. */
function workedWith(jobs: readonly EndedJob[], parallel: number): Map<string, Measured[]> | undefined {
	const ends: number[] = [];
	let canBe = true;
	const worked = byKind(jobs, ({ acceptedAt, endedAt, blur, teachesDuration }) => {
		const time = endedAt - turnOf(acceptedAt, ends, parallel);
		ends.push(endedAt);
		if (!teachesDuration) return undefined;
		if (time <= blur) canBe = false;
		return { value: Math.log(time / 1000), blur: blur / time };
	});
	return canBe ? worked : undefined;
}

/** How far the jobs of each kind lie apart: the sum of the squares of what each is off from its kind's mean. */
function disparity(worked: ReadonlyMap<string, readonly Measured[]>): number {
	let squares = 0;
	for (const measured of worked.values()) {
		const mean = average(measured.map(({ value }) => value));
		squares += sum(measured.map(({ value }) => (value - mean) ** 2));
	}
	return squares;
}

/** What is measured of jobs, by kind. */
function byKind(
	jobs: readonly EndedJob[],
	measure: (job: EndedJob) => Measured | undefined,
): Map<string, Measured[]> {
	const kinds = new Map<string, Measured[]>();
	for (const job of jobs) {
		const measured = measure(job);
		if (measured) kinds.set(job.kind, [...(kinds.get(job.kind) ?? []), measured]);
	}
	return kinds;
}

function mapped<From, To>(map: ReadonlyMap<string, From>, change: (value: From) => To): Map<string, To> {
	return new Map([...map].map(([key, value]) => [key, change(value)]));
}

/**
 * What the next one is to be expected to be, after some have been measured.
 *
 * @param usual how far they usually differ, which counts as much as one that was measured
 */
function predicted(measured: readonly Measured[], usual: number): LogNormal {
	const count = measured.length;
	const mean = average(measured.map(({ value }) => value));
	const variance = average(measured.map(({ value, blur }) => (value - mean) ** 2 - blur ** 2));
	// What is blurred counts less, as far as that is more than they differ by anyway.
	const differ = Math.max((usual / 5) ** 2, variance);
	const weights = measured.map(({ blur }) => 1 / (differ + blur ** 2));
	const all = sum(weights);
	const weighted = (value: (entry: Measured) => number) =>
		sum(measured.map((entry, index) => (weights[index] ?? 0) * value(entry))) / all;
	const centre = weighted(({ value }) => value);
	const squares = count * weighted(({ value }) => (value - centre) ** 2);
	return { mean: centre, sd: Math.sqrt(((usual ** 2 + squares) / count) * (1 + 1 / count) + 1 / all) };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const average = (values: readonly number[]) => sum(values) / values.length;
