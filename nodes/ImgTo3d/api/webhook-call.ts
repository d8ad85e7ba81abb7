/** The service's webhook calls about jobs that have ended. They are not signed, so anybody can make one. */
import { readObject, type Answer } from './answer';
import type { JobId } from './job-id';
import { readBody } from './json-body';
import { findAnsweredId } from './judge';

/** The end of a job in a webhook call. It has the same shape as in answers. */
export type ReportedEnd = Extract<Answer, { state: 'success' | 'failed' }>;

/** What a webhook call says about the end of a job. */
export interface EndReport {
	outcome: ReportedEnd['state'];
	id: JobId;
	/** The track ID that the job was submitted with. */
	trackId?: string;
	/** Missing for a success without a file that can be fetched. */
	end?: ReportedEnd;
}

/** The longest ID that the API is asked about because of a webhook call, characters. Anybody can send one. */
const MAX_ID = 2000;

/** The longest track ID that is kept, characters. */
const MAX_TRACK_ID = 10_000;

/**
 * Reads the body of a webhook call.
 *
 * @param text the body as it was received
 * @param clean removes the API key from a text
 * @returns the report, or why the body is not one
 */
export function readWebhookCall(
	text: string,
	clean: (text: string) => string,
): EndReport | { problem: string } {
	const body = readBody(text, clean, 'the body');
	if (!('object' in body)) return { problem: body.why };
	const answer = readObject(body, { httpCode: 200, headers: {}, text }, 0);
	const outcome = answer.state === 'noOutput' ? 'success' : answer.state;
	if (outcome !== 'success' && outcome !== 'failed') {
		return { problem: 'its status is neither "success" nor "failed"' };
	}
	const id = findAnsweredId(answer);
	if (id === undefined) return { problem: 'it has no job ID' };
	if (String(id).length > MAX_ID) return { problem: 'its job ID is too long' };
	const trackId = readTrackId(body.object.track_id);
	return {
		outcome,
		id,
		...(trackId !== undefined && { trackId }),
		...((answer.state === 'success' || answer.state === 'failed') && { end: answer }),
	};
}

/**
 * Whether a caller's ID is the job's own ID in another spelling. Many databases read "0326", "326-a" and "0x146" as 326.
 * Each spelling would look like the end of another job. The service spells the ID as it does in its answers.
 *
 * @param answered the ID in the API's answer about the job. An unrelated one does not count.
 */
export function isOtherSpelling(id: JobId, answered: JobId): boolean {
	const [own, theirs] = [String(id).toLowerCase(), String(answered).toLowerCase()];
	if (String(id) === String(answered)) return false;
	return own === theirs || [Number(own), parseInt(own, 10)].some((read) => read === Number(theirs));
}

/**
 * Whether an ID is spelled as the service would: a number without leading zeros, or a name in small letters. Where the API's
 * answer names no ID, each other spelling would look like the end of another job.
 */
export const isCanonicalId = (id: JobId): boolean =>
	/^(?:0|[1-9]\d{0,200}|[a-z][\da-z_-]{0,200})$/.test(String(id));

function readTrackId(value: unknown): string | undefined {
	if (typeof value === 'number') return String(value);
	return typeof value === 'string' && value !== '' && value.length <= MAX_TRACK_ID ? value : undefined;
}
