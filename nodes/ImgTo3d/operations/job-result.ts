import type { KnownJob } from '../jobs/ledger';
import type { Run } from '../jobs/run';
import { toItems, toReference } from '../output/items';
import type { JobItem } from '../request';
import type { Result } from './operation';

/** The result of an operation that brings a job: its output, or a reference to it while it is not done. */
export function toJobResult(run: Run, item: JobItem, job: KnownJob): Result {
	return {
		job: { item, known: job },
		toItems: async (downloads) =>
			job.state === 'success'
				? await toItems(run, item, job.job, downloads)
				: [{ json: toReference(run.service, item.work.apiVersion, job, item) }],
	};
}
