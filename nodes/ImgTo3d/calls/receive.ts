/** What happens when somebody calls the trigger. */
import {
	NodeOperationError,
	type INodeExecutionData,
	type IWebhookFunctions,
	type IWebhookResponseData,
	type NodeApiError,
} from 'n8n-workflow';

import { filesOf, type Answer } from '../api/answer';
import { mayPass, problemOf, ProblemError, toNodeApiError, type BadAnswer } from '../api/problems';
import { readWebhookCall, type JobEnd, type WebhookCall } from '../api/webhook-call';
import { systemClock, type Clock } from '../jobs/clock';
import { Places } from '../jobs/places';
import { failedItem, finishedItems } from '../output/items';
import { readTrigger, type TriggerSettings } from '../properties/read-trigger';
import { ask, bodyOf, connectionFor, type CallConnection } from './ask';
import { refuse, reply } from './reply';
import { markOf, SeenJobs } from './seen-jobs';

/** The service wants its answer within 30 s. This much of it goes into asking the API, ms. */
const ASKING_LIMIT_MS = 20_000;

/** How many files come in at the same time, of all calls. */
const DOWNLOADS_AT_ONCE = 5;

/** A job has a few files. A call that names more than this is none of the service's. */
const MAX_FILES = 100;

/** What came of a call: a start of the workflow, or an answer to the caller and perhaps an error for the person. */
type Outcome =
	| { items: INodeExecutionData[] }
	| { httpCode: number; message: string; error?: NodeApiError | NodeOperationError };

/** What the calls to the triggers of one process share. */
export class CallDesk {
	/** The ends that are being looked into: who tells the same one meanwhile waits, and looks again if nothing came of it. */
	readonly inHand = new Map<string, Promise<Outcome>>();
	readonly seen = new SeenJobs();
	readonly downloads = new Places(DOWNLOADS_AT_ONCE);
}

const processDesk = new CallDesk();

/**
 * Answers a call to the trigger, and starts the workflow if it tells the end of a job that the person wants.
 *
 * @param clock the time that waiting goes by; tests bring their own
 * @param desk what is shared with other calls; tests bring a new one for a restarted n8n
 * @throws NodeOperationError for parameters that cannot be used, NodeApiError when the API could not be asked or a
 *   file not be had: n8n then shows a failed execution. The caller has its answer by then.
 */
export async function receiveCall(
	context: IWebhookFunctions,
	clock: Clock = systemClock,
	desk: CallDesk = processDesk,
): Promise<IWebhookResponseData> {
	const settings = readTrigger(context);
	const connection = await connectionFor(context, clock);
	const body = bodyOf(context);
	if (body === undefined) {
		return refuse(context, 413, 'The body is too large to tell the end of a job.');
	}
	const call = readWebhookCall(body, connection.service.clean);
	if ('problem' in call) {
		return refuse(context, 400, `This does not tell the end of a job: ${call.problem}.`);
	}
	if (!isWanted(settings, call)) {
		return refuse(context, 200, 'Received. This trigger is set to other events or track IDs.');
	}
	// Who listens for a test event wants to see it each time.
	if (!settings.ignoreDuplicates || context.getMode() === 'manual') {
		return conclude(context, await lookInto(connection, settings, call, desk));
	}
	return await once(connection, settings, call, desk);
}

function isWanted({ events, trackId: wanted }: TriggerSettings, { outcome, trackId = '' }: WebhookCall) {
	if (!events.includes(outcome)) return false;
	if (wanted === '') return true;
	return wanted.endsWith('*') ? trackId.startsWith(wanted.slice(0, -1)) : trackId === wanted;
}

/** Looks into a call unless its job's end has started the workflow before, or is being looked into. */
async function once(
	connection: CallConnection,
	settings: TriggerSettings,
	call: WebhookCall,
	desk: CallDesk,
): Promise<IWebhookResponseData> {
	const { context } = connection;
	const trigger = `${context.getWorkflow().id}/${context.getNode().id}`;
	const mark = markOf(call.id, call.outcome);
	const staticData = context.getWorkflowStaticData('node');
	const key = `${trigger}/${mark}`;
	const duplicate = () => refuse(context, 200, 'Received before.');

	let joined = 0;
	for (let before = desk.inHand.get(key); before; before = desk.inHand.get(key)) {
		const outcome = await before;
		if ('items' in outcome) return duplicate();
		// The first may have begun too early to see what this call tells. Who waited for it shares the next.
		if (++joined === 2) return refuse(context, outcome.httpCode, outcome.message);
	}
	if (desk.seen.has(trigger, staticData, mark)) return duplicate();
	const looking = lookInto(connection, settings, call, desk);
	desk.inHand.set(key, looking);
	try {
		const outcome = await looking;
		if ('items' in outcome) desk.seen.add(trigger, staticData, mark);
		return conclude(context, outcome);
	} finally {
		desk.inHand.delete(key);
	}
}

