/** The calls about an account. All are free. Source: the service's general API, not its 3D reference. */
import { readAnswer, type HttpReply } from './answer';
import { readBody } from './json-body';
import type { BadAnswer } from './judge';
import { readStatus } from './status';
import { MODELSLAB } from './versions/version';

/** Where these calls are documented. */
export const ACCOUNT_API = { baseUrls: [MODELSLAB] } as const;

/** A call about the account. To add one, add its entry here. */
interface AccountCallFacts {
	/** Its path after the Base URL. If that is not there, the next one is called. */
	paths: readonly [string, ...string[]];
	/** How an error about it begins. */
	failure: string;
	/** What still works if the service refuses the call for this key. */
	refusedHelp?: string;
}

const calls = {
	getBalance: { paths: ['wallet_balance'], failure: 'The balance could not be read' },
	countRequests: {
		paths: ['v6/processing/request_count'],
		failure: 'The requests in work could not be counted',
	},
	listJobs: {
		// The OpenAPI description of the call has another path than its page.
		paths: ['v6/assets_generated', 'assets_generated'],
		failure: 'The jobs could not be listed',
		refusedHelp:
			"The service lists jobs for enterprise keys, and may refuse others. Without the list, the log of n8n and the account's page on the service's website have the IDs of the jobs, and Get Result fetches them.",
	},
	deleteFiles: { paths: ['v3/delete_image'], failure: 'The files could not be deleted' },
} satisfies Record<string, AccountCallFacts>;

export type AccountCall = keyof typeof calls;

export const ACCOUNT_CALLS: Readonly<Record<AccountCall, AccountCallFacts>> = calls;

/** The answer to a call about the account: the JSON of a success, or what is wrong. */
export type AccountAnswer = { state: 'answered'; body: Record<string, unknown> } | BadAnswer;

/**
 * Reads an HTTP answer to a call about the account. Unlike the answer about a job, it names no output.
 *
 * @param clean removes the API key from a text
 * @param now ms since the epoch, for a `Retry-After` that is a date
 */
export function readAccountAnswer(
	reply: HttpReply,
	clean: (text: string) => string,
	now: number,
): AccountAnswer {
	const { httpCode } = reply;
	const body = readBody(reply.text, clean);
	if (httpCode < 300 && 'object' in body && readStatus(body.status) === 'success') {
		return { state: 'answered', body: body.object };
	}
	const answer = readAnswer(reply, clean, now);
	switch (answer.state) {
		case 'success':
		case 'processing':
			return { state: 'unreadable', httpCode, why: 'the answer is about a job' };
		case 'noOutput':
			return { state: 'unreadable', httpCode, why: 'the answer says "success" with another HTTP code' };
		default:
			return answer;
	}
}
