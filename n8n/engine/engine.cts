/**
 * n8n's own execution engine (n8n-core's `WorkflowExecute`) without the n8n server around it. `npm start` and the engine tests run
 * workflows with it. Expressions, credentials, retries, error outputs, paired items and binary data behave as in n8n, because n8n's
 * code does them.
 */
import { Container } from '@n8n/di';
import { BinaryDataService, ExecutionLifecycleHooks, LoadOptionsContext, WorkflowExecute } from 'n8n-core';
import { SSHClientsManager } from 'n8n-core/dist/execution-engine/ssh-clients-manager';
import {
	createRunExecutionData,
	Workflow,
	type INode,
	type INodeExecutionData,
	type INodeListSearchResult,
	type IBinaryData,
	type INodeType,
	type IDataObject,
	type IRun,
	type IRunExecutionData,
	type IWorkflowBase,
	type IWorkflowExecuteAdditionalData,
	type WorkflowExecuteMode,
} from 'n8n-workflow';

import { buildAdditionalData } from './additional-data.cts';
import { EngineCredentials, type SavedCredential } from './credentials.cts';
import { EngineNodeTypes } from './node-types.cts';
import { WebhookServer } from './webhooks.cts';
import type { WorkflowJson } from './workflow-json.cts';

export type { WorkflowJson } from './workflow-json.cts';

export interface EngineOptions {
	/** n8n's folder: its settings, and the binary data of executions. The first engine of a process sets it for all. */
	folder: string;
	/** Node types by full name, for example `n8n-nodes-img-to-3d.imgTo3d`. */
	nodeTypes: Readonly<Record<string, INodeType>>;
	credentials: Readonly<Record<string, SavedCredential>>;
}

export interface RunOptions {
	/** The items that the start node outputs. Default: one empty item. */
	items?: INodeExecutionData[];
	/** Stops the execution, as the Stop button does. */
	signal?: AbortSignal;
	/** `manual` is what the editor's button does. Default: `trigger`. */
	mode?: WorkflowExecuteMode;
}

/** An execution and its state. */
export interface Execution {
	id: string;
	workflow: WorkflowJson;
	/** The latest run, from the start of the execution or from its resumption. Absent while it is running. */
	run?: IRun;
	/** The execution as JSON, as it was saved when it was suspended. */
	suspended?: string;
}

/** Finds the node that no other node leads to. */
function findStartNode(workflow: Workflow): INode {
	const start = Object.values(workflow.nodes).find(
		(node) => node.type !== 'n8n-nodes-base.stickyNote' && !workflow.connectionsByDestinationNode[node.name],
	);
	if (!start) throw new Error('The workflow has no node to start from.');
	return start;
}

let executionCount = 0;

/** Runs workflows, and keeps their executions. */
export class Engine {
	readonly nodeTypes: EngineNodeTypes;

	/** In the order of their start. */
	readonly executions: Execution[] = [];

	private readonly credentials: EngineCredentials;

	private readonly binaryData = Container.get(BinaryDataService);

	private readonly webhooks = new WebhookServer(this);

	/** @param options.folder must be n8n's folder already. {@link createEngine} sees to it. */
	constructor({ nodeTypes, credentials }: EngineOptions) {
		this.nodeTypes = new EngineNodeTypes(nodeTypes);
		this.credentials = new EngineCredentials(credentials);
	}

	/** Runs a workflow from the node that no other node leads to, until the execution ends or is suspended. */
	async run(workflow: WorkflowJson, { items = [{ json: {} }], ...options }: RunOptions = {}): Promise<IRun> {
		const node = findStartNode(this.makeWorkflow(workflow));
		const data = createRunExecutionData({
			executionData: { nodeExecutionStack: [{ node, data: { main: [items] }, source: null }] },
		});
		return await this.start(workflow, data, options);
	}

	/** Whether a webhook call is being handled, or an execution is running. A suspended execution is not running. */
	isBusy(): boolean {
		return this.webhooks.isBusy || this.executions.some(({ run }) => run === undefined);
	}

	/** Starts to accept webhook calls. @returns n8n's address */
	async listen(): Promise<string> {
		await this.webhooks.listen();
		return this.webhooks.origin;
	}

	/**
	 * Makes the trigger of a workflow ready for calls.
	 *
	 * @param staticData the workflow's static data from earlier. Default: none.
	 * @returns the URLs of the trigger
	 */
	publish(
		workflow: WorkflowJson,
		id: string,
		staticData?: IDataObject,
	): { production: string; test: string } {
		return this.webhooks.publish(workflow, id, staticData);
	}

	/** Resumes a suspended execution because its time is up. */
	async endWait(executionId: string): Promise<IRun> {
		const { json, data } = this.findSuspended(executionId);
		return await this.start(json, data, { executionId });
	}

	/** Lists the choices of a resource locator for the panel. @param method the node's method, such as `searchJobs` */
	async listChoices(
		workflow: WorkflowJson,
		nodeName: string,
		method: string,
		{ filter, paginationToken }: { filter?: string; paginationToken?: string } = {},
	): Promise<INodeListSearchResult> {
		const made = this.makeWorkflow(workflow);
		const node = made.getNode(nodeName);
		const type = node && this.nodeTypes.getByNameAndVersion(node.type, node.typeVersion);
		const search = type?.methods?.listSearch?.[method];
		if (!node || !search) throw new Error(`The node "${nodeName}" has no method "${method}".`);
		const context = new LoadOptionsContext(made, node, this.additionalData(), '');
		return await search.call(context, filter, paginationToken);
	}

