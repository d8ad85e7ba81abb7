import type { Clock } from './clock';

/** How often it may happen in a minute. */
const MAX_A_MINUTE = 10;
const MINUTE_MS = 60_000;

/** Limits how often something happens that strangers can cause as often as they like. It counts what exceeds the limit. */
export class RateLimit {
	private minuteBeganAt = -Infinity;
	private used = 0;
	private exceeding = 0;

	/**
	 * Uses one of the minute's ten.
	 *
	 * @param sumUp called with the number of refusals when the minute is over, if there were any
	 * @returns whether it may happen
	 */
	take(clock: Clock, sumUp: (count: number) => void): boolean {
		const now = clock.now();
		if (now - this.minuteBeganAt >= MINUTE_MS) {
			this.minuteBeganAt = now;
			this.used = 0;
		}
		if (this.used < MAX_A_MINUTE) {
			this.used += 1;
			return true;
		}
		this.exceeding += 1;
		if (this.exceeding === 1) {
			void clock.sleep(this.minuteBeganAt + MINUTE_MS - now).then(() => {
				const { exceeding } = this;
				this.exceeding = 0;
				sumUp(exceeding);
			});
		}
		return false;
	}
}
