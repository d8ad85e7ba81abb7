import { type Cell, listPairs, listRows, nameCell, selectRows } from './cells.mts';
import { checkCell } from './check.mts';

/** The sample has every 809th cell of the table. The number is prime, so no column is left out. `npm run test:faults` runs more. */
const STEP = 809;

const sample = listRows()
	.flatMap(({ cells }) => cells)
	.filter((_cell, index) => index % STEP === 0);

test.each(sample.map((cell) => [nameCell(cell), cell] as const))('%s', async (_name, cell) => {
	expect((await checkCell(cell)).complaints).toEqual([]);
});

const listValues = (cells: Cell[], of: (cell: Cell) => string[]) => [...new Set(cells.flatMap(of))].sort();

test('the selection has each fault at each place, hitting once and always', () => {
	const all = listRows();
	const listPersistences = (cells: Cell[]) => listValues(cells, ({ persistence }) => [persistence]);
	for (const [index, { cells }] of selectRows(all).entries()) {
		const { place, fault, cells: row = [] } = all[index] ?? {};
		expect([place, fault, listPersistences(cells)]).toEqual([place, fault, listPersistences(row)]);
	}
});

test('the selection has every pair of settings for each meaning at each place', () => {
	const groups = new Map<string, { all: Cell[]; selected: Cell[] }>();
	for (const [kind, table] of [
		['all', listRows()],
		['selected', selectRows(listRows())],
	] as const) {
		for (const cell of table.flatMap(({ cells }) => cells)) {
			const name = `${cell.place}, ${cell.means}`;
			const group = groups.get(name) ?? { all: [], selected: [] };
			group[kind].push(cell);
			groups.set(name, group);
		}
	}
	for (const [name, { all, selected }] of groups) {
		expect([name, listValues(selected, listPairs)]).toEqual([name, listValues(all, listPairs)]);
	}
});
