import { NodeOperationError } from 'n8n-workflow';

import { ProblemError, toNodeApiError } from '../api/problems';
import type { EndReport } from '../api/webhook-call';
import { toFailedItem, toItems } from '../output/items';
import type { CallConnection } from '../webhook/connection';
import { reply } from '../webhook/reply';
import type { Outcome } from './replies';
import type { TriggerCall } from './state';
import type { VerifiedEnd } from './verify';

/** Makes the items that the workflow starts with, and downloads their files if the person wants that. */
export async function deliverEnd(
	connection: CallConnection,
	{ context, state, settings }: TriggerCall,
	{ id, trackId }: EndReport,
	end: VerifiedEnd,
): Promise<Outcome> {
	if (end.state === 'failed') return { items: [toFailedItem(end, id, trackId)] };
	const delivery = { ...settings.delivery, trackId };
	try {
		// The caller must not wait for the files.
		if (delivery.download)
			reply(context, 200, 'Received. The workflow starts after the download of the files.');
		return { items: await toItems(connection, delivery, { ...end.job, id }, state.downloads) };
	} catch (thrown) {
		const node = context.getNode();
		const error =
			thrown instanceof ProblemError
				? toNodeApiError(node, thrown.problem)
				: new NodeOperationError(node, thrown as Error);
		return { httpCode: 503, message: 'The files cannot be downloaded now.', error };
	}
}
