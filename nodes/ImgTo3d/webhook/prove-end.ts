import type { Connection } from '../api/connection';
import { retry } from '../async/retry';

/**
 * After this time, in ms, the API is not asked again. An end counts when the API has said it for a minute at most
 * (`jobs/end-tracker.ts`). The rest is for an end that the API first says during that time.
 */
const PROOF_LIMIT_MS = 75_000;

/** The shortest pause before the API is asked again, ms. */
const PROOF_PAUSE_MS = 10_000;

/**
 * Asks the API again about an end that one answer cannot prove, until it is proven or taken back, or until the time is
 * up. It keeps the pauses that the API asks for, unless one is longer than the whole proof. The caller must have its
 * answer before: the service waits 30 s for it.
 *
 * @param first what came of asking before
 * @param doubtUntil while the end is in doubt, the earliest time to ask again, ms of the clock
 * @param until when the proof must be over, ms of the clock
 * @returns what came of asking last, which may still be in doubt
 */
export async function proveEnd<Result>(
	{ clock, signal }: Connection,
	first: Result,
	askAgain: () => Promise<Result>,
	doubtUntil: (latest: Result) => number | undefined,
	until = Infinity,
): Promise<Result> {
	const start = clock.now();
	return await retry(
		{ clock, signal, deadline: () => until },
		async (tries) => (tries === 1 ? first : await askAgain()),
		(latest) => {
			const mayAskAt = doubtUntil(latest);
			if (mayAskAt === undefined || clock.now() - start >= PROOF_LIMIT_MS) return undefined;
			const pauseMs = Math.max(PROOF_PAUSE_MS, mayAskAt - clock.now());
			return pauseMs > PROOF_LIMIT_MS ? undefined : pauseMs;
		},
	);
}
