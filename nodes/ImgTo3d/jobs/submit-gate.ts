import type { Limit } from '../api/judge';
import type { Clock } from '../async/clock';
import { REFUSED_WITHIN_MS, type Account } from '../polling/account';

/** How long the gate stays closed after a refusal that names no time, ms. */
const DEFAULT_CLOSED_MS = 10_000;

/** The shortest time that the gate stays closed, even if the service asks for less, ms. */
const MIN_CLOSED_MS = 1000;

/**
 * Holds back submits while the account has no room for more, as far as that is known, and while the service refuses them.
 *
 * One refusal closes the gate for all items of the run. When the time that the service named is over, the items try again
 * one at a time, in the order in which they came. After a refusal because of a full queue, they also try again when a job
 * of this run ends. A later item never overtakes one that waits.
 */
export class SubmitGate {
	/** Until when the service has refused submits, ms of the clock. */
	private closedUntil = 0;
	private isQueueFull = false;
	private waiting = 0;
	private last: Promise<void> = Promise.resolve();
	private progressAt: number;

	constructor(
		private readonly clock: Clock,
		private readonly account: Account,
		private readonly signal: AbortSignal,
	) {
		this.progressAt = clock.now();
	}

	/** Whether a submit has to queue. */
	get isClosed(): boolean {
		const now = this.clock.now();
		return this.waiting > 0 || now < this.closedUntil || !this.account.hasRoom(now);
	}

	/** When a submit of this run was last accepted, or a job of it ended, ms of the clock. */
	get lastProgress(): number {
		return this.progressAt;
	}

	/** Closes the gate, because the service has refused a submit. A full queue has room again when a job of this run ends. */
	close({ reason, retryAfterSeconds, queueLimit }: Limit): void {
		const now = this.clock.now();
		const pause = retryAfterSeconds === undefined ? DEFAULT_CLOSED_MS : retryAfterSeconds * 1000;
		this.isQueueFull = reason === 'queueFull';
		this.closedUntil = now + Math.max(MIN_CLOSED_MS, pause);
		if (queueLimit !== undefined) this.account.setLimit(queueLimit, now);
	}

	/** Notes that a submit of this run was accepted. */
	noteAccepted(): void {
		this.progressAt = this.clock.now();
	}

	/** Notes that the service has ended a job of this run, well or badly, so that its slot in the queue is free. */
	noteEnded(): void {
		this.progressAt = this.clock.now();
		if (this.isQueueFull) this.closedUntil = this.clock.now();
		this.account.roomFreed.notifyAll();
	}

	/** Queues, then runs `work` as the only one that passes the gate. */
	async pass<T>(work: (passage: Passage) => Promise<T>): Promise<T> {
		const before = this.last;
		const passage = new Passage(this.clock);
		this.last = passage.ended;
		this.waiting += 1;
		try {
			await before;
			return await work(passage);
		} finally {
			this.waiting -= 1;
			passage.end();
		}
	}

	/**
	 * How long the gate stays closed as far as is known now, ms. 0 or less when it is open, or when `deadline` (ms of the
	 * clock) has come. A submit that finds the gate open has to be sent at once: other runs use the same account.
	 */
	getClosedMs(deadline: number): number {
		const now = this.clock.now();
		// Without room, the gate is closed until there is some. But a submit in the air soon stops counting.
		const opensAt = this.account.hasRoom(now) ? this.closedUntil : now + REFUSED_WITHIN_MS;
		return Math.min(opensAt, deadline) - now;
	}

	/** Waits for `ms`, or until there may be room. */
	async wait(ms: number): Promise<void> {
		await this.account.roomFreed.wait(this.clock, ms, this.signal);
	}
}

/** One submit's time at the gate. */
class Passage {
	readonly ended: Promise<void>;
	/** Lets the next submit in. */
	end: () => void = () => {};

	constructor(private readonly clock: Clock) {
		this.ended = new Promise((resolve) => {
			this.end = resolve;
		});
	}

	/** Sends the submit. A refusal comes at once, so the next submit does not wait for an answer that takes long. */
	async send<T>(submit: () => Promise<T>): Promise<T> {
		const answered = new AbortController();
		void this.clock.sleep(REFUSED_WITHIN_MS, answered.signal).then(() => {
			if (!answered.signal.aborted) this.end();
		});
		try {
			return await submit();
		} finally {
			answered.abort();
		}
	}
}
