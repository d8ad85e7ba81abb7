/** How much memory the node needs for large files and for many items. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { median } from 'simple-statistics';

import { Accounts } from '../nodes/ImgTo3d/polling/account.ts';
import { MAX_ENDED } from '../nodes/ImgTo3d/polling/durations.ts';
import { pollSimulated, SimulatedClock } from './simulated.mts';
import { readExampleParameters } from './example.mts';
import { startMeasured, type Contender, type MeasuredProcess } from './measured-process.mts';
import { describeEndedJob, startFileServer, startResponder, type Responder } from './responder.mts';
import { countRepeatedBytes } from './repeated-files.mts';
import { compareWithBound, formatSpread, formatVerdict, type Table } from './table.mts';

const MB = 1024 * 1024;
const KB = 1024;

const FILE_BYTES = 128 * MB;
const WARM_UP_BYTES = MB;
const MANY_FILES = 8;
const REPETITIONS = 3;
/** The most that the resident memory may grow by, MB. */
const GROWTH_BOUND = 64;

const ITEM_COUNTS = [1000, 2500, 5000, 10_000] as const;
/** Enough for the code and the caches of n8n and of Node to stop growing. */
const WARM_UP_ITEMS = 4000;

const formatMegabytes = (value: number) => `${value.toFixed(0)} MB`;

/** A way to download files, and how many. */
interface Downloader {
	contender: Contender;
	outputs: number;
	repetitions: number;
}

/** The servers of the files and of the jobs that output them. */
class Files {
	/** Size of the files. */
	bytes = WARM_UP_BYTES;

	private constructor(
		private readonly server: Responder,
		private responder?: Responder,
	) {}

	static async serve(): Promise<Files> {
		const files = new Files(await startFileServer());
		files.responder = await startResponder(() => [files.link]);
		return files;
	}

	private get link(): string {
		return `${this.server.origin}/turntable.gif?bytes=${this.bytes}`;
	}

	/** Has a process download files. @returns the growth of its resident memory, MB @throws when a file was not stored whole */
	async download({ measure }: MeasuredProcess, contender: Contender, outputs: number): Promise<number> {
		const { files, rssGrowth } = await measure({
			contender,
			baseUrl: `${this.responder?.origin}/api`,
			items: outputs,
			atOnce: outputs,
			parameters: { ...readExampleParameters(), image: 'https://example.com/mug.jpg', download: true },
			files: Array.from({ length: outputs }, () => this.link),
			samplesMemory: true,
		});
		const expected = countRepeatedBytes('turntable.gif', this.bytes);
		if (files.length !== outputs || files.some((size) => size !== expected)) {
			throw new Error(
				`${contender} stored ${files.join(', ')} bytes instead of ${outputs} times ${expected}.`,
			);
		}
		return rssGrowth / MB;
	}

	async stop(): Promise<void> {
		await this.responder?.stop();
		await this.server.stop();
	}
}

/** Measures the growth of the resident memory in a new process, MB. */
async function measureGrowth(files: Files, { contender, outputs }: Downloader): Promise<number> {
	const measured = await startMeasured();
	try {
		files.bytes = WARM_UP_BYTES;
		await files.download(measured, contender, MANY_FILES);
		files.bytes = FILE_BYTES;
		return await files.download(measured, contender, outputs);
	} finally {
		await measured.stop();
	}
}

/** @returns the growth of the resident memory, MB, for each downloader a value for each repetition */
async function measureGrowths(downloaders: readonly Downloader[]): Promise<number[][]> {
	const files = await Files.serve();
	try {
		const results: number[][] = downloaders.map(() => []);
		for (let repetition = 0; repetition < REPETITIONS; repetition++) {
			for (const [index, downloader] of downloaders.entries()) {
				if (repetition < downloader.repetitions) {
					results[index]?.push(await measureGrowth(files, downloader));
				}
			}
		}
		return results;
	} finally {
		await files.stop();
	}
}

