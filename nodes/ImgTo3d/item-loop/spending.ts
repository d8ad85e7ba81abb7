/** The limits of what a run may pay for. They are checked before anything is submitted. */
import { NodeOperationError, type IExecuteFunctions } from 'n8n-workflow';

import type { AccountConnection } from '../account/ask';
import { readBalance } from '../account/balance';
import { joinSentences } from '../api/error-texts';
import { readProblem } from '../api/problems';
import { quote } from '../api/words';
import type { Ledger, LedgerEntry } from '../jobs/ledger';
import { isGeneration, type ItemRequest } from '../request';
import { continuesOnError } from './on-error';
import { isRequest, type ReadItem } from './read-items';

/** Why nothing is submitted, and what to do about it. */
interface Refusal {
	message: string;
	advice: string;
}

/** The items of a run, and the jobs that earlier tries have submitted for them. Those are fetched, and cost nothing. */
interface Spending {
	items: readonly ReadItem[];
	ledger: Ledger;
}

/** A job that has failed is reported first. Only the try after that submits the item again. */
const mayBeSubmitted = (entry: LedgerEntry | undefined) =>
	entry === undefined || (entry.fate === 'failed' && entry.isReported);

/** The items that a run submits, by their index. */
function findSubmits({ items, ledger }: Spending): Map<number, ItemRequest> {
	return new Map(
		items.flatMap((item, index) => {
			const isToSubmit = isRequest(item) && isGeneration(item.work) && mayBeSubmitted(ledger.get(index));
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
	const { message, advice } = text;
	// What earlier tries have submitted is paid for.
	const outcome =
		ledger.size > 0 ? 'This try has submitted nothing.' : 'Nothing was submitted, so nothing was paid.';
	const description = joinSentences(outcome, advice);
	const createError = (itemIndex?: number) => {
		const error = new NodeOperationError(context.getNode(), message, { itemIndex, description });
		// NodeOperationError replaces texts that contain words like ECONNREFUSED with general ones.
		error.message = message;
		return error;
	};
	if (!continuesOnError(context)) throw createError();
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
): Refusal | undefined {
	const limits = items.map((item) => (isRequest(item) ? (item.maxPaidJobs ?? Infinity) : Infinity));
	const limit = Math.min(...limits);
	if (size <= limit) return undefined;
	return {
		message: `The run has ${size} jobs to submit, and Max Paid Jobs is ${limit}`,
		advice: 'Check where the items come from, or raise Max Paid Jobs in the options.',
	};
}

/** Asks for the balance, if something is to be submitted that needs one. @returns why nothing is submitted */
async function checkBalance(
	connection: AccountConnection,
	submits: ReadonlyMap<number, ItemRequest>,
): Promise<Refusal | undefined> {
	const least = Math.max(...[...submits.values()].map(({ minimumBalance }) => minimumBalance ?? -Infinity));
	if (least === -Infinity) return undefined;
	const balance = await readBalance(connection).catch((thrown: unknown) =>
		connection.signal.aborted ? undefined : readProblem(thrown),
	);
	// A run that was stopped submits nothing, and says itself that it was.
	if (balance === undefined) return undefined;
	if ('message' in balance) {
		const { message, description } = balance;
		return {
			message: `${message.replace(/\.$/, '')}. With Minimum Balance, nothing is submitted without it`,
			advice: description,
		};
	}
	const { amount, currency } = balance;
	if (amount >= least) return undefined;
	return {
		message: `The account's balance is ${amount}${currency ? ` ${quote(currency)}` : ''}, and Minimum Balance is ${least}`,
		advice:
			'Add credits to your account on the service, or lower Minimum Balance in the options. The balance of a subscription may be 0: remove the option then.',
	};
}
