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
import { identify, nameByKind, type FileIdentity, type FileNaming } from '../file-name';
import { findKind } from '../file-type';
import type { MeshFacts } from '../mesh';
import type { Delivery } from '../request';
import {
	createDownloadError,
	describeBroken,
	describeNotStored,
	describeTooLarge,
	type DownloadFailure,
} from './download-failure';
import { discardBody, requestFile } from './file-request';
import { Meter } from './meter';

/** How long a missing file is tried again, from the first answer that it is missing, ms. */
const MISSING_LIMIT_MS = 60_000;

/** The longest pause between two tries at a missing file, ms. */
const MISSING_PAUSE_MS = 10_000;

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
	const isFinal = result.isSameAtMirror === true || download.isLate();
	const atMirror = file.mirror === undefined || isFinal ? undefined : await download.tryAddress(file.mirror);
	if (atMirror && 'stored' in atMirror) return atMirror;
	throw createDownloadError(connection.service, jobId, file, result, atMirror);
}

/** The download of one file, from any of its addresses. */
class Download {
	/** Ms of the clock. The wait for a slot does not count. */
	private deadline: number;

	constructor(
		private readonly connection: Connection,
		private readonly delivery: Delivery,
		private readonly file: OutputFile,
		private readonly slots: Semaphore,
	) {
		this.deadline = connection.clock.now() + delivery.timeoutMs;
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
				if (!('stored' in result)) throwIfStopped(signal);
				return result;
			},
			(result) =>
				'stored' in result || !result.isTemporary ? undefined : backoff.computePause(result, clock.now()),
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
		// By the first address, also from the mirror: it is the same file.
		const type = readHeader(headers, 'content-type');
		const identity = identify(file.url, type, file, connection.service.clean);
		const isLengthKnown = !Number.isNaN(announced);
		const meter = new Meter(
			connection,
			delivery,
			{ identity, isLengthKnown, deadline },
			response.body as Readable,
		);
		return await store(connection, identity, meter);
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

async function store({ context }: Connection, identity: FileIdentity, meter: Meter): Promise<Try> {
	const { fileName, mimeType, isUnnamed } = identity;
	try {
		const stored = await Promise.race([
			context.helpers.prepareBinaryData(meter.measured, fileName, mimeType),
			meter.waitForFailure(),
		]);
		const failure = meter.failure ?? meter.findMismatch();
		if (failure) return failure;
		return {
			stored: isUnnamed ? nameByHead(stored, identity, meter.head) : stored,
			bytes: meter.length,
			mesh: meter.describeMesh(),
		};
	} catch (error) {
		if (meter.failure) return meter.failure;
		const { detail } = readRequestError(error);
		return meter.isBroken ? describeBroken(detail) : describeNotStored(detail);
	} finally {
		meter.stop();
	}
}

/** Gives a stored file the name and type that its first bytes show, if they do. */
function nameByHead(stored: IBinaryData, { fileName }: FileIdentity, head: Buffer): IBinaryData {
	const kind = findKind(head);
	if (!kind) return stored;
	const [fileExtension] = kind.extensions;
	const fileType = fileTypeFromMimeType(kind.mimeType);
	return { ...stored, ...nameByKind(fileName, kind), fileExtension, fileType };
}
