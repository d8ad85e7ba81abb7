import { execFile, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import manifest from '../../package.json' with { type: 'json' };

/** The program that runs a script with Node, as `npm run` does. */
export const TSX = resolve('node_modules', 'tsx', 'dist', 'cli.mjs');

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
			[...(script.endsWith('.cts') ? ['--require', 'tsx/cjs'] : [TSX]), resolve(script), ...args],
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

/** Runs Node in a new folder, which is removed at the end. @param prepare fills the folder, and returns the arguments */
function runNodeInFolder(prepare: (folder: string) => string[], cwd?: string): Ended {
	const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-script-'));
	try {
		const options = { cwd: cwd ?? folder, encoding: 'utf8' } as const;
		const { status, stdout, stderr } = spawnSync(process.execPath, prepare(folder), options);
		return { code: status, printed: stdout + stderr };
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

/** Runs the setup as if Node had another version, such as 18.20.8. */
export const runSetupOnNode = (node: string) =>
	runNodeInFolder((folder) => {
		const preload = join(folder, 'preload.cjs');
		const versions = `{ ...process.versions, node: '${node}' }`;
		writeFileSync(preload, `Object.defineProperty(process, 'versions', { value: ${versions} });`);
		return ['--require', preload, 'scripts/setup.mjs', 'light'];
	}, '.');

/** Runs gulp, with the flags of `npm run build`, for a package whose node would be written below the file index.ts. */
export const runBrokenBuild = () =>
	runNodeInFolder((folder) => {
		symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
		copyFileSync('gulpfile.js', join(folder, 'gulpfile.js'));
		writeFileSync(join(folder, 'index.ts'), '');
		writeFileSync(join(folder, 'tsconfig.json'), '{}');
		const n8n = { nodes: ['index.ts/Node.node.js'], credentials: [] };
		writeFileSync(join(folder, 'package.json'), JSON.stringify({ main: 'dist/index.js', n8n }));
		const [, flags = ''] = / gulp (.+)$/.exec(manifest.scripts.build) ?? [];
		return [resolve('node_modules', 'gulp', 'bin', 'gulp.js'), ...flags.split(' ')];
	});
