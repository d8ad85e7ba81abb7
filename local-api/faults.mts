import { validateHeaderName, validateHeaderValue } from 'node:http';

import { isObject } from './answers.mts';

/**
 * Which requests a fault hits. `image`: the service cannot fetch the picture that a submit links to. `webhook`: the
 * service's own calls.
 */
export const FAULT_PLACES = [
	'submit',
	'fetch',
	'upload',
	'download',
	'system_load',
	'image',
	'webhook',
] as const;
export type FaultPlace = (typeof FAULT_PLACES)[number];

/** Which of a file's addresses: the one in `output`, or the one in `proxy_links`. */
const LINKS = ['output', 'mirror'] as const;
export type Link = (typeof LINKS)[number];

export type Misbehaviour =
	/** This answer instead of the right one. An object goes out as JSON, a string as it is. */
	| { kind: 'answer'; status?: number; headers?: Record<string, string>; body: unknown; contentType?: string }
	/** The right answer under another HTTP status. A submit is accepted. */
	| { kind: 'code'; status: number }
	/** The right answer, with a byte order mark before its JSON. A submit is accepted. */
	| { kind: 'byteOrderMark' }
	/** Fetch only: there is no such job. */
	| { kind: 'notFound' }
	/** Download only: 404 for the file of a job that has ended less than so many s of the service's clock ago. */
	| { kind: 'late'; seconds: number }
	/** The right answer, changed. A submit is accepted. Not available over HTTP. */
	| { kind: 'edit'; edit: (answer: Record<string, unknown>) => Record<string, unknown> }
	/** The connection is reset before any byte, or after the headers and half of the body. */
	| { kind: 'reset'; when: 'before' | 'middle' }
	/** No answer, until the client leaves or the service stops. */
	| { kind: 'hang' }
	/** The right answer, slowly, in real time. A submit is accepted. */
	| { kind: 'drip'; bytesPerSecond: number }
	| { kind: 'redirect'; status: 301 | 302 | 303 | 307 | 308; location: string }
	/**
	 * The right Content-Length, half of the bytes, then the end of the connection. Silently: without a Content-Length,
	 * and the answer ends after the half as if that were all of it.
	 */
	| { kind: 'truncate'; silently?: boolean }
	/** JSON of so many MB, streamed for as long as the client reads it. */
	| { kind: 'flood'; megabytes: number }
	/** Submit only: the job is accepted, and ends as `failed`. */
	| { kind: 'failJob'; message?: string };

export interface Fault {
	on: FaultPlace;
	/** Matching requests that pass before the first bad one; default 0. */
	skip?: number;
	/** Requests that are then answered badly; default 1, for `late` Infinity, which is allowed for all. */
	times?: number;
	/** Fetch: `skip` and `times` count for each job by itself; default false. */
	perJob?: boolean;
	/** Download: only requests for this address of a file; default all, those for other files too. */
	link?: Link;
	/** Submit: the job is accepted, and counted as paid, although the answer is spoilt; default false. */
	accept?: boolean;
	do: Misbehaviour;
}

/** What a request asks for, as far as it decides which fault hits it. */
export interface Target {
	/** The ID in a fetch. */
	job?: string;
	/** The address in a download; absent when it is neither. */
	link?: Link;
	/** s since the end of the job that makes the file; absent when there is none. */
	sinceEnd?: number;
}

/** How many requests still pass, and how many are then hit. */
interface Count {
	skip: number;
	times: number;
}

type ComingFault = Fault & Count;

function hits(fault: Fault, place: FaultPlace, { link, sinceEnd }: Target): boolean {
	if (fault.on !== place || (fault.link !== undefined && fault.link !== link)) return false;
	return fault.do.kind !== 'late' || (sinceEnd !== undefined && sinceEnd < fault.do.seconds);
}

/** The faults that are still to come, in the order in which they were added. */
export class FaultList {
	private faults: ComingFault[] = [];

	/** By fault and job, for those that count for each job by itself. */
	private readonly counts = new WeakMap<ComingFault, Map<string, Count>>();

