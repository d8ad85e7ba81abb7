/** Calls a node as the tool of an AI agent, as n8n-core does when the agent itself runs its tools. */
import { SupplyDataContext } from 'n8n-core';
import { makeHandleToolInvocation } from 'n8n-core/dist/execution-engine/node-execution-context/utils/get-input-connection-data';
import {
	createRunExecutionData,
	NodeConnectionTypes,
	Workflow,
	type IDataObject,
	type IExecuteData,
	type INode,
} from 'n8n-workflow';

import type { Engine } from './engine.cts';

const AGENT: INode = {
	id: 'agent',
	name: 'Agent',
	type: 'n8n-nodes-base.noOp',
	typeVersion: 1,
	position: [0, 0],
	parameters: {},
};

const ITEMS = [{ json: { chatInput: 'Make it 3D' } }];

/** Builds a workflow of an agent and its tool. */
function buildWorkflow({ nodeTypes }: Engine, node: INode): Workflow {
	return new Workflow({
		id: 'tool',
		nodes: [structuredClone(AGENT), structuredClone(node)],
		connections: {
			[node.name]: { ai_tool: [[{ node: AGENT.name, type: NodeConnectionTypes.AiTool, index: 0 }]] },
		},
		active: false,
		nodeTypes,
	});
}

/**
 * Makes a function that calls one tool of one agent, in one execution.
 *
 * @param node the tool. Its parameters can contain `$fromAI`.
 * @returns a function that takes the agent's arguments and returns what the agent reads
 */
export function makeToolCaller(engine: Engine, node: INode): (args: IDataObject) => Promise<unknown> {
	const workflow = buildWorkflow(engine, node);
	const [agent, tool] = [AGENT.name, node.name].map((name) => workflow.getNode(name));
	if (!agent || !tool) throw new Error(`The workflow has no node "${node.name}".`);
	const execution = createRunExecutionData({});
	const additionalData = engine.additionalData();
	// The tools of an agent get the execute data of the agent, the same in every call.
	const executeData: IExecuteData = { node: agent, data: { main: [ITEMS] }, source: null };
	const makeContext = (runIndex: number) =>
		new SupplyDataContext(
			workflow,
			tool,
			additionalData,
			'trigger',
			execution,
			runIndex,
			ITEMS,
			{},
			NodeConnectionTypes.AiTool,
			executeData,
			[],
			undefined,
			agent,
		) as never;
	const type = engine.nodeTypes.getByNameAndVersion(tool.type, tool.typeVersion);
	const invoke = makeHandleToolInvocation(makeContext, tool, type, execution);
	return async (args) => JSON.parse(await invoke(args)) as unknown;
}
