/** The one place where what went wrong is put into words: what happened, to which job, and what to do next. */
import { NodeApiError, type INode } from 'n8n-workflow';

import { holdsJob, type Answer } from './answer';
import { writeId, type JobId } from './job-id';
import { isFateUnknown, isLimit, isUnknownJob, type BadAnswer } from './judge';
import { parseUrl } from './url';
import { API_VERSIONS, type ApiVersion } from './versions';

/** What a call was for; a submit is the only one that is paid. */
export type CallPurpose = 'submit' | 'fetch' | 'upload';

/** Whether an item's job was paid for. */
export type Paid = 'no' | 'yes' | 'unknown';

/** A problem, worded. */
export interface Problem {
	/** One line: what happened. */
	message: string;
	/** What to do next. */
	description: string;
	paid: Paid;
	httpCode?: number;
	jobId?: JobId;
}

/** Ends the work on one item. The item loop makes n8n's error, or the error item, of it. */
export class ProblemError extends Error {
	constructor(readonly problem: Problem) {
		super(problem.message);
	}
}

/** How the paths of the API begin. */
const PATHS_BEGIN = API_VERSIONS.map((version) => `/${version}`).join(' and ');

const KEY_HELP =
	'Open the credential, copy the API key again from your account, check that Base URL is the service the key belongs to, and save it: n8n tests it then.';

const MAYBE_PAID =
	'Neither this node nor Retry On Fail submits it again. Look at the generations of your account on the service before you run this item again.';

const PAID_WITHOUT_ID =
	'Look for it among the generations of your account on the service. Neither this node nor Retry On Fail submits it again.';

const NOT_PAID = 'No job was accepted, so nothing was paid.';

/** A proxy, a firewall or a maintenance page speaks no JSON. */
const PROXY = "A proxy may be answering in the service's place.";

const UNANSWERED: Record<Extract<Answer, { state: 'unanswered' }>['reason'], string> = {
	refused: 'the connection was refused',
	unresolved: 'the host name could not be resolved',
	certificate: "the service's certificate was not accepted",
	handshake: 'no secure connection could be made',
	blocked: 'n8n does not allow requests to that address',
	timeout: 'no answer came in time',
	interrupted: 'the connection broke before the answer was complete',
};

/** What to do about a connection that did not come about, where that is known. */
const CONNECTION_HELP: Partial<Record<Extract<Answer, { state: 'unanswered' }>['reason'], string>> = {
	certificate:
		'Check Base URL in the credential. If the certificate was made by your own organization or proxy, name the file of its authority in the environment variable NODE_EXTRA_CA_CERTS of n8n.',
	handshake:
		'Check Base URL in the credential: it may begin with https:// although the server there speaks http:// only, or the port may be another one.',
};

/** What a call was about, as far as its answer does not say so. */
export interface CallSubject {
	/** The job, if it is known. */
	jobId?: JobId;
	/** Whether this node submitted the job. Otherwise a person or a caller says that the job exists. */
	isOwn?: boolean;
	/** The input field of the image, if there are several. */
	field?: string;
}

/** The API that was called. */
export interface CalledApi {
	version: ApiVersion;
	/** The Base URL at which that version is documented, if the credential has another one of the service's. */
	betterBaseUrl?: string;
}

/**
 * Words an answer that did not bring what the call was for.
 *
 * @param answer what came back
 * @param purpose what the call was for
 */
