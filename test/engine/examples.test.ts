import type { INode } from 'n8n-workflow';

import { outputOf, type WorkflowJson } from '../../engine/engine.cts';
import imageToTurntable from '../../examples/image-to-turntable.json';
import { itemsOf, NODE, openBench, type Bench } from './bench.mts';

let bench: Bench;
beforeAll(async () => {
	bench = await openBench();
});
afterAll(async () => {
	await bench.close();
});

test('image-to-turntable: a link on each item becomes a turntable on each item', async () => {
	const workflow: WorkflowJson = {
		...imageToTurntable,
		nodes: imageToTurntable.nodes as unknown as INode[],
	} as never;
	const run = await bench.engine.run(workflow, {
		items: itemsOf({ image: bench.picture }, { image: bench.picture }),
	});
	expect(run.status).toBe('success');
	const [items = []] = outputOf(run, NODE);
	expect(items.map(({ json }) => json.status)).toEqual(['success', 'success']);
	expect(items.map(({ binary }) => binary?.data?.mimeType)).toEqual(['image/gif', 'image/gif']);
	expect(items[0]?.json.meta).toMatchObject({
		frame_size: 256,
		seconds: 4,
		seed: 20,
		guidance_scale: 5,
		steps: 50,
	});
});
