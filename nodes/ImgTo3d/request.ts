/** What a person asks for, read once and checked. */
import type { IBinaryData, IDataObject } from 'n8n-workflow';

import type { JobId } from './api/job-id';
import { GENERATIONS, type ApiVersion, type Generation } from './api/versions';

/**
 * Where the images of an Image to 3D job come from: one image, or where the version takes them several that show the object
 * from several sides.
 */
export type ImageSource = { from: 'url'; urls: string[] } | { from: 'binary'; properties: BinarySource[] };

export const countImages = (image: ImageSource): number =>
	(image.from === 'url' ? image.urls : image.properties).length;

/** The name of a binary field of the item, or a file of an earlier node itself. */
export type BinarySource = string | IBinaryData;

/** A paid job: what the submit call says, apart from the key. */
export interface GenerationRequest {
	operation: Generation;
	apiVersion: ApiVersion;
	/** For `imageTo3d`. */
	image?: ImageSource;
	/** The rest of the JSON body, in the API's own names. A setting that was not added is not there. */
	body: IDataObject;
}

/** A job that was submitted before. Fetching it is free. */
export interface ResultRequest {
	operation: 'getResult';
	/** The version that the job was submitted with, or the first one to ask. */
	apiVersion: ApiVersion;
	/** All versions to ask, if it is not known which one the job was submitted with. */
	searched?: readonly ApiVersion[];
	jobId: string;
}

/** A question about the account. It is free. */
export type AccountRequest =
	/** `limit`: the most jobs to list. */
	| { operation: 'getJobs'; limit: number }
	| { operation: 'getBalance' }
	| { operation: 'deleteFiles'; jobId: JobId };

/** Work that brings a job. */
export type JobWork = GenerationRequest | ResultRequest;

/** What is to be done for an item. */
export type Work = JobWork | AccountRequest;

/** The operations that bring a job. The others have nothing to wait for, and no files. */
export const JOB_OPERATIONS: ReadonlyArray<Work['operation']> = [...GENERATIONS, 'getResult'];

export function isJobWork(work: Work): work is JobWork {
	return JOB_OPERATIONS.includes(work.operation);
}

/** Whether the work is a generation: only a generation is submitted, and paid for. */
export function isGeneration(work: Work): work is GenerationRequest {
	return 'body' in work;
}

/**
 * `poll`: poll the job until it ends. `webhook`: suspend the execution until the service calls. `none`: return the job
 * as soon as it is accepted.
 */
export type WaitFor = 'poll' | 'webhook' | 'none';

/** `job`: one item per job. `file`: one item per output file. */
export type OutputMode = 'job' | 'file';

export const OUTPUT_MODES: readonly OutputMode[] = ['job', 'file'];

/** How the results of a job leave a node. */
export interface Delivery {
	/** The person's own mark for the job, if there is one. */
	trackId?: string;
	/** How long one download may take, ms. */
	timeoutMs: number;
	download: boolean;
	outputBinaryPropertyName: string;
	outputMode: OutputMode;
	/** What the files' names begin with: the person's own, or else after the input. Get Result and the trigger have none. */
	fileName?: string;
	/** The fields of the input item, if the output items are to have them too. */
	input?: IDataObject;
	/** Larger output files are refused. */
	maxFileBytes: number;
	/** The limit of all files together. Without it, there is none, and a file is tried several times. */
	quota?: Quota;
}

/** How much may be downloaded for somebody who is not trusted. */
export interface Quota {
	/** Whether a file was given up because of the limit. */
	isExceeded: boolean;
	/** Counts bytes that arrive. @returns whether the limit allows them */
	take(bytes: number): boolean;
}

/** Everything that a person asks for one input item. Its `timeoutMs` also limits the job, from its submission. */
export interface ItemRequest extends Delivery {
	itemIndex: number;
	/** What people call it: its file, link or prompt, shortened. */
	name?: string;
	work: Work;
	waitFor: WaitFor;
	/** A fixed pause between two polls, ms. Without it the schedule decides. */
	pollIntervalMs?: number;
	/** How many jobs of the run may be open at once. */
	maxJobsInFlight: number;
	/** How many jobs the run may submit, if there is a limit. */
	maxPaidJobs?: number;
	/** The balance that the account must have before anything is submitted, if there is a limit. */
	minimumBalance?: number;
}

/** An item whose work brings a job. */
export type JobItem = ItemRequest & { work: JobWork };

/** An item whose work is a generation. */
export type GenerationItem = ItemRequest & { work: GenerationRequest };

/** Whether the item waits for the service's call. The service calls for new jobs only. */
export function waitsForWebhook(item: ItemRequest): item is GenerationItem {
	return item.waitFor === 'webhook' && isGeneration(item.work);
}
