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
function gapAt(
	{ place, mode, onError, isRetried, isPublic, persistence }: Omit<Gap, 'reason'>,
	staysBecause: string | undefined,
): string | undefined {
	if (persistence === 'once' && staysBecause !== undefined) return staysBecause;
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
	{
		name: fault,
		waitSeconds,
		isPublic,
		staysBecause,
	}: Pick<FaultEntry, 'name' | 'waitSeconds' | 'isPublic' | 'staysBecause'>,
	meaning: Meaning | { none: string },
): Row {
	const row: Row = { place, fault, cells: [], gaps: [] };
	for (const combination of COMBINATIONS) {
		const cell = { place, fault, waitSeconds, isPublic, ...combination };
		const reason = typeof meaning === 'object' ? meaning.none : gapAt(cell, staysBecause);
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

/** What a cell's settings are, two at a time. */
export function pairsOf({ mode, persistence, onError, isRetried }: Cell): string[] {
	const values = [mode, persistence, onError, isRetried ? 'retried' : 'not retried'];
	return values.flatMap((value, n) => values.slice(n + 1).map((other) => `${value}, ${other}`));
}

/** What a selection has to meet in a cell: each setting for the fault itself, each pair of them for what it means there. */
function matters(cell: Cell): string[] {
	const { place, fault, means, mode, persistence, onError, isRetried } = cell;
	return [
		...[`${mode}, ${persistence}`, onError, isRetried].map((value) => `${place}, ${fault}: ${value}`),
		...pairsOf(cell).map((pair) => `${place}, ${means}: ${pair}`),
	];
}

/** Chooses cells that meet as much as they can that none before them has met. */
class Selection {
	readonly cells = new Set<Cell>();
	private readonly met = new Set<string>();
	/** How often settings were taken at a place: else the first ones would be, wherever there is nothing new. */
	private readonly counts = new Map<string, number>();

	/** Takes the best of some cells, if it has so much that is new. */
	take(cells: readonly Cell[], least: number): boolean {
		let best: { cell: Cell; news: number; count: number } | undefined;
		for (const cell of cells) {
			const news = matters(cell).filter((matter) => !this.met.has(matter)).length;
			const count = this.counts.get(settingsAt(cell)) ?? 0;
			if (!best || news > best.news || (news === best.news && count < best.count)) {
				best = { cell, news, count };
			}
		}
		if (!best || best.news < least) return false;
		this.cells.add(best.cell);
		this.counts.set(settingsAt(best.cell), best.count + 1);
		for (const matter of matters(best.cell)) this.met.add(matter);
		return true;
	}
}

const settingsAt = (cell: Cell) => [cell.place, ...pairsOf(cell)].join();

/** The same cells each time: of each row every mode, once and always, and as few more as meet all that matters. */
export function selectedRows(all: readonly Row[]): Row[] {
	const selection = new Selection();
	for (const { cells } of all) {
		for (const mode of MODES) {
			for (const persistence of PERSISTENCES) {
				const own = cells.filter((cell) => cell.mode === mode && cell.persistence === persistence);
				selection.take(own, 0);
			}
		}
	}
	for (const { cells } of all) while (selection.take(cells, 1));
	return all.map((row) => ({ ...row, cells: row.cells.filter((cell) => selection.cells.has(cell)) }));
}

/** What a combination is called in messages. */
export function nameOf({ place, fault, persistence, mode, onError, isRetried }: Omit<Gap, 'reason'>): string {
	return `${place}, ${fault}, ${persistence}, ${mode}, ${onError}${isRetried ? ', retried' : ''}`;
}
