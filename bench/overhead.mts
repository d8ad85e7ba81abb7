/** What the node costs in addition to the calls that it makes. */
import type { INodeParameters } from 'n8n-workflow';

import { median } from 'simple-statistics';
import { readExampleParameters } from './example.mts';
import {
	startMeasured,
	type Contender,
	type Cost,
	type MeasuredProcess,
	type Work,
} from './measured-process.mts';
import { startResponder, type Responder } from './responder.mts';
import { compareWithBound, formatSpread, type Table } from './table.mts';

const ITEMS = 1000;
/** The node's default for Max Jobs in Flight. */
const AT_ONCE = 5;
/** Runs that do not count. They compile the code and open the connections. */
const WARM_UP = 2;
const ROUNDS = 5;
/** How often new processes are started: one may be slower than another for as long as it runs. */
const STARTS = 3;
/** The most CPU that the node may take, as a multiple of the loop with n8n's helper: with the line that it logs for each job, and without. */
const BOUND = 1.2;
const SILENT_BOUND = 1.1;

const PICTURE = 'https://example.com/pictures/mug.jpg';

/** One way to do the work, in a process of its own. */
interface Racer {
	contender: Contender;
	atOnce: number;
	parameters: INodeParameters;
	/** Log level of n8n. Default: `info`, as in n8n. */
	logLevel?: string;
}

/** Has racers do the same work in turn, for several rounds of new processes. The parameters are those of {@link raceOnce}. */
async function race(racers: readonly Racer[]): Promise<Cost[][]> {
	const costs: Cost[][] = racers.map(() => []);
	for (let start = 0; start < STARTS; start++) {
		for (const [index, more] of (await raceOnce(racers)).entries()) costs[index]?.push(...more);
	}
	return costs;
}

/**
 * @param racers the first is the node. The loops send what it sends.
 * @returns the costs of each racer, by round
 */
async function raceOnce(racers: readonly Racer[]): Promise<Cost[][]> {
	const responder = await startResponder();
	const processes: MeasuredProcess[] = [];
	try {
		for (const { logLevel } of racers) processes.push(await startMeasured({ N8N_LOG_LEVEL: logLevel }));
		const baseUrl = `${responder.origin}/api`;
		const [first] = racers;
		if (first) await processes[0]?.measure({ ...first, baseUrl, items: 1 });
		const body = responder.readLatestBody();
		delete body.key;
		const costs: Cost[][] = racers.map(() => []);
		for (let round = -WARM_UP; round < ROUNDS; round++) {
			for (const [index, racer] of racers.entries()) {
				const work = { ...racer, baseUrl, items: ITEMS, body };
				const cost = await runOnce(processes[index], work, responder);
				if (round >= 0) costs[index]?.push(cost);
			}
		}
		return costs;
	} finally {
		for (const measured of processes) await measured.stop();
		await responder.stop();
	}
}

/** @throws when the work was not one call for each item */
async function runOnce(
	process: MeasuredProcess | undefined,
	work: Work,
	responder: Responder,
): Promise<Cost> {
	const before = responder.countAnswered();
	const cost = await process?.measure(work);
	const calls = responder.countAnswered() - before;
	if (cost?.items !== ITEMS || calls !== ITEMS) {
		throw new Error(`${work.contender}: ${cost?.items} items by ${calls} calls instead of ${ITEMS}.`);
	}
	return cost;
}

type Measure = 'cpuMs' | 'wallMs';

/** The cost of an item in each round. */
const listCosts = (costs: readonly Cost[] | undefined, measure: Measure) =>
	(costs ?? []).map((cost) => cost[measure] / ITEMS);

/** Compares costs round by round, since other work of the machine affects both in a round. */
function computeRatios(costs: readonly Cost[] = [], base: readonly Cost[] = [], measure: Measure): number[] {
	return costs.flatMap((cost, round) => {
		const other = base[round];
		return other ? [cost[measure] / other[measure]] : [];
	});
}

const formatMs = (value: number) => `${value.toFixed(2)} ms`;
const formatRatio = (value: number) => value.toFixed(2);

/** Makes the rows that compare two racers: one for the CPU, one for the time. */
function makeRows(
	what: string,
	costs: Cost[] | undefined,
	base: Cost[] | undefined,
	cpuBound?: number,
): string[][] {
	return (['cpuMs', 'wallMs'] as const).map((measure) => {
		const figures = computeRatios(costs, base, measure);
		const bound = measure === 'cpuMs' ? cpuBound : undefined;
		return [
			`${what}, ${measure === 'cpuMs' ? 'CPU' : 'wall'}`,
			formatSpread(figures, formatRatio),
			`${formatMs(median(listCosts(costs, measure)))} / ${formatMs(median(listCosts(base, measure)))}`,
			bound === undefined ? '' : `at most ${bound}`,
			bound === undefined ? '' : compareWithBound(median(figures), bound),
		];
	});
}

const HOW = [
	`${ITEMS} items, each a submit. A small server in another process answers it at once with the stand-in's answer about a job that has ended. (The stand-in itself would read the images, and all would wait for it.)`,
	`The node is the built one, with the parameters of the first example, without the download. The loop is n8n's request helper in a node of a few lines, with ${AT_ONCE} calls at once like the node. Both run in n8n's engine with n8n's default log.`,
	`Each has a process of its own, with ${WARM_UP} runs that do not count, and then ${ROUNDS} rounds in turn. This is done ${STARTS} times, with the ratio of each round. Median (least to most). The CPU is that of the measured process only.`,
].join(' ');

export async function measureOverhead(): Promise<Table> {
	const example: INodeParameters = { ...readExampleParameters(), download: false };
	const plain = { ...example, image: PICTURE };
	const picture = { image: example.image ?? '' };
	const [node, loop, evaluating, evaluatingLoop, silent, axios] = await race([
		{ contender: 'node', atOnce: AT_ONCE, parameters: plain },
		{ contender: 'helper', atOnce: AT_ONCE, parameters: {} },
		{ contender: 'node', atOnce: AT_ONCE, parameters: example },
		{ contender: 'helper', atOnce: AT_ONCE, parameters: picture },
		{ contender: 'node', atOnce: AT_ONCE, parameters: plain, logLevel: 'warn' },
		{ contender: 'axios', atOnce: AT_ONCE, parameters: {} },
	]);
	return {
		question: 'What does the node cost in addition to the calls that it makes?',
		how: HOW,
		columns: ['node / loop', 'ratio', 'per item', 'aim', 'met'],
		rows: [
			...makeRows('all parameters fixed, and the loop has its body ready', node, loop, BOUND),
			...makeRows(
				'the image is an expression, which n8n evaluates for both',
				evaluating,
				evaluatingLoop,
				BOUND,
			),
			...makeRows(
				'as in the first row, without the line that n8n logs for each job (log level warn)',
				silent,
				loop,
				SILENT_BOUND,
			),
			...makeRows('compared with axios in a loop, without n8n', node, axios),
			...makeRows("the loop with n8n's helper, compared with axios: n8n's own part", loop, axios),
		],
	};
}
