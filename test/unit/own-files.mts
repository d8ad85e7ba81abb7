import { readdirSync, readFileSync } from 'node:fs';

/** A file of the repository, as text. */
export const textOf = (path: string): string => readFileSync(path, 'utf8');

/** The names of the files in a folder of the repository. */
export const filesIn = (folder: string): string[] => readdirSync(folder).sort();
