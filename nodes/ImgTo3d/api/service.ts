/** The service, as a run of a node uses it. */
import { createHash } from 'crypto';
import { NodeOperationError, type ICredentialDataDecryptedObject, type IDataObject } from 'n8n-workflow';

import type { Clock } from '../async/clock';
import { readAnswer, type Answer } from './answer';
import { resolveBaseUrl } from './base-url';
import { Endpoints } from './endpoints';
import { findIdInText, type JobId } from './job-id';
import type { BadAnswer } from './judge';
import type { CallPurpose } from './error-texts';
import { describeProblem, type CallSubject, type Problem } from './problems';
import { isPublicHost } from './public-address';
import { createKeyRemover } from './redact';
import { CREDENTIAL, post, type BrokenAnswer, type NodeContext, type ServiceCall } from './transport';
import { findBetterBaseUrl, type ApiVersion, type Generation } from './versions';

/** The longest that a single call to the service may take, ms. */
export const CALL_LIMIT_MS = 60_000;

/** The same for a submit, which the service may answer only when a fast generation is done. */
export const SUBMIT_LIMIT_MS = 300_000;

export interface Service {
	/** The same text for the same key at the same address. The key cannot be read from it. */
	account: string;

	/** Removes the key from a text. */
	clean(text: string): string;

	/**
	 * Whether the service may fetch from a host and be called there, and whether its files may be fetched from there. Private
	 * hosts count only if the service itself is on one.
	 */
	canReach(hostname: string): boolean;

	/**
	 * Submits a job, once. This is the call that is paid for: the caller decides whether to repeat it.
	 *
	 * @param timeoutMs at most {@link SUBMIT_LIMIT_MS}
	 */
	submit(version: ApiVersion, operation: Generation, body: IDataObject, timeoutMs: number): Promise<Answer>;

	/**
	 * Asks for a job. Free.
	 *
	 * @param fetchResult the address that the service named for it, if it is to be asked
	 * @param timeoutMs at most {@link CALL_LIMIT_MS}
	 * @param stop ends the call when it is aborted
	 */
	fetch(
		version: ApiVersion,
		id: JobId,
		fetchResult: string | undefined,
		timeoutMs: number,
		stop: AbortSignal,
	): Promise<Answer>;

	/**
	 * Turns a file into a link that the service can read. Free.
	 *
	 * @param timeoutMs at most {@link CALL_LIMIT_MS}
	 * @param stop ends the call when it is aborted
	 */
	upload(version: ApiVersion, dataUri: string, timeoutMs: number, stop: AbortSignal): Promise<UploadAnswer>;

	/** Builds the documented address of a job. */
	buildFetchUrl(version: ApiVersion, id: JobId): string;

	/** Finds the Base URL at which this version is documented, if the credential has another one of the service's. */
	findBetterBaseUrl(version: ApiVersion): string | undefined;

	/** Describes a call that failed, with advice on the Base URL where that may be the cause. */
	describeProblem(
		version: ApiVersion,
		answer: BadAnswer,
		purpose: CallPurpose,
		subject?: CallSubject,
	): Problem;
}

export type UploadAnswer =
	| { state: 'uploaded'; link: string }
	| Exclude<Answer, { state: 'success' | 'processing' }>;

/** Reads the node's credential from n8n's database. */
export async function readCredential(context: NodeContext): Promise<ICredentialDataDecryptedObject> {
	return await context.getCredentials(CREDENTIAL);
}

/**
 * Opens the service with the node's credential.
 *
 * @throws NodeOperationError if Base URL is not an http or https URL, or if the key is missing
 */
export function openService(
	context: NodeContext,
	clock: Clock,
	credential: ICredentialDataDecryptedObject,
): Service {
	const { key, endpoints } = checkCredential(context, credential);
	const clean = createKeyRemover(key, endpoints.hostname);
	const isPrivate = !isPublicHost(endpoints.hostname);

	const call = async (serviceCall: ServiceCall): Promise<Answer> => {
		const reply = await post({ context, clock, credential }, serviceCall);
		return 'httpCode' in reply ? readAnswer(reply, clean, clock.now()) : readBrokenAnswer(reply, clean);
	};

	return {
		account: createHash('sha256').update(`${endpoints.root}\n${key}`).digest('hex'),
		clean,
		canReach: (hostname) => isPrivate || isPublicHost(hostname),
		submit: async (version, operation, body, timeoutMs) =>
			await call({ url: endpoints.buildSubmitUrl(version, operation), body, timeoutMs }),
		fetch: async (version, id, fetchResult, timeoutMs, stop) =>
			await call({ ...endpoints.buildFetchCall(version, id, fetchResult), timeoutMs, stop }),
		upload: async (version, dataUri, timeoutMs, stop) =>
			toUploadAnswer(await call({ ...endpoints.buildUploadCall(version, dataUri), timeoutMs, stop })),
		buildFetchUrl: (version, id) => endpoints.buildFetchCall(version, id).url,
		findBetterBaseUrl: (version) => findBetterBaseUrl(version, endpoints.root),
		describeProblem: (version, answer, purpose, subject) => {
			const betterBaseUrl = findBetterBaseUrl(version, endpoints.root);
			return describeProblem(answer, purpose, subject, { version, betterBaseUrl });
		},
	};
}

/** @throws NodeOperationError if the credential cannot be used */
function checkCredential(
	context: NodeContext,
	credential: ICredentialDataDecryptedObject,
): { key: string; endpoints: Endpoints } {
	const { apiKey } = credential;
	const endpoints = Endpoints.under(resolveBaseUrl(credential) ?? '');
	if (!endpoints) {
		throw new NodeOperationError(
			context.getNode(),
			'Base URL in the credential is not an http or https address',
			{
				// The address itself is not quoted: someone may have pasted a key there.
				description:
					'Select the service there, or enter the address of your own as Base URL, without a user name or password in it.',
			},
		);
	}
	if (typeof apiKey !== 'string' || apiKey.trim() === '') {
		throw new NodeOperationError(context.getNode(), 'The credential has no API key', {
			description:
				'Enter the API key of your account in the credential. If the key is an expression: a suspended execution and a trigger have no input item for it to read.',
		});
	}
	return { key: apiKey.trim(), endpoints };
}

/** Reads the answer to an upload: its URL is in `link` or `output`, and the reader of answers takes both as output. */
function toUploadAnswer(answer: Answer): UploadAnswer {
	if (answer.state === 'success') return { state: 'uploaded', link: answer.job.output[0] as string };
	if (answer.state !== 'processing') return answer;
	return { state: 'noOutput', httpCode: answer.httpCode, isWithheld: false };
}

/** Reads an answer that broke off. It may contain the ID of a paid job. */
function readBrokenAnswer(
	{ reason, detail, received }: BrokenAnswer,
	clean: (text: string) => string,
): Answer {
	const id = findIdInText(clean(received));
	return id === undefined
		? { state: 'unanswered', reason, detail: clean(detail) }
		: { state: 'unreadable', httpCode: 200, why: 'the answer broke off', id, hasEvidence: true };
}
