/** What happens when a webhook call comes in for the trigger. */
import type { IDataObject, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';

import { readWebhookCall, type EndReport } from '../api/webhook-call';
import { systemClock, type Clock } from '../async/clock';
import { readCallBody } from '../webhook/body';
import { openConnection, type CallConnection } from '../webhook/connection';
import { replyOnly } from '../webhook/reply';
import { identifyCaller } from './caller';
import { deliverEnd } from './deliver';
import { isWanted } from './filter';
import { readTriggerSettings, type TriggerSettings } from './parameters';
import { conclude, describeBadBody, reportError, type Refusal } from './replies';
import { hashEnd } from './seen-ends';
import { TriggerState, type TriggerCall } from './state';
import { verifyEnd, type VerifiedEnd } from './verify';

const processState = new TriggerState();

/**
 * Answers a webhook call to the trigger. It starts the workflow if the call reports the end of a job, the person wants
 * this end, and the API confirms it.
 *
 * Anybody can call, as often as they like. In n8n 2.41, reading the credential takes as long as everything else in a
 * call. Therefore the credential is read only for calls that need it.
 *
 * @param clock the time that waiting goes by; tests bring their own
 * @param state what webhook calls share; tests bring a new one for a restarted n8n
 * @throws NodeOperationError for parameters that cannot be used, and NodeApiError when the API gives no usable answer or a
 *   file cannot be downloaded. n8n then shows a failed execution, for the first ten errors of a minute. The caller has its
 *   answer by then.
 */
export async function handleTriggerCall(
	context: IWebhookFunctions,
	clock: Clock = systemClock,
	state: TriggerState = processState,
): Promise<IWebhookResponseData> {
	const trigger = `${context.getWorkflow().id}/${context.getNode().id}`;
	try {
		const settings = readTriggerSettings(context);
		const body = readCallBody(context);
		if (body === undefined) return replyOnly(context, 413, describeBadBody('it is larger than 1 MB'));
		const report = readWebhookCall(body, keepText);
		if ('problem' in report) return replyOnly(context, 400, describeBadBody(report.problem));
		if (!isWanted(settings, report)) {
			return replyOnly(context, 200, 'Received. This trigger is set to other events or track IDs.');
		}
		const hash = hashEnd(report.id, report.outcome);
		const seen = new SeenEnd(context, state, trigger, settings, hash);
		if (seen.isSeen()) return replyOnly(context, 200, SEEN);
		const caller = await identifyCaller(context, clock, state.credentials, trigger, report.trackId);
		return await handle({ context, clock, state, trigger, settings, caller, body }, seen);
	} catch (error) {
		return reportError(context, clock, state, trigger, error);
	}
}

/** The answer cannot give the key away to a caller that has sent it. */
const keepText = (text: string) => text;

const SEEN = 'Received before.';
const BEING_HANDLED = 'Received. Another call about this job is being handled.';

/** The end that a call reports, and whether it has started the workflow before. */
class SeenEnd {
	/** Identifies the end among those of all triggers. */
	readonly name: string;
	/** Whether it may start the workflow only once. A person who listens for test events wants to see all of them. */
	readonly isOnce: boolean;
	private readonly staticData: IDataObject;

	constructor(
		context: IWebhookFunctions,
		private readonly state: TriggerState,
		private readonly trigger: string,
		{ ignoreDuplicates }: TriggerSettings,
		private readonly hash: string,
	) {
		this.name = `${trigger}/${hash}`;
		this.isOnce = ignoreDuplicates && context.getMode() !== 'manual';
		this.staticData = context.getWorkflowStaticData('node');
	}

	isSeen(): boolean {
		return this.isOnce && this.state.seen.has(this.trigger, this.staticData, this.hash);
	}

	add(): void {
		if (this.isOnce) this.state.seen.add(this.trigger, this.staticData, this.hash);
	}
}

/**
 * Handles a call, unless another call of the same caller about this end is handled already. Calls of others do not count:
 * theirs may be turned away.
 */
async function handle(call: TriggerCall, seen: SeenEnd): Promise<IWebhookResponseData> {
	const { context, state, settings, caller } = call;
	// Such calls have no work in common.
	if (!seen.isOnce && settings.verify === 'none') return await verifyAndDeliver(call, seen);
	const response = await state.flights.run(`${seen.name}/${caller.queue}`, async () =>
		seen.isSeen() ? replyOnly(context, 200, SEEN) : await verifyAndDeliver(call, seen),
	);
	if (response) return response;
	return seen.isOnce
		? replyOnly(context, 200, BEING_HANDLED)
		: replyOnly(context, 503, 'Too many calls about this job at once.');
}

async function verifyAndDeliver(call: TriggerCall, seen: SeenEnd): Promise<IWebhookResponseData> {
	const { context, state } = call;
	const verified = await verify(call);
	if (!('end' in verified)) return conclude(context, verified);
	const { connection, report, end } = verified;
	if (!seen.isOnce) return conclude(context, await deliverEnd(connection, call, report, end));
	// Several callers may have had the end verified at the same time.
	const response = await state.flights.run(seen.name, async () => {
		if (seen.isSeen()) return replyOnly(context, 200, SEEN);
		const outcome = await deliverEnd(connection, call, report, end);
		if ('items' in outcome) seen.add();
		return conclude(context, outcome);
	});
	return response ?? replyOnly(context, 200, BEING_HANDLED);
}

/** A call that is believed. */
interface Verified {
	connection: CallConnection;
	report: EndReport;
	end: VerifiedEnd;
}

async function verify(call: TriggerCall): Promise<Verified | Refusal> {
	const { context, clock, state, trigger, caller, body } = call;
	// A stranger can cause no more than one read a minute. A person who tests wants a change to count at once.
	const isNewest = caller.isMarked || context.getMode() === 'manual';
	const credential = isNewest
		? await state.credentials.read(context, trigger)
		: await state.credentials.readRecent(context, trigger, clock);
	const connection = openConnection(context, clock, credential);
	const report = readWebhookCall(body, connection.service.clean);
	if ('problem' in report) return { httpCode: 400, message: describeBadBody(report.problem) };
	const end = await verifyEnd(connection, call, report);
	return 'state' in end ? { connection, report, end } : end;
}
