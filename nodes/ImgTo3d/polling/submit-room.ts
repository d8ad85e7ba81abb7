/**
 * Whether the service will probably accept another submit of an account. Its queue takes a number of jobs, of all n8n
 * processes and other clients of the account together, and a process knows its own jobs only. What others have in the
 * queue, it learns from refusals, and from the count of the account's requests.
 */
import type { Limit } from '../api/judge';
import { CountPlan } from './count-plan';

/** How long the limit that the service has reported holds, ms. A person may change to a larger plan. */
const LIMIT_HOLDS_MS = 3_600_000;

/**
 * How many submits may be in the air while nothing is known about the account. Other processes may begin at the same moment:
 * if each sent as many as a small plan allows, the first one would get all slots.
 */
const FIRST_SUBMITS = 1;

/** A submit that takes longer has room, ms. The service refuses at once, but answers a fast generation when it is done. */
const REFUSED_WITHIN_MS = 5000;

/** How long a refusal holds that names no time, ms. */
const DEFAULT_PAUSE_MS = 10_000;
/** The shortest time that it holds, even if the service asks for less, ms. */
const MIN_PAUSE_MS = 1000;

/** How much longer each refusal in a row holds, as a share of the pause, and how many of them count. */
const LONGER_EACH = 0.1;
const MAX_LONGER = 4;

/** How long after its pause a refusal still means that others use the queue, ms. */
const SHARED_MS = 60_000;

/** The service's latest refusal to take a job. */
interface Refusal {
	/** Until when no submit is sent, ms of the clock. */
	until: number;
	answer: Limit;
}

/** The room for submits of an account. All times are ms of the clock. */
export class SubmitRoom {
	readonly counts: CountPlan;
	private limit?: { jobs: number; reportedAt: number };
	private refusal?: Refusal;
	/** How many submits that came after the pause were refused in a row. */
	private refusedInRow = 0;
	/** How many slots jobs of this process have left since the refusal. */
	private ended = 0;
	/** How many slots were free when the requests were counted last. */
	private counted = 0;
	/** The submits that are not answered yet. */
	private readonly inTheAir = new Set<{ since: number }>();
	/** While the requests are counted: how many submits were in the air meanwhile. The count may not show them. */
	private sentDuringCount?: number;
	private acceptedSubmits = 0;

	/** @param random from 0 to 1 */
	constructor(random: () => number = Math.random) {
		this.counts = new CountPlan(random);
	}

	/** How many jobs the service has said lately that the account may have open. */
	getLimit(now: number): number | undefined {
		return this.limit && now - this.limit.reportedAt < LIMIT_HOLDS_MS ? this.limit.jobs : undefined;
	}

	/**
	 * When a submit will probably be accepted: `now`, or later.
	 *
	 * While the limit is not known, no more submits are in the air than have been accepted before. So only few are refused
	 * when it is reached. After a refusal, each job of this process that ends leaves its slot to another one. Apart from
	 * that, submits are tried one at a time, when the service wants or when the count shows free slots: others may take
	 * them. Submits that take long do not count, because the service refuses at once.
	 *
	 * @param open how many jobs of this process are open
	 */
	getNextSubmit(now: number, open: number): number {
		const { refusal } = this;
		if (refusal && this.getRefusal(now)) return refusal.until;
		const undecided = [...this.inTheAir].filter(({ since }) => now - since < REFUSED_WITHIN_MS).length;
		const limit = this.getLimit(now);
		const hasRoom =
			limit === undefined
				? undecided < Math.max(FIRST_SUBMITS, this.limit?.jobs ?? this.acceptedSubmits)
				: open + this.inTheAir.size < limit;
		const isTried = refusal !== undefined && this.ended === 0 && undecided > 0;
		// There is room when a submit is answered. But one in the air soon stops counting.
		return hasRoom && !isTried ? now : now + REFUSED_WITHIN_MS;
	}

	/** The answer by which the service refuses submits now, as far as is known. @returns nothing if a submit may be sent */
	getRefusal(now: number): Limit | undefined {
		const { refusal } = this;
		if (!refusal || now >= refusal.until) return undefined;
		// If the calls came too fast, no free slot changes that.
		const hasLikelySlot = refusal.answer.reason === 'queueFull' && this.ended + this.counted > 0;
		return hasLikelySlot ? undefined : refusal.answer;
	}

	/** When the account's requests are to be counted: only while the service refuses more because of other clients' jobs. */
	getNextCount(now: number): number {
		return this.getRefusal(now)?.reason === 'queueFull' ? this.counts.getNext() : Infinity;
	}

	/**
	 * Notes that the service has refused a submit. A pause that it asks for is never shortened, and becomes longer when the
	 * same happens after it: many clients may be waiting.
	 */
	noteRefused(answer: Limit, now: number): void {
		const { reason, retryAfterSeconds, queueLimit } = answer;
		if (this.refusal && now >= this.refusal.until) this.refusedInRow += 1;
		const pause = retryAfterSeconds === undefined ? DEFAULT_PAUSE_MS : retryAfterSeconds * 1000;
		const longer = 1 + LONGER_EACH * Math.min(MAX_LONGER, this.refusedInRow);
		this.refusal = { until: now + Math.max(MIN_PAUSE_MS, pause) * longer, answer };
		this.ended = 0;
		this.counted = 0;
		if (queueLimit !== undefined) this.limit = { jobs: queueLimit, reportedAt: now };
		if (reason === 'queueFull') this.counts.noteRefused(now);
	}

	/** Notes that a job of this process has ended, so that its slot of the queue is free. */
	noteEnded(now: number): void {
		if (!this.refusal) return;
		this.ended += 1;
		// The count may have shown this slot already.
		if (this.counted > 0) this.counted -= 1;
		this.counts.noteEnded(now);
	}

	/** Notes that a count has been begun. */
	noteCountBegun(): void {
		this.sentDuringCount = this.inTheAir.size;
		this.counts.noteBegun();
	}

	/**
	 * Notes how many requests of the account the service works on. The slots that jobs of this process have left go to its
	 * next submits anyway.
	 *
	 * @param open how many jobs of this process are among them
	 */
	noteCount(requests: number, now: number, open: number): void {
		const taken = this.ended + (this.sentDuringCount ?? 0);
		this.sentDuringCount = undefined;
		const free = this.counts.noteCount(requests, now, { open, taken, limit: this.getLimit(now) });
		if (this.refusal) this.counted = free;
	}

	/** Sends a submit, and counts it as in the air until it is answered. */
	async countSubmit<T>(now: number, send: () => Promise<T>): Promise<T> {
		const { refusal } = this;
		if (this.ended > 0) this.ended -= 1;
		else if (this.counted > 0) this.counted -= 1;
		if (refusal && now >= refusal.until + SHARED_MS) this.refusal = undefined;
		const submit = { since: now };
		this.inTheAir.add(submit);
		if (this.sentDuringCount !== undefined) this.sentDuringCount += 1;
		try {
			return await send();
		} finally {
			this.inTheAir.delete(submit);
		}
	}

	/** Notes that a submit was accepted. @param open how many jobs of this process are open now */
	noteAccepted(now: number, open: number): void {
		this.acceptedSubmits += 1;
		this.refusedInRow = 0;
		this.counts.noteAccepted(open);
		const { refusal } = this;
		if (refusal?.answer.reason === 'rateLimit' && now >= refusal.until) this.refusal = undefined;
	}
}
