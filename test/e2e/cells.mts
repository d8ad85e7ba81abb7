/** Cells of the fault table on a real n8n: its own clock, its own retries. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import axios from 'axios';
import type { INode, IRun } from 'n8n-workflow';

import { isObject } from '../../local-api/json.mts';
import { type LocalApi, startLocalApi, systemClock } from '../../local-api/index.mts';
import { type N8n, PACKAGE, type WorkflowFile } from '../../n8n/real/n8n.mts';
import { API_KEY, CREDENTIAL_TYPE, type World } from '../../n8n/real/worlds.mts';
import { type Cell, type Gap, listRows, nameCell, PERSISTENCES, type Row } from '../faults/cells.mts';
import { deriveExpectation, type Pace } from '../faults/expect.mts';
import { findFault } from '../faults/faults.mts';
import { FaultProxy } from '../faults/fault-proxy.mts';
import { judgeCell } from '../faults/judge.mts';
import type { Names } from '../faults/named-server.mts';
import {
	downloadOutputs,
	getInputImages,
	makeNodeSettings,
	makeParameters,
	type Observation,
	planFault,
} from '../faults/scene.mts';
import type { RowResult, Verdict } from '../faults/table.mts';
import { ENDS, NODE, readItems } from './suite.mts';

/**
 * Real time. A call to an execution at rest is answered after 20 s at most, and has to find it there still; where the
 * fault comes before the rest, each try of the node may take all of Timeout.
 */
const POLLING: Pace = { timeout: 10, jobSeconds: 1, hanging: 10, slack: 120 };
const SUSPENDED: Pace = { timeout: 60, jobSeconds: 20, hanging: 60, slack: 180 };
const SUSPENDED_AFTER_FAULT: Pace = { timeout: 20, jobSeconds: 6, hanging: 20, slack: 180 };

function choosePace({ mode, place }: Cell): Pace {
	if (mode !== 'suspended') return POLLING;
	return place === 'fetch' || place === 'download' ? SUSPENDED : SUSPENDED_AFTER_FAULT;
}

/** How long a cell may take, s: those that take long are best begun with. */
function estimateLongest(cell: Cell): number {
	return deriveExpectation(cell, choosePace(cell)).longest;
}

/** What the service asks to wait here, s. */
const WAIT_SECONDS = 1;

/** How many executions one n8n has at the same time; most of them wait. */
const AT_ONCE = 60;

/** How often the executions are looked at, ms. */
const POLL_MS = 1500;

/** How long a cell may take, ms: what it should take at most is its expectation's. */
const CELL_LIMIT_MS = 10 * 60_000;

/** Why a cell of the table is not run here, if it is not. */
function describeGap(cell: Cell): string | undefined {
	const { mode, onError, isRetried } = cell;
	if ((findFault(cell)?.lasts ?? 0) > choosePace(cell).timeout)
		return 'it takes longer than the node has here';
	if (!isRetried) return "without n8n's own retry there is nothing of n8n's to try";
	if (mode === 'none')
		return 'without waiting there is no more than the submit, which is the same as when watching';
	if (onError === 'errorOutput') return 'to a retry the error output is the same as Continue';
	if (mode === 'suspended' && onError === 'continue') {
		return 'n8n does not retry what has failed before a rest when the node continues';
	}
	return undefined;
}

/**
 * The rows of the table that are run on a real n8n, with what is left out.
 *
 * @param share which of the versions this is: among them are shared out the cells in which the node continues, and those
 *   at rest
 */
export function listRealRows(share: number, shares: number): Row[] {
	const reasonFor = (cell: Cell, index: number) =>
		describeGap(cell) ??
		((cell.onError === 'continue' || cell.mode === 'suspended') &&
		(index + PERSISTENCES.indexOf(cell.persistence)) % shares !== share
			? 'run on the other version of n8n'
			: undefined);
	return listRows()
		.filter(({ place }) => place !== 'webhook')
		.map(({ cells, gaps, ...row }, index) => {
			const own: Cell[] = [];
			const more: Gap[] = [];
			for (const cell of cells) {
				const reason = reasonFor(cell, index);
				if (reason !== undefined) more.push({ ...cell, reason });
				else own.push({ ...cell, ...(cell.waitSeconds && { waitSeconds: WAIT_SECONDS }) });
			}
			return { ...row, cells: own, gaps: [...gaps, ...more] };
		});
}

/** The lowest port that systems give out by themselves is above these. */
const FIRST_PORT = 12_000;
const LAST_PORT = 32_000;

/** Names in the files of a folder, where n8n looks them up by `names.cjs`. */
export class FolderNames implements Names {
	private readonly folder = mkdtempSync(join(tmpdir(), 'img-to-3d-names-'));
	private next = FIRST_PORT + Math.floor((Math.random() * (LAST_PORT - FIRST_PORT)) / 2);

