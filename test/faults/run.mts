/**
 * Runs all cells of the fault table and prints it: `npm run test:faults`. With words behind it (`-- submit`), only the places
 * whose names they are part of.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readResults, RESULTS, tableOf, totalsOf } from './table.mts';

const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-faults-'));
const started = performance.now();
const { status } = spawnSync('jest', ['--config', 'jest.faults.config.js', ...process.argv.slice(2)], {
	stdio: 'inherit',
	env: { ...process.env, [RESULTS]: folder },
});
const results = readResults(folder);
rmSync(folder, { recursive: true });
if (results.length > 0) {
	const lines = [...tableOf(results), ...totalsOf(results, (performance.now() - started) / 1000)];
	process.stdout.write(`${lines.join('\n')}\n`);
}
process.exitCode = status ?? 1;
