/** Calls a node as the tool of an AI agent, in both ways in which n8n does. */
import { SupplyDataContext } from 'n8n-core';
import { makeHandleToolInvocation } from 'n8n-core/dist/execution-engine/node-execution-context/utils/get-input-connection-data';
import {
	createRunExecutionData,
	NodeConnectionTypes,
	type IDataObject,
	type IExecuteData,
	type INode,
	type INodeExecutionData,
	type IRunExecutionData,
} from 'n8n-workflow';

import { readOutput, type Engine } from './engine.cts';
import type { WorkflowJson } from './workflow-json.cts';

/** The node before the agent. */
export const BEFORE = 'Get File';

const AGENT = 'Agent';

const ITEMS: INodeExecutionData[] = [{ json: { chatInput: 'Make it 3D' } }];

/** A node that the engine has. */
const makeNode = (name: string, type: string, parameters: IDataObject = {}): INode => ({
	...{ id: name, name, typeVersion: 1, position: [0, 0] as [number, number] },
	type: `n8n-nodes-base.${type}`,
	parameters: parameters as INode['parameters'],
});

/** Builds a workflow of an agent with its tool, and a node before it. */
function buildWorkflow(tool: INode, args: IDataObject = {}): WorkflowJson {
	const agent = makeNode(AGENT, 'toolCaller', { tool: tool.name, args });
	return {
		nodes: [makeNode(BEFORE, 'noOp'), agent, tool],
		connections: {
			[BEFORE]: { main: [[{ node: AGENT, type: NodeConnectionTypes.Main, index: 0 }]] },
			[tool.name]: { ai_tool: [[{ node: AGENT, type: NodeConnectionTypes.AiTool, index: 0 }]] },
		},
	};
}

/** An execution in which the node before the agent has output its items. */
function beginExecution(items: INodeExecutionData[]): IRunExecutionData {
	const done = { startTime: 0, executionIndex: 0, executionTime: 0, source: [] };
	return createRunExecutionData({
		resultData: {
			runData: {
				[BEFORE]: [{ ...done, executionStatus: 'success', data: { main: [items] } }],
			},
		},
	});
}

/**
 * Makes a function that calls one tool of one agent, in one execution. The agent runs its tools itself, as n8n's AI Agent
 * does up to version 2.
 *
 * @param tool the tool. Its parameters can contain `$fromAI`.
 * @param items what the node before the agent has output
 * @returns a function that takes the agent's arguments and returns what the agent reads
 */
export function makeToolCaller(
	engine: Engine,
	tool: INode,
	items: INodeExecutionData[] = ITEMS,
): (args: IDataObject) => Promise<unknown> {
	const workflow = engine.makeWorkflow(buildWorkflow(tool));
	const [agent, node] = [AGENT, tool.name].map((name) => workflow.getNode(name)) as [INode, INode];
	const execution = beginExecution(items);
	const additionalData = engine.additionalData();
	const given = items.map((item, index) => ({ ...item, pairedItem: { item: index } }));
	// The tools of an agent get the execute data of the agent, the same in every call.
	const executeData: IExecuteData = {
		node: agent,
		data: { main: [given] },
		source: { main: [{ previousNode: BEFORE }] },
	};
	const makeContext = (runIndex: number) =>
		new SupplyDataContext(
			workflow,
			node,
			additionalData,
			'trigger',
			execution,
			runIndex,
			given,
			{},
			NodeConnectionTypes.AiTool,
			executeData,
			[],
			undefined,
			agent,
		) as never;
	const type = engine.nodeTypes.getByNameAndVersion(node.type, node.typeVersion);
	const invoke = makeHandleToolInvocation(makeContext, node, type, execution);
	return async (args) => JSON.parse(await invoke(args)) as unknown;
}

/**
 * Makes a function that does the same for an agent that has n8n run its tools, as n8n's AI Agent does from version 3 on.
 * Each call is an execution.
 *
 * @throws Error with the message of the error that ends the execution
 */
export function makeEngineToolCaller(
	engine: Engine,
	tool: INode,
	items: INodeExecutionData[] = ITEMS,
): (args: IDataObject) => Promise<unknown> {
	return async (args) => {
		const run = await engine.run(buildWorkflow(tool, args), { items });
		const { error } = run.data.resultData;
		if (error) throw new Error(error.message);
		const [[item] = []] = readOutput(run, AGENT).slice(-1);
		return (item?.json.read as unknown[] | undefined)?.[0];
	};
}
