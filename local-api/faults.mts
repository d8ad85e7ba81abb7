import { validateHeaderName, validateHeaderValue } from 'node:http';

import { isObject } from './answers.mts';

/** Which requests a fault hits. `image`: the service cannot fetch the picture that a submit links to. */
export const FAULT_PLACES = ['submit', 'fetch', 'upload', 'download', 'system_load', 'image'] as const;
export type FaultPlace = (typeof FAULT_PLACES)[number];

export type Misbehaviour =
	/** This answer instead of the right one. An object goes out as JSON, a string as it is. */
	| { kind: 'answer'; status?: number; headers?: Record<string, string>; body: unknown; contentType?: string }
	/** The right answer, changed. A submit is accepted. Not available over HTTP. */
	| { kind: 'edit'; edit: (answer: Record<string, unknown>) => Record<string, unknown> }
	/** The connection is reset before any byte, or after the headers and half of the body. */
	| { kind: 'reset'; when: 'before' | 'middle' }
	/** No answer, until the client leaves or the service stops. */
	| { kind: 'hang' }
	/** The right answer, slowly, in real time. A submit is accepted. */
	| { kind: 'drip'; bytesPerSecond: number }
	| { kind: 'redirect'; status: 301 | 302 | 303 | 307 | 308; location: string }
	/** The right Content-Length, half of the bytes, then the end of the connection. */
	| { kind: 'truncate' }
	/** JSON of so many MB, streamed for as long as the client reads it. */
	| { kind: 'flood'; megabytes: number }
	/** Submit only: the job is accepted, and ends as `failed`. */
	| { kind: 'failJob'; message?: string };

export interface Fault {
	on: FaultPlace;
	/** Matching requests that pass before the first bad one; default 0. */
	skip?: number;
	/** Requests that are then answered badly; default 1, Infinity allowed. */
	times?: number;
	/** Submit: the job is accepted, and counted as paid, although the answer is spoilt; default false. */
	accept?: boolean;
	do: Misbehaviour;
}

/** The faults that are still to come, in the order in which they were added. */
export class FaultList {
	private faults: Array<Fault & { skip: number; times: number }> = [];

	add(fault: Fault): void {
		this.faults.push({ ...fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
	}

	clear(): void {
		this.faults = [];
	}

	/**
	 * The fault for the request that has just come to `place`, if any, and counts the request. Only the first fault
	 * of a place counts: the next one begins when it is used up.
	 */
	take(place: FaultPlace): Fault | undefined {
		const fault = this.faults.find((candidate) => candidate.on === place);
		if (!fault) return undefined;
		if (fault.skip > 0) {
			fault.skip -= 1;
			return undefined;
		}
		fault.times -= 1;
		if (fault.times <= 0) this.faults.splice(this.faults.indexOf(fault), 1);
		return fault;
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
		case 'truncate':
			return { kind: source.kind };
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
			return refuse('do.kind', 'one of answer, reset, hang, drip, flood, redirect, truncate, failJob');
	}
}

/**
 * Reads a fault from JSON. For `on: "image"` the `do` may be left out.
 * @throws FaultFormatError that names the first wrong field
 */
export function parseFault(source: unknown): Fault {
	if (!isObject(source)) refuse('fault', 'an object');
	const known = ['on', 'skip', 'times', 'accept', 'do'];
	const unknown = Object.keys(source).find((field) => !known.includes(field));
	if (unknown !== undefined) refuse(unknown, `left out: the fields are ${known.join(', ')}`);
	const on = FAULT_PLACES.find((place) => place === source.on);
	if (!on) refuse('on', `one of ${FAULT_PLACES.join(', ')}`);
	const { skip, accept } = source;
	const times = source.times === 'Infinity' ? Infinity : source.times;
	if (skip !== undefined && !isInteger(skip, 0)) refuse('skip', 'an integer from 0');
	if (times !== undefined && times !== Infinity && !isInteger(times, 1))
		refuse('times', 'an integer from 1 or "Infinity"');
	if (accept !== undefined && typeof accept !== 'boolean') refuse('accept', 'true or false');
	const misbehaviour: Misbehaviour =
		on === 'image' && source.do === undefined ? { kind: 'hang' } : parseMisbehaviour(source.do);
	if (misbehaviour.kind === 'failJob' && on !== 'submit') refuse('on', '"submit" for failJob');
	return { on, do: misbehaviour, skip, times: times as number | undefined, accept };
}
