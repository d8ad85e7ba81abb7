import { NodeOperationError, type INodeExecutionData } from 'n8n-workflow';

import { joinSentences } from '../api/error-texts';
import { StoppedError, throwIfStopped } from '../async/cancellation';
import { Semaphore } from '../async/semaphore';
import { untrackJob, type Run } from '../jobs/run';
import { findOperation } from '../operations';
import type { Result } from '../operations/operation';
import { toErrorItem, type Failure } from '../output/items';
import { toToolItem } from '../output/tool-item';
import { NUMERIC_OPTIONS } from '../parameters/options';
import type { ItemRequest } from '../request';
import { isStillOpen, suspendExecution, type ItemState } from '../suspend/suspend';
import { isToolCall } from '../tool-call';
import { appendDescription, describeSubmits, forecastRetry, toFailure, warnOfNewJobs } from './failures';
import { continuesOnError, hasErrorOutput } from './on-error';
import { isRequest, type ReadItem } from './read-items';
import { leaveJobs } from './retried-execution';

/** How many output files are downloaded at once. */
const DOWNLOADS_AT_ONCE = 3;

/** How old the state of a job may be when the execution is suspended, ms, and how often the jobs are polled for that. */
const MAX_STATE_AGE_MS = 2000;
const MAX_ROUNDS = 3;

/** What came of a step of an item's work. `stopped`: the error of another item ended the run first. */
type Outcome<T> = { state: 'done'; value: T } | ({ state: 'error' } & Failure) | { state: 'stopped' };

/** The package's only item loop: from the input items to the items that leave, in order. */
export class ItemLoop {
	/** Limits how many of the run's jobs are open at once. */
	private readonly jobs: Semaphore;
	private readonly downloads = new Semaphore(DOWNLOADS_AT_ONCE);
	private readonly continues: boolean;
	private readonly onErrorOutput: boolean;
	private firstError: { error: Failure['error']; itemIndex: number } | undefined;

	/**
	 * @param halt ends the run when an error stops the node
	 * @param isResumed whether the run goes on after a suspension
	 */
	constructor(
		private readonly run: Run,
		private readonly items: readonly ReadItem[],
		private readonly halt: AbortController,
		private readonly isResumed: boolean,
	) {
		const { context } = run;
		this.continues = continuesOnError(context);
		this.onErrorOutput = hasErrorOutput(context);
		// The run has one limit: the first item's.
		this.jobs = new Semaphore(
			items.find(isRequest)?.maxJobsInFlight ?? NUMERIC_OPTIONS.maxJobsInFlight.default,
		);
	}

	/**
	 * Brings all items to their end, or suspends the execution.
	 *
	 * @returns the node's output
	 * @throws NodeOperationError or NodeApiError, for the first item that failed or because the execution was canceled
	 */
	async finish(): Promise<INodeExecutionData[][]> {
		const { run, items } = this;
		let outcomes: Array<Outcome<INodeExecutionData[]>>;
		if (run.suspension) {
			const results = await this.performUntilReady();
			const states = items.flatMap((item, index) => toItemState(item, results[index]));
			const openCount = states.filter(isStillOpen).length;
			if (!run.signal.aborted && openCount > 0) {
				run.progress.tell(`Suspended until the service has called for ${openCount} open jobs`);
				return await suspendExecution(run, states, this.onErrorOutput);
			}
			outcomes = await Promise.all(
				items.map(async (item, index) => await this.deliver(item, results[index] ?? { state: 'stopped' })),
			);
		} else {
			outcomes = await Promise.all(
				items.map(async (item) => await this.deliver(item, await this.perform(item))),
			);
		}
		this.throwErrors();
		return [outcomes.flatMap((outcome, index) => this.toOutput(outcome, index))];
	}

	/** Performs the item's operation. The item holds a slot while its job is open, but not while its files are downloaded. */
	private async perform(item: ReadItem): Promise<Outcome<Result>> {
		if (!isRequest(item)) return { state: 'error', ...item };
		return await this.jobs.run(
			async (release) => await this.attempt(item, async () => await this.performTracked(item, release)),
		);
	}

