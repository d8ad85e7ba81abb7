/** The items that leave the node. */
import type {
	IBinaryData,
	IBinaryKeyData,
	IDataObject,
	INodeExecutionData,
	NodeApiError,
	NodeOperationError,
} from 'n8n-workflow';

import type { JobFacts } from '../api/answer';
import type { KnownJob } from '../jobs/ledger';
import type { Places } from '../jobs/places';
import type { Run } from '../jobs/run';
import type { ItemRequest } from '../request';
import { downloadFile } from './files';

/**
 * The items of a job that has ended well: one for the job, or one for each of its files, with the files
 * beside the JSON when they were asked for.
 *
 * @param downloads limits how many files come in at once
 */
export async function finishedItems(
	run: Run,
	item: ItemRequest,
	job: JobFacts,
	downloads: Places,
): Promise<INodeExecutionData[]> {
	const files = item.download ? await downloadAll(run, item, job, downloads) : [];
	const { output, ...rest } = finishedJson(item, job);
	const pairedItem = { item: item.itemIndex };

	if (item.outputMode === 'job') {
		const binary: IBinaryKeyData = {};
		files.forEach((file, index) => {
			binary[index === 0 ? item.outputBinaryPropertyName : `${item.outputBinaryPropertyName}_${index}`] =
				file;
		});
		return [{ json: { ...rest, output }, ...(item.download && { binary }), pairedItem }];
	}
	return job.output.map((url, index) => ({
		json: { ...rest, output_url: url, output_index: index },
		...(files[index] && { binary: { [item.outputBinaryPropertyName]: files[index] } }),
		pairedItem,
	}));
}

/** A job's files, in order. When one cannot be had, the others are not fetched to their end. */
async function downloadAll(
	run: Run,
	item: ItemRequest,
	job: JobFacts,
	downloads: Places,
): Promise<IBinaryData[]> {
	const leave = new AbortController();
	const own: Run = { ...run, signal: AbortSignal.any([run.signal, leave.signal]) };
	let firstProblem: unknown;
	const files = await Promise.all(
		job.output.map(async (url, index) => {
			const file = { url, fallbackName: `job-${job.id ?? 'result'}-${index}` };
			return await downloads
				.within(async () => await downloadFile(own, item, job.id, file))
				.catch((problem: unknown) => {
					firstProblem ??= problem;
					leave.abort();
				});
		}),
	);
	if (firstProblem) throw firstProblem;
	return files.flatMap((file) => file ?? []);
}

/** The job as the service sent it, with the caller's own mark. */
function finishedJson(item: ItemRequest, job: JobFacts): IDataObject {
	const { id, generationTime, meta, output, extras } = job;
	return {
		...(id !== undefined && { id }),
		status: 'success',
		...(item.trackId && { track_id: item.trackId }),
		output,
		...(generationTime !== undefined && { generationTime }),
		...(meta && { meta }),
		...extras,
	};
}

/** The item of a job that is handed on unfinished, ready for Get Result or a trigger. */
export function referenceItem(
	run: Run,
	item: ItemRequest,
	known: Extract<KnownJob, { state: 'processing' }>,
): INodeExecutionData {
	const { id, meta, extras } = known.job;
	return {
		json: {
			...(id !== undefined && {
				id,
				fetch_result: known.fetchResult ?? run.service.fetchUrl(item.work.apiVersion, id),
			}),
			status: 'processing',
			...(item.trackId && { track_id: item.trackId }),
			...(known.etaSeconds !== undefined && { eta: known.etaSeconds }),
			...(meta && { meta }),
			...extras,
		},
		pairedItem: { item: item.itemIndex },
	};
}

/**
 * The item that stands for a failed one.
 *
 * On the error output n8n wants the error on the item itself; n8n 2.0.0 then keeps only its message in `json`,
 * which is why the message itself names the job. On the regular output an error on the item would have the
 * same effect, so there the JSON stands alone and keeps the id.
 */
export function errorItem(
	error: NodeApiError | NodeOperationError,
	itemIndex: number,
	onErrorOutput: boolean,
	known: { jobId?: string | number; trackId?: string },
): INodeExecutionData {
	const { jobId, trackId } = known;
	return {
		json: {
			error: error.message,
			...(jobId !== undefined && { id: jobId }),
			...(trackId && { track_id: trackId }),
		},
		...(onErrorOutput && { error }),
		pairedItem: { item: itemIndex },
	};
}
