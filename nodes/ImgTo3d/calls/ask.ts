import type { Answer } from '../api/answer';
import type { ApiVersion } from '../api/fields';
import { openService, type NodeContext } from '../api/service';
import type { Clock } from '../jobs/clock';
import { retryPause } from '../jobs/poll-schedule';
import type { Connection } from '../jobs/run';

/** The service wants an answer to its call within 30 s. This is the part of it that goes into asking, ms. */
const ASKING_LIMIT_MS = 20_000;

/** Opens the service for a call from outside, which nobody can stop. */
export async function connectionFor<Context extends NodeContext>(
	context: Context,
	clock: Clock,
): Promise<Connection & { context: Context }> {
	return {
		context,
		clock,
		service: await openService(context, clock),
		signal: new AbortController().signal,
	};
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
