import { countRequests, readBalance } from '../account/balance';
import { ProblemError } from '../api/problems';
import { doOnce, type Run } from '../jobs/run';
import type { AccountRequest } from '../request';
import type { Operation } from './operation';

const OPERATION = 'getBalance';

export const getBalance: Operation<Extract<AccountRequest, { operation: typeof OPERATION }>> = {
	value: OPERATION,

	words: {
		name: 'Get Balance',
		description: 'Get what is left on the account, and how many requests are in work. Costs nothing.',
		action: 'Get balance of the account',
		tool: 'Get the balance of the account that pays for 3D jobs, and how many requests are in work. Costs nothing.',
	},

	properties: [],

	read: () => ({ operation: OPERATION }),

	async perform(run) {
		const json = await doOnce(run, OPERATION, async () => await readAccount(run));
		return { toItems: async () => await Promise.resolve([{ json: { ...json } }]) };
	},
};

/** Either of the two answers is of use without the other. @throws ProblemError when there is neither */
async function readAccount(run: Run) {
	const [balance, processing] = await Promise.allSettled([readBalance(run), countRequests(run)]);
	const reasons = [balance, processing].flatMap((call) =>
		call.status === 'rejected' ? [call.reason as unknown] : [],
	);
	const [reason] = reasons;
	if (reason !== undefined && (reasons.length > 1 || !(reason instanceof ProblemError))) throw reason;
	return {
		balance: balance.status === 'fulfilled' ? balance.value.amount : null,
		currency: balance.status === 'fulfilled' ? (balance.value.currency ?? null) : null,
		processing: processing.status === 'fulfilled' ? processing.value : null,
		...(reason instanceof ProblemError && { problem: reason.message }),
	};
}
