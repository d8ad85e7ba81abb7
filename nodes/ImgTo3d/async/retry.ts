import { throwIfStopped } from './cancellation';
import type { CancelSignal, Clock } from './clock';

/** How often a free call that fails is made, where no job of the run depends on it. */
export const MAX_TRIES = 5;

/** The longest pause between two tries, ms, unless the service asks for a longer one. */
export const MAX_RETRY_MS = 30_000;

/** The pause after the first failure, ms. It doubles with each further failure. */
const FIRST_RETRY_MS = 1000;

/**
 * Computes the pause before a failed call is repeated: exponential, with a jitter of 25 % either way, so that many jobs
 * do not come back at the same moment. It is never shorter than the service asked for.
 *
 * @param failures how many calls in a row have failed, from 1
 * @param retryAfterSeconds the pause that the service asked for
 * @param random from 0 to 1
 * @returns ms
 */
export function computeBackoff(failures: number, retryAfterSeconds = 0, random = Math.random()): number {
	const backoff = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
	return Math.max(retryAfterSeconds * 1000, backoff * (0.75 + random / 2));
}

/** The same for calls that are made {@link MAX_TRIES} times at most. @returns ms; `undefined` after the last try */
export function computeBackoffWithinTries(failures: number, retryAfterSeconds?: number): number | undefined {
	return failures < MAX_TRIES ? computeBackoff(failures, retryAfterSeconds) : undefined;
}

/** What ends a {@link retry}. */
export interface RetryLimits {
	clock: Clock;
	/** Once aborted, the pause ends and no further try is made. */
	signal: CancelSignal;
	/** When the last try must have begun, ms of the clock. It is asked after each try, because it may move. */
	deadline?: () => number;
}

/**
 * Tries something until its result is final, or until the next try would begin too late.
 *
 * @example
 * const answer = await retry(
 * 	{ clock, signal },
 * 	async () => await service.upload(version, dataUri, CALL_LIMIT_MS, signal),
 * 	(latest, tries) => (isDone(latest) ? undefined : computeBackoffWithinTries(tries)),
 * );
 *
 * @param attempt one try, by its number from 1
 * @param pauseAfter the pause before the next try, ms, by the latest result and the number of tries so far; `undefined`
 *   if the result is final
 * @returns the latest result
 * @throws StoppedError if the signal is aborted before a try
 */
export async function retry<Result>(
	{ clock, signal, deadline = () => Infinity }: RetryLimits,
	attempt: (tries: number) => Promise<Result>,
	pauseAfter: (result: Result, tries: number) => number | undefined,
): Promise<Result> {
	for (let tries = 1; ; tries++) {
		throwIfStopped(signal);
		const result = await attempt(tries);
		const pause = pauseAfter(result, tries);
		if (pause === undefined || clock.now() + pause >= deadline()) return result;
		await clock.sleep(pause, signal);
	}
}
