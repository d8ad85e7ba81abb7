import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of the repository, as text. */
export const readText = (path: string): string => readFileSync(path, 'utf8');

/** The names of the files in a folder of the repository. */
export const listFiles = (folder: string): string[] => readdirSync(folder).sort();

/** Whether the repository has a file or folder at a path from its root. */
export const isThere = (path: string): boolean => existsSync(path);

/** What is not the repository's own, or is made. */
const FOREIGN = new Set(['node_modules', 'dist', 'out', '.cache', '.git']);

/** The paths of all files and folders of the repository, from its root. */
export const ownPaths = (folder = '.'): string[] =>
	readdirSync(folder, { withFileTypes: true })
		.filter(({ name }) => !FOREIGN.has(name))
		.flatMap((entry) => {
			const path = join(folder, entry.name);
			return entry.isDirectory() ? [path, ...ownPaths(path)] : [path];
		});
