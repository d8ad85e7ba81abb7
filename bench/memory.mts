/** What memory the node needs for large files and for many items. */
import { median } from 'simple-statistics';
import { exampleParameters } from './example.mts';
import { startMeasured, type Contender, type Cost, type Work } from './measured-process.mts';
import { answerOfDoneJob, startFileServer, startResponder } from './responder.mts';
import { compareWithBound, formatSpread, type Table } from './table.mts';

const MB = 1024 * 1024;
const KB = 1024;

const FILE_BYTES = 128 * MB;
const WARM_UP_BYTES = MB;
const MANY_FILES = 8;
const REPETITIONS = 3;
/** The most that the resident memory may grow by, MB. */
const GROWTH_BOUND = 64;

const ITEM_COUNTS = [1000, 2500, 5000, 10_000] as const;
/** Until code and caches of n8n and of Node have stopped growing. */
const WARM_UP_ITEMS = 4000;

const megabytes = (value: number) => `${value.toFixed(0)} MB`;

/** Who brings in files, and how many. */
interface Downloader {
	contender: Contender;
	outputs: number;
	repetitions: number;
}

/**
 * The growth of the resident memory while files come in, in a fresh process each.
 *
 * @returns MB, for each downloader one value a repetition
 */
async function growths(downloaders: readonly Downloader[]): Promise<number[][]> {
	const server = await startFileServer();
	let bytes = WARM_UP_BYTES;
	const link = () => `${server.origin}/turntable.gif?bytes=${bytes}`;
	const responder = await startResponder(() => [link()]);
	const run = async (measure: (work: Work) => Promise<Cost>, contender: Contender, outputs: number) => {
		const { files, rssGrowth } = await measure({
			contender,
			baseUrl: `${responder.origin}/api`,
			items: outputs,
			atOnce: outputs,
			parameters: { ...exampleParameters(), image: 'https://example.com/mug.jpg', download: true },
			files: Array.from({ length: outputs }, link),
			watches: true,
		});
		if (files.length !== outputs || files.some((size) => size !== bytes)) {
			throw new Error(`${contender} stored ${files.join(', ')} bytes instead of ${outputs} times ${bytes}.`);
		}
		return rssGrowth / MB;
	};
	try {
		const results: number[][] = downloaders.map(() => []);
		for (let repetition = 0; repetition < REPETITIONS; repetition++) {
			for (const [index, { contender, outputs, repetitions }] of downloaders.entries()) {
				if (repetition >= repetitions) continue;
				const measured = await startMeasured();
				try {
					bytes = WARM_UP_BYTES;
					await run(measured.measure, contender, MANY_FILES);
					bytes = FILE_BYTES;
					results[index]?.push(await run(measured.measure, contender, outputs));
				} finally {
					await measured.stop();
				}
			}
		}
		return results;
	} finally {
		await responder.stop();
		await server.stop();
	}
}

async function filesTable(): Promise<Table> {
	const [one = [], many = [], streamed = [], bufferedOne = [], bufferedMany = []] = await growths([
		{ contender: 'node', outputs: 1, repetitions: REPETITIONS },
		{ contender: 'node', outputs: MANY_FILES, repetitions: REPETITIONS },
		{ contender: 'streamed', outputs: MANY_FILES, repetitions: REPETITIONS },
		// Once, because it takes long and is far off.
		{ contender: 'buffered', outputs: 1, repetitions: 1 },
		{ contender: 'buffered', outputs: MANY_FILES, repetitions: 1 },
	]);
	const size = `${FILE_BYTES / MB} MB`;
	const row = (what: string, figures: readonly number[], isBound = false) => [
		what,
		figures.length > 1 ? formatSpread(figures, megabytes) : megabytes(median(figures)),
		`${(median(figures) / median(one)).toFixed(1)} x`,
		isBound ? `at most ${GROWTH_BOUND} MB` : '',
		isBound ? compareWithBound(median(figures), GROWTH_BOUND) : '',
	];
	return {
		question: 'How much memory do large files take?',
		how: `Outputs of ${size} each, downloaded into n8n's storage in files (its default), from a server in another process. How much the resident memory grows from before the run to its peak, looked at every 10 ms, in a process that has brought in ${MANY_FILES} files of ${WARM_UP_BYTES / MB} MB before. ${REPETITIONS} fresh processes each (1 for the buffers), in turn; median (least to most). The size of every stored file is checked.`,
		columns: ['download', 'growth', 'beside the node with 1', 'aim', 'met'],
		rows: [
			row(`the node, 1 output`, one, true),
			row(`the node, ${MANY_FILES} outputs`, many, true),
			row(`a loop over n8n's helpers, each file as a stream, ${MANY_FILES} files`, streamed),
			row(`a loop over n8n's helpers, each file as a buffer, 1 file`, bufferedOne),
			row(`the same, ${MANY_FILES} files`, bufferedMany),
		],
	};
}

/** A run of so many items: what was let go of with its result, and how much the heap has grown since the first, bytes. */
interface Weight {
	count: number;
	held: number;
	kept: number;
}

async function weights(contender: Contender): Promise<Weight[]> {
	const responder = await startResponder();
	const measured = await startMeasured();
	try {
		const body = await answerOfDoneJob();
		const run = async (items: number) =>
			await measured.measure({
				contender,
				baseUrl: `${responder.origin}/api`,
				items,
				atOnce: 5,
				parameters: { ...exampleParameters(), download: false },
				body,
				weighs: true,
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

async function itemsTable(): Promise<Table> {
	const node = await weights('node');
	const handOn = await weights('handOn');
	return {
		question: 'How much memory do many items take?',
		how: `Items whose jobs are answered at once, without downloads, run after run in one process that has done ${WARM_UP_ITEMS.toLocaleString('en')} before; the heap in use after forced collection. Held: what is let go of with the run's result (input, output, what n8n notes of the run, and the node's note of each paid job, which lives as long as the run). Kept: how much larger the heap is then than before the first of these runs; it varies by up to a megabyte either way from run to run, and does so with n8n's request helper in a loop too. Beside it a node that hands on as many items with the same answer in each and calls nobody: what n8n itself holds. 1 repetition.`,
		columns: [
			'items',
			'held, node / plain node',
			'held per item, node',
			'plain node',
			'kept, node',
			'plain node',
		],
		rows: node.map(({ count, held, kept }, index) => {
			const plain = handOn[index] ?? { held: NaN, kept: NaN };
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

export async function memory(): Promise<Table[]> {
	return [await filesTable(), await itemsTable()];
}
