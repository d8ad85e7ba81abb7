/** Bringing a job's output files into n8n, as streams. */
import { fileTypeFromMimeType, type IBinaryData, type IN8nHttpFullResponse } from 'n8n-workflow';

import type { JobFile } from '../api/answer';
import { writeId, type JobId } from '../api/job-id';
import { mayPass, ProblemError, sentences } from '../api/problems';
import { unanswered, type Readable, type Service } from '../api/service';
import { isHttp, urlOf } from '../api/url';
import { header, retryAfterHeader } from '../api/words';
import {
	HEAD_BYTES,
	identify,
	kindByHead,
	mismatchOf,
	ofKind,
	type FileIdentity,
	type FileKind,
} from '../file-type';
import { retryPause } from '../jobs/poll-schedule';
import { MAX_TRIES, Stopped, stopIfAborted, type Connection } from '../jobs/run';
import type { Delivery } from '../request';

const MAX_REDIRECTS = 5;

/** A file server answers at once; only the bytes may take long. */
const HEADERS_LIMIT_MS = 60_000;

/** A download that brings no byte for this long is given up and tried again, ms. */
const STALL_MS = 60_000;

export interface OutputFile extends JobFile {
	/** For a URL that holds no name. */
	fallbackName: string;
}

/** What one try at a download came to. */
type Try = { stored: IBinaryData } | Failure;

/** Why there is no file, and whether another try may bring it. */
interface Failure {
	problem: string;
	httpCode?: number;
	mayPass: boolean;
	retryAfterSeconds?: number;
}

/**
 * Streams a file from the service's storage into n8n's. Free, so it is repeated while it may still succeed.
 * The key does not go along, and only http and https addresses are asked; private ones only if the service
 * itself is on one.
 *
 * @throws ProblemError that says that the job itself is done
 * @throws Stopped when the run was stopped
 */
export async function downloadFile(
	connection: Connection,
	delivery: Delivery,
	jobId: JobId | undefined,
	file: OutputFile,
): Promise<IBinaryData> {
	const deadline = connection.clock.now() + delivery.timeoutMs;
	for (let tries = 1; ; tries++) {
		stopIfAborted(connection.signal);
		const result = await tryDownload(connection, delivery, file, deadline);
		if ('stored' in result) return result.stored;
		stopIfAborted(connection.signal);

		const pause = retryPause(tries, result.retryAfterSeconds);
		const isOver = connection.clock.now() + pause >= deadline;
		if (!result.mayPass || tries === MAX_TRIES || isOver) {
			throw new ProblemError({
				message: `Job ${jobId === undefined ? '(no ID)' : writeId(jobId)} is done, but ${file.isAsset ? 'a file that belongs to its output' : 'its file'} could not be downloaded: ${connection.service.clean(result.problem)}`,
				description: sentences(
					`The file is at ${file.url}.`,
					'The job is paid for and not lost: the Get Result operation with the Job ID brings it again, without a new generation; with Download Output Files off, only its links. The service deletes files after a while.',
				),
				paid: 'yes',
				...(result.httpCode !== undefined && { httpCode: result.httpCode }),
				...(jobId !== undefined && { jobId }),
			});
		}
		await connection.clock.sleep(pause, connection.signal);
	}
}

async function tryDownload(
	connection: Connection,
	delivery: Delivery,
	file: OutputFile,
	deadline: number,
): Promise<Try> {
	const opened = await open(connection, file.url, deadline);
	if ('problem' in opened) return opened;

	const { headers } = opened;
	const body = opened.body as Readable;
	const announced = Number(headers['content-length']);
	if (announced > delivery.maxFileBytes) {
		body.destroy();
		return { problem: tooLarge(delivery, announced), mayPass: false };
	}
	const identity = identify(file.url, header(headers, 'content-type'), file.fallbackName);

	const meter = new Meter(connection, delivery, identity.kind, body, deadline);
	try {
		const stored = await Promise.race([
			connection.context.helpers.prepareBinaryData(meter.measured, identity.fileName, identity.mimeType),
			meter.watchdog(),
		]);
		const failure = meter.failure ?? meter.mismatch(meter.length);
		if (failure) return failure;
		if (!stored) return { problem: 'the download stalled', mayPass: true };
		return { stored: identity.isUnnamed ? namedByHead(stored, identity, meter.head) : stored };
	} catch (error) {
		const { detail } = unanswered(error);
		if (meter.failure) return meter.failure;
		return meter.isBroken
			? { problem: `the connection broke in the middle (${detail})`, mayPass: true }
			: { problem: `n8n could not store it (${detail})`, mayPass: false };
	} finally {
		meter.stop();
	}
}

/** The stored file under the name and type that its first bytes give it, if they do. */
function namedByHead(stored: IBinaryData, { fileName }: FileIdentity, head: Buffer): IBinaryData {
	const kind = kindByHead(head);
	if (!kind) return stored;
	const [fileExtension] = kind.extensions;
	const fileType = fileTypeFromMimeType(kind.mimeType);
	return { ...stored, ...ofKind(fileName, kind), fileExtension, fileType };
}

/** Counts a download's bytes as they pass, and ends it when it is too large, too slow, not what it has to be, or no longer wanted. */
class Meter {
	/** The same bytes, counted. */
	readonly measured: Readable;
	/** Why it was ended. */
	failure?: Failure;
	/** Whether the bytes stopped coming before the end: what else fails is n8n's storage. */
	isBroken = false;
	/** How many bytes have passed. */
	length = 0;
	private readonly start: Buffer[] = [];
	private startLength = 0;
	private lastByteAt: number;
	private readonly ended = new AbortController();

