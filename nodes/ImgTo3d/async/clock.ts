import { sleep } from 'n8n-workflow';

/** The part of an AbortSignal that ends a pause early. */
export type CancelSignal = Pick<AbortSignal, 'aborted'>;

/** The time for everything that waits. Tests use a clock of their own, so that a long wait takes no time. */
export interface Clock {
	/**
	 * The time now, ms since the epoch. This clock only moves forward: it does not follow when the system's clock is set, so
	 * no deadline moves.
	 */
	now(): number;
	/** Converts a time of this clock to the system's time, for everything that uses that. @param time ms of this clock */
	toDate(time: number): Date;
	/** Resolves after `ms` milliseconds, or soon after `signal` is aborted. Never rejects. */
	sleep(ms: number, signal?: CancelSignal): Promise<void>;
}

/**
 * A pause is cut into slices, and the signal is checked between them: no n8n version offers community nodes a timer that
 * can be canceled on all others. A listener for each pause would end it sooner, but Node warns in n8n's log when a signal
 * has more than ten.
 */
const SLICE_MS = 200;

export const systemClock: Clock = {
	now: () => performance.timeOrigin + performance.now(),

	toDate: (time) => new Date(Date.now() + time - systemClock.now()),

	async sleep(ms, signal) {
		const end = performance.now() + ms;
		for (let left = ms; left > 0 && !signal?.aborted; left = end - performance.now()) {
			await sleep(Math.min(left, SLICE_MS));
		}
	},
};
