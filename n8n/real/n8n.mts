/** A running n8n server, and what a person does with it, through its REST interface. */
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import axios, { type AxiosInstance } from 'axios';
import { parse as parseFlatted } from 'flatted';
import type {
	IConnections,
	IDataObject,
	INode,
	INodeExecutionData,
	IPinData,
	IRunExecutionData,
} from 'n8n-workflow';

import { waitUntil } from './processes.mts';

export const OWNER = {
	email: 'owner@example.com',
	firstName: 'Owner',
	lastName: 'Of It All',
	password: 'Turntable-1',
};

export const PACKAGE = 'n8n-nodes-img-to-3d';

export interface WorkflowFile {
	name: string;
	nodes: INode[];
	connections: IConnections;
	settings?: object;
	pinData?: IPinData;
}

/** A workflow in n8n's database. */
export interface Saved {
	id: string;
	versionId: string;
}

export interface ExecutionSummary {
	id: string;
	status: string;
	workflowId: string;
}

interface ExecutionPage {
	results: ExecutionSummary[];
	nextCursor?: string | null;
}

/** An execution with its data. */
export interface Execution {
	status: string;
	data: IRunExecutionData;
	/** When it ended, ms since the epoch. */
	stoppedAt?: number;
}

/** The same in n8n's REST interface: the data as flatted JSON, the time in ISO format. */
interface StoredExecution {
	status: string;
	data: string;
	stoppedAt?: string | null;
}

/** An n8n server, through its REST interface. In queue mode, only the main process has one. */
export class N8n {
	private readonly http: AxiosInstance;
	protected cookie = '';

	/** @param origin its address, without a path */
	constructor(readonly origin: string) {
		this.http = axios.create({
			baseURL: origin,
			proxy: false,
			validateStatus: () => true,
			// A busy n8n may close a connection as idle while the next request is being sent.
			httpAgent: new Agent({ keepAlive: false }),
		});
		this.http.interceptors.request.use((request) => {
			request.headers.set({ cookie: this.cookie, 'browser-id': 'e2e' });
			return request;
		});
	}

	/** Creates the owner's account, or logs in if it exists. */
	async logIn(account = OWNER): Promise<void> {
		const setUp = await this.http.post('/rest/owner/setup', account);
		const answer =
			setUp.status === 200
				? setUp
				: await this.http.post('/rest/login', { ...account, emailOrLdapLoginId: account.email });
		const cookies = answer.headers['set-cookie'];
		if (answer.status !== 200 || !cookies)
			throw new Error(`n8n refused the log-in of ${account.email}: ${answer.status}`);
		this.cookie = cookies.map((cookie) => cookie.split(';')[0]).join('; ');
	}

