import type { PolledJob } from './account';
import { planNextPoll, NOTHING_KNOWN, type Forecast } from './end-estimate';

/** However soon the end is expected, ms: nothing hammers the service. */
export const MIN_PAUSE_MS = 250;
/** The same as a share of the job's age: what is gained by looking more often is not worth it. */
const MIN_PAUSE_SHARE = 0.005;
/** However late the end is expected, ms. */
export const MAX_PAUSE_MS = 300_000;

/** A job that is watched, and what is known of its end. */
export interface PolledJobView {
	seen: Readonly<PolledJob>;
	forecast?: Forecast;
	/** The person's own fixed pause, ms: then nothing else counts. */
	pollIntervalMs?: number;
}

/**
 * When to look at a job again, ms since the epoch: after `pollIntervalMs` exactly, when that is set; else when
 * its end is to be expected (see `end-estimate.ts`), but neither sooner than {@link MIN_PAUSE_MS} and half a percent of
 * the job's age after the last look, nor later than {@link MAX_PAUSE_MS} after it.
 */
export function computeNextPoll({ seen, forecast, pollIntervalMs }: PolledJobView): number {
	const { acceptedAt, lastOpenAt, etas } = seen;
	if (pollIntervalMs !== undefined) return lastOpenAt + pollIntervalMs;
	const ageMs = Math.max(0, lastOpenAt - acceptedAt);
	const wanted = 1000 * planNextPoll(ageMs / 1000, etas, forecast ?? NOTHING_KNOWN) - ageMs;
	const least = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, ageMs * MIN_PAUSE_SHARE));
	return lastOpenAt + Math.min(MAX_PAUSE_MS, Math.max(least, wanted));
}
