import type { Limit } from '../api/judge';
import type { Clock } from '../async/clock';
import { REFUSED_WITHIN_MS, type Account } from '../polling/account';

/** How long to wait after a refusal that names no time, ms. */
const DEFAULT_CLOSED_MS = 10_000;

/** However soon the service lets one try again, ms. */
const MIN_CLOSED_MS = 1000;

/**
 * Where submits wait while the account has no room for more, as far as that is known, and while the service refuses
 * them. One refusal closes the gate for all of the run's items; then one item at a time tries again, in the order in
 * which they came, when the time that the service named is over. After a full queue that is also when a job of this
 * run ends. Nobody who comes later overtakes those who wait.
 */
export class SubmitGate {
	private openAt = 0;
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

	/** Whether a submit has to wait for its turn. */
	get isClosed(): boolean {
		const now = this.clock.now();
		return this.waiting > 0 || now < this.openAt || !this.account.hasRoom(now);
	}

	/** When a submit of this run was last accepted, or a job of it ended, ms since the epoch. */
	get lastProgress(): number {
		return this.progressAt;
	}

	/** The service refused a submit. A queue that is full has room again when a job of ours ends; another limit has not. */
	close({ reason, retryAfterSeconds, queueLimit }: Limit): void {
		const now = this.clock.now();
		const pause = retryAfterSeconds === undefined ? DEFAULT_CLOSED_MS : retryAfterSeconds * 1000;
		this.isQueueFull = reason === 'queueFull';
		this.openAt = now + Math.max(MIN_CLOSED_MS, pause);
		if (queueLimit !== undefined) this.account.learnLimit(queueLimit, now);
	}

	accepted(): void {
		this.progressAt = this.clock.now();
	}

	/** The service has ended a job of this run, well or badly: its place in the queue is free. */
	jobEnded(): void {
		this.progressAt = this.clock.now();
		if (this.isQueueFull) this.openAt = this.clock.now();
		this.account.roomFreed.notifyAll();
	}

	/** Runs `work` when everyone who came before is through. */
	async inTurn<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
		const before = this.last;
		const turn = new Turn(this.clock);
		this.last = turn.over;
		this.waiting += 1;
		try {
			await before;
			return await work(turn);
		} finally {
			this.waiting -= 1;
			turn.end();
		}
	}

	/**
	 * How long the gate stays closed as far as is known now, ms; 0 or less when it is open, or when `deadline` (ms since
	 * the epoch) has come. Who finds it open has to go through at once: other runs take the same account's room.
	 */
	closedFor(deadline: number): number {
		const now = this.clock.now();
		// Without room, until there is some; but a submit in the air may soon count no more.
		const opens = this.account.hasRoom(now) ? this.openAt : now + REFUSED_WITHIN_MS;
		return Math.min(opens, deadline) - now;
	}

	/** Waits so long, or until there may be room. */
	async wait(ms: number): Promise<void> {
		await this.account.roomFreed.wait(this.clock, ms, this.signal);
	}
}

/** One submit's turn at the gate. */
class Turn {
	readonly over: Promise<void>;
	end: () => void = () => {};

	constructor(private readonly clock: Clock) {
		this.over = new Promise((resolve) => {
			this.end = resolve;
		});
	}

	/** Does the call of the turn; when its answer takes long, the next one need not wait for it. */
	async call<T>(send: () => Promise<T>): Promise<T> {
		const answered = new AbortController();
		void this.clock.sleep(REFUSED_WITHIN_MS, answered.signal).then(() => {
			if (!answered.signal.aborted) this.end();
		});
		try {
			return await send();
		} finally {
			answered.abort();
		}
	}
}