	/** @throws FaultFormatError when it is one that cannot be at its place */
	add(fault: Fault): void {
		refuseMisplaced(fault);
		const times = fault.times ?? (fault.do.kind === 'late' ? Infinity : 1);
		this.faults.push({ ...fault, skip: fault.skip ?? 0, times });
	}

	clear(): void {
		this.faults = [];
	}

	/**
	 * The fault for the request that has just come to `place`, if any, and counts the request. Only the first fault
	 * that it can be hit by counts: the next one begins when that is used up.
	 */
	take(place: FaultPlace, target: Target = {}): Fault | undefined {
		for (const fault of this.faults) {
			if (!hits(fault, place, target)) continue;
			const count = this.countOf(fault, target);
			if (count.times <= 0) continue;
			if (count.skip > 0) {
				count.skip -= 1;
				return undefined;
			}
			count.times -= 1;
			if (fault.times <= 0) this.faults.splice(this.faults.indexOf(fault), 1);
			return fault;
		}
		return undefined;
	}

	private countOf(fault: ComingFault, { job = '' }: Target): Count {
		if (fault.perJob !== true) return fault;
		const counts = this.counts.get(fault) ?? new Map<string, Count>();
		this.counts.set(fault, counts);
		const count = counts.get(job) ?? { skip: fault.skip, times: fault.times };
		counts.set(job, count);
		return count;
	}

	/** What is still to come, as plain JSON. */
	describe(): unknown[] {
		return this.faults.map(({ times, ...fault }) => ({
			...fault,
			times: Number.isFinite(times) ? times : 'Infinity',
		}));
	}
}

/** A fault's JSON is not what it has to be; the message names the field. */
export class FaultFormatError extends Error {}

function refuse(field: string, expected: string): never {
	throw new FaultFormatError(`${field} must be ${expected}`);
}

/** Where what is not possible everywhere is possible. */
const ONLY_PLACES: Record<string, FaultPlace> = {
	failJob: 'submit',
	notFound: 'fetch',
	late: 'download',
	perJob: 'fetch',
	link: 'download',
};

function refuseMisplaced({ on, do: { kind }, perJob, link }: Fault): void {
	const limited = [kind, ...(perJob === true ? ['perJob'] : []), ...(link === undefined ? [] : ['link'])];
	for (const name of limited) {
		const only = ONLY_PLACES[name];
		if (only !== undefined && on !== only) refuse('on', `"${only}" for ${name}`);
	}
	if (on === 'webhook' && kind !== 'byteOrderMark') refuse('on', `none of "webhook" for ${kind}`);
}

/** Whether a header can be sent: a line break in it would throw only when the answer is due. */
function isHeader(name: string, value: unknown): value is string {
	try {
		validateHeaderName(name);
		validateHeaderValue(name, value as string);
		return typeof value === 'string';
	} catch {
		return false;
	}
}

