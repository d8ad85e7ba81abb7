/** What an answer means for whoever asked: whether it may be asked for again, and whether something was paid. */
import type { Answer } from './answer';

/** An answer that ends what was attempted; `success` and `processing` are no problems. */
export type BadAnswer = Exclude<Answer, { state: 'success' | 'processing' }>;

/** The pause before the next try that an answer asks for, seconds. */
export function readRequestedPause(answer: Answer): number | undefined {
	return 'retryAfterSeconds' in answer ? answer.retryAfterSeconds : undefined;
}

/** Whether the service says that it does not know the job. */
export function isUnknownJob(answer: Answer): boolean {
	if (answer.state === 'failed') return answer.isUnknownJob;
	return answer.state === 'refused' && answer.reason === 'notFound';
}

/** HTTP codes of pages that are sent before a request reaches the service behind them. */
const NOT_LET_THROUGH = [401, 404, 405, 407, 413];

/**
 * Whether a submit that was answered like this may have been accepted, although the answer shows no job. It was
 * certainly not taken when nobody was reached, or when the service itself said no.
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
			// "See Other" is the answer to a request that was carried out.
			return answer.httpCode === 303;
		case 'refused':
			return answer.isPage === true && !isLimit(answer) && !NOT_LET_THROUGH.includes(answer.httpCode);
		case 'failed':
			return false;
	}
}

/** "Not now": nothing was done, and the same call may be made again later. */
export type Limit = Extract<Answer, { state: 'refused' }> & { reason: 'queueFull' | 'rateLimit' };

export function isLimit(answer: Answer): answer is Limit {
	return answer.state === 'refused' && (answer.reason === 'queueFull' || answer.reason === 'rateLimit');
}

/** Whether a free call that was answered like this may bring something else when it is repeated. */
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
