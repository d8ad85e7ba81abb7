/** What happens when the service calls an execution that is at rest. */
import type { IExecuteData, INodeExecutionData, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';

import type { Answer } from '../api/answer';
import type { ApiVersion } from '../api/fields';
import { mayPass } from '../api/problems';
import { systemClock, type Clock } from '../jobs/clock';
import { Places } from '../jobs/places';
import { carriedThroughRest, wokenItems, type Carried } from '../jobs/rest';
import { ask, connectionFor } from './ask';
import { refuse, reply } from './reply';

/** How many jobs are asked for at the same time. */
const QUESTIONS_AT_ONCE = 10;

/** How long a rest counts as over here until n8n has noted it, ms. */
const WAKING_MS = 60_000;

/** `over`: it ended, and not well. `unknown`: the API could not be asked. */
type Standing = 'done' | 'over' | 'open' | 'unknown';

/** The calls that are being handled, by execution: the second waits for the first. */
const turns = new Map<string, Promise<unknown>>();

/** The rests that a call has just ended, and when. */
const woken = new Map<string, number>();

/**
 * Answers a call to a resting execution. Anyone can make one, so the caller is not even read: the API is asked
 * how each open job stands. When all have ended, or when one has failed and the node does not continue on errors,
 * the node is woken and goes on with what it left behind. Otherwise the execution rests on.
 *
 * It never throws: n8n would run the nodes after this one with an empty item.
 *
 * @param clock the time that waiting goes by; tests bring their own
 */
export async function answerResumeCall(
	context: IWebhookFunctions,
	clock: Clock = systemClock,
): Promise<IWebhookResponseData> {
	try {
		return await inTurn(context.getExecutionId(), async () => await answerInTurn(context, clock));
	} catch (error) {
		context.logger.error(
			`Image to 3D: a call to the resting execution ${context.getExecutionId()} could not be handled: ${(error as Error).message}`,
		);
		return refuse(context, 503, 'The call cannot be handled now. The execution rests on.');
	}
}

async function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
	const before = turns.get(key) ?? Promise.resolve();
	const mine = before.catch(() => undefined).then(work);
	turns.set(key, mine);
	try {
		return await mine;
	} finally {
		if (turns.get(key) === mine) turns.delete(key);
	}
}

async function answerInTurn(context: IWebhookFunctions, clock: Clock): Promise<IWebhookResponseData> {
	const items = context.evaluateExpression('{{ $input.all() }}') as unknown as INodeExecutionData[];
	const carried = carriedThroughRest(items);
	if (!carried) return refuse(context, 200, 'Nothing of this execution waits for a call.');

	const open = carried.flatMap(openJob);
	const rest = `${context.getExecutionId()}/${open.map(({ id }) => id).join()}`;
	if (isJustWoken(rest, clock.now())) return refuse(context, 200, 'The execution goes on already.');

	const connection = await connectionFor(context, clock);
	const questions = new Places(QUESTIONS_AT_ONCE);
	const standings = await Promise.all(
		open.map(async ({ apiVersion, id }) => {
			const question = async () =>
				await ask(connection, apiVersion, id, (answer) => standingOf(answer) !== 'unknown');
			return standingOf(await questions.within(question));
		}),
	);
	const stops = standings.includes('over') && !continuesOnError(context);
	if (!stops && standings.includes('unknown')) {
		return refuse(context, 503, 'The API cannot be asked now. The execution rests on.');
	}
	if (!stops && standings.includes('open')) {
		return refuse(context, 200, 'Not all jobs have ended. The execution rests on.');
	}
	woken.set(rest, clock.now());
	reply(context, 200, 'The execution goes on.');
	return { noWebhookResponse: true, workflowData: [wake(context, items)] };
}

/** The job of an item that is waiting for a call. */
function openJob(carried: Carried): Array<{ apiVersion: ApiVersion; id: string | number }> {
	if (!('request' in carried)) return [];
	const { request, job } = carried;
	const { id } = job.known.job;
	const isOpen = request.waitFor === 'webhook' && job.known.state === 'processing';
	return isOpen && id !== undefined ? [{ apiVersion: request.work.apiVersion, id }] : [];
}

function standingOf(answer: Answer): Standing {
	if (answer.state === 'success') return 'done';
	if (answer.state === 'processing') return 'open';
	return mayPass(answer) ? 'unknown' : 'over';
}

function continuesOnError(context: IWebhookFunctions): boolean {
	const { onError, continueOnFail } = context.getNode();
	return onError === undefined ? continueOnFail === true : onError !== 'stopWorkflow';
}

function isJustWoken(rest: string, now: number): boolean {
	for (const [key, at] of woken) if (now - at > WAKING_MS) woken.delete(key);
	return woken.has(rest);
}

/**
 * Has n8n run the node again when the execution goes on, with the given items.
 *
 * n8n disables a node that was called at rest, so that its items only pass through. A failed job could then not
 * fail the execution, and items could not be paired with what they came from. The flag lies in the execution's
 * data, which n8n gives the context but does not offer to nodes. Should it not be there one day, the items leave as
 * when the wait has run out: as references for Get Result.
 */
function wake(context: IWebhookFunctions, items: INodeExecutionData[]): INodeExecutionData[] {
	const { runExecutionData } = context as unknown as {
		runExecutionData?: { executionData?: { nodeExecutionStack?: IExecuteData[] } };
	};
	const node = runExecutionData?.executionData?.nodeExecutionStack?.[0]?.node;
	if (node?.name !== context.getNode().name) {
		context.logger.warn(
			'Image to 3D: this n8n does not let the node go on, so the jobs leave as references.',
		);
		return items;
	}
	node.disabled = false;
	return wokenItems(items);
}
