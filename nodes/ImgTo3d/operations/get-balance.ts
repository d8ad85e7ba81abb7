import { countRequests, readBalance } from '../account/balance';
import { ProblemError, readProblem } from '../api/problems';
import { doOnce, type Run } from '../jobs/run';
import type { AccountRequest } from '../request';
import { toAccountResult } from './account-result';
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

	async perform(run, item) {
		const json = await doOnce(run, OPERATION, async () => await readAccount(run));
		return toAccountResult(item, [json]);
	},
};

/** Either of the two answers is of use without the other. @throws ProblemError when there is neither */
async function readAccount(run: Run) {
	const [balance, count] = await Promise.all([
		readBalance(run).catch(readProblem),
		countRequests(run)
			.then((processing) => ({ processing }))
			.catch(readProblem),
	]);
	if ('message' in balance && 'message' in count) throw new ProblemError(balance);
	const problem = [balance, count].find((answer) => 'message' in answer);
	return {
		balance: 'amount' in balance ? balance.amount : null,
		currency: ('amount' in balance && balance.currency) || null,
		processing: 'processing' in count ? count.processing : null,
		...(problem && 'message' in problem && { problem: problem.message }),
	};
}
