/**
 * Runs examples/image-to-turntable.json in n8n's own engine, and writes the turntables to a folder (out/).
 *
 *   npm start                          the sample images, on the stand-in service (no key, no cost)
 *   npm start -- mug.png https://...   your own images: files or links
 *   npm start -- --version v6 mug.png  a mesh (GLB) and a turntable of it
 *   npm start -- --out folder mug.png  writes the files to another folder
 *   IMG_TO_3D_API_KEY=... npm start    the same on the real service, which costs money
 *
 * IMG_TO_3D_BASE_URL sets the address of the real service, if it differs from the documented one.
 *
 * `npm start` loads n8n-core before tsx. Otherwise tsx would handle each of its 1,500 files, which takes half a second.
 */
import {
	accessSync,
	constants,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, extname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { INodeExecutionData, INodeParameters, IRun } from 'n8n-workflow';

import { createEngine, readOutput, type Engine, type WorkflowJson } from '../n8n/engine/engine.cts';
import { StableDiffusionApi } from '../credentials/StableDiffusionApi.credentials';
import { startLocalApi, type LocalApi } from '../local-api/index.mts';
import {
	API_VERSIONS,
	DEFAULT_API_VERSION,
	VERSIONS,
	type ApiVersion,
	type Version,
} from '../nodes/ImgTo3d/api/versions';
// With its ending, because tsx would take ImgTo3d.node.json.
import { ImgTo3d } from '../nodes/ImgTo3d/ImgTo3d.node.ts';

const ROOT = join(__dirname, '..');
const OUT = join(ROOT, 'out');
const SAMPLES = ['mug.jpg', 'duck.png', 'rocket.webp'];
const NODE = 'Image to 3D';

const MIME: Record<string, string> = {
	'.png': 'image/png',
	'.jpg': 'image/jpeg',
	'.jpeg': 'image/jpeg',
	'.webp': 'image/webp',
	'.gif': 'image/gif',
};

/** An image, and the name of the files that are made from it. */
interface Picture {
	name: string;
	item: INodeExecutionData;
}

const isLink = (text: string) => /^https?:\/\//i.test(text);

/** @throws Error for what is neither a file nor a link */
function readPicture(source: string): Picture {
	const expected = 'Give an image file, or a link that begins with http:// or https://.';
	if (isLink(source) && !URL.canParse(source)) throw new Error(`${source} is not a link. ${expected}`);
	const name = basename(isLink(source) ? new URL(source).pathname : source, extname(source)) || 'image';
	if (isLink(source)) return { name, item: { json: { image: source } } };
	const stats = statSync(source, { throwIfNoEntry: false });
	if (!stats) throw new Error(`No such file: ${source}. ${expected}`);
	if (stats.isDirectory()) throw new Error(`${source} is a folder. ${expected}`);
	const data = readFileSync(source).toString('base64');
	const mimeType = MIME[extname(source).toLowerCase()] ?? 'application/octet-stream';
	return {
		name,
		item: { json: { image: source }, binary: { data: { data, mimeType, fileName: basename(source) } } },
	};
}

function readWorkflow(): WorkflowJson {
	return JSON.parse(readFileSync(join(ROOT, 'examples/image-to-turntable.json'), 'utf8')) as WorkflowJson;
}

/** Parameters of the node, besides those of the example. */
const PARAMETERS: Record<Version['makes'], INodeParameters> = {
	turntable: {},
	'3D model': { outputFormat: 'glb', settings: { render: true, seed: '20' } },
};

/** Adapts the example. It sends links. For a file, the node must upload the binary field of the item. */
function adaptWorkflow(workflow: WorkflowJson, version: ApiVersion): WorkflowJson {
	const imageSource = '={{ $binary.data ? "binary" : "url" }}';
	const changes = { imageSource, apiVersion: version, ...PARAMETERS[VERSIONS[version].makes] };
	const nodes = workflow.nodes.map((node) =>
		node.name === NODE ? { ...node, parameters: { ...node.parameters, ...changes } } : node,
	);
	return { ...workflow, nodes };
}

function chooseInputs(sources: string[], service: LocalApi | undefined): Picture[] {
	if (sources.length > 0) return sources.map(readPicture);
	return SAMPLES.map((file) =>
		service ? readPicture(`${service.origin}/samples/${file}`) : readPicture(join(ROOT, 'samples', file)),
	);
}

/** Makes the folder for the files before anything is paid for. @throws Error if nothing can be written there */
function prepareFolder(folder: string): void {
	try {
		mkdirSync(folder, { recursive: true });
		accessSync(folder, constants.W_OK);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw new Error(
			`The files cannot be written to ${folder} (${code}). Name another folder with --out. Nothing was submitted.`,
		);
	}
}

/** Finds a path in a folder that no other file of this run has. */
function findFreePath(folder: string, name: string, ending: string, written: ReadonlySet<string>): string {
	let path = join(folder, `${name}.${ending}`);
	for (let count = 1; written.has(path); count++) path = join(folder, `${name}_${count}.${ending}`);
	return path;
}

/**
 * Writes the files of an item to a folder.
 *
 * @param written the files of this run so far. No file replaces another one of the same run.
 * @returns the paths, relative to the working directory
 */
async function writeFiles(
	item: INodeExecutionData,
	name: string,
	{ engine, out }: { engine: Engine; out: string },
	written: Set<string>,
): Promise<string[]> {
	const paths: string[] = [];
	for (const [field, { fileExtension }] of Object.entries(item.binary ?? {})) {
		const path = findFreePath(out, name, fileExtension ?? 'bin', written);
		writeFileSync(path, await engine.readBinary(item, field));
		written.add(path);
		paths.push(relative(process.cwd(), path));
	}
	return paths;
}

/** What the command line asks for. */
interface Wishes {
	/** Files or links. Without any, the samples are used. */
	sources: string[];
	version: ApiVersion;
	/** The folder for the files. */
	out: string;
}

/** What to close at the end, the last opened first. */
type Closing = Array<() => void | Promise<void>>;

/** Prints a line with the time since the start. */
class Reporter {
	private readonly started = Date.now();

	get seconds(): string {
		return ((Date.now() - this.started) / 1000).toFixed(1);
	}

	readonly say = (line: string): void => console.log(`${this.seconds.padStart(6)} s  ${line}`);
}

/** The service that a run uses. */
interface Target {
	apiKey: string;
	/** The stand-in, unless there is a key for the real service. */
	standIn?: LocalApi;
}

async function openTarget({ say }: Reporter, closing: Closing): Promise<Target> {
	const apiKey = process.env.IMG_TO_3D_API_KEY;
	if (apiKey) return { apiKey };
	const standIn = await startLocalApi({
		jobSeconds: 2,
		parallel: SAMPLES.length,
		makesFilesEarly: true,
		samplesDir: join(ROOT, 'samples'),
		log: (line) => say(`local-api: ${line}`),
	});
	closing.push(async () => await standIn.stop());
	return { apiKey: 'none-needed', standIn };
}

/** Opens n8n's engine with the node. It comes from the sources, which need no build. */
async function openEngine(
	{ apiKey, standIn }: Target,
	version: ApiVersion,
	closing: Closing,
): Promise<{ engine: Engine; baseUrl: string }> {
	const type = new StableDiffusionApi();
	const [documented] = VERSIONS[version].baseUrls;
	const baseUrl = standIn?.baseUrl ?? process.env.IMG_TO_3D_BASE_URL ?? documented;

	const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-'));
	closing.push(() => rmSync(folder, { recursive: true, force: true }));
	const engine = await createEngine({
		folder,
		nodeTypes: { 'n8n-nodes-img-to-3d.imgTo3d': new ImgTo3d() },
		credentials: { stableDiffusionApi: { type, data: { apiKey, service: 'other', baseUrl } } },
	});
	closing.push(() => engine.close());
	return { engine, baseUrl };
}

/** Runs the workflow. Ctrl-C stops it. */
async function runWorkflow(
	engine: Engine,
	inputs: readonly Picture[],
	version: ApiVersion,
	{ say }: Reporter,
	closing: Closing,
): Promise<IRun> {
	const stop = new AbortController();
	process.once('SIGINT', () => stop.abort());
	const what = `examples/image-to-turntable.json${version === DEFAULT_API_VERSION ? '' : ` as a ${VERSIONS[version].result}`}`;
	say(`${inputs.length} image(s) go through ${what} in n8n's engine ...`);
	const waiting = setInterval(() => say('the node waits for the service ...'), 10_000);
	closing.push(() => clearInterval(waiting));
	return await engine.run(adaptWorkflow(readWorkflow(), version), {
		items: inputs.map(({ item }) => item),
		signal: stop.signal,
	});
}

/** Prints the items of a run, and writes their files. */
async function deliver(
	run: IRun,
	inputs: readonly Picture[],
	{ engine, version, out }: { engine: Engine; version: ApiVersion; out: string },
	reporter: Reporter,
) {
	const [items = []] = readOutput(run, NODE);
	const files: string[] = [];
	const written = new Set<string>();
	for (const [index, item] of items.entries()) {
		console.log(`\nItem ${index}: ${JSON.stringify(item.json, null, 2)}`);
		const input = inputs[index]?.name ?? `item-${index}`;
		// The turntable of a mesh does not replace that of an earlier run.
		const name = version === DEFAULT_API_VERSION ? input : `${input}-${version}`;
		files.push(...(await writeFiles(item, name, { engine, out }, written)));
	}
	console.log(`\n${items.length} item(s) after ${reporter.seconds} s. The files:`);
	for (const file of files) console.log(`  ${file}`);
}

/** @returns whether the run has succeeded */
async function main({ sources, version, out }: Wishes, closing: Closing): Promise<boolean> {
	prepareFolder(out);
	const reporter = new Reporter();
	const target = await openTarget(reporter, closing);
	const inputs = chooseInputs(sources, target.standIn);
	const { engine, baseUrl } = await openEngine(target, version, closing);
	console.log(
		target.standIn
			? "This run uses the stand-in service: real 3D, made from the images by simple geometry. It is not the service's model.\n"
			: `This run uses the real service at ${baseUrl}. Each image is a paid job.\n`,
	);
	const run = await runWorkflow(engine, inputs, version, reporter, closing);
	const { error } = run.data.resultData;
	if (error) {
		const { description } = error as { description?: string | null };
		console.error(`\n${error.message}\n${description ?? ''}`);
		return false;
	}
	await deliver(run, inputs, { engine, version, out }, reporter);
	return true;
}

/** n8n's own log would repeat the errors that are printed here. */
process.env.N8N_LOG_LEVEL ??= 'silent';

const USAGE = `Usage: npm start -- [--version ${API_VERSIONS.join('|')}] [--out folder] [image file or link ...]

Without an image, the sample images are used.

  --version  what to make: ${API_VERSIONS.map((version) => `${version} = ${VERSIONS[version].result}`).join(', ')}
  --out      the folder for the files (out/ of this repository)
  --help     prints this

It uses the stand-in service, which costs nothing. With an API key in IMG_TO_3D_API_KEY, it uses the real service: each
image is then a paid job. IMG_TO_3D_BASE_URL sets its address, if it differs from the documented one.`;

/** @throws Error for an unknown flag or version */
function readWishes(): Wishes | 'help' {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: {
			version: { type: 'string', default: DEFAULT_API_VERSION },
			out: { type: 'string', default: OUT },
			help: { type: 'boolean', short: 'h', default: false },
		},
	});
	if (values.help) return 'help';
	const version = API_VERSIONS.find((known) => known === values.version);
	if (!version) throw new Error(`--version takes ${API_VERSIONS.join(' or ')}, not "${values.version}"`);
	return { sources: positionals, version, out: resolve(values.out) };
}

async function start(): Promise<number> {
	let wishes: Wishes | 'help';
	try {
		wishes = readWishes();
	} catch (error) {
		console.error(`${(error as Error).message}\n\n${USAGE}`);
		return 2;
	}
	if (wishes === 'help') {
		console.log(USAGE);
		return 0;
	}
	const closing: Closing = [];
	try {
		return (await main(wishes, closing)) ? 0 : 1;
	} catch (error) {
		console.error(error instanceof Error ? error.message : error);
		return 1;
	} finally {
		for (const close of closing.reverse()) await close();
	}
}

void start().then((code) => {
	process.exitCode = code;
});
