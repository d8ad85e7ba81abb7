/** What the stand-in can do wrong, and which requests it does it to. */

/**
 * The requests that a fault can hit. `account`: the balance, the lists and the deletion. `image`: the service cannot fetch the image that a submit links to. `webhook`: the service's
 * own calls.
 */
export const FAULT_PLACES = [
	'submit',
	'fetch',
	'upload',
	'download',
	'system_load',
	'account',
	'image',
	'webhook',
] as const;
export type FaultPlace = (typeof FAULT_PLACES)[number];

/** The addresses of a file: the one in `output`, and the one in `proxy_links`. */
export const LINKS = ['output', 'mirror'] as const;
export type Link = (typeof LINKS)[number];

export type Misbehavior =
	/** This answer instead of the right one. An object is sent as JSON, a string as it is. */
	| { kind: 'answer'; status?: number; headers?: Record<string, string>; body: unknown; contentType?: string }
	/** The right answer with another HTTP status. A submit is accepted. */
	| { kind: 'code'; status: number }
	/** The right answer with a byte order mark before its JSON. A submit is accepted. */
	| { kind: 'byteOrderMark' }
	/** Fetch only: the job does not exist. */
	| { kind: 'notFound' }
	/** Download only: 404 for a job's file until this many seconds of the service's clock after the job's end. */
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
	 * The right Content-Length, half of the bytes, then the end of the connection. Silently: no Content-Length, and the answer ends
	 * after the half as if it were complete.
	 */
	| { kind: 'truncate'; silently?: boolean }
	/** JSON of this size, streamed for as long as the client reads it. */
	| { kind: 'flood'; megabytes: number }
	/** Submit only: the job is accepted, and ends as `failed`. */
	| { kind: 'failJob'; message?: string };

export interface Fault {
	on: FaultPlace;
	/** Matching requests that pass before the first bad one. Default: 0. */
	skip?: number;
	/** Requests that are then answered badly. Default: 1, for `late` Infinity. Infinity is allowed for all. */
	times?: number;
	/** Fetch: `skip` and `times` count for each job separately. Default: false. */
	perJob?: boolean;
	/** Download: only requests for this address of a file. Default: all requests, also for other files. */
	link?: Link;
	/** Submit: the job is accepted, and counted as paid, although the answer is spoiled. Default: false. */
	accept?: boolean;
	do: Misbehavior;
}

/** What decides which fault hits a request. */
export interface Target {
	/** The ID in a fetch. */
	job?: string;
	/** The address in a download. Absent for a file that is neither. */
	link?: Link;
	/** Seconds since the end of the job that makes the file. Absent when there is no such job. */
	sinceEnd?: number;
}

/** How many requests still pass, and how many are then hit. */
interface Count {
	skip: number;
	times: number;
}

type ComingFault = Fault & Count;

/** A fault is not possible as it is. The message names the field. */
export class FaultFormatError extends Error {}

/** What is possible at one place only. */
const ONLY_PLACES: Record<string, FaultPlace> = {
	failJob: 'submit',
	notFound: 'fetch',
	late: 'download',
	perJob: 'fetch',
	link: 'download',
};

/** @throws FaultFormatError when a fault is not possible at its place */
export function checkPlace({ on, do: { kind }, perJob, link }: Fault): void {
	const limited = [kind, ...(perJob === true ? ['perJob'] : []), ...(link === undefined ? [] : ['link'])];
	for (const name of limited) {
		const only = ONLY_PLACES[name];
		if (only !== undefined && on !== only) throw new FaultFormatError(`on must be "${only}" for ${name}`);
	}
	if (on === 'webhook' && kind !== 'byteOrderMark') {
		throw new FaultFormatError(`on must be something other than "webhook" for ${kind}`);
	}
}

function isHitBy(fault: Fault, place: FaultPlace, { link, sinceEnd }: Target): boolean {
	if (fault.on !== place || (fault.link !== undefined && fault.link !== link)) return false;
	return fault.do.kind !== 'late' || (sinceEnd !== undefined && sinceEnd < fault.do.seconds);
}

/** The coming faults, in the order in which they were added. */
export class FaultList {
	private faults: ComingFault[] = [];

	/** By fault and job, for faults that count for each job separately. */
	private readonly counts = new WeakMap<ComingFault, Map<string, Count>>();

	/** @throws FaultFormatError when the fault is not possible at its place */
	add(fault: Fault): void {
		checkPlace(fault);
		const times = fault.times ?? (fault.do.kind === 'late' ? Infinity : 1);
		this.faults.push({ ...fault, skip: fault.skip ?? 0, times });
	}

	clear(): void {
		this.faults = [];
	}

	/**
	 * Counts a request to `place`. Only the first fault that can hit it counts it. The next fault begins when that one is used up.
	 *
	 * @returns the fault that hits the request, if any
	 */
	take(place: FaultPlace, target: Target = {}): Fault | undefined {
		for (const fault of this.faults) {
			if (!isHitBy(fault, place, target)) continue;
			const count = this.findCount(fault, target);
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

	private findCount(fault: ComingFault, { job = '' }: Target): Count {
		if (fault.perJob !== true) return fault;
		const counts = this.counts.get(fault) ?? new Map<string, Count>();
		this.counts.set(fault, counts);
		const count = counts.get(job) ?? { skip: fault.skip, times: fault.times };
		counts.set(job, count);
		return count;
	}

	/** The coming faults as plain JSON. */
	describe(): unknown[] {
		return this.faults.map(({ times, ...fault }) => ({
			...fault,
			times: Number.isFinite(times) ? times : 'Infinity',
		}));
	}
}
