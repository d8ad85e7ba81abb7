/**
 * The part of n8n's server that receives webhook calls: for suspended executions, and for the triggers of published workflows. n8n has
 * it in its server, not in n8n-core. This part does the same, with n8n-core's own webhook context. Where n8n 2.0.0 and 2.41.1 differ,
 * it does what is harder for a node.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import express, { type Request, type Response } from 'express';
import { WebhookContext } from 'n8n-core';
import {
	createRunExecutionData,
	type IDataObject,
	type INode,
	type IRunExecutionData,
	type IWebhookData,
	type IWebhookDescription,
	type IWebhookResponseData,
	type IWorkflowExecuteAdditionalData,
	type Workflow,
	type WorkflowExecuteMode,
} from 'n8n-workflow';

import type { WorkflowJson } from './workflow-json.cts';

/** n8n's own limit (N8N_PAYLOAD_SIZE_MAX). */
const BODY_LIMIT = '16mb';

/** A workflow that is published: its trigger is called under `/webhook`, or as a test under `/webhook-test`. */
interface Published {
	json: WorkflowJson;
	/** The static data of the workflow, which n8n keeps in its database, as JSON. */
	staticData: string;
}

/** A call, and the answer to it. */
interface Exchange {
	request: Request;
	response: Response;
}

/** What the calls need of the engine. */
export interface WebhookEngine {
	makeWorkflow(json: WorkflowJson, id?: string, staticData?: IDataObject): Workflow;
	additionalData(executionId?: string): IWorkflowExecuteAdditionalData;
	/** @returns a suspended execution as it was saved. @throws when it is not suspended */
	findSuspended(id: string): { json: WorkflowJson; data: IRunExecutionData };
	start(
		json: WorkflowJson,
		data: IRunExecutionData,
		options: { mode: WorkflowExecuteMode; executionId?: string },
	): unknown;
}

export class WebhookServer {
	private readonly published = new Map<string, Published>();
	private server?: Server;
	private running = 0;
	origin = '';

	constructor(private readonly engine: WebhookEngine) {}

	/** Whether a call is being handled. It may already have its answer. */
	get isBusy(): boolean {
		return this.running > 0;
	}

	async listen(): Promise<void> {
		const app = express();
		app.use(express.raw({ type: () => true, limit: BODY_LIMIT, inflate: true }));
		app.use((request, _response, next) => {
			parseBody(request);
			next();
		});
		app.post(
			'/webhook-waiting/:id/:suffix',
			async (request, response) => await this.callSuspended(request, response),
		);
		app.post('/webhook/:id/webhook', async (request, response) => {
			await this.callTrigger(request, response, 'webhook');
		});
		app.post('/webhook-test/:id/webhook', async (request, response) => {
			await this.callTrigger(request, response, 'manual');
		});
		app.use(
			(
				error: { status?: number; message: string },
				_request: Request,
				response: Response,
				next: () => void,
			) => {
				if (response.headersSent) next();
				else response.status(error.status ?? 500).json({ message: error.message });
			},
		);
		await new Promise<void>((resolve) => {
			this.server = app.listen(0, '127.0.0.1', () => resolve());
		});
		this.origin = `http://127.0.0.1:${(this.server?.address() as AddressInfo).port}`;
	}

	async close(): Promise<void> {
		this.server?.closeAllConnections();
		await new Promise((resolve) => this.server?.close(resolve) ?? resolve(undefined));
	}

	/**
	 * Publishes a workflow.
	 *
	 * @param staticData its static data from earlier
	 * @returns the production and the test URL of its trigger
	 */
	publish(
		json: WorkflowJson,
		id: string,
		staticData: IDataObject = {},
	): { production: string; test: string } {
		this.published.set(id, { json, staticData: JSON.stringify(staticData) });
		return {
			production: `${this.origin}/webhook/${id}/webhook`,
			test: `${this.origin}/webhook-test/${id}/webhook`,
		};
	}

