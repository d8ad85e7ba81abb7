/** Everything that a real n8n needs around it: the stand-in service, the packed package, and in queue mode the servers and processes. */
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
import { installPackage, N8n, type ProcessKind } from './n8n.mts';
import type { Program } from './processes.mts';
import { forgetRedis, recordRedis, startPostgres, startRedis, type Server } from './services.mts';

export const CREDENTIAL_TYPE = 'stableDiffusionApi';
/** With all that is written otherwise in a URL, in JSON, in HTML and in base64, around a long run that is not. */
export const API_KEY = 'sk/e2e+5b1f0e9c7d3a42f68e=<8"71>';

export interface World {
	installation: Installation;
	/** Holds the folders of all processes and servers, and what they have printed. */
	folder: string;
	service: LocalApi;
	/** The process with the editor and the REST interface. */
	main: N8n;
	/** Where calls from outside arrive. */
	outside: N8n;
	/** The folder that workflows may write into. */
	files: string;
	/** In queue mode, in the order of their start. */
	workers: N8n[];
	/** In queue mode, the ports of its servers. */
	servers?: { redis: number; postgres: number };
	/** The credential that nodes are given. */
	credentials: { stableDiffusionApi: { id: string; name: string } };
	/** Starts one more worker. */
	startWorker(): Promise<N8n>;
	/** Ends a part at once, as a crash does, and starts it once more when `meanwhile` is through. */
	crash(part: Part, meanwhile: () => Promise<void>): Promise<void>;
	/** Starts the processes of n8n once more that have ended of themselves. @returns their names */
	revive(): Promise<string[]>;
	/** Everything that n8n's processes have printed, those that have ended too. */
	printed(): string;
	stop(): Promise<void>;
}

/** What n8n is made of, in queue mode; of the workers the first one. A Redis can forget what it had in its memory. */
export const PARTS = ['worker', 'webhook', 'main', 'redis', 'forgetful redis', 'postgres'] as const;
export type Part = (typeof PARTS)[number];

export interface WorldOptions {
	version: N8nVersion;
	/** Main, workers and a webhook process, with PostgreSQL and Redis. */
	queue?: boolean;
	/** How many workers queue mode begins with, default 2, and how many executions each runs at the same time, default 2. */
	workers?: number;
	concurrency?: number;
	service?: LocalApiOptions;
	/** n8n's folder; default a new one that is removed in the end. */
	folder?: string;
	env?: Record<string, string>;
	/** Whether in queue mode all that goes through Redis is written down, in the world's folder. */
	redisTraffic?: boolean;
	say?: Say;
}

export async function startWorld(options: WorldOptions): Promise<World> {
	const {
		version,
		queue = false,
		workers: count = 2,
		concurrency,
		redisTraffic = false,
		say = (line) => process.stderr.write(`${line}\n`),
	} = options;
	const installation = await installN8n(version, say);
	if (queue) await installDebianPackages(['redis-server', 'postgresql'], say);
	const tarball = await packPackage();
	const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
		version: string;
	};

	const base = mkdtempSync(join(tmpdir(), 'img-to-3d-n8n-'));
	// PostgreSQL runs as another user.
	chmodSync(base, 0o755);
	let servers: Servers | undefined;
	const processes: N8n[] = [];
	let recorder: Program | undefined;
	const service = await startLocalApi({ jobSeconds: 3, parallel: 5, queueLimit: 50, ...options.service });
	const stop = async () => {
		for (const { program } of processes.reverse()) await program.stop();
		await recorder?.stop();
		for (const { program } of Object.values(servers ?? {}).reverse()) await program.stop();
		await service.stop();
		rmSync(base, { recursive: true, force: true });
	};
	try {
		const files = join(base, 'files');
		mkdirSync(files);
		servers = queue ? await startServers(base) : undefined;
		if (servers && redisTraffic) recorder = await recordRedis(servers.redis.port, base);
		const common: Record<string, string> = {
			N8N_RESTRICT_FILE_ACCESS_TO: files,
			...options.env,
			...(servers && makeQueueSettings(servers)),
		};
		let index = 0;
		const start = async (kind: ProcessKind, env: Record<string, string> = {}) => {
			const own = join(base, `${kind}-${index++}`);
			const folder = kind === 'start' && options.folder ? options.folder : own;
			await installPackage(folder, tarball, manifest.version);
			const process = await N8n.start(installation, {
				folder,
				kind,
				concurrency,
				env: { ...common, ...env },
			});
			processes.push(process);
			return process;
		};
		// The webhook process is known by its address before it is there: the others put it into what they hand out.
		const port = String(await getPort({ host: '127.0.0.1' }));
		if (queue) common.WEBHOOK_URL = `http://127.0.0.1:${port}/`;
		const main = await start('start');
		const outside = queue ? await start('webhook', { N8N_PORT: port }) : main;
		const workers: N8n[] = [];
		while (queue && workers.length < count) workers.push(await start('worker'));
		await main.logIn();
		const { id, name } = await main.ensureCredential('Stable Diffusion API', CREDENTIAL_TYPE, {
			apiKey: API_KEY,
			baseUrl: service.baseUrl,
		});
		const world: World = {
			installation,
			folder: base,
			service,
			main,
			outside,
			workers,
			files,
			servers: servers && { redis: servers.redis.port, postgres: servers.postgres.port },
			credentials: { stableDiffusionApi: { id, name } },
			startWorker: async () => await start('worker'),
			crash: async (part, meanwhile) => {
				const again = await ended(part);
				await meanwhile();
				await again();
			},
			revive: async () => {
				const gone = [world.main, world.outside, ...world.workers].filter(({ program }) => program.hasEnded);
				for (const process of gone) await again(process);
				return gone.map(({ program }) => program.name);
			},
			printed: () => processes.map(({ program }) => program.printed).join('\n'),
			stop,
		};
		const again = async (process: N8n) => {
			const next = await process.restart();
			processes.push(next);
			if (process === world.outside) world.outside = next;
			if (process === world.main) world.main = next;
			world.workers = world.workers.map((worker) => (worker === process ? next : worker));
		};
		/** Ends a part at once. @returns starts it once more */
		const ended = async (part: Part): Promise<() => Promise<void>> => {
			const process = { main: world.main, webhook: world.outside, worker: world.workers[0] }[part as string];
			const server = part === 'postgres' ? servers?.postgres : servers?.redis;
			const ending = process ?? server;
			if (!ending) throw new Error(`This n8n has no ${part}.`);
			await ending.program.kill();
			if (part === 'forgetful redis') forgetRedis(join(base, 'redis'));
			return async () => (process ? await again(process) : await server?.restart());
		};
		return world;
	} catch (error) {
		await stop();
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
