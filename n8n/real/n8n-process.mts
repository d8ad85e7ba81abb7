/** A process of n8n on this machine. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import axios from 'axios';
import getPort from 'get-port';

import { unpack, type Installation } from './install.mts';
import { N8n, PACKAGE } from './n8n.mts';
import { Program } from './processes.mts';

export type ProcessKind = 'start' | 'worker' | 'webhook';

export interface StartOptions {
	/** n8n's folder: settings, database, files, installed packages. */
	folder: string;
	kind?: ProcessKind;
	/** How many executions a worker runs at the same time. Default: 2. */
	concurrency?: number;
	env?: Record<string, string>;
}

/** Installs a tarball as n8n does when a person installs the package in the editor: unpacks it, and lists it in package.json. */
export async function installPackage(folder: string, tarball: string, version: string): Promise<void> {
	const nodes = join(folder, '.n8n', 'nodes');
	await unpack(tarball, join(nodes, 'node_modules', PACKAGE));
	writeFileSync(
		join(nodes, 'package.json'),
		JSON.stringify({ name: 'installed-nodes', private: true, dependencies: { [PACKAGE]: version } }),
	);
}

/** The settings of every process: no telemetry, nothing from the internet, and health checks. */
const PLAIN_SETTINGS = {
	N8N_LISTEN_ADDRESS: '127.0.0.1',
	N8N_SECURE_COOKIE: 'false',
	N8N_DIAGNOSTICS_ENABLED: 'false',
	N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
	N8N_TEMPLATES_ENABLED: 'false',
	N8N_PERSONALIZATION_ENABLED: 'false',
	QUEUE_HEALTH_CHECK_ACTIVE: 'true',
};

const findPort = async () => String(await getPort({ host: '127.0.0.1' }));

/** A process of n8n. The main process also has the REST interface. */
export class N8nProcess extends N8n {
	private constructor(
		origin: string,
		readonly program: Program,
		readonly installation: Installation,
	) {
		super(origin);
	}

	/** Starts a process of n8n on 127.0.0.1, and waits until it is ready. */
	static async start(
		installation: Installation,
		{ folder, kind = 'start', concurrency = 2, env = {} }: StartOptions,
	): Promise<N8nProcess> {
		mkdirSync(folder, { recursive: true });
		const port = env.N8N_PORT ?? (await findPort());
		const origin = `http://127.0.0.1:${port}`;
		const healthPort = await findPort();
		const health = kind === 'worker' ? `http://127.0.0.1:${healthPort}` : origin;
		const program = await Program.start(
			{
				name: `n8n ${installation.version} ${kind}`,
				program: installation.node,
				args: [installation.script, kind, ...(kind === 'worker' ? [`--concurrency=${concurrency}`] : [])],
				cwd: folder,
				log: join(folder, `${kind}-${port}.log`),
				env: {
					...PLAIN_SETTINGS,
					N8N_USER_FOLDER: folder,
					N8N_PORT: port,
					N8N_RUNNERS_BROKER_PORT: await findPort(),
					N8N_RUNNERS_LAUNCHER_HEALTH_CHECK_PORT: await findPort(),
					QUEUE_HEALTH_CHECK_PORT: healthPort,
					WEBHOOK_URL: `${origin}/`,
					...env,
				},
			},
			async ({ printed }) => {
				const { status } = await axios.get(`${health}/healthz/readiness`, { proxy: false });
				return status === 200 && (kind !== 'start' || printed.includes('Editor is now accessible'));
			},
		);
		return new N8nProcess(origin, program, installation);
	}

	/** Starts the process again after it has ended, with the same folder and ports, and with the owner logged in. */
	async restart(): Promise<N8nProcess> {
		const next = new N8nProcess(this.origin, await this.program.restart(), this.installation);
		next.cookie = this.cookie;
		return next;
	}

	async stop(): Promise<void> {
		await this.program.stop();
	}
}
