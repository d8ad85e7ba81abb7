/** The items that leave the node. */
import type {
	IBinaryKeyData,
	IDataObject,
	INodeExecutionData,
	NodeApiError,
	NodeOperationError,
} from 'n8n-workflow';

import { listFiles, type JobFacts, type JobFile } from '../api/job-facts';
import type { Connection } from '../api/connection';
import type { JobId } from '../api/job-id';
import type { Paid } from '../api/problems';
import type { Service } from '../api/service';
import type { ApiVersion } from '../api/versions';
import type { Semaphore } from '../async/semaphore';
import { nameOutput } from '../file-name';
import type { KnownJob } from '../jobs/ledger';
import type { Delivery } from '../request';
import { downloadFile, type StoredFile } from './download';

/** The node's own fields of an item. */
interface OwnFields {
	/** `output`, or what one item per file has instead. */
	result: IDataObject;
	/** The downloaded files. */
	files?: readonly StoredFile[];
}

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
	const files = delivery.download ? await downloadAll(connection, delivery, job, downloads) : undefined;
	if (delivery.outputMode === 'job') {
		return [makeItem(delivery, job, { result: { output: job.output }, files })];
	}
	return listFiles(job).map(({ url }, index) => {
		const result = { output_url: connection.service.clean(url), output_index: index };
		return makeItem(delivery, job, { result, files: files?.slice(index, index + 1) });
	});
}

function makeItem(delivery: Delivery, job: JobFacts, own: OwnFields): INodeExecutionData {
	const json = toJson(delivery, job, own);
	if (!own.files) return { json };
	const field = delivery.outputBinaryPropertyName;
	const binary = own.files.map(({ stored }, index) => [index === 0 ? field : `${field}_${index}`, stored]);
	return { json, binary: Object.fromEntries(binary) as IBinaryKeyData };
}

/** Downloads a job's files, in order. When one fails, the other downloads are stopped. */
async function downloadAll(
	connection: Connection,
	delivery: Delivery,
	job: JobFacts,
	downloads: Semaphore,
): Promise<StoredFile[]> {
	const failed = new AbortController();
	const own: Connection = {
		...connection,
		signal: AbortSignal.any([connection.signal, failed.signal]),
	};
	let firstProblem: unknown;
	const listed = listFiles(job);
	const files = await Promise.all(
		listed.map(async (entry, index) => {
			const name = nameOutput(connection.service.clean(delivery.fileName ?? ''), job.id?.toString(), index);
			const file = { ...entry, name, isKept: entry.isAsset || isNextToObj(entry, listed) };
			return await downloadFile(own, delivery, job.id, file, downloads).catch((problem: unknown) => {
				firstProblem ??= problem;
				failed.abort();
			});
		}),
	);
	if (firstProblem) throw firstProblem;
	return files.flatMap((file) => file ?? []);
}

/** Whether a file belongs to an OBJ that the job also made. They refer to each other by name. */
function isNextToObj({ url }: JobFile, files: readonly JobFile[]): boolean {
	const hasEnding = (address: string, ending: RegExp) => ending.test(new URL(address).pathname);
	return hasEnding(url, /\.(mtl|png|jpe?g|webp)$/i) && files.some((file) => hasEnding(file.url, /\.obj$/i));
}

/**
 * Makes the JSON of a job that has ended well, as the service sent it, with the caller's track ID. The order is that of
 * the columns in n8n's table, so the long `meta` is the last.
 */
export function toJson(
	{ trackId, input }: Delivery,
	{ id, generationTime, meta, output, extras }: JobFacts,
	{ result, files }: OwnFields = { result: { output } },
): IDataObject {
	return {
		...(id !== undefined && { id }),
		status: 'success',
		...(trackId && { track_id: trackId }),
		...result,
		...(generationTime !== undefined && { generationTime }),
		...extras,
		...(files && { files: files.map(describeFile) }),
		...(input && { input }),
		...(meta && { meta }),
	};
}

const describeFile = ({ stored: { fileName, mimeType }, bytes, mesh }: StoredFile): IDataObject => ({
	name: fileName,
	mimeType,
	bytes,
	...mesh,
});

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
	{ trackId, input }: Delivery,
): IDataObject {
	const { id, meta, extras } = known.job;
	const { etaSeconds, fetchResult } =
		known.state === 'processing' ? known : { etaSeconds: undefined, fetchResult: undefined };
	return {
		...(id !== undefined && { id }),
		status: 'processing',
		...(trackId && { track_id: trackId }),
		api_version: apiVersion,
		...(etaSeconds !== undefined && { eta: etaSeconds }),
		...(id !== undefined && { fetch_result: fetchResult ?? service.buildFetchUrl(apiVersion, id) }),
		...extras,
		...(input && { input }),
		...(meta && { meta }),
	};
}

/** Why an item failed, as n8n shows it, and what is known about its job. */
export interface Failure {
	error: NodeApiError | NodeOperationError;
	paid: Paid;
	jobId?: JobId;
	trackId?: string;
	/** The fields of the input item, if the error item is to have them. */
	input?: IDataObject;
}

/**
 * Makes the item that replaces a failed one.
 *
 * With `error` on the item itself, n8n would keep only the message of its JSON. On the regular output the JSON is flat.
 * The error output takes only an item whose JSON is `error` alone.
 */
export function toErrorItem(
	{ error, paid, jobId, trackId, input }: Failure,
	onErrorOutput: boolean,
): INodeExecutionData {
	const { message } = error;
	const details = {
		description: error.description ?? '',
		paid,
		...(jobId !== undefined && { id: jobId }),
		...(trackId && { track_id: trackId }),
		...(input && { input }),
	};
	return { json: onErrorOutput ? { error: { message, ...details } } : { error: message, ...details } };
}
