/** A node called as the tool of an AI agent, as n8n-core calls it when the agent itself runs its tools. */
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

/**
 * The calls that one agent makes to one tool, in one execution.
 *
 * @param node the tool; its parameters may hold `$fromAI`
 * @returns a function that calls it with the agent's arguments and returns what the agent would read
 */
export function toolCalls(engine: Engine, node: INode): (args: IDataObject) => Promise<unknown> {
	const agent: INode = {
		id: 'agent',
		name: 'Agent',
		type: 'n8n-nodes-base.noOp',
		typeVersion: 1,
		position: [0, 0],
		parameters: {},
	};
	const workflow = new Workflow({
		id: 'tool',
		nodes: [agent, structuredClone(node)],
		connections: {
			[node.name]: { ai_tool: [[{ node: agent.name, type: NodeConnectionTypes.AiTool, index: 0 }]] },
		},
		active: false,
		nodeTypes: engine.nodeTypes,
	});
	const tool = workflow.getNode(node.name);
	if (!tool) throw new Error(`The workflow has no node "${node.name}".`);
	const items = [{ json: { chatInput: 'Make it 3D' } }];
	const execution = createRunExecutionData({});
	const additionalData = engine.additionalData();
	// An agent's tools see the agent's own execute data, the same one in every call.
	const executeData: IExecuteData = { node: agent, data: { main: [items] }, source: null };
	const invoke = makeHandleToolInvocation(
		(runIndex: number) =>
			new SupplyDataContext(
				workflow,
				tool,
				additionalData,
				'trigger',
				execution,
				runIndex,
				items,
				{},
				NodeConnectionTypes.AiTool,
				executeData,
				[],
				undefined,
				agent,
			) as never,
		tool,
		engine.nodeTypes.getByNameAndVersion(tool.type, tool.typeVersion),
		execution,
	);
	return async (args) => JSON.parse(await invoke(args)) as unknown;
}
