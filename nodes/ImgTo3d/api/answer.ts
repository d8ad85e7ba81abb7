/**
 * Reads the service's answers. An answer is data from a stranger: its type is checked here, and nowhere else. The
 * `status` word decides, because an error often comes with HTTP 200. Spellings and types differ between endpoints, and a
 * proxy may answer instead of the service. Every answer becomes one of the cases of {@link Answer}, and everything else
 * in the package switches on these.
 */
import type { IDataObject } from 'n8n-workflow';

import {
	hasJobEvidence,
	parseServiceUrl,
	readIdEvidence,
	readUncertainty,
	toUncertainId,
	type JobEvidence,
} from './evidence';
import { readIdFromAddress } from './job-id';
import { readJobFacts, type JobFacts } from './job-facts';
import { readBody, type JsonBody, type OtherBody } from './json-body';
import { readStatus } from './status';
import {
	readAdvice,
	readHeader,
	meansTrouble,
	meansUnknownJob,
	readMessage,
	readQueueLimit,
	quote,
	readReason,
	readRetryAfterHeader,
	readRetryAfter,
	toSeconds,
	type RefusalReason,
} from './words';

/** An HTTP answer, with its body as text. */
export interface HttpReply {
	httpCode: number;
	headers: IDataObject;
	text: string;
}

export type UnansweredReason =
	/** No server listens there, or the name does not resolve. The request certainly did not arrive. */
	| 'refused'
	| 'unresolved'
	/** The service's certificate was not accepted. That happens before a request is sent. */
	| 'certificate'
	/** There was no TLS handshake, as with a server that uses plain HTTP. No request was sent. */
	| 'handshake'
	/** n8n itself does not allow requests to that address. */
	| 'blocked'
	/** There was no (complete) answer in time. */
	| 'timeout'
	/** The connection broke before the answer was complete. */
	| 'interrupted';

export interface Unanswered {
	state: 'unanswered';
	reason: UnansweredReason;
	detail: string;
}

/** An answer about a job that exists. */
interface JobAnswer extends Pick<JobEvidence, 'isIdUncertain'> {
	httpCode: number;
	job: JobFacts;
}

/** Any other answer. */
interface OtherAnswer extends JobEvidence {
	httpCode: number;
}

export type Answer =
	/** The job is done, and has a file. */
	| ({ state: 'success' } & JobAnswer)
	| ({
			state: 'processing';
			/** How long the job still takes according to the service, s. */
			etaSeconds?: number;
			/** The address that the service names for polling. It is used only on the service's own host. */
			fetchResult?: string;
	  } & JobAnswer)
	/** The status is "failed". Whether that is the end of a job depends on whether the answer names the job. */
	| ({
			state: 'failed';
			message: string;
			advice?: string;
			/** Whether it means that the service does not know the job. */
			isNotFound: boolean;
	  } & OtherAnswer)
	/** The service did not do what was asked for, and says why. */
	| ({
			state: 'refused';
			reason: RefusalReason;
			message: string;
			advice?: string;
			/** How long to wait before the next try, s. */
			retryAfterSeconds?: number;
			/** How many jobs the account may have open, if the queue is full. */
			queueLimit?: number;
			/** Whether it was not JSON, so that a proxy may have sent it. */
			isPage?: boolean;
			/** Whether the API itself says so: JSON with a known status. */
			isFromApi?: boolean;
	  } & OtherAnswer)
	/** The service, or a server in front of it, is in trouble. */
	| ({
			state: 'trouble';
			message: string;
			retryAfterSeconds?: number;
			isFromApi?: boolean;
	  } & OtherAnswer)
	| ({ state: 'redirected'; location: string } & OtherAnswer)
	/** The status is "success", but no output URL can be used. */
	| ({
			state: 'noOutput';
			/** Whether the service says that it found the result unsafe. */
			isWithheld: boolean;
	  } & OtherAnswer)
	/** Not an answer of this API: not JSON, or JSON of another type. */
	| ({ state: 'unreadable'; why: string } & OtherAnswer)
	/** The status is not documented. */
	| ({ state: 'unknownStatus'; word: string } & OtherAnswer)
	/** There is no answer. */
	| Unanswered;

/** How much of a redirect's address is kept, characters. */
const MAX_LOCATION = 500;

/**
 * Reads an HTTP answer of the API.
 *
 * @param clean removes the API key from a text
 * @param now ms since the epoch, for a `Retry-After` that is a date
 */
export function readAnswer(reply: HttpReply, clean: (text: string) => string, now: number): Answer {
	const body = readBody(reply.text, clean);
	const answer = 'object' in body ? readObject(body, reply, now) : readOtherBody(body, reply, now);
	const { httpCode } = reply;
	const isRedirect = httpCode >= 300 && httpCode < 400;
	if (!isRedirect || holdsJob(answer)) return answer;
	const location = clean(readHeader(reply.headers, 'location') ?? '');
	// "See Other" names the address of what was made.
	const id = httpCode === 303 ? readIdFromAddress(parseServiceUrl(location)) : undefined;
	return { state: 'redirected', httpCode, location: location.slice(0, MAX_LOCATION), ...toUncertainId(id) };
}

