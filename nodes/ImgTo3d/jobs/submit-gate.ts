import type { Clock } from './clock';

/** How long to wait after a refusal that names no time, ms. */
const DEFAULT_CLOSED_MS = 10_000;

/** How often a closed gate is looked at, ms: a place that a job of ours frees is used within this time. */
const LOOK_MS = 1000;

/** How long a submit in the air keeps the others waiting, ms: a refusal comes at once, a fast generation does not. */
const TURN_MS = 5000;

/**
 * Where submits wait while the service refuses more. One refusal closes the gate for all of the run's items; then
 * one item at a time tries again, in the order in which they came, when the time that the service named is over.
 * After a full queue that is also when a job of this run ends. Nobody who comes later overtakes those who wait.
 */
export class SubmitGate {
	private openAt = 0;
	private isQueueFull = false;
	private waiting = 0;
	private last: Promise<void> = Promise.resolve();
	private progressAt: number;

	constructor(
		private readonly clock: Clock,
		private readonly signal: AbortSignal,
	) {
		this.progressAt = clock.now();
	}

	/** Whether a submit has to wait for its turn. */
	get isClosed(): boolean {
		return this.waiting > 0 || this.clock.now() < this.openAt;
	}

	/** When a submit of this run was last accepted, or a job of it ended, ms since the epoch. */
	get lastProgress(): number {
		return this.progressAt;
	}

	/**
	 * The service refused a submit.
	 *
	 * @param reason a queue that is full has room again when a job of ours ends; another limit has not
	 */
	close(reason: 'queueFull' | 'rateLimit', retryAfterSeconds?: number): void {
		const pause = retryAfterSeconds === undefined ? DEFAULT_CLOSED_MS : retryAfterSeconds * 1000;
		this.isQueueFull = reason === 'queueFull';
		this.openAt = this.clock.now() + pause;
	}

	accepted(): void {
		this.progressAt = this.clock.now();
	}

	/** The service has ended a job of this run, well or badly: its place in the queue is free. */
	jobEnded(): void {
		this.progressAt = this.clock.now();
		if (this.isQueueFull) this.openAt = this.clock.now();
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

	/** Waits until the gate opens, at most until `deadline()` (ms since the epoch), which may move meanwhile. */
	async opened(deadline: () => number): Promise<void> {
		const left = () => Math.min(this.openAt, deadline()) - this.clock.now();
		while (left() > 0 && !this.signal.aborted) {
			await this.clock.sleep(Math.min(LOOK_MS, left()), this.signal);
		}
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
		void this.clock.sleep(TURN_MS, answered.signal).then(() => {
			if (!answered.signal.aborted) this.end();
		});
		try {
			return await send();
		} finally {
			answered.abort();
		}
	}
}
