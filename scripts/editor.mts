/**
 * Starts an n8n server to click in: the stand-in service, n8n with the package installed, a working credential, and the examples with
 * images of the stand-in. Ctrl-C stops everything.
 *
 *   npm run editor                     n8n 2.41.1
 *   npm run editor -- --version 2.0.0
 *
 * What you make in the editor is kept in `.cache/editor` for the next time.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { listExamples, readExample } from '../n8n/real/examples.mts';
import { CACHE } from '../n8n/real/install.mts';
import { OWNER } from '../n8n/real/n8n.mts';
import { startWorld, type World } from '../n8n/real/worlds.mts';

const EDITOR_PORT = 5678;
const SERVICE_PORT = 3003;

function readVersion(): '2.0.0' | '2.41.1' {
	const { version } = parseArgs({ options: { version: { type: 'string', default: '2.41.1' } } }).values;
	if (version === '2.0.0' || version === '2.41.1') return version;
	throw new Error(`n8n ${version} is not available here. Say --version 2.0.0 or --version 2.41.1.`);
}

/** Imports the missing examples. */
async function importExamples(world: World): Promise<void> {
	const there = (await world.main.listWorkflows()).map(({ name }) => name);
	for (const name of listExamples()) {
		const workflow = readExample(world, name);
		if (!there.includes(workflow.name)) await world.main.importWorkflow(workflow);
	}
}

async function main(): Promise<void> {
	const version = readVersion();
	const stop = new Promise<void>((resolve) => {
		for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
	});
	console.log(`Starting n8n ${version} ...`);
	const world = await startWorld({
		version,
		folder: join(CACHE, 'editor', version),
		service: { port: SERVICE_PORT, samplesDir: 'samples' },
		env: { N8N_PORT: String(EDITOR_PORT) },
	});
	try {
		await importExamples(world);
		const lines = [
			'',
			// The first page of n8n after the log-in is its assistant.
			`  Editor:    ${world.main.origin}/home/workflows`,
			`  Log-in:    ${OWNER.email}  ${OWNER.password}`,
			`  Service:   ${world.service.baseUrl} (the stand-in: any key, no cost)`,
			`  Pictures:  ${world.service.origin}/samples/mug.jpg and the others of samples/`,
			'',
			'Open one of the example workflows and press "Execute workflow". Ctrl-C stops everything.',
			'',
		];
		console.log(lines.join('\n'));
		await stop;
		console.log('\nStopping ...');
	} finally {
		await world.stop();
	}
}

main().catch((error: Error) => {
	console.error(error.message);
	process.exitCode = 1;
});
