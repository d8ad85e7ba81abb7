/** What happens when somebody calls the trigger. */
import {
	NodeApiError,
	NodeOperationError,
	type INodeExecutionData,
	type IWebhookFunctions,
	type IWebhookResponseData,
} from 'n8n-workflow';

import { filesOf, type Answer } from '../api/answer';
import { mayPass, problemOf, ProblemError, toNodeApiError, type BadAnswer } from '../api/problems';
import { expandIpv6 } from '../api/public-address';
import { isSpeltOtherwise, readWebhookCall, type JobEnd, type WebhookCall } from '../api/webhook-call';
import { systemClock, type Clock } from '../jobs/clock';
import { Places } from '../jobs/places';
import { failedItem, finishedItems } from '../output/items';
import { readTrigger, type TriggerSettings } from '../properties/read-trigger';
import { Allowance } from './allowance';
import { ask, bodyOf, connectionFor, type CallConnection } from './ask';
import { Lanes } from './lanes';
import { refuse, reply } from './reply';
import { markOf, SeenJobs } from './seen-jobs';
import { Turns } from './turns';

/** The service wants its answer within 30 s. This much of it goes into asking the API, ms. */
const ASKING_LIMIT_MS = 20_000;

/** How many jobs are asked for at the same time because of calls, and how many calls may wait to have theirs asked for. */
const QUESTIONS_AT_ONCE = 10;
const MAX_WAITING = 100;

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
	readonly turns = new Turns();
	readonly seen = new SeenJobs();
	readonly questions = new Lanes(QUESTIONS_AT_ONCE, MAX_WAITING);
	readonly downloads = new Places(DOWNLOADS_AT_ONCE);
	/** What n8n's log and its list of executions are told, by trigger and kind. */
	private readonly allowances = new Map<string, Allowance>();

	allowance(trigger: string, kind: 'refusals' | 'errors'): Allowance {
		const key = `${trigger}/${kind}`;
		const allowance = this.allowances.get(key) ?? new Allowance();
		this.allowances.set(key, allowance);
		return allowance;
	}
}

const processDesk = new CallDesk();

/** A call, and what it is received with. */
interface Received {
	context: IWebhookFunctions;
	clock: Clock;
	desk: CallDesk;
	settings: TriggerSettings;
	body: string;
}

/**
 * Answers a call to the trigger, and starts the workflow if it tells the end of a job that the person wants.
 *
 * Anybody can call, as often as they like. So the credential is read for calls only that are worth a question: in
 * n8n 2.41 each reading takes as long as all the rest of a call.
 *
 * @param clock the time that waiting goes by; tests bring their own
 * @param desk what is shared with other calls; tests bring a new one for a restarted n8n
 * @throws NodeOperationError for parameters that cannot be used, NodeApiError when the API could not be asked or a
 *   file not be had: n8n then shows a failed execution, for the first ones of a minute. The caller has its answer by then.
 */
export async function receiveCall(
	context: IWebhookFunctions,
	clock: Clock = systemClock,
	desk: CallDesk = processDesk,
): Promise<IWebhookResponseData> {
	try {
		return await answerCall(context, clock, desk);
	} catch (thrown) {
		const error =
			thrown instanceof NodeApiError ? thrown : new NodeOperationError(context.getNode(), thrown as Error);
		const { message } = error;
		const sumUp = (count: number) =>
			context.logger.error(
				`Image to 3D Trigger: ${count} more calls ended in errors, the last one: ${message}`,
			);
		if (desk.allowance(nameOf(context), 'errors').take(clock, sumUp)) throw error;
		return refuse(context, 503, 'The call cannot be handled now.');
	}
}

async function answerCall(
	context: IWebhookFunctions,
	clock: Clock,
	desk: CallDesk,
): Promise<IWebhookResponseData> {
	const settings = readTrigger(context);
	const body = bodyOf(context);
	if (body === undefined) {
		return refuse(context, 413, 'The body is too large to tell the end of a job.');
	}
	const call = readWebhookCall(body, asItIs);
	if ('problem' in call) return refuse(context, 400, tellsNothing(call.problem));
	if (!isWanted(settings, call)) {
		return refuse(context, 200, 'Received. This trigger is set to other events or track IDs.');
	}
	return await inTurn({ context, clock, desk, settings, body }, markOf(call.id, call.outcome));
}

const tellsNothing = (problem: string) => `This does not tell the end of a job: ${problem}.`;

/** What a caller says itself cannot give the key away to that caller. */
const asItIs = (text: string) => text;

/** Names a trigger among all of this n8n. */
function nameOf(context: IWebhookFunctions): string {
	return `${context.getWorkflow().id}/${context.getNode().id}`;
}