	/** The environment of an n8n that is to know them. */
	get env(): Record<string, string> {
		return { NODE_OPTIONS: `--require ${resolve('test/e2e/names.cjs')}`, IMG_TO_3D_NAMES: this.folder };
	}

	set(name: string, isThere: boolean): void {
		writeFileSync(join(this.folder, name), isThere ? 'there' : 'nowhere');
	}

	forget(name: string): void {
		rmSync(join(this.folder, name));
	}

	/** Each is given out once, so that nobody else listens where a front has shut its door. */
	async reservePort(): Promise<number> {
		for (;;) {
			const port = this.next++;
			const probe = createServer();
			const isFree = await new Promise<boolean>((settle) => {
				probe.once('error', () => settle(false));
				probe.listen(port, '127.0.0.1', () => settle(true));
			});
			if (!isFree) continue;
			await new Promise((settle) => probe.close(settle));
			return port;
		}
	}

	remove(): void {
		rmSync(this.folder, { recursive: true, force: true });
	}
}

const START = 'Start';
const FILES = 'Files';

/** The smallest workflow with the node in it, run by hand: its items are pinned to the trigger. */
function buildWorkflow(
	cell: Cell,
	credentials: INode['credentials'],
	images: readonly string[],
): WorkflowFile {
	const node = (name: string, type: string, x: number, more: Partial<INode> = {}): INode => ({
		id: name,
		name,
		type,
		typeVersion: 1,
		position: [x, 0],
		parameters: {},
		...more,
	});
	const to = (name: string) => ({ main: [[{ node: name, type: 'main' as const, index: 0 }]] });
	return {
		name: nameCell(cell),
		nodes: [
			node(START, 'n8n-nodes-base.manualTrigger', 0),
			node(FILES, 'n8n-nodes-base.moveBinaryData', 200, {
				parameters: {
					mode: 'jsonToBinary',
					convertAllData: false,
					sourceKey: 'image',
					options: { dataIsBase64: true, keepSource: true, fileName: 'dot.png', mimeType: 'image/png' },
				},
			}),
			node(NODE, `${PACKAGE}.imgTo3d`, 400, {
				parameters: makeParameters(cell, choosePace(cell)),
				credentials,
				...makeNodeSettings(cell),
			}),
		],
		connections: { [START]: to(FILES), [FILES]: to(NODE) },
		settings: { executionOrder: 'v1' },
		pinData: { [START]: images.map((image, n) => ({ json: { n, image } })) },
	};
}

/** The clock of a service whose jobs end when they are to: it goes by the system's, and can be put forward. */
class ForwardClock {
	private ahead = 0;

	readonly now = () => Date.now() + this.ahead;
	readonly sleep = systemClock.sleep;

	forward(seconds: number): void {
		this.ahead += seconds * 1000;
	}
}

/** How the executions of an n8n stand: one look for all that are waited for. */
class StatusPoller {
	private readonly waiting = new Map<string, (status: string | Error) => void>();
	private isPolling = false;

	constructor(private readonly n8n: N8n) {}

	/** The status of an execution at the next look. */
	async waitForNext(id: string): Promise<string> {
		const status = await new Promise<string | Error>((resolve) => {
			this.waiting.set(id, resolve);
			void this.poll();
		});
		if (status instanceof Error) throw status;
		return status;
	}

	private async poll(): Promise<void> {
		if (this.isPolling) return;
		this.isPolling = true;
		while (this.waiting.size > 0) {
			await pause(POLL_MS);
			const asked = new Map(this.waiting);
			try {
				for await (const { id, status } of this.n8n.listAllExecutions()) {
					this.settle(id, status);
					asked.delete(id);
					if (asked.size === 0) break;
				}
			} catch (error) {
				for (const id of asked.keys()) this.settle(id, error as Error);
			}
		}
		this.isPolling = false;
	}

	private settle(id: string, status: string | Error): void {
		const resolve = this.waiting.get(id);
		this.waiting.delete(id);
		resolve?.(status);
	}
}

/** A service of a cell's own, and the calls that are made in its place. */
class CellService {
	private readonly called = new Set<number>();
	/** What n8n has answered them. */
	readonly answers: unknown[] = [];

	private constructor(
		readonly api: LocalApi,
		private readonly clock: ForwardClock,
		private readonly jobSeconds: number,
	) {}

	static async start({ jobSeconds }: Pace): Promise<CellService> {
		const clock = new ForwardClock();
		const api = await startLocalApi({ jobSeconds, parallel: 10, queueLimit: 10, webhooks: 'never', clock });
		return new CellService(api, clock, jobSeconds);
	}

