import { listJobs } from '../account/generated-jobs';
import { doOnce } from '../jobs/run';
import type { AccountRequest } from '../request';
import { toAccountResult } from './account-result';
import type { Operation } from './operation';

const OPERATION = 'getJobs';

const LIMIT = { kind: 'integer', min: 1 } as const;

export const getJobs: Operation<Extract<AccountRequest, { operation: typeof OPERATION }>> = {
	value: OPERATION,

	words: {
		name: 'Get Many',
		description: "List the account's finished 3D jobs, the newest first. Costs nothing.",
		action: 'Get many 3D jobs',
		tool: "List the account's finished 3D jobs with their IDs and links, the newest first. Costs nothing.",
	},

	properties: [
		{
			displayName: 'Return All',
			name: 'returnAll',
			type: 'boolean',
			default: false,
			description: 'Whether to return all results or only up to a given limit',
			displayOptions: { show: { operation: [OPERATION] } },
		},
		{
			displayName: 'Limit',
			name: 'limit',
			type: 'number',
			typeOptions: { minValue: LIMIT.min, numberPrecision: 0 },
			default: 50,
			placeholder: 'e.g. 50',
			description: 'Max number of results to return',
			displayOptions: { show: { operation: [OPERATION], returnAll: [false] } },
		},
	],

	read(form) {
		const isAll = form.readBoolean('returnAll', 'Return All');
		return { operation: OPERATION, limit: isAll ? Infinity : form.readNumber('limit', 'Limit', LIMIT) };
	},

	async perform(run, item) {
		const { limit } = item.work;
		const jobs = await doOnce(run, `${OPERATION} ${limit}`, async () => await listJobs(run, limit));
		return toAccountResult(
			item,
			jobs.map(({ id, output }) => ({ id, output: [...output] })),
		);
	},
};
