/**
 * What a run that fails leaves for a person who retries its execution.
 *
 * *Retry* in the list of executions starts a new execution with what n8n has kept of the failed one: n8n runs the failed
 * node again, with the same items. The ledger is gone by then. So each item carries its accepted job beside its JSON, and
 * the retried run goes on with those jobs. When nobody knows whether a submit was accepted, the error is reported again
 * and nothing is submitted. A submit that was refused, and a job that the service ended as failed, leave nothing: a person
 * who retries the execution wants them submitted again.
 */
import { createHash } from 'crypto';
import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import type { LedgerEntry } from '../jobs/ledger';
import type { Run } from '../jobs/run';
import { isGeneration, type GenerationItem, type GenerationRequest } from '../request';
import { updateSuspended, withoutSuspended } from '../suspend/suspended-items';
import { isToolCall } from '../tool-call';
import { isRequest, type ReadItem } from './read-items';

/** What an item carries. */
interface LeftJob {
	/** The node that submitted the job. Items go through chains of these nodes, and through loops. */
	node: string;
	/** The credential's ID. Another credential may be another account, which does not know the job. */
	credential?: string | null;
	work: GenerationRequest;
	/** A hash of the node's parameters as they were entered. An expression may return another value each time it is read. */
	parameters: string;
	trackId?: string;
	entry: Exclude<LedgerEntry, { fate: 'failed' }>;
}

/** The name of the item's property beside `json`. */
const PROPERTY = 'submitted';

/**
 * Leaves the jobs of a run that fails with its items, where n8n keeps them with the execution.
 *
 * @param isResumed whether the run goes on after a suspension. Its items carry their jobs already.
 */
export function leaveJobs({ context, ledger }: Run, items: readonly ReadItem[], isResumed: boolean): void {
	// The data of a tool call belongs to the agent.
	if (isToolCall(context)) return;
	const left = context.getInputData().map((input, index) => {
		const entry = ledger.get(index);
		if (isResumed) return updateSuspended(input, entry);
		// An earlier node's suspension may have left something that does not belong to this node.
		const item = { ...withoutSuspended(input), [PROPERTY]: undefined };
		const job = createLeftJob(context, items[index], entry);
		return job ? { ...item, [PROPERTY]: job as unknown as IDataObject } : item;
	});
	// A new array, because the old one may be the output of the node before.
	context.getExecuteData().data.main = [left];
}

function createLeftJob(
	context: IExecuteFunctions,
	item: ReadItem | undefined,
	entry: LedgerEntry | undefined,
): LeftJob | undefined {
	if (!entry || entry.fate === 'failed' || !item || !isGenerationItem(item)) return undefined;
	return {
		node: context.getNode().id,
		credential: readCredentialId(context),
		work: item.work,
		parameters: hashParameters(context),
		trackId: item.trackId,
		entry,
	};
}

/**
 * Gives the items of a retried execution the jobs that the failed one has left.
 *
 * A job is used only for the work that it was submitted for. It is polled, because its call would go to the failed
 * execution.
 *
 * @returns the items, and the entries with which the ledger begins
 */
export function adoptJobs(
	context: IExecuteFunctions,
	items: readonly ReadItem[],
): { items: ReadItem[]; entries: Array<[number, LedgerEntry]> } {
	const entries: Array<[number, LedgerEntry]> = [];
	const isRetried = context.getMode() === 'retry';
	const inputs: readonly INodeExecutionData[] = context.getInputData();
	const adopted = items.map((item, index): ReadItem => {
		const left = isRetried ? (inputs[index]?.[PROPERTY] as unknown as LeftJob | undefined) : undefined;
		if (!left || !isGenerationItem(item) || !belongsTo(left, item, context)) return item;
		entries.push([index, left.entry]);
		const waitFor = item.waitFor === 'webhook' ? 'poll' : item.waitFor;
		return { ...item, waitFor, trackId: left.trackId };
	});
	return { items: adopted, entries };
}

function isGenerationItem(item: ReadItem): item is GenerationItem {
	return isRequest(item) && isGeneration(item.work);
}

function readCredentialId(context: IExecuteFunctions): string | null | undefined {
	return context.getNode().credentials?.stableDiffusionApi?.id;
}

function hashParameters(context: IExecuteFunctions): string {
	return createHash('sha256').update(JSON.stringify(context.getNode().parameters)).digest('base64url');
}

/** Whether the person still wants what the job was submitted for, from the same account. */
function belongsTo(
	{ node, credential, work, parameters }: LeftJob,
	item: GenerationItem,
	context: IExecuteFunctions,
): boolean {
	const isOfNode = node === context.getNode().id && credential === readCredentialId(context);
	const isUnchanged =
		parameters === hashParameters(context) || describePaidPart(work) === describePaidPart(item.work);
	return isOfNode && isUnchanged;
}

/** What the job is made from, without the webhook and without the track ID, which may hold the execution's number. */
function describePaidPart({ operation, apiVersion, image, body }: GenerationRequest): string {
	return JSON.stringify([operation, apiVersion, image, { ...body, webhook: null, track_id: null }]);
}
