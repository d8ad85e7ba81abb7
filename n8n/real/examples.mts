/** Reads the workflows of `examples/`, and makes in an n8n server what they need. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { INodeParameters } from 'n8n-workflow';

import type { WorkflowFile } from './n8n.mts';
import { BOT_TOKEN } from './parts/chat.mts';
import type { Parts } from './parts/index.mts';
import { SHOP_TOKEN } from './parts/shop.mts';
import { BUCKET, STORE_KEYS } from './parts/store.mts';
import type { Site } from './site.mts';

const EXAMPLES = 'examples';

/** The links to this repository's sample images in the examples. */
const SAMPLE = /https:\/\/[^"\s\\]+\/samples\/(?=[\w.-]+)/g;

/** The folder in the examples, at the beginning of a value: the one of n8n's Docker image. */
const FOLDER = /^(=?)\/home\/node\/\.n8n-files(?=\/|$)/;

/** The columns of the data tables, with their types. */
const TABLES = {
	Catalogue: {
		...{ name: 'string', image: 'string', status: 'string', model: 'string', bytes: 'number' },
		...{ triangles: 'number', paid: 'string', job: 'string', problem: 'string' },
	},
	'Delivered Jobs': { job_id: 'string' },
};

type Credential = { id: string; name: string };

/** What the examples refer to in an n8n server. */
export interface Prepared {
	/** By type. */
	credentials: Record<string, Credential>;
	/** The IDs of the data tables, by the names that the examples have for them. */
	tables: Record<string, string>;
	/** What a person would enter in the nodes Edit Fields, by the field's name. */
	values: Record<string, string>;
	/** The folder that workflows may write into. */
	folder: string;
}

export function listExamples(): string[] {
	return readdirSync(EXAMPLES)
		.filter((name) => name.endsWith('.json'))
		.map((name) => name.replace(/\.json$/, ''));
}

/** Makes the credentials for the parts, unless they exist. @returns them by type */
async function makeCredentials(
	{ main }: Site,
	{ origin, store, mailbox, model }: Parts,
): Promise<Record<string, Credential>> {
	const data = {
		s3: { endpoint: store.origin, region: 'us-east-1', forcePathStyle: true, ...STORE_KEYS },
		smtp: { host: '127.0.0.1', port: mailbox.port, secure: false, disableStartTls: true },
		telegramApi: { accessToken: BOT_TOKEN, baseUrl: `${origin}/chat` },
		shopifyAccessTokenApi: { shopSubdomain: 'stand-in', accessToken: SHOP_TOKEN, appSecretKey: 'none' },
		openAiApi: { apiKey: 'sk-none-needed', url: `${model.origin}/v1`, header: false },
	};
	const made: Record<string, Credential> = {};
	for (const [type, fields] of Object.entries(data)) {
		made[type] = await main.ensureCredential(`Stand-in ${type}`, type, fields);
	}
	return made;
}

/**
 * Makes the credentials and the data tables of the examples, unless they exist.
 *
 * @param rows the names of the sample images that a new table begins with
 */
export async function prepareExamples(world: Site, parts: Parts, rows: readonly string[]): Promise<Prepared> {
	const { main, service, files, credentials } = world;
	const { origin, store } = parts;
	const catalogue = rows.map((file) => ({
		name: file.replace(/\.\w+$/, ''),
		image: `${service.origin}/samples/${file}`,
	}));
	const tables: Record<string, string> = {};
	for (const [name, columns] of Object.entries(TABLES)) {
		tables[name] = await main.ensureDataTable(name, columns, name === 'Catalogue' ? catalogue : []);
	}
	return {
		tables,
		folder: files,
		credentials: { ...credentials, ...(await makeCredentials(world, parts)) },
		values: {
			from: 'turntables@shop.test',
			to: 'orders@shop.test',
			bucket: BUCKET,
			address: `${store.origin}/${BUCKET}`,
			script: `${origin}/model-viewer.min.js`,
			shop: `${origin}/shop`,
		},
	};
}

/** Enters in a node what a person would enter. */
function fillIn(parameters: INodeParameters, { tables, values }: Prepared): void {
	const locator = parameters.dataTableId as { cachedResultName?: string; value?: string } | undefined;
	if (locator) locator.value = tables[locator.cachedResultName ?? ''] ?? locator.value;
	const { assignments = [] } = (parameters.assignments ?? {}) as {
		assignments?: Array<{ name: string; value: unknown }>;
	};
	for (const assignment of assignments) assignment.value = values[assignment.name] ?? assignment.value;
}

/**
 * Reads an example, with images of the stand-in service.
 *
 * @param name the name of the file without `.json`
 * @param prepared default: only the credential of the nodes, and the folder
 */
export function readExample(
	{ service, credentials, files }: Site,
	name: string,
	prepared: Prepared = { credentials, tables: {}, values: {}, folder: files },
): WorkflowFile {
	const text = readFileSync(join(EXAMPLES, `${name}.json`), 'utf8');
	const workflow = JSON.parse(text.replace(SAMPLE, `${service.origin}/samples/`), (_name, value: unknown) =>
		// The notes speak of the folder, and keep its name.
		typeof value === 'string'
			? value.replace(FOLDER, (_path, start: string) => start + prepared.folder)
			: value,
	) as WorkflowFile;
	for (const { parameters, credentials: needed } of workflow.nodes) {
		fillIn(parameters, prepared);
		for (const type of Object.keys(needed ?? {})) {
			const credential = prepared.credentials[type];
			if (needed && credential) needed[type] = credential;
		}
	}
	return workflow;
}
