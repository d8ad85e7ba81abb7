import { isRecord } from '../api/json-body';
import { toNumber } from '../api/values';
import { askAccount, toUnusable, type AccountConnection } from './ask';

/** What is left on the account. */
export interface Balance {
	amount: number;
	/** As the service names it: "USD". */
	currency?: string;
}

/**
 * Reads the account's balance.
 *
 * @throws ProblemError when it cannot be had
 * @throws StoppedError when the run was stopped
 */
export async function readBalance(connection: AccountConnection): Promise<Balance> {
	const { data } = await askAccount(connection, 'getBalance');
	const { balance, currency } = isRecord(data) ? data : {};
	const amount = toNumber(balance);
	if (amount === undefined) throw toUnusable(connection, 'getBalance', 'the answer names no balance');
	return { amount, ...(typeof currency === 'string' && currency !== '' && { currency }) };
}

/**
 * Counts the account's requests that the service works on.
 *
 * @throws ProblemError when the number cannot be had
 * @throws StoppedError when the run was stopped
 */
export async function countRequests(connection: AccountConnection): Promise<number> {
	const count = readRequestCount(await askAccount(connection, 'countRequests'));
	if (count === undefined) throw toUnusable(connection, 'countRequests', 'the answer names no number');
	return count;
}

/** Reads the number of requests from the answer to the count. @returns nothing if it names none */
export function readRequestCount({ processing_count }: Record<string, unknown>): number | undefined {
	return toNumber(processing_count);
}
