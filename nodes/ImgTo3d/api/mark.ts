/**
 * Marks on the webhook addresses that the nodes send. Only the owner of the API key can make one, so a call with a valid
 * mark comes from somebody who was given its address: the service.
 *
 * A mark gives its call the right of way, and nothing else. The API is asked about its job all the same.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'crypto';

import { parseUrl } from './url';

/** The query parameter that holds the mark. */
export const MARK_PARAMETER = 'mark';

/** How much of an HMAC a mark holds, bytes: 128 bits. */
const MARK_BYTES = 16;

/** What makes each mark for a trigger another one, bytes. */
const NONCE_BYTES = 9;

/** The length of the nonce in base64, characters. */
const NONCE_LENGTH = (NONCE_BYTES * 4) / 3;

/** Makes a mark for a purpose. Marks for one purpose are not valid for another. @returns 22 characters of base64url */
export type Sign = (purpose: 'trigger' | 'suspension', ...subject: string[]) => string;

/** @param key the API key, which cannot be read from a mark */
export function createSigner(key: string): Sign {
	const own = createHmac('sha256', key).update('n8n-nodes-img-to-3d: marks of webhook addresses').digest();
	return (...parts) =>
		createHmac('sha256', own)
			.update(JSON.stringify(parts))
			.digest()
			.subarray(0, MARK_BYTES)
			.toString('base64url');
}

/** Compares two texts in a time that does not show where they differ. */
export function isSameText(one: string, other: string): boolean {
	const [first, second] = [Buffer.from(one), Buffer.from(other)];
	return first.length === second.length && timingSafeEqual(first, second);
}

/** What an execution's data hold of a mark. The mark cannot be read from it. */
export const hashMark = (mark: string): string => createHash('sha256').update(mark).digest('base64url');

/**
 * Matches the path of a trigger of this package: n8n's webhook path with an ID, or an ID that n8n makes, and the trigger's
 * own path.
 */
const TRIGGER_PATH =
	/\/(?:webhook(?:-test)?\/[^/]{1,100}|[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12})\/webhook$/i;

/**
 * Marks an address if it leads to a trigger of this package. Other addresses stay as they are: a server may have signed
 * them, or refuse a parameter that it does not know.
 *
 * @param trackId as it is submitted with the job
 */
export function markTriggerAddress(sign: Sign, address: string, trackId: unknown): string {
	const url = parseUrl(address);
	if (!url || !TRIGGER_PATH.test(url.pathname)) return address;
	const nonce = randomBytes(NONCE_BYTES).toString('base64url');
	url.searchParams.set(MARK_PARAMETER, nonce + sign('trigger', nonce, normalizeTrackId(trackId)));
	return url.href;
}

/** Whether a mark was made for a job with this track ID. */
export function isTriggerMark(sign: Sign, mark: string, trackId: unknown): boolean {
	const nonce = mark.slice(0, NONCE_LENGTH);
	return isSameText(mark.slice(NONCE_LENGTH), sign('trigger', nonce, normalizeTrackId(trackId)));
}

/** Whether a text has the form of a trigger's mark. */
export const looksLikeMark = (text: unknown): text is string =>
	typeof text === 'string' && /^[\w-]{34}$/.test(text);

/** A service may trim a track ID, and send a number for one of digits. */
const normalizeTrackId = (trackId: unknown) =>
	typeof trackId === 'string' || typeof trackId === 'number' ? String(trackId).trim() : '';
