/** What a cell of the fault table is made of, whatever n8n it is run in. */
import sharp from 'sharp';
import type { INode, INodeExecutionData, INodeParameters, IRun } from 'n8n-workflow';

import type { JobRecord } from '../../local-api/jobs.mts';
import type { Cell } from './cells.mts';
import { TRIES, type Pace } from './expect.mts';
import { faultOf } from './faults.mts';
import type { Exchange, Spoiling } from './front.mts';

/** The item that a fault hits. It is the first: of a node that continues, n8n's Retry On Fail looks at that one only. */
export const HIT = 0;
export const ITEMS = 2;

/** What was seen of a cell. */
export interface Seen {
	/** The key of the credential. */
	key: string;
	/** The last stretch of the execution. */
	run: IRun;
	items: INodeExecutionData[];
	errors: INodeExecutionData[];
	/** The file of each item that has one, by its place among the items. */
	files: Array<Buffer | undefined>;
	/** What the service has made for the jobs, by job. */
	made: Map<number, Buffer>;
	jobs: readonly JobRecord[];
	exchanges: readonly Exchange[];
	/** Lines of n8n's log. */
	log: string[];
	/** Every request of this process: host, path and headers. */
	requests: Array<{ host: string; text: string }>;
	/** The hosts that may be asked. */
	hosts: string[];
	/** s of the clock */
	seconds: number;
	/** Executions that the trigger has started, by the item whose job it was. */
	started: Array<number | undefined>;
	/** All that n8n keeps of executions, and what callers were told. */
	kept: unknown[];
}

/** The PNGs of the input items, base64. */
let pictures: Promise<string[]> | undefined;

export async function inputPictures(): Promise<string[]> {
	pictures ??= madePictures();
	return await pictures;
}

async function madePictures(): Promise<string[]> {
	return await Promise.all(
		['#c33', '#33c'].map(async (background) => {
			const picture = sharp({ create: { width: 16, height: 16, channels: 3, background } });
			return (await picture.png().toBuffer()).toString('base64');
		}),
	);
}

/** Submits that were not accepted, in the worst case that their answer leaves open. */
const UNPAID = ['notSent', 'notNow', 'noPlace', 'refused', 'noAccess', 'notFound', 'doubtfulEnd', 'open'];

/** What the front does in a cell. */
export function spoilingOf(cell: Cell, { jobSeconds }: Pace): Spoiling {
	const { place, means, persistence, mode, waitSeconds = 0 } = cell;
	const { way = 'silent', times = 1, rawId, isIdNested = false, hasMirror = false } = faultOf(cell) ?? {};
	const isLater = place === 'download' || (place === 'fetch' && mode !== 'none');
	return {
		place: place === 'webhook' ? undefined : place,
		way,
		// Elsewhere what comes a few times is no other than what comes once.
		times: place === 'fetch' ? times : 1,
		...(rawId !== undefined && { rawId }),
		isIdNested,
		hasMirror,
		isPersistent: persistence === 'always',
		isAccepted: !UNPAID.includes(means),
		item: HIT,
		// Of what begins when the jobs have ended, the first request has to fall into it.
		outageSeconds: isLater ? jobSeconds + 3 : 3,
		waitSeconds,
	};
}

/** The node's options; each job is marked with its item's number. */
export function optionsOf({ timeout }: Pace): INodeParameters {
	return { trackId: '=item-{{ $json.n ?? $json.track_id.slice(5) }}', timeout, maxFileSize: 2 };
}

/** The node's parameters for a cell's generation. @param options more of them */
export function generationOf(
	{ place, mode }: Cell,
	pace: Pace,
	options: INodeParameters = {},
): INodeParameters {
	const isUpload = place === 'upload';
	return {
		...(isUpload
			? { operation: 'imageTo3d', imageSource: 'binary' }
			: { operation: 'textTo3d', prompt: 'a ball' }),
		settings: isUpload ? { steps: 1 } : { outputType: 'ply', steps: 1, seed: '={{ $json.n }}' },
		waitFor: mode === 'suspended' ? 'webhook' : mode,
		download: !isUpload,
		options: { ...optionsOf(pace), ...options },
	};
}

/** What is set on a cell's node beside its parameters. */
export function settingsOf({ onError, isRetried }: Cell): Partial<INode> {
	return {
		...(onError === 'continue' && { onError: 'continueRegularOutput' }),
		...(onError === 'errorOutput' && { onError: 'continueErrorOutput' }),
		...(isRetried && { retryOnFail: true, maxTries: TRIES, waitBetweenTries: 1 }),
	};
}

/** What the service has made for each of its jobs, by job. */
export async function madeFor(jobs: readonly JobRecord[]): Promise<Map<number, Buffer>> {
	const made = new Map<number, Buffer>();
	for (const { id, outputs } of jobs) made.set(id, await read(outputs[0] ?? ''));
	return made;
}

async function read(url: string): Promise<Buffer> {
	return Buffer.from(await (await fetch(url)).arrayBuffer());
}
