import type { IWebhookFunctions } from 'n8n-workflow';

import type { Answer } from '../api/answer';
import type { Connection } from '../api/connection';
import type { ApiVersion } from '../api/fields';
import type { JobId } from '../api/job-id';
import { readRequestedPause } from '../api/judge';
import { computeBackoff, retry } from '../async/retry';

/** The pause before a job is asked for again that should have ended by now, ms. */
const SOON_MS = 2000;

/** What a question may take at least, ms: one that is cut short says that the API cannot be asked. */
const LEAST_MS = 3000;

/**
 * The longest that an end which one answer cannot prove is asked for again, ms, and the pause before it. The caller has
 * its answer by then.
 */
export const PROOF_LIMIT_MS = 75_000;
export const PROOF_PAUSE_MS = 10_000;

/** Far more than a job's end needs, bytes. */
const MAX_CALL_BYTES = 1024 * 1024;

/** The body of a call as it came in; nothing of one that is too large to tell a job's end. */
export function readCallBody(context: IWebhookFunctions): string | undefined {
	const { rawBody } = context.getRequestObject() as { rawBody?: Buffer };
	if (rawBody === undefined) return '';
	return rawBody.length > MAX_CALL_BYTES ? undefined : rawBody.toString('utf8');
}

/** A job to ask for. */
export interface Question {
	apiVersion: ApiVersion;
	id: JobId;
	/** The address that the service named for it. */
	fetchResult?: string;
}

/** Has a question wait for its turn. @returns `Away` when it was turned away */
export type Turn<Away> = (question: () => Promise<Answer>) => Promise<Answer | Away>;

/**
 * Asks the API how a job stands, again and again until its answer is final or the time is up. Waiting for its turn does
 * not count: who called may be gone by then, but will not call again.
 *
 * @param isFinal whether an answer is worth having
 * @returns the last answer; nothing when the question was turned away
 */
export async function askUntilFinal<Away extends undefined = never>(
	{ service, clock, signal }: Connection,
	{ apiVersion, id, fetchResult }: Question,
	limitMs: number,
	turn: Turn<Away>,
	isFinal: (answer: Answer) => boolean,
): Promise<Answer | Away> {
	let deadline = clock.now() + limitMs;
	let named = fetchResult;
	const ask = async () => {
		const queuedAt = clock.now();
		return await turn(async () => {
			deadline += clock.now() - queuedAt;
			const leftMs = Math.max(LEAST_MS, deadline - clock.now());
			return await service.fetch(apiVersion, id, named, leftMs, signal);
		});
	};
	return await retry({ clock, signal, deadline: () => deadline }, ask, (answer, tries) => {
		if (!answer || isFinal(answer)) return undefined;
		if (answer.state === 'processing') return SOON_MS;
		// The address that the service named may be another job's, or lead nowhere.
		named = named === undefined ? fetchResult : undefined;
		return computeBackoff(tries, readRequestedPause(answer));
	});
}
