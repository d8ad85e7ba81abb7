/** Where the service reads the time from; a test passes its own and moves it. */
export interface Clock {
	/** Milliseconds since an epoch of the clock's own. */
	now(): number;
	/** Resolves after `ms` milliseconds of this clock; rejects when the signal, if it is heeded, is aborted. */
	sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Longest delay that a Node timer takes, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

function timer(ms: number, signal?: AbortSignal): Promise<void> {
	return new Promise((resolve, reject) => {
		const aborted = () => {
			clearTimeout(handle);
			reject(new Error('The sleep was aborted'));
		};
		const handle = setTimeout(() => {
			signal?.removeEventListener('abort', aborted);
			resolve();
		}, ms);
		if (signal?.aborted) aborted();
		else signal?.addEventListener('abort', aborted, { once: true });
	});
}

export const systemClock: Clock = {
	now: () => Date.now(),
	async sleep(ms, signal) {
		// A timer can fire a millisecond before Date.now() says so: whoever slept until a job's end must find it ended.
		const end = Date.now() + ms;
		do {
			await timer(Math.min(Math.max(end - Date.now(), 0), LONGEST_TIMER), signal);
		} while (Date.now() < end);
	},
};
