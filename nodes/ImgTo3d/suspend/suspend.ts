/**
 * Putting the execution to rest until the service calls.
 *
 * The node hands n8n the items to wait with, and each carries beside its JSON what is needed to go on: the
 * request and the job. When all jobs have ended, `calls/resume.ts` wakes the node, which runs once more with those
 * items and goes on as if it had watched all the time. When the wait runs out instead, n8n does not run the node
 * but passes the items on, and their JSON is the job's reference, ready for Get Result.
 */
import { randomUUID } from 'crypto';
import {
	NodeOperationError,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
} from 'n8n-workflow';

import { mergeFacts } from '../api/answer';
import type { Problem } from '../api/problems';
import type { Service } from '../api/service';
import type { AcceptedJob, LedgerEntry, KnownJob } from '../jobs/ledger';
import type { Run } from '../jobs/run';
import { toErrorItem, toJson, toReference, type Failure } from '../output/items';
import type { GenerationRequest, ItemRequest } from '../request';

/** What lets the items of a run rest: the address to be called at, and when all else is done. */
export class Suspension {
	private readonly allReady = new AbortController();

	/** @param left how many items have something to do before the run may rest */
	constructor(
		readonly resumeUrl: string,
		private left: number,
	) {}

	/** Aborted when no item has anything to do any more but to wait: from then on nothing is gained by watching. */
	get nothingElseToDo(): AbortSignal {
		return this.allReady.signal;
	}

	/** An item is through, or its job is in and it only waits for the service. */
	countReady(): void {
		this.left -= 1;
		if (this.left === 0) this.allReady.abort();
	}
}

/** The path under the execution's own address, so that no other node that waits takes a late call for its own. */
export const RESUME_PATH = 'img-to-3d';

/**
 * Gets ready to rest, when the person wants it and n8n can do it.
 *
 * @param requests the run's items
 * @param isWoken whether the run goes on after a rest: then jobs are open, and where none can rest they are watched
 * @returns nothing when no item is to wait for a call, or when the node is called as an agent's tool, where an
 *   execution cannot rest: the jobs are watched then
 * @throws NodeOperationError when the service could never call this n8n
 */
export function openSuspension(
	context: IExecuteFunctions,
	service: Service,
	requests: readonly ItemRequest[],
	isWoken: boolean,
): Suspension | undefined {
	if (!requests.some(waitsForWebhook) || isToolCall(context)) return undefined;

	const url = new URL(String(context.evaluateExpression('{{ $execution.resumeUrl }}', 0)));
	if (!service.canReach(url.hostname)) {
		if (isWoken) return undefined;
		throw new NodeOperationError(
			context.getNode(),
			`The service cannot call this n8n: its webhook address is at ${url.host}, which is not on the open internet`,
			{
				description:
					'Set the environment variable WEBHOOK_URL to the address that n8n is reached at from outside, on the workers too if there are any, or set Wait For to "Result, Watching the Job". Nothing was submitted.',
			},
		);
	}
	url.pathname += `/${RESUME_PATH}`;
	return new Suspension(url.href, requests.length);
}

/** Whether an item is to wait for the service's call. Nobody calls for a job that was submitted before. */
export function waitsForWebhook(item: ItemRequest): item is ItemRequest & { work: GenerationRequest } {
	return item.waitFor === 'webhook' && item.work.operation !== 'getResult';
}

/** n8n offers a node to agents as a second node type, whose name ends in "Tool". */
export function isToolCall(context: IExecuteFunctions): boolean {
	return context.getNode().type.endsWith('Tool');
}

/** How a job has ended, by the API: well, or in a way that is to be told as an error. */
export type JobEnd =
	| { isWell: true; known: Extract<KnownJob, { state: 'success' }> }
	/** `isFailed`: the service says so by the job's ID, and it may be submitted anew. */
	| { isWell: false; problem: Problem; isFailed: boolean };

