/** The package's one item loop: from the input items to the items that leave, in order, paid once. */
import {
	NodeOperationError,
	type IExecuteFunctions,
	type INodeExecutionData,
	type NodeApiError,
} from 'n8n-workflow';

import { ProblemError, sentences, toNodeApiError } from '../api/problems';
import { openService } from '../api/service';
import { errorItem, finishedItems, referenceItem } from '../output/items';
import { readMaxJobsInFlight, readRequest } from '../properties/read-request';
import type { ItemRequest } from '../request';
import { systemClock, type Clock } from './clock';
import { ledgerOf, type Entry, type KnownJob } from './ledger';
import { Places } from './places';
import { Stopped, stopIfAborted, type Run } from './run';
import { acceptedJob } from './submit';
import { SubmitGate } from './submit-gate';
import { readImage } from './upload';
import { endOfJob, stateOfJob } from './watch';

/** How many output files come in at the same time. */
const DOWNLOADS_AT_ONCE = 3;

type ItemError = NodeApiError | NodeOperationError;

/** What came of an item's work. `stopped`: another item's error ended the run before this one was through. */
type Outcome<T> =
	| { state: 'done'; value: T }
	| { state: 'error'; error: ItemError; jobId?: string | number }
	| { state: 'stopped' };

type Attempt = <T>(itemIndex: number, work: () => Promise<T>) => Promise<Outcome<T>>;

/**
 * Runs the Image to 3D node for all of its input items.
 *
 * Every item is read and checked before the first one is submitted, so that a mistake in the last one costs
 * nothing. Then each goes its own way, no more than `maxJobsInFlight` of their jobs open at once.
 *
 * @param context n8n's view of this run of the node
 * @param clock the time that waiting goes by; tests bring their own
 * @returns one output: the items in input order, each paired with its input item
 * @throws NodeOperationError for input that cannot be sent, NodeApiError for what the service answered; not
 *   for single items when the node continues on error
 */
export async function runItems(
	context: IExecuteFunctions,
	clock: Clock = systemClock,
): Promise<INodeExecutionData[][]> {
	const inputs = context.getInputData();
	if (inputs.length === 0) return [[]];
	const node = context.getNode();
	const continues = context.continueOnFail();
	const onErrorOutput = node.onError === 'continueErrorOutput';

	const common = await settled(context, async () => ({
		service: await openService(context, clock),
		maxJobsInFlight: readMaxJobsInFlight(context),
	}));
	if (common instanceof NodeOperationError) {
		if (!continues) throw common;
		return [inputs.map((_input, index) => errorItem(common, index, onErrorOutput, {}))];
	}
	const readings: Array<ItemRequest | NodeOperationError> = [];
	for (let index = 0; index < inputs.length; index++) readings.push(await reading(context, index, continues));

	const halt = new AbortController();
	const cancel = context.getExecutionCancelSignal();
	// Not by a listener: a loop runs the node many times on one signal, and Node warns in n8n's log at ten.
	const signal = cancel ? AbortSignal.any([cancel, halt.signal]) : halt.signal;
	const run: Run = {
		context,
		clock,
		service: common.service,
		ledger: ledgerOf(context),
		gate: new SubmitGate(clock, signal),
		signal,
	};
	const jobs = new Places(common.maxJobsInFlight);
	const downloads = new Places(DOWNLOADS_AT_ONCE);

	let firstError: { error: ItemError; itemIndex: number } | undefined;
	/** Does a part of an item's work; an error that stops the node stops the other items before anything else happens. */
	const attempt: Attempt = async (itemIndex, work) => {
		try {
			return { state: 'done', value: await work() };
		} catch (thrown) {
			if (thrown instanceof Stopped) return { state: 'stopped' };
			const failed = asItemError(run, thrown, itemIndex);
			if (!continues) {
				firstError ??= { error: failed.error, itemIndex };
				halt.abort();
			}
			return { state: 'error', ...failed };
		}
	};
	const outcomes = await Promise.all(
		readings.map(async (item, itemIndex): Promise<Outcome<INodeExecutionData[]>> => {
			if (item instanceof NodeOperationError) return { state: 'error', error: item };
			// A place is held while the job is open, not while its files come in.
			const known = await jobs.within(
				async () => await attempt(itemIndex, async () => await knownJob(run, item)),
			);
			if (known.state !== 'done') return known;
			return await attempt(itemIndex, async () => await itemsOf(run, item, known.value, downloads));
		}),
	);

	if (cancel?.aborted) {
		// n8n shows an execution as canceled when its error says "canceled".
		throw new NodeOperationError(node, 'The execution was canceled', {
			description: sentences(...submittedJobs(run)) || 'No job had been submitted.',
		});
	}
	if (firstError) {
		const { error, itemIndex } = firstError;
		error.description = sentences(error.description ?? '', ...submittedJobs(run, itemIndex));
		throw error;
	}
	return [
		outcomes.flatMap((outcome, index) => {
			if (outcome.state === 'done') return outcome.value;
			if (outcome.state === 'stopped') return [];
			const item = readings[index];
			const trackId = item instanceof NodeOperationError ? undefined : item?.trackId;
			return [errorItem(outcome.error, index, onErrorOutput, { jobId: outcome.jobId, trackId })];
		}),
	];
}

