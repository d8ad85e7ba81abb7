/** The cells of the fault table: each fault at each place, in each way that the node can be set. */
import {
	CALL_FAULTS,
	FAULTS,
	PLACES,
	type ApiMeaning,
	type CallMeaning,
	type FaultEntry,
	type FileMeaning,
	type Place,
	type RequestPlace,
} from './faults.mts';

/** How the node waits for its jobs. */
export const MODES = ['poll', 'none', 'suspended'] as const;
export type Mode = (typeof MODES)[number];

/** What the node does with errors. */
export const ON_ERRORS = ['stop', 'continue', 'errorOutput'] as const;
export type OnError = (typeof ON_ERRORS)[number];

/** Whether a fault hits one request, or each. */
export const PERSISTENCES = ['once', 'always'] as const;
export type Persistence = (typeof PERSISTENCES)[number];

/** What a fault means at its place: what the expectation goes by. */
export type Meaning = ApiMeaning | FileMeaning | CallMeaning;

export interface Cell {
	place: Place;
	/** The name of its entry. */
	fault: string;
	means: Meaning;
	waitSeconds?: number;
	isPublic?: true;
	persistence: Persistence;
	mode: Mode;
	onError: OnError;
	/** Whether Retry On Fail is on, with three tries. */
	isRetried: boolean;
}

/** A combination that there is not, and why. */
export interface Gap extends Omit<Cell, 'means'> {
	reason: string;
}

/** A row of the table: a fault at a place. */
export interface Row {
	place: Place;
	fault: string;
	cells: Cell[];
	gaps: Gap[];
}

function meaningAt(fault: FaultEntry, place: RequestPlace): ApiMeaning | FileMeaning | { none: string } {
	return fault.except?.[place] ?? (place === 'download' ? fault.file : fault.api);
}

/** Why a combination does not exist, if it does not. */
function gapAt({ place, mode, onError, isRetried, isPublic }: Omit<Gap, 'reason'>): string | undefined {
	if (place === 'download' && mode === 'none') return 'without waiting nothing is downloaded';
	if (place === 'webhook' && isRetried) return 'a call is not an attempt of the node';
	if (place === 'webhook' && mode !== 'suspended' && onError !== 'stop') {
		return 'a call to the trigger knows no On Error of the node';
	}
	if (isPublic && mode === 'suspended') return 'a service in the internet cannot call an n8n on this machine';
	return undefined;
}

/** Every way in which the node can be set, and in which a fault can come. */
const COMBINATIONS = PERSISTENCES.flatMap((persistence) =>
	MODES.flatMap((mode) =>
		ON_ERRORS.flatMap((onError) =>
			[false, true].map((isRetried) => ({ persistence, mode, onError, isRetried })),
		),
	),
);

function rowOf(
	place: Place,
	{ name: fault, waitSeconds, isPublic }: Pick<FaultEntry, 'name' | 'waitSeconds' | 'isPublic'>,
	meaning: Meaning | { none: string },
): Row {
	const row: Row = { place, fault, cells: [], gaps: [] };
	for (const combination of COMBINATIONS) {
		const cell = { place, fault, waitSeconds, isPublic, ...combination };
		const reason = typeof meaning === 'object' ? meaning.none : gapAt(cell);
		if (reason !== undefined) row.gaps.push({ ...cell, reason });
		else if (typeof meaning === 'string') row.cells.push({ ...cell, means: meaning });
	}
	return row;
}

const SERVED_BY_N8N = { none: 'of a call n8n is the server, and what it answers is no fault of the service' };

/** Whether it is a fault of a server, and not of what is said. */
const isOfServer = ({ way, name }: FaultEntry) =>
	typeof way === 'string' || /^(HTTP|429|redirect|documented)/.test(name);

/** The whole table, by place and fault. */
export function rows(): Row[] {
	return PLACES.flatMap((place) =>
		place === 'webhook'
			? [
					...CALL_FAULTS.map((fault) => rowOf(place, fault, fault.means)),
					...FAULTS.filter(isOfServer).map((fault) => rowOf(place, fault, SERVED_BY_N8N)),
				]
			: FAULTS.map((fault) => rowOf(place, fault, meaningAt(fault, place))),
	);
}

/** What a combination is called in messages. */
export function nameOf({ place, fault, persistence, mode, onError, isRetried }: Omit<Gap, 'reason'>): string {
	return `${place}, ${fault}, ${persistence}, ${mode}, ${onError}${isRetried ? ', retried' : ''}`;
}
