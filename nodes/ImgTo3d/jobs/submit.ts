/** Getting a job accepted: the one thing that costs money. */
import type { IDataObject } from 'n8n-workflow';

import { holdsJob, type Answer } from '../api/answer';
import { buildImageBody } from '../api/body';
import { writeWholeId, type JobId } from '../api/job-id';
import { isFateUnknown, isLimit, type BadAnswer, type Limit } from '../api/judge';
import { describeProblem, ProblemError, type Problem } from '../api/problems';
import { SUBMIT_LIMIT_MS } from '../api/service';
import { throwIfStopped } from '../async/cancellation';
import { computeBackoffWithinTries, retry } from '../async/retry';
import type { GenerationRequest, ItemRequest } from '../request';
import type { AcceptedJob, LedgerEntry, KnownJob } from './ledger';
import { trackJob, type Run } from './run';
import { uploadImages } from './upload';

/**
 * Brings an item's job to be accepted by the service, once. If an earlier try of this run has already
 * submitted it, that job is picked up instead.
 *
 * @returns the accepted job as last known
 * @throws ProblemError when the service refused, or when nobody knows whether it accepted
 * @throws Stopped when the run was stopped
 */
export async function submitOnce(run: Run, item: ItemRequest, work: GenerationRequest): Promise<AcceptedJob> {
	const earlier = run.ledger.get(item.itemIndex);
	if (earlier?.fate === 'accepted') return takeUp(run, item, earlier);
	if (earlier && !maySubmitAgain(run, earlier)) throw new ProblemError(earlier.problem);

	const body: IDataObject = { ...work.body };
	if (run.rest && item.waitFor === 'webhook') body.webhook = run.rest.resumeUrl;
	const images =
		work.image?.from === 'binary' ? await uploadImages(run, item, work.image.properties) : work.image?.urls;
	if (images) Object.assign(body, buildImageBody(work.apiVersion, images));
	throwIfStopped(run.signal);
	const submitted = submitAndRecord(run, item, work, body, { images, submits: earlier?.submits ?? 0 });
	const { accepted, problem } = await run.cancellation.unlessCanceled(submitted);
	if (accepted) return accepted;
	throwIfStopped(run.signal);
	throw new ProblemError(problem);
}

/** The job that is there for an item. How it ended badly is told once; whoever comes again wants it fetched. */
function takeUp(run: Run, item: ItemRequest, entry: LedgerEntry & AcceptedJob): AcceptedJob {
	const { badEnd, ...job } = entry;
	if (badEnd === undefined) return entry;
	run.ledger.set(item.itemIndex, { ...job, fate: 'accepted' });
	throw new ProblemError(badEnd);
}

/**
 * Whether an item whose job the service ended as failed is submitted anew, now that n8n runs the node again. It
 * counts the tries of one run, but after a rest it begins to count anew, so the submits are counted here.
 */
function maySubmitAgain(
	run: Run,
	earlier: Exclude<LedgerEntry, { fate: 'accepted' }>,
): earlier is Extract<LedgerEntry, { fate: 'failed' }> {
	if (earlier.fate === 'unknown') return false;
	if (earlier.isTold) return earlier.submits < run.maxSubmits;
	earlier.isTold = true;
	return false;
}

/** What became of a submit. */
type Submitted = { accepted: AcceptedJob; problem?: undefined } | { accepted?: undefined; problem: Problem };

/**
 * Submits, and writes into the ledger what became of it before anything else happens: another item's error may just
 * have stopped the run, and n8n may run it again. It runs on when the execution is canceled.
 */
async function submitAndRecord(
	run: Run,
	item: ItemRequest,
	work: GenerationRequest,
	body: IDataObject,
	{ images, submits }: Pick<AcceptedJob, 'images' | 'submits'>,
): Promise<Submitted> {
	const answer = await submit(run, item, work, body);
	const known = acceptanceIn(answer);
	// A job that failed as soon as it was accepted has its end already, if the answer leaves no doubt whose that is.
	const isFailed =
		answer.state === 'failed' && known !== undefined && !answer.isIdLoose && !answer.isUnknownJob;
	if (known && !isFailed) {
		const at = run.clock.now();
		const accepted = { fate: 'accepted', known, at, since: at, images, submits: submits + 1 } as const;
		run.ledger.set(item.itemIndex, accepted);
		noteAcceptance(run, item, known.job.id);
		run.gate.accepted();
		if (known.state === 'success') run.gate.jobEnded();
		return { accepted };
	}
	const betterBaseUrl = run.service.betterBaseUrl(work.apiVersion);
	const bad = answer.state === 'processing' ? withoutId(answer) : (answer as BadAnswer);
	const problem = describeProblem(bad, isFailed ? 'fetch' : 'submit', { betterBaseUrl });
	if (isFailed) {
		noteAcceptance(run, item, known.job.id);
		run.ledger.set(item.itemIndex, { fate: 'failed', problem, submits: submits + 1, isTold: true });
	} else if (holdsJob(bad) || isFateUnknown(bad)) {
		run.ledger.set(item.itemIndex, { fate: 'unknown', problem });
	}
	if (answer.state === 'failed') run.gate.jobEnded();
	if (run.cancellation.isCanceled && problem.paid !== 'no') {
		run.context.logger.warn(`Image to 3D, after the execution was stopped: ${problem.message}.`);
	}
	return { problem };
}

