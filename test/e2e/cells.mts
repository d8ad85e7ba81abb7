/** Cells of the fault table on an n8n server, in real time and with n8n's own retries. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import type { INode, IRun } from 'n8n-workflow';
import pLimit from 'p-limit';

import { systemClock, type LocalApi } from '../../local-api/index.mts';
import { PACKAGE, type Saved, type WorkflowFile } from '../../n8n/real/n8n.mts';
import { API_KEY, CREDENTIAL_TYPE, type World } from '../../n8n/real/worlds.mts';
import { listRows, nameCell, PERSISTENCES, type Cell, type Gap, type Row } from '../faults/cells.mts';
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
import { CellService, StatusPoller } from './cell-service.mts';
import { ENDS, NODE, readItems } from './suite.mts';

/**
 * Durations in real time. n8n answers a call to a suspended execution within 20 s, and the execution must still be
 * suspended then. If the fault hits before the suspension, each try of the node may take until Timeout.
 */
const POLLING: Pace = { timeout: 10, jobSeconds: 1, hanging: 10, slack: 120 };
const SUSPENDED: Pace = { timeout: 60, jobSeconds: 20, hanging: 60, slack: 180 };
const SUSPENDED_AFTER_FAULT: Pace = { timeout: 20, jobSeconds: 6, hanging: 20, slack: 180 };

function choosePace({ mode, place }: Cell): Pace {
	if (mode !== 'suspended') return POLLING;
	return place === 'fetch' || place === 'download' ? SUSPENDED : SUSPENDED_AFTER_FAULT;
}

/** Estimates how long a cell may take, s. */
function estimateLongest(cell: Cell): number {
	return deriveExpectation(cell, choosePace(cell)).longest;
}

/** How long the service asks the node to wait here, s. */
const WAIT_SECONDS = 1;

/** How many executions an n8n server has at the same time. Most of them wait. */
const AT_ONCE = 60;

/** How long a cell may take until it is given up, ms. Its expectation has a shorter limit. */
const CELL_LIMIT_MS = 10 * 60_000;

/** Describes why a cell does not run here. @returns `undefined` if it does */
function describeGap(cell: Cell): string | undefined {
	const { mode, onError, isRetried } = cell;
	if ((findFault(cell)?.lasts ?? 0) > choosePace(cell).timeout) return 'it takes longer than Timeout here';
	if (!isRetried) return "without Retry On Fail, it tests nothing of n8n's";
	if (mode === 'none') return 'without waiting, it is only the submit, which is the same when polling';
	if (onError === 'errorOutput') return 'for a retry, the error output is the same as Continue';
	if (mode === 'suspended' && onError === 'continue') {
		return 'if the node continues, n8n does not retry what failed before the execution was suspended';
	}
	return undefined;
}

/**
 * Lists the rows of the table that run on an n8n server, with the cells that do not. The cells in which the node
 * continues, and the suspended ones, are divided among the versions of n8n.
 *
 * @param share the index of the version
 * @param shares the number of versions
 */
export function listRealRows(share: number, shares: number): Row[] {
	const findReason = (cell: Cell, index: number) =>
		describeGap(cell) ??
		((cell.onError === 'continue' || cell.mode === 'suspended') &&
		(index + PERSISTENCES.indexOf(cell.persistence)) % shares !== share
			? 'it runs on the other version of n8n'
			: undefined);
	return listRows()
		.filter(({ place }) => place !== 'webhook')
		.map(({ cells, gaps, ...row }, index) => {
			const own: Cell[] = [];
			const more: Gap[] = [];
			for (const cell of cells) {
				const reason = findReason(cell, index);
				if (reason !== undefined) more.push({ ...cell, reason });
				else own.push({ ...cell, ...(cell.waitSeconds && { waitSeconds: WAIT_SECONDS }) });
			}
			return { ...row, cells: own, gaps: [...gaps, ...more] };
		});
}

/** These are below the ports that a system assigns by itself. */
const FIRST_PORT = 12_000;
const LAST_PORT = 32_000;

/** Host names in the files of a folder. In n8n, `names.cjs` reads them there. */
export class FolderNames implements Names {
	private readonly folder = mkdtempSync(join(tmpdir(), 'img-to-3d-names-'));
	private next = FIRST_PORT + Math.floor((Math.random() * (LAST_PORT - FIRST_PORT)) / 2);

	/** The environment of an n8n server that uses these names. */
	get env(): Record<string, string> {
		return { NODE_OPTIONS: `--require ${resolve('test/e2e/names.cjs')}`, IMG_TO_3D_NAMES: this.folder };
	}

	set(name: string, isThere: boolean): void {
		writeFileSync(join(this.folder, name), isThere ? 'there' : 'nowhere');
	}

	forget(name: string): void {
		rmSync(join(this.folder, name));
	}

