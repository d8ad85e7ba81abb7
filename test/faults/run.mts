/**
 * Runs the fault table and prints it: `npm run test:faults`, of each fault at each place some cells in each mode. With `all`
 * behind it (`-- all`) every cell; with other words (`-- submit`) only the places whose names they are part of.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readResults, RESULTS, RUNS_ALL, tableOf, totalsOf } from './table.mts';

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
	const lines = [...tableOf(results), ...totalsOf(results, (performance.now() - started) / 1000)];
	process.stdout.write(`${lines.join('\n')}\n`);
}
process.exitCode = status ?? 1;
