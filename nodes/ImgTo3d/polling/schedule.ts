import { planNextPoll, NOTHING_KNOWN, type Forecast, type PolledJob } from './estimate';

/** The shortest pause between two polls, ms, however soon the end is expected. */
export const MIN_PAUSE_MS = 250;
/** The same as a share of the job's age: polling more often gains too little. */
const MIN_PAUSE_SHARE = 0.005;
/** The longest pause between two polls, ms, however late the end is expected. */
export const MAX_PAUSE_MS = 300_000;

/** What the schedule of a job follows. */
export interface ScheduleOptions {
	/** What other jobs say about it. */
	forecast?: Forecast;
	/** The fixed pause that the person has set, ms. If it is set, nothing else counts. */
	pollIntervalMs?: number;
}

/**
 * Computes when to poll a job again: after `pollIntervalMs` exactly if that is set, otherwise when its end is to be
 * expected (see `estimate.ts`). The pause after the last poll is at least {@link MIN_PAUSE_MS} and half a percent of the
 * job's age, and at most {@link MAX_PAUSE_MS}.
 *
 * @returns ms of the clock
 */
export function computeNextPoll(
	{ acceptedAt, lastOpenAt, etas }: Readonly<PolledJob>,
	{ forecast = NOTHING_KNOWN, pollIntervalMs }: ScheduleOptions = {},
): number {
	if (pollIntervalMs !== undefined) return lastOpenAt + pollIntervalMs;
	const ageMs = Math.max(0, lastOpenAt - acceptedAt);
	const wanted = 1000 * planNextPoll(ageMs / 1000, etas, forecast) - ageMs;
	const least = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, ageMs * MIN_PAUSE_SHARE));
	return lastOpenAt + Math.min(MAX_PAUSE_MS, Math.max(least, wanted));
}
