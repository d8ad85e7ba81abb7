/** The workflows that are measured on n8n servers. */
import { setTimeout as pause } from 'node:timers/promises';

import type { IConnections, INode, INodeParameters } from 'n8n-workflow';

import { PACKAGE, type Execution, type Saved, type WorkflowFile } from '../n8n/real/n8n.mts';
import { waitUntil } from '../n8n/real/processes.mts';
import type { World } from '../n8n/real/worlds.mts';

/** The parts of a node that matter here. */
export interface NodeSketch {
	name: string;
	type: string;
	typeVersion: number;
	parameters: INodeParameters;
	credentials?: INode['credentials'];
}

/** A connection from a node to another one. The output is 0 by default. */
export type Arrow = readonly [from: string, to: string, output?: number];

/** The path of an image of the stand-in. */
const PICTURE = '/samples/mug.jpg';

/** The smallest job. No measurement needs its files. */
const SETTINGS = { frameSize: 32, seconds: 1, steps: 1, seed: '1' };

let count = 0;

/**
 * Imports and publishes a workflow that a call starts.
 *
 * @param nodes the nodes after the webhook, which is the node "Call"
 * @param arrows the connections. Default: from each node to the next.
 * @param options options of the node "Call"
 * @returns the path to call
 */
export async function publish(
	world: World,
	nodes: readonly NodeSketch[],
	arrows?: readonly Arrow[],
	options: INodeParameters = {},
): Promise<{ path: string; saved: Saved }> {
	const path = `bench-${++count}-${Date.now()}`;
	const call: NodeSketch = {
		name: 'Call',
		type: 'n8n-nodes-base.webhook',
		typeVersion: 2,
		parameters: { path, httpMethod: 'POST', responseMode: 'onReceived', options },
	};
	const all = [call, ...nodes];
	const chain = nodes.map(({ name }, index): Arrow => [all[index]?.name ?? '', name]);
	const workflow: WorkflowFile = {
		name: `Bench ${count}`,
		nodes: all.map((node, index) => ({
			id: `node-${index}`,
			webhookId: `${path}-${index}`,
			position: [index * 220, 0],
			...node,
			...(node === call && { webhookId: path }),
		})),
		connections: connect(arrows ?? chain),
		settings: { executionOrder: 'v1' },
	};
	const saved = await world.main.importWorkflow(workflow);
	await world.main.publish(saved);
	return { path: `/webhook/${path}`, saved };
}

function connect(arrows: readonly Arrow[]): IConnections {
	const connections: IConnections = {};
	for (const [from, to, output = 0] of arrows) {
		const { main } = (connections[from] ??= { main: [] });
		while (main && main.length <= output) main.push([]);
		main?.[output]?.push({ node: to, type: 'main', index: 0 });
	}
	return connections;
}

/** Splits the images in the body of the call into items. */
export const SPLIT: NodeSketch = {
	name: 'Split',
	type: 'n8n-nodes-base.splitOut',
	typeVersion: 1,
	parameters: { fieldToSplitOut: 'body.pictures', options: {} },
};

/** Describes the Image to 3D node. It does not download its files. */
export function describeImageTo3d(
	parameters: INodeParameters,
	credentials: INode['credentials'],
): NodeSketch {
	return {
		name: 'Image to 3D',
		type: `${PACKAGE}.imgTo3d`,
		typeVersion: 1,
		parameters: { image: '={{ $json.image }}', settings: SETTINGS, download: false, ...parameters },
		credentials,
	};
}

/** Makes the body of a call for a workflow that begins with {@link SPLIT}. @param origin address of the stand-in */
export function makeCallBody(origin: string, number: number): { pictures: Array<{ image: string }> } {
	return { pictures: Array.from({ length: number }, () => ({ image: origin + PICTURE })) };
}

/** Makes the job that a plain client of the API submits: the node's, without the key. */
export function makePlainJob(origin: string): Record<string, unknown> {
	return { image: origin + PICTURE, frame_size: 32, seconds: 1, steps: 1, seed: 1 };
}

/** n8n 2.41 registers webhooks some time after it has published their workflow, at most this long, ms. */
const REGISTERED_MS = 20_000;

/** Calls a workflow. @throws when n8n does not answer with 200 */
export async function callWorkflow(world: World, path: string, body: object): Promise<void> {
	const end = Date.now() + REGISTERED_MS;
	for (;;) {
		const { status } = await world.outside.call(path, body);
		if (status === 200) return;
		if (status !== 404 || Date.now() > end) throw new Error(`n8n answered the call with ${status}.`);
		await pause(500);
	}
}

const ENDS = ['success', 'error', 'canceled', 'crashed'];

/**
 * Calls a workflow once, and waits until its execution has ended.
 *
 * @throws when it did not succeed
 */
export async function execute(
	world: World,
	{ path, saved }: { path: string; saved: Saved },
	body: object,
	limitMs: number,
): Promise<Execution> {
	await callWorkflow(world, path, body);
	let id = '';
	await waitUntil(
		`the execution of workflow ${saved.id} has ended`,
		async () => {
			const [latest] = await world.main.listExecutions(saved.id);
			id = latest?.id ?? '';
			return latest !== undefined && ENDS.includes(latest.status);
		},
		limitMs,
		// n8n records the time of the end. Frequent requests would only keep it busy.
		2000,
	);
	const execution = await world.main.readExecution(id);
	if (execution.status !== 'success') {
		throw new Error(
			`The execution ended as ${execution.status}: ${execution.data.resultData.error?.message ?? ''}`,
		);
	}
	return execution;
}
