import { truncateSync } from 'node:fs';

/** Empties a file in n8n's storage, so that a test sees whether it is read. */
export const emptyFile = (path: string): void => truncateSync(path);
