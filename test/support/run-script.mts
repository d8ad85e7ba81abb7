import { execFile } from 'node:child_process';
import { resolve } from 'node:path';

/** How a script is started with Node, as `npm run` does it. */
export const TSX = resolve('node_modules', 'tsx', 'dist', 'cli.mjs');

/** Runs one of the repository's scripts in a folder to its end. @returns its exit code, and what it has printed */
export async function runScriptIn(
	folder: string,
	script: string,
	...args: string[]
): Promise<{ code: number; printed: string }> {
	// Jest says NODE_ENV=test, and n8n's lint then takes every file for one of its own test cases.
	const env = { ...process.env, NODE_ENV: undefined };
	return await new Promise((done) => {
		execFile(
			process.execPath,
			[TSX, resolve(script), ...args],
			{ cwd: folder, env },
			(error, stdout, stderr) => {
				done({ code: error ? Number(error.code) : 0, printed: stdout + stderr });
			},
		);
	});
}

/** The same in the repository's folder, as a person runs it. */
export const runScript = async (script: string, ...args: string[]) => await runScriptIn('.', script, ...args);
