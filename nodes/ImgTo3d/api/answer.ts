/**
 * The service's answers, judged once, here. An answer is data from a stranger: a JSON body decides with its
 * `status` word, an error often comes with HTTP 200, spellings and types vary between endpoints, and a proxy
 * may answer in the service's place. Whatever arrives becomes one of the cases of {@link Answer}; everything
 * else in the package switches on those.
 */
import type { IDataObject } from 'n8n-workflow';

import { isWebPage } from '../file-type';
import { findId, findIdInText, idInAddress, isSameId, keepIdsExact, readId, type JobId } from './job-id';
import { cleanJson, MASK } from './redact';
import { isHttpUrl, parseUrl } from './url';
import {
	readAdvice,
	readHeader,
	isPassingTrouble,
	isUnknownJob,
	readMessage,
	readQueueLimit,
	quote,
	readReason,
	readRetryAfterHeader,
	readRetryAfter,
	toSeconds,
	type RefusalReason,
} from './words';

/** An HTTP answer as it came in, body read as text. */
export interface HttpReply {
	httpCode: number;
	headers: IDataObject;
	text: string;
}

/** What an answer says about a job, checked; a field the service did not send is not there. */
export interface JobFacts {
	id?: JobId;
	/** The output URLs that can be used: http or https. */
	output: string[];
	/** Seconds. */
	generationTime?: number;
	meta?: IDataObject;
	/** The documented fields beside these that are kept for the item, e.g. `future_links`. */
	extras: IDataObject;
}

export type UnansweredReason =
	/** Nobody listens there, or the name does not resolve: the request certainly did not arrive. */
	| 'refused'
	| 'unresolved'
	/** The service's certificate was not accepted, which is found out before a request is sent. */
	| 'certificate'
	/** No TLS handshake came about, as with a server that speaks plain HTTP: no request was sent. */
	| 'handshake'
	/** n8n itself does not let requests go to that address. */
	| 'blocked'
	/** No (complete) answer in time. */
	| 'timeout'
	/** The connection broke before the answer was complete. */
	| 'interrupted';

/** What every answer has that came in. */
interface Told {
	httpCode: number;
	/** The ID that the answer tells, in whatever form. */
	id?: JobId;
	/** Whether the ID stands elsewhere than in `id`: it may then be that of something else. */
	isIdLoose?: boolean;
	/** Whether something in the answer shows that there is a job: an ID, an ETA, links. A submit was accepted then. */
	holdsJob?: boolean;
}

export interface Unanswered {
	state: 'unanswered';
	reason: UnansweredReason;
	detail: string;
}

export type Answer =
	/** The job is done, and has a file. */
	| { state: 'success'; httpCode: number; job: JobFacts; isIdLoose?: boolean }
	| {
			state: 'processing';
			httpCode: number;
			job: JobFacts;
			isIdLoose?: boolean;
			/** The service's estimate of what is left, seconds. */
			etaSeconds?: number;
			/** The address the service names for asking again. Followed only on the service's own host. */
			fetchResult?: string;
	  }
	/** The status is "failed". Whether that is the end of a job depends on whether it names the job. */
	| ({ state: 'failed'; message: string; advice?: string; isUnknownJob: boolean } & Told)
	/** The service did not do what was asked, and says why. */
	| ({
			state: 'refused';
			reason: RefusalReason;
			message: string;
			advice?: string;
			/** How long to wait before the next try, seconds. */
			retryAfterSeconds?: number;
			/** How many jobs the account may have open, for a queue that is full. */
			queueLimit?: number;
			/** Whether it came as no JSON, so that a proxy may have sent it. */
			isPage?: boolean;
			/** Whether the API itself says so: JSON with a `status` that it is known to send. */
			isOfApi?: boolean;
	  } & Told)
	/** The service or something in front of it is in trouble. */
	| ({ state: 'trouble'; message: string; retryAfterSeconds?: number; isOfApi?: boolean } & Told)
	| ({ state: 'redirected'; location: string } & Told)
	/** The status is "success", but no output URL can be used. */
	| ({
			state: 'noOutput';
			/** Whether the service says that it found the result unsafe. */
			isWithheld: boolean;
	  } & Told)
	/** Not an answer of this API: no JSON, or the wrong type. */
	| ({ state: 'unreadable'; why: string } & Told)
	/** A `status` word that is not documented. */
	| ({ state: 'unknownStatus'; word: string } & Told)
	/** No answer at all. */
	| Unanswered;

