/** What happens when somebody calls the trigger. */
import {
	NodeApiError,
	NodeOperationError,
	type INodeExecutionData,
	type IWebhookFunctions,
	type IWebhookResponseData,
} from 'n8n-workflow';

import { listFiles, type Answer } from '../api/answer';
import { writeId } from '../api/job-id';
import { isUnknownJob, mayPass, readRequestedPause, type BadAnswer } from '../api/judge';
import { describeProblem, ProblemError, toNodeApiError } from '../api/problems';
import { expandIpv6 } from '../api/public-address';
import { isSpeltOtherwise, readWebhookCall, type ToldEnd, type WebhookCall } from '../api/webhook-call';
import { systemClock, type Clock } from '../async/clock';
import { FairQueue } from '../async/fair-queue';
import { RateLimit } from '../async/rate-limit';
import { Semaphore } from '../async/semaphore';
import { SingleFlight } from '../async/single-flight';
import { EndTracker, type Finding } from '../jobs/end-tracker';
import { toFailedItem, toItems } from '../output/items';
import { askUntilFinal } from '../webhook/ask';
import { readCallBody } from '../webhook/body';
import {
	openConnection,
	processCredentials,
	type CallConnection,
	type CredentialReader,
} from '../webhook/connection';
import { proveEnd } from '../webhook/prove-end';
import { reply, replyOnly } from '../webhook/reply';
import { hashEnd, SeenJobs } from './seen-jobs';
import { readTrigger, type TriggerSettings } from './settings';

/** The service wants its answer within 30 s. This much of it goes into asking the API, ms. */
const ASKING_LIMIT_MS = 20_000;

/** How often the API may say of a call's job that it does not know it until that is believed. */
const MAX_UNKNOWN = 2;

/** How many jobs are asked for at the same time because of calls, and how many calls may wait to have theirs asked for. */
const QUESTIONS_AT_ONCE = 10;
const MAX_WAITING = 100;

/** How many files come in at the same time, of all calls. */
const DOWNLOADS_AT_ONCE = 5;

/** A job has a few files. A call that names more than this is none of the service's. */
const MAX_FILES = 100;

/** An end that may start the workflow. */
type TriggeringEnd =
	| Extract<ToldEnd, { state: 'success' }>
	| { state: 'failed'; message: string; advice?: string };

/** What came of a call: a start of the workflow, or an answer to the caller and perhaps an error for the person. */
type Outcome =
	| { items: INodeExecutionData[] }
	| { httpCode: number; message: string; error?: NodeApiError | NodeOperationError };

/** What the calls to the triggers of one process share. */
export class TriggerState {
	readonly turns = new SingleFlight();
	readonly seen = new SeenJobs();
	readonly questions = new FairQueue(QUESTIONS_AT_ONCE, MAX_WAITING);
	readonly downloads = new Semaphore(DOWNLOADS_AT_ONCE);
	/** What n8n's log and its list of executions are told, and what is asked for again, by trigger and kind. */
	private readonly allowances = new Map<string, RateLimit>();

	constructor(readonly credentials: CredentialReader = processCredentials) {}

	allowance(trigger: string, kind: 'refusals' | 'errors' | 'repeats'): RateLimit {
		const key = `${trigger}/${kind}`;
		const allowance = this.allowances.get(key) ?? new RateLimit();
		this.allowances.set(key, allowance);
		return allowance;
	}
}

const processDesk = new TriggerState();

/** A call, and what it is received with. */
interface Received {
	context: IWebhookFunctions;
	clock: Clock;
	desk: TriggerState;
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
export async function handleTriggerCall(
	context: IWebhookFunctions,
	clock: Clock = systemClock,
	desk: TriggerState = processDesk,
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
		return replyOnly(context, 503, 'The call cannot be handled now.');
	}
}

