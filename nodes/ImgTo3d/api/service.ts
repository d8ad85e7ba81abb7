/** The package's one way to the service: every API call leaves through here, with the key in its body. */
import { createHash } from 'crypto';
import {
	NodeOperationError,
	type ICredentialDataDecryptedObject,
	type IDataObject,
	type IExecuteFunctions,
	type IN8nHttpFullResponse,
	type IWebhookFunctions,
} from 'n8n-workflow';

import type { Clock, CancelSignal } from '../async/clock';
import { readAnswer, type Answer, type HttpReply, type UnansweredReason } from './answer';
import { Endpoints, MODELSLAB } from './endpoints';
import type { ApiVersion, Generation } from './fields';
import { findIdInText, type JobId } from './job-id';
import { isPublicHost } from './public-address';
import { keyRemover } from './redact';

const CREDENTIAL = 'stableDiffusionApi';

/** More than any documented answer needs; what is longer is not read to its end. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** n8n's view of a node at work: run for items, or called from outside. */
export type NodeContext = IExecuteFunctions | IWebhookFunctions;

/** The service, as one run of a node sees it. */
export interface Service {
	/** Whether a host may be asked for the service's files, and called by it: private ones only if it is on one itself. */
	canReach(hostname: string): boolean;
	/** Pays. Called once for a job; who may call again is decided by the caller. */
	submit(version: ApiVersion, operation: Generation, body: IDataObject, timeoutMs: number): Promise<Answer>;
	/** Reads a job. Free. Ends early when `stop` is aborted. */
	fetch(
		version: ApiVersion,
		id: JobId,
		fetchResult: string | undefined,
		timeoutMs: number,
		stop: AbortSignal,
	): Promise<Answer>;
	/** Turns a file into a link that the service can read. Free. Ends early when `stop` is aborted. */
	upload(version: ApiVersion, dataUri: string, timeoutMs: number, stop: AbortSignal): Promise<UploadAnswer>;
	/** The Base URL at which this version of the API is documented, if the credential's is another one. */
	betterBaseUrl(version: ApiVersion): string | undefined;
	/** The documented address of a job. */
	fetchUrl(version: ApiVersion, id: JobId, fetchResult?: string): string;
	/** Stands for the account, the same for the same key at the same address; the key cannot be read from it. */
	account: string;
	/** Takes the key out of a text. */
	clean(text: string): string;
}

export type UploadAnswer =
	| { state: 'uploaded'; link: string }
	| Exclude<Answer, { state: 'success' | 'processing' }>;

/** Reads the node's credential out of n8n's database. */
export async function readCredential(context: NodeContext): Promise<ICredentialDataDecryptedObject> {
	return await context.getCredentials(CREDENTIAL);
}

/**
 * Opens the service with the node's credential.
 *
 * @throws NodeOperationError when Base URL is no http or https URL, or the key is missing
 */
export function openService(
	context: NodeContext,
	clock: Clock,
	credential: ICredentialDataDecryptedObject,
): Service {
	const { apiKey, baseUrl } = credential;
	const endpoints = typeof baseUrl === 'string' ? Endpoints.under(baseUrl) : undefined;
	if (!endpoints) {
		throw new NodeOperationError(
			context.getNode(),
			'Base URL in the credential is no http or https address',
			{
				// The address itself is not quoted: a key may have been pasted there.
				description: `Set it to ${MODELSLAB}, or to the address your service is served from, without a user name or password in it.`,
			},
		);
	}
	if (typeof apiKey !== 'string' || apiKey.trim() === '') {
		throw new NodeOperationError(context.getNode(), 'The credential has no API key', {
			description:
				'Enter the key of your account in the credential. If an expression is to fill it: while an execution rests, and in a trigger, there is no input item for it to read.',
		});
	}
	const clean = keyRemover(apiKey.trim(), endpoints.hostname);

	const call = async (
		url: string,
		body: IDataObject,
		timeoutMs: number,
		stop?: AbortSignal,
	): Promise<Answer> => {
		const reply = await post(context, clock, credential, url, body, timeoutMs, stop);
		return 'httpCode' in reply
			? readAnswer(reply, clean, clock.now())
			: readCutAnswer(reply, clean(reply.received), clean);
	};

	const isPrivate = !isPublicHost(endpoints.hostname);
	return {
		account: createHash('sha256').update(`${endpoints.root}\n${apiKey.trim()}`).digest('hex'),
		betterBaseUrl: (version) => endpoints.betterBaseUrl(version),
		canReach: (hostname) => isPrivate || isPublicHost(hostname),
		clean,
		fetchUrl: (version, id, fetchResult) => endpoints.fetch(version, id, fetchResult).url,
		submit: async (version, operation, body, timeoutMs) =>
			await call(endpoints.submit(version, operation), body, timeoutMs),
		fetch: async (version, id, fetchResult, timeoutMs, stop) => {
			const { url, body } = endpoints.fetch(version, id, fetchResult);
			return await call(url, body, timeoutMs, stop);
		},
		upload: async (version, dataUri, timeoutMs, stop) => {
			const { url, body } = endpoints.upload(version, dataUri);
			return asUpload(await call(url, body, timeoutMs, stop));
		},
	};
}

