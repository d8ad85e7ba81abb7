import type { Connection } from '../api/connection';
import { retry } from '../async/retry';

/**
 * After this time, in ms, the API is not asked again. Some ends count only after the API has repeated them for a minute
 * (`jobs/end-tracker.ts`). The other 15 s are for an end that the API first reports during the proof.
 */
const PROOF_LIMIT_MS = 75_000;

/** The shortest pause before the API is asked again, ms. */
const PROOF_PAUSE_MS = 10_000;

/**
 * Asks the API again about an end that one answer cannot prove, until the end is proved or taken back, or until the time
 * is up. It keeps the pauses that the API asks for. If one is longer than the whole proof, it gives up. Answer the webhook
 * call first: the service waits only 30 s.
 *
 * @param first the result of the first question
 * @param askAgain asks once more
 * @param getRetryTime returns the earliest time to ask again, ms of the clock, or `undefined` if there is no doubt
 * @param until when the proof must be over, ms of the clock
 * @returns the latest result, which may still be in doubt
 */
export async function proveEnd<Result>(
	{ clock, signal }: Connection,
	first: Result,
	askAgain: () => Promise<Result>,
	getRetryTime: (latest: Result) => number | undefined,
	until = Infinity,
): Promise<Result> {
	const start = clock.now();
	return await retry(
		{ clock, signal, deadline: () => until },
		async (tries) => (tries === 1 ? first : await askAgain()),
		(latest) => {
			const retryTime = getRetryTime(latest);
			if (retryTime === undefined || clock.now() - start >= PROOF_LIMIT_MS) return undefined;
			const pauseMs = Math.max(PROOF_PAUSE_MS, retryTime - clock.now());
			return pauseMs > PROOF_LIMIT_MS ? undefined : pauseMs;
		},
	);
}
