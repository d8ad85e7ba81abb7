/** The example `recover-paid-jobs` on an n8n server, and a workflow whose jobs it recovers. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { JobRecord } from '../../local-api/jobs.mts';
import type { Saved, WorkflowFile } from '../../n8n/real/n8n.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import { CREDENTIAL_TYPE } from '../../n8n/real/worlds.mts';
import type { Site } from '../../n8n/real/site.mts';
import {
	buildPictureWorkflow,
	callWorkflow,
	ENDS,
	NODE,
	readItems,
	waitForResult,
	type Result,
} from './suite.mts';

let count = 0;

interface Table {
	id: string;
	/** The path of its project's tables. */
	path: string;
}

async function createTable({ main }: Site, name: string): Promise<Table> {
	const { id: project } = await main.requestData<{ id: string }>('GET', '/projects/personal');
	const path = `/projects/${project}/data-tables`;
	const columns = [{ name: 'job_id', type: 'string' }];
	const { id } = await main.requestData<{ id: string }>('POST', path, { name, columns });
	return { id, path };
}

/** Creates a credential with a key of its own, and so an account without other jobs. */
async function createAccount({ main, service }: Site, key: string): Promise<Site['credentials']> {
	const { id, name } = await main.createCredential(`Account ${key}`, CREDENTIAL_TYPE, {
		apiKey: key,
		service: 'other',
		baseUrl: service.baseUrl,
	});
	return { stableDiffusionApi: { id, name } };
}

/** The nodes of the example that deliver: a workflow that generates has copies of them. */
const DELIVERY = ['Write File', 'Note as Delivered'];

/** Builds a workflow that generates for each call, and then delivers as the example does. */
function buildGeneration(world: Site, example: WorkflowFile, credentials: Site['credentials']) {
	const options = { fileName: 'job', outputMode: 'file' };
	const { path, workflow } = buildPictureWorkflow(world, { options }, { credentials });
	const isKept = (name: string) => !['After', 'Failed'].includes(name);
	const connect = (name: string) => ({ main: [[{ node: name, type: 'main' as const, index: 0 }]] });
	const { Hook = {}, Split = {} } = workflow.connections;
	return {
		path,
		workflow: {
			...workflow,
			nodes: [
				...workflow.nodes.filter(({ name }) => isKept(name)),
				...example.nodes.filter(({ name }) => DELIVERY.includes(name)),
			],
			connections: {
				...{ Hook, Split },
				[NODE]: connect('Write File'),
				'Write File': connect('Note as Delivered'),
			},
		},
	};
}

export class Recovery {
	private constructor(
		private readonly world: Site,
		private readonly key: string,
		private readonly table: Table,
		private readonly example: Saved,
		private readonly generation: { path: string; saved: Saved },
	) {}

	/** Imports the example, and publishes a workflow that generates. Both have an account and a data table of their own. */
	static async open(world: Site, example: WorkflowFile): Promise<Recovery> {
		const key = `recovery-${++count}-${Date.now()}`;
		const [table, credentials] = [await createTable(world, key), await createAccount(world, key)];
		for (const node of example.nodes) {
			if (node.credentials) node.credentials = credentials;
			if ('dataTableId' in node.parameters) {
				node.parameters.dataTableId = { __rl: true, mode: 'id', value: table.id };
			}
		}
		const { path, workflow } = buildGeneration(world, example, credentials);
		const saved = await world.main.importWorkflow(workflow);
		await world.main.publish(saved);
		return new Recovery(world, key, table, await world.main.importWorkflow(example), { path, saved });
	}

	/** The jobs that the account has paid for. */
	get jobs(): JobRecord[] {
		return this.world.service.jobs.filter(({ key }) => key === this.key);
	}

	/** Starts the workflow that generates. @returns the execution's ID */
	async startGeneration(images: readonly string[]): Promise<string> {
		const { path, saved } = this.generation;
		const countStarted = async () => (await this.world.main.listExecutions(saved.id)).length;
		const before = await countStarted();
		await callWorkflow(this.world, path, images);
		await waitUntil('the execution has started', async () => (await countStarted()) > before);
		return await this.world.main.waitForLatest(saved.id, ['running', ...ENDS]);
	}

	/** Waits for the end of the workflow that generates. */
	async waitForGeneration(limitMs?: number): Promise<Result> {
		return await waitForResult(this.world, this.generation.saved, limitMs);
	}

	/** Runs the example by hand. @returns its result, and how many jobs it has fetched */
	async recover(): Promise<Result & { fetched: number }> {
		const id = await this.world.main.runManually(this.example, 'When clicking ‘Execute workflow’');
		await waitUntil('the recovery has started', async () => {
			return (await this.world.main.listExecutions(this.example.id))[0]?.id === id;
		});
		const result = await waitForResult(this.world, this.example);
		return { ...result, fetched: readItems(result.data, 'Get Result').length };
	}

	/** The IDs of the delivered jobs in the data table, in order. */
	async listDelivered(): Promise<string[]> {
		const { data } = await this.world.main.requestData<{ data: Array<{ job_id: string }> }>(
			'GET',
			`${this.table.path}/${this.table.id}/rows?take=100`,
		);
		return data.map(({ job_id: id }) => id).sort();
	}

	/** Reads the delivered file of a job. */
	readFile({ id }: JobRecord): Buffer | undefined {
		const path = join(this.world.files, `job-${id}.gif`);
		return existsSync(path) ? readFileSync(path) : undefined;
	}
}
