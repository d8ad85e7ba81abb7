/** The package's one item loop: from the input items to the items that leave, in order, paid once. */
import { NodeOperationError, type IExecuteFunctions, type INodeExecutionData } from 'n8n-workflow';

import { sentences } from '../api/problems';
import { openService, readCredential, type Service } from '../api/service';
import { errorItem, finishedItems, referenceJson, type Failure } from '../output/items';
import { NUMERIC_OPTIONS } from '../properties/options';
import type { ItemRequest } from '../request';
import { Accounts } from './account';
import { systemClock, type Clock } from './clock';
import { failureOf, keepWithExecution, forecastRetry, jobBefore, named, submittedJobs } from './failures';
import { earlierLedger, ledgerOf, type Entry, type KnownJob } from './ledger';
import { leaveJobs, takenUp } from './left-jobs';
import { Places } from './places';
import { isRequest, readAll, readingOf, settled, type Reading } from './readings';
import {
	carriedAndWoken,
	isResting,
	openRest,
	putToRest,
	restedEntries,
	waitsForCall,
	type Standing,
} from './rest';
import { Cancellation, Stopped, stopIfAborted, triesOf, type Run } from './run';
import { acceptedJob } from './submit';
import { SubmitGate } from './submit-gate';
import { endOfJob, stateOfJob } from './watch';

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
	const carried = carriedAndWoken(inputs, node.id);
	/** The error of all items, when the node continues on it. Jobs of before a rest, and of earlier tries, are named. */
	const failed = (error: NodeOperationError) => {
		const earlier = earlierLedger(context);
		const jobs = inputs.map((_input, index) => jobBefore(earlier?.get(index), carried?.[index]));
		if (!continues) throw named(error, jobs);
		const onErrorOutput = node.onError === 'continueErrorOutput';
		return [jobs.map((job) => errorItem({ error, ...job }, onErrorOutput)).map(paired)];
	};

	const service = await settled(context, async () =>
		openService(context, clock, await readCredential(context)),
	);
	if (service instanceof NodeOperationError) return failed(service);
	const { readings, entries } = carried
		? {
				readings: carried.map((entry, index) => readingOf(context, entry, index)),
				entries: restedEntries(carried, context.getExecutionId()),
			}
		: takenUp(context, await readAll(context, service, inputs.length, continues));
	hintAtBaseUrl(context, service, readings);
	const rest = await settled(context, async () =>
		openRest(context, service, readings.filter(isRequest), carried !== undefined),
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
		ledger: ledgerOf(context, entries),
		maxSubmits: triesOf(node),
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
		for (const job of run.open.values()) account.drop(job);
	}
}

/** An item that cannot be read any more may have a job of an earlier try. */
function withJob(reading: Reading, entry: Entry | undefined): Reading {
	return isRequest(reading) || !entry ? reading : { ...reading, ...jobBefore(entry, undefined) };
}

