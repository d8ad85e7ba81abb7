import { callAccount } from '../account/ask';
import type { JobId } from '../api/job-id';
import { isFateUnknown, isUnknownToApi } from '../api/judge';
import { ProblemError } from '../api/problems';
import type { Ledger } from '../jobs/ledger';
import { doOnce, type Run } from '../jobs/run';
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
		await doOnce(run, `${OPERATION} ${jobId}`, async () => await deleteOnce(run, jobId));
		return toAccountResult(item, [{ id: jobId, deleted: true }]);
	},
};

/** @throws ProblemError when the files were not deleted */
async function deleteOnce(run: Run, jobId: JobId): Promise<void> {
	const deletion = openDeletion(run, jobId);
	if (deletion.isDone) return;
	const body = { request_id: jobId, type: '3d' };
	const answer = await callAccount(run, OPERATION, body, {
		noteFailure: (tried) => {
			deletion.mayBeDone ||= isFateUnknown(tried);
		},
	});
	if (answer.state !== 'answered' && !(deletion.mayBeDone && isUnknownToApi(answer))) {
		throw new ProblemError(run.service.describeAccountProblem(OPERATION, answer, jobId));
	}
	deletion.isDone = true;
}

/** How far a deletion is. */
interface Deletion {
	isDone: boolean;
	/** Whether a try got no answer. If it was carried out, the next one finds nothing to delete. */
	mayBeDone: boolean;
}

/** The deletions of a run, by job. A ledger lasts when n8n runs the node again, so what is done is not asked for again. */
const deletions = new WeakMap<Ledger, Map<string, Deletion>>();

function openDeletion({ ledger }: Run, jobId: JobId): Deletion {
	const ofRun = deletions.get(ledger) ?? new Map<string, Deletion>();
	deletions.set(ledger, ofRun);
	const deletion = ofRun.get(String(jobId)) ?? { isDone: false, mayBeDone: false };
	ofRun.set(String(jobId), deletion);
	return deletion;
}
