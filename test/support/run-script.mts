import { execFile, spawnSync } from 'node:child_process';
import {
	copyFileSync,
	cpSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import manifest from '../../package.json' with { type: 'json' };

/** The program that runs a script with Node, as `npm run` does. */
export const TSX = resolve('node_modules', 'tsx', 'dist', 'cli.mjs');

/** The flags of Node with which `npm start` runs its script. */
const [, CTS_FLAGS = ''] = / node (--require .+) scripts\/start\.cts$/.exec(manifest.scripts.start) ?? [];

/** Runs a script of the repository in a folder. @returns its exit code, and what it has printed */
export async function runScriptIn(
	folder: string,
	script: string,
	...args: string[]
): Promise<{ code: number; printed: string }> {
	// Jest sets NODE_ENV=test. n8n's lint then takes every file for one of its own test cases.
	const env = { ...process.env, NODE_ENV: undefined };
	return await new Promise((done) => {
		execFile(
			process.execPath,
			// As package.json runs them.
			[...(script.endsWith('.cts') ? CTS_FLAGS.split(' ') : [TSX]), resolve(script), ...args],
			{ cwd: folder, env },
			(error, stdout, stderr) => {
				done({ code: error ? Number(error.code) : 0, printed: stdout + stderr });
			},
		);
	});
}

/** Runs a script in the folder of the repository, as a person does. */
export const runScript = async (script: string, ...args: string[]) => await runScriptIn('.', script, ...args);

interface Ended {
	code: number | null;
	printed: string;
}

/** Runs a command in a new folder, which is removed at the end. @param prepare fills the folder, and returns the command */
function runInFolder(prepare: (folder: string) => [command: string, ...args: string[]], cwd?: string): Ended {
	const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-script-'));
	try {
		const [command, ...args] = prepare(folder);
		const options = { cwd: cwd ?? folder, encoding: 'utf8' } as const;
		const { status, stdout, stderr } = spawnSync(command, args, options);
		return { code: status, printed: stdout + stderr };
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

/** Runs the setup as if Node had another version, such as 18.20.8. */
export const runSetupOnNode = (node: string) =>
	runInFolder((folder) => {
		const preload = join(folder, 'preload.cjs');
		const versions = `{ ...process.versions, node: '${node}' }`;
		writeFileSync(preload, `Object.defineProperty(process, 'versions', { value: ${versions} });`);
		return [process.execPath, '--require', preload, 'scripts/setup.mjs', 'light'];
	}, '.');

/** What a clone has besides its tests and documents. */
const CLONED = ['credentials', 'examples', 'local-api', 'n8n', 'nodes', 'samples', 'scripts'];

/** Runs `npm start` in a new clone that has installed everything, and built nothing. @returns also the files that it has written */
export function startNewClone(...args: string[]): Ended & { files: Map<string, Buffer> } {
	const out = mkdtempSync(join(tmpdir(), 'img-to-3d-out-'));
	try {
		const ended = runInFolder((folder) => {
			for (const name of [...CLONED, 'package.json', 'package-lock.json', 'tsconfig.json'])
				cpSync(name, join(folder, name), { recursive: true });
			symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
			return ['npm', 'start', '--', ...args, '--out', out];
		});
		return {
			...ended,
			files: new Map(readdirSync(out).map((name) => [name, readFileSync(join(out, name))])),
		};
	} finally {
		rmSync(out, { recursive: true });
	}
}

/** Runs gulp, with the flags of `npm run build`, for a package whose node would be written below the file index.ts. */
export const runBrokenBuild = () =>
	runInFolder((folder) => {
		symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
		copyFileSync('gulpfile.js', join(folder, 'gulpfile.js'));
		writeFileSync(join(folder, 'index.ts'), '');
		writeFileSync(join(folder, 'tsconfig.json'), '{}');
		const n8n = { nodes: ['index.ts/Node.node.js'], credentials: [] };
		writeFileSync(join(folder, 'package.json'), JSON.stringify({ main: 'dist/index.js', n8n }));
		const [, flags = ''] = / gulp (.+)$/.exec(manifest.scripts.build) ?? [];
		return [process.execPath, resolve('node_modules', 'gulp', 'bin', 'gulp.js'), ...flags.split(' ')];
	});
