/**
 * The measured process: n8n's engine with the built node, and with what the node is compared with. It does the work that its parent
 * sends (`measured-process.mts`), and answers with the cost. The servers that it calls are in other processes, so its CPU time and
 * memory are those of n8n and the node.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Container } from '@n8n/di';
import axios from 'axios';
import { BinaryDataService } from 'n8n-core';
import {
	NodeConnectionTypes,
	type IBinaryData,
	type IDataObject,
	type IExecuteFunctions,
	type INodeExecutionData,
	type INodeParameters,
	type INodeType,
	type IRun,
} from 'n8n-workflow';

import { createEngine, readOutput, type Engine, type WorkflowJson } from '../n8n/engine/engine.cts';

/** What does the work: the node, or a few lines that do only the work. */
export type Contender =
	/** Image to 3D, as it is published. */
	| 'node'
	/** n8n's request helper in a loop, in a node of its own. */
	| 'helper'
	/** axios in a loop, without n8n. */
	| 'axios'
	/** A node that outputs its items with an answer in each, and makes no calls. */
	| 'passThrough'
	/** n8n's request helper and its storage, each file as a stream, one after another. */
	| 'streamed'
	/** The same, with each file as a buffer. */
	| 'buffered';

/** The work: items. Each is a job to submit or a file to download. */
export interface Work {
	contender: Contender;
	/** The credential's Base URL. */
	baseUrl: string;
	/** The number of items. */
	items: number;
	/** How many jobs can be open at the same time. */
	atOnce: number;
	/** Parameters of the node. */
	parameters?: INodeParameters;
	/** The body that the loops send: the node's, without the key. */
	body?: IDataObject;
	/** The addresses of the files that the loops download, one for each item. */
	files?: string[];
	/** Whether to sample the resident memory during the work, which costs CPU. */
	samplesMemory?: boolean;
	/** Whether to weigh the heap before and after, which takes a second. */
	weighsHeap?: boolean;
}

export interface Cost {
	/** CPU time of the process, user and system, ms. */
	cpuMs: number;
	/** Elapsed time, ms. */
	wallMs: number;
	/** The greatest growth of the resident memory during the work, bytes. */
	rssGrowth: number;
	/** With `weighsHeap`: the heap in use before the work, while the result is held, and after it is freed, bytes. */
	heap?: { before: number; held: number; after: number };
	/** The number of items in the output. */
	items: number;
	/** The size of each file in n8n's storage, bytes. */
	files: number[];
	/** What the node says about its files. */
	described: IDataObject[];
}

const ROOT = join(__dirname, '..');
const KEY = 'sk-bench-0123456789abcdef';
const CREDENTIAL = 'stableDiffusionApi';
const START = 'Start';
const MEASURED = 'Measured';

/** How often the resident memory is sampled, ms. */
const SAMPLE_MS = 10;

/** The current work, for the contenders. */
let work: Work;

/** Makes a node of an `execute`. */
function makeNode(
	name: string,
	execute: (this: IExecuteFunctions) => Promise<INodeExecutionData[][]>,
): INodeType {
	return {
		description: {
			displayName: name,
			name,
			group: ['transform'],
			version: 1,
			description: '',
			defaults: { name },
			inputs: [NodeConnectionTypes.Main],
			outputs: [NodeConnectionTypes.Main],
			credentials: [{ name: CREDENTIAL, required: true }],
			properties: [{ displayName: 'Image', name: 'image', type: 'string', default: '' }],
		},
		execute,
	};
}

/** Calls `each` for a number of items, some at the same time. @returns the results in order */
async function callForEach<T>(
	count: number,
	atOnce: number,
	each: (index: number) => Promise<T>,
): Promise<T[]> {
	const { default: pLimit } = await import('p-limit');
	return await pLimit(atOnce).map(Array.from({ length: count }).keys(), async (index) => await each(index));
}

const helperLoop = makeNode('helper', async function () {
	const inputs = this.getInputData();
	const readsPicture = 'image' in this.getNode().parameters;
	return [
		await callForEach(inputs.length, work.atOnce, async (index) => ({
			json: (await this.helpers.httpRequestWithAuthentication.call(this, CREDENTIAL, {
				method: 'POST',
				url: `${work.baseUrl}/v3/img_to_3d`,
				body: {
					...work.body,
					...(readsPicture && { image: this.getNodeParameter('image', index) as string }),
				},
				json: true,
			})) as IDataObject,
			pairedItem: { item: index },
		})),
	];
});

const passThrough = makeNode('passThrough', async function () {
	const answer = JSON.stringify(work.body);
	return [
		this.getInputData().map((_item, index) => ({
			json: JSON.parse(answer) as IDataObject,
			pairedItem: { item: index },
		})),
	];
});

/** Makes a node that downloads the files of the work one after another, with an `encoding`. */
const makeDownloader = (name: string, encoding: 'stream' | 'arraybuffer') =>
	makeNode(name, async function () {
		const items: INodeExecutionData[] = [];
		for (const [index, url] of (work.files ?? []).entries()) {
			const body = (await this.helpers.httpRequest({ method: 'GET', url, encoding })) as Buffer;
			const file = await this.helpers.prepareBinaryData(body, 'turntable.gif', 'image/gif');
			items.push({ json: { url }, binary: { data: file }, pairedItem: { item: index } });
		}
		return [items];
	});

