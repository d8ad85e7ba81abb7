/** The words for calls to the service that failed: what happened, and what to do next. */
import type { OtherFile } from '../image-type';
import { ACCOUNT_CALLS, type AccountCall } from './account-calls';
import { holdsJob, type UnansweredReason } from './answer';
import { isFateUnknown, isLimit, isUnknownJob, isUnknownToApi, type BadAnswer } from './judge';
import { writeId, type JobId } from './job-id';
import { STATUS_WORDS } from './status';
import { parseUrl } from './url';
import { nameVersions, VERSIONS, type ApiVersion } from './versions';
import { quote } from './words';

/** What a call was for. A submit is the only one that is paid. */
export type CallPurpose = 'submit' | 'fetch' | 'upload';

/** The same with the free calls about the account. */
type AnyPurpose = CallPurpose | 'account';

/** A call that failed. */
export interface FailedCall {
	purpose: CallPurpose;
	/** The job, if its ID is known. */
	jobId?: JobId;
	/** The input field of the image, if there are several. */
	field?: string;
	/** Whether this node submitted the job. Otherwise a person or a caller says that the job exists. */
	isOwn: boolean;
	/** The names of the versions that were asked for the job, if there are several: "V3 or V6". */
	asked?: string;
}

export interface ErrorText {
	/** One line: what happened. */
	message: string;
	/** Sentences: what to do next. */
	description: string;
}

export function joinSentences(...sentences: string[]): string {
	return sentences.filter(Boolean).join(' ');
}

export const NOTHING_SUBMITTED = 'Nothing was submitted for this item.';

const NOT_PAID = 'No job was accepted, so nothing was paid.';

const MAYBE_PAID =
	'This node and Retry On Fail do not submit it again. Check the generations of your account on the service before you run this item again.';

const PAID_WITHOUT_ID =
	'Look for it among the generations of your account on the service. This node and Retry On Fail do not submit it again.';

const FETCH_LATER =
	'The job is paid for: do not submit it again. The Get Result operation with the Job ID returns the result later.';

const KEY_HELP =
	'Open the credential, copy the API key from your account again, and check that Service is the one that the key belongs to. Then save it: n8n tests it.';

/** A proxy, a firewall and a maintenance page do not answer with JSON. */
const PROXY_HELP = 'A proxy may be answering instead of the service.';

/** What became of a call that got no answer. */
export const REASONS: Record<UnansweredReason, string> = {
	refused: 'the connection was refused',
	unresolved: 'the host name could not be resolved',
	certificate: "the service's certificate was not accepted",
	handshake: 'no secure connection could be made',
	blocked: 'n8n does not allow requests to that address',
	timeout: 'no answer came in time',
	interrupted: 'the connection broke before the answer was complete',
};

const CONNECTION_HELP: Partial<Record<UnansweredReason, string>> = {
	certificate:
		"Check Service in the credential. If your own organization or proxy issued the certificate, set n8n's environment variable NODE_EXTRA_CA_CERTS to the file of its authority.",
	handshake:
		'Check Service in the credential. A Base URL may begin with https:// although the server uses http://, or the port may be wrong.',
};

/** The HTTP code, where it says something: this service sends most of its errors with 200. */
const writeHttpCode = (httpCode: number) => (httpCode >= 400 ? `, HTTP ${httpCode}` : '');

/** The service's own words, to follow the message. */
const writeReason = (answer: BadAnswer) =>
	'message' in answer && answer.message !== '' ? `: ${quote(answer.message)}` : '';

const writeAdvice = (answer: BadAnswer) =>
	'advice' in answer && answer.advice ? `The service says: ${quote(answer.advice)}` : '';

const writeProxyHelp = (answer: BadAnswer) => (answer.state === 'refused' && answer.isPage ? PROXY_HELP : '');

/** What is to be done about the job after a call that failed. */
function writeNextStep(answer: BadAnswer, purpose: CallPurpose): string {
	switch (purpose) {
		case 'upload':
			return NOT_PAID;
		case 'fetch':
			return FETCH_LATER;
		case 'submit':
			if (holdsJob(answer)) return PAID_WITHOUT_ID;
			return isFateUnknown(answer) ? MAYBE_PAID : NOT_PAID;
	}
}

/** How a message about a job begins. A job may be accepted without an ID. */
export const nameJob = (id: JobId | undefined) => `Job ${id === undefined ? '(no ID)' : writeId(id)}`;

/** Names an item among several in a message: behind its job, or at the beginning. @param name '' if it has none */
export function nameItem(message: string, name: string, jobId?: JobId): string {
	if (name === '') return message;
	const job = jobId === undefined ? undefined : nameJob(jobId);
	return job !== undefined && message.startsWith(job)
		? `${job} (${name})${message.slice(job.length)}`
		: `${name}: ${message}`;
}

