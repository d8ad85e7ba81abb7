/** The package's one item loop: from the input items to the items that leave, in order, paid once. */
import {
	NodeOperationError,
	type IExecuteFunctions,
	type INodeExecutionData,
	type INode,
} from 'n8n-workflow';

import { sentences } from '../api/problems';
import { openService, readCredential, type Service } from '../api/service';
import { StoppedError, throwIfStopped, Cancellation } from '../async/cancellation';
import { systemClock, type Clock } from '../async/clock';
import { Semaphore } from '../async/semaphore';
import { findLedger, openLedger, type LedgerEntry, type KnownJob } from '../jobs/ledger';
import { pollUntilEnd, pollOnce } from '../jobs/poll';
import { type Run } from '../jobs/run';
import { submitOnce } from '../jobs/submit';
import { SubmitGate } from '../jobs/submit-gate';
import { toErrorItem, toItems, toReference, type Failure } from '../output/items';
import { NUMERIC_OPTIONS } from '../parameters/options';
import { Accounts } from '../polling/account';
import type { ItemRequest } from '../request';
import {
	readResumed,
	isStillOpen,
	openSuspension,
	suspendExecution,
	restoreEntries,
	waitsForWebhook,
	type ItemState,
} from '../suspend/suspend';
import {
	toFailure,
	keepWithExecution,
	forecastRetry,
	findEarlierJob,
	nameJobs,
	describeSubmits,
} from './failures';
import { isRequest, readItems, restoreItem, captureError, type ReadItem } from './read-items';
import { leaveJobs, adoptJobs } from './retried-execution';

/** How many output files come in at the same time. */
const DOWNLOADS_AT_ONCE = 3;

/** How old a look at a job may be when the execution is put to rest, ms, and how often it is looked again for that. */
const OLD_LOOK_MS = 2000;
const LAST_ROUNDS = 3;

/** What this process knows of the service's accounts. */
const processAccounts = new Accounts();

/** What came of a part of an item's work. `stopped`: another item's error ended the run before it was through. */
type Outcome<T> = { state: 'done'; value: T } | ({ state: 'error' } & Failure) | typeof STOPPED;

const STOPPED = { state: 'stopped' } as const;

/**
 * Runs the Image to 3D node for all of its input items.
 *
 * Every item is read and checked before the first one is submitted, so that a mistake in the last one costs
 * nothing. Then each goes its own way, no more than `maxJobsInFlight` of their jobs open at once.
 *
 * @param context n8n's view of this run of the node
 * @param clock the time that waiting goes by; tests bring their own
 * @param accounts what is known of the accounts from earlier runs
 * @returns one output: the items in input order, each paired with its input item. When the execution was put to
 *   rest: what is known of the jobs so far.
 * @throws NodeOperationError for input that cannot be sent, NodeApiError for what the service answered; not
 *   for single items when the node continues on error
 */
export async function runItems(
	context: IExecuteFunctions,
	clock: Clock = systemClock,
	accounts = processAccounts,
): Promise<INodeExecutionData[][]> {
	const inputs = context.getInputData();
	if (inputs.length === 0) return [[]];
	const node = context.getNode();
	const continues = context.continueOnFail();
	const carried = readResumed(inputs, node.id);
	/** The error of all items, when the node continues on it. Jobs of before a rest, and of earlier tries, are named. */
	const failed = (error: NodeOperationError) => {
		const earlier = findLedger(context);
		const jobs = inputs.map((_input, index) => findEarlierJob(earlier?.get(index), carried?.[index]));
		if (!continues) throw nameJobs(error, jobs);
		const onErrorOutput = node.onError === 'continueErrorOutput';
		return [jobs.map((job) => toErrorItem({ error, ...job }, onErrorOutput)).map(paired)];
	};

	const service = await captureError(context, async () =>
		openService(context, clock, await readCredential(context)),
	);
	if (service instanceof NodeOperationError) return failed(service);
	const { readings, entries } = carried
		? {
				readings: carried.map((entry, index) => restoreItem(context, entry, index)),
				entries: restoreEntries(carried, context.getExecutionId()),
			}
		: adoptJobs(context, await readItems(context, service, inputs.length, continues));
	hintAtBaseUrl(context, service, readings);
	const rest = await captureError(context, async () =>
		openSuspension(context, service, readings.filter(isRequest), carried !== undefined),
	);
	if (rest instanceof NodeOperationError) return failed(rest);

	const halt = new AbortController();
	const cancel = context.getExecutionCancelSignal();
	// Not by a listener: a loop runs the node many times on one signal, and Node warns in n8n's log at ten.
	const signal = cancel ? AbortSignal.any([cancel, halt.signal]) : halt.signal;
	const account = accounts.of(service.account);
	const cancellation = new Cancellation(cancel);
	const run: Run = {
		context,
		clock,
		service,
		ledger: openLedger(context, entries),
		maxSubmits: countTries(node),
		account,
		open: new Map(),
		gate: new SubmitGate(clock, account, signal),
		signal,
		cancellation,
		rest,
	};
	cancellation.onCancel(() => keepWithExecution(run));
	const told = readings.map((reading, index) => withJob(reading, run.ledger.get(index)));
	try {
		return await runAll(run, told, halt, carried !== undefined);
	} finally {
		cancellation.forget();
		// What is open still is not watched any more.
		for (const job of run.open.values()) account.untrack(job);
	}
}

