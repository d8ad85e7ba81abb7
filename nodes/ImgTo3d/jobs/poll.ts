/** Watching a job until the service has ended it. Looking is free. */
import { mergeFacts, type Answer } from '../api/answer';
import { isSameId, writeId, type JobId } from '../api/job-id';
import { mayPass, readRequestedPause, type BadAnswer } from '../api/judge';
import { describeOverdue, describeProblem, ProblemError, type Problem } from '../api/problems';
import { CALL_LIMIT_MS } from '../api/service';
import { throwIfStopped } from '../async/cancellation';
import { computeBackoff, MAX_TRIES } from '../async/retry';
import type { OpenJob, PolledJob } from '../polling/account';
import { computeNextPoll } from '../polling/schedule';
import type { ItemRequest } from '../request';
import { EndTracker } from './end-tracker';
import type { AcceptedJob, KnownJob } from './ledger';
import { trackJob, type Run } from './run';

/** The least time that a look is given, ms. */
const MIN_LOOK_MS = 1000;

/** An ETA of nothing means "any moment", s. */
const LEAST_ETA = 0.05;

/** The longest that a look may take when the execution is about to rest, ms: meanwhile a call would be lost. */
const LAST_LOOK_MS = 10_000;

/** How a job is watched. */
export interface PollOptions {
	/** The job as its submit left it; absent for a job of another run, which is looked at at once. */
	accepted?: AcceptedJob;
	/** Once aborted, the job is looked at until there is an answer, and given back as it stands. */
	maySuspend?: AbortSignal;
	/** Gives the job's place among those in flight to another item. */
	release?: () => void;
}

/**
 * Looks at a job until the service says that it has ended well.
 *
 * A call that fails is repeated until the job's time is up: an outage of minutes must not lose a paid job.
 *
 * @returns what the service says of the job
 * @throws ProblemError when the job ended badly, when its time is up, when the service does not tell
 * @throws Stopped when the run was stopped
 */
export async function pollUntilEnd(
	run: Run,
	item: ItemRequest,
	id: JobId,
	watching: PollOptions,
): Promise<KnownJob> {
	const { accepted, maySuspend } = watching;
	if (accepted?.known.state === 'success') return accepted.known;
	const isEnough = (job: KnownJob) => job.state === 'success' || maySuspend?.aborted === true;
	const known = await new Poller(run, item, id, isEnough, watching).end();
	if (accepted) {
		run.ledger.set(item.itemIndex, { ...accepted, fate: 'accepted', known, at: run.clock.now() });
	}
	if (known.state === 'success') run.gate.jobEnded();
	return known;
}

/** The job as it stands now, ended or not: a look that is repeated only while it brings no answer. */
export async function pollOnce(run: Run, item: ItemRequest, id: JobId): Promise<KnownJob> {
	return await new Poller(run, item, id, () => true, {}).end();
}

/**
 * The watching of one job. Its loop is not `retry`: it goes on after good answers too, and its pauses end early when
 * another job of the account ends.
 */
class Poller {
	private readonly deadline: number;
	private readonly sight: Sight;
	private readonly endWatch: EndTracker;
	private latest: Extract<KnownJob, { state: 'processing' }> | undefined;
	/** Whether the service has said anything of this job. */
	private isSeen = false;
	private failures = 0;
	private lastProblem: Problem | undefined;
	/** Whether the documented address is asked, because the one that the service named told nothing of the job. */
	private isAtDocumented = false;
	private dueAt: () => number;

	constructor(
		private readonly run: Run,
		private readonly item: ItemRequest,
		private readonly id: JobId,
		private readonly isEnough: (job: KnownJob) => boolean,
		private readonly watching: PollOptions,
	) {
		const { accepted, maySuspend } = watching;
		const start = run.clock.now();
		this.deadline = start + item.timeoutMs;
		this.sight = sightOf(run, item, accepted);
		this.endWatch = new EndTracker(id, accepted !== undefined);
		this.latest = accepted?.known.state === 'processing' ? accepted.known : undefined;
		// A job that an earlier try of the run submitted may have ended long ago.
		this.dueAt = accepted && !maySuspend?.aborted ? () => this.sight.nextLookAt() : () => start;
	}

