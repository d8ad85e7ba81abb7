/** Getting a job accepted: the one thing that costs money. */
import type { IDataObject } from 'n8n-workflow';

import type { Answer } from '../api/answer';
import { imageBody } from '../api/body';
import { isFateUnknown, isLimit, problemOf, ProblemError } from '../api/problems';
import type { GenerationRequest, ItemRequest } from '../request';
import type { AcceptedJob, Entry } from './ledger';
import { retryPause } from './poll-schedule';
import { MAX_TRIES, openJobOf, stopIfAborted, SUBMIT_LIMIT_MS, type Run } from './run';
import { uploadImages } from './upload';

/**
 * Brings an item's job to be accepted by the service, once. If an earlier try of this run has already
 * submitted it, that job is picked up instead.
 *
 * @returns the accepted job as last known
 * @throws ProblemError when the service refused, or when nobody knows whether it accepted
 * @throws Stopped when the run was stopped
 */
export async function acceptedJob(
	run: Run,
	item: ItemRequest,
	work: GenerationRequest,
): Promise<AcceptedJob> {
	const earlier = run.ledger.get(item.itemIndex);
	if (earlier?.fate === 'accepted') return earlier;
	if (earlier && !maySubmitAgain(run, earlier)) throw new ProblemError(earlier.problem);

	const body: IDataObject = { ...work.body };
	if (run.rest && item.waitFor === 'webhook') body.webhook = run.rest.resumeUrl;
	const images =
		work.image?.from === 'binary' ? await uploadImages(run, item, work.image.properties) : work.image?.urls;
	if (images) Object.assign(body, imageBody(work.apiVersion, images));
	stopIfAborted(run.signal);
	const answer = withId(await submit(run, item, work, body));

	if (answer.state === 'success' || answer.state === 'processing') {
		const at = run.clock.now();
		const submits = (earlier?.submits ?? 0) + 1;
		const accepted = { fate: 'accepted', known: answer, at, since: at, images, submits } as const;
		run.ledger.set(item.itemIndex, accepted);
		// If n8n is killed before the job's item or error is there, this is where its ID can be found.
		run.context.logger.info(
			`Image to 3D: job ${answer.job.id ?? '(no ID)'} was accepted (execution ${run.context.getExecutionId()}, item ${item.itemIndex}).`,
		);
		run.gate.accepted();
		if (answer.state === 'success') run.gate.jobEnded();
		return accepted;
	}
	// Written down before anything else: another item's error may just have stopped the run, and n8n may run it again.
	const problem = problemOf(answer, 'submit', {
		betterBaseUrl: run.service.betterBaseUrl(work.apiVersion),
	});
	if (isFateUnknown(answer)) run.ledger.set(item.itemIndex, { fate: 'unknown', problem });
	if (answer.state === 'failed') run.gate.jobEnded();
	stopIfAborted(run.signal);
	throw new ProblemError(problem);
}

/**
 * Whether an item whose job the service ended as failed is submitted anew, now that n8n runs the node again. It
 * counts the tries of one run, but after a rest it begins to count anew, so the submits are counted here.
 */
function maySubmitAgain(
	run: Run,
	earlier: Exclude<Entry, { fate: 'accepted' }>,
): earlier is Extract<Entry, { fate: 'failed' }> {
	if (earlier.fate === 'unknown') return false;
	if (earlier.isTold) return earlier.submits < run.maxSubmits;
	earlier.isTold = true;
	return false;
}

/** A job that is still processing can be watched only by its id. */
function withId(answer: Answer): Answer {
	if (answer.state !== 'processing' || answer.job.id !== undefined) return answer;
	return {
		state: 'unreadable',
		httpCode: answer.httpCode,
		why: 'the job was accepted, but the answer has no id',
	};
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
		const answer = await submitOnce(run, item, work, body);
		if (!isLimit(answer)) return answer;
		gate.close(answer);
	}
	return await gate.inTurn(async (turn) => {
		const deadline = () => Math.max(start, gate.lastProgress) + item.timeoutMs;
		for (let tries = 1; ; tries++) {
			for (let ms = gate.closedFor(deadline()); ms > 0; ms = gate.closedFor(deadline())) {
				stopIfAborted(run.signal);
				await gate.wait(ms);
			}
			stopIfAborted(run.signal);
			// Where the limit is known, there is room for whoever is let through, and nobody need wait for the answer.
			if (tries === 1 && run.account.knowsLimit(clock.now())) turn.end();
			const answer = await turn.call(async () => await submitOnce(run, item, work, body));
			if (!isLimit(answer) || clock.now() >= deadline()) return answer;
			gate.close(answer);
		}
	});
}

/** One submit, repeated only while it certainly did not arrive: nobody listened, or the name did not resolve. */
async function submitOnce(
	run: Run,
	item: ItemRequest,
	work: GenerationRequest,
	body: IDataObject,
): Promise<Answer> {
	const { account, clock } = run;
	const timeoutMs = Math.min(item.timeoutMs, SUBMIT_LIMIT_MS);
	for (let tries = 1; ; tries++) {
		const answer = await account.submitting(clock.now(), async () => {
			const latest = await run.service.submit(work.apiVersion, work.operation, body, timeoutMs);
			if (latest.state === 'success' || latest.state === 'processing') account.submitted();
			// The job has its place before the submit gives its own away.
			if (latest.state === 'processing' && item.waitFor !== 'none') {
				openJobOf(run, item.itemIndex, work, clock.now());
			}
			return latest;
		});
		if (!didNotArrive(answer) || tries === MAX_TRIES) return answer;
		await clock.sleep(retryPause(tries), run.signal);
		stopIfAborted(run.signal);
	}
}

function didNotArrive(answer: Answer): boolean {
	return answer.state === 'unanswered' && (answer.reason === 'refused' || answer.reason === 'unresolved');
}
