/** Decides whether a webhook call is believed. Anybody can make one, so by default only the API's answer counts. */

import type { Answer } from '../api/answer';
import { listFiles } from '../api/job-facts';
import { findAnsweredId, isUnknownJob, mayPass, readRequestedPause, type BadAnswer } from '../api/judge';
import { toNodeApiError } from '../api/problems';
import { isCanonicalId, isOtherSpelling, type EndReport, type ReportedEnd } from '../api/webhook-call';
import { EndTracker, type Finding } from '../jobs/end-tracker';
import { askUntilFinal } from '../webhook/ask';
import type { CallConnection } from '../webhook/connection';
import { proveEnd } from '../webhook/prove-end';
import { reply } from '../webhook/reply';
import { refuse, type Refusal } from './replies';
import type { TriggerCall } from './state';

/** The service waits 30 s for its answer. This is how long the API may be asked until then, ms. */
const ASKING_LIMIT_MS = 20_000;

/** The number of times that the API must not know a job until that is believed. */
const MAX_UNKNOWN = 2;

/** A job has a few files. A call with more than this is not the service's. */
const MAX_FILES = 100;

/** A job's end that may start the workflow. */
export type VerifiedEnd =
	| Extract<ReportedEnd, { state: 'success' }>
	| { state: 'failed'; message: string; advice?: string };

/** A call that is being verified. */
interface Verification {
	connection: CallConnection;
	call: TriggerCall;
	report: EndReport;
	tracker: EndTracker;
}

/** What the API said. There is no answer if too many calls wait. */
interface Asked {
	answer: Answer | undefined;
	finding: Finding;
}

/** Returns the end of a call's job as it may start the workflow, or why the call is not believed. */
export async function verifyEnd(
	connection: CallConnection,
	call: TriggerCall,
	report: EndReport,
): Promise<VerifiedEnd | Refusal> {
	if (call.settings.verify === 'none') return believeCall(report);
	const verification = { connection, call, report, tracker: new EndTracker(report.id, true) };
	const first = await askApi(verification, ASKING_LIMIT_MS);
	// The job may still succeed, and the service waits for its answer.
	if (getRetryTime(verification, first) !== undefined) {
		reply(call.context, 200, 'Received. The API is asked again before the workflow starts.');
	}
	const last = await proveEnd(
		connection,
		first,
		async () => await askApi(verification, 0),
		(latest) => getRetryTime(verification, latest),
	);
	return judgeAnswer(verification, last);
}

function believeCall({ end }: EndReport): VerifiedEnd | Refusal {
	if (end?.state === 'success' && listFiles(end.job).length > MAX_FILES) {
		return { httpCode: 400, message: `The call names more than ${MAX_FILES} files.` };
	}
	return end ?? { httpCode: 400, message: 'The call names no file that can be fetched.' };
}

/** Asks the API about a call's job. @param limitMs with 0, the API is asked once */
async function askApi({ connection, call, report, tracker }: Verification, limitMs: number): Promise<Asked> {
	const { clock, state, trigger, settings, caller } = call;
	const { id } = report;
	const { account } = connection.service;
	const repeats = state.getLimit(trigger, 'repeats');
	let finding: Finding = { state: 'open', isReported: false };
	let unknown = 0;
	const answer = await askUntilFinal(
		connection,
		{ apiVersion: settings.apiVersion, id },
		limitMs,
		async (fetch) => await state.fetch(clock, account, caller, fetch),
		(latest) => {
			finding = tracker.note(latest, clock.now());
			if (isUnknownJob(latest)) unknown += 1;
			// The API may not know a job for a moment. For forged calls, it is asked again ten times a minute at most.
			const isUnknown = unknown >= MAX_UNKNOWN || (unknown > 0 && !repeats.take(clock, () => {}));
			return finding.state !== 'open' || isInDoubt(finding) || isUnknown || isPermanent(latest);
		},
	);
	return { answer, finding };
}

