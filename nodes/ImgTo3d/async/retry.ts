/** The longest pause after calls that bring nothing, unless the service asks for a longer one, ms. */
export const MAX_RETRY_MS = 30_000;

/** The first pause after a call that brought nothing, ms; it doubles with each further one. */
const FIRST_RETRY_MS = 1000;

/**
 * The pause before a free call is repeated, ms: exponential with +-25 % jitter, so that many jobs do not come
 * back at the same moment, and no shorter than what the service asked for.
 *
 * @param failures how many calls in a row brought nothing, from 1
 * @param retryAfterSeconds what the service asked to wait
 * @param random from 0 to 1
 */
export function computeBackoff(failures: number, retryAfterSeconds = 0, random = Math.random()): number {
	const backoff = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
	return Math.max(retryAfterSeconds * 1000, backoff * (0.75 + random / 2));
}

/** How often a free call that brings nothing is made, where no job of the run depends on it. */
export const MAX_TRIES = 5;
