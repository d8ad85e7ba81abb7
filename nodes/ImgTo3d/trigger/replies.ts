/** How webhook calls to the trigger are answered, and what n8n's log says about them. */
import {
	NodeApiError,
	NodeOperationError,
	type INodeExecutionData,
	type IWebhookFunctions,
	type IWebhookResponseData,
} from 'n8n-workflow';

import { writeId, type JobId } from '../api/job-id';
import type { Clock } from '../async/clock';
import { reply, replyOnly } from '../webhook/reply';
import type { TriggerCall, TriggerState } from './state';

/** Why a call starts nothing. */
export interface Refusal {
	httpCode: number;
	message: string;
	/** For the person: n8n shows a failed execution with it. */
	error?: NodeApiError | NodeOperationError;
}

/** What a call leads to: the items that the workflow starts with, or a refusal. */
export type Outcome = { items: INodeExecutionData[] } | Refusal;

/** Describes a body that does not report the end of a job. */
export const describeBadBody = (problem: string) => `This call does not report the end of a job: ${problem}.`;

/**
 * Answers a call, unless it has been answered, and starts the workflow if there are items.
 *
 * @throws the refusal's error: n8n then shows a failed execution
 */
export function conclude(context: IWebhookFunctions, outcome: Outcome): IWebhookResponseData {
	if ('items' in outcome) {
		reply(context, 200, 'The workflow was started.');
		return { noWebhookResponse: true, workflowData: [outcome.items] };
	}
	const response = replyOnly(context, outcome.httpCode, outcome.message);
	if (outcome.error) throw outcome.error;
	return response;
}

/**
 * Refuses a call, and logs that, for the first ten refusals of a minute.
 *
 * @param message for the caller
 * @param reason for the log
 */
export function refuse(
	{ context, clock, state, trigger }: TriggerCall,
	id: JobId,
	httpCode: number,
	message: string,
	reason = message,
): Refusal {
	const warn = (calls: string) => context.logger.warn(`Image to 3D Trigger: ${calls} refused. ${reason}`);
	const sumUp = (count: number) => warn(`${count} more calls, the last one about job ${writeId(id)}, were`);
	if (state.getLimit(trigger, 'refusals').take(clock, sumUp)) warn(`a call about job ${writeId(id)} was`);
	return { httpCode, message };
}

/**
 * Lets n8n show a failed execution, for the first ten errors of a minute. The others are answered only, and summed up in
 * n8n's log.
 *
 * @throws the error as one that n8n can show
 */
export function reportError(
	context: IWebhookFunctions,
	clock: Clock,
	state: TriggerState,
	trigger: string,
	thrown: unknown,
): IWebhookResponseData {
	const error =
		thrown instanceof NodeApiError ? thrown : new NodeOperationError(context.getNode(), thrown as Error);
	const sumUp = (count: number) =>
		context.logger.error(
			`Image to 3D Trigger: ${count} more calls ended in errors, the last one: ${error.message}`,
		);
	if (state.getLimit(trigger, 'errors').take(clock, sumUp)) throw error;
	return replyOnly(context, 503, 'The call cannot be handled now.');
}