export function describeProblem(
	answer: BadAnswer,
	purpose: CallPurpose,
	{ jobId, field, isOwn = true }: CallSubject = {},
	api?: CalledApi,
): Problem {
	const id = jobId ?? ('id' in answer ? answer.id : undefined);
	const paid = paidOf(answer, purpose, isOwn);
	const { message, description } = word(answer, purpose, { who: subject(purpose, id, field), isOwn });
	const httpCode = 'httpCode' in answer ? answer.httpCode : undefined;
	const [likely, possible] = hostAdvice(answer, api, description);
	return {
		message:
			purpose === 'submit' && paid === 'unknown' ? `${message}. It may have been accepted and paid` : message,
		description: sentences(
			likely,
			description,
			possible,
			purpose === 'submit' && paid === 'unknown' ? MAYBE_PAID : '',
			purpose === 'submit' && paid === 'yes' ? PAID_WITHOUT_ID : '',
		),
		paid,
		...(httpCode !== undefined && { httpCode }),
		...(id !== undefined && { jobId: id }),
	};
}

/** Whether the job is paid for that an answer is about. */
function paidOf(answer: BadAnswer, purpose: CallPurpose, isOwn: boolean): Paid {
	switch (purpose) {
		case 'upload':
			return 'no';
		case 'fetch':
			// Of a job that the service does not know nobody can say.
			return isOwn || !isUnknownJob(answer) ? 'yes' : 'unknown';
		case 'submit':
			if (holdsJob(answer)) return 'yes';
			return isFateUnknown(answer) ? 'unknown' : 'no';
	}
}

/** Advice on the host, to come first where it is the likely cause, or last where it is a possible one. */
function hostAdvice(answer: BadAnswer, api: CalledApi | undefined, said: string): [string, string] {
	const { version, betterBaseUrl } = api ?? {};
	if (betterBaseUrl === undefined || said.includes(betterBaseUrl)) return ['', ''];
	const advice = `The ${version} endpoints are documented at ${betterBaseUrl} only: set Base URL in the credential to that.`;
	switch (answer.state) {
		case 'redirected':
		case 'unreadable':
		case 'unknownStatus':
			return [advice, ''];
		case 'unanswered':
		case 'trouble':
		case 'noOutput':
			return ['', advice];
		case 'failed':
			return ['', ''];
		case 'refused':
			if (answer.reason === 'notFound') return [advice, ''];
			// Who speaks of these has the endpoints.
			return ['', isLimit(answer) || answer.reason === 'credits' || answer.reason === 'image' ? '' : advice];
	}
}

function subject(purpose: CallPurpose, id: JobId | undefined, field: string | undefined): string {
	if (id !== undefined) return `Job ${writeId(id)}`;
	const upload = `The upload of the image${field === undefined ? '' : ` in the binary field "${field}"`}`;
	return { submit: 'The job', fetch: 'The job', upload }[purpose];
}

/** Whom an answer is about. */
interface About {
	/** The subject of the message. */
	who: string;
	isOwn: boolean;
}

