/** The parts of a cell of the fault table that are the same in the engine and on an n8n server. */
import sharp from 'sharp';
import type { INode, INodeExecutionData, INodeParameters, IRun } from 'n8n-workflow';

import type { JobRecord } from '../../local-api/jobs.mts';
import type { Cell } from './cells.mts';
import { type Pace, TRIES } from './expect.mts';
import { findFault } from './faults.mts';
import type { Exchange, FaultPlan } from './fault-proxy.mts';

/** The item that a fault hits. It is the first one, because n8n's Retry On Fail checks only that one if the node continues. */
export const HIT = 0;
export const ITEMS = 2;

/** What was observed in the run of a cell. */
export interface Observation {
	/** The key of the credential. */
	key: string;
	/** The run of the node. If the execution was suspended: after it was resumed. */
	run: IRun;
	items: INodeExecutionData[];
	errors: INodeExecutionData[];
	/** The file of each item, in the order of the items. */
	files: Array<Buffer | undefined>;
	/** The output of each job, by the job's ID. */
	made: Map<number, Buffer>;
	jobs: readonly JobRecord[];
	exchanges: readonly Exchange[];
	/** The lines of n8n's log. */
	log: string[];
	/** Every request of this process: host, path and headers. */
	requests: Array<{ host: string; text: string }>;
	/** The hosts to which requests may go. */
	hosts: string[];
	/** s of the clock */
	seconds: number;
	/** The item of each execution that the trigger has started. */
	started: Array<number | undefined>;
	/** What n8n keeps of executions, and its answers to callers. */
	kept: unknown[];
}

let images: Promise<string[]> | undefined;

/** Returns the PNGs of the input items, base64. They are made once. */
export async function getInputImages(): Promise<string[]> {
	images ??= makeInputImages();
	return await images;
}

async function makeInputImages(): Promise<string[]> {
	return await Promise.all(
		['#c33', '#33c'].map(async (background) => {
			const image = sharp({ create: { width: 16, height: 16, channels: 3, background } });
			return (await image.png().toBuffer()).toString('base64');
		}),
	);
}

/** Answers after which a submit may not have been accepted. The worst case for the node is that it was not. */
const UNPAID = ['notSent', 'notNow', 'noPlace', 'refused', 'noAccess', 'notFound', 'doubtfulEnd', 'open'];

/** Plans the fault of a cell. */
export function planFault(cell: Cell, { jobSeconds }: Pace): FaultPlan {
	const { place, means, persistence, mode, waitSeconds = 0 } = cell;
	const { way = 'silent', times = 1, rawId, isIdNested = false, hasMirror = false } = findFault(cell) ?? {};
	const isLater = place === 'download' || (place === 'fetch' && mode !== 'none');
	return {
		place: place === 'webhook' ? undefined : place,
		way,
		// At the other places, a fault that hits several times is the same as one that hits once.
		times: place === 'fetch' ? times : 1,
		...(rawId !== undefined && { rawId }),
		isIdNested,
		hasMirror,
		isPersistent: persistence === 'always',
		isAccepted: !UNPAID.includes(means),
		item: HIT,
		// If the requests begin only when the jobs have ended, the first one must be within the outage.
		outageSeconds: isLater ? jobSeconds + 3 : 3,
		waitSeconds,
	};
}

/** Makes the options of the node. The track ID of each job has the number of its item. */
export function makeOptions({ timeout }: Pace): INodeParameters {
	return { trackId: '=item-{{ $json.n ?? $json.track_id.slice(5) }}', timeout, maxFileSize: 2 };
}

/** Makes the node's parameters for a generation. @param options in addition to the usual ones */
export function makeParameters(
	{ place, mode, onError }: Cell,
	pace: Pace,
	options: INodeParameters = {},
): INodeParameters {
	const isUpload = place === 'upload';
	return {
		...(isUpload
			? { operation: 'imageTo3d', imageSource: 'binary' }
			: { operation: 'textTo3d', prompt: 'a ball' }),
		// A share of the uploads goes to the endpoint that takes plain base64.
		...(isUpload && onError === 'errorOutput' && { apiVersion: 'enterprise' }),
		settings: isUpload ? { steps: 1 } : { outputType: 'ply', steps: 1, seed: '={{ $json.n }}' },
		waitFor: mode === 'suspended' ? 'webhook' : mode,
		download: !isUpload,
		options: { ...makeOptions(pace), ...options },
	};
}

/** Makes the settings of a cell's node: On Error, and Retry On Fail. */
export function makeNodeSettings({ onError, isRetried }: Cell): Partial<INode> {
	return {
		...(onError === 'continue' && { onError: 'continueRegularOutput' }),
		...(onError === 'errorOutput' && { onError: 'continueErrorOutput' }),
		...(isRetried && { retryOnFail: true, maxTries: TRIES, waitBetweenTries: 1 }),
	};
}

/** Downloads the output of each job. @returns the files by job ID */
export async function downloadOutputs(jobs: readonly JobRecord[]): Promise<Map<number, Buffer>> {
	const made = new Map<number, Buffer>();
	for (const { id, outputs } of jobs) made.set(id, await download(outputs[0] ?? ''));
	return made;
}

async function download(url: string): Promise<Buffer> {
	return Buffer.from(await (await fetch(url)).arrayBuffer());
}
