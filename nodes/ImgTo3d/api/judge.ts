/** What an answer means for the caller: whether a job may be paid for, and whether to ask again. */
import type { Answer } from './answer';
import type { JobId } from './job-id';

/** An answer to a call that failed. */
export type BadAnswer = Exclude<Answer, { state: 'success' | 'processing' }>;

/** The pause before the next try that an answer asks for, seconds. */
export function readRequestedPause(answer: Answer): number | undefined {
	return 'retryAfterSeconds' in answer ? answer.retryAfterSeconds : undefined;
}

/** Finds the ID of the job that an answer is about. */
export function findAnsweredId(answer: Answer): JobId | undefined {
	if (answer.state === 'unanswered') return undefined;
	return 'job' in answer ? answer.job.id : answer.id;
}

/** Whether the service says that it does not know the job. */
export function isUnknownJob(answer: Answer): boolean {
	if (answer.state === 'failed') return answer.isNotFound;
	return answer.state === 'refused' && answer.reason === 'notFound';
}

/** The same, as the API itself says it. A page may come from a proxy, or from a wrong address. */
export function isUnknownToApi(answer: Answer): boolean {
	return isUnknownJob(answer) && !(answer.state === 'refused' && answer.isPage);
}

/** HTTP codes of pages that are sent before a request reaches the service. */
const NOT_PASSED_ON = [401, 404, 405, 407, 413];

/**
 * Whether a submit with this answer may have been accepted, although the answer shows no job. It was certainly not
 * accepted if no server was reached, or if the service itself refused it.
 */
export function isFateUnknown(answer: BadAnswer): boolean {
	switch (answer.state) {
		case 'unanswered':
			return answer.reason === 'timeout' || answer.reason === 'interrupted';
		case 'trouble':
		case 'noOutput':
		case 'unreadable':
		case 'unknownStatus':
			return true;
		case 'redirected':
			// "See Other" answers a request that was carried out.
			return answer.httpCode === 303;
		case 'refused':
			return answer.isPage === true && !isLimit(answer) && !NOT_PASSED_ON.includes(answer.httpCode);
		case 'failed':
			return false;
	}
}

/** The service refuses for now. Nothing was done, and the same call may succeed later. */
export type Limit = Extract<Answer, { state: 'refused' }> & { reason: 'queueFull' | 'rateLimit' };

export function isLimit(answer: Answer): answer is Limit {
	return answer.state === 'refused' && (answer.reason === 'queueFull' || answer.reason === 'rateLimit');
}

/** Whether a free call with this answer may succeed when it is repeated. */
export function mayPass(answer: BadAnswer): boolean {
	switch (answer.state) {
		case 'unanswered':
			return !['certificate', 'handshake', 'blocked'].includes(answer.reason);
		case 'trouble':
		case 'noOutput':
		case 'unreadable':
		case 'unknownStatus':
			return true;
		case 'refused':
			return isLimit(answer);
		case 'failed':
		case 'redirected':
			return false;
	}
}