/** An item that cannot be read any more may have a job of an earlier try. */
function withJob(reading: ReadItem, entry: LedgerEntry | undefined): ReadItem {
	return isRequest(reading) || !entry ? reading : { ...reading, ...findEarlierJob(entry, undefined) };
}

/** Tells the person in the editor that the credential's host is not the one where the items' API is documented. */
function hintAtBaseUrl(context: IExecuteFunctions, service: Service, readings: readonly ReadItem[]): void {
	const versions = readings.flatMap((reading) => (isRequest(reading) ? reading.work.apiVersion : []));
	const better = versions.map((version) => service.betterBaseUrl(version)).find(Boolean);
	if (better === undefined) return;
	context.addExecutionHints({
		type: 'warning',
		location: 'outputPane',
		message: `API Version V6 is documented at ${better} only, and Base URL in the credential is another host. If calls fail, set it to that.`,
	});
}

/**
 * Brings all items to their end, or the execution to rest.
 *
 * @param halt ends the run when an error stops the node
 * @param isWoken whether the run goes on after a rest
 */
async function runAll(
	run: Run,
	readings: readonly ReadItem[],
	halt: AbortController,
	isWoken: boolean,
): Promise<INodeExecutionData[][]> {
	const { context, rest, signal } = run;
	const node = context.getNode();
	const continues = context.continueOnFail();
	const onErrorOutput = node.onError === 'continueErrorOutput';
	// One number for the run: the first item's.
	const jobs = new Semaphore(
		readings.find(isRequest)?.maxJobsInFlight ?? NUMERIC_OPTIONS.maxJobsInFlight.default,
	);
	const downloads = new Semaphore(DOWNLOADS_AT_ONCE);

	let firstError: { error: Failure['error']; itemIndex: number } | undefined;
	/** Does a part of an item's work; an error that stops the node stops the other items before anything else happens. */
	const attempt = async <T>(item: ItemRequest, work: () => Promise<T>): Promise<Outcome<T>> => {
		try {
			return { state: 'done', value: await work() };
		} catch (thrown) {
			if (thrown instanceof StoppedError) return STOPPED;
			const failure = toFailure(run, thrown, item);
			if (!continues) {
				firstError ??= { error: failure.error, itemIndex: item.itemIndex };
				halt.abort();
			}
			return { state: 'error', ...failure };
		}
	};
	/** A place is held while the job is open, not while its files come in. */
	const known = async (reading: ReadItem): Promise<Outcome<KnownJob>> =>
		isRequest(reading)
			? await jobs.run(
					async (release) => await attempt(reading, async () => await placedJob(run, reading, release)),
				)
			: { state: 'error', ...reading };
	const delivered = async (
		reading: ReadItem,
		job: Outcome<KnownJob>,
	): Promise<Outcome<INodeExecutionData[]>> =>
		job.state === 'done' && isRequest(reading)
			? await attempt(reading, async () => await itemsOf(run, reading, job.value, downloads))
			: (job as Outcome<never>);

	let outcomes: Array<Outcome<INodeExecutionData[]>>;
	if (rest) {
		const standing = await freshStanding(run, readings, known);
		const standings = readings.flatMap((reading, index) => standingOf(reading, standing[index]));
		if (!signal.aborted && standings.some(isStillOpen)) {
			return await suspendExecution(run, standings, onErrorOutput);
		}
		outcomes = await Promise.all(
			readings.map(async (reading, index) => await delivered(reading, standing[index] ?? STOPPED)),
		);
	} else {
		outcomes = await Promise.all(
			readings.map(async (reading) => await delivered(reading, await known(reading))),
		);
	}

	const { isCanceled } = run.cancellation;
	if (isCanceled || firstError) leaveJobs(run, readings, isWoken);
	if (isCanceled) {
		// n8n shows an execution as canceled when its error says "canceled".
		throw new NodeOperationError(node, 'The execution was canceled', {
			description: sentences(...describeSubmits(run)) || 'No job had been submitted.',
		});
	}
	if (firstError) {
		const { error, itemIndex } = firstError;
		error.description = sentences(
			error.description ?? '',
			...describeSubmits(run, itemIndex),
			forecastRetry(run, readings),
		);
		throw error;
	}
	return [
		outcomes.flatMap((outcome, index) => {
			if (outcome.state === 'stopped') return [];
			const items = outcome.state === 'done' ? outcome.value : [toErrorItem(outcome, onErrorOutput)];
			return items.map((item) => paired(item, index));
		}),
	];
}

