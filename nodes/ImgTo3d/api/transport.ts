/** The package's one way to the service: every API call leaves through here, with the key in its body. */
import type {
	ICredentialDataDecryptedObject,
	IDataObject,
	IExecuteFunctions,
	ILoadOptionsFunctions,
	IN8nHttpFullResponse,
	IWebhookFunctions,
} from 'n8n-workflow';

import type { Clock, CancelSignal } from '../async/clock';
import type { HttpReply, Unanswered } from './answer';
import { readRequestError } from './request-error';

export const CREDENTIAL = 'stableDiffusionApi';

/** How much of an answer is read, bytes: more than any documented answer needs. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** What n8n offers a node, whether it runs for items or is called from outside. */
export type NodeContext = IExecuteFunctions | IWebhookFunctions;

/** What an API call needs of it. The panel has it, too. */
export type CallContext = NodeContext | ILoadOptionsFunctions;

/** Node's `stream.Readable`. It is named by way of n8n's helpers, because the package must not import Node's modules. */
export type Readable = Exclude<Parameters<IExecuteFunctions['helpers']['prepareBinaryData']>[0], Buffer>;

/** What a call is made with. */
export interface Access {
	context: CallContext;
	clock: Clock;
	/**
	 * The credential as it was read when the service was opened. n8n would read it again for each request, and a key that
	 * was changed in the meantime would not be masked.
	 */
	credential: ICredentialDataDecryptedObject;
}

/** One call to the service. */
export interface ServiceCall {
	url: string;
	/** The body without the key. */
	body: IDataObject;
	timeoutMs: number;
	/**
	 * Aborted when nobody needs the answer any more: the call ends then. A submit has none, because its answer may contain
	 * the ID of a paid job.
	 */
	stop?: AbortSignal;
}

/** A call that got no complete answer, and the part of the body that did arrive. */
export type BrokenAnswer = Unanswered & { received: string };

/**
 * Posts a JSON body with the key and reads the answer as text, whatever its HTTP code.
 *
 * The answer is streamed, to limit its size and time while it arrives. The `timeout` of n8n's helper only limits how
 * long nothing arrives: a body that sends a byte each second would never end.
 */
export async function post(access: Access, call: ServiceCall): Promise<HttpReply | BrokenAnswer> {
	const wait = new CallWait(call.stop);
	const received: Buffer[] = [];
	let response: IN8nHttpFullResponse | undefined;

	const exchange = async () => {
		response = await send(access, call);
		// After a timeout nobody else ends the connection.
		if (wait.isSettled) destroyBody(response);
		await readInto(received, response.body as Readable);
		return { httpCode: response.statusCode, headers: response.headers, text: toText(received) };
	};

	const exchanged = exchange().catch((error: unknown) => readRequestError(error));
	const result = await Promise.race([exchanged, waitForTimeout(access.clock, call.timeoutMs, wait)]);
	wait.isSettled = true;
	if ('httpCode' in result) return result;
	destroyBody(response);
	return { ...result, received: toText(received) };
}

async function send(
	{ context, credential }: Access,
	{ url, body, timeoutMs, stop }: ServiceCall,
): Promise<IN8nHttpFullResponse> {
	return (await context.helpers.httpRequestWithAuthentication.call(
		stop ? context : hideCancelSignal(context),
		CREDENTIAL,
		{
			method: 'POST',
			url,
			headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
			// A copy, because the credential writes the key into the object that it is given.
			body: { ...body },
			encoding: 'stream',
			returnFullResponse: true,
			ignoreHttpStatusErrors: true,
			disableFollowRedirect: true,
			timeout: Math.ceil(timeoutMs),
		},
		{ credentialsDecrypted: { id: '', name: '', type: CREDENTIAL, data: credential } },
	)) as IN8nHttpFullResponse;
}

/**
 * The part of a context that a call needs when Stop must not end it. n8n's helper takes the execution's cancel signal
 * from a complete context. The ID of a paid job would then be lost with the answer.
 */
const hideCancelSignal = (context: CallContext) =>
	({ getNode: () => context.getNode(), helpers: context.helpers }) as IExecuteFunctions;

/**
 * The wait for a call's time limit. It is over when the call has ended or `stop` is aborted. It is not an
 * AbortController: there is one for each call, and aborting a signal creates an error with its stack.
 */
class CallWait implements CancelSignal {
	isSettled = false;

	constructor(private readonly stop: CancelSignal | undefined) {}

	get aborted(): boolean {
		return this.isSettled || this.stop?.aborted === true;
	}
}

/** Not inside `post`: the clock may keep this for a while after the call, and with it everything in its scope. */
async function waitForTimeout(clock: Clock, timeoutMs: number, wait: CallWait): Promise<Unanswered> {
	await clock.sleep(timeoutMs, wait);
	const seconds = Math.round(timeoutMs / 100) / 10;
	return { state: 'unanswered', reason: 'timeout', detail: `after ${seconds} s` };
}

const destroyBody = (response: IN8nHttpFullResponse | undefined) =>
	(response?.body as Readable | undefined)?.destroy();

const toText = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString('utf8');

/** Reads a body into `chunks`, which keep what has arrived if the body breaks off. */
async function readInto(chunks: Buffer[], stream: Readable): Promise<void> {
	let bytes = 0;
	await new Promise<void>((resolve, reject) => {
		stream.on('data', (chunk: Buffer) => {
			bytes += chunk.length;
			if (bytes <= MAX_ANSWER_BYTES) {
				chunks.push(chunk);
				return;
			}
			// A body that is cut off is not JSON any more. The reader of answers says so.
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
