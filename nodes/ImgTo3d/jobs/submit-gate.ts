import type { Clock } from './clock';

/** How long to wait after a rate limit that names no time, ms. */
const DEFAULT_CLOSED_MS = 10_000;

/** How often a closed gate is looked at, ms: a place that a job of ours frees is used within this time. */
const LOOK_MS = 1000;

/**
 * Where submits wait while the account's queue is full. One refusal closes the gate for all of the run's
 * items; then one item at a time tries again, in order, when the time that the service named is over or when
 * a job of this run ends, whichever is first.
 */
export class SubmitGate {
	private openAt = 0;
	private queue: Promise<unknown> = Promise.resolve();

	constructor(
		private readonly clock: Clock,
		private readonly signal: AbortSignal,
	) {}

	get isClosed(): boolean {
		return this.clock.now() < this.openAt;
	}

	/** The service refused a submit for its rate limit. */
	close(retryAfterSeconds?: number): void {
		const pause = retryAfterSeconds === undefined ? DEFAULT_CLOSED_MS : retryAfterSeconds * 1000;
		this.openAt = this.clock.now() + pause;
	}

	/** A job of this run has ended: its place in the account's queue is free. */
	jobEnded(): void {
		this.openAt = this.clock.now();
	}

	/** Runs `work` when everyone who came before is through. */
	async inTurn<T>(work: () => Promise<T>): Promise<T> {
		const turn = this.queue.then(work);
		this.queue = turn.catch(() => undefined);
		return await turn;
	}

	/** Waits until the gate opens, at most until `deadline` (ms since the epoch). */
	async opened(deadline: number): Promise<void> {
		const left = () => Math.min(this.openAt, deadline) - this.clock.now();
		while (left() > 0 && !this.signal.aborted) {
			await this.clock.sleep(Math.min(LOOK_MS, left()), this.signal);
		}
	}
}
