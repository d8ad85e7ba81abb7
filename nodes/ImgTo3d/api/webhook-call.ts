/** The calls that the service makes when a job has ended. They are not signed: what they say is the caller's word. */
import { readBody, readObject, type Answer } from './answer';
import type { JobId } from './job-id';

/** The end of a job, as it is told: the same shapes as in answers. */
export type ToldEnd = Extract<Answer, { state: 'success' | 'failed' }>;

/** A call that says that a job has ended. */
export interface WebhookCall {
	outcome: ToldEnd['state'];
	id: JobId;
	/** The mark that the job was submitted with. */
	trackId?: string;
	/** What the call says of the job; nothing when it names no file that can be fetched. */
	told?: ToldEnd;
}

/** Longest ID that is asked for because of a call, characters: anybody can send one. */
const MAX_ID = 2000;

/** Longest mark that is taken over, characters. */
const MAX_TRACK_ID = 10_000;

/**
 * Reads the body of a call.
 *
 * @param text the body as it came in
 * @param clean takes the API key out of a text
 * @returns the call, or why the body does not tell a job's end
 */
export function readWebhookCall(
	text: string,
	clean: (text: string) => string,
): WebhookCall | { problem: string } {
	const body = readBody(text, clean, 'the body');
	if (!('object' in body)) return { problem: body.why };
	const answer = readObject(body.object, { httpCode: 200, headers: {}, text }, 0, body.status);
	const outcome = answer.state === 'noOutput' ? 'success' : answer.state;
	if (outcome !== 'success' && outcome !== 'failed') {
		return { problem: 'its status is neither "success" nor "failed"' };
	}
	const id = answer.state === 'success' ? answer.job.id : 'id' in answer ? answer.id : undefined;
	if (id === undefined) return { problem: 'it has no job ID' };
	if (String(id).length > MAX_ID) return { problem: 'its job ID is too long' };
	const trackId = readTrackId(body.object.track_id);
	return {
		outcome,
		id,
		...(trackId !== undefined && { trackId }),
		...((answer.state === 'success' || answer.state === 'failed') && { told: answer }),
	};
}

/**
 * Whether a caller's ID is the job's own in another spelling: many a database reads "0326", "326-a" and "0x146" as 326,
 * and each would tell of an end that has not been received before. The service itself spells it as in its answers.
 *
 * @param told the ID in the API's answer about the job; one that has nothing to do with it does not count
 */
export function isSpeltOtherwise(id: JobId, told: JobId): boolean {
	const [own, theirs] = [String(id).toLowerCase(), String(told).toLowerCase()];
	if (String(id) === String(told)) return false;
	return own === theirs || [Number(own), parseInt(own, 10)].some((read) => read === Number(theirs));
}

function readTrackId(value: unknown): string | undefined {
	if (typeof value === 'number') return String(value);
	return typeof value === 'string' && value !== '' && value.length <= MAX_TRACK_ID ? value : undefined;
}
