import { mkdirSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import axios from 'axios';
import sharp from 'sharp';
import type { INode, INodeExecutionData, INodeParameters, IRun } from 'n8n-workflow';

import { StableDiffusionApi } from '../../credentials/StableDiffusionApi.credentials';
import {
	createEngine,
	readOutput,
	type Engine,
	type RunOptions,
	type WorkflowJson,
} from '../../n8n/engine/engine.cts';
import { startLocalApi, type LocalApi, type LocalApiOptions } from '../../local-api/index.mts';
import { handleTriggerCall } from '../../nodes/ImgTo3d/trigger/receive';
import { TriggerState } from '../../nodes/ImgTo3d/trigger/state';
import { handleResumeCall } from '../../nodes/ImgTo3d/suspend/resume';
import { ResumeState } from '../../nodes/ImgTo3d/suspend/resume-state';
import { CredentialReader } from '../../nodes/ImgTo3d/webhook/connection';
import { ImgTo3d } from '../../nodes/ImgTo3d/ImgTo3d.node';
import { ImgTo3dTrigger } from '../../nodes/ImgTo3d/ImgTo3dTrigger.node';
import { RunState, runItems } from '../../nodes/ImgTo3d/item-loop/run-items';
import { ENGINE_FOLDER } from './engine-folder.mts';
import { letClockMoveFor } from './exchanges.mts';
import { TestClock } from './test-clock.mts';

/** Long enough to be a secret, and found nowhere by chance. */
export const API_KEY = 'sk-test-3f9c1d7be2a84f60';

export const NODE = 'Image to 3D';

const SAMPLES = join(ENGINE_FOLDER, 'samples');
mkdirSync(SAMPLES, { recursive: true });
afterAll(() => rmSync(ENGINE_FOLDER, { recursive: true, force: true }));

/** The stand-in service, n8n's engine with the node in it, and one clock for both. */
export interface Rig {
	clock: TestClock;
	service: LocalApi;
	engine: Engine;
	/** A link to a picture that the service can fetch. */
	picture: string;
	run(parameters: INodeParameters, options?: RigRun): Promise<Result>;
	/** Sets the credential for the runs that follow. */
	setCredential(values: { apiKey?: string; baseUrl?: string }): void;
	/** Calls n8n as the service does. A text goes out as it is. @param from a loopback address, 127.x.y.z */
	call(url: string, body: unknown, from?: string): Promise<{ status: number; message: unknown }>;
	/** What the nodes have logged, a line each: its level and its text. */
	log: readonly string[];
	/** Resolves when n8n has nothing to do: no call, and each execution has ended or rests. */
	waitUntilIdle(): Promise<void>;
	/** The process forgets what it knows only in memory. */
	restartN8n(): void;
	close(): Promise<void>;
}

export interface RigRun extends RunOptions {
	/** What else is set on the node, e.g. `onError`. */
	node?: Partial<INode>;
}

export interface Result {
	run: IRun;
	/** The node's regular output. */
	items: INodeExecutionData[];
	/** The node's error output. */
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

/** The smallest workflow with the node in it. */
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

/** Input items with the given JSON. */
export function toItems(...json: Array<INodeExecutionData['json']>): INodeExecutionData[] {
	return json.map((entry) => ({ json: entry }));
}

/** Items that say which they are, from 0: `n`. */
export const makeNumberedItems = (count: number) =>
	toItems(...Array.from({ length: count }, (_, n) => ({ n })));

/** A prompt for each item. Without an image to fetch, jobs are accepted in the order in which they come. */
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

/** A disc of few pixels: quick to make a model of. */
function drawSmallPicture(): ReturnType<typeof sharp> {
	const svg =
		'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24"><circle cx="12" cy="12" r="9" fill="#c33"/></svg>';
	return sharp(Buffer.from(svg)).png();
}

/** A small PNG, base64. */
export async function makePngBase64(): Promise<string> {
	return (await drawSmallPicture().toBuffer()).toString('base64');
}

/** An input item with a file in its binary field `data`. */
export function makeFileItem(base64: string, mimeType: string, fileName: string): INodeExecutionData {
	return { json: {}, binary: { data: { data: base64, mimeType, fileName } } };
}

/** Writes what a node logs into a list instead, unless somebody else listens already. */
function keepLog(context: object, lines: string[]): void {
	if (Object.hasOwn(context, 'logger')) return;
	const levels = ['error', 'warn', 'info', 'debug'].map((level) => [
		level,
		(text: string) => lines.push(`${level}: ${text}`),
	]);
	Object.defineProperty(context, 'logger', { value: Object.fromEntries(levels) as unknown });
}

export async function openRig(options: Omit<LocalApiOptions, 'clock'> = {}): Promise<Rig> {
	const clock = new TestClock();
	await drawSmallPicture().toFile(join(SAMPLES, 'dot.png'));
	const service = await startLocalApi({ ...options, clock, samplesDir: SAMPLES });

	const log: string[] = [];
	const startProcess = () => {
		const credentials = new CredentialReader();
		return {
			run: new RunState(),
			resume: new ResumeState(credentials),
			trigger: new TriggerState(credentials),
		};
	};
	let memory = startProcess();
	const node = new ImgTo3d();
	node.execute = async function () {
		keepLog(this, log);
		return await runItems(this, clock, memory.run);
	};
	node.webhook = async function () {
		keepLog(this, log);
		return await handleResumeCall(this, clock, memory.resume);
	};
	const trigger = new ImgTo3dTrigger();
	trigger.webhook = async function () {
		keepLog(this, log);
		return await handleTriggerCall(this, clock, memory.trigger);
	};
	const credential = { type: new StableDiffusionApi(), data: { apiKey: API_KEY, baseUrl: service.baseUrl } };
	const engine = await createEngine({
		folder: ENGINE_FOLDER,
		nodeTypes: {
			'n8n-nodes-img-to-3d.imgTo3d': node,
			// How n8n offers the node to agents.
			'n8n-nodes-img-to-3d.imgTo3dTool': node,
			'n8n-nodes-img-to-3d.imgTo3dTrigger': trigger,
		},
		credentials: { stableDiffusionApi: credential },
	});
	const holdClock = letClockMoveFor(await engine.listen());

	return {
		clock,
		service,
		engine,
		picture: `${service.origin}/samples/dot.png`,
		log,
		call: async (url, body, from) => {
			const { status, data } = await axios.post<{ message?: unknown }>(url, body, {
				headers: { 'Content-Type': 'application/json' },
				proxy: false,
				...(from !== undefined && { httpAgent: new Agent({ localAddress: from }) }),
				validateStatus: () => true,
				transformRequest: (sent: unknown) =>
					typeof sent === 'string' || Buffer.isBuffer(sent) ? sent : JSON.stringify(sent),
			});
			return { status, message: data.message };
		},
		waitUntilIdle: async () => {
			do await clock.sleep(10);
			while (engine.isBusy());
		},
		restartN8n: () => {
			memory = startProcess();
		},
		setCredential: (values) => Object.assign(credential.data, values),
		run: async (parameters, { node: settings, ...runOptions } = {}) => {
			const run = await engine.run(buildWorkflow(parameters, settings), runOptions);
			const [items = [], errors = []] = readOutput(run, NODE);
			return { run, items, errors, error: run.data.resultData.error as Result['error'] };
		},
		close: async () => {
			await service.stop();
			await engine.close();
			holdClock();
			clock.stop();
		},
	};
}
