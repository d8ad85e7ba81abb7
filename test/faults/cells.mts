/** The cells of the fault table: each fault at each place, with each combination of the node's settings. */
import { CALL_FAULTS } from './call-faults.mts';
import {
	type ApiMeaning,
	type CallMeaning,
	type FaultEntry,
	type FileMeaning,
	type Place,
	PLACES,
	type RequestPlace,
} from './fault-entry.mts';
import { FAULTS } from './faults.mts';

/** How the node waits for its jobs. */
export const MODES = ['poll', 'none', 'suspended'] as const;
export type Mode = (typeof MODES)[number];

/** What the node does with errors. */
export const ON_ERRORS = ['stop', 'continue', 'errorOutput'] as const;
export type OnError = (typeof ON_ERRORS)[number];

/** Whether a fault hits one request, or all of them. */
export const PERSISTENCES = ['once', 'always'] as const;
export type Persistence = (typeof PERSISTENCES)[number];

/** What a fault means at its place. The expectations depend on it. */
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

/** A combination that does not exist, and why. */
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

function findMeaning(fault: FaultEntry, place: RequestPlace): ApiMeaning | FileMeaning | { none: string } {
	return fault.except?.[place] ?? (place === 'download' ? fault.file : fault.api);
}

/** @returns why a combination does not exist, or `undefined` if it does */
function findGapReason(
	{ place, mode, onError, isRetried, isPublic, persistence }: Omit<Gap, 'reason'>,
	alwaysBecause: string | undefined,
): string | undefined {
	if (persistence === 'once' && alwaysBecause !== undefined) return alwaysBecause;
	if (place === 'download' && mode === 'none') return 'nothing is downloaded without waiting';
	if (place === 'webhook' && isRetried) return 'a call is not an attempt of the node';
	if (place === 'webhook' && mode !== 'suspended' && onError !== 'stop') {
		return 'On Error of the node does not apply to a call to the trigger';
	}
	if (isPublic && mode === 'suspended')
		return 'a service on the internet cannot call an n8n server on this machine';
	return undefined;
}

/** Every combination of the node's settings and the persistence of a fault. */
const COMBINATIONS = PERSISTENCES.flatMap((persistence) =>
	MODES.flatMap((mode) =>
		ON_ERRORS.flatMap((onError) =>
			[false, true].map((isRetried) => ({ persistence, mode, onError, isRetried })),
		),
	),
);

function makeRow(
	place: Place,
	{
		name: fault,
		waitSeconds,
		isPublic,
		alwaysBecause,
	}: Pick<FaultEntry, 'name' | 'waitSeconds' | 'isPublic' | 'alwaysBecause'>,
	meaning: Meaning | { none: string },
): Row {
	const row: Row = { place, fault, cells: [], gaps: [] };
	for (const combination of COMBINATIONS) {
		const cell = { place, fault, waitSeconds, isPublic, ...combination };
		const reason = typeof meaning === 'object' ? meaning.none : findGapReason(cell, alwaysBecause);
		if (reason !== undefined) row.gaps.push({ ...cell, reason });
		else if (typeof meaning === 'string') row.cells.push({ ...cell, means: meaning });
	}
	return row;
}

const SERVED_BY_N8N = { none: 'n8n answers the calls, so their answers are not faults of the service' };

/** Whether the server is at fault, and not the content of its answer. */
const isServerFault = ({ way, name }: FaultEntry) =>
	typeof way === 'string' || /^(HTTP|429|redirect|documented)/.test(name);

/** Lists the rows of the whole table, by place and fault. */
export function listRows(): Row[] {
	return PLACES.flatMap((place) =>
		place === 'webhook'
			? [
					...CALL_FAULTS.map((fault) => makeRow(place, fault, fault.means)),
					...FAULTS.filter(isServerFault).map((fault) => makeRow(place, fault, SERVED_BY_N8N)),
				]
			: FAULTS.map((fault) => makeRow(place, fault, findMeaning(fault, place))),
	);
}

/** Lists every pair of a cell's settings. */
export function listPairs({ mode, persistence, onError, isRetried }: Cell): string[] {
	const values = [mode, persistence, onError, isRetried ? 'retried' : 'not retried'];
	return values.flatMap((value, n) => values.slice(n + 1).map((other) => `${value}, ${other}`));
}

/** Lists what a selection must cover: both persistences of each fault at each place, and every pair of settings of each meaning there. */
function listGoals(cell: Cell): string[] {
	const { place, fault, means, persistence } = cell;
	return [
		`${place}, ${fault}: ${persistence}`,
		...listPairs(cell).map((pair) => `${place}, ${means}: ${pair}`),
	];
}

/** Selects cells that cover as many goals as possible that no cell before them covers. */
class Selection {
	readonly cells = new Set<Cell>();
	private readonly covered = new Set<string>();
	/** How often the settings were selected at a place. Where no cell covers a new goal, the rarest settings are selected. */
	private readonly counts = new Map<string, number>();

	/** Selects the best of the cells, if it covers that many new goals. @returns whether it has selected one */
	select(cells: readonly Cell[], least: number): boolean {
		let best: { cell: Cell; gain: number; count: number } | undefined;
		for (const cell of cells) {
			const gain = listGoals(cell).filter((goal) => !this.covered.has(goal)).length;
			const count = this.counts.get(describeSettings(cell)) ?? 0;
			if (!best || gain > best.gain || (gain === best.gain && count < best.count)) {
				best = { cell, gain, count };
			}
		}
		if (!best || best.gain < least) return false;
		this.cells.add(best.cell);
		this.counts.set(describeSettings(best.cell), best.count + 1);
		for (const goal of listGoals(best.cell)) this.covered.add(goal);
		return true;
	}
}

const describeSettings = (cell: Cell) => [cell.place, ...listPairs(cell)].join();

/** Selects the same cells each time: of each row one cell that is hit once and one that is always hit, and as few more as cover all goals. */
export function selectRows(all: readonly Row[]): Row[] {
	const selection = new Selection();
	for (const { cells } of all) {
		for (const persistence of PERSISTENCES) {
			selection.select(
				cells.filter((cell) => cell.persistence === persistence),
				0,
			);
		}
	}
	for (const { cells } of all) while (selection.select(cells, 1));
	return all.map((row) => ({ ...row, cells: row.cells.filter((cell) => selection.cells.has(cell)) }));
}

/** Names a combination in messages. */
export function nameCell({
	place,
	fault,
	persistence,
	mode,
	onError,
	isRetried,
}: Omit<Gap, 'reason'>): string {
	return `${place}, ${fault}, ${persistence}, ${mode}, ${onError}${isRetried ? ', retried' : ''}`;
}
