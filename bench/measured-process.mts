/** The side of the parent of `measured.cts`. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import type { Cost, Work } from './measured.cts';

export type { Contender, Cost, Work } from './measured.cts';

/** A process with n8n's engine, ready to work. */
export interface MeasuredProcess {
	measure(work: Work): Promise<Cost>;
	stop(): Promise<void>;
}

type Reply = { ready: true } | { cost: Cost } | { error: string };

/** @returns the environment without the variables that would send calls through a proxy, or change how n8n works */
export function readPlainEnvironment(): NodeJS.ProcessEnv {
	const isOthers = (name: string) => /^(N8N_|NODE_OPTIONS$|NODE_V8_COVERAGE$)|_proxy$/i.test(name);
	return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOthers(name)));
}

/**
 * Starts a measured process.
 *
 * @param environment variables in addition to the usual ones
 * @param flags flags of Node, for example `--cpu-prof`
 */
export async function startMeasured(
	environment: NodeJS.ProcessEnv = {},
	flags: readonly string[] = [],
): Promise<MeasuredProcess> {
	const child = fork(join(import.meta.dirname, 'measured.cts'), {
		execArgv: ['--require', 'tsx/cjs', '--expose-gc', ...flags],
		env: { ...readPlainEnvironment(), ...environment },
		// n8n writes its log as in n8n, and nothing reads it.
		stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
	});
	const exited = once(child, 'exit');
	const waitForReply = async (): Promise<Reply> => {
		const [message] = (await Promise.race([
			once(child, 'message'),
			exited.then(([code, signal]) => {
				throw new Error(`The measured process ended (${signal ?? code}).`);
			}),
		])) as [Reply];
		if ('error' in message) throw new Error(message.error);
		return message;
	};
	await waitForReply();
	return {
		measure: async (work) => {
			const answered = waitForReply();
			child.send(work);
			const message = await answered;
			if (!('cost' in message)) throw new Error('The measured process answered something else.');
			return message.cost;
		},
		stop: async () => {
			if (child.connected) child.disconnect();
			await exited;
		},
	};
}
