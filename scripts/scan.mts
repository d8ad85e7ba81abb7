/**
 * What n8n's package scanner says of the package, before there is anything published that it could scan:
 *
 *   npm run scan                      the sources of this folder, and the tarball that npm would publish of it
 *   npm run scan -- SOURCES PACKAGE   other folders, the second one an unpacked package
 *
 * The scanner's own program downloads a published version by its name: it wants npm's provenance of it, takes the sources
 * from the commit that the provenance names, and lints both. Here both are linted in the same way, and nothing is downloaded.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { packPackage, unpack } from '../n8n/real/install.mts';

/** What the scanner lints of a tarball; it exports the patterns of sources only. */
const TARBALL_FILE_PATTERNS = ['**/*.js', 'package.json'];

async function main(folder: string): Promise<void> {
	// The scanner makes itself a folder for downloads when it is loaded, and leaves it there.
	process.env.TMPDIR = folder;
	const { analyzePackage, SOURCE_FILE_PATTERNS } = await import(
		'@n8n/scan-community-package/scanner/scanner.mjs'
	);

	const [sources = '.', unpacked = join(folder, 'package')] = process.argv.slice(2);
	if (process.argv.length < 4) await unpack(await packPackage(), unpacked);

	const scans = [
		{ what: 'sources', ...(await analyzePackage(resolve(sources), SOURCE_FILE_PATTERNS)) },
		{ what: 'tarball', ...(await analyzePackage(resolve(unpacked), TARBALL_FILE_PATTERNS)) },
	];
	for (const { what, passed, message, details } of scans) {
		console.log(`${what}: ${passed && !message ? 'passed' : message}`);
		if (details) console.log(details);
		// That there was nothing to lint counts as passed for the scanner.
		if (!passed || message) process.exitCode = 1;
	}
	console.log('provenance: not looked at, only a published version has it');
}

const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-scan-'));
try {
	await main(folder);
} finally {
	rmSync(folder, { recursive: true });
}
