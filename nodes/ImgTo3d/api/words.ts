/** Reads the service's own words: messages, advice, and what they mean. */
import type { IDataObject } from 'n8n-workflow';

import { toNumberWithin } from './values';

export type RefusalReason =
	/** The account has as many open jobs as its plan allows. */
	| 'queueFull'
	/** There were too many calls, or too many of the same. */
	| 'rateLimit'
	| 'key'
	| 'credits'
	| 'forbidden'
	| 'image'
	/** The service does not know the job or the address. */
	| 'notFound'
	/** The job was cancelled. */
	| 'cancelled'
	| 'other';

/** How much of the service's message is kept, characters. */
const MAX_MESSAGE = 300;

/** The longest quotation in a sentence, characters. */
const MAX_QUOTE = 100;

/** How much of a text is searched, characters. */
const MAX_READ = 2000;

/** The longest pause that an answer can ask for, s. */
const MAX_RETRY_AFTER_S = 3600;

/** What the words mean. The first match counts. */
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

/** Matches if the service does not know the job, but not the failure of a job, as in "Image not found". */
const UNKNOWN_JOB = /^\s*(?:(?:the )?(?:request|job|generation|id)\b(?:[^.]|\.(?!\s)){0,300}\b)?not found\b/i;

/** Matches a temporary trouble of the service, which it reports with the status "error" and HTTP 200. */
const PASSING_TROUBLE =
	/internal (?:server )?error|server error|temporarily unavailable|service unavailable|bad gateway|gateway time-?out|under maintenance/i;

/** Finds the reason of a refusal by its HTTP code and words. */
export function readReason(httpCode: number, message: string, body: Record<string, unknown>): RefusalReason {
	const words = message.slice(0, MAX_READ);
	const isQueue = 'current_queue' in body || /queue/i.test(words);
	const meaning = MEANINGS.find(([, pattern]) => pattern.test(words))?.[0];
	if (meaning === 'key' || httpCode === 401) return 'key';
	if (meaning === 'credits' || httpCode === 402) return 'credits';
	const isLimit = meaning === 'queueFull' || meaning === 'rateLimit' || 'current_queue' in body;
	if (isLimit || httpCode === 429) return isQueue ? 'queueFull' : 'rateLimit';
	if (httpCode === 403) return 'forbidden';
	if (httpCode === 404) return 'notFound';
	return meaning ?? 'other';
}

/** Whether a message means that the service does not know the job. */
export const meansUnknownJob = (message: string): boolean => UNKNOWN_JOB.test(message.slice(0, MAX_READ));

/** Whether a message means that the service is in trouble for a while. */
export const meansTrouble = (message: string): boolean => PASSING_TROUBLE.test(message.slice(0, MAX_READ));

/** Reads how many jobs the account may have open, if a message says so. */
export function readQueueLimit(message: string): number | undefined {
	const limit = Number(/\bmaximum\b\D{0,20}(\d{1,6}) queued\b/i.exec(message.slice(0, MAX_READ))?.[1]);
	return limit > 0 ? limit : undefined;
}

/** Reads the message of an answer: `message`, or `messege` in older endpoints. It is a text, or lists of texts by field. */
export function readMessage(body: Record<string, unknown>): string {
	for (const words of [body.message, body.messege, body.error]) {
		const text = joinWords(words);
		if (text !== '') return shorten(text, MAX_MESSAGE);
	}
	return '';
}

function joinWords(words: unknown): string {
	if (typeof words === 'string') return words;
	if (Array.isArray(words)) return words.map(joinWords).filter(Boolean).join(' ');
	if (typeof words !== 'object' || words === null) return '';
	return Object.entries(words)
		.map(([field, reasons]) => `${field}: ${joinWords(reasons)}`)
		.join('; ');
}

/** Matches advice that does not concern the person. The node always sends correct JSON. */
const FOR_PROGRAMMERS = /content-?type|jsonlint|valid json|json (?:format|body)/i;

/** Reads the advice of an answer: `tip`, `tips`, or numbered tips. */
export function readAdvice(body: Record<string, unknown>): string | undefined {
	const tips = Object.keys(body)
		.filter((name) => /^tips?(_\d+)?$/.test(name))
		.map((name) => joinWords(body[name]).slice(0, MAX_READ))
		.flatMap((tip) => tip.split(/(?=\b\d{1,2}\. )/))
		.map((tip) => tip.trim())
		.filter((tip) => tip !== '' && !FOR_PROGRAMMERS.test(tip));
	return tips.length > 0 ? shorten(tips.join(' '), MAX_MESSAGE) : undefined;
}

/**
 * Reads how long the service asks to wait: `retry_after`, the `Retry-After` header, or "wait for N seconds".
 *
 * @param words the service's words
 * @param now ms since the epoch, for a header that is a date
 * @returns s, an hour at most
 */
export function readRetryAfter(
	body: Record<string, unknown>,
	words: string,
	headers: IDataObject,
	now: number,
): number | undefined {
	return (
		limitRetryAfter(toSeconds(body.retry_after)) ??
		readRetryAfterHeader(headers, now) ??
		limitRetryAfter(findRetryAfter(words.slice(0, MAX_READ)))
	);
}

const limitRetryAfter = (seconds: number | undefined) =>
	seconds === undefined ? undefined : Math.min(seconds, MAX_RETRY_AFTER_S);

function findRetryAfter(words: string): number | undefined {
	const found = /\b(?:wait|after|in)\b[^.]{0,30}?(\d{1,9})\s{0,9}(second|sec|minute|min)/i.exec(words);
	if (!found) return undefined;
	return Number(found[1]) * (/^m/i.test(found[2] ?? '') ? 60 : 1);
}

/**
 * Reads a `Retry-After` header: a number of seconds, or a date (RFC 9110, 10.2.3).
 *
 * @param now ms since the epoch
 * @returns s, an hour at most
 */
export function readRetryAfterHeader(headers: IDataObject, now: number): number | undefined {
	const value = readHeader(headers, 'retry-after');
	if (value === undefined) return undefined;
	const seconds = toSeconds(value);
	if (seconds !== undefined) return limitRetryAfter(seconds);
	// By the server's clock if the answer has its time, because the clock here may be wrong.
	const sentAt = Date.parse(readHeader(headers, 'date') ?? '');
	const date = Date.parse(value);
	return Number.isNaN(date) ? undefined : limitRetryAfter(Math.max(0, (date - (sentAt || now)) / 1000));
}

/** Reads a header that an answer has once. @param name in lower case */
export function readHeader(headers: IDataObject, name: string): string | undefined {
	const value = headers[name];
	return typeof value === 'string' ? value : undefined;
}

/** Reads a number of seconds that is not negative, from a number or a numeric text. */
export const toSeconds = (value: unknown): number | undefined =>
	toNumberWithin({ kind: 'number', min: 0 }, value);

/** Shortens a text to one line of at most `max` characters. */
export function shorten(text: string, max: number): string {
	const line = text
		.slice(0, 10 * max)
		.replace(/\s+/g, ' ')
		.trim();
	return line.length > max ? `${line.slice(0, max - 3)}...` : line;
}

/** Shortens what was entered or answered, for a sentence that quotes it. */
export const quote = (text: string): string => shorten(text, MAX_QUOTE);

/** Writes a value of any type for a sentence: texts in quotation marks, everything else as JSON. */
export function quoteValue(value: unknown): string {
	if (typeof value === 'string') return `"${value.length > MAX_QUOTE ? quote(value) : value}"`;
	return value === undefined ? 'missing' : quote(JSON.stringify(value) ?? typeof value);
}
