/**
 * The measured process: n8n's engine with the built node in it, and beside it what the node is compared with. It
 * does what its parent asks (`measured-process.mts`) and answers with what it cost. Whatever it calls is in another
 * process, so that its CPU time and its memory are those of n8n and the node alone.
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

import {
	createEngine,
	readOutput,
	type Engine,
	type Execution,
	type WorkflowJson,
} from '../n8n/engine/engine.cts';

/** Who does the work: the node, or a few lines that do no more than get it done. */
export type Contender =
	/** Image to 3D, as it is published. */
	| 'node'
	/** n8n's request helper in a loop, in a node of its own. */
	| 'helper'
	/** axios in a loop, without n8n. */
	| 'axios'
	/** A node that hands on its items with an answer in each, and calls nobody. */
	| 'handOn'
	/** n8n's request helper and its storage, each file as a stream, one after another. */
	| 'streamed'
	/** The same with each file as a whole. */
	| 'buffered';

/** The work: items that are each a job to submit, or a file to download. */
export interface Work {
	contender: Contender;
	/** The credential's Base URL. */
	baseUrl: string;
	/** How many items. */
	items: number;
	/** How many jobs may be open at once. */
	atOnce: number;
	/** Parameters of the node beside or instead of the usual ones. */
	parameters?: INodeParameters;
	/** The body that the loops send, which is what the node sends, but for the key. */
	body?: IDataObject;
	/** Where the files are that the loops download, one for each item. */
	files?: string[];
	/** Whether the resident memory is looked at meanwhile, which costs CPU. */
	watches?: boolean;
	/** Whether the heap is weighed before and after, which takes a second. */
	weighs?: boolean;
}

export interface Cost {
	/** Milliseconds of the process's CPU, user and system. */
	cpuMs: number;
	/** Milliseconds on the clock. */
	wallMs: number;
	/** The most that the resident memory grew to meanwhile, bytes more than before. */
	rssGrowth: number;
	/** With `weighs`: the heap in use before, while the result is held, and after it has been let go of, bytes. */
	heap?: { before: number; held: number; after: number };
	/** How many items came out. */
	items: number;
	/** The size of each file in n8n's storage, bytes. */
	files: number[];
}

const ROOT = join(__dirname, '..');
const KEY = 'sk-bench-0123456789abcdef';
const CREDENTIAL = 'stableDiffusionApi';
const START = 'Start';
const MEASURED = 'Measured';

/** How often the resident memory is looked at, ms. */
const SAMPLE_MS = 10;

/** What the contenders find in the current work. */
let work: Work;

