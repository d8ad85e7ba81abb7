import type { Clock } from './clock.mts';
import type { JobSeconds } from './durations.mts';
import type { MadeFiles } from './outputs.mts';
import type { WebhookMode } from './webhooks.mts';

/** What `eta` says: the right value, nothing, or the right value times a factor. */
export type EtaMode = 'exact' | 'missing' | { factor: number };

/** Settings that can change while the service runs. They apply to jobs that are submitted afterwards. */
export interface LocalApiSettings {
	/** How long a job takes, s. With 0, the answer to the submit says `success`. Default: 3. */
	jobSeconds: JobSeconds;
	/**
	 * The ID of a job as JSON, which the answers repeat as it is: `1234567890123456789`, `"gen/123"`, `{"id":1}`. Jobs are numbered
	 * from 1. A fetch finds the job only by this ID. Default: numbers that count up.
	 */
	idFor: (jobNumber: number) => string;
	/** How many jobs run at the same time, first in, first out. Default: 2. */
	parallel: number;
	/** Open jobs (queued or running) per key. One more is refused with 429. Default: 5. */
	queueLimit: number;
	/** What `retry_after` says when the queue is full, s. Default: 'exact', the time until another job is accepted. */
	retryAfter: number | 'exact';
	/** Default: 'exact'. */
	eta: EtaMode;
	/** Default: 'once'. */
	webhooks: WebhookMode;
	/** The most webhook calls at the same time. The others wait. Default: 1000. */
	callsAtOnce: number;
}

export interface LocalApiOptions extends Partial<LocalApiSettings> {
	/** Port on 127.0.0.1. Default: 0, any free port. */
	port?: number;
	/** The clock of all job times. Default: the system's. */
	clock?: Clock;
	/** Keys that the answer "Invalid Api Key" refuses. Default: ['wrong-key']. */
	refusedKeys?: string[];
	/** Keys whose submits are answered with 402. Default: ['empty-wallet']. */
	creditlessKeys?: string[];
	/** Keys that may not list the generated files of their account. Default: ['no-list']. */
	unlistableKeys?: string[];
	/** The most jobs, requests, and webhook calls that are kept, each. Default: 10000. */
	maxRecords?: number;
	/** Folder behind /samples. Default: `samples` in the working directory. */
	samplesDir?: string;
	/** The files that are already made. Default: none. Services that share them make equal files once. */
	madeFiles?: MadeFiles;
	/** Whether the files of a job are made when it is accepted, and not at the first request for them. Default: false. */
	makesFilesEarly?: boolean;
	/** Receives a line for each request and webhook call, never with a key. Default: none. */
	log?: (line: string) => void;
}
