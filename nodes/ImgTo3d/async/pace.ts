import type { Clock } from './clock';

/** Starts no more than a number of tasks a second, after a first burst. Tasks start in the order in which they ask. */
export class Pace {
	/** When the next task would start if there had been no burst, ms of the clock. */
	private next = -Infinity;

	/**
	 * @param intervalMs the time between two starts
	 * @param burst how many may start at once after a pause
	 */
	constructor(
		private readonly intervalMs: number,
		private readonly burst: number,
	) {}

	/** Waits until a task may start. */
	async wait(clock: Clock): Promise<void> {
		const now = clock.now();
		const start = Math.max(this.next, now - (this.burst - 1) * this.intervalMs);
		this.next = start + this.intervalMs;
		if (start > now) await clock.sleep(start - now);
	}
}