/** An upload's answer has its URL in `link` (v3), or in `output` (v6): the answer reader hands it on as the only output. */
function asUpload(answer: Answer): UploadAnswer {
	if (answer.state === 'success') return { state: 'uploaded', link: answer.job.output[0] as string };
	if (answer.state !== 'processing') return answer;
	return { state: 'noOutput', httpCode: answer.httpCode, isWithheld: false };
}

type Unanswered = Extract<Answer, { state: 'unanswered' }>;

/** Why there is no whole answer, and what of its body came in until then. */
type CutAnswer = Unanswered & { received: string };

/** An answer that broke off may have told the ID of a paid job. */
function readCutAnswer(
	{ reason, detail }: CutAnswer,
	received: string,
	clean: (text: string) => string,
): Answer {
	const id = findIdInText(received);
	return id === undefined
		? { state: 'unanswered', reason, detail: clean(detail) }
		: { state: 'unreadable', httpCode: 200, why: 'the answer broke off', id, holdsJob: true };
}

/**
 * Posts a JSON body with the key and reads the answer as text, whatever its HTTP code.
 *
 * The answer is streamed, so that its size and time can be bounded while it arrives: `timeout` of n8n's
 * helper watches silence only, and a body that drips a byte a second would never end.
 *
 * @param credential as it was read when the service was opened
 * @param body gets the key from the credential; the credential writes into the object it is given, so it
 *   is handed a copy
 * @param stop ends the waiting for an answer that nobody needs any more; not given for a submit, whose answer may
 *   hold the id of a paid job
 */
async function post(
	context: NodeContext,
	clock: Clock,
	credential: ICredentialDataDecryptedObject,
	url: string,
	body: IDataObject,
	timeoutMs: number,
	stop?: AbortSignal,
): Promise<HttpReply | CutAnswer> {
	const wait = new Wait(stop);
	const received: Buffer[] = [];
	let response: IN8nHttpFullResponse | undefined;

	const exchange = async () => {
		response = (await context.helpers.httpRequestWithAuthentication.call(
			stop ? context : unstoppable(context),
			CREDENTIAL,
			{
				method: 'POST',
				url,
				headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
				body: { ...body },
				encoding: 'stream',
				returnFullResponse: true,
				ignoreHttpStatusErrors: true,
				disableFollowRedirect: true,
				timeout: Math.ceil(timeoutMs),
			},
			// n8n would read it anew for each request, and nothing would mask a key that was changed meanwhile.
			{ credentialsDecrypted: { id: '', name: '', type: CREDENTIAL, data: credential } },
		)) as IN8nHttpFullResponse;
		// Nobody waits for it any more, and nobody else would end its connection.
		if (wait.isSettled) destroyBody(response);
		await readInto(received, response.body as Readable);
		return { httpCode: response.statusCode, headers: response.headers, text: textOf(received) };
	};

	const exchanged = exchange().catch((error: unknown) => readFailure(error));
	const result = await Promise.race([exchanged, timeout(clock, timeoutMs, wait)]);
	wait.isSettled = true;
	if ('httpCode' in result) return result;
	destroyBody(response);
	return { ...result, received: textOf(received) };
}

/**
 * As much of a context as a call needs that the person's Stop must not cut off: n8n's helper takes the execution's
 * cancel signal from a whole one, and the ID of a paid job would be lost with the answer.
 */