/** How much of what is no JSON is looked through for words, characters. */
const MAX_WORDS = 100_000;

/** Fields beside the documented ones that leave with the item although the node itself does not need them. */
const EXTRA_FIELDS = ['proxy_links', 'future_links', 'extra_assets', 'nsfw_content_detected'] as const;

/**
 * Reads an HTTP answer of the API.
 *
 * @param reply the answer, body as text
 * @param clean takes the API key out of a text
 * @param now ms since the epoch, for a `Retry-After` that is a date
 */
export function readAnswer(reply: HttpReply, clean: (text: string) => string, now: number): Answer {
	const body = readBody(reply.text, clean);
	const answer =
		'object' in body ? readObject(body.object, reply, now, body.status) : readPage(body, reply, now);
	const { httpCode } = reply;
	const isRedirect = httpCode >= 300 && httpCode < 400;
	if (!isRedirect || holdsJob(answer)) return answer;
	const location = clean(readHeader(reply.headers, 'location') ?? '');
	// "See Other" names the address of what was made.
	const id = httpCode === 303 ? idInAddress(parseUrl(location, NOWHERE)) : undefined;
	return { state: 'redirected', httpCode, location: quote(location), ...looseId(id) };
}

/** For reading addresses that are relative to the service's own, of which only the path counts. */
const NOWHERE = 'http://service.invalid';

/** An ID that shows that there is a job, although it does not stand where it should. */
const looseId = (id: JobId | undefined) => (id === undefined ? {} : { id, holdsJob: true, isIdLoose: true });

/** Whether an answer to a submit shows that the service took it. */
export function holdsJob(answer: Answer): boolean {
	if (answer.state === 'success' || answer.state === 'processing') return true;
	return answer.state !== 'unanswered' && answer.holdsJob === true;
}

/** Judges a body that is no JSON object. */
function readPage({ why, excerpt, id, holdsJob }: NoObject, reply: HttpReply, now: number): Answer {
	const { httpCode } = reply;
	const told: Told = { httpCode, ...(id !== undefined && { id, isIdLoose: true }), holdsJob };
	const message = excerpt;
	const retryAfterSeconds = readRetryAfterHeader(reply.headers, now);
	if (isTroubleCode(httpCode)) return { state: 'trouble', ...told, message, retryAfterSeconds };
	if (httpCode < 400) return { state: 'unreadable', ...told, why };
	const reason = readReason(httpCode, '', {});
	return { state: 'refused', ...told, reason, message, retryAfterSeconds, isPage: true };
}

/**
 * Judges a body that is a JSON object: its status decides, whatever the HTTP code.
 *
 * @param status as the service sent it, in case the key is taken out of the body's own
 */
export function readObject(
	body: Record<string, unknown>,
	reply: HttpReply,
	now: number,
	status = body.status,
): Answer {
	const word = wordOf(status);
	// Nearly every answer is one of these, and they have no need of the service's words.
	switch (word) {
		case 'success':
			return readSuccess(body, reply.httpCode);
		case 'processing':
		case 'queued':
			return readProcessing(body, reply.httpCode);
		default:
			return readRefusal(word, body, reply, now);
	}
}

const wordOf = (status: unknown) => (typeof status === 'string' ? status.trim().toLowerCase() : undefined);

function readSuccess(body: Record<string, unknown>, httpCode: number): Answer {
	const job = readJob(body);
	if (job.output.length > 0) return { state: 'success', httpCode, job, ...looseness(body) };
	const isWithheld = body.nsfw_content_detected === true;
	return { state: 'noOutput', httpCode, ...toldId(body), holdsJob: true, isWithheld };
}

