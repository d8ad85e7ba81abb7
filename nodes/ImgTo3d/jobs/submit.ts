/** Submitting a job: the one call that costs money. */
import type { IDataObject } from 'n8n-workflow';

import { findNewestJob } from '../account/generated-jobs';
import { holdsJob, type Answer } from '../api/answer';
import { describeMark, joinSentences } from '../api/error-texts';
import { isSameId, type JobId } from '../api/job-id';
import { isFateUnknown, isLimit, type BadAnswer, type Limit } from '../api/judge';
import { markTriggerAddress } from '../api/mark';
import { ProblemError, type Problem } from '../api/problems';
import { SUBMIT_LIMIT_MS } from '../api/service';
import { VERSIONS } from '../api/versions';
import { throwIfStopped } from '../async/cancellation';
import { computeBackoffWithinTries, retry } from '../async/retry';
import { waitsForWebhook, type GenerationItem } from '../request';
import { readJobId, type AcceptedJob, type KnownJob, type LedgerEntry } from './ledger';
import { doOnce, trackJob, type Run } from './run';
import { uploadImages } from './upload';

/**
 * Submits an item's job once. If an earlier try of this run has already submitted it, that job is used instead.
 *
 * @returns the accepted job as last known
 * @throws ProblemError when the service refused it, or when it is not known whether the service accepted it
 * @throws StoppedError when the run was stopped
 */
export async function submitOnce(run: Run, item: GenerationItem): Promise<AcceptedJob> {
	const earlier = run.ledger.get(item.itemIndex);
	if (earlier?.fate === 'accepted') return takeAccepted(run, item, earlier);
	if (earlier && !maySubmitAgain(run, earlier)) throw new ProblemError(earlier.problem);

	const { work } = item;
	const body: IDataObject = { ...work.body };
	if (run.suspension && waitsForWebhook(item)) body.webhook = run.suspension.resumeUrl;
	else if (typeof body.webhook === 'string') {
		body.webhook = markTriggerAddress(run.service.sign, body.webhook, body.track_id);
	}
	const images =
		work.image?.from === 'binary' ? await uploadImages(run, item, work.image.properties) : work.image?.urls;
	if (images) Object.assign(body, VERSIONS[work.apiVersion].images.buildBody(images));
	throwIfStopped(run.signal);
	const submit = { item, body, images, earlierSubmits: earlier?.submits ?? 0 };
	const { accepted, problem } = await run.cancellation.unlessCanceled(submitAndRecord(run, submit));
	if (accepted) return accepted;
	throwIfStopped(run.signal);
	throw new ProblemError(problem);
}

/** The item's job from the ledger. Its bad end is reported once. After that, the job is fetched again. */
function takeAccepted(run: Run, item: GenerationItem, entry: LedgerEntry & AcceptedJob): AcceptedJob {
	const { badEnd, ...job } = entry;
	if (badEnd === undefined) return entry;
	run.ledger.set(item.itemIndex, { ...job, fate: 'accepted' });
	throw new ProblemError(badEnd);
}

/**
 * Whether an item whose job the service ended as failed is submitted again, now that n8n runs the node again. n8n counts
 * the tries of one run, but starts again after a suspension, so the submits are counted here.
 */
function maySubmitAgain(
	run: Run,
	earlier: Exclude<LedgerEntry, { fate: 'accepted' }>,
): earlier is Extract<LedgerEntry, { fate: 'failed' }> {
	if (earlier.fate === 'unknown') return false;
	if (earlier.isReported) return earlier.submits < run.maxSubmits;
	earlier.isReported = true;
	return false;
}

/** A submit that is ready to be sent. */
interface Submit {
	item: GenerationItem;
	body: IDataObject;
	/** The links to the images in the body. */
	images?: string[];
	/** How often the item was submitted before. */
	earlierSubmits: number;
}

/** What became of a submit. */
type Submitted = { accepted: AcceptedJob; problem?: undefined } | { accepted?: undefined; problem: Problem };