/** Makes a sentence of what happened: it begins with the job or the upload, if the call was about one. */
function writeMessage({ purpose, jobId, field }: FailedCall, what: string): string {
	if (jobId !== undefined) return `${nameJob(jobId)}: ${what}`;
	if (purpose !== 'upload') return what.charAt(0).toUpperCase() + what.slice(1);
	const image = field === undefined ? '' : ` in the binary field "${quote(field)}"`;
	return `The image${image} could not be uploaded: ${what}`;
}

/** Describes the answer to a call that failed. */
export function describeAnswer(answer: BadAnswer, call: FailedCall): ErrorText {
	const { purpose } = call;
	if (purpose === 'fetch' && isUnknownJob(answer)) return describeUnknownJob(answer, call);
	const nextStep = writeNextStep(answer, purpose);
	if (purpose === 'submit' && holdsJob(answer)) {
		const what = 'the job was accepted and paid for, but the answer has no ID';
		return { message: writeMessage(call, what), description: nextStep };
	}
	const { what, help, isOver } = describeState(answer, purpose);
	const message = writeMessage(call, what);
	const isUndecided = purpose === 'submit' && isFateUnknown(answer);
	return {
		message: isUndecided ? `${message.replace(/\.$/, '')}. The job may have been accepted and paid` : message,
		description: isOver ? help : joinSentences(help, writeAdvice(answer), writeProxyHelp(answer), nextStep),
	};
}

function describeUnknownJob(answer: BadAnswer, call: FailedCall): ErrorText {
	const { asked, isOwn } = call;
	const httpCode = 'httpCode' in answer ? writeHttpCode(answer.httpCode) : '';
	const what = writeMessage(
		call,
		`the service does not know this job${asked ? ` in ${asked}` : ''}${httpCode}`,
	);
	if (isOwn) {
		const help =
			'It was accepted and is paid for: do not submit it again. The Get Result operation with the Job ID may return it later.';
		return { message: what, description: joinSentences(help, writeProxyHelp(answer)) };
	}
	const help = `Check the Job ID${asked ? '' : ' and Result'}, and that the credential is the account that submitted the job. If every call ends like this, check Service in the credential.`;
	return {
		message: `${what}. With another ${asked ? '' : 'Result or '}account it may have been accepted and paid`,
		description: joinSentences(help, writeProxyHelp(answer)),
	};
}

/** What happened, and what helps. */
interface StateText {
	what: string;
	help: string;
	/** Whether the job is over, so that nothing more can be done about it. */
	isOver?: boolean;
}

/**
 * Describes the answer to a call about the account that failed.
 *
 * @param jobId the job that it was about
 */
export function describeAccountAnswer(answer: BadAnswer, call: AccountCall, jobId?: JobId): ErrorText {
	const { failure, refusedHelp } = ACCOUNT_CALLS[call];
	const about = (what: string) => {
		const text = `${jobId === undefined ? failure : failure.charAt(0).toLowerCase() + failure.slice(1)}: ${what}`;
		return jobId === undefined ? text : `${nameJob(jobId)}: ${text}`;
	};
	if (jobId !== undefined && isUnknownToApi(answer)) {
		return {
			message: about('the service does not know this job'),
			description:
				'Check the Job ID, and that the credential is the account that submitted the job. Its files may have been deleted before.',
		};
	}
	const isRefused =
		answer.state === 'refused' && !answer.isPage && ['key', 'forbidden', 'other'].includes(answer.reason);
	if (refusedHelp !== undefined && isRefused) {
		return {
			message: about(`the service refused the call${writeHttpCode(answer.httpCode)}${writeReason(answer)}`),
			description: joinSentences(refusedHelp, writeAdvice(answer)),
		};
	}
	const { what, help } = describeState(answer, 'account');
	return {
		message: about(what),
		description: joinSentences(help, writeAdvice(answer), writeProxyHelp(answer)),
	};
}

function describeState(answer: BadAnswer, purpose: AnyPurpose): StateText {
	switch (answer.state) {
		case 'unanswered':
			return {
				what: `${REASONS[answer.reason]} (${answer.detail})`,
				help:
					CONNECTION_HELP[answer.reason] ??
					'Check Service in the credential, and whether n8n can reach that address.',
			};
		case 'trouble':
			return {
				what: `the service is in trouble${writeHttpCode(answer.httpCode)}${writeReason(answer)}`,
				help: 'Wait a while before the next try.',
			};
		case 'redirected':
			return describeRedirect(answer.location);
		case 'failed':
			return describeFailure(answer, purpose);
		case 'noOutput':
			return answer.isWithheld
				? {
						what: 'the service withholds the result, because it found unsafe content (nsfw_content_detected)',
						help: 'Use another image or prompt. The job is over and paid for, so it is not submitted again.',
						isOver: true,
					}
				: {
						what: 'the service says "success", but names no file that can be fetched',
						help: 'The result may be late.',
					};
		case 'unreadable':
			return {
				what: `${answer.why} (HTTP ${answer.httpCode})`,
				help: 'This is not an answer of this API. Check Service in the credential, and whether a proxy or a maintenance page answers instead of the service.',
			};
		case 'unknownStatus':
			return {
				what: `the service answered with the unknown status "${answer.word}"`,
				help: `This node knows ${writeList(STATUS_WORDS)}. If the service has changed, update the node.`,
			};
		case 'refused':
			return describeRefusal(answer, purpose);
	}
}

