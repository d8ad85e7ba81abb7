/**
 * What a run that fails leaves behind for the person who retries its execution.
 *
 * "Retry" in the list of executions starts a new execution with what n8n has kept of the failed one: it runs the node
 * that failed once more, with the same items. The ledger is gone by then, so each item carries the job that was
 * accepted for it, beside its JSON, and the retried run goes on with those jobs. A submit of which nobody knows is told
 * once more, and not repeated. What was refused, and what the service ended as failed, leaves nothing: who retries the
 * execution wants it anew.
 */
import { createHash } from 'crypto';
import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import type { LedgerEntry } from '../jobs/ledger';
import type { Run } from '../jobs/run';
import type { GenerationRequest, ItemRequest } from '../request';
import { updateSuspended, isToolCall, withoutSuspended } from '../suspend/suspend';
import { isRequest, type ReadItem } from './read-items';

/** What became of an item's submit, if that is not to be paid for again. */
type LeftEntry = Exclude<LedgerEntry, { fate: 'failed' }>;

/** What an item carries. */
interface LeftJob {
	/** The node whose job it is: items go through chains of these nodes, and loops. */
	node: string;
	/** The credential's id: another one may be that of another account, which does not know the job. */
	credential?: string | null;
	work: GenerationRequest;
	/** Of the node's parameters as they were entered: an expression may bring something else each time it is read. */
	parameters: string;
	trackId?: string;
	entry: LeftEntry;
}

/** The name of the item's own property beside `json` that holds it. */
const LEFT = 'submitted';

/**
 * Leaves the jobs of a run that fails with its items, where n8n keeps them with the execution.
 *
 * @param isWoken whether the run goes on after a rest, with items that carry their jobs already
 */
export function leaveJobs({ context, ledger }: Run, readings: readonly ReadItem[], isWoken: boolean): void {
	// The data of a tool's call are its agent's.
	if (isToolCall(context)) return;
	const items = context.getInputData().map((input, index): INodeExecutionData => {
		const entry = ledger.get(index);
		if (isWoken) return updateSuspended(input, entry);
		const reading = readings[index];
		// What a node before has carried through its rest is not this node's.
		const item = { ...withoutSuspended(input), [LEFT]: undefined };
		if (!entry || entry.fate === 'failed' || !reading || !isGeneration(reading)) return item;
		const { work, trackId } = reading;
		const left: LeftJob = {
			node: context.getNode().id,
			credential: credentialOf(context),
			work,
			parameters: parametersOf(context),
			trackId,
			entry,
		};
		return { ...item, [LEFT]: left as unknown as IDataObject };
	});
	// Not into the array itself, which may be the output of the node before.
	context.getExecuteData().data.main = [items];
}

/**
 * The items of a run, and the jobs that a failed execution has left for them if this one is its retry. A job is taken
 * up only for the work that it was submitted for, and watched: its call would go to the execution that has failed.
 */
export function adoptJobs(
	context: IExecuteFunctions,
	readings: readonly ReadItem[],
): { readings: ReadItem[]; entries: Array<[number, LedgerEntry]> } {
	const entries: Array<[number, LedgerEntry]> = [];
	const isRetried = context.getMode() === 'retry';
	const inputs = context.getInputData();
	const own = readings.map((reading, index): ReadItem => {
		const left = isRetried ? (inputs[index]?.[LEFT] as unknown as LeftJob | undefined) : undefined;
		if (!left || !isGeneration(reading) || !isFor(left, reading, context)) return reading;
		entries.push([index, left.entry]);
		const waitFor = reading.waitFor === 'webhook' ? 'poll' : reading.waitFor;
		return { ...reading, waitFor, trackId: left.trackId };
	});
	return { readings: own, entries };
}

type GenerationItem = ItemRequest & { work: GenerationRequest };

function isGeneration(reading: ReadItem): reading is GenerationItem {
	return isRequest(reading) && reading.work.operation !== 'getResult';
}

function credentialOf(context: IExecuteFunctions): string | null | undefined {
	return context.getNode().credentials?.stableDiffusionApi?.id;
}

function parametersOf(context: IExecuteFunctions): string {
	return createHash('sha256').update(JSON.stringify(context.getNode().parameters)).digest('base64url');
}

/** Whether the person still wants what the job was submitted for, from the same account. */
function isFor(
	{ node, credential, work, parameters }: LeftJob,
	reading: GenerationItem,
	context: IExecuteFunctions,
): boolean {
	const isOfNode = node === context.getNode().id && credential === credentialOf(context);
	const isUnchanged = parameters === parametersOf(context) || paidPart(work) === paidPart(reading.work);
	return isOfNode && isUnchanged;
}

/** What the job is made of: without who is told of its end, and the mark, which may hold the execution's number. */
function paidPart({ operation, apiVersion, image, body }: GenerationRequest): string {
	return JSON.stringify([operation, apiVersion, image, { ...body, webhook: null, track_id: null }]);
}
