import { type Cell, listRows, nameCell, selectRows } from './cells.mts';
import type { Place } from './fault-entry.mts';
import { judgeCell } from './judge.mts';
import { runCell } from './run-cell.mts';
import { keepResult, RUNS_ALL, type Verdict } from './table.mts';

/** Runs a cell and judges it. */
export async function checkCell(cell: Cell): Promise<Verdict> {
	return judgeCell(cell, await runCell(cell));
}

/** How long the cells of a row may take, ms of real time. */
const ROW_LIMIT_MS = 300_000;

/** Tests the cells of a place. Each row of the table is a test. */
export function testPlace(place: Place): void {
	describe(`a fault of the ${place}`, () => {
		const table = process.env[RUNS_ALL] ? listRows() : selectRows(listRows());
		const own = table.filter((row) => row.place === place);
		for (const { fault, cells, gaps } of own) {
			if (cells.length === 0) keepResult({ place, fault, verdicts: [], gaps });
		}
		const applicable = own.filter(({ cells }) => cells.length > 0);
		test.each(applicable.map((row) => [row.fault, row] as const))(
			'%s',
			async (fault, { cells, gaps }) => {
				const verdicts: Verdict[] = [];
				for (const cell of cells) verdicts.push(await checkCell(cell));
				keepResult({ place, fault, verdicts, gaps });
				const broken = verdicts.filter(({ complaints }) => complaints.length > 0);
				expect(broken.map(({ cell, complaints }) => [nameCell(cell), ...complaints])).toEqual([]);
			},
			ROW_LIMIT_MS,
		);
	});
}
