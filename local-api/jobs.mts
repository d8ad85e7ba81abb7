import { randomUUID } from 'node:crypto';

import type { Clock } from './clock.mts';
import { secondsOf, type JobSeconds } from './durations.mts';
import { fileNamesOf, NO_FILES, type JobFiles } from './job-files.mts';
import { readJobId } from './job-ids.mts';
import { isV6, metaOf, type ApiVersion, type Endpoint, type Parameters } from './parameters.mts';

/** A job that was accepted, that is: paid for. Times are the clock's milliseconds. */
export interface JobRecord {
	/** Counted by the service, and what its answers tell unless `idFor` says otherwise. */
	id: number;
	/** The ID that its answers tell, as it stands in a link. */
	idText: string;
	key: string;
	apiVersion: ApiVersion;
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
	/** The ID for the answers. */
	toldId: unknown;
	parameters: Parameters;
	meta: Record<string, unknown>;
	/** Name in the picture store; undefined for a text. */
	picture: string | undefined;
	/** None for a job that fails. */
	files: JobFiles;
}

export interface QueueSettings {
	jobSeconds: JobSeconds;
	parallel: number;
	queueLimit: number;
	maxRecords: number;
	idFor: (jobNumber: number) => string;
}

export interface Submission {
	key: string;
	body: Record<string, unknown>;
	parameters: Parameters;
	picture: string | undefined;
	/** Given: the job ends as failed, with this message. */
	failure: string | undefined;
}

const LAST_FOREIGN_ID = 10_684_517;

/** Jobs are counted from 1. */
function countedId(jobNumber: number): number {
	return LAST_FOREIGN_ID + jobNumber;
}

/** The ID as JSON, unless it is told otherwise. */
export function countedIdFor(jobNumber: number): string {
	return String(countedId(jobNumber));
}

/**
 * The account's queue, first in, first out. A job's start and end are settled when it is accepted, and its state is
 * the comparison of them with the clock: no timer runs, so a test's clock can jump.
 */
export class JobQueue {
	readonly records: JobRecord[] = [];

	/** By the ID as it stands in a link. */
	private readonly jobs = new Map<string, Job>();

	/** By the name of a file. */
	private readonly makers = new Map<string, Job>();

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
		const { jobSeconds, maxRecords, idFor } = this.settings;
		const jobNumber = this.accepted + 1;
		const id = readJobId(idFor(jobNumber));
		this.accepted = jobNumber;
		const seconds = secondsOf(jobSeconds, jobNumber);
		const startedAt = this.nextStart();
		const filePrefix = randomUUID();
		const params = Object.fromEntries(Object.entries(body).filter(([field]) => field !== 'key'));
		const files = failure === undefined ? fileNamesOf(parameters, filePrefix) : NO_FILES;
		const job: Job = {
			record: {
				id: countedId(jobNumber),
				idText: id.text,
				key,
				apiVersion: isV6(parameters) ? 'v6' : 'v3',
				endpoint: parameters.endpoint,
				params,
				trackId: parameters.trackId,
				webhook: parameters.webhook,
				acceptedAt: this.clock.now(),
				startedAt,
				endsAt: startedAt + seconds * 1000,
				outcome: failure === undefined ? 'success' : 'failed',
				...(failure === undefined ? {} : { failure }),
				outputs: files.outputs.map(this.fileUrl),
			},
			toldId: id.told,
			parameters,
			meta: metaOf(parameters, filePrefix),
			picture,
			files,
		};
		this.records.push(job.record);
		this.jobs.set(job.record.idText, job);
		for (const name of [...files.outputs, ...files.extraAssets]) this.makers.set(name, job);
		while (this.records.length > maxRecords) this.forgetOldest();
		return job;
	}

	private forgetOldest(): void {
		const oldest = this.records.shift();
		const job = oldest && this.jobs.get(oldest.idText);
		if (!job) return;
		this.jobs.delete(oldest.idText);
		for (const name of [...job.files.outputs, ...job.files.extraAssets]) this.makers.delete(name);
	}

	/** The key's own job of that id and API. As with the service, another spelling of a number finds it too. */
	find(id: string, key: string, apiVersion: ApiVersion): Job | undefined {
		const number = Number(id);
		const spelled = Number.isSafeInteger(number) ? this.jobs.get(String(number)) : undefined;
		const job = this.jobs.get(id) ?? spelled;
		return job?.record.key === key && job.record.apiVersion === apiVersion ? job : undefined;
	}

	/** The ID for the answers, of the job that a link names so. */
	toldId(idText: string): unknown {
		return this.jobs.get(idText)?.toldId;
	}

	hasEnded(job: Job): boolean {
		return job.record.endsAt <= this.clock.now();
	}

	/** The job that makes the file of this name, or will. */
	makerOf(name: string): Job | undefined {
		return this.makers.get(name);
	}
}