async function answerCall(
	context: IWebhookFunctions,
	clock: Clock,
	desk: TriggerState,
): Promise<IWebhookResponseData> {
	const settings = readTrigger(context);
	const body = readCallBody(context);
	if (body === undefined) {
		return replyOnly(context, 413, 'The body is too large to tell the end of a job.');
	}
	const call = readWebhookCall(body, asItIs);
	if ('problem' in call) return replyOnly(context, 400, tellsNothing(call.problem));
	if (!isWanted(settings, call)) {
		return replyOnly(context, 200, 'Received. This trigger is set to other events or track IDs.');
	}
	return await inTurn({ context, clock, desk, settings, body }, hashEnd(call.id, call.outcome));
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
		if (isOnce && desk.seen.has(trigger, staticData, mark))
			return replyOnly(context, 200, 'Received before.');
		const outcome = await lookInto(received);
		if (isOnce && 'items' in outcome) desk.seen.add(trigger, staticData, mark);
		return conclude(context, outcome);
	};
	// Nothing is waited for that another call could wait for.
	if (!isOnce && settings.verify === 'none') return await look();
	const response = await desk.turns.run(`${trigger}/${mark}`, look);
	if (response) return response;
	return isOnce
		? replyOnly(context, 200, 'Received. This is being looked into already.')
		: replyOnly(context, 503, 'Too many calls about this job at once.');
}

/** @throws the outcome's error: n8n makes a failed execution of it */
function conclude(context: IWebhookFunctions, outcome: Outcome): IWebhookResponseData {
	if ('items' in outcome) {
		reply(context, 200, 'The workflow was started.');
		return { noWebhookResponse: true, workflowData: [outcome.items] };
	}
	const response = replyOnly(context, outcome.httpCode, outcome.message);
	if (outcome.error) throw outcome.error;
	return response;
}

