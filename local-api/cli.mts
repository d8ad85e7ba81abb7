import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { readFlags, USAGE, UsageError } from './flags.mts';
import { startLocalApi, type LocalApi } from './index.mts';
import { SOLIDS } from './model/solids.mts';

async function listSampleLinks(folder: string, origin: string): Promise<string[]> {
	const names = await readdir(folder).catch(() => []);
	return names
		.filter((name) => /\.(jpe?g|png|webp|gif)$/i.test(name))
		.map((name) => `${origin}/samples/${encodeURIComponent(name)}`);
}

function introduce({ origin, baseUrl }: LocalApi, samples: string[]): void {
	const lines = [
		'This is a stand-in for the img_to_3d API: version 3, version 6 and enterprise. It is not the service, and not the',
		"service's model: it cuts the foreground out of your picture, inflates it to a mesh, and renders that. From words, it",
		`makes a few shapes: ${SOLIDS.map(({ name }) => name).join(', ')}. Nothing is paid for.`,
		'',
		`  Base URL for the credential:  ${baseUrl}`,
		'  API key:                      any ("wrong-key" is refused, "empty-wallet" has no credit, "no-list" may not list its files)',
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
	const flags = readFlags(process.argv.slice(2));
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
