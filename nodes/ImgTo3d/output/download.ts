/** Downloads a job's output files into n8n, as streams. */
import { fileTypeFromMimeType, type IBinaryData } from 'n8n-workflow';

import type { JobFile } from '../api/job-facts';
import type { Connection } from '../api/connection';
import type { JobId } from '../api/job-id';
import { readRequestError } from '../api/request-error';
import type { Readable } from '../api/transport';
import { readHeader } from '../api/words';
import { throwIfStopped } from '../async/cancellation';
import { computeBackoff, computeBackoffWithinTries, retry } from '../async/retry';
import type { Semaphore } from '../async/semaphore';
import { identify, type FileIdentity, type FileNaming, type ServedFile } from '../file-name';
import { findMismatch } from '../file-type';
import type { MeshFacts } from '../mesh';
import type { Delivery } from '../request';
import {
	createDownloadError,
	describeBroken,
	describeEmpty,
	describeNotStored,
	describeTooLarge,
	type DownloadFailure,
} from './download-failure';
import { discardBody, requestFile } from './file-request';
import { Meter } from './meter';
import { readSuggestedName } from './suggested-name';
import { refuseText } from './text-answer';

/** How long a missing file is tried again, from the first answer that it is missing, ms. */
const MISSING_LIMIT_MS = 60_000;

/** The longest pause between two tries at a missing file, ms. */
const MISSING_PAUSE_MS = 10_000;

/** n8n cannot delete what was stored of a file. After so many tries that left a part, none is repeated. */
const MAX_PARTS = 3;

export interface OutputFile extends JobFile, FileNaming {}

/** A file in n8n's storage. */
export interface StoredFile {
	stored: IBinaryData;
	/** Its length. */
	bytes: number;
	/** What it holds, if it is a mesh. */
	mesh?: MeshFacts;
}

/** The result of one try at a download, or of all tries at one address. */
type Try = StoredFile | DownloadFailure;

/**
 * Downloads a file from the service's storage into n8n's. A download is free, so it is repeated while it may still
 * succeed. Then the file's mirror is tried, if there is one. Only http and https addresses are requested, without the
 * key, and private addresses only if the service itself is on one.
 *
 * @param slots limits how many downloads run at once. Each try needs a slot. The pauses between tries need none.
 * @throws ProblemError if the file could not be downloaded
 * @throws StoppedError if the run was stopped
 */
export async function downloadFile(
	connection: Connection,
	delivery: Delivery,
	jobId: JobId | undefined,
	file: OutputFile,
	slots: Semaphore,
): Promise<StoredFile> {
	const download = new Download(connection, delivery, file, slots);
	const result = await download.tryAddress(file.url);
	if ('stored' in result) return result;
	const isFinal = result.isSameAtMirror === true || download.isLast(result) || download.isLate();
	const atMirror = file.mirror === undefined || isFinal ? undefined : await download.tryAddress(file.mirror);
	if (atMirror && 'stored' in atMirror) return atMirror;
	throw createDownloadError(connection.service, jobId, file, result, atMirror);
}

/** The download of one file, from any of its addresses. */
class Download {
	/** Ms of the clock. The wait for a slot does not count. */
	private deadline: number;
	/** How many tries have left a part of the file in n8n's storage, at all addresses. */
	private parts = 0;

	constructor(
		private readonly connection: Connection,
		private readonly delivery: Delivery,
		private readonly file: OutputFile,
		private readonly slots: Semaphore,
	) {
		this.deadline = connection.clock.now() + delivery.timeoutMs;
	}

	/** Whether a file that fails like this is not tried again, because nobody has verified that it is a job's. */
	isLast({ isPartRead }: DownloadFailure): boolean {
		return this.delivery.quota !== undefined && isPartRead === true;
	}

	isLate(): boolean {
		return this.connection.clock.now() >= this.deadline;
	}

	/**
	 * Tries an address until the file is stored or will not be.
	 *
	 * @throws StoppedError if the run was stopped
	 */
	async tryAddress(url: string): Promise<Try> {
		const { clock, signal } = this.connection;
		const backoff = new DownloadBackoff();
		return await retry(
			{ clock, signal, deadline: () => this.deadline },
			async () => {
				const result = await this.tryInSlot(url);
				if ('stored' in result) return result;
				if (result.isPartStored) this.parts += 1;
				throwIfStopped(signal);
				return result;
			},
			(result) => {
				if ('stored' in result || !result.isTemporary || this.isLast(result)) return undefined;
				if (result.isPartStored && this.parts >= MAX_PARTS) return undefined;
				return backoff.computePause(result, clock.now());
			},
		);
	}

