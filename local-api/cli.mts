import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import {
	startLocalApi,
	type JobSeconds,
	type LocalApi,
	type LocalApiOptions,
	type WebhookMode,
} from './index.mts';

const USAGE = `Usage: local-api [--port 3003] [--job-seconds 3] [--parallel 2] [--queue-limit 5] [--webhooks once]

  --port         port on 127.0.0.1 (0 = any free port)
  --job-seconds  how long a job takes, s (0 = the answer to the submit has the result); 5-15 = random durations
                 from 5 to 15, the same at every start
  --parallel     jobs that run at the same time
  --queue-limit  open jobs per key; one more is answered with 429
  --webhooks     how often a job's webhook is called: once, twice, never, or the seconds after the job's end
                 (-5 = 5 s before it)`;

class UsageError extends Error {}

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

function readFlags(): LocalApiOptions | 'help' {
	let values;
	try {
		({ values } = parseArgs({
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

async function listSampleLinks(folder: string, origin: string): Promise<string[]> {
	const names = await readdir(folder).catch(() => []);
	return names
		.filter((name) => /\.(jpe?g|png|webp|gif)$/i.test(name))
		.map((name) => `${origin}/samples/${encodeURIComponent(name)}`);
}

function introduce({ origin, baseUrl }: LocalApi, samples: string[]): void {
	const lines = [
		"This is a stand-in for the img_to_3d API (versions 3 and 6). It is not the service, and not the service's model:",
		'it cuts the foreground out of your picture, inflates it to a mesh, and renders that. Nothing is paid for.',
		'',
		`  Base URL for the credential:  ${baseUrl}`,
		'  API key:                      any ("wrong-key" is refused, "empty-wallet" has no credit)',
		`  Settings, jobs, faults:       ${origin}/local-api`,
		...samples.map(
			(link, index) => `  ${index === 0 ? 'Sample images:' : '              '}                ${link}`,
		),
		'',
		'To see what happens when the service misbehaves, here once on the next fetch:',
		`  curl -X POST ${origin}/local-api/faults -d '{"on":"fetch","do":{"kind":"answer","status":503,"body":"busy"}}'`,
		'',
		'Ctrl-C stops it.',
		'',
	];
	console.log(lines.join('\n'));
}

async function main(): Promise<void> {
	const flags = readFlags();
	if (flags === 'help') {
		console.log(USAGE);
		return;
	}
	const samplesDir = fileURLToPath(new URL('../samples', import.meta.url));
	const api = await startLocalApi({ ...flags, samplesDir, log: (line) => console.log(line) });
	introduce(api, await listSampleLinks(samplesDir, api.origin));
	for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void api.stop());
}

try {
	await main();
} catch (error) {
	const { code } = error as NodeJS.ErrnoException;
	if (error instanceof UsageError) {
		console.error(`${error.message}\n\n${USAGE}`);
		process.exitCode = 2;
	} else if (code === 'EADDRINUSE' || code === 'EACCES') {
		console.error(
			`The port cannot be used (${code}). Pass another one with --port, or --port 0 for any free port.`,
		);
		process.exitCode = 1;
	} else {
		throw error;
	}
}
