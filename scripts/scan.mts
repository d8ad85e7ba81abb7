/**
 * Runs n8n's package scanner before anything is published:
 *
 *   npm run scan                      the sources of this folder, and the tarball that npm would publish
 *   npm run scan -- SOURCES PACKAGE   other sources, and another unpacked package
 *
 * The scanner's own program downloads a published version by its name. It requires npm's provenance, downloads the sources of the commit
 * in the provenance, and lints both. Here both are linted in the same way, and nothing is downloaded.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { packPackage, unpack } from '../n8n/real/install.mts';

/** The files of a tarball that the scanner lints. It exports only the patterns for sources. */
const TARBALL_FILE_PATTERNS = ['**/*.js', 'package.json'];

async function main(folder: string): Promise<void> {
	// When it is loaded, the scanner makes a folder for downloads, and does not remove it.
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
		// For the scanner, it counts as passed when there is nothing to lint.
		if (!passed || message) process.exitCode = 1;
	}
	console.log('provenance: not checked, because only a published version has it');
}

const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-scan-'));
try {
	await main(folder);
} finally {
	rmSync(folder, { recursive: true });
}