function readProcessing(body: Record<string, unknown>, httpCode: number): Answer {
	const eta = toSeconds(body.eta);
	const fetchResult =
		typeof body.fetch_result === 'string' && body.fetch_result !== '' ? body.fetch_result : undefined;
	return {
		state: 'processing',
		httpCode,
		job: readJob(body),
		...looseness(body),
		...(eta !== undefined && { etaSeconds: eta }),
		...(fetchResult !== undefined && { fetchResult }),
	};
}

const CANCELLED = ['cancelled', 'canceled'];

/** The status words of the API for what was not done. */
const BAD_WORDS = ['error', 'failed', ...CANCELLED];

/** Anything else: the service did not do what was asked, or does not speak as it should. */
function readRefusal(
	word: string | undefined,
	body: Record<string, unknown>,
	reply: HttpReply,
	now: number,
): Answer {
	const { httpCode } = reply;
	const told: Told = { httpCode, ...toldId(body), holdsJob: isEvidence(body) };
	const message = readMessage(body);
	const advice = readAdvice(body);
	const isOfApi = word !== undefined && BAD_WORDS.includes(word);
	const retryAfterSeconds = readRetryAfter(body, `${message} ${advice ?? ''}`, reply.headers, now);
	const reason = readReason(httpCode, message, body);
	const refused = { state: 'refused', ...told, reason, message, advice, retryAfterSeconds, isOfApi } as const;

	// "Not now" is meant so whatever stands around it; it is seen with 200 and with 429.
	const mayBeLimit = httpCode === 429 || word === 'error' || word === 'failed';
	if (mayBeLimit && (reason === 'queueFull' || reason === 'rateLimit')) {
		const queueLimit = reason === 'queueFull' ? readQueueLimit(message) : undefined;
		return { ...refused, ...(queueLimit !== undefined && { queueLimit }) };
	}
	const isTrouble = isTroubleCode(httpCode) || (word === 'error' && isPassingTrouble(message));
	if (isTrouble) return { state: 'trouble', ...told, message, retryAfterSeconds, isOfApi };
	// Where the key is refused, nothing is said of a job.
	if (word === 'failed' && (reason !== 'key' || told.id !== undefined)) {
		return { state: 'failed', ...told, message, advice, isUnknownJob: isNotFound(told, message) };
	}
	if (word !== undefined && CANCELLED.includes(word)) return { ...refused, reason: 'cancelled' };
	if (httpCode >= 400 || word === 'error' || word === 'failed') {
		if (isNotFound(told, message)) return { ...refused, reason: 'notFound' };
		// Of a job that is named it is something else that was not found.
		return { ...refused, reason: reason === 'notFound' && httpCode !== 404 ? 'other' : reason };
	}
	return word === undefined
		? { state: 'unreadable', ...told, why: 'the answer has no status' }
		: { state: 'unknownStatus', ...told, word: quote(String(body.status)) };
}

/** "Image not found" is a job's own end where it names the job; "Request not found" is never one. */
const isNotFound = ({ id }: Told, message: string) =>
	isUnknownJob(message) || (id === undefined && /\bnot found\b/i.test(message));

function toldId(body: Record<string, unknown>): Pick<Told, 'id' | 'isIdLoose'> {
	const id = readJobId(body);
	return id === undefined ? {} : { id, ...looseness(body) };
}

const looseness = ({ id }: Record<string, unknown>) => (readId(id) === undefined ? { isIdLoose: true } : {});

/** The job's ID, in whatever form the answer tells it. */
function readJobId(body: Record<string, unknown>): JobId | undefined {
	const { fetch_result: address } = body;
	const id =
		findId(body) ?? idInAddress(typeof address === 'string' ? parseUrl(address, NOWHERE) : undefined);
	// What the key was taken out of is nobody's ID any more.
	return String(id).includes(MASK) ? undefined : id;
}

/** Whether there is a job, by anything that an answer says besides its status. */
function isEvidence(body: Record<string, unknown>): boolean {
	const { fetch_result, eta, output, future_links, proxy_links } = body;
	return (
		findId(body) !== undefined || [fetch_result, eta, output, future_links, proxy_links].some(isSomething)
	);
}

