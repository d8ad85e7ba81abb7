/**
 * What items carry through a suspension, beside their JSON: the request and the job. With that, the resumed node goes on
 * as if it had polled all the time.
 */
import type { IDataObject, INodeExecutionData } from 'n8n-workflow';

import { mergeFacts } from '../api/job-facts';
import type { Problem } from '../api/problems';
import type { AcceptedJob, KnownJob, LedgerEntry } from '../jobs/ledger';
import { isGeneration, type JobItem } from '../request';

/** How a job has ended, by the API: well, or in a way that becomes an error. */
export type JobEnd =
	| { isWell: true; known: Extract<KnownJob, { state: 'success' }> }
	/** `isFailed`: the service says so by the job's ID, so the item may be submitted again. */
	| { isWell: false; problem: Problem; isFailed: boolean };

/** What a failed item carries. Its problem may name a job. */
export interface FailedItem {
	problem: Problem;
	trackId?: string;
	/** The fields of the input item, if the error item is to have them. */
	input?: IDataObject;
}

/** What an item carries: its job, or the problem that it failed with. */
export type SuspendedItem = (
	| {
			request: JobItem;
			job: AcceptedJob;
			/** The job's end, as the API reported it to the handler that resumed the execution. */
			end?: JobEnd;
			/** Set when the job failed after the node was resumed: Retry in the list of executions submits the item again. */
			isFailed?: true;
	  }
	| FailedItem
) & {
	/** The node that was suspended. Its items may go through another of these nodes afterwards. */
	node: string;
	/** Identifies this suspension. */
	suspension: string;
	/** The execution that was suspended. */
	execution: string;
	/** The hashes of the marks that its address has. A call without one of them is not the service's. */
	marks: string[];
	/** Set when all calls of the service have come. When the wait runs out, n8n passes the items on without it. */
	isResumed?: true;
};

/** The name of the item's property beside `json`. */
const PROPERTY = 'suspended';

/**
 * Reads what the items of a suspended node carry.
 *
 * @param node the node's ID
 * @returns `undefined` when the items were not suspended with this node, as in its first run
 */
export function readSuspended(
	items: readonly INodeExecutionData[],
	node: string,
): SuspendedItem[] | undefined {
	const suspended = items.map((item) => item[PROPERTY] as SuspendedItem | undefined);
	return suspended.every((entry) => entry?.node === node) ? (suspended as SuspendedItem[]) : undefined;
}

/** The same, but only when the node has been resumed. */
export function readResumed(items: readonly INodeExecutionData[], node: string): SuspendedItem[] | undefined {
	const suspended = readSuspended(items, node);
	return suspended?.every(({ isResumed }) => isResumed) ? suspended : undefined;
}

/** The item, carrying this. */
export function attachSuspended(item: INodeExecutionData, suspended: SuspendedItem): INodeExecutionData {
	// n8n keeps items as JSON.
	return { ...item, [PROPERTY]: suspended as unknown as IDataObject };
}

/** The item without what another node has made it carry. */
export function withoutSuspended(item: INodeExecutionData): INodeExecutionData {
	return PROPERTY in item ? { ...item, [PROPERTY]: undefined } : item;
}

/**
 * The items with which a resumed node goes on.
 *
 * @param ends the ends that the API has reported, by job ID
 */
export function markResumed(
	items: readonly INodeExecutionData[],
	ends: ReadonlyMap<string, JobEnd>,
): INodeExecutionData[] {
	return items.map((item) => {
		const suspended = item[PROPERTY] as unknown as SuspendedItem;
		const end = 'job' in suspended ? ends.get(String(suspended.job.known.job.id)) : undefined;
		return attachSuspended(item, { ...suspended, isResumed: true, ...(end && { end }) });
	});
}

/** The item of a resumed node, updated with what became of its job since. */
export function updateSuspended(
	item: INodeExecutionData,
	entry: LedgerEntry | undefined,
): INodeExecutionData {
	const suspended = item[PROPERTY] as unknown as SuspendedItem | undefined;
	if (!suspended || !('request' in suspended) || !entry) return item;
	switch (entry.fate) {
		case 'accepted': {
			// A person who retries the execution wants to know how the job is then.
			const job = { ...entry, badEnd: undefined };
			return attachSuspended(item, { ...suspended, job, end: undefined, isFailed: undefined });
		}
		case 'failed':
			return attachSuspended(item, { ...suspended, end: undefined, isFailed: true });
		case 'unknown': {
			const { request, node, suspension, execution, marks } = suspended;
			const { trackId, input } = request;
			const { problem } = entry;
			const failed = { problem, trackId, input };
			return attachSuspended(item, { ...failed, node, suspension, execution, marks, isResumed: true });
		}
	}
}

/** The ledger entries with which the run of a resumed node begins. */
export function restoreEntries(
	suspended: readonly SuspendedItem[],
	execution: string,
): Array<[number, LedgerEntry]> {
	return suspended.flatMap((item, index): Array<[number, LedgerEntry]> => {
		const entry = restoreEntry(item, execution);
		return entry ? [[index, entry]] : [];
	});
}

function restoreEntry(suspended: SuspendedItem, execution: string): LedgerEntry | undefined {
	if (!('request' in suspended) || !isGeneration(suspended.request.work)) return undefined;
	// When a person retries the execution, everything that had failed is new work.
	const isRetried = suspended.execution !== execution;
	const { job, end } = suspended;
	if (isRetried && suspended.isFailed) return undefined;
	if (end === undefined) return { ...job, fate: 'accepted' };
	if (end.isWell) {
		const { id } = job.known.job;
		const facts = id === undefined ? end.known.job : mergeFacts(id, job.known.job, end.known.job);
		return { ...job, fate: 'accepted', known: { ...end.known, job: facts } };
	}
	if (!end.isFailed) {
		// A person who retries the execution wants to know how the job is now.
		return { ...job, fate: 'accepted', ...(!isRetried && { badEnd: end.problem }) };
	}
	if (isRetried) return undefined;
	return { fate: 'failed', problem: end.problem, submits: job.submits, isReported: false };
}
