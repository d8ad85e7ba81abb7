import { randomUUID } from 'node:crypto';

import type { Clock } from './clock.mts';
import { chooseSeconds, type JobSeconds } from './durations.mts';
import { nameFiles, NO_FILES, type JobFiles } from './job-files.mts';
import { readJobId } from './job-ids.mts';
import {
	API_VERSIONS,
	describeMeta,
	type ApiVersion,
	type Endpoint,
	type Parameters,
} from './parameters.mts';

/** A job that was accepted, and so paid for. Times are the clock's milliseconds. */
export interface JobRecord {
	/** Counted by the service. The answers contain it unless `idFor` says otherwise. */
	id: number;
	/** The ID of the answers, as it is in a link. */
	idText: string;
	key: string;
	apiVersion: ApiVersion;
	endpoint: Endpoint;
	/** The body of the submit as it was sent, without the key. */
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
	/** URLs of the files. They are there once the job has ended. Empty for a job that fails. */
	outputs: string[];
	/** Whether its files were deleted. Its answers name them further. */
	isDeleted?: boolean;
}

/** A job, with what only the service itself needs. */
export interface Job {
	record: JobRecord;
	/** The ID for the answers. */
	toldId: unknown;
	parameters: Parameters;
	meta: Record<string, unknown>;
	/** Name in the picture store. Undefined for a text. */
	picture: string | undefined;
	/** Empty for a job that fails. */
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
	apiVersion: ApiVersion;
	body: Record<string, unknown>;
	parameters: Parameters;
	picture: string | undefined;
	/** When given, the job ends as failed with this message. */
	failure: string | undefined;
	/** What the stand-in says about the object. */
	note: string | undefined;
}

const LAST_FOREIGN_ID = 10_684_517;

/** @param jobNumber from 1 */
function countId(jobNumber: number): number {
	return LAST_FOREIGN_ID + jobNumber;
}

/** The default for `idFor`. */
export function countIdAsJson(jobNumber: number): string {
	return String(countId(jobNumber));
}

/**
 * The queue of an account, first in, first out. A job's start and end are known when it is accepted. Its state follows from them and
 * the clock. No timer runs, so the clock of a test can jump.
 */
export class JobQueue {
	readonly records: JobRecord[] = [];

	/** By the ID as it is in a link. */
	private readonly jobs = new Map<string, Job>();

	/** By the name of a file that they make. */
	private readonly makers = new Map<string, Job>();

	private accepted = 0;

	/**
	 * @param settings read for every job, so they can change between two jobs
	 * @param fileUrl URL under which a file of this name is served
	 */
	constructor(
		private readonly clock: Clock,
		private readonly settings: QueueSettings,
		private readonly fileUrl: (name: string) => string,
	) {}

	/** The jobs that have not ended, of one key or of all. */
	openJobs(key?: string): JobRecord[] {
		const now = this.clock.now();
		return this.records.filter((job) => job.endsAt > now && (key === undefined || job.key === key));
	}

	/** Seconds until another job of the key is accepted. 0 means now. Infinity when the limit is 0. */
	secondsUntilAccepted(key: string): number {
		if (this.settings.queueLimit < 1) return Infinity;
		const ends = this.openJobs(key)
			.map((job) => job.endsAt)
			.sort((a, b) => a - b);
		const freeing = ends[ends.length - this.settings.queueLimit];
		return freeing === undefined ? 0 : (freeing - this.clock.now()) / 1000;
	}

	/** Seconds until a job would start that is submitted now. */
	secondsUntilStart(): number {
		return (this.findNextStart() - this.clock.now()) / 1000;
	}

	private findNextStart(): number {
		// The last job of each worker is among the `parallel` latest ends. The earliest of these frees the next worker.
		const ends = this.openJobs()
			.map((job) => job.endsAt)
			.sort((a, b) => b - a);
		return ends[this.settings.parallel - 1] ?? this.clock.now();
	}

	accept(submission: Submission): Job {
		const { maxRecords, idFor } = this.settings;
		const id = readJobId(idFor(this.accepted + 1));
		this.accepted += 1;
		const { parameters, picture, failure, note } = submission;
		const filePrefix = randomUUID();
		const files = failure === undefined ? nameFiles(parameters, filePrefix) : NO_FILES;
		const job: Job = {
			record: this.makeRecord(submission, this.accepted, id.text, files),
			toldId: id.told,
			parameters,
			meta: { ...describeMeta(parameters, filePrefix), ...(note === undefined ? {} : { stand_in: note }) },
			picture,
			files,
		};
		this.records.push(job.record);
		this.jobs.set(job.record.idText, job);
		for (const name of [...files.outputs, ...files.extraAssets]) this.makers.set(name, job);
		while (this.records.length > maxRecords) this.forgetOldest();
		return job;
	}

	private makeRecord(
		{ key, apiVersion, body, parameters, failure }: Submission,
		jobNumber: number,
		idText: string,
		files: JobFiles,
	): JobRecord {
		const startedAt = this.findNextStart();
		return {
			id: countId(jobNumber),
			idText,
			key,
			apiVersion,
			endpoint: parameters.endpoint,
			params: Object.fromEntries(Object.entries(body).filter(([field]) => field !== 'key')),
			trackId: parameters.trackId,
			webhook: parameters.webhook,
			acceptedAt: this.clock.now(),
			startedAt,
			endsAt: startedAt + chooseSeconds(this.settings.jobSeconds, jobNumber) * 1000,
			outcome: failure === undefined ? 'success' : 'failed',
			...(failure === undefined ? {} : { failure }),
			outputs: files.outputs.map(this.fileUrl),
		};
	}

	private forgetOldest(): void {
		const oldest = this.records.shift();
		const job = oldest && this.jobs.get(oldest.idText);
		if (!job) return;
		this.jobs.delete(oldest.idText);
		this.forgetFiles(job);
	}

	/** Finds the key's own job by ID and API. As with the service, another spelling of a number also finds it. */
	find(id: string, key: string, apiVersion: ApiVersion): Job | undefined {
		const number = Number(id);
		const spelled = Number.isSafeInteger(number) ? this.jobs.get(String(number)) : undefined;
		const job = this.jobs.get(id) ?? spelled;
		return job?.record.key === key && job.record.apiVersion === apiVersion ? job : undefined;
	}

	/** The key's jobs that have ended and have files, in the order of their submits. */
	listFinished(key: string): Job[] {
		return [...this.jobs.values()].filter(
			(job) => job.record.key === key && this.hasFiles(job) && this.hasEnded(job),
		);
	}

	/** Deletes the files of the key's own job. @returns whether there were any */
	deleteFiles(id: string, key: string): boolean {
		const [job] = API_VERSIONS.flatMap((version) => this.find(id, key, version) ?? []);
		if (!job || !this.hasFiles(job) || !this.hasEnded(job)) return false;
		job.record.isDeleted = true;
		this.forgetFiles(job);
		return true;
	}

	private hasFiles({ record }: Job): boolean {
		return record.outputs.length > 0 && record.isDeleted !== true;
	}

	private forgetFiles({ files }: Job): void {
		for (const name of [...files.outputs, ...files.extraAssets]) this.makers.delete(name);
	}

	/** @returns the ID for answers, of the job with this ID in links */
	findToldId(idText: string): unknown {
		return this.jobs.get(idText)?.toldId;
	}

	hasEnded(job: Job): boolean {
		return job.record.endsAt <= this.clock.now();
	}

	/** @returns the job that makes the file of this name, now or later */
	findMaker(name: string): Job | undefined {
		return this.makers.get(name);
	}
}