function isSomething(value: unknown): boolean {
	if (Array.isArray(value)) return value.some(isSomething);
	return typeof value === 'string' ? value.trim() !== '' : value !== undefined && value !== null;
}

/** Some servers begin a text with it, some proxies add another; JSON.parse takes it for an error. */
const BYTE_ORDER_MARKS = /^\uFEFF+/;

/** What is there instead of a JSON object. */
interface NoObject {
	why: string;
	excerpt: string;
	/** An ID that stands in it nevertheless, as in JSON that broke off, or in a list. */
	id?: JobId;
	/** Whether it shows that there is a job. */
	holdsJob?: boolean;
}

/**
 * The JSON object in a body, or what is there instead.
 *
 * @param what names the body in `why`
 * @returns the object without the key, and its status as it was sent
 */
export function readBody(
	text: string,
	clean: (text: string) => string,
	what = 'the answer',
): { object: Record<string, unknown>; status: unknown } | NoObject {
	const body = text.replace(BYTE_ORDER_MARKS, '');
	if (body.trim() === '') return { why: `${what} is empty`, excerpt: '' };
	let parsed: unknown;
	try {
		parsed = JSON.parse(keepIdsExact(body));
	} catch {
		const isHtml = isWebPage(body);
		// Cleaned as a whole, or a part of the key might stand at the end of the piece.
		const cleaned = clean(body);
		const words = cleaned.slice(0, MAX_WORDS);
		const id = isHtml ? undefined : findIdInText(cleaned);
		return {
			why: `${what} is ${isHtml ? 'a web page' : 'not JSON'}`,
			excerpt: quote(isHtml ? textOfPage(words) : words),
			...looseId(id),
		};
	}
	const cleaned = cleanJson(parsed, clean);
	if (cleaned === undefined) {
		const job = isRecord(parsed) ? jobIn(parsed, clean) : looseId(findIdInText(clean(body)));
		return { why: `${what} is nested too deeply`, excerpt: '', ...job };
	}
	if (!isRecord(cleaned)) {
		const kind = Array.isArray(cleaned) ? 'a list' : cleaned === null ? 'null' : `a ${typeof cleaned}`;
		// A text may be JSON that was encoded twice.
		const id = typeof cleaned === 'string' ? findIdInText(cleaned) : readJobId({ cleaned });
		const excerpt = quote(JSON.stringify(cleaned));
		return { why: `${what} is ${kind} instead of an object`, excerpt, ...looseId(id) };
	}
	return { object: cleaned, status: (parsed as Record<string, unknown>).status };
}

/** What shows a job in JSON that is nested too deeply: in all its fields but those that are. */
function jobIn(
	parsed: Record<string, unknown>,
	clean: (text: string) => string,
): Pick<NoObject, 'id' | 'holdsJob'> {
	const fields = Object.entries(parsed).map(([name, value]) => [name, cleanJson(value, clean)] as const);
	const object = Object.fromEntries(fields.filter(([, value]) => value !== undefined));
	const id = readJobId(object);
	const isAccepted = ['success', 'processing', 'queued'].includes(wordOf(parsed.status) ?? '');
	return { ...(id !== undefined && { id }), holdsJob: isAccepted || isEvidence(object) };
}

/** A page's text says more than its first tags. What begins and does not end goes to the end: no piece is read twice. */
const textOfPage = (page: string) => page.replace(/<(script|style)[\s\S]*?(?:<\/\1>|$)|<[^>]*(?:>|$)/gi, ' ');

function readJob(body: Record<string, unknown>): JobFacts {
	const id = readJobId(body);
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
export function listFiles({ output, extras }: JobFacts): JobFile[] {
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
export function mergeFacts(id: JobId, earlier: JobFacts | undefined, latest: JobFacts): JobFacts {
	const announced = earlier?.extras.extra_assets;
	return {
		...earlier,
		...latest,
		id: latest.id !== undefined && isSameId(latest.id, id) ? latest.id : id,
		extras: { ...(announced !== undefined && { extra_assets: announced }), ...latest.extras },
	};
}

const isTroubleCode = (httpCode: number) => httpCode >= 500 || httpCode === 408;

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
