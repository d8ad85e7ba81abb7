/**
 * Replaces the positions in a stack trace of the published package with those of the sources:
 *
 *   npm run trace -- error.txt     a file that contains the trace, such as n8n's log
 *   npm run trace < error.txt      the same from the standard input
 *
 * Check out the tag of the package's version first: the command builds that version again, and reads the build's source map.
 */
import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { posix } from 'node:path';

const STANDARD_INPUT = 0;

const { name, main } = JSON.parse(readFileSync('package.json', 'utf8')) as { name: string; main: string };
const sourceMap = new SourceMap(JSON.parse(readFileSync(`${main}.map`, 'utf8')) as SourceMapPayload);

/** The package's folder in `node_modules`, or this one. */
const folders = [name, process.cwd()];

/** @returns the position in the sources, or the same text if it is one in another package, or none in the bundle */
function findSource(position: string, folder: string, line: string, column: string): string {
	if (!folders.some((ours) => folder.endsWith(ours))) return position;
	const origin = sourceMap.findOrigin(Number(line), Number(column));
	if (!('fileName' in origin)) return position;
	return `${posix.join(posix.dirname(main), origin.fileName)}:${origin.lineNumber}:${origin.columnNumber}`;
}

const [file = STANDARD_INPUT] = process.argv.slice(2);
try {
	// In a JSON log of Windows, each backslash is doubled.
	const position = /([^\s("]*)[\\/]+dist[\\/]+index\.js:(\d+):(\d+)/g;
	process.stdout.write(readFileSync(file, 'utf8').replace(position, findSource));
} catch (error) {
	console.error((error as Error).message);
	process.exitCode = 1;
}