function word(
	answer: BadAnswer,
	purpose: CallPurpose,
	{ who, isOwn }: About,
): Pick<Problem, 'message' | 'description'> {
	const next = {
		submit: '',
		fetch:
			'The job is paid for: do not submit it again. The Get Result operation with the Job ID brings the result later.',
		upload: NOT_PAID,
	}[purpose];
	if (purpose === 'fetch' && isUnknownJob(answer)) return unknownJob(answer, who, isOwn);
	if (purpose === 'submit' && holdsJob(answer)) {
		return { message: `${who}: accepted and paid for, but the answer has no ID`, description: '' };
	}
	const said = 'message' in answer && answer.message !== '' ? `: ${answer.message}` : '';
	const advice = 'advice' in answer && answer.advice ? `The service says: ${answer.advice}` : '';

	switch (answer.state) {
		case 'unanswered':
			return {
				message: `${who}: ${UNANSWERED[answer.reason]} (${answer.detail})`,
				description: sentences(
					CONNECTION_HELP[answer.reason] ??
						'Check Base URL in the credential, and whether n8n can reach that address.',
					purpose === 'submit' && !isFateUnknown(answer) ? NOT_PAID : next,
				),
			};
		case 'trouble':
			return {
				message: `${who}: the service is in trouble${code(answer.httpCode)}${said}`,
				description: sentences('Wait a while before the next try.', next),
			};
		case 'redirected': {
			const host = parseUrl(answer.location)?.host;
			return {
				message: `${who}: the service redirects to ${host ?? 'another address'}, and the key is not sent on. Check Base URL in the credential`,
				description: sentences(
					host
						? `If you trust ${host}, set Base URL in the credential to its API, for example https://${host}/api.`
						: 'Set Base URL in the credential to the address the service has moved to.',
					purpose === 'submit' && !isFateUnknown(answer) ? NOT_PAID : next,
				),
			};
		}
		case 'failed':
			return failure(answer, purpose, who, said, sentences(advice, next));
		case 'noOutput':
			if (answer.isWithheld) {
				return {
					message: `${who}: the service withholds the result, because it found unsafe content (nsfw_content_detected)`,
					description: sentences(
						'Another image or prompt is needed. The job is over and paid for, so it is not submitted again.',
					),
				};
			}
			return {
				message: `${who}: the service says "success", but names no file that can be fetched`,
				description: sentences('The result may be late.', next),
			};
		case 'unreadable':
			return {
				message: `${who}: ${answer.why} (HTTP ${answer.httpCode})`,
				description: sentences(
					"That is no answer of this API. Check Base URL in the credential, and whether a proxy or a maintenance page answers in the service's place.",
					next,
				),
			};
		case 'unknownStatus':
			return {
				message: `${who}: the service answered with the unknown status "${answer.word}"`,
				description: sentences(
					'Known are success, processing, failed and error. If the service has changed, an update of this node is needed.',
					next,
				),
			};
		case 'refused':
			return refusal(
				answer,
				purpose,
				who,
				said,
				sentences(
					advice,
					answer.isPage ? PROXY : '',
					purpose === 'submit' && !isFateUnknown(answer) ? NOT_PAID : next,
				),
			);
	}
}

/** The service says "failed": of a job that it names, of one that it does not name, or of the call itself. */
function failure(
	{ id }: Extract<BadAnswer, { state: 'failed' }>,
	purpose: CallPurpose,
	who: string,
	said: string,
	more: string,
): Pick<Problem, 'message' | 'description'> {
	if (purpose === 'upload') return { message: `${who}: it failed${said}`, description: more };
	if (purpose === 'submit') {
		return {
			message: `${who}: the service answered "failed"${said}`,
			description: sentences('Check the image or the prompt, then run the item again.', more, NOT_PAID),
		};
	}
	if (id === undefined) {
		return {
			message: `${who}: the service says that the job failed${said}`,
			description: sentences('It said so without the ID of the job, which may succeed yet.', more),
		};
	}
	return {
		message: `${who}: the service ended the job as failed${said}`,
		description:
			'The job is over. Check the image or the prompt, then run the item again: that is a new job.',
	};
}

/** The service does not know a job. */
function unknownJob(
	answer: BadAnswer,
	who: string,
	isOwn: boolean,
): Pick<Problem, 'message' | 'description'> {
	const httpCode = 'httpCode' in answer ? code(answer.httpCode) : '';
	const page = answer.state === 'refused' && answer.isPage ? PROXY : '';
	if (isOwn) {
		return {
			message: `${who}: the service does not know this job${httpCode}`,
			description: sentences(
				'It was accepted and is paid for: do not submit it again. The Get Result operation with the Job ID may bring it later.',
				page,
			),
		};
	}
	return {
		message: `${who}: the service does not know this job${httpCode}. With another API Version or account it may have been accepted and paid`,
		description: sentences(
			'Check the Job ID and the API Version, and that the credential is the account that submitted the job. If every call ends like this, check Base URL.',
			page,
		),
	};
}

