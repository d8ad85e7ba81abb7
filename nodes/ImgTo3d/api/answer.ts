/**
 * The service's answers, judged once, here. An answer is data from a stranger: a JSON body decides with its
 * `status` word, an error often comes with HTTP 200, spellings and types vary between endpoints, and a proxy
 * may answer in the service's place. Whatever arrives becomes one of the cases of {@link Answer}; everything
 * else in the package switches on those.
 */
import type { IDataObject } from 'n8n-workflow';

import { isWebPage } from '../file-type';
import { numberWithin } from './numbers';
import { cleanJson } from './redact';
import { isHttpUrl } from './url';

/** An HTTP answer as it came in, body read as text. */
export interface HttpReply {
	httpCode: number;
	headers: IDataObject;
	text: string;
}

/** What an answer says about a job, checked; a field the service did not send is not there. */
export interface JobFacts {
	/** As the service sent it: v3 sends numbers. */
	id?: string | number;
	/** The output URLs that can be used: http or https. */
	output: string[];
	/** Seconds. */
	generationTime?: number;
	meta?: IDataObject;
	/** The documented fields beside these that are kept for the item, e.g. `future_links`. */
	extras: IDataObject;
}

export type RefusalReason =
	/** The account has as many jobs open as it may. */
	| 'queueFull'
	/** Too many calls, or the same one too often. */
	| 'rateLimit'
	| 'key'
	| 'credits'
	| 'forbidden'
	| 'image'
	| 'notFound'
	| 'other';

export type UnansweredReason =
	/** Nobody listens there, or the name does not resolve: the request certainly did not arrive. */
	| 'refused'
	| 'unresolved'
	/** The service's certificate was not accepted, which is found out before a request is sent. */
	| 'certificate'
	/** n8n itself does not let requests go to that address. */
	| 'blocked'
	/** No (complete) answer in time. */
	| 'timeout'
	/** The connection broke before the answer was complete. */
	| 'interrupted';

export type Answer =
	| { state: 'success'; httpCode: number; job: JobFacts }
	| {
			state: 'processing';
			httpCode: number;
			job: JobFacts;
			/** The service's estimate of what is left, seconds. */
			etaSeconds?: number;
			/** The address the service names for asking again. Followed only on the service's own host. */
			fetchResult?: string;
	  }
	/** The service ended the job as failed. */
	| { state: 'failed'; httpCode: number; id?: string | number; message: string; advice?: string }
	/** The service did not do what was asked, and says why. */
	| {
			state: 'refused';
			httpCode: number;
			reason: RefusalReason;
			id?: string | number;
			message: string;
			advice?: string;
			/** How long to wait before the next try, seconds. */
			retryAfterSeconds?: number;
			/** How many jobs the account may have open, for a queue that is full. */
			queueLimit?: number;
	  }
	/** 5xx or 408: the service or something in front of it is in trouble. */
	| {
			state: 'trouble';
			httpCode: number;
			id?: string | number;
			message: string;
			retryAfterSeconds?: number;
	  }
	| { state: 'redirected'; httpCode: number; location: string }
	/** The status is "success", but no output URL can be used. */
	| { state: 'noOutput'; httpCode: number; id?: string | number }
	/** Not an answer of this API: no JSON, or the wrong type. */
	| { state: 'unreadable'; httpCode: number; why: string; id?: string | number }
	/** A `status` word that is not documented. */
	| { state: 'unknownStatus'; httpCode: number; word: string; id?: string | number }
	/** No answer at all. */
	| { state: 'unanswered'; reason: UnansweredReason; detail: string };

/** Longest piece of the service's own words that goes into an error, characters. */
const MAX_QUOTE = 300;

/** How much of what is no JSON is looked through for words, characters. */
const MAX_WORDS = 100_000;

/** The longest pause that an answer can ask for, seconds. */
const MAX_RETRY_AFTER_S = 3600;

/** Documented fields that leave with the item although the node itself does not need them. */
const EXTRA_FIELDS = ['proxy_links', 'future_links', 'extra_assets'] as const;

/**
 * Reads an HTTP answer of the API.
 *
 * @param reply the answer, body as text
 * @param clean takes the API key out of a text
 * @param now ms since the epoch, for a `Retry-After` that is a date
 */
