/** The test of the credential. It is the nodes' and not declarative, because n8n shows only error codes then. */
import type {
	ICredentialDataDecryptedObject,
	ICredentialsDecrypted,
	ICredentialTestFunctions,
	IDataObject,
	INodeCredentialTestResult,
} from 'n8n-workflow';

import { readAnswer, type Answer, type HttpReply, type UnansweredReason } from './answer';
import { resolveBaseUrl, SERVICES } from './base-url';
import { Endpoints } from './endpoints';
import { joinSentences, REASONS } from './error-texts';
import { readBody } from './json-body';
import { createKeyRemover } from './redact';
import { readRequestError } from './request-error';
import { parseUrl } from './url';

/** How long the service may be silent, ms. */
const TIMEOUT_MS = 20_000;

const ADDRESS_FORM = 'It must end where /v3 and /v6 begin, such as https://modelslab.com/api.';

/**
 * Tests a credential with a call that generates nothing, and costs nothing.
 *
 * @returns for a credential that does not work, a message that says whether the key, the address or the network is wrong.
 *   The service answers a wrong key with HTTP 200.
 */
export async function testCredential(
	this: ICredentialTestFunctions,
	{ data = {} }: ICredentialsDecrypted,
): Promise<INodeCredentialTestResult> {
	const message = await findFault(this, data);
	return message === undefined
		? { status: 'OK', message: 'Connection successful!' }
		: { status: 'Error', message };
}

async function findFault(
	context: ICredentialTestFunctions,
	credential: ICredentialDataDecryptedObject,
): Promise<string | undefined> {
	const key = typeof credential.apiKey === 'string' ? credential.apiKey.trim() : '';
	if (key === '') return 'API Key: it is empty. Enter the key of your account.';
	const endpoints = Endpoints.under(resolveBaseUrl(credential) ?? '');
	// The address itself is not quoted: someone may have pasted a key there.
	if (!endpoints) {
		return `Address: Base URL is not an http or https address without a user name and password. ${ADDRESS_FORM}`;
	}
	const clean = createKeyRemover(key, endpoints.hostname);
	const reply = await ask(context, endpoints.systemLoadUrl, key);
	const name = SERVICES[String(credential.service)]?.name;
	if (!('text' in reply)) return describeSilence(reply.reason, reply.detail, name);
	const body = readBody(reply.text, clean);
	// Every right answer has this field.
	if ('object' in body && 'queue_num' in body.object && reply.httpCode < 300) return undefined;
	return describeFault(readAnswer(reply, clean, 0), name);
}

/** n8n offers a test only this helper. @returns the answer, whatever its HTTP code, or why there is none */
async function ask(
	{ helpers }: ICredentialTestFunctions,
	uri: string,
	key: string,
): Promise<HttpReply | ReturnType<typeof readRequestError>> {
	try {
		const { statusCode, headers, body } = (await helpers.request({
			method: 'POST',
			uri,
			headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
			body: JSON.stringify({ key }),
			// As bytes. Otherwise n8n parses the answer.
			encoding: null,
			timeout: TIMEOUT_MS,
			simple: false,
			resolveWithFullResponse: true,
			// The key is in the body.
			followRedirect: false,
			followAllRedirects: false,
		})) as { statusCode: number; headers: IDataObject; body?: { toString(): string } };
		return { httpCode: statusCode, headers, text: body?.toString() ?? '' };
	} catch (error) {
		return readRequestError(error);
	}
}

/** @param name the service, if it is one of those that the credential offers. Then its address is right. */
function describeSilence(reason: UnansweredReason, detail: string, name: string | undefined): string {
	const what = `${REASONS[reason]} (${detail})`;
	switch (reason) {
		case 'refused':
		case 'unresolved':
		case 'handshake':
			return name === undefined
				? `Address or network: ${what}. Check Base URL, and whether n8n can reach it. In a container, 127.0.0.1 is the container.`
				: `Network: ${what}. Check the connection of this n8n to the internet, its DNS and its proxy.`;
		case 'certificate':
			return `Network: ${what}. If your own organization or proxy issued the certificate, set n8n's environment variable NODE_EXTRA_CA_CERTS to the file of its authority.`;
		case 'blocked':
			return `Network: ${what}. Allow the address there, or enter another one.`;
		default:
			return `Network: ${what}. Try again. If that does not help, check the connection of this n8n to ${name ?? 'Base URL'}.`;
	}
}

function describeFault(answer: Answer, name: string | undefined): string {
	const words = 'message' in answer && answer.message ? `: ${answer.message}` : '';
	if (answer.state === 'trouble') {
		return `Service: it is in trouble (HTTP ${answer.httpCode})${words}. Try again later.`;
	}
	if (answer.state === 'redirected') {
		const host = parseUrl(answer.location)?.host ?? 'another address';
		return `Address: the service redirects to ${host}, and the key is not sent there. If you trust it, select or enter it as the service.`;
	}
	if ((answer.state === 'refused' || answer.state === 'failed') && !isFromElsewhere(answer)) {
		return describeRefusal(answer, words, name);
	}
	return joinSentences(
		'Address: what answers there is not this API.',
		name === undefined
			? `Check Base URL. ${ADDRESS_FORM}`
			: 'A proxy or a maintenance page may be answering.',
	);
}

/** Whether something other than the API's account check says so: a web page, or that there is no such call. */
const isFromElsewhere = (answer: Answer) =>
	answer.state === 'refused' &&
	(answer.isPage === true || answer.isFromApi === false || answer.reason === 'notFound');

function describeRefusal(
	answer: Extract<Answer, { state: 'refused' | 'failed' }>,
	words: string,
	name: string | undefined,
): string {
	const reason = answer.state === 'refused' ? answer.reason : 'other';
	switch (reason) {
		case 'credits':
			return `Account: it has no credits left${words}. The key and the address are right.`;
		case 'rateLimit':
		case 'queueFull':
			return `Service: it takes no more calls now${words}. Try again in a minute.`;
		default: {
			const isKey = reason === 'key';
			return `API Key: ${isKey ? 'the service does not accept it' : 'the service refused the call, most likely because of the key'}${words}. Copy the key again from your account, and check that it belongs to ${name ?? 'the service at Base URL'}.`;
		}
	}
}
