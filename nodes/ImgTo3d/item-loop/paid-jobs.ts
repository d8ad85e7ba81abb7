/** The limit of what a run may pay for. */
import { NodeOperationError, type IExecuteFunctions } from 'n8n-workflow';

import type { Ledger } from '../jobs/ledger';
import { isGeneration } from '../request';
import { isRequest, type ReadItem } from './read-items';

/**
 * Refuses to submit anything when the run has more items to submit than Max Paid Jobs allows. If the items have different
 * limits, the lowest one counts.
 *
 * @param ledger the jobs that earlier tries have submitted. They are fetched, and do not count.
 * @returns the items. When there are too many, and the node continues on errors, those to submit have become errors.
 * @throws NodeOperationError when there are too many, and the node does not continue on errors
 */
export function limitPaidJobs(
	context: IExecuteFunctions,
	items: readonly ReadItem[],
	ledger: Ledger,
): readonly ReadItem[] {
	const isToSubmit = (item: ReadItem, index: number) =>
		isRequest(item) && isGeneration(item.work) && (ledger.get(index)?.fate ?? 'failed') === 'failed';
	const limits = items.map((item) => (isRequest(item) ? (item.maxPaidJobs ?? Infinity) : Infinity));
	const limit = Math.min(...limits);
	const count = items.filter(isToSubmit).length;
	if (count <= limit) return items;
	const createError = (itemIndex?: number) =>
		new NodeOperationError(
			context.getNode(),
			`The run has ${count} jobs to submit, and Max Paid Jobs is ${limit}`,
			{
				itemIndex,
				description:
					'None of them was submitted, so nothing was paid. Check where the items come from, or raise Max Paid Jobs in the options.',
			},
		);
	if (!context.continueOnFail()) throw createError();
	return items.map((item, index) => {
		if (!isRequest(item) || !isToSubmit(item, index)) return item;
		const { trackId, input } = item;
		return { error: createError(index), paid: 'no', trackId, input };
	});
}