/**
 * The job in an answer to a submit. Any sign of one means that the service took the submit, whatever the answer's HTTP
 * code and status; but an unfinished job can be watched only by its ID.
 */
function acceptanceIn(answer: Answer): KnownJob | undefined {
	if (answer.state === 'success') return answer;
	if (answer.state === 'processing') return answer.job.id === undefined ? undefined : answer;
	if (answer.state === 'unanswered' || !holdsJob(answer) || answer.id === undefined) return undefined;
	const { httpCode, id } = answer;
	return { state: 'processing', httpCode, job: { id, output: [], extras: {} } };
}

const withoutId = ({ httpCode }: KnownJob): BadAnswer => ({
	state: 'unreadable',
	httpCode,
	holdsJob: true,
	why: 'the service accepted it, but its answer has no ID',
});

/** If n8n is killed or stopped before the job's item or error is there, this is where its ID can be found. */
function noteAcceptance(run: Run, { itemIndex }: ItemRequest, id: JobId | undefined): void {
	const { context, cancellation } = run;
	const job = `Image to 3D: job ${id === undefined ? '(no ID)' : writeWholeId(id)} was accepted`;
	const where = `(execution ${context.getExecutionId()}, item ${itemIndex}).`;
	if (cancellation.isCanceled) context.logger.warn(`${job} after the execution was stopped ${where}`);
	else context.logger.info(`${job} ${where}`);
}

/**
 * Submits, waiting while the service refuses more: until the item's timeout is over since the run last got on.
 * A queue that moves slowly is waited out however long it is; one that is stuck ends the wait of all items at once.
 */
async function submit(
	run: Run,
	item: ItemRequest,
	work: GenerationRequest,
	body: IDataObject,
): Promise<Answer> {
	const { gate, clock } = run;
	const start = clock.now();
	if (!gate.isClosed) {
		const answer = await sendSubmit(run, item, work, body);
		if (!isRefusedByLimit(answer)) return answer;
		gate.close(answer);
	}
	return await gate.inTurn(async (turn) => {
		const deadline = () => Math.max(start, gate.lastProgress) + item.timeoutMs;
		for (let tries = 1; ; tries++) {
			for (let ms = gate.closedFor(deadline()); ms > 0; ms = gate.closedFor(deadline())) {
				throwIfStopped(run.signal);
				await gate.wait(ms);
			}
			throwIfStopped(run.signal);
			// Where the limit is known, there is room for whoever is let through, and nobody need wait for the answer.
			if (tries === 1 && run.account.knowsLimit(clock.now())) turn.end();
			const answer = await turn.call(async () => await sendSubmit(run, item, work, body));
			if (!isRefusedByLimit(answer) || clock.now() >= deadline()) return answer;
			gate.close(answer);
		}
	});
}

/** Whether a submit was refused because of a limit, and certainly not taken. */
const isRefusedByLimit = (answer: Answer): answer is Limit => isLimit(answer) && !holdsJob(answer);

/** One submit, repeated only while it certainly did not arrive: nobody listened, or the name did not resolve. */
async function sendSubmit(
	run: Run,
	item: ItemRequest,
	work: GenerationRequest,
	body: IDataObject,
): Promise<Answer> {
	const { account, clock } = run;
	const timeoutMs = Math.min(item.timeoutMs, SUBMIT_LIMIT_MS);
	const attempt = async () =>
		await account.countSubmit(clock.now(), async () => {
			const latest = await run.service.submit(work.apiVersion, work.operation, body, timeoutMs);
			const known = acceptanceIn(latest);
			if (known) account.countAccepted();
			// The job has its place before the submit gives its own away.
			if (known?.state === 'processing' && item.waitFor !== 'none' && !run.cancellation.isCanceled) {
				trackJob(run, item.itemIndex, work, clock.now());
			}
			return latest;
		});
	return await retry(run, attempt, (answer, tries) =>
		didNotArrive(answer) ? computeBackoffWithinTries(tries) : undefined,
	);
}

function didNotArrive(answer: Answer): boolean {
	return answer.state === 'unanswered' && (answer.reason === 'refused' || answer.reason === 'unresolved');
}
