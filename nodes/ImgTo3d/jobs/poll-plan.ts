import type { OpenJob } from '../polling/account';
import type { PolledJob } from '../polling/estimate';
import { computeNextPoll } from '../polling/schedule';
import type { AcceptedJob, KnownJob } from './ledger';
import { isGeneration, type JobItem } from '../request';
import { trackJob, type Run } from './run';

/** The shortest estimate, s. An ETA of 0 means "any moment". */
const MIN_ETA = 0.05;

/** Plans the polls of one job, from what its answers and other jobs of the account say. */
export class PollPlan {
	/** @param open the same job among the account's open jobs, if it is known when it was accepted */
	private constructor(
		private readonly run: Run,
		private readonly pollIntervalMs: number | undefined,
		private readonly polled: PolledJob,
		private readonly open?: OpenJob,
	) {}

	/** @param accepted the item's job, if this run submitted it */
	static of(run: Run, { itemIndex, work, pollIntervalMs }: JobItem, accepted?: AcceptedJob): PollPlan {
		if (!accepted || !isGeneration(work)) {
			const now = run.clock.now();
			return new PollPlan(run, pollIntervalMs, { acceptedAt: now, lastOpenAt: now, etas: [] });
		}
		const open = trackJob(run, itemIndex, work, accepted.since);
		const plan = new PollPlan(run, pollIntervalMs, open, open);
		plan.noteOpen(accepted.known, accepted.at);
		return plan;
	}

	/** @returns ms of the clock */
	computeNextPoll(): number {
		const { polled, open, pollIntervalMs } = this;
		const { account, clock } = this.run;
		const forecast = open && pollIntervalMs === undefined ? account.predict(open, clock.now()) : undefined;
		return computeNextPoll(polled, { forecast, pollIntervalMs });
	}

	/** Notes that the job had not ended. @param at when the service said so, ms of the clock */
	noteOpen(job: KnownJob, at = this.run.clock.now()): void {
		const { etas, acceptedAt } = this.polled;
		this.polled.lastOpenAt = at;
		if (job.state !== 'processing' || job.etaSeconds === undefined) return;
		const eta = Math.max(job.etaSeconds, MIN_ETA);
		// An ETA that only repeats the one before says nothing about now.
		if (eta === etas[etas.length - 1]?.eta) return;
		const age = (at - acceptedAt) / 1000;
		etas.push({ age, eta });
		this.run.account.notePaceOf(age + eta);
	}

	/** Notes that the job has ended. */
	noteEnd(hasSucceeded: boolean): void {
		if (this.open) this.run.account.recordEnd(this.open, this.run.clock.now(), hasSucceeded);
	}

	/** The job is not among the account's open jobs any more, as far as is known. */
	untrack(): void {
		if (this.open) this.run.account.untrack(this.open);
	}
}