	/** A job that is not polled any more does not take a slot of the account. */
	private async performTracked(item: ItemRequest, release: () => void): Promise<Result> {
		const { run } = this;
		throwIfStopped(run.signal);
		let isGivenUp = true;
		try {
			const result = await findOperation(item.work.operation).perform(run, item, release);
			isGivenUp = false;
			this.noteDone(item, result);
			return result;
		} finally {
			if (isGivenUp) untrackJob(run, item.itemIndex);
			run.suspension?.markReady(item.itemIndex);
		}
	}

	private noteDone({ itemIndex }: ItemRequest, { job }: Result): void {
		if (job?.known.state !== 'success') return;
		const entry = this.run.ledger.get(itemIndex);
		const since = entry?.fate === 'accepted' ? entry.since : undefined;
		const seconds = since === undefined ? undefined : (this.run.clock.now() - since) / 1000;
		this.run.progress.noteDone(job.known.job.id, seconds);
	}

	private async deliver(item: ReadItem, result: Outcome<Result>): Promise<Outcome<INodeExecutionData[]>> {
		if (result.state !== 'done' || !isRequest(item)) return result as Outcome<never>;
		return await this.attempt(item, async () => await result.value.toItems(this.downloads));
	}

	/** Does a step of an item's work. An error that stops the node ends the other items before anything else happens. */
	private async attempt<T>(item: ItemRequest, work: () => Promise<T>): Promise<Outcome<T>> {
		try {
			return { state: 'done', value: await work() };
		} catch (thrown) {
			if (thrown instanceof StoppedError) return { state: 'stopped' };
			const failure = toFailure(this.run, thrown, item);
			this.run.progress.tell(failure.error.message);
			if (!this.continues) {
				this.firstError ??= { error: failure.error, itemIndex: item.itemIndex };
				this.halt.abort();
			}
			return { state: 'error', ...failure };
		}
	}

	/**
	 * Performs all items until they only wait for the service's calls. A call that comes before the execution is suspended
	 * is lost. So a job whose state has become old, because other items took long, is polled again.
	 */
	private async performUntilReady(): Promise<Array<Outcome<Result>>> {
		const { run, items } = this;
		let results = await Promise.all(items.map(async (item) => await this.perform(item)));
		const isOpen = (item: ReadItem, index: number) => toItemState(item, results[index]).some(isStillOpen);
		const isOld = (item: ReadItem, index: number) => {
			const entry = run.ledger.get(index);
			const isKnown = isOpen(item, index) && entry?.fate === 'accepted';
			return isKnown && run.clock.now() - entry.at > MAX_STATE_AGE_MS;
		};
		for (let round = 1; round < MAX_ROUNDS && !run.signal.aborted && items.some(isOld); round++) {
			results = await Promise.all(
				items.map(async (item, index) => {
					const result = results[index];
					return !result || isOpen(item, index) ? await this.perform(item) : result;
				}),
			);
		}
		return results;
	}

	/** @throws what ends the whole run, with what it leaves behind */
	private throwErrors(): void {
		const { run, items, firstError } = this;
		const { isCanceled } = run.cancellation;
		if (isCanceled || firstError) leaveJobs(run, items, this.isResumed);
		if (isCanceled) {
			// n8n shows an execution as canceled when its error says "canceled".
			throw new NodeOperationError(run.context.getNode(), 'The execution was canceled', {
				description: joinSentences(...describeSubmits(run)) || 'No job had been submitted.',
			});
		}
		if (!firstError) return;
		const { error, itemIndex } = firstError;
		const jobs = describeSubmits(run, itemIndex);
		appendDescription(error, ...jobs, forecastRetry(run, items), warnOfNewJobs(run, items));
		throw error;
	}

	private toOutput(outcome: Outcome<INodeExecutionData[]>, item: number): INodeExecutionData[] {
		if (outcome.state === 'stopped') return [];
		const items = outcome.state === 'done' ? outcome.value : [toErrorItem(outcome, this.onErrorOutput)];
		const { context } = this.run;
		const leaving = isToolCall(context) ? items.map((one) => toToolItem(context, one)) : items;
		return leaving.map((one) => ({ ...one, pairedItem: { item } }));
	}
}

/** Nothing for an item that another item's error stopped: the execution is not suspended then. */
function toItemState(item: ReadItem, result: Outcome<Result> | undefined): ItemState[] {
	if (!isRequest(item)) return [item];
	if (result?.state === 'error') return [result];
	return result?.state === 'done' && result.value.job ? [result.value.job] : [];
}