/** What an item carries through the rest: its job, or why there is none. */
export type SuspendedItem = (
	| {
			request: ItemRequest;
			job: AcceptedJob;
			/** The job's end, as the API has told who woke the node. */
			end?: JobEnd;
			/** Whether the job failed after the node was woken: who retries the execution wants it submitted anew. */
			isFailed?: true;
	  }
	| { problem: Problem; trackId?: string }
) & {
	/** The node that rests: its items may go through another of these nodes afterwards. */
	node: string;
	/** Of this rest and no other. */
	rest: string;
	/** The execution that rests. */
	execution: string;
	/** Set when the service's calls are through. n8n passes the items on without it when the wait runs out. */
	isWoken?: true;
};

/** The name of the item's own property beside `json` that holds it. */
const CARRIED = 'resting';

/**
 * What the items of a node's rest carry.
 *
 * @param node the node's ID
 * @returns nothing when the items are not of a rest of this node, as in its first run
 */
export function readSuspended(
	items: readonly INodeExecutionData[],
	node: string,
): SuspendedItem[] | undefined {
	const carried = items.map((item) => item[CARRIED] as SuspendedItem | undefined);
	return carried.every((entry) => entry?.node === node) ? (carried as SuspendedItem[]) : undefined;
}

/** The same, when the node was woken to go on with them. */
export function readResumed(items: readonly INodeExecutionData[], node: string): SuspendedItem[] | undefined {
	const carried = readSuspended(items, node);
	return carried?.every(({ isWoken }) => isWoken) ? carried : undefined;
}

/** The item without what another node has carried through its rest. */
export function withoutSuspended(item: INodeExecutionData): INodeExecutionData {
	return CARRIED in item ? { ...item, [CARRIED]: undefined } : item;
}

/**
 * The items with which a woken node goes on.
 *
 * @param ends what the API has told of the jobs, by id
 */
export function markResumed(
	items: readonly INodeExecutionData[],
	ends: ReadonlyMap<string, JobEnd>,
): INodeExecutionData[] {
	return items.map((item) => {
		const carried = item[CARRIED] as unknown as SuspendedItem;
		const end = 'job' in carried ? ends.get(String(carried.job.known.job.id)) : undefined;
		return {
			...item,
			[CARRIED]: asData({ ...carried, isWoken: true, ...(end && { end }) } as SuspendedItem),
		};
	});
}

/** The item of a woken node with what has become of its job since. */
export function updateSuspended(
	item: INodeExecutionData,
	entry: LedgerEntry | undefined,
): INodeExecutionData {
	const carried = item[CARRIED] as unknown as SuspendedItem | undefined;
	if (!carried || !('request' in carried) || !entry) return item;
	switch (entry.fate) {
		case 'accepted': {
			// Whoever retries the execution wants to know how the job stands then.
			const job = { ...entry, badEnd: undefined };
			return { ...item, [CARRIED]: asData({ ...carried, job, end: undefined, isFailed: undefined }) };
		}
		case 'failed':
			return { ...item, [CARRIED]: asData({ ...carried, end: undefined, isFailed: true }) };
		case 'unknown': {
			const { request, node, rest, execution } = carried;
			const { trackId } = request;
			const { problem } = entry;
			return { ...item, [CARRIED]: asData({ problem, trackId, node, rest, execution, isWoken: true }) };
		}
	}
}

/** The jobs that the run of a woken node begins with, by item. */
export function restoreEntries(
	carried: readonly SuspendedItem[],
	execution: string,
): Array<[number, LedgerEntry]> {
	return carried.flatMap((entry, index): Array<[number, LedgerEntry]> => {
		if (!('request' in entry) || entry.request.work.operation === 'getResult') return [];
		// An execution that a person retries is new work for what had failed.
		const isRetried = entry.execution !== execution;
		const { job, end } = entry;
		if (isRetried && entry.isFailed) return [];
		if (end === undefined) return [[index, { ...job, fate: 'accepted' }]];
		if (end.isWell) {
			const { id } = job.known.job;
			const facts = id === undefined ? end.known.job : mergeFacts(id, job.known.job, end.known.job);
			return [[index, { ...job, fate: 'accepted', known: { ...end.known, job: facts } }]];
		}
		if (!end.isFailed) {
			// A person who retries the execution wants to know how the job stands now.
			return [[index, { ...job, fate: 'accepted', ...(!isRetried && { badEnd: end.problem }) }]];
		}
		if (isRetried) return [];
		return [[index, { fate: 'failed', problem: end.problem, submits: job.submits, isTold: false }]];
	});
}