	async end(): Promise<KnownJob> {
		for (;;) {
			await this.pause();
			const answer = await this.look();
			const known = this.take(answer) ?? this.takeBad(answer);
			if (known) return known;
			if (this.run.clock.now() >= this.deadline) {
				throw new ProblemError(describeOverdue(this.id, this.item.timeoutMs, this.lastProblem));
			}
		}
	}

	/** Waits until the next look is due. */
	private async pause(): Promise<void> {
		const { clock, signal, account } = this.run;
		const { maySuspend } = this.watching;
		const wake = maySuspend && !maySuspend.aborted ? AbortSignal.any([signal, maySuspend]) : signal;
		const left = () => Math.min(this.dueAt(), this.deadline) - clock.now();
		for (let ms = left(); ms > 0 && !wake.aborted; ms = left()) {
			await account.jobEnded.wait(clock, ms, wake);
		}
		throwIfStopped(signal);
	}

	private async look(): Promise<Answer> {
		const { clock, signal, service } = this.run;
		const limitMs = this.watching.maySuspend?.aborted ? LAST_LOOK_MS : CALL_LIMIT_MS;
		const callMs = Math.min(limitMs, Math.max(MIN_LOOK_MS, this.deadline - clock.now()));
		const { apiVersion } = this.item.work;
		const named = this.isAtDocumented ? undefined : this.latest?.fetchResult;
		const answer = await service.fetch(apiVersion, this.id, named, callMs, signal);
		throwIfStopped(signal);
		return answer;
	}

	/** Takes an answer that says how the job stands. @returns the job, if that is all that is wanted */
	private take(answer: Answer): KnownJob | undefined {
		if (!tellsOf(answer, this.id)) return undefined;
		this.endWatch.note(answer, this.run.clock.now());
		const job = { ...answer, job: mergeFacts(this.id, this.latest?.job, answer.job) };
		if (job.state === 'success') this.sight.hasEnded(true);
		if (this.isEnough(job)) return job;
		if (job.state === 'success') return undefined;
		this.latest = { ...job, fetchResult: job.fetchResult ?? this.latest?.fetchResult };
		this.failures = 0;
		this.lastProblem = undefined;
		this.sight.isOpen(job);
		this.dueAt = () => this.sight.nextLookAt();
		return undefined;
	}

	/**
	 * Takes an answer that does not say how the job stands.
	 *
	 * @returns the job as last known, if the execution rests now
	 * @throws ProblemError when the job is over
	 */
	private takeBad(answer: Answer): KnownJob | undefined {
		if (tellsOf(answer, this.id)) return undefined;
		const { clock, service } = this.run;
		const { accepted, maySuspend } = this.watching;
		const now = clock.now();
		const finding = this.endWatch.note(answer, now);
		const betterBaseUrl = service.betterBaseUrl(this.item.work.apiVersion);
		const isOwn = accepted !== undefined;
		const problem = describeProblem(asBad(answer), 'fetch', { jobId: this.id, isOwn, betterBaseUrl });
		this.failures += 1;
		if (finding.state === 'over') this.conclude(problem, finding.isFailed);
		// Where the service was never reached for this job, a wrong address is likelier than an outage.
		const isHopeless = !mayPass(asBad(answer)) || this.failures >= MAX_TRIES;
		const isWaitedFor = finding.state === 'open' && finding.believedAt !== undefined;
		if (!isWaitedFor) this.isAtDocumented = !this.isAtDocumented;
		this.isSeen ||= this.latest !== undefined || answer.state === 'unknownStatus';
		if (!this.isSeen && !isWaitedFor && isHopeless) throw new ProblemError(problem);
		if (this.endWatch.isLost(now)) this.giveUpPlace();
		this.lastProblem = problem;
		const wanted = readRequestedPause(answer) ?? 0;
		const pause = computeBackoff(this.failures, wanted);
		// Then the service's call has to tell, or the end of the wait.
		const isLastLook = this.failures >= MAX_TRIES || pause > LAST_LOOK_MS;
		if (maySuspend?.aborted && this.latest && isLastLook) return this.latest;
		const believedAt = (finding.state === 'open' && finding.believedAt) || Infinity;
		// Asked for when it will be believed, but never sooner than the service wants it.
		const least = Math.max(MIN_LOOK_MS, wanted * 1000);
		const retryAt = Math.min(now + pause, Math.max(believedAt, now + least));
		this.dueAt = () => retryAt;
		return undefined;
	}

