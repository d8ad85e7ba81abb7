import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Reads a file of the repository as text. */
export const readText = (path: string): string => readFileSync(path, 'utf8');

/** Lists the names of the files in a folder of the repository. */
export const listFiles = (folder: string): string[] => readdirSync(folder).sort();

/** Whether the repository has a file or folder at a path from its root. */
export const isThere = (path: string): boolean => existsSync(path);

/** Folders of other packages, and folders that are built. */
const FOREIGN = new Set(['node_modules', 'dist', 'out', '.cache', '.git']);

/** Lists the paths of all files and folders of the repository, from its root. */
export const listPaths = (folder = '.'): string[] =>
	readdirSync(folder, { withFileTypes: true })
		.filter(({ name }) => !FOREIGN.has(name))
		.flatMap((entry) => {
			const path = join(folder, entry.name);
			return entry.isDirectory() ? [path, ...listPaths(path)] : [path];
		});
