/**
 * Measures the package, and prints a table for each question.
 *
 *   npm run bench                       everything, in about an hour; writes bench/RESULTS.md
 *   npm run bench -- detection memory   only these, printed only
 *
 * Measurements on n8n servers install n8n into `.cache/` if it is not there, as `npm run e2e` does.
 */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

import { measureDetection } from './detection.mts';
import { measureFlood } from './flood.mts';
import { measureMakespan, startOneAfterAnother, type Background } from './makespan.mts';
import { measureMemory } from './memory.mts';
import { measureMeshes } from './meshes.mts';
import { measureOverhead } from './overhead.mts';
import { measurePackage } from './package.mts';
import { measureStandIn } from './standin.mts';
import { measureSuspending } from './suspended.mts';
import { measureWorkers } from './workers.mts';
import { isMissed, type Table, toMarkdown } from './table.mts';

const say = (line: string) => process.stderr.write(`${line}\n`);

const wanted = process.argv.slice(2);
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);

/** The longest of the makespan measurements. It needs almost no processor. */
let slowest: Background | undefined;

/** In this order: the measurements that nothing may disturb come first. */
const MEASUREMENTS: Record<string, () => Table | Promise<Table | Table[]>> = {
	package: measurePackage,
	standin: measureStandIn,
	overhead: measureOverhead,
	memory: measureMemory,
	meshes: measureMeshes,
	detection: measureDetection,
	workers: async () => await measureWorkers(say),
	flood: async () => await measureFlood(say),
	suspended: async () => {
		if (isWanted('makespan')) slowest = startOneAfterAnother();
		return await measureSuspending(say);
	},
	makespan: async () => await measureMakespan(say, slowest),
};

const unknown = wanted.filter((name) => !(name in MEASUREMENTS));
if (unknown.length > 0) {
	say(
		`bench: ${unknown.join(', ')} is unknown. The measurements are: ${Object.keys(MEASUREMENTS).join(', ')}.`,
	);
	process.exit(2);
}

/** Lists the rows that missed their aim, as entries of a Markdown list. */
function listMissed(tables: readonly Table[]): string[] {
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
	const start = Date.now();
	say(`bench: ${name} ...`);
	const measured = [await measure()].flat();
	tables.push(...measured);
	for (const table of measured) process.stdout.write(`\n${toMarkdown(table)}`);
	say(`bench: ${name} took ${Math.round((Date.now() - start) / 1000)} s.`);
}

if (wanted.length === 0) {
	const misses = listMissed(tables);
	const minutes = ((Date.now() - started) / 60_000).toFixed(1);
	const text = [
		'# Measurements',
		'',
		`By \`npm run bench\`, on Node ${process.version}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, in ${minutes} minutes. The command writes this file.`,
		'Times depend on the machine. Ratios, shares and counts depend on it little. Figures are medians, with the least and the most in brackets.',
		'',
		misses.length === 0 ? 'All aims were met.' : ['Aims that were missed:', '', ...misses].join('\n'),
		'',
		...tables.map(toMarkdown),
	].join('\n');
	writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text);
	say(`bench: written to bench/RESULTS.md after ${minutes} minutes.`);
}
