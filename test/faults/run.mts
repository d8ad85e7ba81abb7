/**
 * Runs the fault table and prints it. `npm run test:faults` runs a selection: each fault at each place, hitting once and
 * always. `-- all` runs every cell. Another word, such as `-- submit`, runs only the places whose names contain it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { formatTable, formatTotals, readResults, RESULTS, RUNS_ALL } from './table.mts';

const ALL = 'all';

const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-faults-'));
const started = performance.now();
const words = process.argv.slice(2);
const places = words.filter((word) => word !== ALL);
const { status } = spawnSync('jest', ['--config', 'test/faults/jest.config.js', ...places], {
	stdio: 'inherit',
	env: { ...process.env, [RESULTS]: folder, ...(words.includes(ALL) && { [RUNS_ALL]: 'true' }) },
});
const results = readResults(folder);
rmSync(folder, { recursive: true });
if (results.length > 0) {
	const lines = [...formatTable(results), ...formatTotals(results, (performance.now() - started) / 1000)];
	process.stdout.write(`${lines.join('\n')}\n`);
}
process.exitCode = status ?? 1;