export function readAnswer(reply: HttpReply, clean: (text: string) => string, now: number): Answer {
	const { httpCode } = reply;
	if (httpCode >= 300 && httpCode < 400) {
		return { state: 'redirected', httpCode, location: quote(clean(header(reply.headers, 'location') ?? '')) };
	}
	const body = readBody(reply.text, clean);
	if (!('object' in body)) {
		const retryAfterSeconds = retryAfter({}, '', reply, now);
		if (httpCode === 429) {
			return { state: 'refused', httpCode, reason: 'rateLimit', message: body.excerpt, retryAfterSeconds };
		}
		if (isTrouble(httpCode)) return { state: 'trouble', httpCode, message: body.excerpt, retryAfterSeconds };
		if (httpCode >= 400) {
			return { state: 'refused', httpCode, reason: refusalReason(httpCode, ''), message: body.excerpt };
		}
		return { state: 'unreadable', httpCode, why: body.why };
	}
	return readObject(body.object, reply, now);
}

/** Judges a body that is a JSON object. */
export function readObject(body: Record<string, unknown>, reply: HttpReply, now: number): Answer {
	const word = typeof body.status === 'string' ? body.status.trim().toLowerCase() : undefined;
	// Nearly every answer is one of these, and they have no need of the service's words.
	return reply.httpCode < 400 && (word === 'processing' || word === 'success')
		? readStanding(word, body, reply.httpCode)
		: readRefusal(word, body, reply, now);
}

/** How a job stands that has not failed. */
function readStanding(
	word: 'processing' | 'success',
	body: Record<string, unknown>,
	httpCode: number,
): Answer {
	const id = readId(body.id);
	const job = readJob(body, id);
	if (word === 'success') {
		return job.output.length > 0 ? { state: 'success', httpCode, job } : { state: 'noOutput', httpCode, id };
	}
	const eta = toSeconds(body.eta);
	const fetchResult =
		typeof body.fetch_result === 'string' && body.fetch_result !== '' ? body.fetch_result : undefined;
	return {
		state: 'processing',
		httpCode,
		job: { ...job, ...(id === undefined && { id: idAtEndOf(fetchResult) }) },
		...(eta !== undefined && { etaSeconds: eta }),
		...(fetchResult !== undefined && { fetchResult }),
	};
}

/** Anything else: the service did not do what was asked, or does not speak as it should. */
function readRefusal(
	word: string | undefined,
	body: Record<string, unknown>,
	reply: HttpReply,
	now: number,
): Answer {
	const { httpCode } = reply;
	const id = readId(body.id);
	const message = messageOf(body);
	const advice = adviceOf(body);
	const retryAfterSeconds = retryAfter(body, `${message} ${advice ?? ''}`, reply, now);

	// A "rate limit" text means "not now" whatever stands around it; it is seen with 200 and with 429.
	if (httpCode === 429 || (word === 'error' && /rate limit/i.test(message))) {
		const isQueue = /queue/i.test(message);
		const queueLimit = isQueue ? Number(/\bmaximum\b\D{0,20}(\d{1,6}) queued\b/i.exec(message)?.[1]) : NaN;
		return {
			state: 'refused',
			httpCode,
			id,
			reason: isQueue ? 'queueFull' : 'rateLimit',
			message,
			advice,
			retryAfterSeconds,
			...(queueLimit > 0 && { queueLimit }),
		};
	}
	if (isTrouble(httpCode)) return { state: 'trouble', httpCode, id, message, retryAfterSeconds };
	if (word === 'failed') return { state: 'failed', httpCode, id, message, advice };
	if (httpCode >= 400 || word === 'error') {
		return { state: 'refused', httpCode, id, reason: refusalReason(httpCode, message), message, advice };
	}
	return word === undefined
		? { state: 'unreadable', httpCode, id, why: 'the answer has no status' }
		: { state: 'unknownStatus', httpCode, id, word: quote(String(body.status)) };
}

/**
 * The JSON object in a body, or what is there instead.
 *
 * @param what names the body in `why`
 */
