/** Bringing a job's output files into n8n, as streams. */
import { fileTypeFromMimeType, type IBinaryData, type IN8nHttpFullResponse } from 'n8n-workflow';

import type { JobFile } from '../api/answer';
import type { Connection } from '../api/connection';
import { writeId, type JobId } from '../api/job-id';
import { mayPass } from '../api/judge';
import { ProblemError, sentences } from '../api/problems';
import { readRequestError } from '../api/request-error';
import type { Service } from '../api/service';
import type { Readable } from '../api/transport';
import { isHttp, parseUrl } from '../api/url';
import { readHeader, readRetryAfterHeader } from '../api/words';
import { throwIfStopped } from '../async/cancellation';
import { computeBackoff, computeBackoffWithinTries, retry } from '../async/retry';
import type { Semaphore } from '../async/semaphore';
import { identify, findKind, nameByKind, type FileIdentity } from '../file-type';
import type { Delivery } from '../request';
import { Meter, describeTooLarge, type DownloadFailure } from './meter';

const MAX_REDIRECTS = 5;

/** A file server answers at once; only the bytes may take long. */
const HEADERS_LIMIT_MS = 60_000;

/** How long a file that is not there is waited for, from the first answer that said so, ms. */
const MISSING_LIMIT_MS = 60_000;

/** How long at most until it is asked for again, ms. */
const MISSING_PAUSE_MS = 10_000;

export interface OutputFile extends JobFile {
	/** For a URL that holds no name. */
	fallbackName: string;
}

/** What one try at a download, or all of them at one address, came to. */
type Try = { stored: IBinaryData } | DownloadFailure;

/**
 * Streams a file from the service's storage into n8n's. Free, so it is repeated while it may still succeed, and then
 * tried at the file's second address, if it has one. The key does not go along, and only http and https addresses
 * are asked; private ones only if the service itself is on one.
 *
 * @param places limits how many downloads go on at once: each try has one, and pauses between tries have none
 * @throws ProblemError that says that the job itself is done
 * @throws Stopped when the run was stopped
 */
export async function downloadFile(
	connection: Connection,
	delivery: Delivery,
	jobId: JobId | undefined,
	file: OutputFile,
	places: Semaphore,
): Promise<IBinaryData> {
	const download = new Download(connection, delivery, file, places);
	const first = await download.from(file.url);
	if ('stored' in first) return first.stored;
	const { mirror } = file;
	const isOver = first.isSameAnywhere === true || download.isLate();
	const second = mirror === undefined || isOver ? undefined : await download.from(mirror);
	if (second && 'stored' in second) return second.stored;
	throw lostFile(connection.service, jobId, file, first, second);
}

function lostFile(
	{ clean }: Service,
	jobId: JobId | undefined,
	{ url, mirror, isAsset }: OutputFile,
	first: DownloadFailure,
	second: DownloadFailure | undefined,
): ProblemError {
	const what = isAsset ? 'a file that belongs to its output' : 'its file';
	const problem = second ? `${first.problem}; from its mirror: ${second.problem}` : first.problem;
	const httpCode = first.httpCode ?? second?.httpCode;
	return new ProblemError({
		message: `Job ${jobId === undefined ? '(no ID)' : writeId(jobId)} is done, but ${what} could not be downloaded: ${clean(problem)}`,
		description: sentences(
			`The file is at ${clean(url)}${mirror === undefined ? '' : `, and its mirror at ${clean(mirror)}`}.`,
			'The job is paid for and not lost: the Get Result operation with the Job ID brings it again, without a new generation; with Download Output Files off, only its links. The service deletes files after a while.',
		),
		paid: 'yes',
		...(httpCode !== undefined && { httpCode }),
		...(jobId !== undefined && { jobId }),
	});
}

/** The download of one file, at whatever address. */
class Download {
	/** Ms since the epoch. The wait for a place does not count. */
	private deadline: number;

	constructor(
		private readonly connection: Connection,
		private readonly delivery: Delivery,
		private readonly file: OutputFile,
		private readonly places: Semaphore,
	) {
		this.deadline = connection.clock.now() + delivery.timeoutMs;
	}

	isLate(): boolean {
		return this.connection.clock.now() >= this.deadline;
	}

	/**
	 * Tries an address until it has brought the file or will not do so any more.
	 *
	 * @throws Stopped when the run was stopped
	 */
	async from(url: string): Promise<Try> {
		const { clock, signal } = this.connection;
		const backoff = new DownloadBackoff();
		return await retry(
			{ clock, signal, deadline: () => this.deadline },
			async () => {
				const result = await this.tryWithinPlace(url);
				if (!('stored' in result)) throwIfStopped(signal);
				return result;
			},
			(result) =>
				'stored' in result || !result.mayPass ? undefined : backoff.computePause(result, clock.now()),
		);
	}

	private async tryWithinPlace(url: string): Promise<Try> {
		const { clock, signal } = this.connection;
		throwIfStopped(signal);
		const askedAt = clock.now();
		return await this.places.run(async () => {
			this.deadline += clock.now() - askedAt;
			throwIfStopped(signal);
			return await this.tryOnce(url);
		});
	}

