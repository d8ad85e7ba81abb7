import { setTimeout as waitForTimer } from 'node:timers/promises';

/** Where the service reads the time. A test passes its own clock and moves it. */
export interface Clock {
	/** Milliseconds since an epoch of the clock's own. */
	now(): number;
	/** Resolves after `ms` milliseconds of this clock. Rejects when the signal is aborted, if the clock observes it. */
	sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Longest delay that a Node timer takes, ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

export const systemClock: Clock = {
	now: () => Date.now(),
	async sleep(ms, signal) {
		// A timer can fire a millisecond before Date.now() says so. A sleep until a job's end must not end before it.
		const end = Date.now() + ms;
		do {
			await waitForTimer(Math.min(Math.max(end - Date.now(), 0), LONGEST_TIMER), undefined, { signal });
		} while (Date.now() < end);
	},
};
