/** What the package costs before it does anything: loading it, and its size. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { median } from 'simple-statistics';
import { plainEnvironment } from './measured-process.mts';
import { compareWithBound, formatSpread, formatVerdict, type Table } from './table.mts';

const ROOT = join(import.meta.dirname, '..');

const PROCESSES = 15;
/** The most that loading may take, ms. */
const LOAD_BOUND = 15;
/** The largest that the tarball may be, in kB of 1000 bytes. */
const TARBALL_BOUND = 60;

interface Manifest {
	dependencies?: Record<string, string>;
	n8n: { credentials: string[]; nodes: string[] };
}

/** What a fresh process took to load n8n-workflow, and then the files that n8n loads, ms. */
interface Loading {
	workflow: number;
	nodes: number;
}

/** Run in the fresh process: its arguments are what to load. */
const LOADER = `
	const took = (paths) => {
		const start = performance.now();
		for (const path of paths) require(path);
		return performance.now() - start;
	};
	const workflow = took(['n8n-workflow']);
	const nodes = took(process.argv.slice(1));
	process.stdout.write(JSON.stringify({ workflow, nodes }));
`;

/** @param args of the program @returns what it prints */
function output(program: string, args: readonly string[]): string {
	const { stdout, status, error, stderr } = spawnSync(program, args, {
		cwd: ROOT,
		encoding: 'utf8',
		env: plainEnvironment(),
		shell: process.platform === 'win32' && program === 'npm',
	});
	if (status !== 0) throw new Error(`${program} did not succeed: ${error?.message ?? stderr}`);
	return stdout;
}

function load(files: readonly string[]): Loading {
	return JSON.parse(output(process.execPath, ['-e', LOADER, '--', ...files])) as Loading;
}

interface Tarball {
	/** Bytes. */
	size: number;
	unpackedSize: number;
	/** Files. */
	entryCount: number;
}

/** The tarball as npm would make it from what is built. */
function tarball(): Tarball {
	const [packed] = JSON.parse(output('npm', ['pack', '--json', '--dry-run'])) as Tarball[];
	if (!packed) throw new Error('npm pack told nothing.');
	return packed;
}

export async function packageSize(): Promise<Table> {
	const { dependencies = {}, n8n } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
	const files = [...n8n.credentials, ...n8n.nodes].map((path) => join(ROOT, path));
	// The first one finds the files on the disk for the others.
	load(files);
	const loadings = Array.from({ length: PROCESSES }, () => load(files));
	const nodes = loadings.map((loading) => loading.nodes);
	const workflow = loadings.map((loading) => loading.workflow);
	const { size, unpackedSize, entryCount } = tarball();
	const count = Object.keys(dependencies).length;

	const milliseconds = (value: number) => `${value.toFixed(1)} ms`;
	const kilobytes = (bytes: number) => bytes / 1000;
	const share = loadings.map((loading) => loading.nodes / loading.workflow);
	return {
		question: 'What does the package cost before it does anything?',
		how: `Loading: ${PROCESSES} fresh processes, each of which has loaded n8n-workflow first, as any n8n has; then the ${files.length} files that n8n loads, from the build. Median (least to most). Size: what npm pack would make of the build.`,
		columns: ['what', 'figure', 'aim', 'met'],
		rows: [
			[
				'loading the nodes beside loading n8n-workflow',
				formatSpread(share, (value) => `${value.toFixed(2)} x`),
				'',
				'',
			],
			[
				'loading the nodes',
				formatSpread(nodes, milliseconds),
				`at most ${LOAD_BOUND} ms`,
				compareWithBound(median(nodes), LOAD_BOUND),
			],
			['loading n8n-workflow, which n8n has done', formatSpread(workflow, milliseconds), '', ''],
			[
				'tarball',
				`${kilobytes(size).toFixed(1)} kB`,
				`at most ${TARBALL_BOUND} kB`,
				compareWithBound(kilobytes(size), TARBALL_BOUND),
			],
			['installed', `${kilobytes(unpackedSize).toFixed(1)} kB in ${entryCount} files`, '', ''],
			['dependencies', String(count), '0', formatVerdict(count === 0)],
		],
	};
}