/** The item's request, or why it cannot be sent; thrown at once when the node does not continue on error. */
async function reading(
	context: IExecuteFunctions,
	itemIndex: number,
	continues: boolean,
): Promise<ItemRequest | NodeOperationError> {
	const item = await settled(
		context,
		async () => {
			const request = readRequest(context, itemIndex);
			const image = request.work.operation === 'getResult' ? undefined : request.work.image;
			// Read here to be checked and again to be sent, so that only the images in flight are held in memory.
			if (image?.from === 'binary') await readImage(context, itemIndex, image.property);
			return request;
		},
		itemIndex,
	);
	if (item instanceof NodeOperationError && !continues) throw item;
	return item;
}

/** What `read` brings, or its error as the node's own. */
async function settled<T>(
	context: IExecuteFunctions,
	read: () => Promise<T>,
	itemIndex?: number,
): Promise<T | NodeOperationError> {
	try {
		return await read();
	} catch (thrown) {
		return thrown instanceof NodeOperationError
			? thrown
			: new NodeOperationError(context.getNode(), thrown as Error, { itemIndex });
	}
}

/** Brings an item's job to where the item waits for it: ended, or just accepted. */
async function knownJob(run: Run, item: ItemRequest): Promise<KnownJob> {
	stopIfAborted(run.signal);
	const { work } = item;
	if (work.operation === 'getResult') {
		return item.waitFor === 'none'
			? await stateOfJob(run, item, work.jobId)
			: await endOfJob(run, item, work.jobId);
	}
	const accepted = await acceptedJob(run, item, work);
	const { id } = accepted.known.job;
	if (accepted.known.state === 'success' || item.waitFor === 'none' || id === undefined)
		return accepted.known;
	return await endOfJob(run, item, id, accepted);
}

async function itemsOf(
	run: Run,
	item: ItemRequest,
	known: KnownJob,
	downloads: Places,
): Promise<INodeExecutionData[]> {
	return known.state === 'success'
		? await finishedItems(run, item, known.job, downloads)
		: [referenceItem(run, item, known)];
}

/** An item's error as n8n shows it, with the job it is about: as the problem has it, else the one the item submitted. */
function asItemError(
	{ context, ledger }: Run,
	thrown: unknown,
	itemIndex: number,
): { error: ItemError; jobId?: string | number } {
	const node = context.getNode();
	if (thrown instanceof ProblemError) {
		return { error: toNodeApiError(node, thrown.problem, itemIndex), jobId: thrown.problem.jobId };
	}
	const jobId = idOf(ledger.get(itemIndex));
	if (thrown instanceof NodeOperationError) return { error: thrown, jobId };
	const error = new NodeOperationError(node, thrown as Error, { itemIndex });
	if (jobId !== undefined) error.message = `Job ${jobId}: ${error.message}`;
	return { error, jobId };
}

function idOf(entry: Entry | undefined): string | number | undefined {
	if (entry === undefined) return undefined;
	return entry.fate === 'accepted' ? entry.known.job.id : entry.problem.jobId;
}

/**
 * The run's submits, for the error that ends the run: the jobs are paid for, and their ids get them back.
 *
 * @param except the item whose own error is told
 * @returns sentences
 */
function submittedJobs({ ledger }: Run, except?: number): string[] {
	const submits = [...ledger].filter(([itemIndex]) => itemIndex !== except);
	const known = submits.flatMap(([itemIndex, entry]) => {
		const id = idOf(entry);
		return id === undefined ? [] : [`${id} (item ${itemIndex})`];
	});
	const unknown = submits.filter(([, entry]) => idOf(entry) === undefined).map(([itemIndex]) => itemIndex);
	const others = except === undefined ? 'Jobs' : 'Other jobs';
	return [
		known.length > 0
			? `${others} of this run were accepted and can be fetched with Get Result: ${known.join(', ')}.`
			: '',
		unknown.length > 0
			? `Of these items nobody knows whether their jobs were accepted: ${unknown.join(', ')}.`
			: '',
	];
}
