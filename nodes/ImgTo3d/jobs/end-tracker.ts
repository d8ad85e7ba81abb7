/**
 * When a job counts as ended. A job is paid for, and the service says "failed" or "not found" of jobs that succeed a
 * moment later: so one answer ends a job only if it leaves no doubt, and every other has to be said again.
 */
import type { Answer } from '../api/answer';
import { isSameId, type JobId } from '../api/job-id';
import { isUnknownJob } from '../api/judge';

/** What an answer says of a job. */
type Claim =
	/** It has a file. */
	| 'done'
	/** It failed, by its ID. */
	| 'failed'
	/** It ended in another bad way, or failed without being named. */
	| 'failing'
	/** It is done, but there is no file. */
	| 'empty'
	/** The same, because its result was found unsafe. */
	| 'withheld'
	/** The account may not ask: its key or its plan was refused. */
	| 'denied'
	/** The service does not know it. */
	| 'unknown'
	/** It is being worked on. */
	| 'open'
	/** Nothing about this job. */
	| 'nothing';

/** How long something has to be said before it is believed, ms. */
const BELIEVED_AFTER_MS: Partial<Record<Claim, number>> = {
	failing: 60_000,
	empty: 60_000,
	withheld: 30_000,
	denied: 10_000,
};

/** How long a job has to be unknown that nobody saw accepted, ms. */
const UNKNOWN_AFTER_MS = 30_000;

/** How long an accepted job has to be unknown until it does not keep others waiting, ms. */
const LOST_AFTER_MS = 60_000;

/** How a job stands by all that was said so far. */
export type Finding =
	| { state: 'done' }
	/** It will bring nothing. `isFailed`: the service said so by its ID, and it may be submitted anew. */
	| { state: 'over'; isFailed: boolean }
	/**
	 * `isTold`: the answer says that it is being worked on, or something that may be believed later. `believedAt`: when
	 * its end will be believed if it is said again then, ms of the clock.
	 */
	| { state: 'open'; isTold: boolean; believedAt?: number };

/** Follows what is said of one job. */
export class EndTracker {
	private said: { claim: Claim; since: number } | undefined;

	/**
	 * @param id the job
	 * @param isAccepted whether this node saw the service accept it: then it exists, whatever is said
	 */
	constructor(
		private readonly id: JobId,
		private readonly isAccepted: boolean,
	) {}

	/** Notes an answer to a fetch. @param now ms of the clock */
	note(answer: Answer, now: number): Finding {
		const claim = claimOf(answer, this.id);
		if (claim === 'done') return { state: 'done' };
		if (claim === 'failed') return { state: 'over', isFailed: true };
		if (claim === 'open') this.said = undefined;
		// What says nothing about the job does not contradict what was said before.
		if (claim === 'open' || claim === 'nothing') return { state: 'open', isTold: claim === 'open' };
		if (this.said?.claim !== claim) this.said = { claim, since: now };
		const wait =
			BELIEVED_AFTER_MS[claim] ?? (this.isAccepted || claim !== 'unknown' ? Infinity : UNKNOWN_AFTER_MS);
		const believedAt = this.said.since + wait;
		if (now >= believedAt) return { state: 'over', isFailed: false };
		return wait < Infinity ? { state: 'open', isTold: true, believedAt } : { state: 'open', isTold: false };
	}

	/** Whether the service has not known the job for a minute. @param now ms of the clock */
	isLost(now: number): boolean {
		return this.said?.claim === 'unknown' && now - this.said.since >= LOST_AFTER_MS;
	}
}

function claimOf(answer: Answer, id: JobId): Claim {
	if (answer.state === 'unanswered') return 'nothing';
	const told = 'job' in answer ? answer.job.id : answer.id;
	const isNamed = told !== undefined && isSameId(told, id);
	if (told !== undefined && !isNamed && !answer.isIdLoose) return 'nothing';
	switch (answer.state) {
		case 'success':
			return 'done';
		case 'processing':
			return 'open';
		case 'noOutput':
			return answer.isWithheld ? 'withheld' : 'empty';
		case 'failed':
			if (isUnknownJob(answer)) return 'unknown';
			return isNamed ? 'failed' : 'failing';
		case 'refused':
			return claimOfRefusal(answer, isNamed);
		case 'trouble':
			return isNamed && answer.isOfApi && answer.httpCode < 500 ? 'failing' : 'nothing';
		case 'redirected':
		case 'unreadable':
		case 'unknownStatus':
			return 'nothing';
	}
}

function claimOfRefusal(answer: Extract<Answer, { state: 'refused' }>, isNamed: boolean): Claim {
	switch (answer.reason) {
		case 'notFound':
			return 'unknown';
		case 'key':
		case 'forbidden':
			return answer.isOfApi ? 'denied' : 'nothing';
		case 'queueFull':
		case 'rateLimit':
			return 'nothing';
		case 'credits':
		case 'image':
		case 'cancelled':
		case 'other':
			return isNamed && answer.isOfApi ? 'failing' : 'nothing';
	}
}
