import type { IDataObject, INodeExecutionData } from 'n8n-workflow';

import { readOutput, type WorkflowJson } from '../../n8n/engine/engine.cts';
import imageToTurntable from '../../examples/image-to-turntable.json';
import recoverPaidJobs from '../../examples/recover-paid-jobs.json';
import suspendWithFallback from '../../examples/suspend-with-fallback.json';
import { toItems, NODE, openRig, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig();
	// To make turntables of the default size takes seconds.
	const gif = { kind: 'answer', body: 'GIF89a;', contentType: 'image/gif' } as const;
	rig.service.addFault({ on: 'download', times: Infinity, do: gif });
});
afterEach(async () => {
	await rig.close();
});

/** An unchanged example. jest reads its numbers and texts without their literal types. */
const workflowOf = (json: object) => json as unknown as WorkflowJson;
const pictures = (count: number) => toItems(...Array<IDataObject>(count).fill({ image: rig.picture }));
const statuses = (items: INodeExecutionData[]) => items.map(({ json }) => json.status);
const types = (items: INodeExecutionData[]) => items.map(({ binary }) => binary?.data?.mimeType);

test('image-to-turntable: the link on each item becomes a turntable', async () => {
	const run = await rig.engine.run(workflowOf(imageToTurntable), { items: pictures(2) });
	expect(run.status).toBe('success');
	const [items = []] = readOutput(run, NODE);
	expect(statuses(items)).toEqual(['success', 'success']);
	expect(types(items)).toEqual(['image/gif', 'image/gif']);
	expect(items[0]?.json.meta).toMatchObject({
		frame_size: 256,
		seconds: 4,
		seed: 20,
		guidance_scale: 5,
		steps: 50,
	});
});

describe('suspend-with-fallback', () => {
	test('if the service calls: the turntables go directly to the end', async () => {
		rig.service.configure({ jobSeconds: 60 });
		const { status } = await rig.engine.run(workflowOf(suspendWithFallback), { items: pictures(2) });
		expect(status).toBe('waiting');
		await rig.clock.sleep(200_000);
		const run = rig.engine.executions[0]?.run;
		if (!run) throw new Error('The execution is under way.');
		expect(run.status).toBe('success');
		expect(run.data.resultData.runData).not.toHaveProperty('Fetch Late Result');
		const [items = []] = readOutput(run, 'Done');
		expect(statuses(items)).toEqual(['success', 'success']);
		expect(types(items)).toEqual(['image/gif', 'image/gif']);
	});

	test('if the calls are lost: the late jobs are polled to their end, and nothing is paid again', async () => {
		rig.service.configure({ jobSeconds: 1000, parallel: 2, webhooks: 'never' });
		const { waitTill } = await rig.engine.run(workflowOf(suspendWithFallback), { items: pictures(2) });
		expect(Number(waitTill) - (rig.service.jobs[0]?.acceptedAt ?? 0)).toBe(900_000);
		await rig.clock.sleep(900_000);
		const run = await rig.engine.endWait(rig.engine.executions[0]?.id ?? '');
		expect(run.status).toBe('success');
		expect(statuses(readOutput(run, NODE)[0] ?? [])).toEqual(['processing', 'processing']);
		const [items = []] = readOutput(run, 'Done');
		expect(statuses(items)).toEqual(['success', 'success']);
		expect(types(items)).toEqual(['image/gif', 'image/gif']);
		expect(rig.service.jobs).toHaveLength(2);
	});
});

/** Replaces nodes that need a server by nodes that pass on their items. */
function passThrough({ nodes, ...rest }: WorkflowJson): WorkflowJson {
	const isInEngine = (type: string) => !/^n8n-nodes-base\.(?!manualTrigger|stickyNote)/.test(type);
	return {
		...rest,
		nodes: nodes.map((node) =>
			isInEngine(node.type) ? node : { ...node, type: 'n8n-nodes-base.noOp', typeVersion: 1 },
		),
	};
}

test('recover-paid-jobs: all jobs of the account are fetched, each file with the name of its job', async () => {
	await rig.engine.run(workflowOf(imageToTurntable), { items: pictures(2) });
	const run = await rig.engine.run(passThrough(workflowOf(recoverPaidJobs)));
	expect(run.status).toBe('success');
	const [items = []] = readOutput(run, 'Note as Delivered');
	const ids = rig.service.jobs.map(({ id }) => id).reverse();
	expect(items.map(({ json }) => json.id)).toEqual(ids);
	expect(items.map(({ binary }) => binary?.data?.fileName)).toEqual(ids.map((id) => `job-${id}.gif`));
	expect(rig.service.jobs).toHaveLength(2);
});
