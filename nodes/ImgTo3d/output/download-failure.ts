/** Why an output file was not downloaded: every reason, and its words. */
import type { Unanswered } from '../api/answer';
import type { JobFile } from '../api/job-facts';
import type { JobId } from '../api/job-id';
import { mayPass } from '../api/judge';
import { joinSentences, nameJob } from '../api/error-texts';
import { ProblemError } from '../api/problems';
import type { Service } from '../api/service';
import { isHttp } from '../api/url';
import { quote } from '../api/words';
import type { Delivery } from '../request';

export interface DownloadFailure {
	/** What happened, in words that follow "could not be downloaded: ". */
	problem: string;
	httpCode?: number;
	/** Whether another try at the same address may succeed. */
	isTemporary: boolean;
	retryAfterSeconds?: number;
	/** Whether the file's mirror would fail in the same way. */
	isSameAtMirror?: boolean;
	/** Whether the file had begun to arrive. */
	isPartRead?: boolean;
	/** Whether n8n keeps a part of the file, because it had begun to store it. */
	isPartStored?: boolean;
}

/** Finds a reason not to request an address at all. */
export function refuseAddress(address: string, service: Service): DownloadFailure | undefined {
	const url = new URL(address);
	if (!isHttp(url)) {
		return {
			problem: `${quote(url.protocol.slice(0, -1))} addresses are not downloaded`,
			isTemporary: false,
		};
	}
	if (service.canReach(url.hostname)) return undefined;
	return {
		problem: `${quote(url.hostname)} is a private address, and files are downloaded from the open internet only`,
		isTemporary: false,
	};
}

/** @param bytes the file's size, if the server has announced it */
export function describeTooLarge({ maxFileBytes }: Delivery, bytes?: number): DownloadFailure {
	const toMegabytes = (count: number) => Number((count / 1024 / 1024).toFixed(1));
	const size = bytes === undefined ? '' : ` (it has ${toMegabytes(bytes)} MB)`;
	return {
		problem: `it is larger than Max File Size allows, ${toMegabytes(maxFileBytes)} MB${size}`,
		isTemporary: false,
		isSameAtMirror: true,
	};
}

export const describeOverQuota = (): DownloadFailure => ({
	problem: 'there was too much to download for calls that are not verified',
	isTemporary: false,
	isSameAtMirror: true,
});

export function describeHttpError(httpCode: number, retryAfterSeconds: number | undefined): DownloadFailure {
	const isTemporary = httpCode === 404 || httpCode === 408 || httpCode === 429 || httpCode >= 500;
	return { problem: `HTTP ${httpCode}`, httpCode, isTemporary, retryAfterSeconds };
}

export function describeRedirectToNowhere(httpCode: number): DownloadFailure {
	return { problem: `HTTP ${httpCode} without an address`, httpCode, isTemporary: false };
}

export function describeTooManyRedirects(count: number): DownloadFailure {
	return { problem: `more than ${count} redirects`, isTemporary: false };
}

export function describeUnanswered(unanswered: Unanswered): DownloadFailure {
	const what =
		unanswered.reason === 'blocked'
			? 'n8n does not allow requests to its address'
			: 'the file server could not be read';
	return { problem: `${what} (${quote(unanswered.detail)})`, isTemporary: mayPass(unanswered) };
}

export const describeLateAnswer = (): DownloadFailure => ({
	problem: 'the file server did not answer in time',
	isTemporary: true,
});

/** @param stalledMs how long no byte has arrived */
export const describeStalled = (stalledMs: number): DownloadFailure => ({
	problem: `no byte came for ${stalledMs / 1000} s`,
	isTemporary: true,
});

export const describeIncomplete = ({ timeoutMs }: Delivery): DownloadFailure => ({
	problem: `it was not complete after ${timeoutMs / 1000} s`,
	isTemporary: true,
});

/** @param what was sent instead of the file @param says what it says; may be empty */
export const describeText = (what: string, says: string): DownloadFailure => ({
	problem: `the server sent ${what} instead of the file${says === '' ? '' : `: "${says}"`}`,
	isTemporary: true,
});

export const describeEmpty = (): DownloadFailure => ({ problem: 'it is empty', isTemporary: true });

export const describeBroken = (detail: string): DownloadFailure => ({
	problem: `the connection broke in the middle (${quote(detail)})`,
	isTemporary: true,
});

export const describeNotStored = (detail: string): DownloadFailure => ({
	problem: `n8n could not store it (${quote(detail)})`,
	isTemporary: false,
	isSameAtMirror: true,
});

/** The longest link that an error names, characters. Part of a link is of no use. */
const MAX_LINK = 500;

function writeLinks([file, mirror]: readonly string[]): string {
	if (file === undefined || file.length > MAX_LINK) return '';
	const atMirror = mirror === undefined || mirror.length > MAX_LINK ? '' : `, and its mirror at ${mirror}`;
	return `The file is at ${file}${atMirror}.`;
}

/**
 * Creates the error of a file that was not downloaded. It says that the job itself is done.
 *
 * @param atMirror the failure at the file's mirror, if that was tried
 */
export function createDownloadError(
	{ clean }: Service,
	jobId: JobId | undefined,
	{ url, mirror, isAsset }: JobFile,
	failure: DownloadFailure,
	atMirror?: DownloadFailure,
): ProblemError {
	const what = isAsset ? 'a file that belongs to its output' : 'its file';
	const problem = atMirror ? `${failure.problem}; from its mirror: ${atMirror.problem}` : failure.problem;
	const httpCode = failure.httpCode ?? atMirror?.httpCode;
	return new ProblemError({
		message: `${nameJob(jobId)} is done, but ${what} could not be downloaded: ${clean(problem)}`,
		description: joinSentences(
			writeLinks([url, mirror].flatMap((link) => (link === undefined ? [] : clean(link)))),
			'The job is paid for and not lost: Get Result with the Job ID downloads it again without paying. With Download Output Files off, it returns only the links. The service deletes files after a while.',
		),
		paid: 'yes',
		...(httpCode !== undefined && { httpCode }),
		...(jobId !== undefined && { jobId }),
	});
}
