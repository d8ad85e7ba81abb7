/** An n8n server with everything that it needs: the stand-in service, the packed package, and in queue mode its servers and processes. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import getPort from 'get-port';

import { startLocalApi, type LocalApi, type LocalApiOptions } from '../../local-api/index.mts';
import {
	installDebianPackages,
	installN8n,
	packPackage,
	type Installation,
	type N8nVersion,
	type Say,
} from './install.mts';
import type { N8n } from './n8n.mts';
import { installPackage, N8nProcess, type ProcessKind } from './n8n-process.mts';
import type { Program } from './processes.mts';
import type { Site } from './site.mts';
import { emptyRedis, recordRedis, startPostgres, startRedis, type Server } from './services.mts';

export const CREDENTIAL_TYPE = 'stableDiffusionApi';

/** It has characters that are encoded in a URL, in JSON, in HTML or in base64, and between them a long part that is not. */
export const API_KEY = 'sk/e2e+5b1f0e9c7d3a42f68e=<8"71>';

/** What n8n consists of in queue mode. `worker` is the first one, and `emptied redis` a Redis that loses its data. */
export const PARTS = ['worker', 'webhook', 'main', 'redis', 'emptied redis', 'postgres'] as const;
export type Part = (typeof PARTS)[number];

export interface WorldOptions {
	version: N8nVersion;
	/** Whether n8n runs in queue mode: main, workers and a webhook process, with PostgreSQL and Redis. */
	queue?: boolean;
	/** How many workers queue mode begins with, default 2. */
	workers?: number;
	/** How many executions a worker runs at the same time, default 2. */
	concurrency?: number;
	service?: LocalApiOptions;
	/** n8n's folder, with the folder that workflows may write into. Default: a new one, which is removed in the end. */
	folder?: string;
	/** Environment variables of n8n's processes. */
	env?: Record<string, string>;
	/** Whether the commands to Redis are recorded in the folder of the world. */
	recordsRedis?: boolean;
	say?: Say;
}

/** The folder of a world, and the processes in it. */
class Processes {
	readonly folder = mkdtempSync(join(tmpdir(), 'img-to-3d-n8n-'));
	readonly files: string;
	servers?: Servers;
	private recorder?: Program;
	/** Those that have ended, too. */
	private readonly n8ns: N8nProcess[] = [];
	private readonly env: Record<string, string>;

	constructor(
		private readonly installation: Installation,
		private readonly tarball: string,
		private readonly options: WorldOptions,
	) {
		// PostgreSQL runs as another user.
		chmodSync(this.folder, 0o755);
		this.files = join(options.folder ?? this.folder, 'files');
		mkdirSync(this.files, { recursive: true });
		this.env = { N8N_RESTRICT_FILE_ACCESS_TO: this.files, ...options.env };
	}

	/** Starts n8n in one process. */
	async startOne(): Promise<Pick<World, 'main' | 'outside' | 'workers'>> {
		const main = await this.start('start');
		return { main, outside: main, workers: [] };
	}

	/** Starts n8n in queue mode. */
	async startQueue(): Promise<Pick<World, 'main' | 'outside' | 'workers'>> {
		const { workers: count = 2, recordsRedis = false } = this.options;
		this.servers = await startServers(this.folder);
		if (recordsRedis) this.recorder = await recordRedis(this.servers.redis.port, this.folder);
		// All processes hand out the address of the webhook process, so it is known before they start.
		const port = String(await getPort({ host: '127.0.0.1' }));
		Object.assign(this.env, makeQueueSettings(this.servers), { WEBHOOK_URL: `http://127.0.0.1:${port}/` });
		const main = await this.start('start');
		const outside = await this.start('webhook', { N8N_PORT: port });
		const workers: N8nProcess[] = [];
		while (workers.length < count) workers.push(await this.start('worker'));
		return { main, outside, workers };
	}

	/** Starts a process of n8n in a folder of its own, with the package installed. */
	async start(kind: ProcessKind, env: Record<string, string> = {}): Promise<N8nProcess> {
		const own = join(this.folder, `${kind}-${this.n8ns.length}`);
		const folder = kind === 'start' && this.options.folder ? this.options.folder : own;
		const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
		await installPackage(folder, this.tarball, version);
		const n8n = await N8nProcess.start(this.installation, {
			folder,
			kind,
			concurrency: this.options.concurrency,
			env: { ...this.env, ...env },
		});
		this.n8ns.push(n8n);
		return n8n;
	}

	async restart(n8n: N8nProcess): Promise<N8nProcess> {
		const next = await n8n.restart();
		this.n8ns.push(next);
		return next;
	}

	readLog(): string {
		return this.n8ns.map(({ program }) => program.printed).join('\n');
	}

	/** Stops all processes, and removes the folder. */
	async stop(): Promise<void> {
		for (const { program } of this.n8ns.toReversed()) await program.stop();
		await this.recorder?.stop();
		for (const { program } of Object.values(this.servers ?? {}).reverse()) await program.stop();
		rmSync(this.folder, { recursive: true, force: true });
	}
}

export class World implements Site {
	/** The process with the editor and the REST interface. */
	main: N8nProcess;
	/** The process that receives webhook calls. */
	outside: N8nProcess;
	/** In queue mode, in the order of their start. */
	workers: N8nProcess[];

