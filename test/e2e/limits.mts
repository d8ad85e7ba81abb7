/** What n8n itself limits, as docs/operating.md describes it. Each version of n8n shows its own. */
import type { N8nVersion } from '../../n8n/real/install.mts';
import { PACKAGE, type Saved, type WorkflowFile } from '../../n8n/real/n8n.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import type { World } from '../../n8n/real/worlds.mts';
import {
	buildPictureWorkflow,
	callWorkflow,
	createNode,
	ENDS,
	listSamples,
	readItems,
	waitForResult,
} from './suite.mts';

/** How long the later nodes of the slow execution wait before they read its file, s. */
const SLOW_SECONDS = 6;

const connect = (...names: string[]): WorkflowFile['connections'] =>
	Object.fromEntries(
		names
			.slice(1)
			.map((next, n) => [names[n], { main: [[{ node: next, type: 'main' as const, index: 0 }]] }]),
	);

/** A trigger that downloads into a field. Its execution waits if the track ID says so, and then reads the file. */
function buildReadingWorkflow(world: World, webhookId: string, field: string): WorkflowFile {
	return {
		name: `E2E files in ${field}`,
		nodes: [
			createNode('Trigger', `${PACKAGE}.imgTo3dTrigger`, 1, 0, {
				webhookId,
				parameters: { outputBinaryPropertyName: field },
				credentials: world.credentials,
			}),
			createNode('Wait', 'n8n-nodes-base.wait', 1.1, 220, {
				webhookId: `${webhookId.slice(0, -1)}f`,
				parameters: { amount: `={{ $json.track_id === 'slow' ? ${SLOW_SECONDS} : 0 }}`, unit: 'seconds' },
			}),
			createNode('Read', 'n8n-nodes-base.extractFromFile', 1, 440, {
				parameters: {
					operation: 'binaryToPropery',
					binaryPropertyName: field,
					destinationKey: 'text',
					options: {},
				},
			}),
		],
		connections: connect('Trigger', 'Wait', 'Read'),
		settings: { executionOrder: 'v1' },
	};
}

async function publishWorkflow(world: World, workflow: WorkflowFile): Promise<Saved> {
	const saved = await world.main.importWorkflow(workflow);
	await world.main.publish(saved);
	return saved;
}

export function testLimits(getWorld: () => World, version: N8nVersion): void {
	beforeEach(() => {
		getWorld().service.clearFaults();
		getWorld().service.configure({ jobSeconds: 1, webhooks: 'once' });
	});
	testTriggerFiles(getWorld, version);
	testTimeLimit(getWorld);
	testSubWorkflow(getWorld, version);
}

function testTriggerFiles(getWorld: () => World, version: N8nVersion): void {
	const isShared = (field: string) => version === '2.0.0' && field === 'data';

	test.each(['data', 'file'])(
		'files of two completions at the same time, in the field "%s"',
		async (field) => {
			const world = getWorld();
			const webhookId = `00000000-0000-4000-9000-${String(Date.now()).slice(-12)}`;
			const trigger = await publishWorkflow(world, buildReadingWorkflow(world, webhookId, field));
			const webhookUrl = `${world.outside.origin}/webhook/${webhookId}/webhook`;
			const submit = async (trackId: string) => {
				const { path, workflow } = buildPictureWorkflow(world, {
					waitFor: 'none',
					options: { trackId, webhookUrl },
				});
				await publishWorkflow(world, workflow);
				await callWorkflow(world, path, listSamples(world, ['mug.jpg']));
			};
			await submit('slow');
			await waitUntil(
				'the slow execution waits',
				async () => (await world.main.listExecutions(trigger.id)).length === 1,
			);
			await submit('quick');
			await waitUntil(
				'both executions have ended',
				async () => {
					const executions = await world.main.listExecutions(trigger.id);
					return executions.length === 2 && executions.every(({ status }) => ENDS.includes(status));
				},
				60_000,
			);
			const executions = await world.main.listExecutions(trigger.id);
			// n8n 2.0.0 removes the folder in which the files of all running executions of a trigger are.
			expect(executions.map(({ status }) => status).sort()).toEqual(
				isShared(field) ? ['error', 'success'] : ['success', 'success'],
			);
		},
	);
}