/** Where an item stands when the run is about to rest. */
export type ItemState = { item: ItemRequest; known: KnownJob } | Failure;

/** Whether an item has to wait for the service's call. */
export function isStillOpen(standing: ItemState): boolean {
	return 'known' in standing && standing.known.state === 'processing' && waitsForWebhook(standing.item);
}

/**
 * Puts the execution to rest, until the service calls or the time of the last open job is up.
 *
 * @param standings of all items, in order
 * @returns the node's output until then, for the eye of who looks at the execution
 */
export async function suspendExecution(
	run: Run,
	standings: readonly ItemState[],
	onErrorOutput: boolean,
): Promise<INodeExecutionData[][]> {
	const { context, ledger } = run;
	const now = run.clock.now();
	const mark = { node: context.getNode().id, rest: randomUUID(), execution: context.getExecutionId() };
	let until = now;
	const items = standings.map((standing, itemIndex): INodeExecutionData => {
		if ('error' in standing) {
			const carried = { ...failureToCarry(standing), ...mark };
			return { ...toErrorItem(standing, onErrorOutput), [CARRIED]: asData(carried) };
		}
		const { item, known } = standing;
		const entry = ledger.get(itemIndex);
		const job: AcceptedJob = entry?.fate === 'accepted' ? entry : { known, at: now, since: now, submits: 0 };
		if (isStillOpen(standing)) until = Math.max(until, job.since + item.timeoutMs);
		const carried = { request: withLinks(item, job.images), job, ...mark };
		return { json: restingJson(run, item, known), [CARRIED]: asData(carried) };
	});
	// n8n keeps the input items while the execution rests, and this is where it finds them.
	context.getExecuteData().data.main = [items];
	await context.putExecutionToWait(run.clock.toDate(until));
	// Not the same array: n8n empties it when it sorts out errors. And no errors: they would be taken for a failed try.
	return [
		items.flatMap(({ json }, item) =>
			'error' in (standings[item] ?? {}) ? [] : [{ json, pairedItem: { item } }],
		),
	];
}

/** What leaves when the wait runs out: a reference for Get Result, unless there is nothing left that it could bring. */
function restingJson(run: Run, item: ItemRequest, known: KnownJob): IDataObject {
	const isComplete = !item.download && item.outputMode === 'job';
	return known.state === 'success' && (isComplete || known.job.id === undefined)
		? toJson(item, known.job)
		: toReference(run.service, item.work.apiVersion, known, item.trackId);
}

/** n8n keeps items as JSON. */
const asData = (carried: SuspendedItem) => carried as unknown as IDataObject;

function failureToCarry({ error, paid, jobId, trackId }: Failure): { problem: Problem; trackId?: string } {
	const { message, description } = error;
	const httpCode = 'httpCode' in error && error.httpCode !== null ? Number(error.httpCode) : NaN;
	return {
		problem: {
			message,
			description: description ?? '',
			paid,
			...(jobId !== undefined && { jobId }),
			...(Number.isInteger(httpCode) && { httpCode }),
		},
		...(trackId && { trackId }),
	};
}

/** A request that no longer needs the input item: its files stand behind links by now. */
function withLinks(item: ItemRequest, urls: string[] | undefined): ItemRequest {
	const { work } = item;
	if (work.operation === 'getResult' || urls === undefined) return item;
	return { ...item, work: { ...work, image: { from: 'url', urls } } };
}
