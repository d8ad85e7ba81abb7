/** How long the stand-in takes for a turntable, and `npm start` for all of its own. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { median } from 'simple-statistics';

import { writeGif } from '../local-api/model/formats.mts';
import { buildModel } from '../local-api/model/model.mts';
import { decodePicture } from '../local-api/model/picture.mts';
import { renderTurntable } from '../local-api/model/render.mts';
import { readPlainEnvironment } from './measured-process.mts';
import { compareWithBound, formatSpread, type Table } from './table.mts';

const ROOT = join(import.meta.dirname, '..');

const ROUNDS = 7;
const STARTS = 3;
/**
 * The longest that a turntable may take, as a multiple of the encoding of its GIF, which is the work of libvips. The first version took
 * 4.9 times as long as that.
 */
const TURNTABLE_BOUND = 2.45;
/** The longest that `npm start` may take, s. */
const START_BOUND = 8;

const RECIPE = { prompt: '', steps: 64, guidanceScale: 5, frameSize: 256, seconds: 4, seed: 20 };

const STEPS = ['decode', 'model', 'frames', 'gif'] as const;
/** CPU of each step, s. */
type Costs = Record<(typeof STEPS)[number], number>;

/** Measures the CPU of all threads, s: the time on one core. */
async function measureCpu<T>(work: () => T | Promise<T>): Promise<[result: Awaited<T>, seconds: number]> {
	const before = process.cpuUsage();
	const result = await work();
	const { user, system } = process.cpuUsage(before);
	return [result, (user + system) / 1e6];
}

async function makeTurntable(file: Buffer): Promise<Costs> {
	const [picture, decode] = await measureCpu(async () => await decodePicture(file));
	const [{ mesh, view }, model] = await measureCpu(() => buildModel(RECIPE, picture, 0));
	const [turntable, frames] = await measureCpu(async () => await renderTurntable(mesh, view));
	const [, gif] = await measureCpu(async () => await writeGif(turntable));
	return { decode, model, frames, gif };
}

/** @returns how long `npm start` took, s */
function measureStart(): number {
	const started = performance.now();
	const { status, stderr } = spawnSync('npm', ['start'], {
		cwd: ROOT,
		encoding: 'utf8',
		env: readPlainEnvironment(),
		shell: process.platform === 'win32',
	});
	if (status !== 0) throw new Error(`npm start failed: ${stderr}`);
	return (performance.now() - started) / 1000;
}

const formatSeconds = (value: number) => `${value.toFixed(2)} s`;

export async function measureStandIn(): Promise<Table> {
	const file = readFileSync(join(ROOT, 'samples', 'mug.jpg'));
	// The first one is compiled while it is made.
	await makeTurntable(file);
	const costs: Costs[] = [];
	for (let round = 0; round < ROUNDS; round++) costs.push(await makeTurntable(file));
	const sum = (of: Costs) => STEPS.reduce((total, step) => total + of[step], 0);
	const shares = costs.map((of) => sum(of) / of.gif);
	const starts = Array.from({ length: STARTS }, measureStart);
	const parts = STEPS.map((step) => `${step} ${median(costs.map((of) => of[step])).toFixed(2)}`);
	return {
		question: 'How long does the stand-in service take?',
		how: `A turntable of samples/mug.jpg, 256 px and 4 s: CPU of all threads, ${ROUNDS} times after a first one. npm start: three images of 256 px and 4 s, ${STARTS} times, with everything installed before. Median (least to most).`,
		columns: ['what', 'figure', 'aim', 'met'],
		rows: [
			['turntable, on one core', formatSpread(costs.map(sum), formatSeconds), '', ''],
			['of these, s', parts.join(', '), '', ''],
			[
				'turntable / encoding of its GIF',
				formatSpread(shares, (value) => `${value.toFixed(2)} x`),
				`at most ${TURNTABLE_BOUND} x`,
				compareWithBound(median(shares), TURNTABLE_BOUND),
			],
			[
				'npm start',
				formatSpread(starts, formatSeconds),
				`at most ${START_BOUND} s`,
				compareWithBound(median(starts), START_BOUND),
			],
		],
	};
}
