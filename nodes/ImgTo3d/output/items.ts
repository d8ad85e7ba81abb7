/** The items that leave the node. */
import type {
	IBinaryData,
	IBinaryKeyData,
	IDataObject,
	INodeExecutionData,
	NodeApiError,
	NodeOperationError,
} from 'n8n-workflow';

import { listFiles, type JobFacts } from '../api/job-facts';
import type { Connection } from '../api/connection';
import type { JobId } from '../api/job-id';
import type { Paid } from '../api/problems';
import type { Service } from '../api/service';
import type { ApiVersion } from '../api/versions';
import type { Semaphore } from '../async/semaphore';
import type { KnownJob } from '../jobs/ledger';
import type { Delivery } from '../request';
import { downloadFile } from './download';

/**
 * Makes the items of a job that has ended well: one for the job, or one for each of its files. The files are beside the
 * JSON if they are to be downloaded.
 *
 * @param downloads limits how many files are downloaded at once
 * @throws ProblemError if a file could not be downloaded
 */
export async function toItems(
	connection: Connection,
	delivery: Delivery,
	job: JobFacts,
	downloads: Semaphore,
): Promise<INodeExecutionData[]> {
	const files = delivery.download ? await downloadAll(connection, delivery, job, downloads) : [];
	const { output, ...rest } = toJson(delivery, job);
	const field = delivery.outputBinaryPropertyName;

	if (delivery.outputMode === 'job') {
		const binary: IBinaryKeyData = {};
		files.forEach((file, index) => {
			binary[index === 0 ? field : `${field}_${index}`] = file;
		});
		return [{ json: { ...rest, output }, ...(delivery.download && { binary }) }];
	}
	return listFiles(job).map(({ url }, index) => ({
		json: { ...rest, output_url: connection.service.clean(url), output_index: index },
		...(files[index] && { binary: { [field]: files[index] } }),
	}));
}

/** Downloads a job's files, in order. When one fails, the other downloads are stopped. */
async function downloadAll(
	connection: Connection,
	delivery: Delivery,
	job: JobFacts,
	downloads: Semaphore,
): Promise<IBinaryData[]> {
	const failed = new AbortController();
	const own: Connection = {
		...connection,
		signal: AbortSignal.any([connection.signal, failed.signal]),
	};
	let firstProblem: unknown;
	const files = await Promise.all(
		listFiles(job).map(async (listed, index) => {
			const file = { ...listed, fallbackName: `job-${job.id ?? 'result'}-${index}` };
			return await downloadFile(own, delivery, job.id, file, downloads).catch((problem: unknown) => {
				firstProblem ??= problem;
				failed.abort();
			});
		}),
	);
	if (firstProblem) throw firstProblem;
	return files.flatMap((file) => file ?? []);
}

/** Makes the JSON of a job that has ended well, as the service sent it, with the caller's track ID. */
export function toJson({ trackId }: Delivery, job: JobFacts): IDataObject {
	const { id, generationTime, meta, output, extras } = job;
	return {
		...(id !== undefined && { id }),
		status: 'success',
		...(trackId && { track_id: trackId }),
		output,
		...(generationTime !== undefined && { generationTime }),
		...(meta && { meta }),
		...extras,
	};
}

/** Makes the item of a job that the service ended as failed. */
export function toFailedItem(
	{ message, advice }: { message: string; advice?: string },
	id: JobId,
	trackId: string | undefined,
): INodeExecutionData {
	return {
		json: {
			id,
			status: 'failed',
			...(trackId && { track_id: trackId }),
			message,
			...(advice && { tip: advice }),
		},
	};
}

/** Makes the JSON of an unfinished job, for Get Result or a trigger. */
export function toReference(
	service: Service,
	apiVersion: ApiVersion,
	known: KnownJob,
	trackId: string | undefined,
): IDataObject {
	const { id, meta, extras } = known.job;
	const { etaSeconds, fetchResult } =
		known.state === 'processing' ? known : { etaSeconds: undefined, fetchResult: undefined };
	return {
		...(id !== undefined && {
			id,
			fetch_result: fetchResult ?? service.buildFetchUrl(apiVersion, id),
		}),
		status: 'processing',
		...(trackId && { track_id: trackId }),
		api_version: apiVersion,
		...(etaSeconds !== undefined && { eta: etaSeconds }),
		...(meta && { meta }),
		...extras,
	};
}

/** Why an item failed, as n8n shows it, and what is known about its job. */
export interface Failure {
	error: NodeApiError | NodeOperationError;
	paid: Paid;
	jobId?: JobId;
	trackId?: string;
}

/**
 * Makes the item that replaces a failed one.
 *
 * With `error` on the item itself, n8n would keep only the message of its JSON. On the regular output the JSON is flat.
 * The error output takes only an item whose JSON is `error` alone.
 */
export function toErrorItem(
	{ error, paid, jobId, trackId }: Failure,
	onErrorOutput: boolean,
): INodeExecutionData {
	const { message } = error;
	const details = {
		description: error.description ?? '',
		paid,
		...(jobId !== undefined && { id: jobId }),
		...(trackId && { track_id: trackId }),
	};
	return { json: onErrorOutput ? { error: { message, ...details } } : { error: message, ...details } };
}