function paired(item: INodeExecutionData, itemIndex: number): INodeExecutionData {
	return { ...item, pairedItem: { item: itemIndex } };
}

/**
 * How all jobs stand before the execution rests. A call that comes until then is lost, so the open ones are looked
 * at again when a look has become old while others were waited for.
 */
async function freshStanding(
	run: Run,
	readings: readonly ReadItem[],
	known: (reading: ReadItem) => Promise<Outcome<KnownJob>>,
): Promise<Array<Outcome<KnownJob>>> {
	let standing = await Promise.all(readings.map(known));
	const rests = (reading: ReadItem, job: Outcome<KnownJob> | undefined) =>
		standingOf(reading, job).some(isStillOpen);
	const isOld = (reading: ReadItem, index: number) => {
		const entry = run.ledger.get(index);
		const isKnown = rests(reading, standing[index]) && entry?.fate === 'accepted';
		return isKnown && run.clock.now() - entry.at > OLD_LOOK_MS;
	};
	for (let round = 1; round < LAST_ROUNDS && !run.signal.aborted && readings.some(isOld); round++) {
		standing = await Promise.all(
			readings.map(async (reading, index) => {
				const job = standing[index] ?? STOPPED;
				return rests(reading, job) ? await known(reading) : job;
			}),
		);
	}
	return standing;
}

/** Nothing for an item that another one's error stopped: there is no rest then. */
function standingOf(reading: ReadItem, job: Outcome<KnownJob> | undefined): ItemState[] {
	if (!isRequest(reading)) return [reading];
	if (job?.state === 'done') return [{ item: reading, known: job.value }];
	return job?.state === 'error' ? [job] : [];
}

/** The same as {@link knownJob}; a job that nobody watches any more does not take a place of the account's. */
async function placedJob(run: Run, item: ItemRequest, release: () => void): Promise<KnownJob> {
	let isGivenUp = true;
	try {
		const known = await knownJob(run, item, release);
		isGivenUp = false;
		return known;
	} finally {
		const job = run.open.get(item.itemIndex);
		if (isGivenUp && job) run.account.untrack(job);
	}
}

/** Brings an item's job to where the item waits for it: ended, or just accepted. */
async function knownJob(run: Run, item: ItemRequest, release: () => void): Promise<KnownJob> {
	throwIfStopped(run.signal);
	if (!run.rest || !waitsForWebhook(item)) {
		return await watchedJob(run, item, release).finally(() => run.rest?.countReady());
	}
	const accepted = await submitOnce(run, item, item.work).finally(() => run.rest?.countReady());
	const { id } = accepted.known.job;
	return id === undefined
		? accepted.known
		: await pollUntilEnd(run, item, id, { accepted, maySuspend: run.rest.nothingElseToDo, release });
}

async function watchedJob(run: Run, item: ItemRequest, release: () => void): Promise<KnownJob> {
	const { work, waitFor } = item;
	if (work.operation === 'getResult') {
		const { jobId } = work;
		return waitFor === 'none'
			? await pollOnce(run, item, jobId)
			: await pollUntilEnd(run, item, jobId, { release });
	}
	const accepted = await submitOnce(run, item, work);
	const { id } = accepted.known.job;
	if (waitFor === 'none' || id === undefined) return accepted.known;
	return await pollUntilEnd(run, item, id, { accepted, release });
}

async function itemsOf(
	run: Run,
	item: ItemRequest,
	known: KnownJob,
	downloads: Semaphore,
): Promise<INodeExecutionData[]> {
	if (known.state === 'success') return await toItems(run, item, known.job, downloads);
	return [{ json: toReference(run.service, item.work.apiVersion, known, item.trackId) }];
}
/** How often n8n runs a node until it succeeds: its own rule for Retry On Fail. */
export function countTries({ retryOnFail, maxTries }: INode): number {
	return retryOnFail ? Math.min(5, Math.max(2, maxTries || 3)) : 1;
}
