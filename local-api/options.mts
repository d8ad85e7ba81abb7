import type { Clock } from './clock.mts';
import type { JobSeconds } from './durations.mts';
import type { WebhookMode } from './webhooks.mts';

/** What `eta` says: the truth, nothing, or the truth times a factor. */
export type EtaMode = 'exact' | 'missing' | { factor: number };

/** What can be changed while it runs; it holds for the jobs submitted afterwards. */
export interface LocalApiSettings {
	/** How long a job works, in s, default 3; 0 = the submit's answer says `success`. */
	jobSeconds: JobSeconds;
	/**
	 * The ID that the answers tell, as JSON to be written as it is: `1234567890123456789`, `"gen/123"`, `{"id":1}`. Jobs
	 * are counted from 1. A fetch finds the job by this ID only. Default: numbers that are counted up.
	 */
	idFor: (jobNumber: number) => string;
	/** Jobs worked at the same time, first in, first out; default 2. */
	parallel: number;
	/** Open jobs (queued or working) per key; one more is refused with 429. Default 5. */
	queueLimit: number;
	/** What `retry_after` says when the queue is full, in s; default 'exact', the time until a place is free. */
	retryAfter: number | 'exact';
	/** Default 'exact'. */
	eta: EtaMode;
	/** Default 'once'. */
	webhooks: WebhookMode;
	/** Most webhook calls that are under way at the same time, the others wait; default 1000. */
	callsAtOnce: number;
}

export interface LocalApiOptions extends Partial<LocalApiSettings> {
	/** Port on 127.0.0.1; default 0, any free one. */
	port?: number;
	/** Where all job time is read from; default the system's. */
	clock?: Clock;
	/** Keys that are answered "Invalid Api Key"; default ['wrong-key']. */
	refusedKeys?: string[];
	/** Keys whose submits are answered 402; default ['empty-wallet']. */
	creditlessKeys?: string[];
	/** Most jobs, most requests, and most webhook calls that are kept; default 10000. */
	maxRecords?: number;
	/** Folder behind /samples; default `samples` in the working directory. */
	samplesDir?: string;
	/** Gets a line per request and webhook call, never with a key; default silent. */
	log?: (line: string) => void;
}
