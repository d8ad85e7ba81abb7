/** The workflows that are measured on a real n8n. */
import { setTimeout as pause } from 'node:timers/promises';

import type { IConnections, INode, INodeParameters } from 'n8n-workflow';

import { PACKAGE, type Execution, type Saved, type WorkflowFile } from '../n8n/real/n8n.mts';
import { until } from '../n8n/real/processes.mts';
import type { World } from '../n8n/real/worlds.mts';

/** A node, as far as it matters. */
export interface NodeSketch {
	name: string;
	type: string;
	typeVersion: number;
	parameters: INodeParameters;
	credentials?: INode['credentials'];
}

/** From a node to another, out of an output that is not its first one, if so. */
export type Arrow = readonly [from: string, to: string, output?: number];

/** A picture that a stand-in has, by its path. */
const PICTURE = '/samples/mug.jpg';

/** The smallest job there is: no measurement asks for its files. */
const SETTINGS = { frameSize: 32, seconds: 1, steps: 1, seed: '1' };

let count = 0;

/**
 * Imports and publishes a workflow that a call starts.
 *
 * @param nodes what comes after the call, which is the node "Call"
 * @param arrows what leads to what; default one node to the next
 * @param options of the node "Call"
 * @returns the path to call
 */
export async function published(
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
	const connections: IConnections = {};
	for (const [from, to, output = 0] of arrows ??
		nodes.map(({ name }, index): Arrow => [all[index]?.name ?? '', name])) {
		const { main } = (connections[from] ??= { main: [] });
		while (main && main.length <= output) main.push([]);
		main?.[output]?.push({ node: to, type: 'main', index: 0 });
	}
	const workflow: WorkflowFile = {
		name: `Bench ${count}`,
		nodes: all.map((node, index) => ({
			id: `node-${index}`,
			webhookId: `${path}-${index}`,
			position: [index * 220, 0],
			...node,
			...(node === call && { webhookId: path }),
		})),
		connections,
		settings: { executionOrder: 'v1' },
	};
	const saved = await world.main.importWorkflow(workflow);
	await world.main.publish(saved);
	return { path: `/webhook/${path}`, saved };
}

/** Makes items of the pictures in the call's body. */
export const SPLIT: NodeSketch = {
	name: 'Split',
	type: 'n8n-nodes-base.splitOut',
	typeVersion: 1,
	parameters: { fieldToSplitOut: 'body.pictures', options: {} },
};

/** The node, with its files left where they are. */
export function imageTo3d(parameters: INodeParameters, credentials: INode['credentials']): NodeSketch {
	return {
		name: 'Image to 3D',
		type: `${PACKAGE}.imgTo3d`,
		typeVersion: 1,
		parameters: { image: '={{ $json.image }}', settings: SETTINGS, download: false, ...parameters },
		credentials,
	};
}

/** What a workflow that begins with {@link SPLIT} is called with. @param origin the stand-in's */
export function pictures(origin: string, number: number): { pictures: Array<{ image: string }> } {
	return { pictures: Array.from({ length: number }, () => ({ image: origin + PICTURE })) };
}

/** A job that a plain client of the API submits; the same as the node's, but for the key. */
export function plainJob(origin: string): Record<string, unknown> {
	return { image: origin + PICTURE, frame_size: 32, seconds: 1, steps: 1, seed: 1 };
}

/** n8n 2.41 registers webhooks some time after it has published their workflow: this much at most, ms. */
const REGISTERED_MS = 20_000;

/** Calls a workflow. @throws when n8n does not answer 200 */
export async function called(world: World, path: string, body: object): Promise<void> {
	const end = Date.now() + REGISTERED_MS;
	for (;;) {
		const { status } = await world.outside.call(path, body);
		if (status === 200) return;
		if (status !== 404 || Date.now() > end) throw new Error(`n8n answers the call with ${status}.`);
		await pause(500);
	}
}

const ENDS = ['success', 'error', 'canceled', 'crashed'];

/**
 * Calls a workflow once, and waits until its execution has ended.
 *
 * @throws when it did not end well
 */
export async function executed(
	world: World,
	{ path, saved }: { path: string; saved: Saved },
	body: object,
	limitMs: number,
): Promise<Execution> {
	await called(world, path, body);
	let id = '';
	await until(
		`the execution of workflow ${saved.id} has ended`,
		async () => {
			const [latest] = await world.main.executions(saved.id);
			id = latest?.id ?? '';
			return latest !== undefined && ENDS.includes(latest.status);
		},
		limitMs,
		// n8n notes the moment itself; asking often would only keep it busy.
		2000,
	);
	const execution = await world.main.execution(id);
	if (execution.status !== 'success') {
		throw new Error(
			`The execution ended as ${execution.status}: ${execution.data.resultData.error?.message ?? ''}`,
		);
	}
	return execution;
}