	/** Reserves each port only once, so that nothing else listens there while its proxy is closed. */
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

/** Builds the smallest workflow with the node. It is run by hand, and its items are pinned to the trigger. */
function buildWorkflow(
	cell: Cell,
	credentials: INode['credentials'],
	images: readonly string[],
): WorkflowFile {
	const makeNode = (name: string, type: string, x: number, more: Partial<INode> = {}): INode => ({
		id: name,
		name,
		type,
		typeVersion: 1,
		position: [x, 0],
		parameters: {},
		...more,
	});
	const connectTo = (name: string) => ({ main: [[{ node: name, type: 'main' as const, index: 0 }]] });
	return {
		name: nameCell(cell),
		nodes: [
			makeNode(START, 'n8n-nodes-base.manualTrigger', 0),
			makeNode(FILES, 'n8n-nodes-base.moveBinaryData', 200, {
				parameters: {
					mode: 'jsonToBinary',
					convertAllData: false,
					sourceKey: 'image',
					options: { dataIsBase64: true, keepSource: true, fileName: 'dot.png', mimeType: 'image/png' },
				},
			}),
			makeNode(NODE, `${PACKAGE}.imgTo3d`, 400, {
				parameters: makeParameters(cell, choosePace(cell)),
				credentials,
				...makeNodeSettings(cell),
			}),
		],
		connections: { [START]: connectTo(FILES), [FILES]: connectTo(NODE) },
		settings: { executionOrder: 'v1' },
		pinData: { [START]: images.map((image, n) => ({ json: { n, image } })) },
	};
}

/** Runs cells on an n8n server. Each has its own service, proxy, credential and workflow. */
export class RealCells {
	private count = 0;
	private readonly statuses: StatusPoller;
	/** The requests that the services of the cells have recorded. */
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
		const proxy = await FaultProxy.open(
			{ clock: systemClock, service: service.api, names: this.names, label: `-${++this.count}` },
			API_KEY,
			planFault(cell, { ...pace, jobSeconds: POLLING.jobSeconds }),
			images,
			cell.isPublic === true,
		);
		try {
			const verdict = judgeCell(cell, await this.observe(cell, service, proxy, images), pace);
			const isBroken = verdict.complaints.length > 0 && service.answers.length > 0;
			if (isBroken)
				verdict.complaints.push(`the answers to the calls were ${JSON.stringify(service.answers)}`);
			return verdict;
		} finally {
			await proxy.close();
			await service.api.stop();
			this.requests.push(...service.api.requests);
		}
	}

	/** Runs the workflow of a cell in n8n, and observes it. */
	private async observe(
		cell: Cell,
		service: CellService,
		proxy: FaultProxy,
		images: readonly string[],
	): Promise<Observation> {
		const saved = await this.importWorkflow(cell, proxy, images);
		let isArmed = cell.mode !== 'suspended' || !['fetch', 'download'].includes(cell.place);
		if (isArmed) await proxy.arm();
		const start = Date.now();
		const execution = await this.world.main.runManually(saved, START);
		await this.waitForEnd(cell, execution, async () => {
			// A fault of what happens after the suspension is injected only then.
			if (!isArmed) await proxy.arm();
			isArmed = true;
			await service.endJobs();
		});
		return await this.readObservation(execution, service, proxy, (Date.now() - start) / 1000);
	}

	private async importWorkflow(cell: Cell, proxy: FaultProxy, images: readonly string[]): Promise<Saved> {
		const { main } = this.world;
		const { id, name } = await main.createCredential(nameCell(cell), CREDENTIAL_TYPE, {
			apiKey: API_KEY,
			service: 'other',
			baseUrl: proxy.baseUrl,
		});
		return await main.importWorkflow(buildWorkflow(cell, { [CREDENTIAL_TYPE]: { id, name } }, images));
	}

	/** Waits until an execution has ended. @param onSuspended is called again and again while it is suspended */
	private async waitForEnd(cell: Cell, execution: string, onSuspended: () => Promise<void>): Promise<void> {
		const limit = Date.now() + CELL_LIMIT_MS;
		for (let status = ''; !ENDS.includes(status); ) {
			status = await this.statuses.waitForNext(execution);
			if (Date.now() > limit) throw new Error(`${nameCell(cell)} has not ended: it is ${status}`);
			if (status === 'waiting') await onSuspended();
		}
	}

	private async readObservation(
		executionId: string,
		{ api, answers }: CellService,
		proxy: FaultProxy,
		seconds: number,
	): Promise<Observation> {
		const { main } = this.world;
		const { status, data } = await main.readExecution(executionId);
		const items = readItems(data, NODE);
		const files = await Promise.all(
			items.map(async (item) => (item.binary?.data ? await main.downloadFile(item) : undefined)),
		);
		return {
			key: API_KEY,
			run: { status, data } as IRun,
			items,
			errors: readItems(data, NODE, 1),
			files,
			made: files.some(Boolean) ? await downloadOutputs(api.jobs) : new Map<number, Buffer>(),
			jobs: api.jobs,
			exchanges: proxy.exchanges,
			log: main.program.printed.split('\n').filter((line) => line.includes(`(execution ${executionId},`)),
			requests: [],
			hosts: proxy.hosts,
			seconds,
			started: [],
			kept: [data, answers],
		};
	}

	/** Runs all cells of the rows, many at the same time, beginning with those that may take longest. */
	async run(all: readonly Row[]): Promise<RowResult[]> {
		const cells = all.flatMap((row) => row.cells).sort((a, b) => estimateLongest(b) - estimateLongest(a));
		const verdicts = new Map<Cell, Verdict>();
		await pLimit(AT_ONCE).map(cells, async (cell) => {
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
		});
		return all.map(({ cells: own, ...row }) => ({
			...row,
			verdicts: own.flatMap((cell) => verdicts.get(cell) ?? []),
		}));
	}
}