function describeRedirect(location: string): StateText {
	const named = parseUrl(location)?.host;
	const host = named && quote(named) === named ? named : undefined;
	return {
		what: `the service redirects to ${host ?? 'another address'}, and the key is not sent there. Check Service in the credential`,
		help: host
			? `If you trust ${host}, select it as Service in the credential, or enter its API as Base URL, for example https://${host}/api.`
			: 'Select or enter the address that the service has moved to in the credential.',
	};
}

/** The status is "failed": of a job that the answer names, of one that it does not name, or of the call itself. */
function describeFailure(answer: Extract<BadAnswer, { state: 'failed' }>, purpose: AnyPurpose): StateText {
	const reason = writeReason(answer);
	if (purpose === 'upload' || purpose === 'account')
		return { what: `the service answered "failed"${reason}`, help: '' };
	if (purpose === 'submit') {
		return {
			what: `the service answered "failed"${reason}`,
			help: 'Check the image or the prompt, then run the item again.',
		};
	}
	if (answer.id === undefined) {
		return {
			what: `the service says that the job failed${reason}`,
			help: "It said so without the job's ID, so the job may still succeed.",
		};
	}
	return {
		what: `the service ended the job as failed${reason}`,
		help: 'The job is over. Check the image or the prompt, then run the item again: that is a new job.',
		isOver: true,
	};
}

type Refused = Extract<BadAnswer, { state: 'refused' }>;

function describeRefusal(answer: Refused, purpose: AnyPurpose): StateText {
	const reason = writeReason(answer);
	const httpCode = writeHttpCode(answer.httpCode);
	switch (answer.reason) {
		case 'key':
			return { what: `the service does not accept the API key${reason}`, help: KEY_HELP };
		case 'credits':
			return {
				what: `the account has no credits left${reason}`,
				help: 'Add credits to your account on the service.',
			};
		case 'queueFull':
			return {
				what: `the account's queue stayed full${reason}`,
				help: 'Send fewer jobs at once (Max Jobs in Flight), allow more time (Timeout), or get a larger plan.',
			};
		case 'rateLimit':
			return {
				what: `the service kept refusing because of its rate limit${reason}`,
				help: `Call it less often${purpose === 'account' ? '' : ', or allow more time (Timeout)'}.`,
			};
		case 'forbidden':
			return answer.isPage
				? { what: `something forbids the call, HTTP 403${reason}`, help: '' }
				: {
						what: `the service forbids the call, HTTP 403${reason}`,
						help: joinSentences(
							purpose === 'account' ? '' : 'Check that your plan includes the 3D endpoints.',
							KEY_HELP,
						),
					};
		case 'cancelled':
			return { what: `the job was cancelled${reason}`, help: '' };
		case 'notFound':
			return {
				what: `the service does not know what was asked for${httpCode}${reason}`,
				help: 'If every call ends like this, check Service in the credential. A Base URL must end in /api, or where /v3 and /v6 begin.',
			};
		case 'image':
			if (purpose !== 'submit') return describeOtherRefusal(answer, purpose);
			return {
				what: `the service could not fetch the image${reason}`,
				help: 'The link must be open to the internet and lead to the image itself, not to a page that shows it. To send a file that n8n has, set Image Source to Binary File.',
			};
		case 'other':
			return describeOtherRefusal(answer, purpose);
	}
}

function describeOtherRefusal(answer: Refused, purpose: AnyPurpose): StateText {
	const details = `${writeHttpCode(answer.httpCode)}${writeReason(answer)}`;
	if (answer.isPage) return { what: `the call was refused, and not by the API itself${details}`, help: '' };
	return {
		what: `the service refused the call${details}`,
		help:
			purpose === 'fetch' || purpose === 'account'
				? ''
				: 'Correct what the service names, then run the item again.',
	};
}

