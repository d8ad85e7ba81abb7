/** What the package costs before it does anything: its loading time and its size. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { median } from 'simple-statistics';

import { readPlainEnvironment } from './measured-process.mts';
import { compareWithBound, formatSpread, formatVerdict, type Table } from './table.mts';

const ROOT = join(import.meta.dirname, '..');

const PROCESSES = 15;
/** The longest that loading may take, as a share of what n8n-workflow takes. */
const LOAD_BOUND = 0.06;
/** The largest that the tarball may be, in kB of 1000 bytes. */
const TARBALL_BOUND = 80;

interface Manifest {
	dependencies?: Record<string, string>;
	n8n: { credentials: string[]; nodes: string[] };
}

/** How long a new process took to load n8n-workflow, and then the files that n8n loads, ms. */
interface Loading {
	workflow: number;
	nodes: number;
}

/** The program of the new process. Its arguments are the files to load. */
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

/** Runs a program. @returns what it prints */
function runProgram(program: string, args: readonly string[]): string {
	const { stdout, status, error, stderr } = spawnSync(program, args, {
		cwd: ROOT,
		encoding: 'utf8',
		env: readPlainEnvironment(),
		shell: process.platform === 'win32' && program === 'npm',
	});
	if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`);
	return stdout;
}

function load(files: readonly string[]): Loading {
	return JSON.parse(runProgram(process.execPath, ['-e', LOADER, '--', ...files])) as Loading;
}

interface Tarball {
	/** Bytes. */
	size: number;
	unpackedSize: number;
	/** Files. */
	entryCount: number;
}

/** Describes the tarball that npm would make of the build. */
function describeTarball(): Tarball {
	const [packed] = JSON.parse(runProgram('npm', ['pack', '--json', '--dry-run'])) as Tarball[];
	if (!packed) throw new Error('npm pack printed nothing.');
	return packed;
}

const formatMs = (value: number) => `${value.toFixed(1)} ms`;
const formatKilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;

function makeLoadingRows(loadings: readonly Loading[]): string[][] {
	const nodes = loadings.map((loading) => loading.nodes);
	const workflow = loadings.map((loading) => loading.workflow);
	const share = loadings.map((loading) => loading.nodes / loading.workflow);
	return [
		[
			'loading the nodes / loading n8n-workflow',
			formatSpread(share, (value) => `${value.toFixed(3)} x`),
			`at most ${LOAD_BOUND} x`,
			compareWithBound(median(share), LOAD_BOUND),
		],
		['loading the nodes', formatSpread(nodes, formatMs), '', ''],
		['loading n8n-workflow, which n8n has already loaded', formatSpread(workflow, formatMs), '', ''],
	];
}

function makeSizeRows({ size, unpackedSize, entryCount }: Tarball, dependencies: number): string[][] {
	return [
		[
			'tarball',
			formatKilobytes(size),
			`at most ${TARBALL_BOUND} kB`,
			compareWithBound(size / 1000, TARBALL_BOUND),
		],
		['installed', `${formatKilobytes(unpackedSize)} in ${entryCount} files`, '', ''],
		['dependencies', String(dependencies), '0', formatVerdict(dependencies === 0)],
	];
}

export function measurePackage(): Table {
	const { dependencies = {}, n8n } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
	const files = [...n8n.credentials, ...n8n.nodes].map((path) => join(ROOT, path));
	// The first process brings the files from the disk into the cache for the others.
	load(files);
	const loadings = Array.from({ length: PROCESSES }, () => load(files));
	return {
		question: 'What does the package cost before it does anything?',
		how: `Loading: ${PROCESSES} new processes. Each loads n8n-workflow, as n8n has done, and then the ${files.length} files of the build that n8n loads. Median (least to most). Size: the tarball that npm pack would make of the build.`,
		columns: ['what', 'figure', 'aim', 'met'],
		rows: [
			...makeLoadingRows(loadings),
			...makeSizeRows(describeTarball(), Object.keys(dependencies).length),
		],
	};
}