	/** Ends all jobs, and calls for each of them, once. */
	async endJobs(): Promise<void> {
		const { api, clock, called } = this;
		if (api.jobs.some(({ endsAt }) => endsAt > clock.now())) clock.forward(this.jobSeconds);
		for (const { id, trackId, outputs, webhook } of api.jobs.slice()) {
			if (webhook === null || called.has(id)) continue;
			const body = { status: 'success', id, track_id: trackId, output: outputs, meta: {} };
			const { data } = await axios.post<unknown>(webhook, body, {
				proxy: false,
				validateStatus: () => true,
			});
			this.answers.push([id, new Date(), data]);
			// These are n8n's own answers: while the execution runs, in the moment of its change of state, without a database.
			const isHeard = !isObject(data) || !('code' in data);
			if (isHeard) called.add(id);
		}
	}
}

/** Runs cells on one n8n, each with a service, a front, a credential and a workflow of its own. */
export class RealCells {
	private count = 0;
	private readonly statuses: StatusPoller;
	/** What the cells' services have recorded of requests: URLs, headers, bodies. */
	readonly requests: LocalApi['requests'][number][] = [];

	constructor(
		private readonly world: World,
		private readonly names: FolderNames,
	) {
		this.statuses = new StatusPoller(world.main);
	}

	private async runCell(cell: Cell): Promise<Verdict> {
		const pace = choosePace(cell);
		const images = await getInputImages();
		const service = await CellService.start(pace);
		const front = await FaultProxy.open(
			{ clock: systemClock, service: service.api, names: this.names, label: `-${++this.count}` },
			API_KEY,
			planFault(cell, { ...pace, jobSeconds: POLLING.jobSeconds }),
			images,
			cell.isPublic === true,
		);
		try {
			const verdict = judgeCell(cell, await this.observe(cell, service, front, images), pace);
			const isBroken = verdict.complaints.length > 0 && service.answers.length > 0;
			if (isBroken) verdict.complaints.push(`calls were answered ${JSON.stringify(service.answers)}`);
			return verdict;
		} finally {
			await front.close();
			await service.api.stop();
			this.requests.push(...service.api.requests);
		}
	}

	private async observe(
		cell: Cell,
		service: CellService,
		front: FaultProxy,
		images: readonly string[],
	): Promise<Observation> {
		const { main } = this.world;
		const { id, name } = await main.createCredential(nameCell(cell), CREDENTIAL_TYPE, {
			apiKey: API_KEY,
			baseUrl: front.baseUrl,
		});
		const workflow = buildWorkflow(cell, { [CREDENTIAL_TYPE]: { id, name } }, images);
		const saved = await main.importWorkflow(workflow);
		// What comes after a rest is spoilt from then on.
		let isArmed = cell.mode !== 'suspended' || !['fetch', 'download'].includes(cell.place);
		if (isArmed) await front.arm();
		const started = Date.now();
		const executionId = await main.runManually(saved, START);
		const { jobs } = service.api;
		const limit = Date.now() + CELL_LIMIT_MS;
		for (let state = ''; !ENDS.includes(state); ) {
			state = await this.statuses.waitForNext(executionId);
			if (Date.now() > limit) throw new Error(`${nameCell(cell)} has not ended: it is ${state}`);
			if (state !== 'waiting') continue;
			if (!isArmed) await front.arm();
			isArmed = true;
			await service.endJobs();
		}
		const seconds = (Date.now() - started) / 1000;
		const { status, data } = await main.readExecution(executionId);
		const items = readItems(data, NODE);
		const files = await Promise.all(
			items.map(async (item) => (item.binary?.data ? await main.downloadFile(item) : undefined)),
		);
		const log = main.program.printed
			.split('\n')
			.filter((line) => line.includes(`(execution ${executionId},`));
		return {
			key: API_KEY,
			run: { status, data } as IRun,
			items,
			errors: readItems(data, NODE, 1),
			files,
			made: files.some(Boolean) ? await downloadOutputs(jobs) : new Map<number, Buffer>(),
			jobs,
			exchanges: front.exchanges,
			log,
			requests: [],
			hosts: front.hosts,
			seconds,
			started: [],
			kept: [data, service.answers],
		};
	}

	/** Runs all cells of the rows, many at the same time. */
	async run(all: readonly Row[]): Promise<RowResult[]> {
		const verdicts = new Map<Cell, Verdict>();
		const cells = all.flatMap((row) => row.cells);
		const open = cells.sort((a, b) => estimateLongest(b) - estimateLongest(a));
		const lane = async () => {
			for (let cell = open.shift(); cell !== undefined; cell = open.shift()) {
				const verdict = await this.runCell(cell).catch(
					(error: Error): Verdict => ({
						cell,
						complaints: [`it could not be run: ${error.message}`],
						paid: 0,
						paidAnew: 0,
						seconds: 0,
					}),
				);
				verdicts.set(cell, verdict);
			}
		};
		await Promise.all(Array.from({ length: AT_ONCE }, lane));
		return all.map(({ cells: own, ...row }) => ({
			...row,
			verdicts: own.flatMap((cell) => verdicts.get(cell) ?? []),
		}));
	}
}
