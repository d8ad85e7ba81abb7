/** Searches everything that an n8n server has written, stored and answered for the key. */
import { execFile } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';

import { isObject } from '../../local-api/json.mts';
import type { RequestRecord } from '../../local-api/index.mts';
import type { Installation } from '../../n8n/real/install.mts';
import { dumpPostgres, dumpRedis } from '../../n8n/real/services.mts';
import { API_KEY, CREDENTIAL_TYPE, type World } from '../../n8n/real/worlds.mts';
import { listTraces } from '../support/encodings.mts';
import { say, startWorkflow, waitForResult } from './suite.mts';

const run = promisify(execFile);

/** A text like the key, in places where the search must find it. */
const DECOY = 'sk/decoy+7c40d9b2e85f1a6f3b=<2"9e>';

/** How many bytes around a trace are quoted, on each side. */
const AROUND = 60;

/** Quotes the bytes around the first trace in some bytes. @returns `undefined` if there is none */
function quoteAround(traces: readonly Buffer[], bytes: Buffer): string | undefined {
	for (const trace of traces) {
		const at = bytes.indexOf(trace);
		if (at >= 0) return bytes.toString('latin1', Math.max(0, at - AROUND), at + trace.length + AROUND);
	}
	return undefined;
}

const toBuffers = (texts: readonly string[]) => texts.map((text) => Buffer.from(text));

/** A kind of place where the key could be, and how much of it was searched. */
interface Area {
	parts: number;
	bytes: number;
	/** The baits that were found there. */
	baits: Set<string>;
}

/** The search of an n8n server. */
class Search {
	private readonly key = toBuffers(listTraces(API_KEY));
	private readonly baits: ReadonlyArray<[string, Buffer[]]>;
	readonly areas = new Map<string, Area>();
	/** Where the key was found, with the bytes around it. */
	readonly found: string[] = [];

	/** @param texts must be found like the decoy. They show that the search works. */
	constructor(...texts: string[]) {
		const plain = texts.map((text): [string, Buffer[]] => [text, toBuffers([text])]);
		this.baits = [[DECOY, toBuffers(listTraces(DECOY))], ...plain];
	}

	searchText(areaName: string, part: string, content: Buffer | string): void {
		const bytes = typeof content === 'string' ? Buffer.from(content) : content;
		const area = this.areas.get(areaName) ?? { parts: 0, bytes: 0, baits: new Set() };
		this.areas.set(areaName, area);
		area.parts += 1;
		area.bytes += bytes.length;
		for (const [bait, traces] of this.baits) {
			if (!area.baits.has(bait) && quoteAround(traces, bytes) !== undefined) area.baits.add(bait);
		}
		const leak = quoteAround(this.key, bytes);
		if (leak !== undefined) this.found.push(`${areaName}, ${part}: ${leak}`);
	}

	/** Lists the areas in which a bait was found. */
	listAreasWith(bait: string): string[] {
		return [...this.areas].filter(([, { baits }]) => baits.has(bait)).map(([name]) => name);
	}

	toString(): string {
		return [...this.areas]
			.map(([name, { parts, bytes }]) => `${name} ${parts} (${(bytes / 1024 / 1024).toFixed(1)} MB)`)
			.join(', ');
	}
}

/** Lists every file in a folder and its subfolders. Does not follow links. */
function listFiles(folder: string): string[] {
	return readdirSync(folder).flatMap((name) => {
		const path = join(folder, name);
		const entry = lstatSync(path);
		if (entry.isDirectory()) return listFiles(path);
		return entry.isFile() ? [path] : [];
	});
}

/** A program that prints every row of an SQLite database as JSON. In the file, a row can be split into pages. */
const PRINT_ROWS = `
const { Database, OPEN_READONLY } = require('sqlite3');
const database = new Database(process.argv[1], OPEN_READONLY);
database.all("SELECT name FROM sqlite_master WHERE type = 'table'", (failure, tables) => {
	if (failure) throw failure;
	for (const { name } of tables) {
		database.all('SELECT * FROM "' + name + '"', (error, rows) => {
			if (error) throw error;
			for (const row of rows) console.log(name, JSON.stringify(row));
		});
	}
});`;

async function readRows({ node, folder }: Installation, database: string): Promise<string> {
	const { stdout } = await run(node, ['-e', PRINT_ROWS, database], { cwd: folder, maxBuffer: 2 ** 30 });
	return stdout;
}