function refusal(
	answer: Extract<BadAnswer, { state: 'refused' }>,
	purpose: CallPurpose,
	who: string,
	said: string,
	more: string,
): Pick<Problem, 'message' | 'description'> {
	switch (answer.reason) {
		case 'key':
			return {
				message: `${who}: the service does not accept the API key${said}`,
				description: sentences(KEY_HELP, more),
			};
		case 'credits':
			return {
				message: `${who}: the account has no credits left${said}`,
				description: sentences('Add credits to your account on the service.', more),
			};
		case 'queueFull':
			return {
				message: `${who}: the account's queue stayed full${said}`,
				description: sentences(
					'Send fewer jobs at once (Max Jobs in Flight), allow more time (Timeout), or take a larger plan.',
					more,
				),
			};
		case 'rateLimit':
			return {
				message: `${who}: the service kept refusing because of its rate limit${said}`,
				description: sentences('Call it less often, or allow more time (Timeout).', more),
			};
		case 'forbidden':
			return {
				message: `${who}: ${answer.isPage ? 'something' : 'the service'} forbids the call, HTTP 403${said}`,
				description: answer.isPage
					? more
					: sentences('Check that your plan includes the 3D endpoints.', KEY_HELP, more),
			};
		case 'cancelled':
			return {
				message: `${who}: the job was cancelled${said}`,
				description: more,
			};
		case 'notFound':
			return {
				message: `${who}: the service does not know what was asked for${code(answer.httpCode)}${said}`,
				description: sentences(
					`If every call ends like this, check Base URL in the credential: it must end in /api, or where ${PATHS_BEGIN} begin.`,
					more,
				),
			};
		case 'image':
			if (purpose !== 'submit') break;
			return {
				message: `${who}: the service could not fetch the image${said}`,
				description: sentences(
					'The link must be open to the whole internet and lead to the image itself, not to a page that shows it. A file that n8n holds can be sent with Image Source set to Binary File.',
					more,
				),
			};
		case 'other':
			break;
	}
	if (answer.isPage) {
		return {
			message: `${who}: the call was refused, and not by the API itself${code(answer.httpCode)}${said}`,
			description: more,
		};
	}
	return {
		message: `${who}: the service refused the call${code(answer.httpCode)}${said}`,
		description: sentences(
			purpose === 'fetch' ? '' : 'Correct what the service names, then run the item again.',
			more,
		),
	};
}

/** The HTTP code, where it says something: this service sends most of its errors with 200. */
const code = (httpCode: number) => (httpCode >= 400 ? `, HTTP ${httpCode}` : '');

/** A job that had not ended when its time was up. */
export function describeOverdue(jobId: JobId, timeoutMs: number, last?: Problem): Problem {
	const subject = `Job ${writeId(jobId)}: `;
	const { message = '' } = last ?? {};
	const lastWords = message.startsWith(subject) ? message.slice(subject.length) : message;
	return {
		message: `${subject}not finished after ${timeoutMs / 1000} s`,
		description: sentences(
			last ? `The last look at it failed: ${lastWords}.` : 'The service was still processing it.',
			'It is paid for and not lost: fetch it later with the Get Result operation and the Job ID, or allow more time with Timeout.',
		),
		paid: 'yes',
		...(last?.httpCode !== undefined && { httpCode: last.httpCode }),
		jobId,
	};
}

/**
 * The problem as n8n shows it.
 *
 * @param node the node that failed
 * @param problem what went wrong
 * @param itemIndex the input item it happened to, if there is one
 */
export function toNodeApiError(node: INode, problem: Problem, itemIndex?: number): NodeApiError {
	const error = new NodeApiError(
		node,
		// Made of our own words only: n8n's errors carry the request, and with it the key.
		{ message: problem.message },
		{
			message: problem.message,
			description: problem.description,
			...(problem.httpCode !== undefined && { httpCode: String(problem.httpCode) }),
			...(itemIndex !== undefined && { itemIndex }),
		},
	);
	// NodeApiError replaces texts that contain words like ECONNREFUSED by general ones.
	error.message = problem.message;
	error.description = problem.description;
	return error;
}

export function sentences(...parts: string[]): string {
	return parts.filter(Boolean).join(' ');
}
