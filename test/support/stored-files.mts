import { readdirSync, truncateSync } from 'node:fs';

import { ENGINE_FOLDER } from './engine-folder.mts';

/** Empties a file in n8n's storage, so that a test sees whether it is read. */
export const emptyFile = (path: string): void => truncateSync(path);

/** Lists the files in n8n's storage, also those that no item has. Those that describe another file are left out. */
export const listStoredFiles = (): string[] =>
	readdirSync(ENGINE_FOLDER, { recursive: true, encoding: 'utf8' }).filter((path) =>
		/\/binary_data\/[\da-f-]+$/.test(path),
	);