	constructor(
		readonly installation: Installation,
		private readonly processes: Processes,
		started: Pick<World, 'main' | 'outside' | 'workers'>,
		readonly service: LocalApi,
		/** The credential of the nodes. */
		readonly credentials: { stableDiffusionApi: { id: string; name: string } },
	) {
		this.main = started.main;
		this.outside = started.outside;
		this.workers = started.workers;
	}

	get version(): string {
		return this.installation.version;
	}

	/** It contains the folders of all processes and servers, and what they have printed. */
	get folder(): string {
		return this.processes.folder;
	}

	/** The folder that workflows may write into. */
	get files(): string {
		return this.processes.files;
	}

	/** In queue mode, the ports of its servers. */
	get servers(): { redis: number; postgres: number } | undefined {
		const { servers } = this.processes;
		return servers && { redis: servers.redis.port, postgres: servers.postgres.port };
	}

	/** Starts one more worker. */
	async startWorker(): Promise<N8nProcess> {
		return await this.processes.start('worker');
	}

	/** Kills a part, as a crash does, and starts it again after `meanwhile`. */
	async crash(part: Part, meanwhile: () => Promise<void>): Promise<void> {
		const restart = await this.kill(part);
		await meanwhile();
		await restart();
	}

	/** @returns a function that starts the part again */
	private async kill(part: Part): Promise<() => Promise<void>> {
		const { servers } = this.processes;
		const n8n = { main: this.main, webhook: this.outside, worker: this.workers[0] }[part as string];
		const server = part === 'postgres' ? servers?.postgres : servers?.redis;
		const killed = n8n ?? server;
		if (!killed) throw new Error(`This n8n has no ${part}.`);
		await killed.program.kill();
		if (part === 'emptied redis') emptyRedis(join(this.folder, 'redis'));
		return async () => (n8n ? await this.restart(n8n) : await server?.restart());
	}

	private async restart(n8n: N8nProcess): Promise<void> {
		const next = await this.processes.restart(n8n);
		if (n8n === this.outside) this.outside = next;
		if (n8n === this.main) this.main = next;
		this.workers = this.workers.map((worker) => (worker === n8n ? next : worker));
	}

	/** Restarts the processes of n8n that have ended by themselves. @returns their names */
	async revive(): Promise<string[]> {
		const ended = [this.main, this.outside, ...this.workers].filter(({ program }) => program.hasEnded);
		for (const n8n of ended) await this.restart(n8n);
		return ended.map(({ program }) => program.name);
	}

	/** Reads what all processes of n8n have printed, also those that have ended. */
	readLog(): string {
		return this.processes.readLog();
	}

	async stop(): Promise<void> {
		await this.processes.stop();
		await this.service.stop();
	}
}

/** How the stand-in service works. */
export const SERVICE = { jobSeconds: 3, parallel: 5, queueLimit: 50 } satisfies LocalApiOptions;

/** Makes the credential of the nodes, unless it exists. */
export async function ensureServiceCredential(
	main: N8n,
	{ baseUrl }: LocalApi,
): Promise<World['credentials']> {
	const data = { apiKey: API_KEY, service: 'other', baseUrl };
	const { id, name } = await main.ensureCredential('Stable Diffusion API', CREDENTIAL_TYPE, data);
	return { stableDiffusionApi: { id, name } };
}

/** Starts an n8n server, and installs what is missing for it. */
export async function startWorld(options: WorldOptions): Promise<World> {
	const { version, queue = false, say = (line) => process.stderr.write(`${line}\n`) } = options;
	const installation = await installN8n(version, say);
	if (queue) await installDebianPackages(['redis-server', 'postgresql'], say);
	const processes = new Processes(installation, await packPackage(), options);
	const service = await startLocalApi({ ...SERVICE, ...options.service });
	try {
		const started = queue ? await processes.startQueue() : await processes.startOne();
		await started.main.logIn();
		return new World(
			installation,
			processes,
			started,
			service,
			await ensureServiceCredential(started.main, service),
		);
	} catch (error) {
		await processes.stop();
		await service.stop();
		throw error;
	}
}

interface Servers {
	redis: Server;
	postgres: Server;
}

async function startServers(base: string): Promise<Servers> {
	const redis = await startRedis(join(base, 'redis'));
	try {
		return { redis, postgres: await startPostgres(join(base, 'postgres')) };
	} catch (error) {
		await redis.program.stop();
		throw error;
	}
}

function makeQueueSettings({ redis, postgres }: Servers): Record<string, string> {
	return {
		EXECUTIONS_MODE: 'queue',
		QUEUE_BULL_REDIS_HOST: '127.0.0.1',
		QUEUE_BULL_REDIS_PORT: String(redis.port),
		DB_TYPE: 'postgresdb',
		DB_POSTGRESDB_HOST: '127.0.0.1',
		DB_POSTGRESDB_PORT: String(postgres.port),
		DB_POSTGRESDB_USER: 'n8n',
		DB_POSTGRESDB_PASSWORD: 'unused',
		DB_POSTGRESDB_DATABASE: 'postgres',
		N8N_ENCRYPTION_KEY: 'one-key-for-all-processes',
	};
}
