/** A problem with a job: what happened, to which job, whether it is paid for, and what to do next. */
import { NodeApiError, NodeOperationError, type INode } from 'n8n-workflow';

import type { AccountCall } from './account-calls';
import { holdsJob } from './answer';
import {
	adviseBaseUrl,
	describeAccountAnswer,
	describeAnswer,
	describeOverdueJob,
	joinSentences,
	type CallPurpose,
	type ErrorText,
} from './error-texts';
import type { JobId } from './job-id';
import { findAnsweredId, isFateUnknown, isUnknownJob, type BadAnswer } from './judge';
import { shorten } from './words';

/** Whether an item's job was paid for. */
export type Paid = 'no' | 'yes' | 'unknown';

export interface Problem extends ErrorText {
	paid: Paid;
	httpCode?: number;
	jobId?: JobId;
}

/** Ends the work on one item. The item loop turns it into n8n's error, or into the error item. */
export class ProblemError extends Error {
	constructor(readonly problem: Problem) {
		super(problem.message);
	}
}

/** Reads the problem of an error, for `catch`. @throws any other error as it is */
export function readProblem(thrown: unknown): Problem {
	if (thrown instanceof ProblemError) return thrown.problem;
	throw thrown as Error;
}

/** What a call was about, as far as its answer does not say so. */
export interface CallSubject {
	/** The job, if it is known. */
	jobId?: JobId;
	/** Whether this node submitted the job. Otherwise a person or a caller says that the job exists. */
	isOwn?: boolean;
	/** The input field of the image, if there are several. */
	field?: string;
	/** The names of the versions that were asked for the job, if there are several: "V3 or V6". */
	asked?: string;
}

/** Calls that are documented at another Base URL of the service than the credential's. */
export interface MisplacedCalls {
	/** How a sentence about them begins: "The v6 endpoints are". */
	calls: string;
	/** The Base URL at which they are documented. */
	betterBaseUrl: string;
}

/** Describes the answer to a call that failed. */
export function describeProblem(
	answer: BadAnswer,
	purpose: CallPurpose,
	{ jobId, field, asked, isOwn = true }: CallSubject = {},
	misplaced?: MisplacedCalls,
): Problem {
	const id = jobId ?? findAnsweredId(answer);
	const text = describeAnswer(answer, { purpose, jobId: id, field, isOwn, asked });
	return toProblem(answer, text, judgePaid(answer, purpose, isOwn), id, misplaced);
}

/** Describes the answer to a call about the account that failed. Such calls are free. */
export function describeAccountProblem(
	answer: BadAnswer,
	call: AccountCall,
	jobId?: JobId,
	misplaced?: MisplacedCalls,
): Problem {
	return toProblem(answer, describeAccountAnswer(answer, call, jobId), 'no', jobId, misplaced);
}

function toProblem(
	answer: BadAnswer,
	{ message, description }: ErrorText,
	paid: Paid,
	jobId: JobId | undefined,
	misplaced: MisplacedCalls | undefined,
): Problem {
	const httpCode = 'httpCode' in answer ? answer.httpCode : undefined;
	return {
		message,
		description: addHostAdvice(description, answer, misplaced),
		paid,
		...(httpCode !== undefined && { httpCode }),
		...(jobId !== undefined && { jobId }),
	};
}

function addHostAdvice(
	description: string,
	answer: BadAnswer,
	misplaced: MisplacedCalls | undefined,
): string {
	if (!misplaced || description.includes(misplaced.betterBaseUrl)) return description;
	const { likely, possible } = adviseBaseUrl(answer, misplaced);
	return joinSentences(likely, description, possible);
}

/** Judges whether the job that a call was about is paid for. */
function judgePaid(answer: BadAnswer, purpose: CallPurpose, isOwn: boolean): Paid {
	switch (purpose) {
		case 'upload':
			return 'no';
		case 'fetch':
			// The service does not know the job, so it may not exist.
			return isOwn || !isUnknownJob(answer) ? 'yes' : 'unknown';
		case 'submit':
			if (holdsJob(answer)) return 'yes';
			return isFateUnknown(answer) ? 'unknown' : 'no';
	}
}

/** Describes a job that had not ended when its time was up. @param last the problem of the last poll, if it failed */
export function describeOverdue(jobId: JobId, timeoutMs: number, last?: Problem): Problem {
	return {
		...describeOverdueJob(jobId, timeoutMs, last),
		paid: 'yes',
		...(last?.httpCode !== undefined && { httpCode: last.httpCode }),
		jobId,
	};
}

/**
 * Turns a problem into n8n's error.
 *
 * @param node the node that failed
 * @param itemIndex the input item, if there is one
 */
export function toNodeApiError(node: INode, problem: Problem, itemIndex?: number): NodeApiError {
	const error = new NodeApiError(
		node,
		// Only these words. The original error contains the request, and with it the key.
		{ message: problem.message },
		{
			message: problem.message,
			description: problem.description,
			...(problem.httpCode !== undefined && { httpCode: String(problem.httpCode) }),
			...(itemIndex !== undefined && { itemIndex }),
		},
	);
	// NodeApiError replaces texts that contain words like ECONNREFUSED with general ones.
	error.message = problem.message;
	error.description = problem.description;
	return error;
}

/** The longest message of an error that is not the node's own, characters. */
const MAX_MESSAGE = 300;

/** Turns an error that is not the node's own, such as that of an expression, into one of the node. */
export function toNodeOperationError(node: INode, thrown: unknown, itemIndex?: number): NodeOperationError {
	const error = new NodeOperationError(node, thrown as Error, { itemIndex });
	error.message = shorten(error.message, MAX_MESSAGE);
	if (error.description) error.description = shorten(error.description, MAX_MESSAGE);
	return error;
}
