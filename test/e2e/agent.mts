/** The node as a tool of n8n's AI Agent: of one that runs its tools itself (up to version 2), and of one that has n8n run them. */
import type { IDataObject, INodeParameters } from 'n8n-workflow';

import { PACKAGE, type WorkflowFile } from '../../n8n/real/n8n.mts';
import { API_KEY, type World } from '../../n8n/real/worlds.mts';
import { openChatModel, readToolAnswers, type Completion } from '../../n8n/real/chat-model.mts';
import { downloadLink, listSamples, NODE, readItems, waitForResult, type Result } from './suite.mts';

const AGENT_VERSIONS = [2.2, 3];

const SMALL = { frameSize: 32, seconds: 1, steps: 1, seed: '1' };

interface AgentOptions {
	/** The version of the agent node. */
	agent: number;
	chatInput: string;
	/** The parameters of the tool. */
	tool: INodeParameters;
}

type WorkflowNode = WorkflowFile['nodes'][number];

function createNode(
	name: string,
	type: string,
	typeVersion: number,
	parameters: INodeParameters,
	more: Partial<WorkflowNode> = {},
): WorkflowNode {
	return { id: name, name, type, typeVersion, position: [0, 0], parameters, ...more };
}

/** Builds a workflow of an agent with the node as its tool. Before the agent, a file is downloaded. */
function buildWorkflow(
	world: World,
	{ agent, chatInput, tool }: AgentOptions,
	model: { id: string; name: string },
): WorkflowFile {
	const [url = ''] = listSamples(world);
	const asFile = { response: { response: { responseFormat: 'file' } } };
	const langchain = '@n8n/n8n-nodes-langchain';
	const to = (node: string, type: 'main' | 'ai_tool' | 'ai_languageModel') => ({
		[type]: [[{ node, type, index: 0 }]],
	});
	return {
		name: `Agent ${agent}`,
		nodes: [
			createNode('Start', 'n8n-nodes-base.manualTrigger', 1, {}),
			createNode('Get File', 'n8n-nodes-base.httpRequest', 4.2, { url, options: asFile }),
			createNode('AI Agent', `${langchain}.agent`, agent, { promptType: 'define', text: chatInput }),
			createNode(
				...(['Model', `${langchain}.lmChatOpenAi`, 1.2] as const),
				{ model: { __rl: true, mode: 'id', value: 'stand-in' } },
				{ credentials: { openAiApi: model } },
			),
			createNode(
				...([NODE, `${PACKAGE}.imgTo3dTool`, 1] as const),
				{ operation: 'imageTo3d', settings: SMALL, ...tool },
				{ credentials: world.credentials },
			),
		],
		connections: {
			Start: to('Get File', 'main'),
			'Get File': to('AI Agent', 'main'),
			Model: to('AI Agent', 'ai_languageModel'),
			[NODE]: to('AI Agent', 'ai_tool'),
		},
		settings: { executionOrder: 'v1' },
	};
}

/** What the model was asked last: with all that its tool has answered. */
interface AgentRun extends Result {
	asked: Completion[];
	/** By call of the tool. */
	answers: IDataObject[][];
	said: unknown;
}

async function runAgent(world: World, options: AgentOptions): Promise<AgentRun> {
	const model = await openChatModel();
	try {
		const credential = await world.main.createCredential('Stand-in model', 'openAiApi', {
			apiKey: 'sk-none-needed',
			url: `${model.origin}/v1`,
			header: false,
		});
		const saved = await world.main.importWorkflow(buildWorkflow(world, options, credential));
		await world.main.runManually(saved, 'Start');
		const result = await waitForResult(world, saved);
		const { asked } = model;
		const last = asked.at(-1);
		const answers = last ? readToolAnswers(last).map((text) => JSON.parse(text) as IDataObject[]) : [];
		return { ...result, asked, answers, said: readItems(result.data, 'AI Agent')[0]?.json.output };
	} finally {
		await model.close();
	}
}

const LINK = { image: "={{ $fromAI('image', 'The link of the picture', 'string') }}" };

/** Two calls are two jobs. The model reads the links of the one, and why the other failed. */
async function checkCalls(world: World, agent: number): Promise<void> {
	const { service } = world;
	service.addFault({ on: 'submit', skip: 1, do: { kind: 'failJob', message: 'too dark' } });
	const before = service.jobs.length;
	const chatInput = `Make turntables of ${listSamples(world).slice(0, 2).join(' and ')}`;
	const { status, error, asked, answers, data } = await runAgent(world, { agent, chatInput, tool: LINK });
	expect([status, error?.message]).toEqual(['success', undefined]);
	expect(asked[0]?.tools?.[0]?.function.description).toMatch(/new paid job/);
	const jobs = service.jobs.slice(before);
	expect(jobs).toHaveLength(2);
	// The calls are made at the same time, so either job can be the first.
	const job = jobs.find(({ outcome }) => outcome === 'success');
	const other = jobs.find(({ outcome }) => outcome === 'failed');

	const done = answers.find(([item]) => item?.status === 'success')?.[0];
	expect(done).toMatchObject({ id: job?.id, output: job?.outputs });
	const [file] = done?.files as IDataObject[];
	expect(file).toMatchObject({ mimeType: 'image/gif' });
	expect((await downloadLink(String(file?.url))).equals(await downloadLink(job?.outputs[0] ?? ''))).toBe(
		true,
	);
	expect(answers.find(([item]) => item?.error !== undefined)?.[0]).toMatchObject({
		error: expect.stringMatching(/too dark$/) as string,
		description: expect.stringMatching(/^The job is over/) as string,
		paid: 'yes',
		id: other?.id,
	});
	const seen = JSON.stringify([data.resultData.runData[NODE], asked]);
	expect(seen).not.toMatch(/"binary":|fileType/);
	expect(seen).not.toContain(API_KEY);
}

/** The tool turns the file of the node before the agent into 3D. */
async function checkFile(world: World, agent: number): Promise<void> {
	const binaryPropertyName = "={{ $('Get File').item.binary.data }}";
	const tool = { imageSource: 'binary', binaryPropertyName };
	const chatInput = `Make a turntable of the file of ${listSamples(world)[0]}`;
	const { status, error, answers, said } = await runAgent(world, { agent, chatInput, tool });
	expect([status, error?.message]).toEqual(['success', undefined]);
	expect(answers).toMatchObject([[{ status: 'success' }]]);
	// The service has it as an upload.
	expect(world.service.jobs.at(-1)?.params.image).not.toBe(listSamples(world)[0]);
	expect(said).toMatch(/^Here it is: .*signed\?token=/);
}

export function testAgents(getWorld: () => World): void {
	beforeEach(() => {
		getWorld().service.clearFaults();
		getWorld().service.configure({ jobSeconds: 2 });
	});

	describe.each(AGENT_VERSIONS)('of an agent of version %s:', (agent) => {
		test('two calls are two jobs, with links and an error', async () => await checkCalls(getWorld(), agent));
		test('a file of an earlier node', async () => await checkFile(getWorld(), agent));
	});
}
