import type { CancelSignal, Clock } from './clock';

/** Starts no more than a number of tasks a second, after a first burst. Tasks start in the order in which they ask. */
export class Pace {
	/** When the next task would start if there had been no burst, ms of the clock. */
	private next = -Infinity;
	private pausedUntil = -Infinity;

	/**
	 * @param intervalMs the time between two starts
	 * @param burst how many may start at once after a pause
	 */
	constructor(
		private intervalMs: number,
		private readonly burst: number,
	) {}

	/**
	 * Waits until a task may start, or until the signal is aborted.
	 *
	 * @param deadline when it starts in any case, ms of the clock
	 */
	async wait(clock: Clock, signal?: CancelSignal, deadline = Infinity): Promise<void> {
		// A pause may begin while a task waits for its turn. Then it takes another one.
		do {
			const start = Math.min(this.takeTurn(clock.now()), deadline);
			if (start > clock.now()) await clock.sleep(start - clock.now(), signal);
		} while (clock.now() < Math.min(this.pausedUntil, deadline) && signal?.aborted !== true);
	}

	/** Changes the time between two starts, ms. */
	setInterval(intervalMs: number): void {
		this.intervalMs = intervalMs;
	}

	/** Counts a task that does not wait. The tasks after it wait for it, but not for more than a burst of such tasks. */
	count(now: number): void {
		const before = this.next;
		this.takeTurn(now);
		this.next = Math.max(before, Math.min(this.next, now + this.burst * this.intervalMs));
	}

	/** Starts no task before `time`, ms of the clock, and those that ask until then one after another. */
	pauseUntil(time: number): void {
		this.pausedUntil = Math.max(this.pausedUntil, time);
		this.next = Math.max(this.next, time);
	}

	/** @returns when the task may start, ms of the clock */
	private takeTurn(now: number): number {
		const start = Math.max(this.next, now - (this.burst - 1) * this.intervalMs);
		this.next = start + this.intervalMs;
		return start;
	}
}
