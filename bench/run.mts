/**
 * Measures the package, and prints a table for each question.
 *
 *   npm run bench                       everything, in about half an hour; writes bench/RESULTS.md
 *   npm run bench -- detection memory   only these, printed only
 *
 * What runs on real n8n's installs them into `.cache/` when they are not there, as `npm run e2e` does.
 */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

import { measureDetection } from './detection.mts';
import { flood } from './flood.mts';
import { makespan, startOneAfterTheOther, type Background } from './makespan.mts';
import { memory } from './memory.mts';
import { overhead } from './overhead.mts';
import { packageSize } from './package.mts';
import { suspended } from './suspended.mts';
import { isMissed, type Table, toMarkdown } from './table.mts';

const say = (line: string) => process.stderr.write(`${line}\n`);

const wanted = process.argv.slice(2);
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);

/** What takes longest of the makespans, and hardly anything of the machine. */
let slowest: Background | undefined;

/** In this order: what must not be disturbed first. */
const MEASUREMENTS: Record<string, () => Promise<Table | Table[]>> = {
	package: packageSize,
	overhead,
	memory,
	detection: measureDetection,
	flood: async () => await flood(say),
	suspended: async () => {
		if (isWanted('makespan')) slowest = startOneAfterTheOther();
		return await suspended(say);
	},
	makespan: async () => await makespan(say, slowest),
};

const unknown = wanted.filter((name) => !(name in MEASUREMENTS));
if (unknown.length > 0) {
	say(`bench: ${unknown.join(', ')}: not known. There are: ${Object.keys(MEASUREMENTS).join(', ')}.`);
	process.exit(2);
}

/** The rows of tables whose aim was missed, as list entries. */
function missed(tables: readonly Table[]): string[] {
	return tables.flatMap(({ question, columns, rows }) => {
		const met = columns.indexOf('met');
		return rows
			.filter((row) => isMissed(row[met] ?? ''))
			.map((row) => `* ${question} ${row.slice(0, -2).filter(Boolean).join(' · ')} · ${row[met]}`);
	});
}

const started = Date.now();
const tables: Table[] = [];
for (const [name, measure] of Object.entries(MEASUREMENTS)) {
	if (!isWanted(name)) continue;
	const begun = Date.now();
	say(`bench: ${name} ...`);
	const measured = [await measure()].flat();
	tables.push(...measured);
	for (const table of measured) process.stdout.write(`\n${toMarkdown(table)}`);
	say(`bench: ${name} took ${Math.round((Date.now() - begun) / 1000)} s.`);
}

if (wanted.length === 0) {
	const misses = missed(tables);
	const minutes = ((Date.now() - started) / 60_000).toFixed(1);
	const text = [
		'# What was measured',
		'',
		`By \`npm run bench\`, on Node ${process.version}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, in ${minutes} minutes. It writes this file.`,
		'Ratios, shares and counts depend little on the machine; times do. Medians, with the least and the most in brackets.',
		'',
		misses.length === 0 ? 'All aims were met.' : ['Aims that were missed:', '', ...misses].join('\n'),
		'',
		...tables.map(toMarkdown),
	].join('\n');
	writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text);
	say(`bench: written to bench/RESULTS.md after ${minutes} minutes.`);
}
