/** Polling a job until the service has ended it. Polls are free. */
import type { Answer } from '../api/answer';
import { mergeFacts } from '../api/job-facts';
import { isSameId, writeId, type JobId } from '../api/job-id';
import { isLimit, mayPass, readRequestedPause, type BadAnswer } from '../api/judge';
import { describeOverdue, ProblemError, type Problem } from '../api/problems';
import { CALL_LIMIT_MS } from '../api/service';
import { throwIfStopped } from '../async/cancellation';
import { computeBackoff, MAX_TRIES } from '../async/retry';
import type { JobItem } from '../request';
import { EndTracker } from './end-tracker';
import type { AcceptedJob, KnownJob } from './ledger';
import { PollPlan } from './poll-plan';
import type { Run } from './run';

/** The least time that a poll is given, ms. */
export const MIN_POLL_MS = 1000;

/** The longest time for a poll when the execution is about to be suspended, ms: the service's call is lost until then. */
const LAST_POLL_MS = 10_000;

export interface PollOptions {
	/** The job as its submit left it. Absent for a job of another run: that is polled at once. */
	accepted?: AcceptedJob;
	/** What the service has just said about the job, in place of the first poll. */
	answer?: Answer;
	/** Once aborted, the job is polled only until there is an answer, and returned as it is then. */
	maySuspend?: AbortSignal;
	/** Gives the job's slot among the jobs in flight to another item. */
	release?: () => void;
}

/**
 * Polls a job until the service says that it has ended well.
 *
 * A call that fails is repeated until the job's time is up: an outage of minutes must not lose a paid job.
 *
 * @returns what the service says about the job
 * @throws ProblemError when the job ended badly, when its time is up, or when the service does not answer
 * @throws StoppedError when the run was stopped
 */
export async function pollUntilEnd(
	run: Run,
	item: JobItem,
	id: JobId,
	options: PollOptions,
): Promise<KnownJob> {
	const { accepted, maySuspend } = options;
	if (accepted?.known.state === 'success') return accepted.known;
	const isEnough = (job: KnownJob) => job.state === 'success' || maySuspend?.aborted === true;
	const known = await new Poller(run, item, id, isEnough, options).poll();
	if (accepted) {
		run.ledger.set(item.itemIndex, { ...accepted, fate: 'accepted', known, at: run.clock.now() });
	}
	if (known.state === 'success') run.gate.noteEnded();
	return known;
}

/** Polls a job once, and again only while there is no answer. @returns the job as it is now, ended or not */
export async function pollOnce(
	run: Run,
	item: JobItem,
	id: JobId,
	options: Pick<PollOptions, 'answer'> = {},
): Promise<KnownJob> {
	return await new Poller(run, item, id, () => true, options).poll();
}

/**
 * Polls one job. Its loop is not `retry`: it goes on after good answers too, and its pauses end early when another job of
 * the account ends.
 */
class Poller {
	private readonly deadline: number;
	private readonly plan: PollPlan;
	private readonly endTracker: EndTracker;
	private latest: Extract<KnownJob, { state: 'processing' }> | undefined;
	/** Whether the service has said anything about this job. */
	private isSeen = false;
	/** How many polls in a row have brought no answer about the job. */
	private failures = 0;
	private lastProblem: Problem | undefined;
	/** Whether the documented address is polled, because the address that the service named said nothing about the job. */
	private isAtDocumented = false;
	/** When the next poll is due, ms of the clock. It may change during the pause. */
	private getDueAt: () => number;

	/** @param isEnough whether a job in this state need not be polled again */
	constructor(
		private readonly run: Run,
		private readonly item: JobItem,
		private readonly id: JobId,
		private readonly isEnough: (job: KnownJob) => boolean,
		private readonly options: PollOptions,
	) {
		const { accepted, maySuspend } = options;
		const start = run.clock.now();
		this.deadline = start + item.timeoutMs;
		this.plan = PollPlan.of(run, item, accepted);
		this.endTracker = new EndTracker(id, accepted !== undefined);
		this.latest = accepted?.known.state === 'processing' ? accepted.known : undefined;
		// A job that an earlier try of the run submitted may have ended long ago.
		this.getDueAt = accepted && !maySuspend?.aborted ? () => this.plan.computeNextPoll() : () => start;
	}

	async poll(): Promise<KnownJob> {
		for (let { answer } = this.options; ; answer = undefined) {
			await this.pause();
			answer ??= await this.fetch();
			const known = isAboutJob(answer, this.id) ? this.takeState(answer) : this.takeOther(toBad(answer));
			if (known) return known;
			if (this.run.clock.now() >= this.deadline) {
				throw new ProblemError(describeOverdue(this.id, this.item.timeoutMs, this.lastProblem));
			}
		}
	}

	/** Waits until the next poll is due. */
	private async pause(): Promise<void> {
		const { clock, signal, account } = this.run;
		const { maySuspend } = this.options;
		const stop = maySuspend && !maySuspend.aborted ? AbortSignal.any([signal, maySuspend]) : signal;
		const getLeft = () => Math.min(this.getDueAt(), this.deadline) - clock.now();
		for (let ms = getLeft(); ms > 0 && !stop.aborted; ms = getLeft()) {
			await account.jobEnded.wait(clock, ms, stop);
		}
		throwIfStopped(signal);
	}

