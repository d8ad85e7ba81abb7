import type { IDataObject } from 'n8n-workflow';

import type { ApiVersion, Generation } from './api/fields';

/** Where the images of an Image to 3D job come from: one, or with v6 several that show the object from several sides. */
export type ImageSource = { from: 'url'; urls: string[] } | { from: 'binary'; properties: string[] };

/** A paid piece of work: what the submit call says, apart from the key. */
export interface GenerationRequest {
	operation: Generation;
	apiVersion: ApiVersion;
	/** For `imageTo3d`. */
	image?: ImageSource;
	/** The rest of the JSON body, in the API's own names; a setting that was not added is not there. */
	body: IDataObject;
}

/** A job that was submitted before: reading it is free. */
export interface ResultRequest {
	operation: 'getResult';
	apiVersion: ApiVersion;
	jobId: string;
}

/**
 * `poll`: wait, watching the job. `webhook`: wait with the execution at rest, until the service calls. `none`: hand
 * the job on at once.
 */
export type WaitFor = 'poll' | 'webhook' | 'none';

/** `job`: one item a job. `file`: one item an output file. */
export type OutputMode = 'job' | 'file';

export const OUTPUT_MODES: readonly OutputMode[] = ['job', 'file'];

/** How the results of a job leave a node. */
export interface Delivery {
	/** The caller's own mark for the job, when one was given. */
	trackId?: string;
	/** How long one download may take, ms. */
	timeoutMs: number;
	download: boolean;
	outputBinaryPropertyName: string;
	outputMode: OutputMode;
	/** Larger output files are refused. */
	maxFileBytes: number;
}

/** Everything the person asked for one input item, read once and checked. Its `timeoutMs` is also the job's, from its submission. */
export interface ItemRequest extends Delivery {
	itemIndex: number;
	work: GenerationRequest | ResultRequest;
	waitFor: WaitFor;
	/** A fixed pause between two looks at a job, ms; absent: the schedule decides. */
	pollIntervalMs?: number;
	/** How many jobs of the run may be open at once. */
	maxJobsInFlight: number;
}
