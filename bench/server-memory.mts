/** What an n8n server holds. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { waitUntil } from '../n8n/real/processes.mts';
import type { World } from '../n8n/real/worlds.mts';

/** An n8n after a garbage collection. */
export interface Memory {
	/** bytes */
	heap: number;
	/** bytes */
	resident: number;
	/** What is in n8n's folder, bytes. */
	disk: number;
	/** The longest pause of the event loop since the last measurement, ms. */
	pause: number;
}

/** The size of a folder, bytes. Files can go while it is read. */
function measureFolder(folder: string): number {
	const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
	return paths.reduce(
		(sum, path) => sum + (lstatSync(join(folder, path), { throwIfNoEntry: false })?.size ?? 0),
		0,
	);
}

/** Measures an n8n that has loaded `collect.cjs`. */
export async function measureMemory({ main: { program }, folder }: World): Promise<Memory> {
	const find = (line: RegExp) => [...program.printed.matchAll(line)].map(([, value]) => Number(value));
	const HEAP = /^heap in use: (\d+) bytes$/gm;
	const before = find(HEAP).length;
	program.signal('SIGUSR2');
	await waitUntil('n8n prints its heap', () => find(HEAP).length > before);
	return {
		heap: find(HEAP).at(-1) ?? NaN,
		resident: program.residentBytes,
		disk: measureFolder(folder),
		pause: find(/^longest pause: (\d+) ms$/gm).at(-1) ?? NaN,
	};
}
