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
	type IDataObject,
	type IRun,
	type IRunExecutionData,
	type IWorkflowBase,
	type IWorkflowExecuteAdditionalData,
	type IWorkflowSettings,
	type WorkflowExecuteMode,
} from 'n8n-workflow';

import { EngineCredentials, type SavedCredential } from './credentials.cts';
import { EngineNodeTypes } from './node-types.cts';
import { WebhookServer } from './webhooks.cts';

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
	/** `manual` is what the editor's button does. Default `trigger`. */
	mode?: WorkflowExecuteMode;
}

/** An execution and where it stands. */
export interface Execution {
	id: string;
	workflow: WorkflowJson;
	/** The latest stretch, from its start or from the end of a rest; absent while it is under way. */
	run?: IRun;
	/** The execution as it was saved when it went to rest, as JSON. */
	resting?: string;
}

export interface Engine {
	/** Runs a workflow from its start node (the one that nothing leads to) to its end or its first rest. */
	run(workflow: WorkflowJson, options?: RunOptions): Promise<IRun>;
	/** Whether a webhook call is being dealt with or an execution is under way, and not at rest. */
	isBusy(): boolean;
	/** All executions, in the order of their start. */
	readonly executions: readonly Execution[];
	/** Takes webhook calls from now on. @returns n8n's address */
	listen(): Promise<string>;
	/**
	 * Makes a workflow's trigger ready to be called.
	 *
	 * @param staticData what n8n keeps for the workflow from earlier; default nothing
	 * @returns its URLs
	 */
	publish(workflow: WorkflowJson, id: string, staticData?: IDataObject): { production: string; test: string };
	/** Lets a resting execution go on because its time is up. */
	endWait(executionId: string): Promise<IRun>;
	/** Retries a failed execution as a new one, from the node that failed: what "Retry" in the list of executions does. */
	retry(executionId: string): Promise<IRun>;
	/** A file of an execution, read from n8n's storage. */
	readBinary(item: INodeExecutionData, field: string): Promise<Buffer>;
	/** Lets go of what would keep the process alive. */
	close(): Promise<void>;
	/** What an `ExecuteContext` needs to be made by hand. */
	readonly additionalData: (executionId?: string) => IWorkflowExecuteAdditionalData;
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

let executionCount = 0;

/** Makes an engine. The binary data of executions goes to files, as in n8n's default set-up. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
	// Also over a folder of the person's own: that is for their n8n.
	process.env.N8N_USER_FOLDER = options.folder;
	const binaryData = Container.get(BinaryDataService);
	await binaryData.init();
	const nodeTypes = new EngineNodeTypes(options.nodeTypes);
	const credentialsHelper = new EngineCredentials(options.credentials);

	let origin = 'http://127.0.0.1:5678';
	const executions: Execution[] = [];

	const additionalData: Engine['additionalData'] = (executionId) => ({
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
		executionId: executionId ?? String(++executionCount),
		currentNodeExecutionIndex: 0,
		executeWorkflow: async () => {
			throw new Error('The engine runs no sub-workflows.');
		},
		getRunExecutionData: async () => undefined,
		restApiUrl: `${origin}/rest`,
		instanceBaseUrl: origin,
		formWaitingBaseUrl: `${origin}/form-waiting`,
		webhookBaseUrl: `${origin}/webhook`,
		webhookWaitingBaseUrl: `${origin}/webhook-waiting`,
		webhookTestBaseUrl: `${origin}/webhook-test`,
		variables: {},
		logAiEvent: () => undefined,
		startRunnerTask: async () => {
			throw new Error('The engine has no task runner.');
		},
	});

	const workflowOf = (json: WorkflowJson, id: string, staticData?: IDataObject) =>
		new Workflow({
			id,
			name: json.name,
			// The engine marks nodes; the caller's JSON stays as it is.
			nodes: structuredClone(json.nodes),
			connections: structuredClone(json.connections),
			active: false,
			nodeTypes,
			settings: { executionOrder: 'v1', ...json.settings },
			staticData,
		});

	/** Runs an execution on to its end or its next rest. */
	const start = async (
		json: WorkflowJson,
		data: IRunExecutionData,
		{ mode = 'trigger', executionId, signal }: Omit<RunOptions, 'items'> & { executionId?: string },
	): Promise<IRun> => {
		const base = additionalData(executionId);
		const id = base.executionId ?? '';
		const known = executions.find((execution) => execution.id === id);
		const execution: Execution = known ?? { id, workflow: json };
		if (!known) executions.push(execution);
		execution.resting = execution.run = undefined;

		const hooks = new ExecutionLifecycleHooks(mode, id, json as IWorkflowBase);
		const running = new WorkflowExecute({ ...base, hooks } as never, mode, data).processRunExecutionData(
			workflowOf(json, 'engine'),
		);
		const cancel = () => running.cancel();
		signal?.addEventListener('abort', cancel, { once: true });
		try {
			const run = await running;
			execution.run = run;
			if (run.waitTill) execution.resting = JSON.stringify(run.data);
			return run;
		} finally {
			signal?.removeEventListener('abort', cancel);
		}
	};

	const run: Engine['run'] = async (json, { items = [{ json: {} }], ...options } = {}) => {
		const node = startNodeOf(workflowOf(json, 'engine'));
		const data = createRunExecutionData({
			executionData: { nodeExecutionStack: [{ node, data: { main: [items] }, source: null }] },
		});
		return await start(json, data, options);
	};

	const restingExecution = (id: string) => {
		const execution = executions.find((candidate) => candidate.id === id);
		if (execution?.resting === undefined) throw new Error(`The execution "${id}" is not at rest.`);
		return { json: execution.workflow, data: JSON.parse(execution.resting) as IRunExecutionData };
	};

	const webhooks = new WebhookServer({ workflow: workflowOf, additionalData, restingExecution, start });

	return {
		run,
		isBusy: () => webhooks.isBusy || executions.some((execution) => execution.run === undefined),
		executions,
		listen: async () => {
			await webhooks.listen();
			origin = webhooks.origin;
			return origin;
		},
		publish: (workflow, id, staticData) => webhooks.publish(workflow, id, staticData),
		endWait: async (executionId) => {
			const { json, data } = restingExecution(executionId);
			return await start(json, data, { executionId });
		},
		retry: async (executionId) => {
			const execution = executions.find(({ id }) => id === executionId);
			const data = JSON.parse(JSON.stringify(execution?.run?.data ?? null)) as IRunExecutionData | null;
			if (!execution || !data?.resultData.error)
				throw new Error(`The execution "${executionId}" has not failed.`);
			delete data.resultData.error;
			data.resultData.runData[data.resultData.lastNodeExecuted ?? '']?.pop();
			return await start(execution.workflow, data, { mode: 'retry' });
		},
		nodeTypes,
		additionalData,
		readBinary: async (item, field) => {
			const file = item.binary?.[field];
			if (!file) throw new Error(`The item has no binary field "${field}".`);
			return await binaryData.getAsBuffer(file);
		},
		// n8n-core gives every node an SSH helper, whose clean-up timer runs until it is told to stop.
		close: async () => {
			await webhooks.close();
			Container.get(SSHClientsManager).onShutdown();
		},
	};
}

/** The items that a node put out in a run: by output, then by item. */
export function outputOf(run: IRun, nodeName: string, runIndex = 0): INodeExecutionData[][] {
	const main = run.data.resultData.runData[nodeName]?.[runIndex]?.data?.main ?? [];
	return main.map((items) => items ?? []);
}
