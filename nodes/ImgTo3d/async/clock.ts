import { sleep } from 'n8n-workflow';

/** What is looked at to end a pause early: a signal, or as much of one. */
export type CancelSignal = Pick<AbortSignal, 'aborted'>;

/** The time that everything that waits goes by. Tests bring their own, so that a long wait passes at once. */
export interface Clock {
	/**
	 * Milliseconds since the epoch, by a clock that only runs on: when the system's clock is set, this one is not, so
	 * that no deadline moves.
	 */
	now(): number;
	/** The same moment by the system's clock, for those who go by that. @param time ms of this clock */
	toDate(time: number): Date;
	/** Resolves after `ms` milliseconds, or soon after `signal` is aborted. Never rejects. */
	sleep(ms: number, signal?: CancelSignal): Promise<void>;
}

/**
 * A pause is cut into slices with a look at the signal between them: on none of its versions does n8n offer
 * community nodes a timer that can be cancelled on all the others. A listener a pause would end it sooner
 * still, but Node warns in n8n's log when a signal has more than ten.
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
