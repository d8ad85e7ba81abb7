/**
 * Starts an n8n server to click in: the stand-in service, n8n with the package installed, and the examples with all that they need:
 * credentials, data tables, a bucket, a mail server, a chat, a shop and a paid job to recover. Ctrl-C stops everything.
 *
 *   npm run editor                     n8n 2.41.1
 *   npm run editor -- --version 2.0.0
 *   npm run editor -- --port 5679      if your own n8n has port 5678
 *
 * What you make in the editor is kept in `.cache/editor` for the next time.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import axios from 'axios';
import getPort from 'get-port';

import { listExamples, prepareExamples, readExample } from '../n8n/real/examples.mts';
import { CACHE, RECIPES, type N8nVersion } from '../n8n/real/install.mts';
import { OWNER } from '../n8n/real/n8n.mts';
import { FIXED_PORTS, startParts, type Parts } from '../n8n/real/parts/index.mts';
import { API_KEY, startWorld, type World } from '../n8n/real/worlds.mts';

interface Options {
	version: N8nVersion;
	/** Of the editor. */
	port: number;
}

const isVersion = (version: string): version is N8nVersion => version in RECIPES;

const VERSIONS = Object.keys(RECIPES);

const USAGE = `Usage: npm run editor -- [--version ${VERSIONS.join('|')}] [--port 5678]

It starts n8n with the nodes, the examples and all that they need, and the stand-in service. It costs nothing.

  --version  of n8n. Without it, 2.41.1 starts. The first time, it is installed into .cache/ (2 to 3 GB).
  --port     of the editor, from 1024 to 65535
  --help     prints this`;

/** @throws Error for an unknown flag, version or port */
function readOptions(): Options | 'help' {
	const { version, port, help } = parseArgs({
		options: {
			version: { type: 'string', default: '2.41.1' },
			port: { type: 'string', default: '5678' },
			help: { type: 'boolean', short: 'h', default: false },
		},
	}).values;
	if (help) return 'help';
	if (!isVersion(version)) throw new Error(`--version takes ${VERSIONS.join(' or ')}, not "${version}"`);
	const number = /^\d{4,5}$/.test(port) ? Number(port) : NaN;
	if (!(number >= 1024 && number <= 65_535)) {
		throw new Error(`--port takes a number from 1024 to 65535, not "${port}"`);
	}
	return { version, port: number };
}

/** @returns nothing if there is nothing to start: the usage is printed then, and the exit code set */
function readOptionsOrExplain(): Options | undefined {
	try {
		const options = readOptions();
		if (options !== 'help') return options;
		console.log(USAGE);
	} catch (error) {
		console.error(`${(error as Error).message}\n\n${USAGE}`);
		process.exitCode = 2;
	}
	return undefined;
}

/** Checks that nothing uses the ports. What n8n keeps of an earlier start has those of the parts. */
async function checkPorts(port: number): Promise<void> {
	for (const wanted of [port, ...Object.values(FIXED_PORTS)]) {
		if ((await getPort({ port: wanted, host: '127.0.0.1' })) === wanted) continue;
		const advice =
			wanted === port
				? ', or add another one, as in: npm run editor -- --port 5679'
				: ' (another npm run editor, or npm run local-api)';
		throw new Error(`Port ${wanted} is in use. Stop the program that uses it${advice}.`);
	}
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

/** Pays for a job that no workflow has delivered, for the example that recovers such jobs. */
async function loseJob({ service }: World): Promise<void> {
	const body = { key: API_KEY, image: `${service.origin}/samples/cactus.jpg`, frame_size: 256, seconds: 4 };
	await axios.post(`${service.baseUrl}/v3/img_to_3d`, body, { proxy: false });
}

/** Whenever the bot begins to listen, a person sends it a photo. */
function startChatting({ chat }: Parts): void {
	chat.onListen = () => {
		pause(1000)
			.then(async () => await chat.sendPhoto(readFileSync('samples/mug.jpg')))
			.catch((error: Error) => console.error(`The photo did not reach the bot: ${error.message}`));
	};
}

function introduce(world: World, { origin }: Parts, folder: string): void {
	const { main, service } = world;
	const lines = [
		'',
		// The first page of n8n after the log-in is its assistant.
		`  Editor:    ${main.origin}/home/workflows`,
		`  Log-in:    ${OWNER.email}  ${OWNER.password}`,
		`  Service:   ${service.baseUrl} (the stand-in: any key, no cost)`,
		`  Pictures:  ${service.origin}/samples/mug.jpg and the others of samples/`,
		`  Tables:    ${main.origin}/home/datatables`,
		`  Gallery:   ${main.origin}/webhook/gallery (after "Catalogue" has run)`,
		`  Mail:      ${origin}/mail (after "Submit now" or "Form to turntable" has run)`,
		`  Chat:      ${origin}/chat (when "Chat bot" listens, somebody sends it a photo)`,
		`  Shop:      ${origin}/shop`,
		`  Files:     ${world.files}`,
		`  Log:       ${main.program.log}`,
		'',
		'Open one of the example workflows and press "Execute workflow". Its note says what to exchange for your own accounts.',
		`What you make is kept for the next time. To begin anew, delete ${folder}`,
		'Ctrl-C stops everything.',
		'',
	];
	console.log(lines.join('\n'));
}

/** Runs until it is told to stop, or n8n ends. */
async function run({ version, port }: Options, stop: Promise<'stop'>): Promise<void> {
	await checkPorts(port);
	const folder = join(CACHE, 'editor', version);
	console.log(
		`Starting n8n ${version} ${existsSync(folder) ? 'with what is kept from the last time' : 'for the first time'} ...`,
	);
	const world = await startWorld({
		version,
		folder,
		service: {
			port: FIXED_PORTS.service,
			samplesDir: 'samples',
			// The data table of delivered jobs has those of earlier starts, so that no ID may come again.
			idFor: (
				(first) => (job: number) =>
					String(first + job)
			)(Math.floor(Date.now() / 1000)),
		},
		env: { N8N_PORT: String(port) },
	});
	let parts: Parts | undefined;
	try {
		parts = await startParts(join(folder, 'store'), `${world.service.origin}/samples`, FIXED_PORTS);
		await importExamples(world, parts);
		await loseJob(world);
		startChatting(parts);
		introduce(world, parts, folder);
		const { program } = world.main;
		const ended = await Promise.race([stop, program.waitForExit()]);
		if (!ended) throw new Error(`n8n has ended by itself. Its log: ${program.log}`);
	} finally {
		await parts?.stop();
		await world.stop();
	}
}

let isStopping = false;
const stop = new Promise<'stop'>((resolve) => {
	for (const signal of ['SIGINT', 'SIGTERM'] as const) {
		// Not only once: tsx passes a Ctrl-C on that its process has got already. The second signal would end it at once, and leave n8n.
		process.on(signal, () => {
			if (!isStopping) console.log('\nStopping ...');
			isStopping = true;
			resolve('stop');
		});
	}
});

try {
	const options = readOptionsOrExplain();
	if (options) await run(options, stop);
} catch (error) {
	// Ctrl-C also ends n8n at once. Whatever misses it then is no error.
	if (!isStopping) {
		console.error((error as Error).message);
		process.exitCode = 1;
	}
}
process.exit();
