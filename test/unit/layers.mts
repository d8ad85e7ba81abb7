import { execFile } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** What the rules are about, and what dependency-cruiser needs to read it. */
const SOURCES = ['index.ts', 'nodes', 'credentials', 'local-api', 'n8n', 'bench', 'test'];
const SETTINGS = ['package.json', 'tsconfig.json', 'tsconfig.dev.json'];

const CRUISER = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const RULES = resolve('scripts/lint/layers.mjs');

/** A broken rule, as `npm run lint` reports it. */
export interface Violation {
	rule: string;
	/** The two files, or all files of a circle. */
	files: string[];
	/** The sentences that are printed. */
	comment: string;
}

/** Reads dependency-cruiser's report, which is wrapped to the width of a terminal. */
function readReport(report: string): Violation[] {
	return report
		.split(/^ {2}(?=(?:error|warn) )/m)
		.slice(1)
		.map((entry) => {
			const lines = entry.split('\n');
			const end = lines.findIndex((line) => /^ {4}\S/.test(line));
			const [rule = '', files = ''] = lines
				.slice(0, end)
				.join(' ')
				.replace(/^\w+ /, '')
				.split(/: (.*)/);
			const comment = lines.slice(end).filter((line) => /^ {4}\S/.test(line));
			return {
				rule,
				files: files.split('→').map((file) => file.trim()),
				comment: comment.map((line) => line.trim()).join(' '),
			};
		});
}

/**
 * Checks a copy of the sources by the rules of the lint.
 *
 * @param added lines that are added to files of the copy, or make new ones, by path
 */
export async function violationsWith(
	added: ReadonlyArray<readonly [file: string, line: string]>,
): Promise<Violation[]> {
	const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-layers-'));
	try {
		for (const part of [...SOURCES, ...SETTINGS]) cpSync(part, join(folder, part), { recursive: true });
		symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
		for (const [file, line] of added) {
			const path = join(folder, file);
			mkdirSync(dirname(path), { recursive: true });
			appendFileSync(path, `\n${line}\n`);
		}
		const args = [CRUISER, '--config', RULES, '--output-type', 'err-long', ...SOURCES];
		const report = await new Promise<string>((done, fail) => {
			execFile(process.execPath, args, { cwd: folder }, (_error, stdout, stderr) => {
				if (stderr) fail(new Error(stderr));
				else done(stdout);
			});
		});
		return readReport(report);
	} finally {
		rmSync(folder, { recursive: true });
	}
}
