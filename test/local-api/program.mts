import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import axios from 'axios';

import { runScript, TSX } from '../support/run-script.mts';

/** The program of the stand-in service, as a person runs it. */
const PROGRAM = join('local-api', 'cli.mts');

/** Runs the program until it ends. @returns its exit code, and what it has printed */
export const run = async (...flags: string[]) => await runScript(PROGRAM, ...flags);

/** Starts the program on any free port. @returns its settings, as GET /local-api shows them */
export async function settingsWith(...flags: string[]): Promise<Record<string, unknown>> {
	const child = spawn(process.execPath, [TSX, PROGRAM, '--port', '0', ...flags]);
	try {
		let printed = '';
		for await (const chunk of child.stdout) {
			printed += String(chunk);
			const link = /http:\/\/127\.0\.0\.1:\d+\/local-api/.exec(printed);
			if (!link) continue;
			const { data } = await axios.get<{ settings: Record<string, unknown> }>(link[0], { proxy: false });
			return data.settings;
		}
		throw new Error(`The program has ended: ${printed}`);
	} finally {
		if (child.exitCode === null && child.kill()) await once(child, 'exit');
	}
}