export function readBody(
	text: string,
	clean: (text: string) => string,
	what = 'the answer',
): { object: Record<string, unknown> } | { why: string; excerpt: string } {
	if (text.trim() === '') return { why: `${what} is empty`, excerpt: '' };
	let parsed: unknown;
	try {
		parsed = JSON.parse(text);
	} catch {
		const isHtml = isWebPage(text);
		// Cleaned as a whole, or a part of the key might stand at the end of the piece.
		const words = clean(text).slice(0, MAX_WORDS);
		return {
			why: `${what} is ${isHtml ? 'a web page' : 'no JSON'}`,
			excerpt: quote(isHtml ? textOfPage(words) : words),
		};
	}
	const cleaned = cleanJson(parsed, clean);
	if (cleaned === undefined) return { why: `${what} is nested too deeply`, excerpt: '' };
	if (!isRecord(cleaned)) {
		const kind = Array.isArray(cleaned) ? 'a list' : cleaned === null ? 'null' : `a ${typeof cleaned}`;
		return { why: `${what} is ${kind} instead of an object`, excerpt: quote(JSON.stringify(cleaned)) };
	}
	return { object: cleaned };
}

/** A page's text says more than its first tags. What begins and does not end goes to the end: no piece is read twice. */
const textOfPage = (page: string) => page.replace(/<(script|style)[\s\S]*?(?:<\/\1>|$)|<[^>]*(?:>|$)/gi, ' ');

function readJob(body: Record<string, unknown>, id: string | number | undefined): JobFacts {
	const generationTime = toSeconds(body.generationTime);
	const output = readOutput(body.output, body.proxy_links);
	// `link` is where the v3 upload puts its URL.
	const job: JobFacts = { output: output.length > 0 ? output : readOutput(body.link), extras: {} };
	if (id !== undefined) job.id = id;
	if (generationTime !== undefined) job.generationTime = generationTime;
	if (isRecord(body.meta)) job.meta = body.meta as IDataObject;
	for (const name of EXTRA_FIELDS) {
		if (body[name] !== undefined) job.extras[name] = body[name] as IDataObject[string];
	}
	return job;
}

/** `output` comes as a list, a single URL, an empty text or null. */
function listOf(output: unknown): unknown[] {
	return Array.isArray(output) ? output : [output];
}

const isLink = (entry: unknown): entry is string => typeof entry === 'string' && isHttpUrl(entry);

/**
 * The links of an output that can be used.
 *
 * @param mirrors the same files at other addresses, position by position: they stand in where a link is missing
 */
function readOutput(output: unknown, mirrors?: unknown): string[] {
	const [links, others] = [listOf(output), listOf(mirrors)];
	const all = links.some(isLink) ? links : others;
	return all.map((link, index) => (isLink(link) ? link : others[index])).filter(isLink);
}

/** A file of a job that has ended well. */
export interface JobFile {
	url: string;
	/** A second address of the same file. */
	mirror?: string;
	/** Whether it only belongs to the output, like the materials of an OBJ. */
	isAsset: boolean;
}

/** All files of a job that has ended well, its output first. */
export function filesOf({ output, extras }: JobFacts): JobFile[] {
	const assets = new Set(readOutput(extras.extra_assets));
	for (const url of output) assets.delete(url);
	const mirrors = readOutput(extras.proxy_links);
	// With a link left out on either side, nothing says whose the others are.
	const arePaired = mirrors.length === output.length && mirrors.length === listOf(extras.proxy_links).length;
	return [
		...output.map((url, index) => {
			const mirror = arePaired ? mirrors[index] : undefined;
			return { url, ...(mirror !== undefined && mirror !== url && { mirror }), isAsset: false };
		}),
		...[...assets].map((url) => ({ url, isAsset: true })),
	];
}

/**
 * What the latest answer says of a job, filled up with what an earlier one said. The id is the one that the job was
 * accepted with, and what belongs to the output may have been named before the output was there.
 */
export function merged(id: string | number, earlier: JobFacts | undefined, latest: JobFacts): JobFacts {
	const announced = earlier?.extras.extra_assets;
	return {
		...earlier,
		...latest,
		id: String(latest.id) === String(id) && latest.id !== undefined ? latest.id : id,
		extras: { ...(announced !== undefined && { extra_assets: announced }), ...latest.extras },
	};
}

