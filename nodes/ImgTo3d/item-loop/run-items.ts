import {
	NodeOperationError,
	type IExecuteFunctions,
	type INode,
	type INodeExecutionData,
} from 'n8n-workflow';

import { openService, readCredential } from '../api/service';
import { Cancellation } from '../async/cancellation';
import { systemClock, type Clock } from '../async/clock';
import { Ledgers, readJobId, type LedgerEntry } from '../jobs/ledger';
import { Progress } from '../jobs/progress';
import { untrackJob, type Run } from '../jobs/run';
import { SubmitGate } from '../jobs/submit-gate';
import { toErrorItem } from '../output/items';
import { Accounts } from '../polling/account';
import { openSuspension } from '../suspend/suspend';
import { readResumed, restoreEntries, type SuspendedItem } from '../suspend/suspended-items';
import { keepWithExecution } from './custom-data';
import { appendDescription, describeJobs, findEarlierJob } from './failures';
import { hintAtCosts, hintAtHost, hintAtOneObject } from './hints';
import { ItemLoop } from './item-loop';
import { continuesOnError, hasErrorOutput } from './on-error';
import { captureError, findInput, isRequest, readItems, restoreItem, type ReadItem } from './read-items';
import { adoptJobs } from './retried-execution';
import { limitSpending } from './spending';

/** What the runs of the node in one process share. */
export class RunState {
	readonly accounts = new Accounts();
	readonly ledgers = new Ledgers();
}

const processState = new RunState();

/**
 * Runs the Image to 3D node for all of its input items.
 *
 * Every item is read and checked before the first one is submitted, so a mistake in the last item costs nothing. After
 * that, the items run side by side, with no more than `maxJobsInFlight` of their jobs open at once.
 *
 * @param context n8n's view of this run of the node
 * @param clock what all waiting goes by. Tests bring their own.
 * @param state what earlier runs have left in memory. Tests bring a new one for a restarted n8n.
 * @returns one output with the items in input order, each paired with its input item. When the execution was suspended:
 *   what is known of the jobs so far.
 * @throws NodeOperationError for input that cannot be sent, NodeApiError for what the service answered. When the node
 *   continues on errors, failed items leave as error items instead.
 */
export async function runItems(
	context: IExecuteFunctions,
	clock: Clock = systemClock,
	state = processState,
): Promise<INodeExecutionData[][]> {
	const inputs = context.getInputData();
	if (inputs.length === 0) return [[]];
	const resumed = readResumed(inputs, context.getNode().id);
	const prepared = await prepare(context, clock, state, resumed);
	if (prepared instanceof NodeOperationError) return failAll(context, state, prepared, resumed);

	const { run, items, halt } = prepared;
	run.cancellation.onCancel(() => {
		keepWithExecution(run);
		run.progress.noteStopped([...run.ledger.values()].flatMap((entry) => readJobId(entry) ?? []));
	});
	try {
		const output = await new ItemLoop(run, items, halt, resumed !== undefined).finish();
		hintAtOneObject(run, items);
		hintAtCosts(run, output);
		return output;
	} finally {
		run.cancellation.forget();
		for (const itemIndex of run.openJobs.keys()) untrackJob(run, itemIndex);
	}
}

/** A run that is ready to begin. */
interface PreparedRun {
	run: Run;
	items: readonly ReadItem[];
	/** Ends the run when an error stops the node. */
	halt: AbortController;
}

/**
 * Opens the service, reads all items and prepares a suspension.
 *
 * @returns the error if the run cannot begin
 * @throws NodeOperationError for an item that cannot be sent, unless the node continues on errors
 */
async function prepare(
	context: IExecuteFunctions,
	clock: Clock,
	state: RunState,
	resumed: readonly SuspendedItem[] | undefined,
): Promise<PreparedRun | NodeOperationError> {
	const service = await captureError(context, async () =>
		openService(context, clock, await readCredential(context)),
	);
	if (service instanceof NodeOperationError) return service;
	const read = resumed
		? restoreItems(context, resumed)
		: adoptJobs(context, await readItems(context, service));
	const ledger = state.ledgers.open(context, read.entries);
	hintAtHost(context, service, read.items);
	const halt = new AbortController();
	const signal = createSignal(context, halt);
	const begun = await captureError(context, async () => {
		const items = await limitSpending(context, { clock, service, signal }, { items: read.items, ledger });
		return {
			items,
			suspension: openSuspension(context, service, items.filter(isRequest), resumed !== undefined),
		};
	});
	if (begun instanceof NodeOperationError) return begun;
	const { items, suspension } = begun;
	const account = state.accounts.get(service.account);
	const cancellation = new Cancellation(context.getExecutionCancelSignal());
	const gate = new SubmitGate({ clock, service, signal }, account);
	const maxSubmits = countTries(context.getNode());
	const run: Run = {
		...{ context, clock, service, signal, ledger, account, gate, cancellation, maxSubmits, suspension },
		progress: new Progress(context, items.filter(isRequest).length),
		openJobs: new Map(),
		shared: new Map(),
	};
	return { run, halt, items: items.map((item, index) => withEarlierJob(item, ledger.get(index))) };
}

/** The signal that ends the run: because of the person's Stop, or because `halt` is aborted. */
function createSignal(context: IExecuteFunctions, halt: AbortController): AbortSignal {
	const cancel = context.getExecutionCancelSignal();
	// No listener: a loop runs the node many times with one signal, and Node warns in n8n's log from ten listeners on.
	return cancel ? AbortSignal.any([cancel, halt.signal]) : halt.signal;
}

/** How often n8n runs a node until it succeeds: n8n's own rule for Retry On Fail. */
function countTries({ retryOnFail, maxTries }: INode): number {
	return retryOnFail ? Math.min(5, Math.max(2, maxTries || 3)) : 1;
}

function restoreItems(
	context: IExecuteFunctions,
	suspended: readonly SuspendedItem[],
): { items: ReadItem[]; entries: Array<[number, LedgerEntry]> } {
	return {
		items: suspended.map((item, index) => restoreItem(context, item, index)),
		entries: restoreEntries(suspended, context.getExecutionId()),
	};
}

/** An item that cannot be read any more may have a job of an earlier try. */
function withEarlierJob(item: ReadItem, entry: LedgerEntry | undefined): ReadItem {
	return isRequest(item) || !entry ? item : { ...item, ...findEarlierJob(entry, undefined) };
}

/**
 * Fails all items, when the run cannot begin.
 *
 * @returns error items, if the node continues on errors. They name the jobs from before a suspension and of earlier tries.
 * @throws NodeOperationError if it does not
 */
function failAll(
	context: IExecuteFunctions,
	{ ledgers }: RunState,
	error: NodeOperationError,
	resumed: readonly SuspendedItem[] | undefined,
): INodeExecutionData[][] {
	const earlier = ledgers.find(context);
	const jobs = context.getInputData().map((_input, index) => ({
		...(!resumed && findInput(context, index)),
		...findEarlierJob(earlier?.get(index), resumed?.[index]),
	}));
	if (!continuesOnError(context)) {
		appendDescription(error, describeJobs(jobs));
		throw error;
	}
	const onErrorOutput = hasErrorOutput(context);
	return [
		jobs.map((job, item) => ({ ...toErrorItem({ error, ...job }, onErrorOutput), pairedItem: { item } })),
	];
}
