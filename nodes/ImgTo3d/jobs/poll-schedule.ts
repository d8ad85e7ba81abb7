/**
 * When to look at a job again.
 *
 * The service says how long a job still takes (`eta`), sometimes, and not always well. With an ETA the next
 * look is when the job should be done. Without one, and once the ETA has proved wrong, the pause follows the
 * job's age, so that the delay between its end and its discovery stays a small share of what it took, and the
 * number of looks grows only with the logarithm of the time. Never faster than once a second, so that nothing
 * hammers the service; never slower than {@link MAX_PAUSE_MS}, so that an ETA that was far too long is noticed.
 */

export const MIN_PAUSE_MS = 1000;
export const MAX_PAUSE_MS = 30_000;

/** Of the job's age, how much to wait when nothing better is known. */
const AGE_SHARE = 0.15;

export interface LookAhead {
	/** Since the job was submitted (or first looked at), ms. */
	ageMs: number;
	/** The service's estimate of what is left, seconds, when it gave one. */
	etaSeconds?: number;
	/** The person's own fixed pause, ms: then nothing else counts. */
	pollIntervalMs?: number;
}

/**
 * The pause before the next look at a job, ms.
 *
 * @returns `pollIntervalMs` exactly, when that is set; else from {@link MIN_PAUSE_MS} to {@link MAX_PAUSE_MS}
 */
export function nextPause({ ageMs, etaSeconds, pollIntervalMs }: LookAhead): number {
	if (pollIntervalMs !== undefined) return pollIntervalMs;
	const byAge = ageMs * AGE_SHARE;
	const wanted = etaSeconds === undefined ? Math.max(2000, byAge) : Math.max(etaSeconds * 1000, byAge);
	return Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, wanted));
}

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
export function retryPause(failures: number, retryAfterSeconds = 0, random = Math.random()): number {
	const backoff = Math.min(MAX_PAUSE_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
	return Math.max(retryAfterSeconds * 1000, backoff * (0.75 + random / 2));
}