/** What is to be searched in addition. */
export interface Evidence {
	/** Requests that other stand-in services have recorded. */
	requests?: readonly RequestRecord[];
	/** Messages of n8n to people and callers. */
	messages?: readonly unknown[];
}

/** Searches what n8n sends to its users: every execution with its data, and the credentials without their secrets. */
async function searchRestApi(search: Search, { main }: World): Promise<void> {
	const searchAnswer = async (area: string, path: string) => {
		const { status, data } = await main.request('GET', path);
		if (status !== 404) search.searchText(area, path, JSON.stringify(data));
	};
	const latest = await main.listExecutions();
	// Executions are numbered from 1.
	const count = Math.max(...latest.map(({ id }) => Number(id)));
	for (let id = 1; id <= count; id++) await searchAnswer('executions', `/executions/${id}`);
	const credentials = await main.requestData<Array<{ id: string }>>('GET', '/credentials');
	for (const { id } of credentials) await searchAnswer('credentials', `/credentials/${id}?includeData=true`);
}

/** Searches recorded requests. The key may be only in the bodies of calls to the API. */
function searchRequests(search: Search, requests: readonly RequestRecord[]): void {
	for (const { method, path, headers, body } of requests) {
		const isCall = method === 'POST' && path.startsWith('/api/');
		const rest = isCall && isObject(body) ? { ...body, key: undefined } : body;
		search.searchText('requests', `${method} ${path}`, JSON.stringify([path, headers, rest]));
	}
}

/** Chooses the area of a file. @param file its path in the folder of the world */
function chooseArea(file: string): string {
	if (/^postgres/.test(file)) return 'PostgreSQL';
	if (/^redis/.test(file)) return 'Redis';
	if (/\.log$/.test(file)) return 'logs';
	if (/\bbinaryData\b|\bstorage\b/.test(file)) return 'files';
	return 'n8n folders';
}

/** Searches the folder of the world: databases and their journals, n8n's settings, logs, files, and output. */
async function searchFolder(search: Search, { folder, installation }: World): Promise<void> {
	for (const path of listFiles(folder)) {
		const file = relative(folder, path);
		search.searchText(chooseArea(file), file, readFileSync(path));
		if (file.endsWith('.sqlite')) search.searchText('SQLite', file, await readRows(installation, path));
	}
}

/** Dumps the databases into the folder of the world, and stops n8n. */
async function writeToDisk({ main, outside, workers, folder, servers }: World): Promise<void> {
	if (servers) {
		await dumpPostgres(servers.postgres, join(folder, 'postgres.sql'));
		await dumpRedis(servers.redis, join(folder, 'redis.rdb'));
	}
	for (const n8n of new Set([main, outside, ...workers])) await n8n.stop();
}

/** Tests that the key is nowhere. This is the last test of an n8n server: it stops n8n, so that everything is on the disk. */
export function testKeyIsNowhere(getWorld: () => World, getEvidence: () => Evidence = () => ({})): void {
	test('the key is in no database, file, log, execution, answer or URL', async () => {
		const world = getWorld();
		const { main, outside, service, servers } = world;
		service.clearFaults();
		service.configure({ jobSeconds: 1 });
		await main.createCredential(DECOY, CREDENTIAL_TYPE, {
			apiKey: API_KEY,
			service: 'other',
			baseUrl: service.baseUrl,
		});
		const saved = await startWorkflow(world, { options: { trackId: DECOY } });
		const { status } = await waitForResult(world, saved);
		expect(status).toBe('success');
		const logged = `job ${service.jobs.at(-1)?.id} was accepted`;
		const search = new Search(logged, saved.id);

		await searchRestApi(search, world);
		await writeToDisk(world);
		await searchFolder(search, world);
		const { requests = [], messages = [] } = getEvidence();
		searchRequests(search, [...service.requests, ...requests]);
		const answers = [...main.answers, ...outside.answers, ...messages];
		for (const answer of answers) search.searchText('answers', 'an answer', JSON.stringify(answer) ?? '');
		say(`The key was searched for in: ${String(search)}.`);

		expect(search.found).toEqual([]);
		const database = servers ? 'PostgreSQL' : 'SQLite';
		expect(search.listAreasWith(DECOY)).toEqual(
			expect.arrayContaining(['executions', 'credentials', 'requests', database]),
		);
		expect(search.listAreasWith(logged)).toContain('logs');
		if (servers) expect(search.listAreasWith(saved.id)).toContain('Redis');
		// In queue mode, n8n keeps files in its database.
		if (!servers) expect(search.areas.get('files')?.parts).toBeGreaterThan(0);
	});
}