/** @throws the outcome's error: n8n makes a failed execution of it */
function conclude(context: IWebhookFunctions, outcome: Outcome): IWebhookResponseData {
	if ('items' in outcome) {
		reply(context, 200, 'The workflow was started.');
		return { noWebhookResponse: true, workflowData: [outcome.items] };
	}
	const response = refuse(context, outcome.httpCode, outcome.message);
	if (outcome.error) throw outcome.error;
	return response;
}

async function lookInto(
	connection: CallConnection,
	settings: TriggerSettings,
	call: WebhookCall,
	desk: CallDesk,
): Promise<Outcome> {
	const end = await jobEnd(connection, settings, call);
	if (!('state' in end)) return end;
	const delivery = { ...settings.delivery, trackId: call.trackId };
	if (end.state === 'failed') return { items: [failedItem(end, call.id, call.trackId)] };
	const { context } = connection;
	try {
		// The caller is not kept waiting for files.
		if (delivery.download) reply(context, 200, 'The workflow is started when the files are there.');
		return { items: await finishedItems(connection, delivery, { ...end.job, id: call.id }, desk.downloads) };
	} catch (thrown) {
		const node = context.getNode();
		const error =
			thrown instanceof ProblemError
				? toNodeApiError(node, thrown.problem)
				: new NodeOperationError(node, thrown as Error);
		return { httpCode: 503, message: 'The files cannot be had now.', error };
	}
}

/** The job's end as it is to be believed, or why the call is not. */
async function jobEnd(
	connection: CallConnection,
	settings: TriggerSettings,
	call: WebhookCall,
): Promise<JobEnd | Exclude<Outcome, { items: unknown }>> {
	if (settings.verify === 'none') {
		const { told } = call;
		if (told?.state === 'success' && filesOf(told.job).length > MAX_FILES) {
			return { httpCode: 400, message: `The call names more than ${MAX_FILES} files.` };
		}
		return told ?? { httpCode: 400, message: 'The call names no file that can be fetched.' };
	}
	const { context } = connection;
	const question = { apiVersion: settings.apiVersion, id: call.id };
	const patience = { limitMs: ASKING_LIMIT_MS, countsQueue: true };
	const answer = await ask(connection, question, patience, isFinal);
	const denial = (message: string, reason = message) => {
		context.logger.warn(`Image to 3D Trigger: a call about job ${call.id} was refused. ${reason}`);
		return { httpCode: 403, message };
	};
	if (answer.state === 'success' || answer.state === 'failed') {
		return answer.state === call.outcome ? answer : denial('The API says otherwise of this job.');
	}
	if (answer.state === 'processing') return denial('The API says that this job has not ended.');
	const betterBaseUrl = connection.service.betterBaseUrl(settings.apiVersion);
	const problem = problemOf(answer, 'fetch', { jobId: call.id, betterBaseUrl });
	// A host that may not have the endpoint does not know the job either: the person has to hear of it.
	if (isDenial(answer) && betterBaseUrl === undefined)
		return denial('The API does not confirm this job.', problem.message);
	return {
		httpCode: 503,
		message: 'The API cannot be asked now. Please repeat the call.',
		error: toNodeApiError(context.getNode(), problem),
	};
}

/** A true call may come before the API shows the end, and an API in trouble may recover. */
function isFinal(answer: Answer): boolean {
	if (answer.state === 'success' || answer.state === 'failed') return true;
	return answer.state !== 'processing' && !mayPass(answer);
}

/** Whether the API itself says no to the job, and not to the question. */
function isDenial(answer: BadAnswer): boolean {
	return answer.state === 'refused' && ['notFound', 'image', 'other'].includes(answer.reason);
}
