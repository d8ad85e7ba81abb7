import type { IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';

/**
 * Answers a call here and now, unless it has been answered.
 *
 * n8n would answer too, but only after the workflow has been started, and n8n 2.41 then forgets what the node wrote
 * into its static data.
 */
export function reply(context: IWebhookFunctions, httpCode: number, message: string): void {
	const response = context.getResponseObject();
	if (!response.headersSent) response.status(httpCode).json({ message });
}

/** Answers a call that starts nothing. */
export function refuse(context: IWebhookFunctions, httpCode: number, message: string): IWebhookResponseData {
	reply(context, httpCode, message);
	return { noWebhookResponse: true };
}