	/** Retries a failed execution as a new one, from the node that failed, as "Retry" in the list of executions does. */
	async retry(executionId: string): Promise<IRun> {
		const execution = this.executions.find(({ id }) => id === executionId);
		const data = JSON.parse(JSON.stringify(execution?.run?.data ?? null)) as IRunExecutionData | null;
		if (!execution || !data?.resultData.error) {
			throw new Error(`The execution "${executionId}" has not failed.`);
		}
		delete data.resultData.error;
		data.resultData.runData[data.resultData.lastNodeExecuted ?? '']?.pop();
		return await this.start(execution.workflow, data, { mode: 'retry' });
	}

	/** Reads a file of an execution from n8n's storage. */
	async readBinary(item: INodeExecutionData, field: string): Promise<Buffer> {
		const file = item.binary?.[field];
		if (!file) throw new Error(`The item has no binary field "${field}".`);
		return await this.binaryData.getAsBuffer(file);
	}

	/** Stores a file of an earlier node in n8n's storage. @returns the file, and where its bytes are */
	async storeBinary(
		bytes: Buffer,
		{ fileName, mimeType }: Pick<IBinaryData, 'fileName' | 'mimeType'>,
	): Promise<{ file: IBinaryData; path: string }> {
		const location = { type: 'execution', workflowId: 'earlier', executionId: '0' } as const;
		const file = await this.binaryData.store(location, bytes, { data: '', fileName, mimeType });
		return { file, path: this.binaryData.getPath(file.id ?? '') };
	}

	/** Releases what keeps the process alive. */
	async close(): Promise<void> {
		await this.webhooks.close();
		// n8n-core gives every node an SSH helper, whose clean-up timer runs until it is stopped.
		Container.get(SSHClientsManager).onShutdown();
	}

	/** Builds what an execution context needs. Without an ID, the execution is a new one. */
	additionalData(executionId = String(++executionCount)): IWorkflowExecuteAdditionalData {
		// Until the engine listens, it has the address that n8n has by default.
		const origin = this.webhooks.origin || 'http://127.0.0.1:5678';
		return buildAdditionalData(executionId, this.credentials, origin);
	}

	/** Makes n8n's workflow of its JSON, which stays as it is. */
	makeWorkflow(json: WorkflowJson, id = 'engine', staticData?: IDataObject): Workflow {
		return new Workflow({
			id,
			name: json.name,
			// The engine marks nodes.
			nodes: structuredClone(json.nodes),
			connections: structuredClone(json.connections),
			active: false,
			nodeTypes: this.nodeTypes,
			settings: { executionOrder: 'v1', ...json.settings },
			staticData,
		});
	}

	/** @returns a suspended execution as it was saved. @throws when it is not suspended */
	findSuspended(id: string): { json: WorkflowJson; data: IRunExecutionData } {
		const execution = this.executions.find((candidate) => candidate.id === id);
		if (execution?.suspended === undefined) throw new Error(`The execution "${id}" is not suspended.`);
		return { json: execution.workflow, data: JSON.parse(execution.suspended) as IRunExecutionData };
	}

	/** Runs an execution until it ends or is suspended. Without an ID, the execution is a new one. */
	async start(
		json: WorkflowJson,
		data: IRunExecutionData,
		{ mode = 'trigger', executionId, signal }: Omit<RunOptions, 'items'> & { executionId?: string },
	): Promise<IRun> {
		const base = this.additionalData(executionId);
		const id = base.executionId ?? '';
		const known = this.executions.find((execution) => execution.id === id);
		const execution: Execution = known ?? { id, workflow: json };
		if (!known) this.executions.push(execution);
		execution.suspended = execution.run = undefined;

		const hooks = new ExecutionLifecycleHooks(mode, id, json as IWorkflowBase);
		const running = new WorkflowExecute({ ...base, hooks } as never, mode, data).processRunExecutionData(
			this.makeWorkflow(json),
		);
		const cancel = () => running.cancel();
		signal?.addEventListener('abort', cancel, { once: true });
		try {
			const run = await running;
			execution.run = run;
			if (run.waitTill) execution.suspended = JSON.stringify(run.data);
			return run;
		} finally {
			signal?.removeEventListener('abort', cancel);
		}
	}
}

/** Creates an engine. Binary data goes to files, as in n8n by default. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
	// Replaces a folder that the person has set: that one is for their n8n.
	process.env.N8N_USER_FOLDER = options.folder;
	await Container.get(BinaryDataService).init();
	return new Engine(options);
}

/** Reads the items that a node put out in a run, by output. */
export function readOutput(run: IRun, nodeName: string, runIndex = 0): INodeExecutionData[][] {
	const main = run.data.resultData.runData[nodeName]?.[runIndex]?.data?.main ?? [];
	return main.map((items) => items ?? []);
}
