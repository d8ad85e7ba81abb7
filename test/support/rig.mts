import { mkdirSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import axios from 'axios';
import sharp from 'sharp';
import type { INode, INodeExecutionData, INodeListSearchResult, INodeParameters, IRun } from 'n8n-workflow';

import { StableDiffusionApi } from '../../credentials/StableDiffusionApi.credentials';
import {
	createEngine,
	readOutput,
	type Engine,
	type RunOptions,
	type WorkflowJson,
} from '../../n8n/engine/engine.cts';
import type { SavedCredential } from '../../n8n/engine/credentials.cts';
import {
	createMadeFiles,
	startLocalApi,
	type LocalApi,
	type LocalApiOptions,
} from '../../local-api/index.mts';
import { handleTriggerCall } from '../../nodes/ImgTo3d/trigger/receive';
import { TriggerState } from '../../nodes/ImgTo3d/trigger/state';
import { handleResumeCall } from '../../nodes/ImgTo3d/suspend/resume';
import { ResumeState } from '../../nodes/ImgTo3d/suspend/resume-state';
import { CredentialReader } from '../../nodes/ImgTo3d/webhook/connection';
import { ImgTo3d } from '../../nodes/ImgTo3d/ImgTo3d.node';
import { ImgTo3dTrigger } from '../../nodes/ImgTo3d/ImgTo3dTrigger.node';
import { searchJobs } from '../../nodes/ImgTo3d/account/search-jobs';
import { SEARCH_JOBS } from '../../nodes/ImgTo3d/parameters/job-id';
import { RunState, runItems } from '../../nodes/ImgTo3d/item-loop/run-items';
import { ENGINE_FOLDER } from './engine-folder.mts';
import { letClockMoveFor } from './exchanges.mts';
import { TestClock } from './test-clock.mts';

/** Long enough for a secret, and so unusual that no text contains it by chance. */
export const API_KEY = 'sk-test-3f9c1d7be2a84f60';

export const NODE = 'Image to 3D';

/** All rigs of a test file share them, because to make a file takes longer than most tests. */
const MADE_FILES = createMadeFiles();

const SAMPLES = join(ENGINE_FOLDER, 'samples');
mkdirSync(SAMPLES, { recursive: true });
afterAll(() => rmSync(ENGINE_FOLDER, { recursive: true, force: true }));

/** The stand-in service, n8n's engine with the node in it, and one clock for both. */
export interface Rig {
	clock: TestClock;
	service: LocalApi;
	engine: Engine;
	/** A link to an image that the service can fetch. */
	picture: string;
	run(parameters: INodeParameters, options?: RigRun): Promise<Result>;
	/** Lists the jobs for the panel. */
	searchJobs(filter?: string, paginationToken?: string): Promise<INodeListSearchResult>;
	/** Changes the credential for later runs. */
	setCredential(values: { apiKey?: string; service?: string; baseUrl?: string }): void;
	/** Calls n8n as the service does. A text is sent as it is. @param from a loopback address, 127.x.y.z */
	call(url: string, body: unknown, from?: string): Promise<{ status: number; message: unknown }>;
	/** The lines that the nodes have logged: a level and a text. */
	log: readonly string[];
	/** The lines that manual runs have written into the browser's console. */
	console: readonly string[];
	/** Resolves when n8n handles no call, and each execution has ended or is suspended. */
	waitUntilIdle(): Promise<void>;
	/** Makes n8n forget what it has only in memory. */
	restartN8n(): void;
	close(): Promise<void>;
}

export interface RigRun extends RunOptions {
	/** Other settings of the node, for example `onError`. */
	node?: Partial<INode>;
}

export interface Result {
	run: IRun;
	/** The regular output of the node. */
	items: INodeExecutionData[];
	/** The error output of the node. */
	errors: INodeExecutionData[];
	/** The error that stopped the node. */
	error?: {
		message: string;
		description?: string;
		httpCode?: string | null;
		context?: { itemIndex?: number };
		name?: string;
	};
}

/** Builds the smallest workflow with the node in it. */
export function buildWorkflow(parameters: INodeParameters, node: Partial<INode> = {}): WorkflowJson {
	return {
		name: 'Test',
		nodes: [
			{
				id: '1',
				name: 'Start',
				type: 'n8n-nodes-base.manualTrigger',
				typeVersion: 1,
				position: [0, 0],
				parameters: {},
			},
			{
				id: '2',
				name: NODE,
				type: 'n8n-nodes-img-to-3d.imgTo3d',
				typeVersion: 1,
				position: [200, 0],
				parameters,
				credentials: { stableDiffusionApi: { id: '1', name: 'Test' } },
				...node,
			},
		],
		connections: { Start: { main: [[{ node: NODE, type: 'main', index: 0 }]] } },
	};
}

/** Settings for a mesh with few faces, fast to make. */
export const COARSE = { resolution: 16, seed: '20' };

/** Lists the JSON bodies that the service received at the paths that begin like this. */
export const listBodies = ({ service }: Rig, path: string) =>
	service.requests
		.filter((request) => request.path.startsWith(path))
		.map(({ body }) => body as Record<string, unknown>);

/** Makes input items of JSON. */
export function toItems(...json: Array<INodeExecutionData['json']>): INodeExecutionData[] {
	return json.map((entry) => ({ json: entry }));
}

/** Makes items with their number from 0 in `n`. */
export const makeNumberedItems = (count: number) =>
	toItems(...Array.from({ length: count }, (_, n) => ({ n })));

/** Builds parameters with a prompt for each item. Without an image to fetch, jobs are accepted in the order of the items. */
export const buildPromptParameters = (
	more: INodeParameters = {},
	options: INodeParameters = {},
): INodeParameters => ({
	operation: 'textTo3d',
	prompt: '=cup {{ $json.n }}',
	download: false,
	...more,
	options: { trackId: '=item-{{ $json.n }}', ...options },
});

/** Draws a disc of few pixels. A model of it is made quickly. */
function drawSmallPicture(): ReturnType<typeof sharp> {
	const svg =
		'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24"><circle cx="12" cy="12" r="9" fill="#c33"/></svg>';
	return sharp(Buffer.from(svg)).png();
}

/** Makes a small PNG, base64. */
export async function makePngBase64(): Promise<string> {
	return (await drawSmallPicture().toBuffer()).toString('base64');
}

/** Makes an input item with a file in its binary field `data`. */
export function makeFileItem(base64: string, mimeType: string, fileName: string): INodeExecutionData {
	return { json: {}, binary: { data: { data: base64, mimeType, fileName } } };
}

/** Writes what a node logs into a list, unless a test already has a logger there. */
function keepLog(context: object, lines: string[]): void {
	if (Object.hasOwn(context, 'logger')) return;
	const levels = ['error', 'warn', 'info', 'debug'].map((level) => [
		level,
		(text: string) => lines.push(`${level}: ${text}`),
	]);
	Object.defineProperty(context, 'logger', { value: Object.fromEntries(levels) as unknown });
}

/** What the nodes keep in the memory of a process. */
class Memory {
	private readonly credentials = new CredentialReader();
	readonly run = new RunState();
	readonly resume = new ResumeState(this.credentials);
	readonly trigger = new TriggerState(this.credentials);
}

/** The nodes on a clock of the test, in an n8n that can be restarted. */
class Nodes {
	private memory = new Memory();
	readonly log: string[] = [];
	readonly console: string[] = [];

	constructor(private readonly clock: TestClock) {}

	restart(): void {
		this.memory = new Memory();
	}

	makeAction(): ImgTo3d {
		const { clock, log, console } = this;
		const getMemory = () => this.memory;
		const node = new ImgTo3d();
		node.methods.listSearch.searchJobs = async function (filter, paginationToken) {
			return await searchJobs(this, filter, paginationToken, clock);
		};
		node.execute = async function () {
			keepLog(this, log);
			this.sendMessageToUI = (line) => console.push(String(line));
			return await runItems(this, clock, getMemory().run);
		};
		node.webhook = async function () {
			keepLog(this, log);
			return await handleResumeCall(this, clock, getMemory().resume);
		};
		return node;
	}

	makeTrigger(): ImgTo3dTrigger {
		const { clock, log } = this;
		const getMemory = () => this.memory;
		const trigger = new ImgTo3dTrigger();
		trigger.webhook = async function () {
			keepLog(this, log);
			return await handleTriggerCall(this, clock, getMemory().trigger);
		};
		return trigger;
	}
}

/** Calls a URL as the service does. A text is sent as it is. */
async function call(url: string, body: unknown, from?: string): ReturnType<Rig['call']> {
	const { status, data } = await axios.post<{ message?: unknown }>(url, body, {
		headers: { 'Content-Type': 'application/json' },
		proxy: false,
		...(from !== undefined && { httpAgent: new Agent({ localAddress: from }) }),
		validateStatus: () => true,
		transformRequest: (sent: unknown) =>
			typeof sent === 'string' || Buffer.isBuffer(sent) ? sent : JSON.stringify(sent),
	});
	return { status, message: data.message };
}

async function createRigEngine(nodes: Nodes, credential: SavedCredential): Promise<Engine> {
	const action = nodes.makeAction();
	return await createEngine({
		folder: ENGINE_FOLDER,
		nodeTypes: {
			'n8n-nodes-img-to-3d.imgTo3d': action,
			// The name under which n8n offers the node to agents.
			'n8n-nodes-img-to-3d.imgTo3dTool': action,
			'n8n-nodes-img-to-3d.imgTo3dTrigger': nodes.makeTrigger(),
		},
		credentials: { stableDiffusionApi: credential },
	});
}

export async function openRig(options: Omit<LocalApiOptions, 'clock'> = {}): Promise<Rig> {
	const clock = new TestClock();
	await drawSmallPicture().toFile(join(SAMPLES, 'dot.png'));
	const service = await startLocalApi({ ...options, clock, samplesDir: SAMPLES, madeFiles: MADE_FILES });
	const nodes = new Nodes(clock);
	const credential = {
		type: new StableDiffusionApi(),
		data: { apiKey: API_KEY, service: 'other', baseUrl: service.baseUrl },
	};
	const engine = await createRigEngine(nodes, credential);
	const holdClock = letClockMoveFor(await engine.listen());
	return {
		clock,
		service,
		engine,
		picture: `${service.origin}/samples/dot.png`,
		log: nodes.log,
		console: nodes.console,
		call,
		waitUntilIdle: async () => {
			do await clock.sleep(10);
			while (engine.isBusy());
		},
		restartN8n: () => nodes.restart(),
		setCredential: (values) => Object.assign(credential.data, values),
		searchJobs: async (filter, paginationToken) =>
			await engine.listChoices(buildWorkflow({}), NODE, SEARCH_JOBS, { filter, paginationToken }),
		run: async (parameters, runOptions) => await run(engine, parameters, runOptions),
		close: async () => {
			await service.stop();
			await engine.close();
			holdClock();
			clock.stop();
		},
	};
}

/** Runs the smallest workflow with the node in it. */
async function run(
	engine: Engine,
	parameters: INodeParameters,
	{ node, ...options }: RigRun = {},
): Promise<Result> {
	const done = await engine.run(buildWorkflow(parameters, node), options);
	const [items = [], errors = []] = readOutput(done, NODE);
	return { run: done, items, errors, error: done.data.resultData.error as Result['error'] };
}
