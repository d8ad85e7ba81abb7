import { nameOf, pairsOf, rows, selectedRows, type Cell } from './cells.mts';
import { verdictOn } from './check.mts';

/** Of the table's cells, in its order, one in so many: prime, so that no column is left out. `npm run test:faults` runs more. */
const STEP = 191;

const sample = rows()
	.flatMap(({ cells }) => cells)
	.filter((_cell, index) => index % STEP === 0);

test.each(sample.map((cell) => [nameOf(cell), cell] as const))('%s', async (_name, cell) => {
	expect((await verdictOn(cell)).complaints).toEqual([]);
});

const valuesIn = (cells: Cell[], of: (cell: Cell) => string[]) => [...new Set(cells.flatMap(of))].sort();

test('the selection has of each fault every mode with each persistence, and every other setting', () => {
	const all = rows();
	const ofRow = ({ mode, persistence, onError, isRetried }: Cell) => [
		`${mode} and ${persistence}`,
		onError,
		`${isRetried}`,
	];
	for (const [index, { cells }] of selectedRows(all).entries()) {
		const row = all[index]?.cells ?? [];
		expect([row[0]?.fault, valuesIn(cells, ofRow)]).toEqual([row[0]?.fault, valuesIn(row, ofRow)]);
	}
});

test('the selection has of each meaning at each place every pair of settings', () => {
	const groups = new Map<string, { all: Cell[]; selected: Cell[] }>();
	for (const [kind, table] of [
		['all', rows()],
		['selected', selectedRows(rows())],
	] as const) {
		for (const cell of table.flatMap(({ cells }) => cells)) {
			const name = `${cell.place}, ${cell.means}`;
			const group = groups.get(name) ?? { all: [], selected: [] };
			group[kind].push(cell);
			groups.set(name, group);
		}
	}
	for (const [name, { all, selected }] of groups) {
		expect([name, valuesIn(selected, pairsOf)]).toEqual([name, valuesIn(all, pairsOf)]);
	}
});
