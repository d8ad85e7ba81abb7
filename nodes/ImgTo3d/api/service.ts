/** The service, as a run of a node uses it. */
import { createHash } from 'crypto';
import { NodeOperationError, type ICredentialDataDecryptedObject, type IDataObject } from 'n8n-workflow';

import type { Clock } from '../async/clock';
import { ACCOUNT_API, readAccountAnswer, type AccountAnswer, type AccountCall } from './account-calls';
import { readAnswer, type Answer, type HttpReply, type Unanswered } from './answer';
import { resolveBaseUrl } from './base-url';
import { Endpoints } from './endpoints';
import { findIdInText, type JobId } from './job-id';
import type { BadAnswer } from './judge';
import type { CallPurpose } from './error-texts';
import { describeAccountProblem, describeProblem, type CallSubject, type Problem } from './problems';
import { createSigner, type Sign } from './mark';
import { isPublicHost } from './public-address';
import { createKeyRemover } from './redact';
import { CREDENTIAL, post, type BrokenAnswer, type CallContext, type ServiceCall } from './transport';
import { findBetterBaseUrl, VERSIONS, type ApiVersion, type Generation } from './versions';
import type { Version } from './versions/version';

/** The longest that a single call to the service may take, ms. */
export const CALL_LIMIT_MS = 60_000;

/** The same for a submit, which the service may answer only when a fast generation is done. */
export const SUBMIT_LIMIT_MS = 300_000;

export interface Service {
	/** The same text for the same key at the same address. The key cannot be read from it. */
	account: string;

	/** Removes the key from a text. */
	clean(text: string): string;

	/** Makes the marks of webhook addresses. */
	sign: Sign;

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

	/**
	 * Makes a call about the account. Free.
	 *
	 * @param body without the key
	 * @param timeoutMs at most {@link CALL_LIMIT_MS}
	 * @param stop ends the call when it is aborted
	 */
	callAccount(
		call: AccountCall,
		body: IDataObject,
		timeoutMs: number,
		stop: AbortSignal,
	): Promise<AccountAnswer>;

	/** Describes a call about the account that failed. @param jobId the job that it was about */
	describeAccountProblem(call: AccountCall, answer: BadAnswer, jobId?: JobId): Problem;

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
export async function readCredential(context: CallContext): Promise<ICredentialDataDecryptedObject> {
	return await context.getCredentials(CREDENTIAL);
}

/**
 * Opens the service with the node's credential.
 *
 * @throws NodeOperationError if Base URL is not an http or https URL, or if the key is missing
 */
export function openService(
	context: CallContext,
	clock: Clock,
	credential: ICredentialDataDecryptedObject,
): Service {
	const { key, endpoints } = checkCredential(context, credential);
	const clean = createKeyRemover(key, endpoints.hostname);
	const isPrivate = !isPublicHost(endpoints.hostname);

	const send = async <T>(
		serviceCall: ServiceCall,
		read: (reply: HttpReply, clean: (text: string) => string, now: number) => T,
	): Promise<T | BrokenAnswer> => {
		const reply = await post({ context, clock, credential }, serviceCall);
		return 'httpCode' in reply ? read(reply, clean, clock.now()) : reply;
	};
	const call = async (serviceCall: ServiceCall): Promise<Answer> => {
		const answer = await send(serviceCall, readAnswer);
		return 'received' in answer ? readBrokenAnswer(answer, clean) : answer;
	};

	const findMisplaced = (documented: Pick<Version, 'baseUrls'>, calls: string) => {
		const betterBaseUrl = findBetterBaseUrl(documented, endpoints.root);
		return betterBaseUrl === undefined ? undefined : { calls, betterBaseUrl };
	};

	return {
		account: createHash('sha256').update(`${endpoints.root}\n${key}`).digest('hex'),
		clean,
		sign: createSigner(key),
		canReach: (hostname) => isPrivate || isPublicHost(hostname),
		submit: async (version, operation, body, timeoutMs) =>
			await call({ url: endpoints.buildSubmitUrl(version, operation), body, timeoutMs }),
		fetch: async (version, id, fetchResult, timeoutMs, stop) =>
			await call({ ...endpoints.buildFetchCall(version, id, fetchResult), timeoutMs, stop }),
		upload: async (version, dataUri, timeoutMs, stop) =>
			toUploadAnswer(await call({ ...endpoints.buildUploadCall(version, dataUri), timeoutMs, stop })),
		callAccount: async (accountCall, body, timeoutMs, stop) => {
			let answer: AccountAnswer | undefined;
			for (const url of endpoints.buildAccountUrls(accountCall)) {
				const sent = await send({ url, body, timeoutMs, stop }, readAccountAnswer);
				answer = 'received' in sent ? withoutBody(sent, clean) : sent;
				if (answer.state !== 'refused' || answer.reason !== 'notFound') break;
			}
			return answer as AccountAnswer;
		},
		describeAccountProblem: (accountCall, answer, jobId) =>
			describeAccountProblem(
				answer,
				accountCall,
				jobId,
				findMisplaced(ACCOUNT_API, 'The calls about the account are'),
			),
		buildFetchUrl: (version, id) => endpoints.buildFetchCall(version, id).url,
		findBetterBaseUrl: (version) => findBetterBaseUrl(VERSIONS[version], endpoints.root),
		describeProblem: (version, answer, purpose, subject) =>
			describeProblem(
				answer,
				purpose,
				subject,
				findMisplaced(VERSIONS[version], `The ${version} endpoints are`),
			),
	};
}

/** @throws NodeOperationError if the credential cannot be used */
function checkCredential(
	context: CallContext,
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

/** An answer that broke off, without the part that did arrive. */
function withoutBody({ reason, detail }: BrokenAnswer, clean: (text: string) => string): Unanswered {
	return { state: 'unanswered', reason, detail: clean(detail) };
}

/** Reads an answer that broke off. It may contain the ID of a paid job. */
function readBrokenAnswer(broken: BrokenAnswer, clean: (text: string) => string): Answer {
	const id = findIdInText(clean(broken.received));
	return id === undefined
		? withoutBody(broken, clean)
		: { state: 'unreadable', httpCode: 200, why: 'the answer broke off', id, hasEvidence: true };
}
