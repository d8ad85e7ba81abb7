/** Requests files from the internet. */
import type { IN8nHttpFullResponse } from 'n8n-workflow';

import type { Connection } from '../api/connection';
import { readRequestError } from '../api/request-error';
import type { Readable } from '../api/transport';
import { parseUrl } from '../api/url';
import { readHeader, readRetryAfterHeader } from '../api/words';
import {
	describeHttpError,
	describeLateAnswer,
	describeRedirectToNowhere,
	describeTooManyRedirects,
	describeUnanswered,
	refuseAddress,
	type DownloadFailure,
} from './download-failure';

const MAX_REDIRECTS = 5;

/** How long a file server may take to answer, ms. Only the file itself may take longer. */
const ANSWER_LIMIT_MS = 60_000;

/**
 * Requests a file. It follows redirects itself, to check each address before it is requested. The key is not sent.
 *
 * @param deadline ms of the clock
 * @returns the response, whose body is not read yet
 */
export async function requestFile(
	connection: Connection,
	url: string,
	deadline: number,
): Promise<IN8nHttpFullResponse | DownloadFailure> {
	const { clock, service } = connection;
	let address = url;
	for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
		const refusal = refuseAddress(address, service);
		if (refusal) return refusal;
		const limitMs = Math.min(ANSWER_LIMIT_MS, deadline - clock.now());
		const response = await request(connection, address, limitMs);
		if ('problem' in response) return response;

		const { statusCode: httpCode, headers } = response;
		if (httpCode === 200) return response;
		discardBody(response);
		if (httpCode < 300 || httpCode >= 400) {
			return describeHttpError(httpCode, readRetryAfterHeader(headers, clock.now()));
		}
		const location = readHeader(headers, 'location');
		const next = location ? parseUrl(location, address) : undefined;
		if (next === undefined) return describeRedirectToNowhere(httpCode);
		address = next.href;
	}
	return describeTooManyRedirects(MAX_REDIRECTS);
}

async function request(
	{ context, clock, signal }: Connection,
	url: string,
	limitMs: number,
): Promise<IN8nHttpFullResponse | DownloadFailure> {
	const settled = new AbortController();
	const timedOut = new AbortController();
	const response = context.helpers.httpRequest({
		method: 'GET',
		url,
		// The announced length is then that of the file, and known before the first byte.
		headers: { 'Accept-Encoding': 'identity' },
		encoding: 'stream',
		returnFullResponse: true,
		ignoreHttpStatusErrors: true,
		disableFollowRedirect: true,
		abortSignal: AbortSignal.any([signal, timedOut.signal]),
	}) as Promise<IN8nHttpFullResponse>;
	const timeout = clock.sleep(Math.max(0, limitMs), settled.signal).then(() => undefined);
	const result = await Promise.race([response.catch((error: unknown) => readRequestError(error)), timeout]);
	settled.abort();
	if (result === undefined) {
		timedOut.abort();
		// The response may arrive at the same moment, and would stay open.
		void response.then(discardBody).catch(() => {});
		return describeLateAnswer();
	}
	return 'reason' in result ? describeUnanswered(result) : result;
}

/** Ends a response whose body nobody reads. */
export function discardBody(response: IN8nHttpFullResponse): void {
	const body = response.body as Readable;
	body.on('error', () => {});
	body.destroy();
}
