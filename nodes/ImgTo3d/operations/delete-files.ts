import { callAccount } from '../account/ask';
import { isFateUnknown, isUnknownJob } from '../api/judge';
import { ProblemError } from '../api/problems';
import { createJobIdProperty, readJobId } from '../parameters/job-id';
import type { AccountRequest } from '../request';
import { toAccountResult } from './account-result';
import type { Operation } from './operation';

const OPERATION = 'deleteFiles';

export const deleteFiles: Operation<Extract<AccountRequest, { operation: typeof OPERATION }>> = {
	value: OPERATION,

	words: {
		name: 'Delete Files',
		description: 'Delete the files of a job from the service. This cannot be undone. Costs nothing.',
		action: 'Delete files of 3D job',
		tool: 'Delete the files of a 3D job from the service, by its ID. This cannot be undone, and the job cannot be fetched afterwards. Costs nothing.',
	},

	properties: [
		createJobIdProperty(
			OPERATION,
			'The job whose files are deleted from the service. This cannot be undone. Files that n8n has downloaded stay.',
		),
	],

	read: (form) => ({ operation: OPERATION, jobId: readJobId(form) }),

	async perform(run, item) {
		const { jobId } = item.work;
		// If a try that got no answer was carried out, the next one finds nothing to delete.
		let mayBeDone = false;
		const answer = await callAccount(
			run,
			OPERATION,
			{ request_id: jobId, type: '3d' },
			{
				noteFailure: (tried) => {
					mayBeDone ||= isFateUnknown(tried);
				},
			},
		);
		const isDone = answer.state === 'answered' || (mayBeDone && isUnknownJob(answer));
		if (!isDone) throw new ProblemError(run.service.describeAccountProblem(OPERATION, answer, jobId));
		return toAccountResult(item, [{ id: jobId, deleted: true }]);
	},
};
