import { parseArgs } from 'node:util';

import type { JobSeconds, LocalApiOptions, WebhookMode } from './index.mts';

export const USAGE = `Usage: local-api [--port 3003] [--job-seconds 3] [--parallel 2] [--queue-limit 5] [--webhooks once]

  --port         port on 127.0.0.1 (0 = any free port)
  --job-seconds  how long a job takes, s (0 = the answer to the submit has the result); 5-15 = random durations
                 from 5 to 15, the same at every start
  --parallel     jobs that run at the same time
  --queue-limit  open jobs per key; one more is answered with 429
  --webhooks     how often a job's webhook is called: once, twice, never, or the seconds after the job's end
                 (-5 = 5 s before it)`;

/** A flag that the program does not take. */
export class UsageError extends Error {}

function readNumber(flag: string, text: string, least: number, most: number, integer: boolean): number {
	const value = text.trim() === '' ? NaN : Number(text);
	if (Number.isFinite(value) && (!integer || Number.isInteger(value)) && value >= least && value <= most)
		return value;
	const range = most === Infinity ? `from ${least}` : `from ${least} to ${most}`;
	throw new UsageError(`--${flag} takes ${integer ? 'an integer' : 'a number'} ${range}, not "${text}"`);
}

function readJobSeconds(text: string): JobSeconds {
	const range = /^\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*$/.exec(text);
	if (!range) return readNumber('job-seconds', text, 0, Infinity, false);
	const [from, to] = [Number(range[1]), Number(range[2])];
	if (from > to) throw new UsageError(`--job-seconds takes the smaller number first, not "${text}"`);
	return { from, to, seed: 1 };
}

function readWebhooks(text: string): WebhookMode {
	if (text === 'once' || text === 'twice' || text === 'never') return text;
	const delaySeconds = text.trim() === '' ? NaN : Number(text);
	if (Number.isFinite(delaySeconds)) return { delaySeconds };
	throw new UsageError(`--webhooks takes once, twice, never or a number of seconds, not "${text}"`);
}

/** Reads the flags of the program. @throws {UsageError} which flag is wrong, and what it takes */
export function readFlags(args: string[]): LocalApiOptions | 'help' {
	let values;
	try {
		({ values } = parseArgs({
			args,
			options: {
				port: { type: 'string', default: '3003' },
				'job-seconds': { type: 'string', default: '3' },
				parallel: { type: 'string', default: '2' },
				'queue-limit': { type: 'string', default: '5' },
				webhooks: { type: 'string', default: 'once' },
				help: { type: 'boolean', short: 'h', default: false },
			},
		}));
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
	if (values.help) return 'help';
	return {
		port: readNumber('port', values.port, 0, 65_535, true),
		jobSeconds: readJobSeconds(values['job-seconds']),
		parallel: readNumber('parallel', values.parallel, 1, Infinity, true),
		queueLimit: readNumber('queue-limit', values['queue-limit'], 1, Infinity, true),
		webhooks: readWebhooks(values.webhooks),
	};
}