/** Tells the person in the editor that the credential's host is not the one where the items' API is documented. */
function hintAtBaseUrl(context: IExecuteFunctions, service: Service, readings: readonly Reading[]): void {
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
	readings: readonly Reading[],
	halt: AbortController,
	isWoken: boolean,
): Promise<INodeExecutionData[][]> {
	const { context, rest, signal } = run;
	const node = context.getNode();
	const continues = context.continueOnFail();
	const onErrorOutput = node.onError === 'continueErrorOutput';
	// One number for the run: the first item's.
	const jobs = new Places(
		readings.find(isRequest)?.maxJobsInFlight ?? NUMERIC_OPTIONS.maxJobsInFlight.default,
	);
	const downloads = new Places(DOWNLOADS_AT_ONCE);

	let firstError: { error: Failure['error']; itemIndex: number } | undefined;
	/** Does a part of an item's work; an error that stops the node stops the other items before anything else happens. */
	const attempt = async <T>(item: ItemRequest, work: () => Promise<T>): Promise<Outcome<T>> => {
		try {
			return { state: 'done', value: await work() };
		} catch (thrown) {
			if (thrown instanceof Stopped) return STOPPED;
			const failure = failureOf(run, thrown, item);
			if (!continues) {
				firstError ??= { error: failure.error, itemIndex: item.itemIndex };
				halt.abort();
			}
			return { state: 'error', ...failure };
		}
	};
	/** A place is held while the job is open, not while its files come in. */
	const known = async (reading: Reading): Promise<Outcome<KnownJob>> =>
		isRequest(reading)
			? await jobs.within(
					async (giveBack) => await attempt(reading, async () => await placedJob(run, reading, giveBack)),
				)
			: { state: 'error', ...reading };
	const delivered = async (
		reading: Reading,
		job: Outcome<KnownJob>,
	): Promise<Outcome<INodeExecutionData[]>> =>
		job.state === 'done' && isRequest(reading)
			? await attempt(reading, async () => await itemsOf(run, reading, job.value, downloads))
			: (job as Outcome<never>);

	let outcomes: Array<Outcome<INodeExecutionData[]>>;
	if (rest) {
		const standing = await freshStanding(run, readings, known);
		const standings = readings.flatMap((reading, index) => standingOf(reading, standing[index]));
		if (!signal.aborted && standings.some(isResting)) {
			return await putToRest(run, standings, onErrorOutput);
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
			description: sentences(...submittedJobs(run)) || 'No job had been submitted.',
		});
	}
	if (firstError) {
		const { error, itemIndex } = firstError;
		error.description = sentences(
			error.description ?? '',
			...submittedJobs(run, itemIndex),
			forecastRetry(run, readings),
		);
		throw error;
	}
	return [
		outcomes.flatMap((outcome, index) => {
			if (outcome.state === 'stopped') return [];
			const items = outcome.state === 'done' ? outcome.value : [errorItem(outcome, onErrorOutput)];
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
	readings: readonly Reading[],
	known: (reading: Reading) => Promise<Outcome<KnownJob>>,
): Promise<Array<Outcome<KnownJob>>> {
	let standing = await Promise.all(readings.map(known));
	const rests = (reading: Reading, job: Outcome<KnownJob> | undefined) =>
		standingOf(reading, job).some(isResting);
	const isOld = (reading: Reading, index: number) => {
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
function standingOf(reading: Reading, job: Outcome<KnownJob> | undefined): Standing[] {
	if (!isRequest(reading)) return [reading];
	if (job?.state === 'done') return [{ item: reading, known: job.value }];
	return job?.state === 'error' ? [job] : [];
}

/** The same as {@link knownJob}; a job that nobody watches any more does not take a place of the account's. */
async function placedJob(run: Run, item: ItemRequest, giveBack: () => void): Promise<KnownJob> {
	let isGivenUp = true;
	try {
		const known = await knownJob(run, item, giveBack);
		isGivenUp = false;
		return known;
	} finally {
		const job = run.open.get(item.itemIndex);
		if (isGivenUp && job) run.account.drop(job);
	}
}

/** Brings an item's job to where the item waits for it: ended, or just accepted. */
async function knownJob(run: Run, item: ItemRequest, giveBack: () => void): Promise<KnownJob> {
	stopIfAborted(run.signal);
	if (!run.rest || !waitsForCall(item)) {
		return await watchedJob(run, item, giveBack).finally(() => run.rest?.oneReady());
	}
	const accepted = await acceptedJob(run, item, item.work).finally(() => run.rest?.oneReady());
	const { id } = accepted.known.job;
	return id === undefined
		? accepted.known
		: await endOfJob(run, item, id, { accepted, mayRest: run.rest.nothingElseToDo, giveBack });
}

async function watchedJob(run: Run, item: ItemRequest, giveBack: () => void): Promise<KnownJob> {
	const { work, waitFor } = item;
	if (work.operation === 'getResult') {
		const { jobId } = work;
		return waitFor === 'none'
			? await stateOfJob(run, item, jobId)
			: await endOfJob(run, item, jobId, { giveBack });
	}
	const accepted = await acceptedJob(run, item, work);
	const { id } = accepted.known.job;
	if (waitFor === 'none' || id === undefined) return accepted.known;
	return await endOfJob(run, item, id, { accepted, giveBack });
}

async function itemsOf(
	run: Run,
	item: ItemRequest,
	known: KnownJob,
	downloads: Places,
): Promise<INodeExecutionData[]> {
	if (known.state === 'success') return await finishedItems(run, item, known.job, downloads);
	return [{ json: referenceJson(run.service, item.work.apiVersion, known, item.trackId) }];
}
