import type { IWebhookFunctions } from 'n8n-workflow';

import { MARK_PARAMETER } from '../api/mark';

/** Reads what a call has in place of a mark. It may be anything. */
export const readMark = (context: IWebhookFunctions): unknown =>
	(context.getQueryData() as Record<string, unknown>)[MARK_PARAMETER];
