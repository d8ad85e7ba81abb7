/** Asking the service about the account. Such calls are free, so they are repeated while they may succeed. */
import type { IDataObject } from 'n8n-workflow';

import type { AccountAnswer, AccountCall } from '../api/account-calls';
import type { Connection } from '../api/connection';
import { mayPass, readRequestedPause, type BadAnswer } from '../api/judge';
import { ProblemError } from '../api/problems';
import { CALL_LIMIT_MS } from '../api/service';
import { computeBackoffWithinTries, retry } from '../async/retry';

/** What is needed to ask about the account. */
export type AccountConnection = Pick<Connection, 'clock' | 'service' | 'signal'>;

/** How long a question may take with its repetitions, ms. The service's longest documented pause is a minute. */
const LIMIT_MS = 300_000;

export interface CallOptions {
	/** How long the call may take with its repetitions, ms. */
	limitMs?: number;
	/** Gets each answer that is no success. */
	noteFailure?: (answer: BadAnswer) => void;
}

/**
 * Makes a call about the account, and repeats it while that may help.
 *
 * @param body without the key
 * @returns the last answer
 * @throws StoppedError when the run was stopped
 */
export async function callAccount(
	{ clock, service, signal }: AccountConnection,
	call: AccountCall,
	body: IDataObject = {},
	{ limitMs = LIMIT_MS, noteFailure }: CallOptions = {},
): Promise<AccountAnswer> {
	const deadline = clock.now() + limitMs;
	return await retry(
		{ clock, signal, deadline: () => deadline },
		async () =>
			await service.callAccount(call, body, Math.min(CALL_LIMIT_MS, deadline - clock.now()), signal),
		(answer, tries) => {
			if (answer.state === 'answered') return undefined;
			noteFailure?.(answer);
			return mayPass(answer) ? computeBackoffWithinTries(tries, readRequestedPause(answer)) : undefined;
		},
	);
}

/**
 * The same, where only a success is of use.
 *
 * @returns the JSON of the answer
 * @throws ProblemError when the service did not answer, or refused
 * @throws StoppedError when the run was stopped
 */
export async function askAccount(
	connection: AccountConnection,
	call: AccountCall,
	body?: IDataObject,
	limitMs?: number,
): Promise<Record<string, unknown>> {
	const answer = await callAccount(connection, call, body, { limitMs });
	if (answer.state === 'answered') return answer.body;
	throw new ProblemError(connection.service.describeAccountProblem(call, answer));
}

/** An answer that lacks what was asked for. @param why "the answer names no balance" */
export function toUnusable(connection: AccountConnection, call: AccountCall, why: string): ProblemError {
	return new ProblemError(
		connection.service.describeAccountProblem(call, { state: 'unreadable', httpCode: 200, why }),
	);
}
