/** What happens when a webhook call comes in for the trigger. */
import type { IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';

import { readWebhookCall } from '../api/webhook-call';
import { systemClock, type Clock } from '../async/clock';
import { readCallBody } from '../webhook/body';
import { openConnection } from '../webhook/connection';
import { replyOnly } from '../webhook/reply';
import { deliverEnd } from './deliver';
import { isWanted } from './filter';
import { readTriggerSettings } from './parameters';
import { conclude, describeBadBody, reportError, type Outcome } from './replies';
import { hashEnd } from './seen-ends';
import { TriggerState, type TriggerCall } from './state';
import { verifyEnd } from './verify';

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
		const call = { context, clock, state, trigger, settings, body };
		const hash = hashEnd(report.id, report.outcome);
		return await handleOnce(call, hash);
	} catch (error) {
		return reportError(context, clock, state, trigger, error);
	}
}

/** The answer cannot give the key away to a caller that has sent it. */
const keepText = (text: string) => text;

/**
 * Handles a call, unless the end of its job has started the workflow before, or another call about this end is handled
 * already.
 *
 * @param hash identifies the end
 */
async function handleOnce(call: TriggerCall, hash: string): Promise<IWebhookResponseData> {
	const { context, state, trigger, settings } = call;
	const staticData = context.getWorkflowStaticData('node');
	// A person who listens for test events wants to see all of them.
	const isOnce = settings.ignoreDuplicates && context.getMode() !== 'manual';

	const handleUnlessSeen = async () => {
		if (isOnce && state.seen.has(trigger, staticData, hash)) {
			return replyOnly(context, 200, 'Received before.');
		}
		const outcome = await verifyAndDeliver(call);
		if (isOnce && 'items' in outcome) state.seen.add(trigger, staticData, hash);
		return conclude(context, outcome);
	};
	// Such calls have no work in common.
	if (!isOnce && settings.verify === 'none') return await handleUnlessSeen();
	const response = await state.flights.run(`${trigger}/${hash}`, handleUnlessSeen);
	if (response) return response;
	return isOnce
		? replyOnly(context, 200, 'Received. Another call about this job is being handled.')
		: replyOnly(context, 503, 'Too many calls about this job at once.');
}

async function verifyAndDeliver(call: TriggerCall): Promise<Outcome> {
	const { context, clock, state, trigger, body } = call;
	const connection = await openConnection(context, clock, state.credentials, trigger);
	const report = readWebhookCall(body, connection.service.clean);
	if ('problem' in report) return { httpCode: 400, message: describeBadBody(report.problem) };
	const end = await verifyEnd(connection, call, report);
	return 'state' in end ? await deliverEnd(connection, call, report, end) : end;
}
