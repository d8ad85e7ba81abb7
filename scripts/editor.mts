/**
 * Starts an n8n server to click in: the stand-in service, n8n with the package installed, and the examples with all that they need:
 * credentials, a data table, a bucket, a mail server, a chat and a shop. Ctrl-C stops everything.
 *
 *   npm run editor                     n8n 2.41.1
 *   npm run editor -- --version 2.0.0
 *
 * What you make in the editor is kept in `.cache/editor` for the next time.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { listExamples, prepareExamples, readExample } from '../n8n/real/examples.mts';
import { CACHE } from '../n8n/real/install.mts';
import { OWNER } from '../n8n/real/n8n.mts';
import { startParts, type Parts } from '../n8n/real/parts/index.mts';
import { startWorld, type World } from '../n8n/real/worlds.mts';

const EDITOR_PORT = 5678;
const SERVICE_PORT = 3003;
const PART_PORTS = { pages: 3004, store: 3005, mail: 3006, model: 3007 };

function readVersion(): '2.0.0' | '2.41.1' {
	const { version } = parseArgs({ options: { version: { type: 'string', default: '2.41.1' } } }).values;
	if (version === '2.0.0' || version === '2.41.1') return version;
	throw new Error(`n8n ${version} is not available here. Say --version 2.0.0 or --version 2.41.1.`);
}

/** The workflows that others need, or that are pages. They are published at once. */
const PUBLISHED = ['finish-later', 'gallery'];

/** Makes what the examples need, and imports the missing ones. */
async function importExamples(world: World, parts: Parts): Promise<void> {
	const prepared = await prepareExamples(world, parts, ['mug.jpg', 'duck.png', 'cactus.jpg']);
	const there = (await world.main.listWorkflows()).map(({ name }) => name);
	for (const name of listExamples()) {
		const workflow = readExample(world, name, prepared);
		if (there.includes(workflow.name)) continue;
		const saved = await world.main.importWorkflow(workflow);
		if (PUBLISHED.includes(name)) await world.main.publish(saved);
	}
}

/** Whenever the bot begins to listen, a person sends it a photo. */
function startChatting({ chat }: Parts): void {
	chat.onListen = () => {
		pause(1000)
			.then(async () => await chat.sendPhoto(readFileSync('samples/mug.jpg')))
			.catch((error: Error) => console.error(`The photo did not reach the bot: ${error.message}`));
	};
}

function introduce(world: World, { origin }: Parts): void {
	const lines = [
		'',
		// The first page of n8n after the log-in is its assistant.
		`  Editor:    ${world.main.origin}/home/workflows`,
		`  Log-in:    ${OWNER.email}  ${OWNER.password}`,
		`  Service:   ${world.service.baseUrl} (the stand-in: any key, no cost)`,
		`  Pictures:  ${world.service.origin}/samples/mug.jpg and the others of samples/`,
		`  Gallery:   ${world.main.origin}/webhook/gallery, after the catalogue has run`,
		`  Mail:      ${origin}/mail`,
		`  Chat:      ${origin}/chat (when the bot listens, somebody sends it a photo)`,
		`  Shop:      ${origin}/shop`,
		`  Folder:    ${world.files}`,
		'',
		'Open one of the example workflows and press "Execute workflow". Ctrl-C stops everything.',
		'',
	];
	console.log(lines.join('\n'));
}

async function main(): Promise<void> {
	const version = readVersion();
	const stop = new Promise<void>((resolve) => {
		for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
	});
	console.log(`Starting n8n ${version} ...`);
	const folder = join(CACHE, 'editor', version);
	const world = await startWorld({
		version,
		folder,
		service: { port: SERVICE_PORT, samplesDir: 'samples' },
		env: { N8N_PORT: String(EDITOR_PORT) },
	});
	const samples = `${world.service.origin}/samples`;
	let parts: Parts | undefined;
	try {
		parts = await startParts(join(folder, 'store'), samples, PART_PORTS);
		await importExamples(world, parts);
		startChatting(parts);
		introduce(world, parts);
		await stop;
		console.log('\nStopping ...');
	} finally {
		await parts?.stop();
		await world.stop();
	}
}

main().catch((error: Error) => {
	console.error(error.message);
	process.exitCode = 1;
});
