/**
 * Putting the execution to rest until the service calls.
 *
 * The node hands n8n the items to wait with, and each carries beside its JSON what is needed to go on: the
 * request and the job. When all jobs have ended, `calls/resume.ts` wakes the node, which runs once more with those
 * items and goes on as if it had watched all the time. When the wait runs out instead, n8n does not run the node
 * but passes the items on, and their JSON is the job's reference, ready for Get Result.
 */
import {
	NodeOperationError,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
} from 'n8n-workflow';

import type { Problem } from '../api/problems';
import { isPublicHost } from '../api/public-address';
import type { Service } from '../api/service';
import { errorItem, referenceJson, type Failure } from '../output/items';
import type { GenerationRequest, ItemRequest } from '../request';
import type { AcceptedJob, KnownJob } from './ledger';
import type { Run } from './run';

/** What lets the items of a run rest: the address to be called at, and when all else is done. */
export class Rest {
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
	oneReady(): void {
		this.left -= 1;
		if (this.left === 0) this.allReady.abort();
	}
}

/**
 * Gets ready to rest, when the person wants it and n8n can do it.
 *
 * @param requests the run's items
 * @returns nothing when no item is to wait for a call, or when the node is called as an agent's tool, where an
 *   execution cannot rest: the jobs are watched then
 * @throws NodeOperationError when the service could never call this n8n
 */
export function openRest(
	context: IExecuteFunctions,
	service: Service,
	requests: readonly ItemRequest[],
): Rest | undefined {
	if (!requests.some(waitsForCall) || isToolCall(context)) return undefined;

	const resumeUrl = String(context.evaluateExpression('{{ $execution.resumeUrl }}', 0));
	const { host, hostname } = new URL(resumeUrl);
	if (!service.isPrivate && !isPublicHost(hostname)) {
		throw new NodeOperationError(
			context.getNode(),
			`The service cannot call this n8n: its webhook address is at ${host}, which is not on the open internet`,
			{
				description:
					'Set the environment variable WEBHOOK_URL to the address that n8n is reached at from outside, on the workers too if there are any, or set Wait For to "Result, Watching the Job". Nothing was submitted.',
			},
		);
	}
	return new Rest(resumeUrl, requests.length);
}

/** Whether an item is to wait for the service's call. Nobody calls for a job that was submitted before. */
export function waitsForCall(item: ItemRequest): item is ItemRequest & { work: GenerationRequest } {
	return item.waitFor === 'webhook' && item.work.operation !== 'getResult';
}

/** n8n offers a node to agents as a second node type, whose name ends in "Tool". */
function isToolCall(context: IExecuteFunctions): boolean {
	return context.getNode().type.endsWith('Tool');
}

/** What an item carries through the rest: its job, or why there is none. */
export type Carried = { request: ItemRequest; job: AcceptedJob } | { problem: Problem; trackId?: string };

/** The name of the item's own property beside `json` that holds it. */
const CARRIED = 'resting';

/** Set by the handler of the service's calls. Items that n8n passes on when the wait runs out do not have it. */
const WOKEN = 'woken';

/**
 * What the items of a rest carry.
 *
 * @returns nothing when the items are not of a rest, as in the first run of the node
 */
export function carriedThroughRest(items: readonly INodeExecutionData[]): Carried[] | undefined {
	const carried = items.map((item) => item[CARRIED] as Carried | undefined);
	return carried.every((entry) => entry !== undefined) ? carried : undefined;
}

/** The same, when the node was woken to go on with them. */
export function carriedAndWoken(items: readonly INodeExecutionData[]): Carried[] | undefined {
	return items.every((item) => item[WOKEN] === 'yes') ? carriedThroughRest(items) : undefined;
}

/** The items with which a woken node goes on. */
export function wokenItems(items: readonly INodeExecutionData[]): INodeExecutionData[] {
	return items.map((item) => ({ ...item, [WOKEN]: 'yes' }));
}

/** Where an item stands when the run is about to rest. */
export type Standing = { item: ItemRequest; known: KnownJob } | Failure;

/** Whether an item has to wait for the service's call. */
export function isResting(standing: Standing): boolean {
	return 'known' in standing && standing.known.state === 'processing' && waitsForCall(standing.item);
}

/**
 * Puts the execution to rest, until the service calls or the time of the last open job is up.
 *
 * @param standings of all items, in order
 * @returns the node's output until then, for the eye of who looks at the execution
 */
export async function putToRest(
	run: Run,
	standings: readonly Standing[],
	onErrorOutput: boolean,
): Promise<INodeExecutionData[][]> {
	const { context, ledger, service } = run;
	let until = run.clock.now();
	const items = standings.map((standing, itemIndex): INodeExecutionData => {
		if ('error' in standing) {
			return { ...errorItem(standing, onErrorOutput), [CARRIED]: asData(failureToCarry(standing)) };
		}
		const { item, known } = standing;
		const entry = ledger.get(itemIndex);
		const now = run.clock.now();
		const job: AcceptedJob = entry?.fate === 'accepted' ? entry : { known, at: now, since: now };
		if (isResting(standing)) until = Math.max(until, job.since + item.timeoutMs);
		return {
			json: referenceJson(service, item.work.apiVersion, known, item.trackId),
			[CARRIED]: asData({ request: withLink(item, job.image), job }),
		};
	});
	// n8n keeps the input items while the execution rests, and this is where it finds them.
	context.getExecuteData().data.main = [items];
	await context.putExecutionToWait(new Date(until));
	// Not the same array: n8n empties it when it sorts out errors. And no errors: they would be taken for a failed try.
	return [
		standings.flatMap((standing, index) =>
			'error' in standing ? [] : [{ json: items[index]?.json ?? {}, pairedItem: { item: index } }],
		),
	];
}

/** n8n keeps items as JSON. */
const asData = (carried: Carried) => carried as unknown as IDataObject;

function failureToCarry({ error, jobId, trackId }: Failure): Carried {
	const { message, description } = error;
	const httpCode = 'httpCode' in error ? Number(error.httpCode) : NaN;
	return {
		problem: {
			message,
			description: description ?? '',
			...(jobId !== undefined && { jobId }),
			...(Number.isInteger(httpCode) && { httpCode }),
		},
		...(trackId && { trackId }),
	};
}

/** A request that no longer needs the input item: its file stands behind a link by now. */
function withLink(item: ItemRequest, image: string | undefined): ItemRequest {
	const { work } = item;
	if (work.operation === 'getResult' || image === undefined) return item;
	return { ...item, work: { ...work, image: { from: 'url', url: image } } };
}
