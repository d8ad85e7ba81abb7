/** Where the key could have got to in a world in which everything has been done, and a search of it all. */
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

/** Looks like the key, and is put where it has to be found. */
const DECOY = 'sk/decoy+7c40d9b2e85f1a6f3b=<2"9e>';

/** What is found around a trace is told, so much of it. */
const AROUND = 60;

/** What stands around the first of the traces that is found, if one is. */
function quoteAround(traces: readonly Buffer[], bytes: Buffer): string | undefined {
	for (const trace of traces) {
		const at = bytes.indexOf(trace);
		if (at >= 0) return bytes.toString('latin1', Math.max(0, at - AROUND), at + trace.length + AROUND);
	}
	return undefined;
}

const toBuffers = (texts: readonly string[]) => texts.map((text) => Buffer.from(text));

/** A kind of place where the key could be, and what was looked through there. */
interface Area {
	parts: number;
	bytes: number;
	/** What was found there of what had to be there. */
	baits: Set<string>;
}

/** The search of a world. */
class Search {
	private readonly key = toBuffers(listTraces(API_KEY));
	private readonly baits: ReadonlyArray<[string, Buffer[]]>;
	readonly areas = new Map<string, Area>();
	/** Where the key was found, and what stands around it. */
	readonly found: string[] = [];

	/** @param marks what has to be found beside the decoy, so that a search that finds nothing is known to search */
	constructor(...marks: string[]) {
		const plain = marks.map((mark): [string, Buffer[]] => [mark, toBuffers([mark])]);
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

	/** The areas in which a bait was found. */
	listAreasWith(bait: string): string[] {
		return [...this.areas].filter(([, { baits }]) => baits.has(bait)).map(([name]) => name);
	}

	toString(): string {
		return [...this.areas]
			.map(([name, { parts, bytes }]) => `${name} ${parts} (${(bytes / 1024 / 1024).toFixed(1)} MB)`)
			.join(', ');
	}
}

/** Every file under a folder; links are not followed. */
function listFiles(folder: string): string[] {
	return readdirSync(folder).flatMap((name) => {
		const path = join(folder, name);
		const entry = lstatSync(path);
		if (entry.isDirectory()) return listFiles(path);
		return entry.isFile() ? [path] : [];
	});
}

/** Prints every row of an SQLite database as JSON: in the file, a row may be torn apart by the pages it lies on. */
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

/** What is known of a world that is not in its folder. */
export interface Evidence {
	/** Requests that other services than the world's own have recorded. */
	requests?: readonly RequestRecord[];
	/** What was said to people and callers. */
	messages?: readonly unknown[];
}

/** All that a person can get from n8n: every execution with its data, and the credentials, whose secrets n8n keeps back. */
async function searchRestApi(search: Search, { main }: World): Promise<void> {
	const look = async (area: string, path: string) => {
		const { status, data } = await main.request('GET', path);
		if (status !== 404) search.searchText(area, path, JSON.stringify(data));
	};
	const latest = await main.listExecutions();
	// They are numbered.
	const count = Math.max(...latest.map(({ id }) => Number(id)));
	for (let id = 1; id <= count; id++) await look('executions', `/executions/${id}`);
	const credentials = await main.requestData<Array<{ id: string }>>('GET', '/credentials');
	for (const { id } of credentials) await look('credentials', `/credentials/${id}?includeData=true`);
}

/** What services have recorded. The key has its place in the bodies of calls to the API, and nowhere else. */
function searchRequests(search: Search, requests: readonly RequestRecord[]): void {
	for (const { method, path, headers, body } of requests) {
		const isCall = method === 'POST' && path.startsWith('/api/');
		const rest = isCall && isObject(body) ? { ...body, key: undefined } : body;
		search.searchText('requests', `${method} ${path}`, JSON.stringify([path, headers, rest]));
	}
}

/** Which area a file of a world's folder belongs to. */
function chooseArea(file: string): string {
	if (/^postgres/.test(file)) return 'PostgreSQL';
	if (/^redis/.test(file)) return 'Redis';
	if (/\.log$/.test(file)) return 'logs';
	if (/\bbinaryData\b|\bstorage\b/.test(file)) return 'files';
	return 'n8n folders';
}

/** Everything in the world's folder: databases with their journals, n8n's settings, logs, files, what was printed. */
async function searchFolder(search: Search, { folder, installation }: World): Promise<void> {
	for (const path of listFiles(folder)) {
		const file = relative(folder, path);
		search.searchText(chooseArea(file), file, readFileSync(path));
		if (file.endsWith('.sqlite')) search.searchText('SQLite', file, await readRows(installation, path));
	}
}

/**
 * The last test of a world: looks for the key wherever anything of what was done could have left it. It ends n8n, so that
 * all is on disk.
 */
export function testKeyIsNowhere(getWorld: () => World, getEvidence: () => Evidence = () => ({})): void {
	test('after all of this the key stands in no database, file, log, execution, answer or address', async () => {
		const world = getWorld();
		const { main, outside, workers, folder, service, servers } = world;
		service.clearFaults();
		service.configure({ jobSeconds: 1 });
		await main.createCredential(DECOY, CREDENTIAL_TYPE, { apiKey: API_KEY, baseUrl: service.baseUrl });
		const saved = await startWorkflow(world, { options: { trackId: DECOY } });
		const { status } = await waitForResult(world, saved);
		expect(status).toBe('success');
		const logged = `job ${service.jobs.at(-1)?.id} was accepted`;
		const search = new Search(logged, saved.id);

		await searchRestApi(search, world);
		if (servers) {
			await dumpPostgres(servers.postgres, join(folder, 'postgres.sql'));
			await dumpRedis(servers.redis, join(folder, 'redis.rdb'));
		}
		for (const n8n of new Set([main, outside, ...workers])) await n8n.stop();
		await searchFolder(search, world);
		const { requests = [], messages = [] } = getEvidence();
		searchRequests(search, [...service.requests, ...requests]);
		const answers = [...main.answers, ...outside.answers, ...messages];
		for (const answer of answers) search.searchText('answers', 'an answer', JSON.stringify(answer) ?? '');
		say(`The key was looked for in: ${String(search)}.`);

		expect(search.found).toEqual([]);
		const database = servers ? 'PostgreSQL' : 'SQLite';
		expect(search.listAreasWith(DECOY)).toEqual(
			expect.arrayContaining(['executions', 'credentials', 'requests', database]),
		);
		expect(search.listAreasWith(logged)).toContain('logs');
		if (servers) expect(search.listAreasWith(saved.id)).toContain('Redis');
		// In queue mode n8n keeps files in its database.
		if (!servers) expect(search.areas.get('files')?.parts).toBeGreaterThan(0);
	});
}
