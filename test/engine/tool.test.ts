import type { INode } from 'n8n-workflow';

import { makeToolCaller } from '../../n8n/engine/tool-call.cts';
import { openRig, buildWorkflow, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 10 });
});
afterEach(async () => {
	await rig.close();
});

/** The node as a tool. The agent selects the image. */
const tool = (more: Partial<INode> = {}): INode =>
	buildWorkflow(
		{ operation: 'imageTo3d', image: "={{ $fromAI('image') }}", download: false, options: { timeout: 60 } },
		{ type: 'n8n-nodes-img-to-3d.imgTo3dTool', ...more },
	).nodes[1] as INode;

test('an agent that uses the node as a tool gets the finished job', async () => {
	const call = makeToolCaller(rig.engine, tool());
	const answer = await call({ image: rig.picture });
	expect(answer).toMatchObject([{ status: 'success', output: rig.service.jobs[0]?.outputs }]);
	expect(rig.service.jobs[0]?.params).toMatchObject({ image: rig.picture });
});

test('a second call with the same arguments is a new job', async () => {
	const call = makeToolCaller(rig.engine, tool());
	await call({ image: rig.picture });
	await call({ image: rig.picture });
	expect(rig.service.jobs).toHaveLength(2);
});

test('Retry On Fail of a tool continues with the job that the failed try submitted', async () => {
	rig.service.configure({ jobSeconds: 100 });
	const call = makeToolCaller(rig.engine, tool({ retryOnFail: true, maxTries: 2, waitBetweenTries: 1 }));
	expect(await call({ image: rig.picture })).toMatchObject([{ status: 'success' }]);
	expect(rig.service.jobs).toHaveLength(1);
});

test('an error names the job and says what to do', async () => {
	rig.service.addFault({ on: 'submit', do: { kind: 'failJob', message: 'too dark' } });
	const call = makeToolCaller(rig.engine, tool());
	await expect(call({ image: rig.picture })).rejects.toThrow(
		/^Job \d+: the service ended the job as failed: too dark\n\nDetails: The job is over/,
	);
});

test('a tool that is set to suspend polls the job instead, because a tool call cannot suspend', async () => {
	const node = tool();
	node.parameters.waitFor = 'webhook';
	const call = makeToolCaller(rig.engine, node);
	expect(await call({ image: rig.picture })).toMatchObject([{ status: 'success' }]);
	expect(rig.service.jobs[0]?.webhook).toBeNull();
});