	private async tryOnce(url: string): Promise<Try> {
		const { connection, delivery, file, deadline } = this;
		const opened = await open(connection, url, deadline);
		if ('problem' in opened) return opened;

		const { headers } = opened;
		const body = opened.body as Readable;
		const announced = Number(headers['content-length'] ?? NaN);
		if (announced > delivery.maxFileBytes) {
			discard(body);
			return describeTooLarge(delivery, announced);
		}
		// By the first address: it is the same file, whichever one brings it.
		const type = readHeader(headers, 'content-type');
		const identity = identify(file.url, type, file.fallbackName, connection.service.clean);
		const meter = new Meter(connection, delivery, identity, Number.isNaN(announced), body, deadline);
		return await store(connection, identity, meter);
	}
}

/** The pauses between the tries at one address. A file that is missing has a time limit instead of a number of tries. */
class DownloadBackoff {
	private failures = 0;
	private missing = 0;
	private missingSince: number | undefined;

	/** @returns the pause before the next try, ms; `undefined` if there is to be none */
	computePause({ httpCode, retryAfterSeconds }: DownloadFailure, now: number): number | undefined {
		if (httpCode !== 404) {
			this.failures += 1;
			return computeBackoffWithinTries(this.failures, retryAfterSeconds);
		}
		// A link may be there before its file.
		this.missing += 1;
		this.missingSince ??= now;
		const left = this.missingSince + MISSING_LIMIT_MS - now;
		if (left <= 0) return undefined;
		const pause = Math.min(computeBackoff(this.missing), MISSING_PAUSE_MS, left);
		return Math.max(pause, (retryAfterSeconds ?? 0) * 1000);
	}
}

async function store(connection: Connection, identity: FileIdentity, meter: Meter): Promise<Try> {
	try {
		const stored = await Promise.race([
			connection.context.helpers.prepareBinaryData(meter.measured, identity.fileName, identity.mimeType),
			meter.watchdog(),
		]);
		const failure = meter.failure ?? meter.mismatch();
		if (failure) return failure;
		if (!stored) return { problem: 'the download stalled', mayPass: true };
		return { stored: identity.isUnnamed ? namedByHead(stored, identity, meter.head) : stored };
	} catch (error) {
		const { detail } = readRequestError(error);
		if (meter.failure) return meter.failure;
		return meter.isBroken
			? { problem: `the connection broke in the middle (${detail})`, mayPass: true }
			: { problem: `n8n could not store it (${detail})`, mayPass: false, isSameAnywhere: true };
	} finally {
		meter.stop();
	}
}

/** The stored file under the name and type that its first bytes give it, if they do. */
function namedByHead(stored: IBinaryData, { fileName }: FileIdentity, head: Buffer): IBinaryData {
	const kind = findKind(head);
	if (!kind) return stored;
	const [fileExtension] = kind.extensions;
	const fileType = fileTypeFromMimeType(kind.mimeType);
	return { ...stored, ...nameByKind(fileName, kind), fileExtension, fileType };
}

/** Asks for a file, following redirects by hand, so that each address is looked at before it is asked. */
async function open(
	connection: Connection,
	url: string,
	deadline: number,
): Promise<IN8nHttpFullResponse | DownloadFailure> {
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

		discard(response.body as Readable);
		if (httpCode < 300 || httpCode >= 400) {
			const mayPass = httpCode === 404 || httpCode === 408 || httpCode === 429 || httpCode >= 500;
			const wanted = readRetryAfterHeader(headers, connection.clock.now());
			return { problem: `HTTP ${httpCode}`, httpCode, mayPass, retryAfterSeconds: wanted };
		}
		const location = readHeader(headers, 'location');
		const next = location ? parseUrl(location, address) : undefined;
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
): Promise<IN8nHttpFullResponse | DownloadFailure> {
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
	const answered = await Promise.race([response.catch((error: unknown) => readRequestError(error)), late]);
	settled.abort();
	if (answered === undefined) {
		leave.abort();
		// It may have come at the same moment, and would be held open by nobody.
		void response.then(({ body }) => discard(body as Readable)).catch(() => {});
		return { problem: 'the file server did not answer in time', mayPass: true };
	}
	if (!('reason' in answered)) return answered;
	const what =
		answered.reason === 'blocked'
			? 'n8n lets no request go to its address'
			: 'the file server could not be read';
	return { problem: `${what} (${answered.detail})`, mayPass: mayPass(answered) };
}

/** Leaves a body that nobody reads. */
function discard(body: Readable): void {
	body.on('error', () => {});
	body.destroy();
}

/** Why an address is not asked, if it is not. */
function objectionTo(address: string, service: Service): string | undefined {
	const url = new URL(address);
	if (!isHttp(url)) return `${url.protocol.slice(0, -1)} addresses are not downloaded`;
	return service.canReach(url.hostname)
		? undefined
		: `${url.hostname} is a private address, and files are fetched from the open internet only`;
}