/** Describes a job that had not ended when its time was up. @param last the problem of the last poll, if it failed */
export function describeOverdueJob(jobId: JobId, timeoutMs: number, last?: { message: string }): ErrorText {
	const { message = '' } = last ?? {};
	const job = nameJob(jobId);
	const lastWords = message.startsWith(`${job}: `) ? message.slice(job.length + 2) : message;
	return {
		message: `${job}: not finished after ${timeoutMs / 1000} s (Timeout)`,
		description: joinSentences(
			last ? `The last poll failed: ${lastWords}.` : 'The service was still processing it.',
			`It is paid for and not lost: Get Result with Job ID ${writeId(jobId)} fetches it without paying again.`,
		),
	};
}

/** Advice on the host: `likely` comes first in a description, `possible` last. */
export interface HostAdvice {
	likely: string;
	possible: string;
}

/** Advises another Base URL, where the host may be the cause of a failed call. */
export function adviseBaseUrl(
	answer: BadAnswer,
	{ calls, betterBaseUrl }: { calls: string; betterBaseUrl: string },
): HostAdvice {
	const advice = `${calls} documented at ${betterBaseUrl} only: select ModelsLab as Service in the credential.`;
	const likely = { likely: advice, possible: '' };
	const possible = { likely: '', possible: advice };
	const none = { likely: '', possible: '' };
	switch (answer.state) {
		case 'redirected':
		case 'unreadable':
		case 'unknownStatus':
			return likely;
		case 'unanswered':
		case 'trouble':
		case 'noOutput':
			return possible;
		case 'failed':
			return none;
		case 'refused':
			if (answer.reason === 'notFound') return likely;
			// A service that complains about these has the endpoints.
			return isLimit(answer) || answer.reason === 'credits' || answer.reason === 'image' ? none : possible;
	}
}

/**
 * Says where a job of which no ID is known shows later.
 *
 * @param newest the newest job that the account lists now. It may be that job.
 */
export const describeMark = (newest: JobId | undefined): string =>
	`If the job was accepted, Get Many lists it once it is done${newest === undefined ? '' : `, as job ${writeId(newest)} or above it`}.`;

/** Describes several images for a job that takes one. */
export function describeTooManyImages(
	from: 'url' | 'binary',
	count: number,
	apiVersion: ApiVersion,
): ErrorText {
	const [field, one] = from === 'url' ? ['Image URL', 'link'] : ['Input Binary Field', 'file'];
	const others = nameVersions(({ images }) => images.max >= count, 'result');
	return {
		message: `${field} has ${count} ${one}s, but a job takes one with Result: ${VERSIONS[apiVersion].result}`,
		description: `For one job for each ${one}, put a Split Out node before this node. For one object from several views, set Result to ${others}.`,
	};
}

/** Describes a file that was entered where a link to it belongs. */
export const describeFileAsText = (): ErrorText => ({
	message: 'Image URL must be a link, but is a file as text (base64)',
	description:
		'Put a Convert to File node before this node, with the operation Move Base64 String to File. It takes base64 alone, without "data:...;base64,". Then set Image Source to Binary File.',
});

/** Describes a binary field that the item does not have. @param fields those that it has */
export function describeMissingFile(property: string, fields: readonly string[]): ErrorText {
	const message = `The item has no binary field "${quote(property)}"`;
	if (fields.length === 0) {
		const description = `Check the node before this one: it passes no file on. To send a link, set Image Source to URL. ${NOTHING_SUBMITTED}`;
		return { message: `${message}, and no other binary field`, description };
	}
	return {
		message: `${message}. It has ${writeList(fields.map((field) => `"${quote(field)}"`))}`,
		description: `Correct Input Binary Field, or the expression that fills it. ${NOTHING_SUBMITTED}`,
	};
}

/** @param file names the file */
export function describeOtherFile(file: string, { what, advice }: OtherFile): ErrorText {
	return {
		message: `${file} is ${what}, and not a JPEG, PNG, WebP or GIF image`,
		description: `${advice} ${NOTHING_SUBMITTED}`,
	};
}

/**
 * @param file names the file
 * @param bytes its size; absent when n8n does not know it
 */
export function describeLargeImage(file: string, bytes?: number): ErrorText {
	const megabytes = ((bytes ?? 0) / 1024 / 1024).toFixed(1);
	const size = bytes === undefined || megabytes === '5.0' ? 'more than 5 MB' : `${megabytes} MB`;
	return {
		message: `${file} has ${size}, and the service takes uploads up to 5 MB`,
		description: `Make the image smaller before this node, for example with the Edit Image node (Resize, to at most 1024 pixels), or send a link to it instead (Image Source: URL). ${NOTHING_SUBMITTED}`,
	};
}

/** How many entries of a list a sentence names. */
const MAX_LISTED = 10;

/** Writes a list for a sentence: "a, b and c", or "a, b and 12 more". */
export function writeList(entries: readonly string[], max = MAX_LISTED): string {
	const more = entries.length - max;
	const shown = more > 0 ? [...entries.slice(0, max), `${more} more`] : entries;
	return new Intl.ListFormat('en-GB').format(shown);
}