	/** @throws ProblemError the job's bad end */
	private conclude(problem: Problem, isFailed: boolean): never {
		const { run, item } = this;
		const { accepted } = this.watching;
		this.sight.hasEnded(false);
		if (accepted && isFailed) {
			const { submits } = accepted;
			run.ledger.set(item.itemIndex, { fate: 'failed', problem, submits, isTold: true });
		}
		run.gate.jobEnded();
		throw new ProblemError(problem);
	}

	/** A job that the service has lost from sight does not keep others waiting. It is looked for all the same. */
	private giveUpPlace(): void {
		this.sight.drop();
		this.watching.release?.();
	}
}

type TellingAnswer = Extract<Answer, { state: 'success' | 'processing' }>;

/** Whether an answer says how this job stands, and not another one. */
function tellsOf(answer: Answer, id: JobId): answer is TellingAnswer {
	if (answer.state !== 'success' && answer.state !== 'processing') return false;
	return answer.job.id === undefined || answer.isIdLoose === true || isSameId(answer.job.id, id);
}

/** An answer about another job tells nothing of this one. */
function asBad(answer: Answer): BadAnswer {
	if (answer.state !== 'success' && answer.state !== 'processing') return answer;
	const { httpCode, job } = answer;
	return { state: 'unreadable', httpCode, why: `the service answered about job ${writeId(job.id ?? '')}` };
}

/** A job as it is seen from here, by which the next look is planned. */
class Sight {
	/** @param open the same job among the account's, if its acceptance is known */
	constructor(
		private readonly run: Run,
		private readonly pollIntervalMs: number | undefined,
		private readonly seen: PolledJob,
		private readonly open?: OpenJob,
	) {}

	/** ms since the epoch */
	nextLookAt(): number {
		const { seen, open, pollIntervalMs } = this;
		const { account, clock } = this.run;
		const forecast = open && pollIntervalMs === undefined ? account.predict(open, clock.now()) : undefined;
		return computeNextPoll({ seen, forecast, pollIntervalMs });
	}

	/** @param at when the service said so, ms since the epoch; default now */
	isOpen(job: KnownJob, at = this.run.clock.now()): void {
		const { etas, acceptedAt } = this.seen;
		this.seen.lastOpenAt = at;
		if (job.state !== 'processing' || job.etaSeconds === undefined) return;
		const eta = Math.max(job.etaSeconds, LEAST_ETA);
		// What only repeats what was said before says nothing of now.
		if (eta === etas[etas.length - 1]?.eta) return;
		etas.push({ age: (at - acceptedAt) / 1000, eta });
	}

	/** The job is not among the account's open ones any more, as far as can be seen. */
	drop(): void {
		if (this.open) this.run.account.untrack(this.open);
	}

	hasEnded(isWell: boolean): void {
		if (this.open) this.run.account.recordEnd(this.open, this.run.clock.now(), isWell);
	}
}

function sightOf(run: Run, item: ItemRequest, accepted: AcceptedJob | undefined): Sight {
	const { work, pollIntervalMs } = item;
	if (!accepted || work.operation === 'getResult') {
		const now = run.clock.now();
		return new Sight(run, pollIntervalMs, { acceptedAt: now, lastOpenAt: now, etas: [] });
	}
	const open = trackJob(run, item.itemIndex, work, accepted.since);
	const sight = new Sight(run, pollIntervalMs, open, open);
	sight.isOpen(accepted.known, accepted.at);
	return sight;
}