/** A node that needs no more than its `execute`. */
function minimal(
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

/** `each` for all items, so many at once; what they bring, in order. */
async function inTurns<T>(count: number, atOnce: number, each: (index: number) => Promise<T>): Promise<T[]> {
	const results: T[] = new Array<T>(count);
	let next = 0;
	const lane = async () => {
		while (next < count) {
			const index = next++;
			results[index] = await each(index);
		}
	};
	await Promise.all(Array.from({ length: atOnce }, lane));
	return results;
}

const helperLoop = minimal('helper', async function () {
	const inputs = this.getInputData();
	const readsPicture = 'image' in this.getNode().parameters;
	return [
		await inTurns(inputs.length, work.atOnce, async (index) => ({
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

const handOn = minimal('handOn', async function () {
	const answer = JSON.stringify(work.body);
	return [
		this.getInputData().map((_item, index) => ({
			json: JSON.parse(answer) as IDataObject,
			pairedItem: { item: index },
		})),
	];
});

/** Downloads the work's files one after another, the way that `encoding` says. */
const downloads = (name: string, encoding: 'stream' | 'arraybuffer') =>
	minimal(name, async function () {
		const items: INodeExecutionData[] = [];
		for (const [index, url] of (work.files ?? []).entries()) {
			const body = (await this.helpers.httpRequest({ method: 'GET', url, encoding })) as Buffer;
			const file = await this.helpers.prepareBinaryData(body, 'turntable.gif', 'image/gif');
			items.push({ json: { url }, binary: { data: file }, pairedItem: { item: index } });
		}
		return [items];
	});

async function axiosLoop(count: number): Promise<INodeExecutionData[]> {
	return await inTurns(count, work.atOnce, async () => {
		const { data } = await axios.post<IDataObject>(
			`${work.baseUrl}/v3/img_to_3d`,
			{ ...work.body, key: KEY },
			{ proxy: false },
		);
		return { json: data };
	});
}

/** The example's node, with what the work says of it. */
function workflowOf({ contender, parameters }: Work): WorkflowJson {
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

/** A file's size in n8n's storage, bytes. */
const sizeOf = ({ id = '' }: IBinaryData) => statSync(Container.get(BinaryDataService).getPath(id)).size;

/** Watches the resident memory. @returns ends the watching, and tells the most, in bytes */
function watchMemory(): () => number {
	let most = process.memoryUsage.rss();
	const look = () => {
		most = Math.max(most, process.memoryUsage.rss());
	};
	const timer = setInterval(look, SAMPLE_MS);
	return () => {
		clearInterval(timer);
		look();
		return most;
	};
}

/** The heap in use, in bytes, when everything that nobody holds has been taken away. */
async function weigh(): Promise<number> {
	for (let round = 0; round < 3; round++) {
		// What timers and closing connections still hold is let go of in between.
		await new Promise((resolve) => setTimeout(resolve, 100));
		global.gc?.();
	}
	return process.memoryUsage().heapUsed;
}

async function measure(engine: Engine, credential: IDataObject, asked: Work): Promise<Cost> {
	work = asked;
	credential.baseUrl = asked.baseUrl;
	const inputs = (): INodeExecutionData[] =>
		Array.from({ length: asked.items }, (_, index) => ({
			json: { image: `https://example.com/pictures/${index}.png` },
		}));
	const before = asked.weighs ? await weigh() : 0;
	let items: INodeExecutionData[] | undefined = inputs();
	global.gc?.();

	const rssBefore = process.memoryUsage.rss();
	const most = asked.watches ? watchMemory() : () => rssBefore;
	const cpu = process.cpuUsage();
	const start = performance.now();
	let run: IRun | undefined;
	if (asked.contender === 'axios') items = await axiosLoop(asked.items);
	else {
		run = await engine.run(workflowOf(asked), { items });
		const { error } = run.data.resultData;
		if (error) throw new Error(`${asked.contender}: ${error.message}`);
		items = readOutput(run, MEASURED)[0] ?? [];
	}
	const wallMs = performance.now() - start;
	const { user, system } = process.cpuUsage(cpu);
	const cost: Cost = {
		cpuMs: (user + system) / 1000,
		wallMs,
		rssGrowth: most() - rssBefore,
		items: items.length,
		files: items.flatMap(({ binary }) => Object.values(binary ?? {}).map(sizeOf)),
	};
	if (!asked.weighs) {
		(engine.executions as Execution[]).length = 0;
		return cost;
	}
	// The run holds the items; the list of executions is the engine's own, n8n has none.
	const held = await weigh();
	if (run?.finished === false) throw new Error('The run was not finished.');
	items = run = undefined;
	(engine.executions as Execution[]).length = 0;
	return { ...cost, heap: { before, held, after: await weigh() } };
}

async function main(): Promise<void> {
	// The build's output, as n8n loads it. Not imported by name, because it is not there before the first build.
	const built: string = join(ROOT, 'dist/index.js');
	const { ImgTo3d, StableDiffusionApi } = (await import(built)) as typeof import('../index');
	const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-bench-'));
	process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
	const credential = { apiKey: KEY, baseUrl: '' };
	const engine = await createEngine({
		folder,
		nodeTypes: {
			'bench.node': new ImgTo3d(),
			'bench.helper': helperLoop,
			'bench.handOn': handOn,
			'bench.streamed': downloads('streamed', 'stream'),
			'bench.buffered': downloads('buffered', 'arraybuffer'),
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
