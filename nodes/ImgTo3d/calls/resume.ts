/** What happens when the service calls an execution that is at rest. */
import type { IExecuteData, INodeExecutionData, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';

import type { Answer } from '../api/answer';
import type { ApiVersion } from '../api/fields';
import { mayPass } from '../api/problems';
import { readWebhookCall } from '../api/webhook-call';
import { systemClock, type Clock } from '../jobs/clock';
import { Places } from '../jobs/places';
import { carriedThroughRest, wokenItems, type Carried } from '../jobs/rest';
import { ask, bodyOf, connectionFor, type CallConnection } from './ask';
import { refuse, reply } from './reply';

/** How many jobs are asked for at the same time. */
const QUESTIONS_AT_ONCE = 10;

/** How long a rest counts as over here until n8n has noted it, ms. */
const WAKING_MS = 60_000;

/** `over`: it ended, and not well. `unknown`: the API could not be asked. */
type Standing = 'done' | 'over' | 'open' | 'unknown';

/** What the API says of all jobs of a rest. `wake`: the node can go on. */
type Verdict = 'wake' | 'open' | 'unknown';

/** The looks at all jobs of a rest that are under way, and those that begin after them. */
const underWay = new Map<string, Promise<Verdict>>();
const upNext = new Map<string, Promise<Verdict>>();

/** The jobs that are waited for because a call named them, by execution and job. */
const awaited = new Map<string, Promise<unknown>>();

/** The rests that a call has just ended, and when. */
const woken = new Map<string, number>();

/** A job that an item at rest waits for. */
interface OpenJob {
	apiVersion: ApiVersion;
	id: string | number;
}

/**
 * Answers a call to a resting execution. Anyone can make one, so what it says is not believed: the API is asked
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
	const execution = context.getExecutionId();
	try {
		const items = context.evaluateExpression('{{ $input.all() }}') as unknown as INodeExecutionData[];
		const carried = carriedThroughRest(items);
		if (!carried) return refuse(context, 200, 'Nothing of this execution waits for a call.');
		const connection = await connectionFor(context, clock);
		const open = carried.flatMap(openJob);

		const name = namedJob(connection);
		const named = open.find(({ id }) => String(id) === name);
		if (named) await endOfNamed(connection, `${execution}/${named.id}`, named);
		const rest = `${execution}/${open.map(({ id }) => id).join()}`;
		const verdict = await freshLook(rest, async () => await lookAtAll(connection, open));
		if (verdict === 'unknown') {
			return refuse(context, 503, 'The API cannot be asked now. The execution rests on.');
		}
		if (verdict === 'open') return refuse(context, 200, 'Not all jobs have ended. The execution rests on.');
		if (isJustWoken(rest, clock.now())) return refuse(context, 200, 'The execution goes on already.');
		woken.set(rest, clock.now());
		reply(context, 200, 'The execution goes on.');
		return { noWebhookResponse: true, workflowData: [wake(context, items)] };
	} catch (error) {
		context.logger.error(
			`Image to 3D: a call to the resting execution ${execution} could not be handled: ${(error as Error).message}`,
		);
		return refuse(context, 503, 'The call cannot be handled now. The execution rests on.');
	}
}

/** The job that a call is about, as it says itself. */
function namedJob({ context, service }: CallConnection): string | undefined {
	const call = readWebhookCall(bodyOf(context) ?? '', service.clean);
	return 'problem' in call ? undefined : String(call.id);
}

/** A call may come a moment before the API shows the job's end, and no other will come. */
async function endOfNamed(connection: CallConnection, key: string, job: OpenJob): Promise<void> {
	const waiting =
		awaited.get(key) ??
		ask(connection, job.apiVersion, job.id, (answer) => !['open', 'unknown'].includes(standingOf(answer)));
	awaited.set(key, waiting);
	try {
		await waiting;
	} finally {
		awaited.delete(key);
	}
}

/**
 * A look at all jobs of a rest that began after it was asked for, since the caller's job may have ended just now.
 * Who asks while one is under way shares the next with all others who do: a flood of calls asks the API no faster.
 */
async function freshLook(rest: string, look: () => Promise<Verdict>): Promise<Verdict> {
	const begin = async () => {
		const looking = look().finally(() => underWay.delete(rest));
		underWay.set(rest, looking);
		return await looking;
	};
	const queued = upNext.get(rest);
	if (queued) return await queued;
	const before = underWay.get(rest);
	if (!before) return await begin();
	const next = before
		.catch(() => undefined)
		.then(async () => {
			upNext.delete(rest);
			return await begin();
		});
	upNext.set(rest, next);
	return await next;
}

async function lookAtAll(connection: CallConnection, open: readonly OpenJob[]): Promise<Verdict> {
	const questions = new Places(QUESTIONS_AT_ONCE);
	const standings = await Promise.all(
		open.map(async ({ apiVersion, id }) => {
			const question = async () =>
				await ask(connection, apiVersion, id, (answer) => standingOf(answer) !== 'unknown');
			return standingOf(await questions.within(question));
		}),
	);
	if (standings.includes('over') && !continuesOnError(connection.context)) return 'wake';
	if (standings.includes('unknown')) return 'unknown';
	return standings.includes('open') ? 'open' : 'wake';
}

/** The job of an item that is waiting for a call. */
function openJob(carried: Carried): OpenJob[] {
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
