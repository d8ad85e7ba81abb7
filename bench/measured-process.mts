/** The parent's side of `measured.cts`. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import type { Cost, Work } from './measured.cts';

export type { Contender, Cost, Work } from './measured.cts';

/** A process of its own with n8n's engine in it, ready to work. */
export interface MeasuredProcess {
	measure(work: Work): Promise<Cost>;
	stop(): Promise<void>;
}

type Reply = { ready: true } | { cost: Cost } | { error: string };

/** The environment without what would lead calls on this machine elsewhere, or change how n8n works. */
export function plainEnvironment(): NodeJS.ProcessEnv {
	const isOthers = (name: string) => /^(N8N_|NODE_OPTIONS$|NODE_V8_COVERAGE$)|_proxy$/i.test(name);
	return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOthers(name)));
}

/**
 * @param environment variables that it gets beside the usual ones
 * @param flags of Node, e.g. `--cpu-prof`
 */
export async function startMeasured(
	environment: NodeJS.ProcessEnv = {},
	flags: readonly string[] = [],
): Promise<MeasuredProcess> {
	const child = fork(join(import.meta.dirname, 'measured.cts'), {
		execArgv: ['--require', 'tsx/cjs', '--expose-gc', ...flags],
		env: { ...plainEnvironment(), ...environment },
		// n8n's log, which it writes as in n8n, leads nowhere.
		stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
	});
	const exited = once(child, 'exit');
	const reply = async (): Promise<Reply> => {
		const [message] = (await Promise.race([
			once(child, 'message'),
			exited.then(([code, signal]) => {
				throw new Error(`The measured process ended (${signal ?? code}).`);
			}),
		])) as [Reply];
		if ('error' in message) throw new Error(message.error);
		return message;
	};
	await reply();
	return {
		measure: async (work) => {
			const answered = reply();
			child.send(work);
			const message = await answered;
			if (!('cost' in message)) throw new Error('The measured process answered out of turn.');
			return message.cost;
		},
		stop: async () => {
			if (child.connected) child.disconnect();
			await exited;
		},
	};
}
