import type { IWebhookFunctions } from 'n8n-workflow';

import type { Answer } from '../api/answer';
import type { ApiVersion } from '../api/fields';
import { openService } from '../api/service';
import type { Clock } from '../jobs/clock';
import { retryPause } from '../jobs/poll-schedule';
import type { Connection } from '../jobs/run';

/** The service wants an answer to its call within 30 s. This is the part of it that goes into asking, ms. */
const ASKING_LIMIT_MS = 20_000;

/** Far more than a job's end needs, bytes. */
const MAX_CALL_BYTES = 1024 * 1024;

/** The connection of a node that is called from outside. */
export type CallConnection = Connection & { context: IWebhookFunctions };

/** Opens the service for a call from outside, which nobody can stop. */
export async function connectionFor(context: IWebhookFunctions, clock: Clock): Promise<CallConnection> {
	return {
		context,
		clock,
		service: await openService(context, clock),
		signal: new AbortController().signal,
	};
}

/** The body of a call as it came in; nothing of one that is too large to tell a job's end. */
export function bodyOf(context: IWebhookFunctions): string | undefined {
	const { rawBody } = context.getRequestObject() as { rawBody?: Buffer };
	if (rawBody === undefined) return '';
	return rawBody.length > MAX_CALL_BYTES ? undefined : rawBody.toString('utf8');
}

/**
 * Asks the API how a job stands, again and again until its answer is final or the time for a call is up.
 *
 * @param isFinal whether an answer is worth having
 * @returns the last answer
 */
export async function ask(
	{ service, clock, signal }: Connection,
	apiVersion: ApiVersion,
	id: string | number,
	isFinal: (answer: Answer) => boolean,
): Promise<Answer> {
	const deadline = clock.now() + ASKING_LIMIT_MS;
	for (let tries = 1; ; tries++) {
		const answer = await service.fetch(apiVersion, id, undefined, deadline - clock.now(), signal);
		if (isFinal(answer)) return answer;
		const wanted = 'retryAfterSeconds' in answer ? answer.retryAfterSeconds : undefined;
		const pause = retryPause(tries, wanted);
		if (clock.now() + pause >= deadline) return answer;
		await clock.sleep(pause, signal);
	}
}
