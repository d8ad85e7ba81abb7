/** The fault table as it is printed, from the results of the test files. */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Cell, type Gap, MODES, nameCell, ON_ERRORS, PERSISTENCES } from './cells.mts';

/** The environment variable that names the folder for the results. */
export const RESULTS = 'IMG_TO_3D_FAULT_RESULTS';

/** The environment variable that makes every cell run. Without it, a selection runs. */
export const RUNS_ALL = 'IMG_TO_3D_ALL_FAULTS';

/** The result of a cell. */
export interface Verdict {
	cell: Cell;
	/** What does not hold. */
	complaints: string[];
	/** How many jobs were paid, and how many of them because another job had failed. */
	paid: number;
	paidAnew: number;
	/** s of the clock */
	seconds: number;
}

export interface RowResult {
	place: string;
	fault: string;
	verdicts: Verdict[];
	gaps: Gap[];
}

/** Keeps the result of a row, if the table is to be printed. */
export function keepResult(result: RowResult): void {
	const folder = process.env[RESULTS];
	if (folder) appendFileSync(join(folder, `${result.place}.jsonl`), `${JSON.stringify(result)}\n`);
}

export function readResults(folder: string): RowResult[] {
	return readdirSync(folder)
		.sort()
		.flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'))
		.map((line) => JSON.parse(line) as RowResult);
}

/** Chooses the mark of a cell. `+`: it holds. `X`: it does not. `.`: not applicable. */
function chooseMark(
	{ verdicts }: RowResult,
	column: Pick<Cell, 'mode' | 'onError' | 'persistence' | 'isRetried'>,
) {
	const found = verdicts.find(({ cell }) =>
		(Object.keys(column) as Array<keyof typeof column>).every((name) => cell[name] === column[name]),
	);
	if (!found) return '.';
	return found.complaints.length > 0 ? 'X' : '+';
}

/** Chooses the marks for a mode and On Error: hit once, hit always, and both with Retry On Fail. */
function chooseMarks(result: RowResult, mode: Cell['mode'], onError: Cell['onError']): string {
	return [false, true]
		.flatMap((isRetried) =>
			PERSISTENCES.map((persistence) => chooseMark(result, { mode, onError, persistence, isRetried })),
		)
		.join('');
}

const COLUMNS = MODES.flatMap((mode) => ON_ERRORS.map((onError) => ({ mode, onError })));
const SHORT = { stop: 'stop', continue: 'cont', errorOutput: 'errO' };

/** @returns the table's lines */
export function formatTable(results: readonly RowResult[]): string[] {
	const nameWidth = Math.max(...results.map(({ fault }) => fault.length));
	const joinColumns = (texts: string[]) => texts.map((text) => text.padEnd(4)).join(' ');
	const margin = ' '.repeat(10 + nameWidth);
	const padMode = (mode: string) => mode.padEnd(15);
	return [
		'Each mark: hit once, always, once with Retry On Fail, always with it. + holds, X does not, . not applicable',
		`${margin}${MODES.map(padMode).join('')}`,
		`${margin}${joinColumns(COLUMNS.map(({ onError }) => SHORT[onError]))}`,
		...results.map((result) =>
			`${result.place.padEnd(9)} ${result.fault.padEnd(nameWidth)}${joinColumns(COLUMNS.map(({ mode, onError }) => chooseMarks(result, mode, onError)))}`.trimEnd(),
		),
	];
}

/** @returns the lines below the table */
export function formatTotals(results: readonly RowResult[], realSeconds: number): string[] {
	const verdicts = results.flatMap((result) => result.verdicts);
	const broken = verdicts.filter(({ complaints }) => complaints.length > 0);
	const addUp = (of: (verdict: Verdict) => number) =>
		verdicts.reduce((total, verdict) => total + of(verdict), 0);
	const reasons = new Map<string, number>();
	for (const { reason } of results.flatMap(({ gaps }) => gaps)) {
		reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
	}
	const gapCount = [...reasons.values()].reduce((total, count) => total + count, 0);
	const longest = verdicts.reduce((worst, verdict) => (verdict.seconds > worst.seconds ? verdict : worst));
	return [
		`${verdicts.length} cells: ${verdicts.length - broken.length} hold, ${broken.length} do not`,
		`${gapCount} combinations are not applicable:`,
		...[...reasons].sort((a, b) => b[1] - a[1]).map(([reason, count]) => `  ${count} ${reason}`),
		`${addUp(({ paid }) => paid)} jobs were paid, ${addUp(({ paidAnew }) => paidAnew)} of them because another job had failed`,
		`longest: ${Math.round(longest.seconds)} s of the clock (${nameCell(longest.cell)}); all cells together: ${Math.round(realSeconds)} s of real time`,
		...broken.map(({ cell, complaints }) => `DOES NOT HOLD: ${nameCell(cell)}: ${complaints.join('; ')}`),
	];
}