	private async callSuspended(request: Request, response: Response): Promise<void> {
		const id = String(request.params.id);
		let suspended: { json: WorkflowJson; data: IRunExecutionData };
		try {
			suspended = this.engine.findSuspended(id);
		} catch (error) {
			response.status(409).json({ message: (error as Error).message });
			return;
		}
		const { json, data } = suspended;
		const [entry] = data.executionData?.nodeExecutionStack ?? [];
		if (!entry) throw new Error('A suspended execution has no node to resume with.');
		entry.node.disabled = true;
		data.waitTill = undefined;
		data.resultData.runData[entry.node.name]?.pop();
		const workflow = this.engine.makeWorkflow(json);
		const [webhook] =
			workflow.nodeTypes.getByNameAndVersion(entry.node.type, entry.node.typeVersion).description.webhooks ??
			[];
		if (webhook?.path !== request.params.suffix) {
			response.status(404).json({ message: 'No waiting webhook with a matching path.' });
			return;
		}
		const result = await this.call(workflow, entry.node.name, { request, response }, 'trigger', {
			data,
			executionId: id,
		});
		if (result.workflowData === undefined) return;
		entry.data.main = result.workflowData;
		if (result.error) data.resultData = { ...result.error, runData: {} };
		this.engine.start(json, data, { mode: 'trigger', executionId: id });
	}

	private async callTrigger(request: Request, response: Response, mode: 'webhook' | 'manual'): Promise<void> {
		const published = this.published.get(String(request.params.id));
		if (!published) {
			response.status(404).json({ message: 'The requested webhook is not registered.' });
			return;
		}
		const { json } = published;
		// Each call gets its own copy.
		const staticData = JSON.parse(published.staticData) as IDataObject;
		const workflow = this.engine.makeWorkflow(json, String(request.params.id), staticData);
		const node = Object.values(workflow.nodes).find(({ type }) => type.endsWith('Trigger'));
		if (!node) throw new Error('The workflow has no trigger.');
		const result = await this.call(workflow, node.name, { request, response }, mode);
		// n8n 2.41 saves static data only when the node has answered by itself. No n8n saves it for a test or after an error.
		if (mode === 'webhook' && result.noWebhookResponse && !result.error) {
			published.staticData = JSON.stringify(workflow.staticData);
		}
		if (result.workflowData === undefined) return;
		const data = createRunExecutionData({
			executionData: {
				nodeExecutionStack: [{ node, data: { main: result.workflowData }, source: null }],
			},
			...(result.error && { resultData: { ...result.error, runData: {} } }),
		});
		this.engine.start(json, data, { mode });
	}

	/** Runs the node's `webhook()`, and answers the caller if the node has not. */
	private async call(
		workflow: Workflow,
		nodeName: string,
		{ request, response }: Exchange,
		mode: WorkflowExecuteMode,
		suspended?: { data: IRunExecutionData; executionId: string },
	): Promise<IWebhookResponseData & { error?: { error: never; lastNodeExecuted: string } }> {
		const node = workflow.getNode(nodeName) as INode;
		const type = workflow.nodeTypes.getByNameAndVersion(node.type, node.typeVersion);
		const [description] = type.description.webhooks ?? [];
		if (!type.webhook || !description) throw new Error(`${node.type} has no webhook.`);
		const additionalData = this.engine.additionalData(suspended?.executionId);
		if (!suspended) delete additionalData.executionId;
		Object.assign(additionalData, { httpRequest: request, httpResponse: response });
		const webhookData = { webhookDescription: description as IWebhookDescription } as IWebhookData;
		const context = new WebhookContext(
			workflow,
			node,
			additionalData,
			mode,
			webhookData,
			[],
			suspended?.data ?? null,
		);
		this.running += 1;
		try {
			const result = await type.webhook.call(context);
			if (!result.noWebhookResponse) response.status(200).json(result.webhookResponse ?? {});
			return result;
		} catch (error) {
			// n8n starts an execution that is marked as failed, with one empty item. Its answer can come too late.
			if (!response.headersSent) response.status(500).json({ message: 'Workflow could not be started!' });
			return {
				workflowData: [[{ json: {} }]],
				error: { error: error as never, lastNodeExecuted: nodeName },
			};
		} finally {
			this.running -= 1;
		}
	}
}

/** Parses a body as n8n does: by its type, with the raw bytes beside it. */
function parseBody(request: Request): void {
	const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
	Object.assign(request, { rawBody: raw, contentType: request.headers['content-type'] });
	request.body = undefined;
	if (raw.length === 0) return;
	if (/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
		try {
			request.body = JSON.parse(raw.toString()) as unknown;
		} catch {
			throw Object.assign(new Error('Failed to parse request body'), { status: 422 });
		}
	}
}
