/**
 * Suspending an execution until the service calls.
 *
 * The node gives n8n the items to wait with. Each carries what is needed to go on (`suspended-items.ts`). When all jobs
 * have ended, `resume.ts` resumes the node, which runs again with those items. When the wait runs out instead, n8n does
 * not run the node. It passes the items on, and their JSON is the reference to the job, ready for Get Result.
 */
import { randomUUID } from 'crypto';
import {
	NodeOperationError,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
} from 'n8n-workflow';

import { hashMark, MARK_PARAMETER } from '../api/mark';
import type { Service } from '../api/service';
import type { AcceptedJob, KnownJob } from '../jobs/ledger';
import type { Run } from '../jobs/run';
import type { Suspension } from '../jobs/suspension';
import { toErrorItem, toJson, toReference, type Failure } from '../output/items';
import { isGeneration, isJobWork, waitsForWebhook, type ItemRequest, type JobItem } from '../request';
import { isToolCall } from '../tool-call';
import { attachSuspended, readResumed, type FailedItem } from './suspended-items';

/** The path under the execution's own address. With it, no other waiting node can take a late call for its own. */
export const RESUME_PATH = 'img-to-3d';

/** A suspension that a run is preparing. */
class OpenSuspension implements Suspension {
	private readonly ready = new Set<number>();
	private readonly allReady = new AbortController();

	/** @param itemCount how many items have to be ready before the execution may be suspended */
	constructor(
		readonly resumeUrl: string,
		private readonly itemCount: number,
	) {}

	get nothingElseToDo(): AbortSignal {
		return this.allReady.signal;
	}

	markReady(itemIndex: number): void {
		this.ready.add(itemIndex);
		if (this.ready.size === this.itemCount) this.allReady.abort();
	}
}

/**
 * Prepares a suspension if the person wants one and n8n can do it.
 *
 * @param requests the run's items
 * @param isResumed whether the run goes on after a suspension. Its jobs are open then, so they are polled if it cannot be
 *   suspended again.
 * @returns `undefined` when no item waits for a call, when an item brings no job that could wait, when a resumed run can no
 *   longer be called, and when an agent calls the node as its tool: n8n cannot suspend that execution. The jobs are polled
 *   then.
 * @throws NodeOperationError when the service could never call this n8n, and the run is not a resumed one
 */
export function openSuspension(
	context: IExecuteFunctions,
	service: Service,
	requests: readonly ItemRequest[],
	isResumed: boolean,
): Suspension | undefined {
	if (!requests.some(waitsForWebhook) || isToolCall(context)) return undefined;
	if (!requests.every(({ work }) => isJobWork(work))) return undefined;

	const url = new URL(String(context.evaluateExpression('{{ $execution.resumeUrl }}', 0)));
	if (!service.canReach(url.hostname)) {
		if (isResumed) return undefined;
		throw new NodeOperationError(
			context.getNode(),
			`The service cannot call this n8n: its webhook address is at ${url.host}, which is not on the open internet`,
			{
				description:
					'Set the environment variable WEBHOOK_URL to the address at which n8n can be reached from the internet, on the workers too if there are any, or set Wait for Completion to "Poll the Service". Nothing was submitted.',
			},
		);
	}
	url.pathname += `/${RESUME_PATH}`;
	url.searchParams.set(MARK_PARAMETER, makeMark(context, service));
	return new OpenSuspension(url.href, requests.length);
}

/** The same mark for each suspension of a node's execution: a job may end in a later one than it was submitted in. */
const makeMark = (context: IExecuteFunctions, { sign }: Service) =>
	sign('suspension', context.getExecutionId(), context.getNode().id);

/** Where an item is when the execution is about to be suspended. */
export type ItemState = { item: JobItem; known: KnownJob } | Failure;

/** Whether the item still waits for the service's call. */
export function isStillOpen(state: ItemState): boolean {
	return 'known' in state && state.known.state === 'processing' && waitsForWebhook(state.item);
}

/**
 * Suspends the execution until the service calls, or until the time of the last open job is up.
 *
 * @param states of all items, in order
 * @returns the node's output until then, for a person who opens the execution
 */
export async function suspendExecution(
	run: Run,
	states: readonly ItemState[],
	onErrorOutput: boolean,
): Promise<INodeExecutionData[][]> {
	const { context, clock } = run;
	const node = context.getNode().id;
	// The key may have changed since an earlier suspension.
	const earlier = readResumed(context.getInputData(), node)?.[0]?.marks ?? [];
	const wait = {
		node,
		suspension: randomUUID(),
		execution: context.getExecutionId(),
		marks: [...new Set([...earlier, hashMark(makeMark(context, run.service))])],
	};
	const items = states.map((state, itemIndex) => {
		if ('error' in state) {
			return attachSuspended(toErrorItem(state, onErrorOutput), { ...toProblem(state), ...wait });
		}
		const job = findJob(run, itemIndex, state);
		return attachSuspended(
			{ json: toWaitingJson(run, state) },
			{ request: withLinks(state.item, job.images), job, ...wait },
		);
	});
	// n8n keeps the input items of the suspended execution, and this is where it finds them.
	context.getExecuteData().data.main = [items];
	await context.putExecutionToWait(clock.toDate(findEndOfWait(run, states)));
	// A new array, because n8n empties it when it sorts out errors. Without errors, because n8n would take them for a failed try.
	return [
		items.flatMap(({ json }, item) =>
			'error' in (states[item] ?? {}) ? [] : [{ json, pairedItem: { item } }],
		),
	];
}

function findJob({ ledger, clock }: Run, itemIndex: number, { known }: { known: KnownJob }): AcceptedJob {
	const entry = ledger.get(itemIndex);
	return entry?.fate === 'accepted' ? entry : { known, at: clock.now(), since: clock.now(), submits: 0 };
}

/** When the time of the last open job is up, ms of the clock. */
function findEndOfWait(run: Run, states: readonly ItemState[]): number {
	const ends = states.map((state, itemIndex) =>
		'known' in state && isStillOpen(state)
			? findJob(run, itemIndex, state).since + state.item.timeoutMs
			: run.clock.now(),
	);
	return Math.max(run.clock.now(), ...ends);
}

/** What leaves when the wait runs out: a reference for Get Result, unless Get Result could bring nothing more. */
function toWaitingJson(run: Run, { item, known }: { item: JobItem; known: KnownJob }): IDataObject {
	const isComplete = !item.download && item.outputMode === 'job';
	return known.state === 'success' && (isComplete || known.job.id === undefined)
		? toJson(item, known.job)
		: toReference(run.service, item.work.apiVersion, known, item);
}

function toProblem({ error, paid, jobId, trackId, input }: Failure): FailedItem {
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
		...(input && { input }),
	};
}

/** A request that does not need the input item any more: its files are behind links. */
function withLinks(item: JobItem, urls: string[] | undefined): JobItem {
	const { work } = item;
	if (!isGeneration(work) || urls === undefined) return item;
	return { ...item, work: { ...work, image: { from: 'url', urls } } };
}