function isWanted({ events, trackId: wanted }: TriggerSettings, { outcome, trackId = '' }: WebhookCall) {
	if (!events.includes(outcome)) return false;
	if (wanted === '') return true;
	return wanted.endsWith('*') ? trackId.startsWith(wanted.slice(0, -1)) : trackId === wanted;
}

/**
 * Looks into a call, unless its job's end has started the workflow before.
 *
 * @param mark of the job's end
 */
async function inTurn(received: Received, mark: string): Promise<IWebhookResponseData> {
	const { context, desk, settings } = received;
	const trigger = nameOf(context);
	const staticData = context.getWorkflowStaticData('node');
	// Who listens for a test event wants to see it each time.
	const isOnce = settings.ignoreDuplicates && context.getMode() !== 'manual';

	const look = async () => {
		if (isOnce && desk.seen.has(trigger, staticData, mark)) return refuse(context, 200, 'Received before.');
		const outcome = await lookInto(received);
		if (isOnce && 'items' in outcome) desk.seen.add(trigger, staticData, mark);
		return conclude(context, outcome);
	};
	// Nothing is waited for that another call could wait for.
	if (!isOnce && settings.verify === 'none') return await look();
	const response = await desk.turns.take(`${trigger}/${mark}`, look);
	if (response) return response;
	return isOnce
		? refuse(context, 200, 'Received. This is being looked into already.')
		: refuse(context, 503, 'Too many calls about this job at once.');
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

async function lookInto(received: Received): Promise<Outcome> {
	const { context, clock, desk, settings, body } = received;
	const connection = await connectionFor(context, clock, nameOf(context));
	const call = readWebhookCall(body, connection.service.clean);
	if ('problem' in call) return { httpCode: 400, message: tellsNothing(call.problem) };
	const end = await jobEnd(connection, received, call);
	if (!('state' in end)) return end;
	const delivery = { ...settings.delivery, trackId: call.trackId };
	if (end.state === 'failed') return { items: [failedItem(end, call.id, call.trackId)] };
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
	{ context, clock, desk, settings }: Received,
	call: WebhookCall,
): Promise<JobEnd | Exclude<Outcome, { items: unknown }>> {
	if (settings.verify === 'none') {
		const { told } = call;
		if (told?.state === 'success' && filesOf(told.job).length > MAX_FILES) {
			return { httpCode: 400, message: `The call names more than ${MAX_FILES} files.` };
		}
		return told ?? { httpCode: 400, message: 'The call names no file that can be fetched.' };
	}
	const lane = laneOf(context);
	const refusal = (httpCode: number, message: string, reason = message) => {
		const { logger } = context;
		const warn = (calls: string) => logger.warn(`Image to 3D Trigger: ${calls} refused. ${reason}`);
		const sumUp = (count: number) => warn(`${count} more calls, the last one about job ${call.id}, were`);
		const isToBeTold = desk.allowance(nameOf(context), 'refusals').take(clock, sumUp);
		if (isToBeTold) warn(`a call about job ${call.id} was`);
		return { httpCode, message };
	};
	const answer = await ask(
		connection,
		{ apiVersion: settings.apiVersion, id: call.id },
		ASKING_LIMIT_MS,
		async (question) => await desk.questions.within(lane, question),
		isFinal,
	);
	if (!answer) return refusal(503, 'Too many calls at once.');
	if (answer.state === 'success' || answer.state === 'failed') {
		const told = answer.state === 'success' ? answer.job.id : answer.id;
		if (told !== undefined && isSpeltOtherwise(call.id, told)) {
			return refusal(403, 'The API knows this job by another ID.');
		}
		return answer.state === call.outcome ? answer : refusal(403, 'The API says otherwise of this job.');
	}
	if (answer.state === 'processing') return refusal(403, 'The API says that this job has not ended.');
	const betterBaseUrl = connection.service.betterBaseUrl(settings.apiVersion);
	const problem = problemOf(answer, 'fetch', { jobId: call.id, betterBaseUrl });
	// A host that may not have the endpoint does not know the job either: the person has to hear of it.
	if (isDenial(answer) && betterBaseUrl === undefined)
		return refusal(403, 'The API does not confirm this job.', problem.message);
	return {
		httpCode: 503,
		message: 'The API cannot be asked now. Please repeat the call.',
		error: toNodeApiError(context.getNode(), problem),
	};
}

/**
 * Where a call's questions wait: with those of all calls from its address, so that who floods the trigger waits for
 * themselves. n8n knows the address behind a proxy when N8N_PROXY_HOPS says how many there are.
 */
function laneOf(context: IWebhookFunctions): string {
	const { ip = '' } = context.getRequestObject() as { ip?: string };
	// Who has one IPv6 address has all that begin with the same four groups.
	return ip.includes('.') ? ip : expandIpv6(ip).slice(0, 4).join(':');
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