const unstoppable = (context: NodeContext) =>
	({ getNode: () => context.getNode(), helpers: context.helpers }) as IExecuteFunctions;

/**
 * The waiting for a call's time limit, which is over when the call has ended or `stop` is aborted. No signal of its
 * own: there is one for each call, and to abort a signal makes an error with its stack.
 */
class Wait implements CancelSignal {
	isSettled = false;

	constructor(private readonly stop: CancelSignal | undefined) {}

	get aborted(): boolean {
		return this.isSettled || this.stop?.aborted === true;
	}
}

/** Not within `post`: the clock may hold on to it for a while after the call, and so to all that it can see. */
async function timeout(clock: Clock, timeoutMs: number, wait: Wait): Promise<Unanswered> {
	await clock.sleep(timeoutMs, wait);
	return { state: 'unanswered', reason: 'timeout', detail: `after ${timeoutMs / 1000} s` };
}

/** Node's `stream.Readable`, named by way of n8n's helpers: the package may not import Node's modules. */
export type Readable = Exclude<Parameters<IExecuteFunctions['helpers']['prepareBinaryData']>[0], Buffer>;

const destroyBody = (response: IN8nHttpFullResponse | undefined) =>
	(response?.body as Readable | undefined)?.destroy();

const textOf = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString('utf8');

/** Reads a body into `chunks`, which hold what came in also when it breaks off. */
async function readInto(chunks: Buffer[], stream: Readable): Promise<void> {
	let bytes = 0;
	await new Promise<void>((resolve, reject) => {
		stream.on('data', (chunk: Buffer) => {
			bytes += chunk.length;
			if (bytes <= MAX_ANSWER_BYTES) {
				chunks.push(chunk);
				return;
			}
			// A cut body is no JSON any more, so that the reader says what it is.
			resolve();
			stream.destroy();
		});
		stream.once('end', resolve);
		stream.on('error', reject);
		stream.once('close', () => {
			if (!stream.readableEnded) reject(new Error('closed'));
		});
	});
}

const REASON_OF_CODE: Record<string, UnansweredReason> = {
	ECONNREFUSED: 'refused',
	ENOTFOUND: 'unresolved',
	EAI_AGAIN: 'unresolved',
	// The one code that only a handshake ends with. ERR_SSL_... may come after the request was read.
	EPROTO: 'handshake',
	ETIMEDOUT: 'timeout',
	ECONNABORTED: 'timeout',
};

/** How the codes of a certificate that does not verify begin. Other TLS errors may come after the request was sent. */
const CERTIFICATE_CODE = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/;

/** Why a request got no answer, from the error n8n's helper threw: only its code is taken over. */
export function readFailure(error: unknown): Unanswered {
	// n8n 2.41 looks at what names resolve to if N8N_SSRF_PROTECTION_ENABLED is set, before it connects.
	const isBlocked = causesOf(error).some(({ name }) => /^SsrfBlocked/.test(String(name)));
	if (isBlocked) return { state: 'unanswered', reason: 'blocked', detail: 'N8N_SSRF_PROTECTION_ENABLED' };
	const code = errorCode(error) ?? 'no error code';
	const reason = CERTIFICATE_CODE.test(code) ? 'certificate' : (REASON_OF_CODE[code] ?? 'interrupted');
	return { state: 'unanswered', reason, detail: code };
}

interface Cause {
	name?: unknown;
	code?: unknown;
	httpCode?: unknown;
	cause?: unknown;
}

/** An error and what it was caused by: n8n wraps the request's error in its own. */
function causesOf(error: unknown): Cause[] {
	const causes: Cause[] = [];
	for (let cause = error; typeof cause === 'object' && cause !== null && causes.length < 6; ) {
		causes.push(cause);
		cause = (cause as Cause).cause;
	}
	return causes;
}

/** The first error code. n8n 2.0.0 drops the cause, and keeps the code as `httpCode`. */
function errorCode(error: unknown): string | undefined {
	return causesOf(error)
		.flatMap(({ code, httpCode }) => [code, httpCode])
		.find((code): code is string => typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code));
}
/** The longest that a single call to the service may take, ms. */
export const CALL_LIMIT_MS = 60_000;
/** The same for a submit, which may be answered only when a fast generation is done. */
export const SUBMIT_LIMIT_MS = 300_000;
