/** Watching a job until the service has ended it. Looking is free. */
import { merged } from '../api/answer';
import { mayPass, overdue, problemOf, ProblemError, type Problem } from '../api/problems';
import type { ItemRequest } from '../request';
import type { OpenJob, SeenJob } from './account';
import type { AcceptedJob, KnownJob } from './ledger';
import { nextLookAt, retryPause } from './poll-schedule';
import { CALL_LIMIT_MS, MAX_TRIES, openJobOf, stopIfAborted, type Run } from './run';

/** How many unreadable answers in a row are put up with. */
const MAX_UNREADABLE = 3;

/** The least time that a look is given, ms. */
const MIN_LOOK_MS = 1000;

/** An ETA of nothing means "any moment", s. */
const LEAST_ETA = 0.05;

/** The longest that a look may take when the execution is about to rest, ms: meanwhile a call would be lost. */
const LAST_LOOK_MS = 10_000;

/**
 * Looks at a job until the service says that it has ended well.
 *
 * A call that fails is repeated until the job's time is up: an outage of minutes must not lose a paid job.
 *
 * @param accepted the job as its submit left it; absent for a job of another run, which is looked at at once
 * @param mayRest once aborted, the job is looked at until there is an answer, and given back as it stands
 * @returns what the service says of the job
 * @throws ProblemError when the job failed, when its time is up, when the service refuses to tell
 * @throws Stopped when the run was stopped
 */
export async function endOfJob(
	run: Run,
	item: ItemRequest,
	id: string | number,
	accepted?: AcceptedJob,
	mayRest?: AbortSignal,
): Promise<KnownJob> {
	if (accepted?.known.state === 'success') return accepted.known;
	const isEnough = (job: KnownJob) => job.state === 'success' || mayRest?.aborted === true;
	const known = await look(run, item, id, isEnough, accepted, mayRest);
	if (accepted) {
		run.ledger.set(item.itemIndex, { ...accepted, fate: 'accepted', known, at: run.clock.now() });
	}
	if (known.state === 'success') run.gate.jobEnded();
	return known;
}

/** The job as it stands now, ended or not: a look that is repeated only while it brings no answer. */
export async function stateOfJob(run: Run, item: ItemRequest, id: string | number): Promise<KnownJob> {
	return await look(run, item, id, () => true);
}

async function look(
	run: Run,
	item: ItemRequest,
	id: string | number,
	isEnough: (job: KnownJob) => boolean,
	accepted?: AcceptedJob,
	mayRest?: AbortSignal,
): Promise<KnownJob> {
	const { clock, signal, service } = run;
	const start = clock.now();
	const deadline = start + item.timeoutMs;
	const sight = sightOf(run, item, accepted);
	let latest = accepted?.known.state === 'processing' ? accepted.known : undefined;
	let failures = 0;
	let unreadable = 0;
	let lastProblem: Problem | undefined;
	// A job that an earlier try of the run submitted may have ended long ago.
	let dueAt = accepted && !mayRest?.aborted ? () => sight.nextLookAt() : () => start;

	for (;;) {
		const wake = mayRest && !mayRest.aborted ? AbortSignal.any([signal, mayRest]) : signal;
		const left = () => Math.min(dueAt(), deadline) - clock.now();
		for (let ms = left(); ms > 0 && !wake.aborted; ms = left()) {
			await run.account.taught.sleep(clock, ms, wake);
		}
		stopIfAborted(signal);
		const limitMs = mayRest?.aborted ? LAST_LOOK_MS : CALL_LIMIT_MS;
		const callMs = Math.min(limitMs, Math.max(MIN_LOOK_MS, deadline - clock.now()));
		const answer = await service.fetch(item.work.apiVersion, id, latest?.fetchResult, callMs, signal);
		stopIfAborted(signal);

		if (answer.state === 'success' || answer.state === 'processing') {
			const job = { ...answer, job: merged(id, latest?.job, answer.job) };
			if (job.state === 'success') sight.hasEnded(true);
			if (isEnough(job)) return job;
			if (job.state === 'processing')
				latest = { ...job, fetchResult: job.fetchResult ?? latest?.fetchResult };
			failures = unreadable = 0;
			lastProblem = undefined;
			sight.isOpen(job);
			dueAt = () => sight.nextLookAt();
		} else {
			const problem = problemOf(answer, 'fetch', {
				jobId: id,
				betterBaseUrl: service.betterBaseUrl(item.work.apiVersion),
			});
			failures += 1;
			if (answer.state === 'unreadable' || answer.state === 'noOutput') unreadable += 1;
			const passes = mayPass(answer) && unreadable < MAX_UNREADABLE;
			// Where the service was never reached for this job, a wrong address is likelier than an outage.
			const isHopeless = latest === undefined && failures >= MAX_TRIES;
			if (!passes || isHopeless) {
				// A job that the service ended is over: a retry of the node may submit the item anew.
				if (answer.state === 'failed') {
					sight.hasEnded(false);
					if (accepted) {
						const { submits } = accepted;
						run.ledger.set(item.itemIndex, { fate: 'failed', problem, submits, isTold: true });
					}
					run.gate.jobEnded();
				}
				throw new ProblemError(problem);
			}
			lastProblem = problem;
			const wanted = 'retryAfterSeconds' in answer ? answer.retryAfterSeconds : undefined;
			const pause = retryPause(failures, wanted);
			// Then the service's call has to tell, or the end of the wait.
			const isLastLook = failures >= MAX_TRIES || pause > LAST_LOOK_MS;
			if (mayRest?.aborted && latest && isLastLook) return latest;
			const retryAt = clock.now() + pause;
			dueAt = () => retryAt;
		}
		if (clock.now() >= deadline) throw new ProblemError(overdue(id, item.timeoutMs, lastProblem));
	}
}

/** A job as it is seen from here, by which the next look is planned. */
class Sight {
	/** @param open the same job among the account's, if its acceptance is known */
	constructor(
		private readonly run: Run,
		private readonly pollIntervalMs: number | undefined,
		private readonly seen: SeenJob,
		private readonly open?: OpenJob,
	) {}

	/** ms since the epoch */
	nextLookAt(): number {
		const { seen, open, pollIntervalMs } = this;
		const { account, clock } = this.run;
		const forecast = open && pollIntervalMs === undefined ? account.forecast(open, clock.now()) : undefined;
		return nextLookAt({ seen, forecast, pollIntervalMs });
	}

	/** @param at when the service said so, ms since the epoch; default now */
	isOpen(job: KnownJob, at = this.run.clock.now()): void {
		const { readings, acceptedAt } = this.seen;
		this.seen.openAt = at;
		if (job.state !== 'processing' || job.etaSeconds === undefined) return;
		const eta = Math.max(job.etaSeconds, LEAST_ETA);
		// What only repeats what was said before says nothing of now.
		if (eta === readings[readings.length - 1]?.eta) return;
		readings.push({ age: (at - acceptedAt) / 1000, eta });
	}

	hasEnded(isWell: boolean): void {
		if (this.open) this.run.account.end(this.open, this.run.clock.now(), isWell);
	}
}

function sightOf(run: Run, item: ItemRequest, accepted: AcceptedJob | undefined): Sight {
	const { work, pollIntervalMs } = item;
	if (!accepted || work.operation === 'getResult') {
		const now = run.clock.now();
		return new Sight(run, pollIntervalMs, { acceptedAt: now, openAt: now, readings: [] });
	}
	const open = openJobOf(run, item.itemIndex, work, accepted.since);
	const sight = new Sight(run, pollIntervalMs, open, open);
	sight.isOpen(accepted.known, accepted.at);
	return sight;
}