async function submitWithAxios(count: number): Promise<INodeExecutionData[]> {
	return await callForEach(count, work.atOnce, async () => {
		const { data } = await axios.post<IDataObject>(
			`${work.baseUrl}/v3/img_to_3d`,
			{ ...work.body, key: KEY },
			{ proxy: false },
		);
		return { json: data };
	});
}

/** Builds a workflow of the contender, with the parameters of the work. */
function buildWorkflow({ contender, parameters }: Work): WorkflowJson {
	const credentials = { [CREDENTIAL]: { id: '1', name: 'Bench' } };
	return {
		nodes: [
			{
				id: '1',
				name: START,
				type: 'n8n-nodes-base.manualTrigger',
				typeVersion: 1,
				position: [0, 0],
				parameters: {},
			},
			{
				id: '2',
				name: MEASURED,
				type: `bench.${contender}`,
				typeVersion: 1,
				position: [200, 0],
				parameters: parameters ?? {},
				credentials,
			},
		],
		connections: { [START]: { main: [[{ node: MEASURED, type: 'main', index: 0 }]] } },
	};
}

/** Finds the size of a file in n8n's storage, bytes. */
const findSize = ({ id = '' }: IBinaryData) => statSync(Container.get(BinaryDataService).getPath(id)).size;

/** Samples the resident memory. @returns a function that ends this and returns the most, bytes */
function sampleMemory(): () => number {
	let most = process.memoryUsage.rss();
	const sample = () => {
		most = Math.max(most, process.memoryUsage.rss());
	};
	const timer = setInterval(sample, SAMPLE_MS);
	return () => {
		clearInterval(timer);
		sample();
		return most;
	};
}

/** Collects the garbage. @returns the heap in use, bytes */
async function weighHeap(): Promise<number> {
	for (let round = 0; round < 3; round++) {
		// Timers and closing connections free what they hold in between.
		await new Promise((resolve) => setTimeout(resolve, 100));
		global.gc?.();
	}
	return process.memoryUsage().heapUsed;
}

const makeInputs = (count: number): INodeExecutionData[] =>
	Array.from({ length: count }, (_, index) => ({
		json: { image: `https://example.com/pictures/${index}.png` },
	}));

/** The result of the work, and n8n's run, which also holds it. */
interface Done {
	items: INodeExecutionData[];
	run?: IRun;
}

async function doWork(engine: Engine, asked: Work): Promise<Done> {
	if (asked.contender === 'axios') return { items: await submitWithAxios(asked.items) };
	const run = await engine.run(buildWorkflow(asked), { items: makeInputs(asked.items) });
	const { error } = run.data.resultData;
	if (error) throw new Error(`${asked.contender}: ${error.message}`);
	return { items: readOutput(run, MEASURED)[0] ?? [], run };
}

async function measure(engine: Engine, credential: IDataObject, asked: Work): Promise<Cost> {
	work = asked;
	credential.baseUrl = asked.baseUrl;
	const before = asked.weighsHeap ? await weighHeap() : 0;
	global.gc?.();

	const rssBefore = process.memoryUsage.rss();
	const most = asked.samplesMemory ? sampleMemory() : () => rssBefore;
	const cpu = process.cpuUsage();
	const start = performance.now();
	let done: Done | undefined = await doWork(engine, asked);
	const wallMs = performance.now() - start;
	const { user, system } = process.cpuUsage(cpu);
	const cost: Cost = {
		cpuMs: (user + system) / 1000,
		wallMs,
		rssGrowth: most() - rssBefore,
		items: done.items.length,
		files: done.items.flatMap(({ binary }) => Object.values(binary ?? {}).map(findSize)),
		described: done.items.flatMap(({ json }) => (json.files ?? []) as IDataObject[]),
	};
	if (!asked.weighsHeap) {
		engine.executions.length = 0;
		return cost;
	}
	const held = await weighHeap();
	// Read after the weighing, so that the run is held until then.
	if (done.run?.finished === false) throw new Error('The run was not finished.');
	done = undefined;
	// n8n has no such list of executions.
	engine.executions.length = 0;
	return { ...cost, heap: { before, held, after: await weighHeap() } };
}

async function main(): Promise<void> {
	// The output of the build, as n8n loads it. Not imported by name, because the file does not exist before the first build.
	const built: string = join(ROOT, 'dist/index.js');
	const { ImgTo3d, StableDiffusionApi } = (await import(built)) as typeof import('../index');
	const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-bench-'));
	process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
	const credential = { apiKey: KEY, service: 'other', baseUrl: '' };
	const engine = await createEngine({
		folder,
		nodeTypes: {
			'bench.node': new ImgTo3d(),
			'bench.helper': helperLoop,
			'bench.passThrough': passThrough,
			'bench.streamed': makeDownloader('streamed', 'stream'),
			'bench.buffered': makeDownloader('buffered', 'arraybuffer'),
		},
		credentials: { [CREDENTIAL]: { type: new StableDiffusionApi(), data: credential } },
	});
	process.on('message', (asked: Work) => {
		void measure(engine, credential, asked).then(
			(cost) => process.send?.({ cost }),
			(error: Error) => process.send?.({ error: error.stack ?? error.message }),
		);
	});
	process.once('disconnect', () => {
		void engine.close().then(() => process.exit(0));
	});
	process.send?.({ ready: true });
}

void main();
