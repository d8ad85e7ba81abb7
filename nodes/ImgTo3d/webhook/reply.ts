import type { IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';

/**
 * Answers a webhook call at once, unless it has been answered.
 *
 * n8n would answer it too, but only after it has started the workflow. n8n 2.41 then forgets what the node wrote into
 * its static data.
 */
export function reply(context: IWebhookFunctions, httpCode: number, message: string): void {
	const response = context.getResponseObject();
	if (!response.headersSent) response.status(httpCode).json({ message });
}

/** Answers a webhook call that starts and resumes nothing, unless it has been answered. */
export function replyOnly(
	context: IWebhookFunctions,
	httpCode: number,
	message: string,
): IWebhookResponseData {
	reply(context, httpCode, message);
	return { noWebhookResponse: true };
}