/** The time limit of a workflow, s. */
const TIME_LIMIT = 4;

function testTimeLimit(getWorld: () => World): void {
	const run = async (waitFor: string) => {
		const world = getWorld();
		world.service.configure({ jobSeconds: 2 * TIME_LIMIT });
		const { path, workflow } = buildPictureWorkflow(world, { waitFor, download: false });
		workflow.settings = { ...workflow.settings, executionTimeout: TIME_LIMIT };
		const saved = await publishWorkflow(world, workflow);
		await callWorkflow(world, path, listSamples(world, ['mug.jpg']));
		return await waitForResult(world, saved, 60_000);
	};

	test("n8n's time limit cancels an execution that polls, and its log has the ID of the job", async () => {
		const { status, error } = await run('poll');
		expect([status, error]).toEqual(['canceled', undefined]);
		const { id } = getWorld().service.jobs.at(-1) ?? {};
		expect(getWorld().readLog()).toContain(`job ${id} was accepted`);
	});

	test("n8n's time limit does not count while an execution is suspended", async () => {
		const { status, items } = await run('webhook');
		expect([status, items[0]?.json.status]).toEqual(['success', 'success']);
	});
}

function buildSubWorkflow(world: World, image: string): WorkflowFile {
	return {
		name: 'E2E sub',
		nodes: [
			createNode('Start', 'n8n-nodes-base.executeWorkflowTrigger', 1.1, 0, {
				parameters: { inputSource: 'passthrough' },
			}),
			createNode('Image to 3D', `${PACKAGE}.imgTo3d`, 1, 220, {
				parameters: { waitFor: 'webhook', image, settings: { frameSize: 32, seconds: 1, steps: 1 } },
				credentials: world.credentials,
			}),
		],
		connections: connect('Start', 'Image to 3D'),
		settings: { executionOrder: 'v1' },
	};
}

function buildParentWorkflow(sub: Saved): WorkflowFile {
	return {
		name: 'E2E parent',
		nodes: [
			createNode('Begin', 'n8n-nodes-base.manualTrigger', 1, 0, {}),
			createNode('Call', 'n8n-nodes-base.executeWorkflow', 1.2, 220, {
				parameters: {
					workflowId: { __rl: true, mode: 'id', value: sub.id },
					options: { waitForSubWorkflow: true },
				},
			}),
		],
		connections: connect('Begin', 'Call'),
		settings: { executionOrder: 'v1' },
	};
}

function testSubWorkflow(getWorld: () => World, version: N8nVersion): void {
	test('a suspended sub-workflow whose job fails', async () => {
		const world = getWorld();
		world.service.addFault({ on: 'submit', do: { kind: 'failJob', message: 'too dark' } });
		const [image = ''] = listSamples(world, ['mug.jpg']);
		const sub = await world.main.importWorkflow(buildSubWorkflow(world, image));
		// n8n 2.41 runs only published sub-workflows.
		await world.main.publish(sub).catch(() => undefined);
		const parent = await world.main.importWorkflow(buildParentWorkflow(sub));
		await world.main.runManually(parent, 'Begin');
		const { status, error, data } = await waitForResult(world, parent, 90_000);
		const failed = await world.main.readExecution(await world.main.waitForLatest(sub.id, ['error']));
		expect(failed.data.resultData.error?.message).toMatch(/too dark$/);
		// n8n 2.0.0 passes the input of the parent's node on, as if the sub-workflow had succeeded.
		expect([status, error?.message, readItems(data, 'Call').length]).toEqual(
			version === '2.0.0' ? ['success', undefined, 1] : ['error', expect.stringMatching(/too dark$/), 0],
		);
	});
}
