/** An n8n server that runs already, of any version, for the tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startLocalApi } from '../../local-api/index.mts';
import { N8n, OWNER, PACKAGE } from './n8n.mts';
import { FIXED_PORTS } from './parts/index.mts';
import type { Site } from './site.mts';
import { ensureServiceCredential, SERVICE } from './worlds.mts';

export interface GivenServer {
	/** Its address, without a path. */
	origin: string;
	/** Of its owner. If it has none yet, the owner is created. */
	email: string;
	password: string;
	files: string;
}

/** Its environment variables, by what they give. */
const VARIABLES: Record<keyof GivenServer, string> = {
	origin: 'IMG_TO_3D_N8N',
	email: 'IMG_TO_3D_N8N_EMAIL',
	password: 'IMG_TO_3D_N8N_PASSWORD',
	files: 'IMG_TO_3D_N8N_FILES',
};

/**
 * Reads which server the tests shall use.
 *
 * @returns `undefined` if the environment names none
 * @throws if the address is no URL of http or https, or another variable is missing
 */
export function readGivenServer(env: NodeJS.ProcessEnv): GivenServer | undefined {
	if (!env[VARIABLES.origin]) return undefined;
	const read = (field: keyof GivenServer) => {
		const value = env[VARIABLES[field]];
		if (!value) throw new Error(`${VARIABLES.origin} needs ${VARIABLES[field]} beside it.`);
		return value;
	};
	const isUrl = /^https?:/.test(read('origin')) && URL.canParse(read('origin'));
	if (!isUrl) throw new Error(`${VARIABLES.origin} is no http(s) URL.`);
	return {
		origin: new URL(read('origin')).origin,
		email: read('email'),
		password: read('password'),
		files: read('files'),
	};
}

/** Checks that n8n has these nodes, and nothing that the tests could change. */
async function checkServer(main: N8n): Promise<void> {
	const types = await main.readText('/types/nodes.json');
	if (!types.includes(`${PACKAGE}.imgTo3d`)) {
		throw new Error(
			`The n8n at ${main.origin} has not loaded ${PACKAGE}. Install it there, and restart n8n.`,
		);
	}
	if ((await main.listWorkflows()).length > 0) {
		throw new Error(
			`The n8n at ${main.origin} has workflows. The tests need a fresh n8n: they create workflows, credentials and data tables, and leave them there.`,
		);
	}
}

/** Logs in at a server, and starts the stand-in service on its fixed port. */
async function joinSite({ files, ...server }: GivenServer): Promise<Site & { leave: () => Promise<void> }> {
	const main = new N8n(server.origin);
	await main.logIn({ ...OWNER, ...server });
	await checkServer(main);
	const { versionCli: version } = await main.requestData<{ versionCli: string }>('GET', '/settings');
	const service = await startLocalApi({ ...SERVICE, port: FIXED_PORTS.service });
	const folder = mkdtempSync(join(tmpdir(), 'img-to-3d-n8n-'));
	const leave = async () => {
		await service.stop();
		rmSync(folder, { recursive: true, force: true });
	};
	try {
		const credentials = await ensureServiceCredential(main, service);
		return { main, outside: main, version, service, credentials, folder, files, leave };
	} catch (error) {
		await leave();
		throw error;
	}
}

/** Joins the server that the environment names. */
export async function joinNamedServer(): Promise<Site & { leave: () => Promise<void> }> {
	const server = readGivenServer(process.env);
	if (!server) throw new Error(`${VARIABLES.origin} names no n8n.`);
	return await joinSite(server);
}