/**
 * Submits, and records what became of it before anything else happens: another item's error may have just stopped the
 * run, and n8n may run the node again. It goes on when the execution is canceled.
 */
async function submitAndRecord(run: Run, submit: Submit): Promise<Submitted> {
	const answer = await submitWhenOpen(run, submit);
	const known = readAcceptance(answer);
	// The answer may report at the same time that the job was accepted and that it failed. Then it must not leave any doubt
	// about whose failure it is.
	const isFailed =
		answer.state === 'failed' && known !== undefined && !answer.isIdUncertain && !answer.isNotFound;
	if (known && !isFailed) return { accepted: recordAccepted(run, submit, known) };
	const problem = recordProblem(run, submit, answer, isFailed);
	if (problem.paid !== 'no' && problem.jobId === undefined) await addMark(run, problem);
	return { problem };
}

/** How long an error waits for the account's newest job, ms. */
const MARK_LIMIT_MS = 5000;

/**
 * Adds to the problem of a job without an ID where the job shows later. The service lists finished jobs only, so it cannot
 * tell at once whether there is one.
 */
async function addMark(run: Run, problem: Problem): Promise<void> {
	try {
		// A job of another item was perhaps submitted later, and has ended earlier.
		const isMark = (id: JobId) => ![...run.ledger.values()].some((entry) => isSameJob(entry, id));
		// An earlier mark is as good: the jobs of all items are above it.
		const newest = await doOnce(
			run,
			'newest job',
			async () => await findNewestJob(run, isMark, MARK_LIMIT_MS),
		);
		problem.description = joinSentences(problem.description, describeMark(newest));
	} catch {
		// The service does not list the jobs for this key, or not in time.
	}
}

function isSameJob(entry: LedgerEntry, id: JobId): boolean {
	const own = readJobId(entry);
	return own !== undefined && isSameId(own, id);
}

function recordAccepted(run: Run, { item, images, earlierSubmits }: Submit, known: KnownJob): AcceptedJob {
	const at = run.clock.now();
	const accepted = { known, at, since: at, images, submits: earlierSubmits + 1 };
	run.ledger.set(item.itemIndex, { ...accepted, fate: 'accepted' });
	noteAcceptance(run, item, known.job.id, estimateSeconds(run, item, known));
	run.gate.noteAccepted();
	if (known.state === 'success') run.gate.noteEnded();
	return accepted;
}

/** @param isFailed whether the job was accepted and has failed already */
function recordProblem(
	run: Run,
	{ item, earlierSubmits }: Submit,
	answer: Answer,
	isFailed: boolean,
): Problem {
	const { ledger, gate, service, context, cancellation } = run;
	const bad = answer.state === 'processing' ? withoutId(answer) : (answer as BadAnswer);
	const problem = service.describeProblem(item.work.apiVersion, bad, isFailed ? 'fetch' : 'submit');
	if (isFailed) {
		noteAcceptance(run, item, problem.jobId);
		ledger.set(item.itemIndex, { fate: 'failed', problem, submits: earlierSubmits + 1, isReported: true });
	} else if (holdsJob(bad) || isFateUnknown(bad)) {
		ledger.set(item.itemIndex, { fate: 'unknown', problem });
	}
	if (answer.state === 'failed') gate.noteEnded();
	if (cancellation.isCanceled && problem.paid !== 'no') {
		context.logger.warn(`Image to 3D, after the execution was stopped: ${problem.message}.`);
	}
	return problem;
}

/**
 * The job in the answer to a submit. Any sign of a job means that the service accepted the submit, whatever the answer's
 * HTTP code and status are. But a job that is not done can be polled only by its ID.
 */
function readAcceptance(answer: Answer): KnownJob | undefined {
	if (answer.state === 'success') return answer;
	if (answer.state === 'processing') return answer.job.id === undefined ? undefined : answer;
	if (answer.state === 'unanswered' || !holdsJob(answer) || answer.id === undefined) return undefined;
	const { httpCode, id } = answer;
	return { state: 'processing', httpCode, job: { id, output: [], extras: {} } };
}

