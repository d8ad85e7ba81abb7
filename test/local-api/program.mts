import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import axios from 'axios';

import { runScript, TSX } from '../support/run-script.mts';

/** The program of the stand-in service, as a person runs it. */
const PROGRAM = join('local-api', 'cli.mts');

/** Runs the program until it ends. @returns its exit code, and what it has printed */
export const run = async (...flags: string[]) => await runScript(PROGRAM, ...flags);

/** Starts the program on any free port, and ends it after `use`. @param use gets what the program has printed at its start */
async function withProgram<T>(flags: string[], use: (printed: string) => T | Promise<T>): Promise<T> {
	const child = spawn(process.execPath, [TSX, PROGRAM, '--port', '0', ...flags]);
	try {
		let printed = '';
		for await (const chunk of child.stdout) {
			printed += String(chunk);
			if (printed.includes('Ctrl-C stops it.')) return await use(printed);
		}
		throw new Error(`The program has ended: ${printed}`);
	} finally {
		if (child.exitCode === null && child.kill()) await once(child, 'exit');
	}
}

/** Starts the program. @returns what it prints at its start */
export const readStart = async (): Promise<string> => await withProgram([], (printed) => printed);

/** Starts the program. @returns its settings, as GET /local-api shows them */
export const settingsWith = async (...flags: string[]): Promise<Record<string, unknown>> =>
	await withProgram(flags, async (printed) => {
		const [link = ''] = /http:\/\/127\.0\.0\.1:\d+\/local-api/.exec(printed) ?? [];
		const { data } = await axios.get<{ settings: Record<string, unknown> }>(link, { proxy: false });
		return data.settings;
	});