	constructor(
		private readonly connection: Connection,
		private readonly delivery: Delivery,
		private readonly kind: FileKind | undefined,
		private readonly body: Readable,
		private readonly deadline: number,
	) {
		this.lastByteAt = connection.clock.now();
		body.once('error', () => {
			this.isBroken = true;
		});
		this.measured = body.map((chunk: Buffer) => this.count(chunk), { concurrency: 1 });
	}

	/** The first bytes that have passed. */
	get head(): Buffer {
		return Buffer.concat(this.start);
	}

	/** @param length of the whole file, bytes, once it is known */
	mismatch(length?: number): Failure | undefined {
		return this.kind && mismatchOf(this.kind, this.head, length);
	}

	private count(chunk: Buffer): Buffer {
		this.length += chunk.length;
		this.lastByteAt = this.connection.clock.now();
		if (this.startLength < HEAD_BYTES) {
			const part = chunk.subarray(0, HEAD_BYTES - this.startLength);
			this.start.push(part);
			this.startLength += part.length;
			const mismatch = this.startLength === HEAD_BYTES ? this.mismatch() : undefined;
			if (mismatch) this.giveUp(mismatch);
		}
		if (this.length > this.delivery.maxFileBytes) {
			this.giveUp({ problem: tooLarge(this.delivery), mayPass: false });
		}
		return chunk;
	}

	/** Resolves with nothing once the download has been given up; the bytes stop coming then. */
	async watchdog(): Promise<undefined> {
		const { clock, signal } = this.connection;
		const either = AbortSignal.any([signal, this.ended.signal]);
		while (!this.ended.signal.aborted) {
			const limit = Math.min(this.lastByteAt + STALL_MS, this.deadline);
			if (signal.aborted || clock.now() >= limit) {
				const isLate = clock.now() >= this.deadline;
				this.giveUp({
					problem: isLate
						? `it was not complete after ${this.delivery.timeoutMs / 1000} s`
						: `no byte came for ${STALL_MS / 1000} s`,
					mayPass: true,
				});
				return undefined;
			}
			await clock.sleep(limit - clock.now(), either);
		}
		return undefined;
	}

	stop(): void {
		this.ended.abort();
	}

	private giveUp(failure: Failure): void {
		this.failure ??= failure;
		this.body.destroy(new Stopped(failure.problem));
	}
}

/** Asks for a file, following redirects by hand, so that each address is looked at before it is asked. */
async function open(
	connection: Connection,
	url: string,
	deadline: number,
): Promise<IN8nHttpFullResponse | Failure> {
	let address = url;
	for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
		const objection = objectionTo(address, connection.service);
		if (objection) return { problem: objection, mayPass: false };

		const response = await ask(
			connection,
			address,
			Math.min(HEADERS_LIMIT_MS, deadline - connection.clock.now()),
		);
		if ('problem' in response) return response;
		const { statusCode: httpCode, headers } = response;
		if (httpCode === 200) return response;

		(response.body as Readable).destroy();
		if (httpCode < 300 || httpCode >= 400) {
			// A file may reach the storage's edge a moment after the job's end.
			const mayPass = httpCode === 404 || httpCode === 408 || httpCode === 429 || httpCode >= 500;
			const wanted = retryAfterHeader(headers, connection.clock.now());
			return { problem: `HTTP ${httpCode}`, httpCode, mayPass, retryAfterSeconds: wanted };
		}
		const location = header(headers, 'location');
		const next = location ? urlOf(location, address) : undefined;
		if (next === undefined)
			return { problem: `HTTP ${httpCode} without an address`, httpCode, mayPass: false };
		address = next.href;
	}
	return { problem: `more than ${MAX_REDIRECTS} redirects`, mayPass: false };
}

async function ask(
	connection: Connection,
	url: string,
	limitMs: number,
): Promise<IN8nHttpFullResponse | Failure> {
	const settled = new AbortController();
	const leave = new AbortController();
	const response = connection.context.helpers.httpRequest({
		method: 'GET',
		url,
		// Its length is then that of the file, and is known before the first byte.
		headers: { 'Accept-Encoding': 'identity' },
		encoding: 'stream',
		returnFullResponse: true,
		ignoreHttpStatusErrors: true,
		disableFollowRedirect: true,
		abortSignal: AbortSignal.any([connection.signal, leave.signal]),
	}) as Promise<IN8nHttpFullResponse>;
	const late = connection.clock.sleep(Math.max(0, limitMs), settled.signal).then(() => undefined);
	const answered = await Promise.race([response.catch((error: unknown) => unanswered(error)), late]);
	settled.abort();
	if (answered === undefined) {
		leave.abort();
		return { problem: 'the file server did not answer in time', mayPass: true };
	}
	if (!('reason' in answered)) return answered;
	const what =
		answered.reason === 'blocked'
			? 'n8n lets no request go to its address'
			: 'the file server could not be read';
	return { problem: `${what} (${answered.detail})`, mayPass: mayPass(answered) };
}

/** Why an address is not asked, if it is not. */
function objectionTo(address: string, service: Service): string | undefined {
	const url = new URL(address);
	if (!isHttp(url)) return `${url.protocol.slice(0, -1)} addresses are not downloaded`;
	return service.canReach(url.hostname)
		? undefined
		: `${url.hostname} is a private address, and files are fetched from the open internet only`;
}

function tooLarge(delivery: Delivery, bytes?: number): string {
	const megabytes = (count: number) => Number((count / 1024 / 1024).toFixed(1));
	return `it is larger than Max File Size allows, ${megabytes(delivery.maxFileBytes)} MB${bytes ? ` (it has ${megabytes(bytes)} MB)` : ''}`;
}
