/**
 * Prints the section of CHANGELOG.md for the version of a tag: `npm run release:notes -- v0.1.0`. Fails if package.json has another
 * version, or if the changelog has no such section.
 */
import { readFileSync } from 'node:fs';

import { readNotes } from './changelog.mts';

const [tag] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
try {
	if (tag !== `v${version}`) throw new Error(`The tag of package.json's version is v${version}, not ${tag}.`);
	console.log(readNotes(readFileSync('CHANGELOG.md', 'utf8'), version));
} catch (error) {
	console.error((error as Error).message);
	process.exitCode = 1;
}