/** A job id can be put into a path only if it is letters, digits, `-` and `_`; others do not count as one. */
export function readId(id: unknown): string | number | undefined {
	if (typeof id === 'number') return Number.isSafeInteger(id) && id >= 0 ? id : undefined;
	return typeof id === 'string' && /^[A-Za-z0-9_-]{1,200}$/.test(id) ? id : undefined;
}

/** The id that a `fetch_result` ends in, for an answer that leaves its `id` out. */
function idAtEndOf(fetchResult: string | undefined): string | number | undefined {
	return fetchResult === undefined ? undefined : readId(/\/([^/?#]+)\/?$/.exec(fetchResult)?.[1]);
}

/** The service's own words: `message`, or `messege` in older endpoints; a text, or lists of texts by field. */
function messageOf(body: Record<string, unknown>): string {
	for (const words of [body.message, body.messege, body.error]) {
		const text = wordsOf(words);
		if (text !== '') return quote(text);
	}
	return '';
}

function wordsOf(words: unknown): string {
	if (typeof words === 'string') return words;
	if (Array.isArray(words)) return words.map(wordsOf).filter(Boolean).join(' ');
	if (!isRecord(words)) return '';
	return Object.entries(words)
		.map(([field, reasons]) => `${field}: ${wordsOf(reasons)}`)
		.join('; ');
}

/** The service's advice: `tip`, `tips`, or numbered tips. */
function adviceOf(body: Record<string, unknown>): string | undefined {
	const tips = Object.keys(body)
		.filter((name) => /^tips?(_\d+)?$/.test(name))
		.map((name) => wordsOf(body[name]))
		.filter(Boolean);
	return tips.length > 0 ? quote(tips.join(' ')) : undefined;
}

function refusalReason(httpCode: number, message: string): RefusalReason {
	if (httpCode === 401 || /invalid api key|api key is (required|missing|invalid)/i.test(message))
		return 'key';
	if (httpCode === 402 || /insufficient credit|not enough credit|out of credit/i.test(message))
		return 'credits';
	if (httpCode === 403) return 'forbidden';
	if (httpCode === 404 || /not found/i.test(message)) return 'notFound';
	if (/unable to fetch image/i.test(message)) return 'image';
	return 'other';
}

const isTrouble = (httpCode: number) => httpCode >= 500 || httpCode === 408;

/** What the answer asks to wait: `retry_after`, the `Retry-After` header, or "wait for N seconds" in a text. */
function retryAfter(
	body: Record<string, unknown>,
	words: string,
	reply: HttpReply,
	now: number,
): number | undefined {
	const inText = /\b(?:wait|after|in)\b[^.]{0,30}?(\d+)\s*(second|sec|minute|min)/i.exec(words);
	const fromText = inText && Number(inText[1]) * (/^m/i.test(inText[2] ?? '') ? 60 : 1);
	const seconds =
		toSeconds(body.retry_after) ?? retryAfterHeader(header(reply.headers, 'retry-after'), now) ?? fromText;
	return seconds === undefined || seconds === null ? undefined : Math.min(seconds, MAX_RETRY_AFTER_S);
}

/** Seconds from a `Retry-After` header: a number of seconds, or a date (RFC 9110, 10.2.3). */
export function retryAfterHeader(value: string | undefined, now: number): number | undefined {
	if (value === undefined) return undefined;
	const seconds = toSeconds(value);
	if (seconds !== undefined) return seconds;
	const date = Date.parse(value);
	return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

/** A header that stands once in an answer; names are in lower case. */
export function header(headers: IDataObject, name: string): string | undefined {
	const value = headers[name];
	return typeof value === 'string' ? value : undefined;
}

/** A number of seconds, not negative, from a number or a numeric text. */
const toSeconds = (value: unknown) => numberWithin({ kind: 'number', min: 0 }, value);

/** One line, not too long. */
function quote(text: string): string {
	const line = text.replace(/\s+/g, ' ').trim();
	return line.length > MAX_QUOTE ? `${line.slice(0, MAX_QUOTE - 3)}...` : line;
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
