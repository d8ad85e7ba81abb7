import { NodeOperationError, type INodeExecutionData } from 'n8n-workflow';

import type { JobFacts } from '../api/job-facts';
import { ProblemError, toNodeApiError } from '../api/problems';
import { isPublicHost } from '../api/public-address';
import type { EndReport } from '../api/webhook-call';
import { toFailedItem, toItems } from '../output/items';
import type { Delivery } from '../request';
import type { CallConnection } from '../webhook/connection';
import { reply } from '../webhook/reply';
import type { Outcome } from './replies';
import type { TriggerCall } from './state';
import { hasPublicFiles, UNVERIFIED_LIMIT_MS } from './unverified';
import type { VerifiedEnd } from './verify';

/** Makes the items that the workflow starts with, and downloads their files if the person wants that. */
export async function deliverEnd(
	connection: CallConnection,
	call: TriggerCall,
	{ id, trackId }: EndReport,
	end: VerifiedEnd,
): Promise<Outcome> {
	const { context, state, settings } = call;
	if (end.state === 'failed') return { items: [toFailedItem(end, id, trackId)] };
	const delivery = { ...settings.delivery, trackId };
	const job = { ...end.job, id };
	try {
		// The caller must not wait for the files.
		if (delivery.download)
			reply(context, 200, 'Received. The workflow starts after the download of the files.');
		const items =
			settings.verify === 'none'
				? await makeUnverifiedItems(connection, call, delivery, job)
				: await toItems(connection, delivery, job, state.downloads);
		return { items };
	} catch (thrown) {
		const node = context.getNode();
		const error =
			thrown instanceof ProblemError
				? toNodeApiError(node, thrown.problem)
				: new NodeOperationError(node, thrown as Error);
		return { httpCode: 503, message: 'The files cannot be downloaded now.', error };
	}
}

/**
 * Makes the items of a call that nobody has verified. Its files are never at a private address, and are limited unless the
 * call has a mark. What exceeds the limits stays a link.
 */
async function makeUnverifiedItems(
	connection: CallConnection,
	{ context, clock, state, trigger, caller }: TriggerCall,
	delivery: Delivery,
	job: JobFacts,
): Promise<INodeExecutionData[]> {
	const { service } = connection;
	const own = { ...connection, service: { ...service, canReach: isPublicHost } };
	const makeLinks = async () => await toItems(own, { ...delivery, download: false }, job, state.downloads);
	if (!delivery.download) return await makeLinks();

	const downloads = state.getUnverified(trigger);
	const items = !hasPublicFiles(job)
		? undefined
		: caller.isMarked
			? await toItems(own, delivery, job, state.downloads)
			: await downloads.run(clock, delivery.maxFileBytes, async (quota) => {
					const limited = { ...delivery, quota, timeoutMs: UNVERIFIED_LIMIT_MS };
					return await toItems(own, limited, job, downloads.slots);
				});
	if (items) return items;
	const warn = (calls: string) =>
		context.logger.warn(
			`Image to 3D Trigger: ${calls} the workflow with links only. Without verification, files are not downloaded from private addresses, and not in any number.`,
		);
	if (state.getLimit(trigger, 'links').take(clock, (count) => warn(`${count} more calls started`))) {
		warn('a call started');
	}
	return await makeLinks();
}
