import type { IWebhookFunctions } from 'n8n-workflow';

/** A report of a job's end is much smaller, bytes. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Returns the body of a webhook call as it was received, or `undefined` for one of more than 1 MB. */
export function readCallBody(context: IWebhookFunctions): string | undefined {
	const { rawBody } = context.getRequestObject() as { rawBody?: Buffer };
	if (rawBody === undefined) return '';
	return rawBody.length > MAX_BODY_BYTES ? undefined : rawBody.toString('utf8');
}