	private async tryInSlot(url: string): Promise<Try> {
		const { clock, signal } = this.connection;
		const askedAt = clock.now();
		return await this.slots.run(async () => {
			this.deadline += clock.now() - askedAt;
			throwIfStopped(signal);
			return await this.tryOnce(url);
		});
	}

	private async tryOnce(url: string): Promise<Try> {
		const { connection, delivery, file, deadline } = this;
		const response = await requestFile(connection, url, deadline);
		if ('problem' in response) return response;

		const { headers } = response;
		const announced = Number(headers['content-length'] ?? NaN);
		if (announced > delivery.maxFileBytes) {
			discardBody(response);
			return describeTooLarge(delivery, announced);
		}
		const isLengthKnown = !Number.isNaN(announced);
		const meter = new Meter(connection, delivery, { isLengthKnown, deadline }, response.body as Readable);
		const served = {
			// The first address, also for the mirror: it is the same file.
			url: file.url,
			contentType: readHeader(headers, 'content-type'),
			suggestedName: readSuggestedName(headers, connection.service.clean),
			...(isLengthKnown && { length: announced }),
		};
		return await new Reception(connection, file, meter).receive(served);
	}
}

/** The pauses between the tries at one address. A missing file has a time limit instead of a number of tries. */
class DownloadBackoff {
	private failures = 0;
	private timesMissing = 0;
	private missingSince: number | undefined;

	/** @returns the pause before the next try, ms; `undefined` if there is to be none */
	computePause({ httpCode, retryAfterSeconds }: DownloadFailure, now: number): number | undefined {
		if (httpCode !== 404) {
			this.failures += 1;
			return computeBackoffWithinTries(this.failures, retryAfterSeconds);
		}
		// The link may be there before its file.
		this.timesMissing += 1;
		this.missingSince ??= now;
		const left = this.missingSince + MISSING_LIMIT_MS - now;
		if (left <= 0) return undefined;
		const pause = Math.min(computeBackoff(this.timesMissing), MISSING_PAUSE_MS, left);
		return Math.max(pause, (retryAfterSeconds ?? 0) * 1000);
	}
}

/** The way of a file from its server's answer into n8n's storage. */
class Reception {
	private hasBegunToStore = false;

	constructor(
		private readonly connection: Connection,
		private readonly file: OutputFile,
		private readonly meter: Meter,
	) {}

	async receive(served: Omit<ServedFile, 'head'>): Promise<Try> {
		const { meter } = this;
		try {
			const result = await Promise.race([this.checkAndStore(served), meter.waitForFailure()]);
			return 'stored' in result ? result : this.fail(result);
		} catch (error) {
			const { detail } = readRequestError(error);
			const isStoring = this.hasBegunToStore && !meter.isBroken;
			return this.fail(meter.failure ?? (isStoring ? describeNotStored(detail) : describeBroken(detail)));
		} finally {
			meter.stop();
		}
	}

	/** What can be refused is refused before n8n stores anything of it, because n8n cannot delete it again. */
	private async checkAndStore(served: Omit<ServedFile, 'head'>): Promise<Try> {
		const { meter, file, connection } = this;
		const { clean } = connection.service;
		await meter.readStart();
		const { head, isWhole } = meter;
		const known = { ...served, head, ...(isWhole && { length: head.length }) };
		const identity = identify(known, file, clean);
		const { kind } = identity;
		const refused =
			refuseText(served, meter.start, isWhole, clean) ??
			(kind ? findMismatch(kind, head) : head.length === 0 ? describeEmpty() : undefined);
		if (refused) meter.giveUp(refused);
		if (meter.failure) return meter.failure;

		const content = meter.pass(kind);
		const mismatch = isWhole ? meter.findMismatch() : undefined;
		if (mismatch) return mismatch;
		this.hasBegunToStore = true;
		const { helpers } = connection.context;
		const stored = await helpers.prepareBinaryData(content, identity.fileName, identity.mimeType);
		const failure = meter.failure ?? meter.findMismatch();
		if (failure) return failure;
		const { length } = meter;
		// Only its length shows that a file is a binary STL.
		const late = kind ? undefined : identify({ ...known, length }, file, clean);
		return { stored: late?.kind ? rename(stored, late) : stored, bytes: length, mesh: meter.describeMesh() };
	}

	private fail(failure: DownloadFailure): DownloadFailure {
		return { ...failure, isPartRead: true, isPartStored: this.hasBegunToStore };
	}
}

/** Gives a stored file another name and type. */
function rename(stored: IBinaryData, { fileName, mimeType, kind }: FileIdentity): IBinaryData {
	const fileType = fileTypeFromMimeType(mimeType);
	return { ...stored, fileName, mimeType, fileExtension: kind?.extensions[0], fileType };
}
