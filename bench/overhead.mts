/** What the node costs over the calls that it makes. */
import type { INodeParameters } from 'n8n-workflow';

import { median } from 'simple-statistics';
import { exampleParameters } from './example.mts';
import { startMeasured, type Contender, type Cost, type MeasuredProcess } from './measured-process.mts';
import { startResponder } from './responder.mts';
import { compareWithBound, formatSpread, type Table } from './table.mts';

const ITEMS = 1000;
/** The node's default for Max Jobs in Flight. */
const AT_ONCE = 5;
/** Runs before the counted ones: code is compiled, connections are known. */
const WARM_UP = 2;
const ROUNDS = 7;
/** The most that the node may cost, as a multiple of the helper's loop. */
const BOUND = 1.15;

const PICTURE = 'https://example.com/pictures/mug.jpg';

/** One way to do the work, in a process of its own. */
interface Racer {
	contender: Contender;
	atOnce: number;
	parameters: INodeParameters;
	/** n8n's, when it is not its default, `info`. */
	logLevel?: string;
}

/**
 * Lets racers do the same work in turn, round after round.
 *
 * @param racers the first is the node: what it sends is what the loops have ready
 * @returns each one's costs, by round
 */
async function race(racers: readonly Racer[]): Promise<Cost[][]> {
	const responder = await startResponder();
	const processes: MeasuredProcess[] = [];
	try {
		for (const { logLevel } of racers) processes.push(await startMeasured({ N8N_LOG_LEVEL: logLevel }));
		const baseUrl = `${responder.origin}/api`;
		const [first] = racers;
		if (first) await processes[0]?.measure({ ...first, baseUrl, items: 1 });
		const body = responder.latestBody();
		delete body.key;
		const costs: Cost[][] = racers.map(() => []);
		for (let round = -WARM_UP; round < ROUNDS; round++) {
			for (const [index, racer] of racers.entries()) {
				const before = responder.answered();
				const cost = await processes[index]?.measure({
					...racer,
					baseUrl,
					items: ITEMS,
					body,
				});
				const calls = responder.answered() - before;
				if (cost?.items !== ITEMS || calls !== ITEMS) {
					throw new Error(`${racer.contender}: ${cost?.items} items by ${calls} calls instead of ${ITEMS}.`);
				}
				if (round >= 0) costs[index]?.push(cost);
			}
		}
		return costs;
	} finally {
		for (const measured of processes) await measured.stop();
		await responder.stop();
	}
}

type Measure = 'cpuMs' | 'wallMs';

const each = (costs: readonly Cost[] | undefined, measure: Measure) =>
	(costs ?? []).map((cost) => cost[measure] / ITEMS);

/** Round by round, since what else the machine does weighs on both alike. */
function ratios(costs: readonly Cost[] = [], base: readonly Cost[] = [], measure: Measure): number[] {
	return costs.flatMap((cost, round) => {
		const other = base[round];
		return other ? [cost[measure] / other[measure]] : [];
	});
}

const milliseconds = (value: number) => `${value.toFixed(2)} ms`;
const times = (value: number) => value.toFixed(2);

export async function overhead(): Promise<Table> {
	const example: INodeParameters = { ...exampleParameters(), download: false };
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

	const row = (what: string, costs: Cost[] | undefined, base: Cost[] | undefined, bound?: number) =>
		(['cpuMs', 'wallMs'] as const).map((measure) => {
			const figures = ratios(costs, base, measure);
			return [
				`${what}, ${measure === 'cpuMs' ? 'CPU' : 'wall'}`,
				formatSpread(figures, times),
				`${milliseconds(median(each(costs, measure)))} / ${milliseconds(median(each(base, measure)))}`,
				bound === undefined ? '' : `at most ${bound}`,
				bound === undefined ? '' : compareWithBound(median(figures), bound),
			];
		});
	return {
		question: 'What does the node cost over the calls that it makes?',
		how: `${ITEMS} items, each a submit that is answered at once with the stand-in's own answer to a job that is done, by a small server in another process (the stand-in itself would read the pictures, and all would wait for it). The node is the built one with the first example's parameters, without the download; beside it n8n's request helper in a loop, in a node of a few lines, ${AT_ONCE} at once like the node, both in n8n's engine with n8n's log as it is set by default. Each in a warmed process of its own (${WARM_UP} runs before), ${ROUNDS} rounds in turn; ratios are taken round by round. Median (least to most), CPU of the measured process only.`,
		columns: ['node / loop', 'ratio', 'per item', 'aim', 'met'],
		rows: [
			...row('all parameters fixed; the loop has its body ready', node, loop, BOUND),
			...row('the picture is an expression, which both have n8n evaluate', evaluating, evaluatingLoop, BOUND),
			...row(
				'as in the first row, without the line that n8n logs for each job (log level warn)',
				silent,
				loop,
			),
			...row('beside axios in a loop, without n8n', node, axios),
			...row("the helper's loop beside axios's: n8n's own part", loop, axios),
		],
	};
}