	/** Sends a request to the REST interface. @returns the data of the answer @throws if its status is not 200 */
	async requestData<T>(method: 'GET' | 'POST' | 'DELETE', path: string, data?: object): Promise<T> {
		const answer = await this.request<{ data: T }>(method, path, data);
		if (answer.status !== 200) {
			throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.data).slice(0, 500)}`);
		}
		return answer.data.data;
	}

	/** Sends a request to the REST interface. Repeats it while n8n waits for its database. */
	async request<T>(
		method: 'GET' | 'POST' | 'DELETE',
		path: string,
		data?: object,
	): Promise<{ status: number; data: T }> {
		const ask = async () => await this.http.request<T>({ method, url: `/rest${path}`, data });
		let answer = await ask();
		// On a busy machine, n8n 2.41 sometimes considers its database lost. It answers with 503 until it is connected again.
		for (let tries = 0; answer.status === 503 && tries < 60; tries++) {
			await pause(1000);
			answer = await ask();
		}
		return answer;
	}

	async createCredential(name: string, type: string, data: object): Promise<{ id: string; name: string }> {
		return await this.requestData('POST', '/credentials', { name, type, data });
	}

	/** Finds a credential by its name, or creates it. */
	async ensureCredential(name: string, type: string, data: object): Promise<{ id: string; name: string }> {
		const saved = await this.requestData<Array<{ id: string; name: string }>>('GET', '/credentials');
		return (
			saved.find((credential) => credential.name === name) ?? (await this.createCredential(name, type, data))
		);
	}

	/** Finds a data table by its name, or creates it with these rows. @param columns their types, by name @returns its ID */
	async ensureDataTable(
		name: string,
		columns: Readonly<Record<string, string>>,
		rows: readonly object[],
	): Promise<string> {
		const tables = await this.findDataTables();
		const { data } = await this.requestData<{ data: Array<{ id: string; name: string }> }>('GET', tables);
		const there = data.find((table) => table.name === name);
		if (there) return there.id;
		const { id } = await this.requestData<{ id: string }>('POST', tables, {
			name,
			columns: Object.entries(columns).map(([column, type]) => ({ name: column, type })),
		});
		await this.addRows(id, rows);
		return id;
	}

	/** The path of the owner's data tables. */
	private async findDataTables(): Promise<string> {
		const { id } = await this.requestData<{ id: string }>('GET', '/projects/personal');
		return `/projects/${id}/data-tables`;
	}

	/** Adds rows to a data table. */
	async addRows(table: string, rows: readonly object[]): Promise<void> {
		const path = `${await this.findDataTables()}/${table}/insert`;
		if (rows.length > 0) await this.requestData('POST', path, { data: rows, returnType: 'count' });
	}

	/** Reads all rows of a data table. */
	async readRows(table: string): Promise<IDataObject[]> {
		const path = `${await this.findDataTables()}/${table}/rows`;
		const { data } = await this.requestData<{ data: IDataObject[] }>('GET', path);
		return data;
	}

	async deleteCredential({ id }: { id: string }): Promise<void> {
		await this.requestData('DELETE', `/credentials/${id}`);
	}

	/** Creates a credential, and tests it as the editor does. */
	async testCredential(
		name: string,
		type: string,
		data: object,
	): Promise<{ status: string; message: string }> {
		const { id } = await this.createCredential(name, type, data);
		return await this.requestData('POST', '/credentials/test', { credentials: { id, name, type, data } });
	}

	async listWorkflows(): Promise<Array<{ id: string; name: string }>> {
		return await this.requestData('GET', '/workflows');
	}

	async importWorkflow(workflow: WorkflowFile): Promise<Saved> {
		return await this.requestData('POST', '/workflows', { active: false, versionId: '1', ...workflow });
	}

	/** Publishes a workflow. Its triggers are active when this returns. */
	async publish({ id, versionId }: Saved): Promise<void> {
		await this.requestData('POST', `/workflows/${id}/activate`, { versionId });
		// n8n 2.41 registers the webhooks shortly after it has answered.
		await pause(1000);
	}

	/**
	 * Runs a workflow as the button "Execute workflow" does.
	 *
	 * @param input the input of the trigger, if it has any
	 * @returns the execution's ID
	 */
	async runManually({ id }: Saved, trigger: string, input?: IDataObject): Promise<string> {
		const workflowData = await this.requestData<object>('GET', `/workflows/${id}`);
		const data = input && {
			startTime: Date.now(),
			executionTime: 0,
			executionIndex: 0,
			executionStatus: 'success',
			data: { main: [[{ json: input }]] },
			source: [null],
		};
		const { executionId } = await this.requestData<{ executionId: string }>('POST', `/workflows/${id}/run`, {
			workflowData,
			triggerToStartFrom: { name: trigger, ...(data && { data }) },
		});
		return executionId;
	}

	/** Lists the latest executions of a workflow, or of all workflows. At most a hundred. */
	async listExecutions(workflowId?: string): Promise<ExecutionSummary[]> {
		const filter = encodeURIComponent(JSON.stringify({ workflowId }));
		return (await this.readExecutionPage(`filter=${filter}`)).results;
	}

	/**
	 * Lists all executions, the latest first. n8n 2.0.0 orders them by their start but splits them into pages by their IDs.
	 * One may therefore be missing while others start.
	 */
	async *listAllExecutions(): AsyncGenerator<ExecutionSummary> {
		let from: string | undefined = '';
		while (from !== undefined) {
			const { results, nextCursor }: ExecutionPage = await this.readExecutionPage(from);
			yield* results;
			const last = results.at(-1)?.id;
			if (nextCursor) from = `cursor=${encodeURIComponent(nextCursor)}`;
			// n8n 2.0.0 has no cursors, and 2.41 has none after the last page.
			else from = nextCursor === undefined && last !== undefined ? `lastId=${last}` : undefined;
		}
	}

	private async readExecutionPage(query: string): Promise<ExecutionPage> {
		return await this.requestData('GET', `/executions?limit=100&${query}`);
	}

	async readExecution(id: string): Promise<Execution> {
		const { data, stoppedAt, ...rest } = await this.requestData<StoredExecution>('GET', `/executions/${id}`);
		return {
			...rest,
			data: parseFlatted(data) as IRunExecutionData,
			stoppedAt: stoppedAt ? Date.parse(stoppedAt) : undefined,
		};
	}

	/** Retries an execution as "Retry" in the list of executions does, with the original workflow. @returns the ID of the new execution, which has ended */
	async retry(executionId: string): Promise<string> {
		const { id } = await this.requestData<{ id: string }>('POST', `/executions/${executionId}/retry`, {
			loadWorkflow: false,
		});
		return id;
	}

	/** Waits until the latest execution of a workflow has one of these statuses. @returns its ID */
	async waitForLatest(workflowId: string, statuses: readonly string[], limitMs = 60_000): Promise<string> {
		let latest: ExecutionSummary | undefined;
		await waitUntil(
			`the execution of workflow ${workflowId} is ${statuses.join(' or ')}`,
			async () => {
				[latest] = await this.listExecutions(workflowId);
				return latest !== undefined && statuses.includes(latest.status);
			},
			limitMs,
		).catch((error: unknown) => {
			throw new Error(`${(error as Error).message} (it is ${latest?.status ?? 'missing'})`);
		});
		return latest?.id ?? '';
	}

	/** Downloads a text as the editor does. @throws if n8n refuses it */
	async readText(path: string): Promise<string> {
		const { status, data } = await this.http.get<string>(path, { responseType: 'text' });
		if (status !== 200) throw new Error(`n8n refused ${path}: ${status}`);
		return data;
	}

	/** Downloads a file of an execution from n8n's storage. */
	async downloadFile(item: INodeExecutionData | undefined, field = 'data'): Promise<Buffer> {
		const file = item?.binary?.[field];
		if (!file?.id) throw new Error(`There is no file in the field "${field}".`);
		// For viewing, n8n would send images only.
		const { status, data } = await this.http.get<ArrayBuffer>(
			`/rest/binary-data?action=download&id=${encodeURIComponent(file.id)}`,
			{ responseType: 'arraybuffer' },
		);
		if (status !== 200) throw new Error(`n8n refused the download of the file: ${status}`);
		return Buffer.from(data);
	}

	/** The answers to calls from outside. */
	readonly answers: unknown[] = [];

	/** Calls a URL of this n8n from outside. */
	async call(path: string, body: unknown): Promise<{ status: number; data: unknown }> {
		const { status, data } = await axios.post<unknown>(this.origin + path, body, {
			proxy: false,
			validateStatus: () => true,
		});
		this.answers.push(data);
		return { status, data };
	}
}
