/**
 * The first look: runs examples/image-to-turntable.json in n8n's own engine and writes the turntables to out/.
 *
 *   npm start                          the sample images, on the stand-in service (no key, no cost)
 *   npm start -- mug.png https://...   your own images: files or links
 *   npm start -- --version v6 mug.png  a mesh (GLB) and a turntable of it
 *   IMG_TO_3D_API_KEY=... npm start    the same on the real service, which costs
 *
 * IMG_TO_3D_BASE_URL names the real service's address, when it is not where that version is documented.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, extname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import type { INodeExecutionData, INodeParameters } from 'n8n-workflow';

import { createEngine, outputOf, type WorkflowJson } from '../n8n/engine/engine.cts';
import { startLocalApi, type LocalApi } from '../local-api/index.mts';
import { API_VERSIONS, VERSIONS, type ApiVersion } from '../nodes/ImgTo3d/api/versions';

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

/** An image to turn into 3D, and the name its files get. */
interface Picture {
	name: string;
	item: INodeExecutionData;
}

const isLink = (text: string) => /^https?:\/\//i.test(text);

function pictureOf(source: string): Picture {
	const name = basename(isLink(source) ? new URL(source).pathname : source, extname(source)) || 'image';
	if (isLink(source)) return { name, item: { json: { image: source } } };
	if (!existsSync(source)) {
		throw new Error(
			`No such file: ${source}. Give an image file, or a link that begins with http:// or https://.`,
		);
	}
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

/** What is asked of the node beyond the example's own settings. */
const PARAMETERS: Record<ApiVersion, INodeParameters> = {
	v3: {},
	v6: { apiVersion: 'v6', settings: { outputFormat: 'glb', render: true, seed: '20' } },
};

/** The example sends links; for files the node is told to upload the item's binary field. */
function adapted(workflow: WorkflowJson, version: ApiVersion): WorkflowJson {
	const changes = { imageSource: '={{ $binary.data ? "binary" : "url" }}', ...PARAMETERS[version] };
	const nodes = workflow.nodes.map((node) =>
		node.name === NODE ? { ...node, parameters: { ...node.parameters, ...changes } } : node,
	);
	return { ...workflow, nodes };
}

function pictures(sources: string[], service: LocalApi | undefined): Picture[] {
	if (sources.length > 0) return sources.map(pictureOf);
	return SAMPLES.map((file) =>
		service ? pictureOf(`${service.origin}/samples/${file}`) : pictureOf(join(ROOT, 'samples', file)),
	);
}

/** A path in out/ that no other file of this run has. */
function freePath(name: string, ending: string, written: ReadonlySet<string>): string {
	let path = join(OUT, `${name}.${ending}`);
	for (let count = 1; written.has(path); count++) path = join(OUT, `${name}_${count}.${ending}`);
	return path;
}

/**
 * Writes an item's files to out/ and returns where they are, relative to the working directory.
 *
 * @param written what this run has written: no file takes the place of another one
 */
async function writeFiles(
	item: INodeExecutionData,
	name: string,
	read: (item: INodeExecutionData, field: string) => Promise<Buffer>,
	written: Set<string>,
): Promise<string[]> {
	const paths: string[] = [];
	for (const [field, { fileExtension }] of Object.entries(item.binary ?? {})) {
		const path = freePath(name, fileExtension ?? 'bin', written);
		writeFileSync(path, await read(item, field));
		written.add(path);
		paths.push(relative(process.cwd(), path));
	}
	return paths;
}

/** What the person asked for. */
interface Wishes {
	/** Files or links; none: the samples. */
	sources: string[];
	version: ApiVersion;
}

/** What a run holds open, closed in the end however it ends, the last opened first. */
type Closing = Array<() => void | Promise<void>>;

async function main({ sources, version }: Wishes, closing: Closing): Promise<boolean> {
	const started = Date.now();
	const seconds = () => ((Date.now() - started) / 1000).toFixed(1);
	const say = (line: string) => console.log(`${seconds().padStart(6)} s  ${line}`);

	const apiKey = process.env.IMG_TO_3D_API_KEY;
	const service = apiKey
		? undefined
		: await startLocalApi({
				jobSeconds: 2,
				samplesDir: join(ROOT, 'samples'),
				log: (line) => say(`local-api: ${line}`),
			});
	closing.push(async () => await service?.stop());

	// The build's output, as n8n loads it. Not imported by name, because it is not there before the first build.
	const built: string = join(ROOT, 'dist/index.js');
	const { ImgTo3d, StableDiffusionApi } = (await import(built)) as typeof import('../index');
	const type = new StableDiffusionApi();
	const [documented] = VERSIONS[version].baseUrls;
	const baseUrl = service?.baseUrl ?? process.env.IMG_TO_3D_BASE_URL ?? documented;

	const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-'));
	closing.push(() => rmSync(folder, { recursive: true, force: true }));
	const engine = await createEngine({
		folder,
		nodeTypes: { 'n8n-nodes-img-to-3d.imgTo3d': new ImgTo3d() },
		credentials: { stableDiffusionApi: { type, data: { apiKey: apiKey ?? 'none-needed', baseUrl } } },
	});
	closing.push(() => engine.close());
	const stop = new AbortController();
	process.once('SIGINT', () => stop.abort());

	const inputs = pictures(sources, service);
	console.log(
		service
			? "This run uses the stand-in service: real 3D, made from the images by simple geometry. It is not the service's model.\n"
			: `This run uses the real service at ${baseUrl}. Each image is a paid job.\n`,
	);
	const what = `examples/image-to-turntable.json${version === 'v3' ? '' : ` with API Version ${version.toUpperCase()}`}`;
	say(`${inputs.length} image(s) go through ${what} in n8n's engine ...`);
	const waiting = setInterval(() => say('the node waits for the service ...'), 10_000);
	closing.push(() => clearInterval(waiting));
	const run = await engine.run(adapted(readWorkflow(), version), {
		items: inputs.map(({ item }) => item),
		signal: stop.signal,
	});

	const { error } = run.data.resultData;
	if (error) {
		const { description } = error as { description?: string | null };
		console.error(`\n${error.message}\n${description ?? ''}`);
		return false;
	}
	const [items = []] = outputOf(run, NODE);
	mkdirSync(OUT, { recursive: true });
	const files: string[] = [];
	const written = new Set<string>();
	for (const [index, item] of items.entries()) {
		console.log(`\nItem ${index}: ${JSON.stringify(item.json, null, 2)}`);
		const name = inputs[index]?.name ?? `item-${index}`;
		files.push(...(await writeFiles(item, name, engine.readBinary, written)));
	}
	console.log(`\n${items.length} item(s) after ${seconds()} s. The files:`);
	for (const file of files) console.log(`  ${file}`);
	return true;
}

/** n8n's own log would repeat the errors that are told here. */
process.env.N8N_LOG_LEVEL ??= 'silent';

/** @throws Error for a flag or a version that is not known */
function readWishes(): Wishes {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: { version: { type: 'string', default: 'v3' } },
	});
	const version = API_VERSIONS.find((known) => known === values.version);
	if (!version) throw new Error(`--version takes ${API_VERSIONS.join(' or ')}, not "${values.version}"`);
	return { sources: positionals, version };
}

async function start(): Promise<number> {
	let wishes: Wishes;
	try {
		wishes = readWishes();
	} catch (error) {
		console.error(
			`${(error as Error).message}\nUsage: npm start -- [--version v3|v6] [image file or link ...]`,
		);
		return 2;
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
