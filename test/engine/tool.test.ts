import type { INode } from 'n8n-workflow';

import { toolCalls } from '../../n8n/engine/tool-call.cts';
import { openRig, workflowOf, type Rig } from '../support/rig.mts';

let bench: Rig;
beforeEach(async () => {
	bench = await openRig({ jobSeconds: 10 });
});
afterEach(async () => {
	await bench.close();
});

/** The node as a tool whose image the agent chooses. */
const tool = (more: Partial<INode> = {}): INode =>
	workflowOf(
		{ operation: 'imageTo3d', image: "={{ $fromAI('image') }}", download: false, options: { timeout: 60 } },
		{ type: 'n8n-nodes-img-to-3d.imgTo3dTool', ...more },
	).nodes[1] as INode;

test('an agent that calls the node as its tool reads the finished job', async () => {
	const call = toolCalls(bench.engine, tool());
	const answer = await call({ image: bench.picture });
	expect(answer).toMatchObject([{ status: 'success', output: bench.service.jobs[0]?.outputs }]);
	expect(bench.service.jobs[0]?.params).toMatchObject({ image: bench.picture });
});

test('a second call with the same arguments is a job of its own', async () => {
	const call = toolCalls(bench.engine, tool());
	await call({ image: bench.picture });
	await call({ image: bench.picture });
	expect(bench.service.jobs).toHaveLength(2);
});

test('Retry On Fail of a tool picks up the job that the failed try submitted', async () => {
	bench.service.configure({ jobSeconds: 100 });
	const call = toolCalls(bench.engine, tool({ retryOnFail: true, maxTries: 2, waitBetweenTries: 1 }));
	expect(await call({ image: bench.picture })).toMatchObject([{ status: 'success' }]);
	expect(bench.service.jobs).toHaveLength(1);
});

test('an error tells the agent the job and what to do', async () => {
	bench.service.addFault({ on: 'submit', do: { kind: 'failJob', message: 'too dark' } });
	const call = toolCalls(bench.engine, tool());
	await expect(call({ image: bench.picture })).rejects.toThrow(
		/^Job \d+: the service ended the job as failed: too dark\n\nDetails: The job is over/,
	);
});

test('a tool that is set to rest watches the job instead: an execution cannot rest there', async () => {
	const node = tool();
	node.parameters.waitFor = 'webhook';
	const call = toolCalls(bench.engine, node);
	expect(await call({ image: bench.picture })).toMatchObject([{ status: 'success' }]);
	expect(bench.service.jobs[0]?.webhook).toBeNull();
});
