/** Reads faults from the JSON that people send. */
import { validateHeaderName, validateHeaderValue } from 'node:http';

import {
	checkPlace,
	FAULT_PLACES,
	FaultFormatError,
	LINKS,
	type Fault,
	type FaultPlace,
	type Misbehavior,
} from './faults.mts';
import { isObject, type Json } from './json.mts';

/** Longest flood. A client that does not leave reads all of it. */
const MOST_MEGABYTES = 10_000;

const REDIRECTS = [301, 302, 303, 307, 308] as const;

function refuse(field: string, expected: string): never {
	throw new FaultFormatError(`${field} must be ${expected}`);
}

/** Whether a header can be sent. A line break in it would throw only when the answer is due. */
function isHeader(name: string, value: unknown): value is string {
	try {
		validateHeaderName(name);
		validateHeaderValue(name, value as string);
		return typeof value === 'string';
	} catch {
		return false;
	}
}

function isHeaders(value: unknown): value is Record<string, string> {
	return isObject(value) && Object.entries(value).every(([name, text]) => isHeader(name, text));
}

function isInteger(value: unknown, least: number, most = Infinity): value is number {
	return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

function readStatus(status: unknown): number {
	return isInteger(status, 200, 599) ? status : refuse('do.status', 'an HTTP status from 200 to 599');
}

function readAnswer({ status, headers, body, contentType }: Json): Misbehavior {
	if (body === undefined) refuse('do.body', 'given (an object or a string)');
	if (headers !== undefined && !isHeaders(headers)) {
		refuse('do.headers', 'an object of strings that HTTP allows');
	}
	if (contentType !== undefined && !isHeader('content-type', contentType)) {
		refuse('do.contentType', 'a MIME type');
	}
	return {
		kind: 'answer',
		body,
		status: status === undefined ? undefined : readStatus(status),
		headers,
		contentType,
	};
}

function readRedirect({ status, location }: Json): Misbehavior {
	const code = REDIRECTS.find((redirect) => redirect === status);
	if (!code) refuse('do.status', `one of ${REDIRECTS.join(', ')}`);
	if (location === '' || !isHeader('location', location)) refuse('do.location', 'a URL');
	return { kind: 'redirect', status: code, location };
}

/** How each kind is read. `edit` is missing: JSON cannot hold it. */
const READERS: Record<string, (source: Json) => Misbehavior> = {
	answer: readAnswer,
	code: ({ status }) => ({ kind: 'code', status: readStatus(status) }),
	byteOrderMark: () => ({ kind: 'byteOrderMark' }),
	reset: ({ when }) =>
		when === 'before' || when === 'middle'
			? { kind: 'reset', when }
			: refuse('do.when', '"before" or "middle"'),
	hang: () => ({ kind: 'hang' }),
	drip: ({ bytesPerSecond }) =>
		typeof bytesPerSecond === 'number' && bytesPerSecond > 0
			? { kind: 'drip', bytesPerSecond }
			: refuse('do.bytesPerSecond', 'a number above 0'),
	flood: ({ megabytes }) =>
		isInteger(megabytes, 1, MOST_MEGABYTES)
			? { kind: 'flood', megabytes }
			: refuse('do.megabytes', `an integer from 1 to ${MOST_MEGABYTES}`),
	redirect: readRedirect,
	truncate: ({ silently }) =>
		silently === undefined || typeof silently === 'boolean'
			? { kind: 'truncate', silently }
			: refuse('do.silently', 'true or false'),
	failJob: ({ message }) =>
		message === undefined || typeof message === 'string'
			? { kind: 'failJob', message }
			: refuse('do.message', 'a string'),
	notFound: () => ({ kind: 'notFound' }),
	late: ({ seconds }) =>
		typeof seconds === 'number' && seconds >= 0
			? { kind: 'late', seconds }
			: refuse('do.seconds', 'a number from 0'),
};

function readMisbehavior(source: unknown, on: FaultPlace): Misbehavior {
	if (on === 'image' && source === undefined) return { kind: 'hang' };
	if (!isObject(source)) return refuse('do', 'an object with a "kind"');
	const { kind } = source;
	const read = typeof kind === 'string' && Object.hasOwn(READERS, kind) ? READERS[kind] : undefined;
	return read ? read(source) : refuse('do.kind', `one of ${Object.keys(READERS).join(', ')}`);
}

function readTimes(times: unknown): number | undefined {
	if (times === 'Infinity') return Infinity;
	if (times === undefined || times === Infinity || isInteger(times, 1)) return times as number | undefined;
	return refuse('times', 'an integer from 1 or "Infinity"');
}

const FIELDS = ['on', 'skip', 'times', 'perJob', 'link', 'accept', 'do'];

/**
 * Reads a fault from JSON. For `on: "image"`, `do` can be left out.
 *
 * @throws FaultFormatError that names the first wrong field
 */
export function readFault(source: unknown): Fault {
	if (!isObject(source)) refuse('fault', 'an object');
	const unknown = Object.keys(source).find((field) => !FIELDS.includes(field));
	if (unknown !== undefined) refuse(unknown, `left out: the fields are ${FIELDS.join(', ')}`);
	const on = FAULT_PLACES.find((place) => place === source.on);
	if (!on) refuse('on', `one of ${FAULT_PLACES.join(', ')}`);
	const { skip, accept, perJob } = source;
	if (skip !== undefined && !isInteger(skip, 0)) refuse('skip', 'an integer from 0');
	const times = readTimes(source.times);
	if (perJob !== undefined && typeof perJob !== 'boolean') refuse('perJob', 'true or false');
	const link = LINKS.find((name) => name === source.link);
	if (source.link !== undefined && !link) refuse('link', `one of ${LINKS.join(', ')}`);
	if (accept !== undefined && typeof accept !== 'boolean') refuse('accept', 'true or false');
	const fault = { on, do: readMisbehavior(source.do, on), skip, times, perJob, link, accept };
	checkPlace(fault);
	return fault;
}