/**
 * Returns when the API may be asked again about a failure that it must repeat before it counts, ms of the clock, and
 * `undefined` if there is no such failure.
 */
function getRetryTime({ call, report }: Verification, { answer, finding }: Asked): number | undefined {
	if (report.outcome !== 'failed' || !answer || !reportsFailure(answer) || !isInDoubt(finding))
		return undefined;
	return call.clock.now() + (readRequestedPause(answer) ?? 0) * 1000;
}

/** Decides what the API's last answer means for a call. */
function judgeAnswer(
	{ connection, call, report }: Verification,
	{ answer, finding }: Asked,
): VerifiedEnd | Refusal {
	const { id, outcome } = report;
	const refuseWith = (httpCode: number, message: string) => refuse(call, id, httpCode, message);
	if (!answer) return refuseWith(503, 'Too many calls at once.');

	const answeredId = findAnsweredId(answer);
	if (answeredId !== undefined && isOtherSpelling(id, answeredId)) {
		return refuseWith(403, 'The API knows this job by another ID.');
	}
	// The service spells its IDs in one way.
	const isNamed = String(answeredId) === String(id);
	if (!isNamed && !call.caller.isMarked && !isCanonicalId(id)) {
		return refuseWith(403, 'The API does not name this job, and its ID may be written in another way.');
	}
	if (answer.state === 'processing') return refuseWith(403, 'The API says that this job has not ended.');
	if (answer.state === 'success' && finding.state === 'done' && outcome === 'success') return answer;
	const isFailure = answer.state === 'failed' && !answer.isNotFound;
	if (answer.state === 'success' || (isFailure && outcome === 'success')) {
		return refuseWith(403, 'The API contradicts this call.');
	}
	if (finding.state === 'over' && outcome === 'failed' && reportsFailure(answer)) {
		const message = 'message' in answer ? answer.message : '';
		return { state: 'failed', message, ...('advice' in answer && { advice: answer.advice }) };
	}
	return refuseUnconfirmed(connection, call, report, answer);
}

/** Refuses a call because the API denies its job, or because it gave no usable answer. */
function refuseUnconfirmed(
	{ service }: CallConnection,
	call: TriggerCall,
	{ id }: EndReport,
	answer: BadAnswer,
): Refusal {
	const { apiVersion } = call.settings;
	const problem = service.describeProblem(apiVersion, answer, 'fetch', { jobId: id, isOwn: false });
	// A host without this version of the API knows no job at all. The person must hear of that.
	if (isDenial(answer) && service.findBetterBaseUrl(apiVersion) === undefined) {
		return refuse(call, id, 403, 'The API does not confirm this job.', problem.message);
	}
	return {
		httpCode: 503,
		message: 'The API gives no usable answer now. Please repeat the call.',
		error: toNodeApiError(call.context.getNode(), problem),
	};
}

/** Whether the answer reports the bad end of a job. A refused account or a missing file is not one. */
function reportsFailure(answer: Answer): boolean {
	if (answer.state === 'refused') return answer.reason !== 'key' && answer.reason !== 'forbidden';
	return answer.state === 'failed' || answer.state === 'trouble';
}

/** Whether the job has ended if the API says the same again. */
function isInDoubt(finding: Finding): boolean {
	return finding.state === 'open' && finding.believedAt !== undefined;
}

/** Whether the API would give the same answer if it were asked again. */
function isPermanent(answer: Answer): boolean {
	if (answer.state === 'success' || answer.state === 'processing') return false;
	return !mayPass(answer) && !isUnknownJob(answer);
}

/** Whether the API denies the job, and not the question. */
function isDenial(answer: BadAnswer): boolean {
	if (answer.state === 'failed') return true;
	return (
		answer.state === 'refused' && !answer.isPage && ['notFound', 'image', 'other'].includes(answer.reason)
	);
}
