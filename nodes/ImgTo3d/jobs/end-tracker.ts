/**
 * When a job counts as ended.
 *
 * A job is paid for, and the service sometimes says "failed" or "not found" of a job that succeeds a moment later. So one
 * answer ends a job only if it leaves no doubt. Everything else has to be said again, for some time.
 */
import type { Answer } from '../api/answer';
import { isSameId, type JobId } from '../api/job-id';
import { findAnsweredId, isUnknownJob } from '../api/judge';

/** What an answer says about a job. */
type Claim =
	/** It has a file. */
	| 'done'
	/** It failed. The answer names it by its ID. */
	| 'failed'
	/** It ended badly in another way, or failed in an answer without an ID. */
	| 'failing'
	/** It is done, but there is no file. */
	| 'empty'
	/** The same, because its result was found unsafe. */
	| 'withheld'
	/** The account may not ask: its key or its plan was refused. */
	| 'denied'
	/** The service does not know it. */
	| 'unknown'
	/** The service is working on it. */
	| 'open'
	/** Nothing about this job. */
	| 'nothing';

/** How long a claim has to be made before it is believed, ms. */
const BELIEVED_AFTER_MS: Partial<Record<Claim, number>> = {
	failing: 60_000,
	empty: 60_000,
	withheld: 30_000,
	denied: 10_000,
};

/** How long the service must not know a job whose acceptance nobody saw, ms. */
const UNKNOWN_AFTER_MS = 30_000;

/** How long the service must not know an accepted job before the job gives up its slot, ms. */
const LOST_AFTER_MS = 60_000;

/** How a job is, by all answers so far. */
export type Finding =
	| { state: 'done' }
	/** It will bring nothing. `isFailed`: the service said so by its ID, so it may be submitted again. */
	| { state: 'over'; isFailed: boolean }
	/**
	 * `isReported`: the answer says that the service is working on it, or makes a claim that may be believed later.
	 * `believedAt`: when its end is believed if the answers still say it then, ms of the clock.
	 */
	| { state: 'open'; isReported: boolean; believedAt?: number };

/** Follows the answers about one job. */
export class EndTracker {
	private latest: { claim: Claim; since: number } | undefined;

	/**
	 * @param id the job
	 * @param isAccepted whether this node saw the service accept the job. It exists then, whatever the answers say.
	 */
	constructor(
		private readonly id: JobId,
		private readonly isAccepted: boolean,
	) {}

	/** Notes an answer to a fetch. @param now ms of the clock */
	note(answer: Answer, now: number): Finding {
		const claim = readClaim(answer, this.id);
		if (claim === 'done') return { state: 'done' };
		if (claim === 'failed') return { state: 'over', isFailed: true };
		if (claim === 'open') this.latest = undefined;
		// An answer that says nothing about the job does not contradict an earlier claim.
		if (claim === 'open' || claim === 'nothing') return { state: 'open', isReported: claim === 'open' };
		if (this.latest?.claim !== claim) this.latest = { claim, since: now };
		const wait = this.getWait(claim);
		const believedAt = this.latest.since + wait;
		if (now >= believedAt) return { state: 'over', isFailed: false };
		return wait < Infinity
			? { state: 'open', isReported: true, believedAt }
			: { state: 'open', isReported: false };
	}

	/** Whether the service has not known the job for a minute. @param now ms of the clock */
	isLost(now: number): boolean {
		return this.latest?.claim === 'unknown' && now - this.latest.since >= LOST_AFTER_MS;
	}

	/** How long the claim has to be made, ms. Infinity: it is never believed. */
	private getWait(claim: Claim): number {
		if (claim === 'unknown' && !this.isAccepted) return UNKNOWN_AFTER_MS;
		return BELIEVED_AFTER_MS[claim] ?? Infinity;
	}
}

function readClaim(answer: Answer, id: JobId): Claim {
	if (answer.state === 'unanswered') return 'nothing';
	const answeredId = findAnsweredId(answer);
	const isNamed = answeredId !== undefined && isSameId(answeredId, id);
	if (answeredId !== undefined && !isNamed && !answer.isIdUncertain) return 'nothing';
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
			return readRefusal(answer, isNamed);
		case 'trouble':
			return isNamed && answer.isFromApi && answer.httpCode < 500 ? 'failing' : 'nothing';
		case 'redirected':
		case 'unreadable':
		case 'unknownStatus':
			return 'nothing';
	}
}

function readRefusal(answer: Extract<Answer, { state: 'refused' }>, isNamed: boolean): Claim {
	switch (answer.reason) {
		case 'notFound':
			return 'unknown';
		case 'key':
		case 'forbidden':
			return answer.isFromApi ? 'denied' : 'nothing';
		case 'queueFull':
		case 'rateLimit':
			return 'nothing';
		case 'credits':
		case 'image':
		case 'cancelled':
		case 'other':
			return isNamed && answer.isFromApi ? 'failing' : 'nothing';
	}
}