async function measureFiles(): Promise<Table> {
	const [one = [], many = [], streamed = [], bufferedOne = [], bufferedMany = []] = await measureGrowths([
		{ contender: 'node', outputs: 1, repetitions: REPETITIONS },
		{ contender: 'node', outputs: MANY_FILES, repetitions: REPETITIONS },
		{ contender: 'streamed', outputs: MANY_FILES, repetitions: REPETITIONS },
		// Once, because it takes long and is far from the aim.
		{ contender: 'buffered', outputs: 1, repetitions: 1 },
		{ contender: 'buffered', outputs: MANY_FILES, repetitions: 1 },
	]);
	const size = `${FILE_BYTES / MB} MB`;
	const row = (what: string, figures: readonly number[], isBound = false) => [
		what,
		figures.length > 1 ? formatSpread(figures, formatMegabytes) : formatMegabytes(median(figures)),
		`${(median(figures) / median(one)).toFixed(1)} x`,
		isBound ? `at most ${GROWTH_BOUND} MB` : '',
		isBound ? compareWithBound(median(figures), GROWTH_BOUND) : '',
	];
	return {
		question: 'How much memory do large files take?',
		how: `Outputs of ${size} each, downloaded from a server in another process into n8n's storage in files (the default). Growth of the resident memory from before the run to its peak, sampled every 10 ms, in a process that has already downloaded ${MANY_FILES} files of ${WARM_UP_BYTES / MB} MB. ${REPETITIONS} new processes each (1 for the buffers), in turn. Median (least to most). The size of every stored file is checked.`,
		columns: ['download', 'growth', 'compared with the node and 1', 'aim', 'met'],
		rows: [
			row(`the node, 1 output`, one, true),
			row(`the node, ${MANY_FILES} outputs`, many, true),
			row(`a loop over n8n's helpers, each file as a stream, ${MANY_FILES} files`, streamed),
			row(`a loop over n8n's helpers, each file as a buffer, 1 file`, bufferedOne),
			row(`the same, ${MANY_FILES} files`, bufferedMany),
		],
	};
}

/** The heap of a run, bytes. */
interface Weight {
	/** Items. */
	count: number;
	/** What is freed with the result of the run. */
	held: number;
	/** How much the heap has grown since the first run. */
	kept: number;
}

async function weigh(contender: Contender): Promise<Weight[]> {
	const responder = await startResponder();
	const measured = await startMeasured();
	try {
		const body = await describeEndedJob();
		const run = async (items: number) =>
			await measured.measure({
				contender,
				baseUrl: `${responder.origin}/api`,
				items,
				atOnce: 5,
				parameters: { ...readExampleParameters(), download: false },
				body,
				weighsHeap: true,
			});
		await run(WARM_UP_ITEMS);
		const weighed: Weight[] = [];
		let first: number | undefined;
		for (const count of ITEM_COUNTS) {
			const { items, heap } = await run(count);
			if (items !== count || !heap) throw new Error(`${contender}: ${items} items instead of ${count}.`);
			first ??= heap.before;
			weighed.push({ count, held: heap.held - heap.after, kept: heap.after - first });
		}
		return weighed;
	} finally {
		await measured.stop();
		await responder.stop();
	}
}

async function measureItems(): Promise<Table> {
	const node = await weigh('node');
	const passThrough = await weigh('passThrough');
	return {
		question: 'How much memory do many items take?',
		how: `Items whose jobs are answered at once, without downloads. The runs follow each other in one process that has already done ${WARM_UP_ITEMS.toLocaleString('en')} items. The heap in use after forced garbage collection. Held: what is freed with the result of the run (input, output, n8n's data of the run, and the ledger of the paid jobs, which lives as long as the run). Kept: the growth of the heap since before the first of these runs. It varies by up to a megabyte either way, also with n8n's request helper in a loop. The plain node outputs as many items with the same answer in each, and makes no calls: this is what n8n itself holds. 1 repetition.`,
		columns: [
			'items',
			'held, node / plain node',
			'held per item, node',
			'plain node',
			'kept, node',
			'plain node',
		],
		rows: node.map(({ count, held, kept }, index) => {
			const plain = passThrough[index] ?? { held: NaN, kept: NaN };
			return [
				count.toLocaleString('en'),
				(held / plain.held).toFixed(2),
				`${(held / KB / count).toFixed(2)} KB`,
				`${(plain.held / KB / count).toFixed(2)} KB`,
				`${(kept / MB).toFixed(2)} MB`,
				`${(plain.kept / MB).toFixed(2)} MB`,
			];
		}),
	};
}