	private async fetch(): Promise<Answer> {
		const { clock, signal, service, account } = this.run;
		const isLastPoll = this.options.maySuspend?.aborted === true;
		// The service's call is lost until the execution is suspended, so nothing delays that.
		if (isLastPoll) account.pace.count(clock.now());
		else await account.pace.wait(clock, signal, this.deadline);
		throwIfStopped(signal);
		const limitMs = isLastPoll ? LAST_POLL_MS : CALL_LIMIT_MS;
		const callMs = Math.min(limitMs, Math.max(MIN_POLL_MS, this.deadline - clock.now()));
		const { apiVersion } = this.item.work;
		const named = this.isAtDocumented ? undefined : this.latest?.fetchResult;
		const answer = await service.fetch(apiVersion, this.id, named, callMs, signal);
		throwIfStopped(signal);
		return answer;
	}

	/** Takes an answer that says how the job is. @returns the job if that is enough */
	private takeState(answer: AnswerAboutJob): KnownJob | undefined {
		this.endTracker.note(answer, this.run.clock.now());
		const job = { ...answer, job: mergeFacts(this.id, this.latest?.job, answer.job) };
		if (job.state === 'success') this.plan.noteEnd(true);
		if (this.isEnough(job)) return job;
		if (job.state === 'success') return undefined;
		this.latest = { ...job, fetchResult: job.fetchResult ?? this.latest?.fetchResult };
		this.failures = 0;
		this.lastProblem = undefined;
		this.plan.noteOpen(job);
		this.getDueAt = () => this.plan.computeNextPoll();
		return undefined;
	}

	/**
	 * Takes any other answer.
	 *
	 * @returns the job as last known, if the execution is suspended now
	 * @throws ProblemError when the job is over, or when polling is hopeless
	 */
	private takeOther(answer: BadAnswer): KnownJob | undefined {
		const now = this.run.clock.now();
		const finding = this.endTracker.note(answer, now);
		const problem = this.describe(answer);
		this.failures += 1;
		if (finding.state === 'over') this.conclude(problem, finding.isFailed);
		const believedAt = finding.state === 'open' ? finding.believedAt : undefined;
		if (believedAt === undefined) this.isAtDocumented = !this.isAtDocumented;
		this.isSeen ||= this.latest !== undefined || answer.state === 'unknownStatus';
		// Where the service has never answered about this job, a wrong address is likelier than an outage.
		const isHopeless = !mayPass(answer) || this.failures >= MAX_TRIES;
		if (!this.isSeen && believedAt === undefined && isHopeless) throw new ProblemError(problem);
		if (this.endTracker.isLost(now)) this.giveUpSlot();
		this.lastProblem = problem;
		return this.planRetry(readRequestedPause(answer) ?? 0, isLimit(answer), believedAt);
	}

	private describe(answer: BadAnswer): Problem {
		const { apiVersion } = this.item.work;
		const isOwn = this.options.accepted !== undefined;
		return this.run.service.describeProblem(apiVersion, answer, 'fetch', { jobId: this.id, isOwn });
	}

	/**
	 * Plans the poll after one that said nothing about the job.
	 *
	 * @param requestedS the pause that the service asked for, s
	 * @param isLimited whether the account's calls come too fast. Then the polls of all of its jobs wait.
	 * @param believedAt when the job's end is believed, ms of the clock
	 * @returns the job as last known, if the execution is suspended instead
	 */
	private planRetry(requestedS: number, isLimited: boolean, believedAt = Infinity): KnownJob | undefined {
		const now = this.run.clock.now();
		const pause = computeBackoff(this.failures, requestedS);
		if (isLimited) this.run.account.pace.pauseUntil(now + pause);
		// The service's call has to bring the end then, or the end of the wait.
		const isLastPoll = this.failures >= MAX_TRIES || pause > LAST_POLL_MS;
		if (this.options.maySuspend?.aborted && this.latest && isLastPoll) return this.latest;
		// The end is asked for when it will be believed, but never sooner than the service wants.
		const least = Math.max(MIN_POLL_MS, requestedS * 1000);
		const retryAt = Math.min(now + pause, Math.max(believedAt, now + least));
		this.getDueAt = () => retryAt;
		return undefined;
	}

	/** @throws ProblemError the job's bad end */
	private conclude(problem: Problem, isFailed: boolean): never {
		const { run, item } = this;
		const { accepted } = this.options;
		this.plan.noteEnd(false);
		if (accepted && isFailed) {
			const { submits } = accepted;
			run.ledger.set(item.itemIndex, { fate: 'failed', problem, submits, isReported: true });
		}
		run.gate.noteEnded();
		throw new ProblemError(problem);
	}

	/** A job that the service does not know any more does not keep others waiting. It is still polled. */
	private giveUpSlot(): void {
		this.plan.untrack();
		this.options.release?.();
	}
}

type AnswerAboutJob = Extract<Answer, { state: 'success' | 'processing' }>;

/** Whether an answer says how this job is, and not another job. */
export function isAboutJob(answer: Answer, id: JobId): answer is AnswerAboutJob {
	if (answer.state !== 'success' && answer.state !== 'processing') return false;
	return answer.job.id === undefined || answer.isIdUncertain === true || isSameId(answer.job.id, id);
}

/** An answer about another job says nothing about this one. */
export function toBad(answer: Answer): BadAnswer {
	if (answer.state !== 'success' && answer.state !== 'processing') return answer;
	const { httpCode, job } = answer;
	return { state: 'unreadable', httpCode, why: `the service answered about job ${writeId(job.id ?? '')}` };
}
