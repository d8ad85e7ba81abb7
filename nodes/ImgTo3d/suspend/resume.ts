/** What happens when a webhook call comes in for a suspended execution. */
import type { IExecuteData, INodeExecutionData, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';

import { hashMark, isSameText } from '../api/mark';
import { systemClock, type Clock } from '../async/clock';
import { waitsForWebhook } from '../request';
import type { JobToAsk } from '../webhook/ask';
import { openConnection } from '../webhook/connection';
import { readMark } from '../webhook/mark';
import { reply, replyOnly } from '../webhook/reply';
import { OpenJobs, type Verdict } from './open-jobs';
import { ResumeState } from './resume-state';
import { markResumed, readSuspended, type JobEnd, type SuspendedItem } from './suspended-items';

/**
 * The node is not resumed in the last part of the wait, in ms. n8n resumes the execution by itself when the wait is over.
 * Resumed twice, the execution would run the nodes after this one twice, and pay twice for what they submit.
 */
const MIN_WAIT_LEFT_MS = 5000;

/** How long calls to executions of the same workflow share a credential that was read, ms. A changed key counts after that. */
const SHARED_CREDENTIAL_MS = 2000;

/** How long n8n may take to save that an execution was resumed, ms. */
const RESUMING_MS = 60_000;

const STAYS_SUSPENDED = 'The execution stays suspended.';

/** Only the service was given the whole address. In n8n 2.0.0, anybody can guess the rest of it. */
const NOT_ITS_ADDRESS = `This is not the whole address of the execution. ${STAYS_SUSPENDED}`;

/** The answer to a call that does not resume the execution: its HTTP code and its message. */
const REPLIES: Record<Exclude<Verdict, 'resume'>, readonly [httpCode: number, message: string]> = {
	busy: [200, 'Received. Another call about these jobs is being handled.'],
	open: [200, `Not all jobs have ended. ${STAYS_SUSPENDED}`],
	doubtful: [200, `Not all jobs have ended. ${STAYS_SUSPENDED}`],
	unknown: [503, `The API does not know the job yet, or gave no usable answer. ${STAYS_SUSPENDED}`],
};

const processState = new ResumeState();

/**
 * Answers a webhook call to a suspended execution. A call without the mark of the execution's address costs nothing. Anyone
 * who has seen the address can make another one, so the node does not believe it, but asks the API about each open job. The
 * node resumes when all jobs have ended. If it does not continue on errors, it also resumes when one has failed. Otherwise
 * the execution stays suspended.
 *
 * It never throws: n8n would run the nodes after this one with an empty item.
 *
 * @param clock the time that waiting goes by; tests bring their own
 * @param state what webhook calls share; tests bring a new one for a restarted n8n
 */
export async function handleResumeCall(
	context: IWebhookFunctions,
	clock: Clock = systemClock,
	state: ResumeState = processState,
): Promise<IWebhookResponseData> {
	try {
		return await answerCall(context, clock, state);
	} catch (error) {
		const log = (calls: string) =>
			context.logger.error(`Image to 3D: ${calls} could not be handled: ${(error as Error).message}`);
		const sumUp = (count: number) => log(`${count} more webhook calls to suspended executions`);
		if (state.errorLog.take(clock, sumUp)) {
			log(`a webhook call to the suspended execution ${context.getExecutionId()}`);
		}
		return replyOnly(context, 503, `The call cannot be handled now. ${STAYS_SUSPENDED}`);
	}
}

async function answerCall(
	context: IWebhookFunctions,
	clock: Clock,
	state: ResumeState,
): Promise<IWebhookResponseData> {
	const items = readItems(context);
	const suspended = readSuspended(items, context.getNode().id) ?? [];
	const [first] = suspended;
	if (!first) return replyOnly(context, 200, 'This execution does not wait for a webhook call.');
	const hash = hashMark(String(readMark(context)));
	if (!first.marks.some((mark) => isSameText(mark, hash))) return replyOnly(context, 403, NOT_ITS_ADDRESS);

	const memory = state.recall(first.suspension);
	const workflow = `workflow ${context.getWorkflow().id}`;
	const credential = await state.credentials.readRecent(context, workflow, clock, SHARED_CREDENTIAL_MS);
	const connection = openConnection(context, clock, credential);
	const jobs = new OpenJobs(connection, suspended.flatMap(toOpenJob), memory, state.slots);
	const until = findWaitEnd(suspended) - MIN_WAIT_LEFT_MS;
	let verdict = await jobs.decide();
	if (verdict === 'doubtful') {
		reply(context, 200, 'Received. The API is asked again before the execution resumes.');
		verdict = await jobs.prove(until);
	}
	if (verdict !== 'resume') return replyOnly(context, ...REPLIES[verdict]);
	if (clock.now() > until) {
		return replyOnly(context, 200, 'The wait is over. The execution resumes by itself.');
	}
	if (clock.now() - memory.resumedAt < RESUMING_MS) {
		return replyOnly(context, 200, 'The execution has already been resumed.');
	}
	memory.resumedAt = clock.now();
	reply(context, 200, 'The execution resumes.');
	return { noWebhookResponse: true, workflowData: [resumeNode(context, items, memory.ends)] };
}

/**
 * Finds what n8n keeps of the suspended node: itself, and its input. It is in the execution's data, which n8n gives to the
 * context but does not offer to nodes.
 *
 * @returns `undefined` if a later n8n does not have it there
 */
function findSuspendedNode(context: IWebhookFunctions): IExecuteData | undefined {
	const { runExecutionData } = context as unknown as {
		runExecutionData?: { executionData?: { nodeExecutionStack?: IExecuteData[] } };
	};
	const kept = runExecutionData?.executionData?.nodeExecutionStack?.[0];
	return kept?.node.name === context.getNode().name ? kept : undefined;
}

/** Reads the items of the suspended node. An expression can read them, too, but n8n 2.41 creates a sandbox for it. */
function readItems(context: IWebhookFunctions): INodeExecutionData[] {
	const items = findSuspendedNode(context)?.data.main?.[0];
	return items ?? (context.evaluateExpression('{{ $input.all() }}') as unknown as INodeExecutionData[]);
}

/** Returns the job of an item that waits for a webhook call. */
function toOpenJob(item: SuspendedItem): JobToAsk[] {
	if (!('request' in item)) return [];
	const { request, job } = item;
	if (!waitsForWebhook(request) || job.known.state !== 'processing') return [];
	const { id } = job.known.job;
	const { apiVersion } = request.work;
	return id === undefined ? [] : [{ apiVersion, id, fetchResult: job.known.fetchResult }];
}

/** Returns when the wait is over, ms of the clock: at the timeout of the last open job. */
function findWaitEnd(suspended: readonly SuspendedItem[]): number {
	const ends = suspended.flatMap((item) =>
		'request' in item && toOpenJob(item).length > 0 ? item.job.since + item.request.timeoutMs : [],
	);
	return ends.length > 0 ? Math.max(...ends) : Infinity;
}

/**
 * Makes n8n run the node again with the given items when it resumes the execution.
 *
 * n8n disables a node that was called while it was suspended, so that its items only pass through it. A failed job could
 * then not fail the execution, and the items could not be paired with their input. If the flag cannot be found, the items
 * leave as they do when the wait is over: as references for Get Result.
 */
function resumeNode(
	context: IWebhookFunctions,
	items: INodeExecutionData[],
	ends: ReadonlyMap<string, JobEnd>,
): INodeExecutionData[] {
	const kept = findSuspendedNode(context);
	if (!kept) {
		context.logger.warn(
			'Image to 3D: this version of n8n cannot resume the node. Its items leave as references for Get Result.',
		);
		return items;
	}
	kept.node.disabled = false;
	return markResumed(items, ends);
}