const ACCOUNTS = 100;
/** After how many jobs of all accounts every account remembers as many as it may. */
const FULL = ACCOUNTS * MAX_ENDED;
/** After how many jobs of all accounts the heap is weighed. The first one is what the others are compared with. */
const JOB_COUNTS = [2000, 4000, FULL, 8000, 10_000];
/** The most that the heap may grow by when nothing more is remembered, MB: it varies by as much by itself. */
const FLAT_MB = 1;

/** Runs jobs of many accounts that are answered at once, in one process with n8n's engine. @returns the heap after each count, bytes */
async function weighAccounts(): Promise<number[]> {
	const responder = await startResponder();
	const measured = await startMeasured();
	try {
		const heaps: number[] = [];
		let done = 0;
		for (const count of JOB_COUNTS) {
			const rounds = (count - done) / ACCOUNTS;
			let heap: number | undefined;
			for (let account = 0; account < ACCOUNTS; account++) {
				const cost = await measured.measure({
					contender: 'node',
					baseUrl: `${responder.origin}/account-${account}/api`,
					items: rounds,
					atOnce: 5,
					parameters: { ...readExampleParameters(), download: false },
					weighsHeap: account === ACCOUNTS - 1,
				});
				heap = cost.heap?.after;
			}
			if (heap === undefined) throw new Error('The heap was not weighed.');
			heaps.push(heap);
			done = count;
		}
		return heaps;
	} finally {
		await measured.stop();
		await responder.stop();
	}
}

/** Polls jobs of many accounts on a simulated clock. @returns the heap after each count, bytes */
async function weighPolled(): Promise<number[]> {
	setFlagsFromString('--expose-gc');
	const collect = runInNewContext('gc') as () => void;
	const clock = new SimulatedClock();
	const accounts = new Accounts();
	const heaps: number[] = [];
	for (let job = 1; job <= Math.max(...JOB_COUNTS); job++) {
		const account = accounts.get(`account-${job % ACCOUNTS}`);
		const eta = (age: number, duration: number) => duration - age;
		await pollSimulated(clock, account, { duration: 20 + (job % 7), eta, kind: `kind-${job % 3}` });
		if (!JOB_COUNTS.includes(job)) continue;
		collect();
		collect();
		heaps.push(process.memoryUsage().heapUsed);
	}
	return heaps;
}

async function measureAccounts(): Promise<Table> {
	const write = (what: string, heaps: readonly number[]) => {
		const [first = NaN] = heaps;
		const growth = heaps.map((heap) => (heap - first) / MB);
		return [
			what,
			...growth.slice(1).map((value) => `${value.toFixed(2)} MB`),
			`at most ${FLAT_MB} MB after ${FULL.toLocaleString('en')}`,
			formatVerdict((growth.at(-1) ?? NaN) - (growth[JOB_COUNTS.indexOf(FULL)] ?? NaN) <= FLAT_MB),
		];
	};
	const rows = [
		write("answered at once, in n8n's engine", await weighAccounts()),
		write('polled, on a simulated clock', await weighPolled()),
	];
	const [first = 0, ...later] = JOB_COUNTS;
	return {
		question: `What does a process keep of the jobs of ${ACCOUNTS} accounts?`,
		how: `Jobs of ${ACCOUNTS} accounts in turn, in one process. Growth of the heap in use since the first ${first.toLocaleString('en')} jobs, after forced garbage collection. An account remembers the times of its last ${MAX_ENDED} jobs, so it is full after ${FULL.toLocaleString('en')} jobs of all. The heap varies by up to a megabyte by itself.`,
		columns: ['jobs', ...later.map((count) => count.toLocaleString('en')), 'aim', 'met'],
		rows,
	};
}

export async function measureMemory(): Promise<Table[]> {
	return [await measureFiles(), await measureItems(), await measureAccounts()];
}
