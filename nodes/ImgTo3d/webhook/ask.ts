import type { Answer } from '../api/answer';
import type { Connection } from '../api/connection';
import type { JobId } from '../api/job-id';
import { readRequestedPause } from '../api/judge';
import type { ApiVersion } from '../api/versions';
import { computeBackoff, retry } from '../async/retry';

/** The pause before an open job is asked for again, ms. A call has said that it has ended, so its end is near. */
const OPEN_PAUSE_MS = 2000;

/** The shortest time limit of a fetch, ms. If a fetch is cut short, it seems that the API does not answer. */
const MIN_FETCH_MS = 3000;

/** A job to ask the API about. */
export interface JobToAsk {
	apiVersion: ApiVersion;
	id: JobId;
	/** The address that the service named for it. */
	fetchResult?: string;
}

/** Runs a fetch when a slot is free. @returns `Rejected` if the queue is full */
export type Enqueue<Rejected> = (fetch: () => Promise<Answer>) => Promise<Answer | Rejected>;

/**
 * Asks the API about a job until an answer is final or the time is up. The time in the queue does not count: the caller
 * may be gone by then, but it will not call again.
 *
 * @param limitMs with 0, the API is asked once
 * @returns the last answer, or `undefined` if the queue rejected a fetch
 */
export async function askUntilFinal<Rejected extends undefined = never>(
	{ service, clock, signal }: Connection,
	{ apiVersion, id, fetchResult }: JobToAsk,
	limitMs: number,
	enqueue: Enqueue<Rejected>,
	isFinal: (answer: Answer) => boolean,
): Promise<Answer | Rejected> {
	let deadline = clock.now() + limitMs;
	let named = fetchResult;
	const ask = async () => {
		const queuedAt = clock.now();
		return await enqueue(async () => {
			deadline += clock.now() - queuedAt;
			const leftMs = Math.max(MIN_FETCH_MS, deadline - clock.now());
			return await service.fetch(apiVersion, id, named, leftMs, signal);
		});
	};
	return await retry({ clock, signal, deadline: () => deadline }, ask, (answer, tries) => {
		if (!answer || isFinal(answer)) return undefined;
		if (answer.state === 'processing') return OPEN_PAUSE_MS;
		// The named address may be another job's, or lead nowhere. So every other fetch goes to the documented one.
		named = named === undefined ? fetchResult : undefined;
		return computeBackoff(tries, readRequestedPause(answer));
	});
}
