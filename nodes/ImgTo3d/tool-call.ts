import type { IExecuteFunctions } from 'n8n-workflow';

/**
 * Whether an AI agent calls the node as its tool. n8n offers it to agents as a second node type, whose name ends in
 * "Tool". (`isToolExecution` is missing in n8n 2.0.0, and it does not recognize a tool that n8n runs for the agent.)
 */
export function isToolCall(context: Pick<IExecuteFunctions, 'getNode'>): boolean {
	return context.getNode().type.endsWith('Tool');
}
