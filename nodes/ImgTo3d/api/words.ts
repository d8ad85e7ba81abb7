/** The service's own words: what they say, what they advise, and what is meant by them. */
import type { IDataObject } from 'n8n-workflow';

import { numberWithin } from './numbers';

export type RefusalReason =
	/** The account has as many jobs open as it may. */
	| 'queueFull'
	/** Too many calls, or the same one too often. */
	| 'rateLimit'
	| 'key'
	| 'credits'
	| 'forbidden'
	| 'image'
	/** The service does not know the job, or the address. */
	| 'notFound'
	/** The job was cancelled. */
	| 'cancelled'
	| 'other';

/** Longest piece of the service's own words that goes into an error, characters. */
const MAX_QUOTE = 300;

/** Words are looked through no further than this, characters. */
const MAX_READ = 2000;

/** The longest pause that an answer can ask for, seconds. */
const MAX_RETRY_AFTER_S = 3600;

/** What the words are about, the first that fits. */
const MEANINGS: ReadonlyArray<[RefusalReason, RegExp]> = [
	['key', /invalid api key|api key is (?:required|missing|invalid)/i],
	[
		'credits',
		/(?:insufficient|not enough|out of|no) (?:credit|fund|balance)|credits? (?:are |is |have been )?exhausted|fund your wallet|monthly limit|upgrade (?:your )?(?:subscription|plan)|\bsubscribe\b/i,
	],
	['queueFull', /queue (?:is )?full|queued requests|queue limit/i],
	['rateLimit', /rate limit|too many requests/i],
	['image', /unable to fetch image/i],
	['notFound', /\bnot found\b/i],
];

/** The service does not know the job. Not of a job's own failure, as in "Image not found". */
const UNKNOWN_JOB = /^\s*(?:(?:the )?(?:request|job|generation|id)\b(?:[^.]|\.(?!\s)){0,300}\b)?not found\b/i;

/** A trouble of the service's own that passes, said with a status of "error" and HTTP 200. */
const PASSING_TROUBLE =
	/internal (?:server )?error|server error|temporarily unavailable|service unavailable|bad gateway|gateway time-?out|under maintenance/i;

/** What a refusal is about, by its HTTP code and words. */
export function readReason(httpCode: number, message: string, body: Record<string, unknown>): RefusalReason {
	const words = message.slice(0, MAX_READ);
	const isQueue = 'current_queue' in body || /queue/i.test(words);
	const meant = MEANINGS.find(([, pattern]) => pattern.test(words))?.[0];
	if (meant === 'key' || httpCode === 401) return 'key';
	if (meant === 'credits' || httpCode === 402) return 'credits';
	const isLimit = meant === 'queueFull' || meant === 'rateLimit' || 'current_queue' in body;
	if (isLimit || httpCode === 429) return isQueue ? 'queueFull' : 'rateLimit';
	if (httpCode === 403) return 'forbidden';
	if (httpCode === 404) return 'notFound';
	return meant ?? 'other';
}

/** Whether the words say that the service does not know the job. */
export const meansUnknownJob = (message: string): boolean => UNKNOWN_JOB.test(message.slice(0, MAX_READ));

/** Whether the words speak of a trouble of the service's own, which may pass. */
export const isPassingTrouble = (message: string): boolean =>
	PASSING_TROUBLE.test(message.slice(0, MAX_READ));

/** How many jobs the account may have open, where a refusal says so. */
export function readQueueLimit(message: string): number | undefined {
	const limit = Number(/\bmaximum\b\D{0,20}(\d{1,6}) queued\b/i.exec(message.slice(0, MAX_READ))?.[1]);
	return limit > 0 ? limit : undefined;
}

/** The message: `message`, or `messege` in older endpoints; a text, or lists of texts by field. */
export function readMessage(body: Record<string, unknown>): string {
	for (const words of [body.message, body.messege, body.error]) {
		const text = wordsOf(words);
		if (text !== '') return quote(text);
	}
	return '';
}

function wordsOf(words: unknown): string {
	if (typeof words === 'string') return words;
	if (Array.isArray(words)) return words.map(wordsOf).filter(Boolean).join(' ');
	if (typeof words !== 'object' || words === null) return '';
	return Object.entries(words)
		.map(([field, reasons]) => `${field}: ${wordsOf(reasons)}`)
		.join('; ');
}

/** Advice that does not concern who uses the node: its requests are right JSON, sent as JSON. */
const FOR_PROGRAMMERS = /content-?type|jsonlint|valid json|json (?:format|body)/i;

/** The advice: `tip`, `tips`, or numbered tips. */
export function readAdvice(body: Record<string, unknown>): string | undefined {
	const tips = Object.keys(body)
		.filter((name) => /^tips?(_\d+)?$/.test(name))
		.map((name) => wordsOf(body[name]).slice(0, MAX_READ))
		.flatMap((tip) => tip.split(/(?=\b\d{1,2}\. )/))
		.map((tip) => tip.trim())
		.filter((tip) => tip !== '' && !FOR_PROGRAMMERS.test(tip));
	return tips.length > 0 ? quote(tips.join(' ')) : undefined;
}

/**
 * How long the service asks to wait, seconds: `retry_after`, the `Retry-After` header, or "wait for N seconds".
 *
 * @param now ms since the epoch, for a header that is a date
 */
export function readRetryAfter(
	body: Record<string, unknown>,
	words: string,
	headers: IDataObject,
	now: number,
): number | undefined {
	return (
		limited(toSeconds(body.retry_after)) ??
		readRetryAfterHeader(headers, now) ??
		limited(retryAfterInWords(words.slice(0, MAX_READ)))
	);
}

const limited = (seconds: number | undefined) =>
	seconds === undefined ? undefined : Math.min(seconds, MAX_RETRY_AFTER_S);

function retryAfterInWords(words: string): number | undefined {
	const found = /\b(?:wait|after|in)\b[^.]{0,30}?(\d{1,9})\s{0,9}(second|sec|minute|min)/i.exec(words);
	if (!found) return undefined;
	return Number(found[1]) * (/^m/i.test(found[2] ?? '') ? 60 : 1);
}

/** Seconds from a `Retry-After` header, an hour at most: a number of seconds, or a date (RFC 9110, 10.2.3). */
export function readRetryAfterHeader(headers: IDataObject, now: number): number | undefined {
	const value = readHeader(headers, 'retry-after');
	if (value === undefined) return undefined;
	const seconds = toSeconds(value);
	if (seconds !== undefined) return limited(seconds);
	// The server's own clock, where it tells it: ours may be set wrongly.
	const sentAt = Date.parse(readHeader(headers, 'date') ?? '');
	const date = Date.parse(value);
	return Number.isNaN(date) ? undefined : limited(Math.max(0, (date - (sentAt || now)) / 1000));
}

/** A header that stands once in an answer; names are in lower case. */
export function readHeader(headers: IDataObject, name: string): string | undefined {
	const value = headers[name];
	return typeof value === 'string' ? value : undefined;
}

/** A number of seconds, not negative, from a number or a numeric text. */
export const toSeconds = (value: unknown): number | undefined =>
	numberWithin({ kind: 'number', min: 0 }, value);

/** One line, not too long. */
export function quote(text: string): string {
	const line = text
		.slice(0, 10 * MAX_QUOTE)
		.replace(/\s+/g, ' ')
		.trim();
	return line.length > MAX_QUOTE ? `${line.slice(0, MAX_QUOTE - 3)}...` : line;
}
