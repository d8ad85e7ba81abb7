/** What the node does with an item that failed: its setting *On Error*, and what it comes to for an agent. */
import type { IExecuteFunctions } from 'n8n-workflow';

import { isToolCall } from '../tool-call';

/**
 * Whether a failed item leaves as an error item.
 *
 * An agent's model can only react to what it reads. Of an error that is thrown, n8n 2.41 passes on the message alone, and
 * n8n 2.0.0 ends the execution. So a tool returns its errors, except where its node says *Stop Workflow*.
 * With *Retry On Fail* it throws them to agents that run their tools themselves, because these do not retry otherwise.
 */
export function continuesOnError(context: IExecuteFunctions): boolean {
	if (context.continueOnFail() || !isToolCall(context)) return context.continueOnFail();
	const { onError, retryOnFail } = context.getNode();
	return onError !== 'stopWorkflow' && (retryOnFail !== true || isRunByEngine(context));
}

/** Whether error items leave through an output of their own. A tool has one output. */
export function hasErrorOutput(context: IExecuteFunctions): boolean {
	return context.getNode().onError === 'continueErrorOutput' && !isToolCall(context);
}

/** Whether n8n itself runs the node, as it does for agents from version 3 on. Other agents call it without a main input. */
function isRunByEngine(context: IExecuteFunctions): boolean {
	return context.getInputData(0, 'main').length > 0;
}
