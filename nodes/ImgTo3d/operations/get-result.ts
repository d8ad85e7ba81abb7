import { readId } from '../api/job-id';
import { pollOnce, pollUntilEnd } from '../jobs/poll';
import type { ResultRequest } from '../request';
import { toJobResult } from './job-result';
import type { Operation } from './operation';

const OPERATION = 'getResult';

export const getResult: Operation<ResultRequest> = {
	value: OPERATION,

	words: {
		name: 'Get Result',
		description: 'Fetch a job that was submitted before, by its ID. Costs nothing.',
		action: 'Get result of 3D job',
	},

	properties: [
		{
			displayName: 'Job ID',
			name: 'jobId',
			type: 'string',
			required: true,
			default: '',
			placeholder: 'e.g. 10684517',
			description: 'The ID of the job, from an item of this node or from an error that names the job',
			displayOptions: { show: { operation: [OPERATION] } },
		},
	],

	read(form, { apiVersion }) {
		const entered = form.getValue('jobId');
		const jobId = readId(entered);
		if (jobId === undefined) {
			throw form.createError(
				'Job ID',
				entered,
				'must be the ID in the item or the error that reported the job',
			);
		}
		return { operation: OPERATION, apiVersion, jobId: String(jobId) };
	},

	async perform(run, item, release) {
		const { jobId } = item.work;
		const job =
			item.waitFor === 'none'
				? await pollOnce(run, item, jobId)
				: await pollUntilEnd(run, item, jobId, { release });
		return toJobResult(run, item, job);
	},
};
