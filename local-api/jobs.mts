import { randomUUID } from 'node:crypto';

import type { Clock } from './clock.mts';
import { secondsOf, type JobSeconds } from './durations.mts';
import { metaOf, type Endpoint, type Parameters } from './parameters.mts';

/** A job that was accepted, that is: paid for. Times are the clock's milliseconds. */
export interface JobRecord {
	id: number;
	key: string;
	endpoint: Endpoint;
	/** The submit's body as it was sent, without the key. */
	params: Record<string, unknown>;
	trackId: string | null;
	webhook: string | null;
	acceptedAt: number;
	/** When it leaves the queue. */
	startedAt: number;
	endsAt: number;
	outcome: 'success' | 'failed';
	/** Why it fails. */
	failure?: string;
	/** URLs of the files that it has made once it has ended; empty for a failed job. */
	outputs: string[];
}

/** A job with what only the service itself needs to know. */
export interface Job {
	record: JobRecord;
	parameters: Parameters;
	meta: Record<string, unknown>;
	/** Name in the picture store; undefined for txt_to_3d. */
	picture: string | undefined;
}

export interface QueueSettings {
	jobSeconds: JobSeconds;
	parallel: number;
	queueLimit: number;
	maxRecords: number;
}

export interface Submission {
	key: string;
	body: Record<string, unknown>;
	parameters: Parameters;
	picture: string | undefined;
	/** Given: the job ends as failed, with this message. */
	failure: string | undefined;
}

const FIRST_ID = 10_684_517;

/**
 * The account's queue, first in, first out. A job's start and end are settled when it is accepted, and its state is
 * the comparison of them with the clock: no timer runs, so a test's clock can jump.
 */
export class JobQueue {
	readonly records: JobRecord[] = [];

	private readonly jobs = new Map<number, Job>();

	private readonly outputs = new Map<string, { job: Job; index: number }>();

	private accepted = 0;

	/**
	 * @param settings read anew for every job, so it may be changed meanwhile
	 * @param fileUrl URL under which a file of this name is served
	 */
	constructor(
		private readonly clock: Clock,
		private readonly settings: QueueSettings,
		private readonly fileUrl: (name: string) => string,
	) {}

	/** Jobs that have not ended, of one key or of all. */
	open(key?: string): JobRecord[] {
		const now = this.clock.now();
		return this.records.filter((job) => job.endsAt > now && (key === undefined || job.key === key));
	}

	/** Seconds after which one more job of the key is taken; 0 = now. With a limit of 0, Infinity. */
	secondsUntilPlace(key: string): number {
		if (this.settings.queueLimit < 1) return Infinity;
		const ends = this.open(key)
			.map((job) => job.endsAt)
			.sort((a, b) => a - b);
		const freeing = ends[ends.length - this.settings.queueLimit];
		return freeing === undefined ? 0 : (freeing - this.clock.now()) / 1000;
	}

	/** Seconds until a job that was submitted now would start. */
	secondsUntilStart(): number {
		return (this.nextStart() - this.clock.now()) / 1000;
	}

	private nextStart(): number {
		// Each worker's last job is among the `parallel` latest ends, so the earliest of these frees the next worker.
		const ends = this.open()
			.map((job) => job.endsAt)
			.sort((a, b) => b - a);
		return ends[this.settings.parallel - 1] ?? this.clock.now();
	}

	accept({ key, body, parameters, picture, failure }: Submission): Job {
		this.accepted += 1;
		const { jobSeconds, maxRecords } = this.settings;
		const seconds = secondsOf(jobSeconds, this.accepted);
		const startedAt = this.nextStart();
		const filePrefix = randomUUID();
		const params = Object.fromEntries(Object.entries(body).filter(([field]) => field !== 'key'));
		const names =
			parameters.batchSize === 1
				? [`${filePrefix}.${parameters.outputType}`]
				: Array.from(
						{ length: parameters.batchSize },
						(_, index) => `${filePrefix}-${index}.${parameters.outputType}`,
					);
		const job: Job = {
			record: {
				id: FIRST_ID + this.accepted,
				key,
				endpoint: parameters.endpoint,
				params,
				trackId: parameters.trackId,
				webhook: parameters.webhook,
				acceptedAt: this.clock.now(),
				startedAt,
				endsAt: startedAt + seconds * 1000,
				outcome: failure === undefined ? 'success' : 'failed',
				...(failure === undefined ? {} : { failure }),
				outputs: failure === undefined ? names.map(this.fileUrl) : [],
			},
			parameters,
			meta: metaOf(parameters, filePrefix),
			picture,
		};
		this.records.push(job.record);
		this.jobs.set(job.record.id, job);
		if (failure === undefined) names.forEach((name, index) => this.outputs.set(name, { job, index }));
		while (this.records.length > maxRecords) this.forgetOldest();
		return job;
	}

	private forgetOldest(): void {
		const oldest = this.records.shift();
		if (!oldest) return;
		this.jobs.delete(oldest.id);
		for (const url of oldest.outputs) this.outputs.delete(url.slice(url.lastIndexOf('/') + 1));
	}

	/** The key's own job of that id. */
	find(id: string, key: string): Job | undefined {
		const job = this.jobs.get(Number(id));
		return job?.record.key === key ? job : undefined;
	}

	hasEnded(job: Job): boolean {
		return job.record.endsAt <= this.clock.now();
	}

	/** Which job's file, and the how-maniest of it, a name stands for; undefined before the job has ended. */
	output(name: string): { job: Job; index: number } | undefined {
		const output = this.outputs.get(name);
		return output && this.hasEnded(output.job) ? output : undefined;
	}
}