function isInteger(value: unknown, least: number, most = Infinity): value is number {
	return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

/** Longest flood: whoever has not left by then reads everything. */
const MOST_MEGABYTES = 10_000;

/** Those that can be told in JSON. */
const KINDS = [
	'answer',
	'code',
	'byteOrderMark',
	'reset',
	'hang',
	'drip',
	'flood',
	'redirect',
	'truncate',
	'failJob',
	'notFound',
	'late',
];

const REDIRECTS = [301, 302, 303, 307, 308] as const;

function parseMisbehaviour(source: unknown): Misbehaviour {
	if (!isObject(source)) refuse('do', 'an object with a "kind"');
	switch (source.kind) {
		case 'answer': {
			const { status, headers, body, contentType } = source;
			if (body === undefined) refuse('do.body', 'given (an object or a string)');
			if (status !== undefined && !isInteger(status, 200, 599))
				refuse('do.status', 'an HTTP status from 200 to 599');
			if (
				headers !== undefined &&
				!(isObject(headers) && Object.entries(headers).every(([name, value]) => isHeader(name, value)))
			) {
				refuse('do.headers', 'an object of strings that HTTP allows');
			}
			if (contentType !== undefined && !isHeader('content-type', contentType))
				refuse('do.contentType', 'a MIME type');
			return {
				kind: 'answer',
				body,
				status,
				headers: headers as Record<string, string> | undefined,
				contentType,
			};
		}
		case 'reset':
			if (source.when !== 'before' && source.when !== 'middle') refuse('do.when', '"before" or "middle"');
			return { kind: 'reset', when: source.when };
		case 'hang':
		case 'notFound':
		case 'byteOrderMark':
			return { kind: source.kind };
		case 'code':
			if (!isInteger(source.status, 200, 599)) refuse('do.status', 'an HTTP status from 200 to 599');
			return { kind: 'code', status: source.status };
		case 'late':
			if (typeof source.seconds !== 'number' || !(source.seconds >= 0))
				refuse('do.seconds', 'a number from 0');
			return { kind: 'late', seconds: source.seconds };
		case 'truncate':
			if (source.silently !== undefined && typeof source.silently !== 'boolean')
				refuse('do.silently', 'true or false');
			return { kind: 'truncate', silently: source.silently };
		case 'drip':
			if (typeof source.bytesPerSecond !== 'number' || !(source.bytesPerSecond > 0)) {
				refuse('do.bytesPerSecond', 'a number above 0');
			}
			return { kind: 'drip', bytesPerSecond: source.bytesPerSecond };
		case 'flood':
			if (!isInteger(source.megabytes, 1, MOST_MEGABYTES)) {
				refuse('do.megabytes', `an integer from 1 to ${MOST_MEGABYTES}`);
			}
			return { kind: 'flood', megabytes: source.megabytes };
		case 'redirect': {
			const status = REDIRECTS.find((code) => code === source.status);
			if (!status) refuse('do.status', `one of ${REDIRECTS.join(', ')}`);
			if (source.location === '' || !isHeader('location', source.location)) refuse('do.location', 'a URL');
			return { kind: 'redirect', status, location: source.location };
		}
		case 'failJob':
			if (source.message !== undefined && typeof source.message !== 'string')
				refuse('do.message', 'a string');
			return { kind: 'failJob', message: source.message };
		default:
			return refuse('do.kind', `one of ${KINDS.join(', ')}`);
	}
}

/**
 * Reads a fault from JSON. For `on: "image"` the `do` may be left out.
 * @throws FaultFormatError that names the first wrong field
 */
export function parseFault(source: unknown): Fault {
	if (!isObject(source)) refuse('fault', 'an object');
	const known = ['on', 'skip', 'times', 'perJob', 'link', 'accept', 'do'];
	const unknown = Object.keys(source).find((field) => !known.includes(field));
	if (unknown !== undefined) refuse(unknown, `left out: the fields are ${known.join(', ')}`);
	const on = FAULT_PLACES.find((place) => place === source.on);
	if (!on) refuse('on', `one of ${FAULT_PLACES.join(', ')}`);
	const { skip, accept, perJob } = source;
	const times = source.times === 'Infinity' ? Infinity : source.times;
	if (skip !== undefined && !isInteger(skip, 0)) refuse('skip', 'an integer from 0');
	if (times !== undefined && times !== Infinity && !isInteger(times, 1))
		refuse('times', 'an integer from 1 or "Infinity"');
	if (perJob !== undefined && typeof perJob !== 'boolean') refuse('perJob', 'true or false');
	const link = LINKS.find((name) => name === source.link);
	if (source.link !== undefined && !link) refuse('link', `one of ${LINKS.join(', ')}`);
	if (accept !== undefined && typeof accept !== 'boolean') refuse('accept', 'true or false');
	const misbehaviour: Misbehaviour =
		on === 'image' && source.do === undefined ? { kind: 'hang' } : parseMisbehaviour(source.do);
	const fault = { on, do: misbehaviour, skip, times: times as number | undefined, perJob, link, accept };
	refuseMisplaced(fault);
	return fault;
}
