import { execFile } from 'node:child_process';
import { resolve } from 'node:path';

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
