import { sleep } from 'n8n-workflow';

/** What is looked at to end a pause early: a signal, or as much of one. */
export type StopSign = Pick<AbortSignal, 'aborted'>;

/** The time that everything that waits goes by. Tests bring their own, so that a long wait passes at once. */
export interface Clock {
	/** Milliseconds since the epoch. */
	now(): number;
	/** Resolves after `ms` milliseconds, or soon after `signal` is aborted. Never rejects. */
	sleep(ms: number, signal?: StopSign): Promise<void>;
}

/**
 * A pause is cut into slices with a look at the signal between them: on none of its versions does n8n offer
 * community nodes a timer that can be cancelled on all the others. A listener a pause would end it sooner
 * still, but Node warns in n8n's log when a signal has more than ten.
 */
const SLICE_MS = 200;

export const systemClock: Clock = {
	now: () => Date.now(),

	async sleep(ms, signal) {
		const end = Date.now() + ms;
		for (let left = ms; left > 0 && !signal?.aborted; left = end - Date.now()) {
			await sleep(Math.min(left, SLICE_MS));
		}
	},
};

/** Sleeps as {@link Clock.sleep} does, but no longer than until there are news. */
export async function sleepUnlessNews(
	clock: Clock,
	ms: number,
	news: Promise<unknown>,
	signal: StopSign,
): Promise<void> {
	let isOver = false;
	const over = {
		get aborted() {
			return isOver || signal.aborted;
		},
	};
	await Promise.race([clock.sleep(ms, over), news]);
	isOver = true;
}
