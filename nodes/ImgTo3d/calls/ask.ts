import type { IWebhookFunctions } from 'n8n-workflow';

import type { Answer } from '../api/answer';
import type { ApiVersion } from '../api/fields';
import { openService } from '../api/service';
import type { Clock } from '../jobs/clock';
import { Places } from '../jobs/places';
import { retryPause } from '../jobs/poll-schedule';
import type { Connection } from '../jobs/run';

/** How many jobs this process asks for at the same time because of calls, however many come in. */
const questions = new Places(10);

/**
 * How many calls read the credential at the same time. n8n has few connections to its database, two of PostgreSQL if
 * nobody sets more, and whoever waits too long for one gets an error: a burst of calls must not queue up there.
 */
const credentials = new Places(2);

/** The pause before a job is asked for again that should have ended by now, ms. */
const SOON_MS = 2000;

/** Far more than a job's end needs, bytes. */
const MAX_CALL_BYTES = 1024 * 1024;

/** The connection of a node that is called from outside. */
export type CallConnection = Connection & { context: IWebhookFunctions };

/** Opens the service for a call from outside, which nobody can stop. */
export async function connectionFor(context: IWebhookFunctions, clock: Clock): Promise<CallConnection> {
	return {
		context,
		clock,
		service: await credentials.within(async () => await openService(context, clock)),
		signal: new AbortController().signal,
	};
}

/** The body of a call as it came in; nothing of one that is too large to tell a job's end. */
export function bodyOf(context: IWebhookFunctions): string | undefined {
	const { rawBody } = context.getRequestObject() as { rawBody?: Buffer };
	if (rawBody === undefined) return '';
	return rawBody.length > MAX_CALL_BYTES ? undefined : rawBody.toString('utf8');
}

/** A job to ask for. */
export interface Question {
	apiVersion: ApiVersion;
	id: string | number;
	/** The address that the service named for it. */
	fetchResult?: string;
}

/** How long a job is asked for. */
export interface Patience {
	limitMs: number;
	/** Whether it counts how long the questions of other calls are waited for. */
	countsQueue: boolean;
}

/**
 * Asks the API how a job stands, again and again until its answer is final or the time is up.
 *
 * @param isFinal whether an answer is worth having
 * @returns the last answer
 */
export async function ask(
	{ service, clock, signal }: Connection,
	{ apiVersion, id, fetchResult }: Question,
	{ limitMs, countsQueue }: Patience,
	isFinal: (answer: Answer) => boolean,
): Promise<Answer> {
	let deadline = clock.now() + limitMs;
	for (let tries = 1; ; tries++) {
		const queuedAt = clock.now();
		const answer = await questions.within(async (): Promise<Answer> => {
			if (!countsQueue) deadline += clock.now() - queuedAt;
			const leftMs = deadline - clock.now();
			return leftMs > 0
				? await service.fetch(apiVersion, id, fetchResult, leftMs, signal)
				: { state: 'unanswered', reason: 'timeout', detail: 'too many calls at once' };
		});
		if (isFinal(answer)) return answer;
		const wanted = 'retryAfterSeconds' in answer ? answer.retryAfterSeconds : undefined;
		const pause = answer.state === 'processing' ? SOON_MS : retryPause(tries, wanted);
		if (clock.now() + pause >= deadline) return answer;
		await clock.sleep(pause, signal);
	}
}
