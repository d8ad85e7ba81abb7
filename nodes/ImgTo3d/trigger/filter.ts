import type { EndReport } from '../api/webhook-call';
import type { TriggerSettings } from './parameters';

/** Whether a job's end is an event that the person has chosen, with a track ID that the person has chosen. */
export function isWanted(
	{ events, trackId: wanted }: TriggerSettings,
	{ outcome, trackId = '' }: EndReport,
): boolean {
	if (!events.includes(outcome)) return false;
	if (wanted === '') return true;
	return wanted.endsWith('*') ? trackId.startsWith(wanted.slice(0, -1)) : trackId === wanted;
}
