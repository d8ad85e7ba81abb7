import { sleep } from 'n8n-workflow';

/** The time that everything that waits goes by. Tests bring their own, so that a long wait passes at once. */
export interface Clock {
	/** Milliseconds since the epoch. */
	now(): number;
	/** Resolves after `ms` milliseconds, or as soon as `signal` is aborted. Never rejects. */
	sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * A pause is cut into slices, because n8n offers community nodes no timer that can be cancelled on all its
 * versions. An abort ends the pause at once; what is left of its slice runs out behind it.
 */
const SLICE_MS = 1000;

export const systemClock: Clock = {
	now: () => Date.now(),

	async sleep(ms, signal) {
		const end = Date.now() + ms;
		for (let left = ms; left > 0 && !signal?.aborted; left = end - Date.now()) {
			await unlessAborted(sleep(Math.min(left, SLICE_MS)), signal);
		}
	},
};

async function unlessAborted(pause: Promise<void>, signal?: AbortSignal): Promise<void> {
	if (!signal) return await pause;
	let wake = () => {};
	const aborted = new Promise<void>((resolve) => {
		wake = resolve;
	});
	signal.addEventListener('abort', wake, { once: true });
	await Promise.race([pause, aborted]);
	signal.removeEventListener('abort', wake);
}
