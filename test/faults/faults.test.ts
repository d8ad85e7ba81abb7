import { nameOf, rows } from './cells.mts';
import { verdictOn } from './check.mts';

/** Of the table's cells, in its order, one in so many: prime, so that no column is left out. `npm run test:faults` runs all. */
const STEP = 127;

const sample = rows()
	.flatMap(({ cells }) => cells)
	.filter((_cell, index) => index % STEP === 0);

test.each(sample.map((cell) => [nameOf(cell), cell] as const))('%s', async (_name, cell) => {
	expect((await verdictOn(cell)).complaints).toEqual([]);
});