const withoutId = ({ httpCode }: KnownJob): BadAnswer => ({
	state: 'unreadable',
	httpCode,
	hasEvidence: true,
	why: 'the answer has no ID',
});

function noteAcceptance(run: Run, item: GenerationItem, id: JobId | undefined, seconds?: number): void {
	run.progress.noteAccepted(item, id, seconds, run.cancellation.isCanceled);
}

/** How long a job will probably take, s: by the service's estimate, or else as earlier jobs of its kind. */
function estimateSeconds(
	{ account, clock, openJobs }: Run,
	{ itemIndex }: GenerationItem,
	known: KnownJob,
): number | undefined {
	if (known.state === 'success') return undefined;
	if (known.etaSeconds !== undefined) return known.etaSeconds;
	const open = openJobs.get(itemIndex);
	const { work, startsAt = 0 } = open ? account.predict(open, clock.now()) : {};
	return work && startsAt + Math.exp(work.mean);
}

/**
 * Submits, and waits while the service refuses more jobs. The wait ends when the run has made no progress for the item's
 * timeout. So a queue that moves slowly is waited out, and a queue that is stuck ends the wait of all items at once.
 */
async function submitWhenOpen(run: Run, submit: Submit): Promise<Answer> {
	const { gate, clock, account, signal } = run;
	const start = clock.now();
	if (!gate.isClosed) {
		const answer = await sendSubmit(run, submit);
		if (!isRefusedByLimit(answer)) return answer;
	}
	return await gate.pass(async (leave) => {
		const deadline = () => Math.max(start, gate.lastProgress) + submit.item.timeoutMs;
		for (;;) {
			for (let ms = gate.getClosedMs(deadline()); ms > 0; ms = gate.getClosedMs(deadline())) {
				throwIfStopped(signal);
				await gate.wait(ms);
			}
			throwIfStopped(signal);
			// The time is up, and the service still wants to be left alone.
			const refusal = account.room.getRefusal(clock.now());
			if (refusal) return refusal;
			// There is room for every submit that passes, so the next one does not wait for the answer.
			leave();
			const answer = await sendSubmit(run, submit);
			if (!isRefusedByLimit(answer) || clock.now() >= deadline()) return answer;
		}
	});
}

/** Whether a submit was refused because of a limit, so that it was certainly not accepted. */
const isRefusedByLimit = (answer: Answer): answer is Limit => isLimit(answer) && !holdsJob(answer);

/** Sends a submit. It is repeated only while it certainly did not arrive: the connection was refused, or the name did not resolve. */
async function sendSubmit(run: Run, { item, body }: Submit): Promise<Answer> {
	const { account, clock } = run;
	const { work } = item;
	const timeoutMs = Math.min(item.timeoutMs, SUBMIT_LIMIT_MS);
	const attempt = async () =>
		await account.countSubmit(clock.now(), async () => {
			const answer = await run.service.submit(work.apiVersion, work.operation, body, timeoutMs);
			const known = readAcceptance(answer);
			// Before the submit gives up its slot, so that no other one is sent that would be refused, too.
			if (isRefusedByLimit(answer)) account.room.noteRefused(answer, clock.now());
			if (known) account.noteAccepted(clock.now());
			// The job takes its own slot before the submit gives up its slot.
			if (known?.state === 'processing' && item.waitFor !== 'none' && !run.cancellation.isCanceled) {
				trackJob(run, item.itemIndex, work, clock.now());
			}
			return answer;
		});
	return await retry(run, attempt, (answer, tries) =>
		hasNotArrived(answer) ? computeBackoffWithinTries(tries) : undefined,
	);
}

function hasNotArrived(answer: Answer): boolean {
	return answer.state === 'unanswered' && (answer.reason === 'refused' || answer.reason === 'unresolved');
}
