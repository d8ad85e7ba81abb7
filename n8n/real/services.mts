/** Redis and PostgreSQL for n8n's queue mode: those of Debian, as processes on loopback, with their data in a temporary folder. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

import getPort from 'get-port';

import { findPostgresPrograms } from './install.mts';
import { Program } from './processes.mts';

const run = promisify(execFile);

const describeRedis = (port: number) => ['-h', '127.0.0.1', '-p', String(port)];

/** A running server, also after a restart. */
export class Server {
	constructor(
		readonly port: number,
		public program: Program,
	) {}

	/** Starts it again after it has ended, with the data in its folder. */
	async restart(): Promise<void> {
		this.program = await this.program.restart();
	}
}

async function isAnswering(port: number): Promise<boolean> {
	return await new Promise((resolve) => {
		const socket = connect(port, '127.0.0.1');
		socket.once('connect', () => {
			socket.destroy();
			resolve(true);
		});
		socket.once('error', () => resolve(false));
	});
}

/** The folder in which Redis keeps its data. */
const DATA = 'appendonlydir';

/** Deletes the data of a Redis that has ended. */
export function emptyRedis(folder: string): void {
	rmSync(join(folder, DATA), { recursive: true });
}

/** Starts an empty Redis that writes every command to its folder. */
export async function startRedis(folder: string): Promise<Server> {
	mkdirSync(folder, { recursive: true });
	const port = await getPort({ host: '127.0.0.1' });
	const program = await Program.start(
		{
			name: 'Redis',
			program: '/usr/bin/redis-server',
			args: [
				...['--bind', '127.0.0.1', '--port', String(port), '--dir', folder],
				...['--save', '', '--appendonly', 'yes', '--appenddirname', DATA],
			],
			env: {},
			cwd: folder,
			log: join(folder, 'redis.log'),
		},
		async () => await isAnswering(port),
	);
	return new Server(port, program);
}

/** Records the commands to a Redis in a file of the folder. */
export async function recordRedis(port: number, folder: string): Promise<Program> {
	const log = join(folder, 'redis-traffic.log');
	return await Program.start(
		{
			name: 'the recorder of Redis',
			program: '/usr/bin/redis-cli',
			args: [...describeRedis(port), 'monitor'],
			env: {},
			cwd: folder,
			log,
		},
		async () => await Promise.resolve(readFileSync(log, 'utf8').startsWith('OK')),
	);
}

/** Writes the data of a Redis to a file, uncompressed, so that its texts can be searched. */
export async function dumpRedis(port: number, file: string): Promise<void> {
	const runCli = async (...args: string[]) =>
		await run('/usr/bin/redis-cli', [...describeRedis(port), ...args]);
	await runCli('config', 'set', 'rdbcompression', 'no');
	await runCli('--rdb', file);
}

/** Reads a number from a Redis, such as the length of a list. */
export async function readRedisNumber(port: number, ...command: string[]): Promise<number> {
	const { stdout } = await run('/usr/bin/redis-cli', [...describeRedis(port), ...command]);
	return Number(stdout);
}

/** Finds the user for PostgreSQL, which refuses to run as root. Debian's package creates this user. */
async function findPostgresUser(): Promise<{ uid?: number; gid?: number }> {
	if (process.getuid?.() !== 0) return {};
	const readId = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout);
	return { uid: await readId('-u'), gid: await readId('-g') };
}

/** Runs a client of PostgreSQL on the database of an n8n server. @returns its output */
async function runPostgresClient(
	program: 'psql' | 'pg_dump',
	port: number,
	...args: string[]
): Promise<string> {
	const bin = findPostgresPrograms();
	if (!bin) throw new Error('PostgreSQL is not installed.');
	const connection = ['-h', '127.0.0.1', '-p', String(port), '-U', 'n8n', '-d', 'postgres'];
	return (await run(join(bin, program), [...connection, ...args])).stdout;
}

/** Writes the whole database to a file, as SQL. */
export async function dumpPostgres(port: number, file: string): Promise<void> {
	await runPostgresClient('pg_dump', port, '--file', file);
}

/** Queries the database of an n8n server. @returns rows of columns, all as texts */
export async function query(port: number, sql: string): Promise<string[][]> {
	const stdout = await runPostgresClient('psql', port, '--no-psqlrc', '-At', '-F', '\t', '-c', sql);
	return stdout
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => line.split('\t'));
}

/** Starts an empty PostgreSQL, with the user `n8n` without a password, and the database `postgres`. */
export async function startPostgres(folder: string): Promise<Server> {
	const bin = findPostgresPrograms();
	if (!bin) throw new Error('PostgreSQL is not installed.');
	const user = await findPostgresUser();
	const data = join(folder, 'data');
	mkdirSync(data, { recursive: true });
	if (user.uid !== undefined) await run('chown', ['-R', `${user.uid}:${user.gid}`, folder]);
	await run(
		join(bin, 'initdb'),
		['-D', data, '--auth=trust', '--username=n8n', '--no-sync', '--encoding=UTF8', '--locale=C'],
		{ ...user, cwd: folder },
	);
	const port = await getPort({ host: '127.0.0.1' });
	const program = await Program.start(
		{
			name: 'PostgreSQL',
			program: join(bin, 'postgres'),
			args: ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', '', '-c', 'fsync=off'],
			env: {},
			cwd: folder,
			log: join(folder, 'postgres.log'),
			...user,
		},
		async () => await isAnswering(port),
	);
	return new Server(port, program);
}