async function lookInto(received: Received): Promise<Outcome> {
	const { context, clock, desk, settings, body } = received;
	const connection = await openConnection(context, clock, desk.credentials, nameOf(context));
	const call = readWebhookCall(body, connection.service.clean);
	if ('problem' in call) return { httpCode: 400, message: tellsNothing(call.problem) };
	const end = await jobEnd(connection, received, call);
	if (!('state' in end)) return end;
	const delivery = { ...settings.delivery, trackId: call.trackId };
	if (end.state === 'failed') return { items: [toFailedItem(end, call.id, call.trackId)] };
	try {
		// The caller is not kept waiting for files.
		if (delivery.download) reply(context, 200, 'The workflow is started when the files are there.');
		return { items: await toItems(connection, delivery, { ...end.job, id: call.id }, desk.downloads) };
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
	received: Received,
	call: WebhookCall,
): Promise<TriggeringEnd | Exclude<Outcome, { items: unknown }>> {
	const { context, clock, settings } = received;
	if (settings.verify === 'none') {
		const { told } = call;
		if (told?.state === 'success' && listFiles(told.job).length > MAX_FILES) {
			return { httpCode: 400, message: `The call names more than ${MAX_FILES} files.` };
		}
		return told ?? { httpCode: 400, message: 'The call names no file that can be fetched.' };
	}
	const watch = new EndTracker(call.id, true);
	const first = await question(connection, received, call, watch, ASKING_LIMIT_MS);
	const mayBeProved = ({ answer, finding }: typeof first) =>
		answer && call.outcome === 'failed' && tellsFailure(answer) && isDoubtful(finding);
	// A job that failed without being named may succeed yet, and the service waits for its answer.
	if (mayBeProved(first)) reply(context, 200, 'Received. The API is asked again before the workflow starts.');
	const { answer, finding } = await proveEnd(
		connection,
		first,
		async () => await question(connection, received, call, watch, 0),
		(latest) =>
			mayBeProved(latest)
				? clock.now() + ((latest.answer && readRequestedPause(latest.answer)) ?? 0) * 1000
				: undefined,
	);
	if (!answer) return refusal(received, call, 503, 'Too many calls at once.');
	return endOrRefusal(connection, received, call, answer, finding);
}

/** Whether an answer speaks of a job's bad end, and not of the account or of a file that is late. */
function tellsFailure(answer: Answer): boolean {
	if (answer.state === 'refused') return answer.reason !== 'key' && answer.reason !== 'forbidden';
	return answer.state === 'failed' || answer.state === 'trouble';
}

const isDoubtful = (finding: Finding) => finding.state === 'open' && finding.believedAt !== undefined;

/** Asks the API about a call's job. @returns no answer when too many ask */
async function question(
	connection: CallConnection,
	{ context, clock, desk, settings }: Received,
	{ id }: WebhookCall,
	watch: EndTracker,
	limitMs: number,
): Promise<{ answer: Answer | undefined; finding: Finding }> {
	const lane = laneOf(context);
	let finding: Finding = { state: 'open', isReported: false };
	let unknown = 0;
	const mayAskAgain = desk.allowance(nameOf(context), 'repeats');
	const answer = await askUntilFinal(
		connection,
		{ apiVersion: settings.apiVersion, id },
		limitMs,
		async (send) => await desk.questions.run(lane, send),
		(latest) => {
			finding = watch.note(latest, clock.now());
			if (isUnknownJob(latest)) unknown += 1;
			// A job may be unknown for a moment; but of forged calls ten a minute are asked for again, and no more.
			const isUnknown = unknown >= MAX_UNKNOWN || (unknown > 0 && !mayAskAgain.take(clock, () => {}));
			return finding.state !== 'open' || isDoubtful(finding) || isUnknown || isRefusal(latest);
		},
	);
	return { answer, finding };
}

/** What an answer means for a call. */
function endOrRefusal(
	{ service }: CallConnection,
	received: Received,
	call: WebhookCall,
	answer: Answer,
	finding: Finding,
): TriggeringEnd | Exclude<Outcome, { items: unknown }> {
	const told = answer.state === 'unanswered' ? undefined : 'job' in answer ? answer.job.id : answer.id;
	if (told !== undefined && String(told) !== String(call.id) && isSpeltOtherwise(call.id, told)) {
		return refusal(received, call, 403, 'The API knows this job by another ID.');
	}
	const otherwise = 'The API says otherwise of this job.';
	if (finding.state === 'done' && answer.state === 'success') {
		return call.outcome === 'success' ? answer : refusal(received, call, 403, otherwise);
	}
	if (answer.state === 'success') return refusal(received, call, 403, otherwise);
	if (answer.state === 'processing') {
		return refusal(received, call, 403, 'The API says that this job has not ended.');
	}
	if (finding.state === 'over' && call.outcome === 'failed' && tellsFailure(answer)) {
		const message = 'message' in answer ? answer.message : '';
		return { state: 'failed', message, ...('advice' in answer && { advice: answer.advice }) };
	}
	if (answer.state === 'failed' && !answer.isUnknownJob && call.outcome === 'success') {
		return refusal(received, call, 403, otherwise);
	}
	const { settings, context } = received;
	const betterBaseUrl = service.betterBaseUrl(settings.apiVersion);
	const problem = describeProblem(answer, 'fetch', { jobId: call.id, isOwn: false, betterBaseUrl });
	// A host that may not have the endpoint does not know the job either: the person has to hear of it.
	if (isDenial(answer) && betterBaseUrl === undefined) {
		return refusal(received, call, 403, 'The API does not confirm this job.', problem.message);
	}
	return {
		httpCode: 503,
		message: 'The API cannot be asked now. Please repeat the call.',
		error: toNodeApiError(context.getNode(), problem),
	};
}

/** Turns a call away, and logs it as often as the allowance lets it. */
function refusal(
	{ context, clock, desk }: Received,
	{ id }: WebhookCall,
	httpCode: number,
	message: string,
	reason = message,
): Exclude<Outcome, { items: unknown }> {
	const { logger } = context;
	const warn = (calls: string) => logger.warn(`Image to 3D Trigger: ${calls} refused. ${reason}`);
	const sumUp = (count: number) => warn(`${count} more calls, the last one about job ${writeId(id)}, were`);
	const isToBeTold = desk.allowance(nameOf(context), 'refusals').take(clock, sumUp);
	if (isToBeTold) warn(`a call about job ${writeId(id)} was`);
	return { httpCode, message };
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

/** Whether the service refuses to tell, so that asking again brings nothing. */
function isRefusal(answer: Answer): boolean {
	if (answer.state === 'success' || answer.state === 'processing') return false;
	return !mayPass(answer) && !isUnknownJob(answer);
}

/** Whether the API itself says no to the job, and not to the question. */
function isDenial(answer: BadAnswer): boolean {
	if (answer.state === 'failed') return true;
	return (
		answer.state === 'refused' && !answer.isPage && ['notFound', 'image', 'other'].includes(answer.reason)
	);
}
