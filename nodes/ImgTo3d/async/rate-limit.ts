import type { Clock } from './clock';

/** So often in a minute. */
const MOST = 10;
const MINUTE_MS = 60_000;

/** How often something may be told that strangers can cause as often as they like. What goes beyond is counted. */
export class RateLimit {
	private begunAt = -Infinity;
	private used = 0;
	private beyond = 0;

	/**
	 * @param sumUp is called when the minute is over, if something of it was not told
	 * @returns whether it may be told
	 */
	take(clock: Clock, sumUp: (count: number) => void): boolean {
		const now = clock.now();
		if (now - this.begunAt >= MINUTE_MS) {
			this.begunAt = now;
			this.used = 0;
		}
		if (this.used < MOST) {
			this.used += 1;
			return true;
		}
		this.beyond += 1;
		if (this.beyond === 1) {
			void clock.sleep(this.begunAt + MINUTE_MS - now).then(() => {
				const { beyond } = this;
				this.beyond = 0;
				sumUp(beyond);
			});
		}
		return false;
	}
}
