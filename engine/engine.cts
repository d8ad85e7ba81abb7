/**
 * n8n's own execution engine (n8n-core's `WorkflowExecute`), run without the n8n server around it. It is what
 * `npm start` and the engine tests run workflows with: expressions, credentials, retries, error outputs, paired
 * items and binary data behave as they do in n8n, because it is n8n's code that does them.
 */
import { Container } from '@n8n/di';
import { BinaryDataService, ExecutionLifecycleHooks, WorkflowExecute } from 'n8n-core';
import { SSHClientsManager } from 'n8n-core/dist/execution-engine/ssh-clients-manager';
import {
	createRunExecutionData,
	Workflow,
	type IConnections,
	type INode,
	type INodeExecutionData,
	type INodeType,
	type IRun,
	type IWorkflowBase,
	type IWorkflowExecuteAdditionalData,
	type IWorkflowSettings,
} from 'n8n-workflow';

import { EngineCredentials, type SavedCredential } from './credentials.cts';
import { EngineNodeTypes } from './node-types.cts';

/** The part of an exported workflow that is run. */
export interface WorkflowJson {
	name?: string;
	nodes: INode[];
	connections: IConnections;
	settings?: IWorkflowSettings;
}

export interface EngineOptions {
	/** n8n's folder: its settings and the binary data of executions. The first engine of a process decides. */
	folder: string;
	/** Node types by full name, e.g. `n8n-nodes-img-to-3d.imgTo3d`. */
	nodeTypes: Readonly<Record<string, INodeType>>;
	credentials: Readonly<Record<string, SavedCredential>>;
}

export interface RunOptions {
	/** The items that the start node hands on. */
	items?: INodeExecutionData[];
	/** Stops the execution, as the Stop button does. */
	signal?: AbortSignal;
}

export interface Engine {
	/** Runs a workflow from its start node (the one that nothing leads to) to its end, however it ends. */
	run(workflow: WorkflowJson, options?: RunOptions): Promise<IRun>;
	/** A file of an execution, read from n8n's storage. */
	readBinary(item: INodeExecutionData, field: string): Promise<Buffer>;
	/** Lets go of what would keep the process alive. */
	close(): void;
	/** What an `ExecuteContext` needs to be made by hand. */
	readonly additionalData: () => IWorkflowExecuteAdditionalData;
	readonly nodeTypes: EngineNodeTypes;
}

/** The node that nothing leads to. */
function startNodeOf(workflow: Workflow): INode {
	const start = Object.values(workflow.nodes).find(
		(node) => node.type !== 'n8n-nodes-base.stickyNote' && !workflow.connectionsByDestinationNode[node.name],
	);
	if (!start) throw new Error('The workflow has no node to start from.');
	return start;
}

let executions = 0;

/** Makes an engine. The binary data of executions goes to files, as in n8n's default set-up. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
	// Also over a folder of the person's own: that is for their n8n.
	process.env.N8N_USER_FOLDER = options.folder;
	const binaryData = Container.get(BinaryDataService);
	await binaryData.init();
	const nodeTypes = new EngineNodeTypes(options.nodeTypes);
	const credentialsHelper = new EngineCredentials(options.credentials);

	const additionalData = (): IWorkflowExecuteAdditionalData => ({
		credentialsHelper,
		externalSecretsProxy: {
			getSecret: () => undefined,
			hasProvider: () => false,
			hasSecret: () => false,
			listProviders: () => [],
			listSecrets: () => [],
			setManager: () => undefined,
			update: async () => undefined,
		},
		executionId: String(++executions),
		currentNodeExecutionIndex: 0,
		executeWorkflow: async () => {
			throw new Error('The engine runs no sub-workflows.');
		},
		getRunExecutionData: async () => undefined,
		restApiUrl: 'http://127.0.0.1:5678/rest',
		instanceBaseUrl: 'http://127.0.0.1:5678',
		formWaitingBaseUrl: 'http://127.0.0.1:5678/form-waiting',
		webhookBaseUrl: 'http://127.0.0.1:5678/webhook',
		webhookWaitingBaseUrl: 'http://127.0.0.1:5678/webhook-waiting',
		webhookTestBaseUrl: 'http://127.0.0.1:5678/webhook-test',
		variables: {},
		logAiEvent: () => undefined,
		startRunnerTask: async () => {
			throw new Error('The engine has no task runner.');
		},
	});

	const run: Engine['run'] = async (json, { items = [{ json: {} }], signal } = {}) => {
		const workflow = new Workflow({
			id: 'engine',
			name: json.name,
			// The engine marks nodes; the caller's JSON stays as it is.
			nodes: structuredClone(json.nodes),
			connections: structuredClone(json.connections),
			active: false,
			nodeTypes,
			settings: { executionOrder: 'v1', ...json.settings },
		});
		const data = additionalData();
		const hooks = new ExecutionLifecycleHooks('trigger', data.executionId ?? '', json as IWorkflowBase);
		const execution = createRunExecutionData({
			executionData: {
				nodeExecutionStack: [{ node: startNodeOf(workflow), data: { main: [items] }, source: null }],
			},
		});
		const running = new WorkflowExecute(
			{ ...data, hooks } as never,
			'trigger',
			execution,
		).processRunExecutionData(workflow);
		const cancel = () => running.cancel();
		signal?.addEventListener('abort', cancel, { once: true });
		try {
			return await running;
		} finally {
			signal?.removeEventListener('abort', cancel);
		}
	};

	return {
		run,
		nodeTypes,
		additionalData,
		readBinary: async (item, field) => {
			const file = item.binary?.[field];
			if (!file) throw new Error(`The item has no binary field "${field}".`);
			return await binaryData.getAsBuffer(file);
		},
		// n8n-core gives every node an SSH helper, whose clean-up timer runs until it is told to stop.
		close: () => Container.get(SSHClientsManager).onShutdown(),
	};
}

/** The items that a node put out in a run: by output, then by item. */
export function outputOf(run: IRun, nodeName: string, runIndex = 0): INodeExecutionData[][] {
	const main = run.data.resultData.runData[nodeName]?.[runIndex]?.data?.main ?? [];
	return main.map((items) => items ?? []);
}
