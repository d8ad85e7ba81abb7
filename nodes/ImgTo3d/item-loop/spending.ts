/** The limits of what a run may pay for. They are checked before anything is submitted. */
import { NodeOperationError, type IExecuteFunctions } from 'n8n-workflow';

import type { AccountConnection } from '../account/ask';
import { readBalance } from '../account/balance';
import { joinSentences, type ErrorText } from '../api/error-texts';
import { readProblem } from '../api/problems';
import type { Ledger } from '../jobs/ledger';
import { isGeneration, type ItemRequest } from '../request';
import { isRequest, type ReadItem } from './read-items';

/** The items of a run, and the jobs that earlier tries have submitted for them. Those are fetched, and cost nothing. */
interface Spending {
	items: readonly ReadItem[];
	ledger: Ledger;
}

/** The items that a run submits, by their index. */
function findSubmits({ items, ledger }: Spending): Map<number, ItemRequest> {
	return new Map(
		items.flatMap((item, index) => {
			const isToSubmit =
				isRequest(item) && isGeneration(item.work) && (ledger.get(index)?.fate ?? 'failed') === 'failed';
			return isToSubmit ? [[index, item]] : [];
		}),
	);
}

/**
 * Refuses to submit anything when the run has more items to submit than Max Paid Jobs allows, or when the account has
 * less than Minimum Balance. If the items have different limits, the strictest one counts.
 *
 * @returns the items. When a limit does not hold, and the node continues on errors, those to submit have become errors.
 * @throws NodeOperationError when a limit does not hold, and the node does not continue on errors
 */
export async function limitSpending(
	context: IExecuteFunctions,
	connection: AccountConnection,
	{ items, ledger }: Spending,
): Promise<readonly ReadItem[]> {
	const submits = findSubmits({ items, ledger });
	const text = checkCount(items, submits) ?? (await checkBalance(connection, submits));
	if (text === undefined) return items;
	const createError = (itemIndex?: number) =>
		new NodeOperationError(context.getNode(), text.message, { itemIndex, description: text.description });
	if (!context.continueOnFail()) throw createError();
	return items.map((item, index) => {
		const request = submits.get(index);
		if (!request) return item;
		const { trackId, input } = request;
		return { error: createError(index), paid: 'no', trackId, input };
	});
}

/** @returns why nothing is submitted, if there are too many jobs */
function checkCount(
	items: readonly ReadItem[],
	{ size }: ReadonlyMap<number, ItemRequest>,
): ErrorText | undefined {
	const limits = items.map((item) => (isRequest(item) ? (item.maxPaidJobs ?? Infinity) : Infinity));
	const limit = Math.min(...limits);
	if (size <= limit) return undefined;
	return {
		message: `The run has ${size} jobs to submit, and Max Paid Jobs is ${limit}`,
		description:
			'None of them was submitted, so nothing was paid. Check where the items come from, or raise Max Paid Jobs in the options.',
	};
}

/** Asks for the balance, if something is to be submitted that needs one. @returns why nothing is submitted */
async function checkBalance(
	connection: AccountConnection,
	submits: ReadonlyMap<number, ItemRequest>,
): Promise<ErrorText | undefined> {
	const least = Math.max(...[...submits.values()].map(({ minimumBalance }) => minimumBalance ?? -Infinity));
	if (least === -Infinity) return undefined;
	const balance = await readBalance(connection).catch(readProblem);
	if ('message' in balance) {
		const { message, description } = balance;
		return {
			message: `${message}. With Minimum Balance, nothing is submitted without it`,
			description: joinSentences('Nothing was submitted, so nothing was paid.', description),
		};
	}
	const { amount, currency } = balance;
	if (amount >= least) return undefined;
	return {
		message: `The account's balance is ${amount}${currency ? ` ${currency}` : ''}, and Minimum Balance is ${least}`,
		description:
			'Nothing was submitted, so nothing was paid. Add credits to your account on the service, or lower Minimum Balance in the options. The balance of a subscription may be 0: remove the option then.',
	};
}