/** Whether an answer to a submit shows that the service accepted it. */
export function holdsJob(answer: Answer): boolean {
	if (answer.state === 'success' || answer.state === 'processing') return true;
	return answer.state !== 'unanswered' && answer.hasEvidence === true;
}

/** Reads a body that is not a JSON object. */
function readOtherBody(body: OtherBody, reply: HttpReply, now: number): Answer {
	const { why, excerpt: message, id, hasEvidence } = body;
	const { httpCode } = reply;
	const about = { httpCode, ...(id !== undefined && { id, isIdUncertain: true }), hasEvidence };
	const retryAfterSeconds = readRetryAfterHeader(reply.headers, now);
	if (isTroubleCode(httpCode)) return { state: 'trouble', ...about, message, retryAfterSeconds };
	if (httpCode < 400) return { state: 'unreadable', ...about, why };
	const reason = readReason(httpCode, '', {});
	return { state: 'refused', ...about, reason, message, retryAfterSeconds, isPage: true };
}

/** Reads a body that is a JSON object. Its status decides, whatever the HTTP code is. */
export function readObject({ object: body, status }: JsonBody, reply: HttpReply, now: number): Answer {
	switch (readStatus(status)) {
		// Nearly every answer is one of these two. They need no search for words.
		case 'success':
			return readSuccess(body, reply.httpCode);
		case 'processing':
			return readProcessing(body, reply.httpCode);
		default:
			return readRefusal({ object: body, status }, reply, now);
	}
}

function readSuccess(body: Record<string, unknown>, httpCode: number): Answer {
	const job = readJobFacts(body);
	if (job.output.length > 0) return { state: 'success', httpCode, job, ...readUncertainty(body) };
	const isWithheld = body.nsfw_content_detected === true;
	return { state: 'noOutput', httpCode, ...readIdEvidence(body), hasEvidence: true, isWithheld };
}

function readProcessing(body: Record<string, unknown>, httpCode: number): Answer {
	const etaSeconds = toSeconds(body.eta);
	const { fetch_result: fetchResult } = body;
	return {
		state: 'processing',
		httpCode,
		job: readJobFacts(body),
		...readUncertainty(body),
		...(etaSeconds !== undefined && { etaSeconds }),
		...(typeof fetchResult === 'string' && fetchResult !== '' && { fetchResult }),
	};
}

/** Reads what an answer says about why something was not done. */
function readDetails(body: Record<string, unknown>, { httpCode, headers }: HttpReply, now: number) {
	const message = readMessage(body);
	const advice = readAdvice(body);
	return {
		about: { httpCode, ...readIdEvidence(body), hasEvidence: hasJobEvidence(body) },
		message,
		advice,
		reason: readReason(httpCode, message, body),
		retryAfterSeconds: readRetryAfter(body, `${message} ${advice ?? ''}`, headers, now),
	};
}

/** Reads any other body: the service did not do what was asked for, or its status is unknown. */
function readRefusal({ object: body, status: sent }: JsonBody, reply: HttpReply, now: number): Answer {
	const { httpCode } = reply;
	const status = readStatus(sent);
	const isFromApi = status !== 'unknown' && status !== 'missing';
	const { about, ...details } = readDetails(body, reply, now);
	const { message, advice, reason, retryAfterSeconds } = details;
	const refused = { state: 'refused', ...about, ...details, isFromApi } as const;

	// A limit means "not now", whatever else the answer says. It comes with HTTP 200 and with 429.
	const isRefusal = status === 'error' || status === 'failed';
	if ((httpCode === 429 || isRefusal) && (reason === 'queueFull' || reason === 'rateLimit')) {
		const queueLimit = reason === 'queueFull' ? readQueueLimit(message) : undefined;
		return { ...refused, ...(queueLimit !== undefined && { queueLimit }) };
	}
	if (isTroubleCode(httpCode) || (status === 'error' && meansTrouble(message))) {
		return { state: 'trouble', ...about, message, retryAfterSeconds, isFromApi };
	}
	const isNotFound = meansNotFound(message, about);
	// A refused key says nothing about a job.
	if (status === 'failed' && (reason !== 'key' || about.id !== undefined)) {
		return { state: 'failed', ...about, message, advice, isNotFound };
	}
	if (status === 'cancelled') return { ...refused, reason: 'cancelled' };
	if (httpCode >= 400 || isRefusal) {
		// If the job is named, something else was not found.
		const isOther = reason === 'notFound' && httpCode !== 404;
		return { ...refused, reason: isNotFound ? 'notFound' : isOther ? 'other' : reason };
	}
	return status === 'missing'
		? { state: 'unreadable', ...about, why: 'the answer has no status' }
		: { state: 'unknownStatus', ...about, word: quote(String(body.status)) };
}

/** "Image not found" is a job's own end if the answer names the job. "Request not found" never is. */
const meansNotFound = (message: string, { id }: JobEvidence) =>
	meansUnknownJob(message) || (id === undefined && /\bnot found\b/i.test(message));

const isTroubleCode = (httpCode: number) => httpCode >= 500 || httpCode === 408;
