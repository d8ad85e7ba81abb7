import type { SeenJob } from './account';
import { nextLook, NOTHING_KNOWN, type Forecast } from './end-estimate';

/** However soon the end is expected, ms: nothing hammers the service. */
export const MIN_PAUSE_MS = 250;
/** The same as a share of the job's age: what is gained by looking more often is not worth it. */
const MIN_PAUSE_SHARE = 0.005;
/** However late the end is expected, ms. */
export const MAX_PAUSE_MS = 300_000;

/** A job that is watched, and what is known of its end. */
export interface Watched {
	seen: Readonly<SeenJob>;
	forecast?: Forecast;
	/** The person's own fixed pause, ms: then nothing else counts. */
	pollIntervalMs?: number;
}

/**
 * When to look at a job again, ms since the epoch: after `pollIntervalMs` exactly, when that is set; else when
 * its end is to be expected (see `end-estimate.ts`), but neither sooner than {@link MIN_PAUSE_MS} and half a percent of
 * the job's age after the last look, nor later than {@link MAX_PAUSE_MS} after it.
 */
export function nextLookAt({ seen, forecast, pollIntervalMs }: Watched): number {
	const { acceptedAt, openAt, readings } = seen;
	if (pollIntervalMs !== undefined) return openAt + pollIntervalMs;
	const ageMs = Math.max(0, openAt - acceptedAt);
	const wanted = 1000 * nextLook(ageMs / 1000, readings, forecast ?? NOTHING_KNOWN) - ageMs;
	const least = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, ageMs * MIN_PAUSE_SHARE));
	return openAt + Math.min(MAX_PAUSE_MS, Math.max(least, wanted));
}

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
export function retryPause(failures: number, retryAfterSeconds = 0, random = Math.random()): number {
	const backoff = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
	return Math.max(retryAfterSeconds * 1000, backoff * (0.75 + random / 2));
}
