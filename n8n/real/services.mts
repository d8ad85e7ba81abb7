/** Redis and PostgreSQL for n8n's queue mode: Debian's, as ordinary processes on loopback, with nothing that outlives them. */
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

/** A server that runs, also after it was started once more. */
export class Server {
	constructor(
		readonly port: number,
		public program: Program,
	) {}

	/** Starts it once more, after it has ended, with what it has kept in its folder. */
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

/** What Redis keeps for its next start lies there. */
const KEPT = 'appendonlydir';

/** Has a Redis that has ended forget everything. */
export function forgetRedis(folder: string): void {
	rmSync(join(folder, KEPT), { recursive: true });
}

/** Starts an empty Redis that writes down what it is told. */
export async function startRedis(folder: string): Promise<Server> {
	mkdirSync(folder, { recursive: true });
	const port = await getPort({ host: '127.0.0.1' });
	const program = await Program.start(
		{
			name: 'Redis',
			program: '/usr/bin/redis-server',
			args: [
				...['--bind', '127.0.0.1', '--port', String(port), '--dir', folder],
				...['--save', '', '--appendonly', 'yes', '--appenddirname', KEPT],
			],
			env: {},
			cwd: folder,
			log: join(folder, 'redis.log'),
		},
		async () => await isAnswering(port),
	);
	return new Server(port, program);
}

/** Writes down every command that a Redis is given, into a file of the folder. */
export async function recordRedis(port: number, folder: string): Promise<Program> {
	const log = join(folder, 'redis-traffic.log');
	return await Program.start(
		{
			name: 'the record of Redis',
			program: '/usr/bin/redis-cli',
			args: [...describeRedis(port), 'monitor'],
			env: {},
			cwd: folder,
			log,
		},
		async () => await Promise.resolve(readFileSync(log, 'utf8').startsWith('OK')),
	);
}

/** Writes all that a Redis holds into a file, as texts that can be read. */
export async function dumpRedis(port: number, file: string): Promise<void> {
	const cli = async (...args: string[]) => await run('/usr/bin/redis-cli', [...describeRedis(port), ...args]);
	await cli('config', 'set', 'rdbcompression', 'no');
	await cli('--rdb', file);
}

/** Asks a Redis for a number, such as a list's length. */
export async function readRedisNumber(port: number, ...command: string[]): Promise<number> {
	const { stdout } = await run('/usr/bin/redis-cli', [...describeRedis(port), ...command]);
	return Number(stdout);
}

/** PostgreSQL refuses to run as root, and Debian's package brings a user for it. */
async function findPostgresUser(): Promise<{ uid?: number; gid?: number }> {
	if (process.getuid?.() !== 0) return {};
	const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout);
	return { uid: await id('-u'), gid: await id('-g') };
}

/** Runs a client of PostgreSQL's on an n8n's database. @returns what it prints */
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

/** Writes the whole database into a file, as SQL. */
export async function dumpPostgres(port: number, file: string): Promise<void> {
	await runPostgresClient('pg_dump', port, '--file', file);
}

/** Asks an n8n's database. @returns rows of columns, all as texts */
export async function query(port: number, sql: string): Promise<string[][]> {
	const stdout = await runPostgresClient('psql', port, '--no-psqlrc', '-At', '-F', '\t', '-c', sql);
	return stdout
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => line.split('\t'));
}

/** Starts an empty database: user `n8n` without a password, database `postgres`. */
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
