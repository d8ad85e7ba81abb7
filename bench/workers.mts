/** How long the jobs of several n8n processes take that share an account, compared with the shortest possible time. */
import { median } from 'simple-statistics';

import { startLocalApi, type LocalApi } from '../local-api/index.mts';
import type { Say } from '../n8n/real/install.mts';
import { startMeasured, type MeasuredProcess } from './measured-process.mts';
import { simulateContention } from './simulated-workers.mts';
import { formatSpread, formatVerdict, type Table } from './table.mts';

/** How many jobs each worker has, how long one takes, s, and how many the account can have open. */
const JOBS = 10;
const JOB_SECONDS = 3;
const SLOTS = 5;
/** The `retry_after` of a refusal, as a multiple of a job's time. */
const RETRY_AFTER = [1, 2, 3];
const REPETITIONS = 5;
const SIMULATIONS = 15;

interface Aim {
	/** Makespan / bound. */
	makespan: number;
	/** Refused submits for each job. */
	refusals: number;
	/** The last worker's end / the mean of all. */
	last: number;
}

const AIMS: ReadonlyArray<readonly [workers: number, aim: Aim]> = [
	[2, { makespan: 1.15, refusals: 1, last: 1.4 }],
	[4, { makespan: 1.25, refusals: 1, last: 1.4 }],
	[8, { makespan: 1.3, refusals: 1.5, last: 1.6 }],
];

/** What came of a run, as ratios. */
interface Outcome {
	makespan: number;
	refusals: number;
	last: number;
	/** Polls of a job. */
	polls: number;
	/** Counts of the requests for each job. */
	counts: number;
}

const PARAMETERS = { operation: 'textTo3d', prompt: 'a cup', download: false };

/** Has workers do their jobs on a service of their own. */
async function measure(workers: readonly MeasuredProcess[], retryAfter: number): Promise<Outcome> {
	const service = await startLocalApi({
		jobSeconds: JOB_SECONDS,
		parallel: SLOTS,
		queueLimit: SLOTS,
		retryAfter,
		eta: 'exact',
	});
	try {
		const work = {
			contender: 'node',
			atOnce: SLOTS,
			baseUrl: service.baseUrl,
			items: JOBS,
			parameters: PARAMETERS,
		} as const;
		const ends = await Promise.all(
			workers.map(async (worker) => {
				const { items } = await worker.measure(work);
				if (items !== JOBS) throw new Error(`A worker has put out ${items} items instead of ${JOBS}.`);
				return Date.now();
			}),
		);
		return toOutcome(service, ends);
	} finally {
		await service.stop();
	}
}

/** @param ends when each worker knew its last result, ms since the epoch */
function toOutcome({ requests, jobs }: LocalApi, ends: readonly number[]): Outcome {
	const submits = requests.filter(({ path }) => path.endsWith('/txt_to_3d'));
	const all = ends.length * JOBS;
	if (jobs.length !== all) throw new Error(`${jobs.length} jobs were accepted instead of ${all}.`);
	const start = submits[0]?.at ?? NaN;
	const seconds = ends.map((end) => (end - start) / 1000);
	const bound = JOB_SECONDS * Math.ceil(all / SLOTS);
	const count = (word: string) => requests.filter(({ path }) => path.includes(word)).length / all;
	return {
		makespan: Math.max(...seconds) / bound,
		refusals: submits.length / all - 1,
		last: Math.max(...seconds) / (seconds.reduce((sum, end) => sum + end, 0) / seconds.length),
		polls: count('/fetch/'),
		counts: count('/request_count'),
	};
}

/** @returns the median of the makespan / bound in the simulation */
async function simulate(workers: number, retryAfter: number): Promise<number> {
	const ratios: number[] = [];
	for (let seed = 1; seed <= SIMULATIONS; seed++) {
		const settings = { workers, jobs: JOBS, jobSeconds: JOB_SECONDS, slots: SLOTS, retryAfter, seed };
		const { makespan, bound } = await simulateContention(settings);
		ratios.push(makespan / bound);
	}
	return median(ratios);
}

const format = (value: number) => value.toFixed(2);

async function makeRow(
	processes: readonly MeasuredProcess[],
	[workers, aim]: (typeof AIMS)[number],
	factor: number,
): Promise<string[]> {
	const retryAfter = factor * JOB_SECONDS;
	const outcomes: Outcome[] = [];
	for (let repetition = 0; repetition < REPETITIONS; repetition++) {
		outcomes.push(await measure(processes.slice(0, workers), retryAfter));
	}
	const list = (read: (outcome: Outcome) => number) => outcomes.map(read);
	const makespans = list(({ makespan }) => makespan);
	const refusals = list((outcome) => outcome.refusals);
	const last = list((outcome) => outcome.last);
	const isMet =
		median(makespans) <= aim.makespan && median(refusals) <= aim.refusals && median(last) <= aim.last;
	return [
		`${workers}`,
		`${retryAfter} s`,
		formatSpread(makespans, format),
		format(await simulate(workers, retryAfter)),
		formatSpread(refusals, format),
		formatSpread(last, format),
		formatSpread(
			list(({ polls }) => polls),
			format,
		),
		formatSpread(
			list(({ counts }) => counts),
			format,
		),
		`${aim.makespan}, ${aim.refusals}, ${aim.last}`,
		formatVerdict(isMet),
	];
}

/** The jobs of the process whose calls are counted. */
const PACED_JOBS = 40;
const PACED_SECONDS = 20;
/** The most calls at once, and each second in addition. */
const BURST = 10;
const SUSTAINED = 2;
/** The times in which calls are counted, s. */
const BUSY_SECONDS = [1, 10, 30];

/** @returns the most calls that fall into a time of this length, s */
function countBusiest(calls: readonly number[], seconds: number): number {
	return Math.max(
		...calls.map((start) => calls.filter((at) => at >= start && at < start + seconds * 1000).length),
	);
}

/** Has one process do its jobs, and counts all of its calls. @param atOnce how many jobs it has open */
async function makePaceRow(atOnce: number): Promise<string[]> {
	const process = await startMeasured();
	const service = await startLocalApi({
		jobSeconds: PACED_SECONDS,
		parallel: SLOTS,
		queueLimit: PACED_JOBS,
		eta: 'exact',
	});
	try {
		const { baseUrl } = service;
		const parameters = { ...PARAMETERS, options: { maxJobsInFlight: atOnce } };
		const { items, wallMs } = await process.measure({
			contender: 'node',
			atOnce,
			baseUrl,
			items: PACED_JOBS,
			parameters,
		});
		if (items !== PACED_JOBS)
			throw new Error(`The process has put out ${items} items instead of ${PACED_JOBS}.`);
		const calls = service.requests.map(({ at }) => at);
		const polls = service.requests.filter(({ path }) => path.includes('/fetch/')).length;
		const busiest = BUSY_SECONDS.map((seconds) => countBusiest(calls, seconds));
		const isPolite = BUSY_SECONDS.every(
			(seconds, index) => (busiest[index] ?? NaN) <= BURST + SUSTAINED * seconds,
		);
		return [
			`${atOnce}`,
			`${calls.length}`,
			format(polls / PACED_JOBS),
			...busiest.map(String),
			format(wallMs / 1000 / ((PACED_JOBS / SLOTS) * PACED_SECONDS)),
			...(atOnce > SLOTS ? [] : [`${BURST}, and ${SUSTAINED} a second`, formatVerdict(isPolite)]),
		];
	} finally {
		await process.stop();
		await service.stop();
	}
}

async function measurePace(): Promise<Table> {
	return {
		question: 'How fast does one process call the service for an account?',
		how: `${PACED_JOBS} jobs of ${PACED_SECONDS} s in one process with n8n's engine and the built node. The stand-in runs ${SLOTS} of them at the same time, first in, first out. All calls for the account are counted: submits, polls and counts. Submits don't wait for a turn, so whoever has more jobs in flight has as many submits at once. Real clock, one repetition, beside the measurement of several processes.`,
		columns: [
			'Max Jobs in Flight',
			'calls',
			'polls of a job',
			...BUSY_SECONDS.map((seconds) => `most calls in ${seconds} s`),
			'makespan / bound',
			'aim: calls',
			'met',
		],
		rows: await Promise.all([SLOTS, PACED_JOBS].map(makePaceRow)),
	};
}

/** @param say gets a line from time to time */
export async function measureWorkers(say: Say): Promise<Table[]> {
	return await Promise.all([measureContention(say), measurePace()]);
}

/** @param say gets a line from time to time */
async function measureContention(say: Say): Promise<Table> {
	const processes: MeasuredProcess[] = [];
	try {
		const most = Math.max(...AIMS.map(([workers]) => workers));
		while (processes.length < most * RETRY_AFTER.length) processes.push(await startMeasured());
		const rows: string[][] = [];
		for (const aim of AIMS) {
			// Side by side, each with processes and a service of its own: they need almost no processor.
			const measured = RETRY_AFTER.map(
				async (factor, index) => await makeRow(processes.slice(index * most), aim, factor),
			);
			for (const row of await Promise.all(measured)) {
				say(`  ${row.slice(0, 4).join(', ')}`);
				rows.push(row);
			}
		}
		return {
			question: 'How long do the jobs of several n8n processes take that share an account?',
			how: HOW,
			columns: [
				'workers',
				'retry_after',
				'makespan / bound',
				'simulated',
				'refused',
				'last / mean',
				'polls',
				'counts',
				'aim: makespan, refused, last',
				'met',
			],
			rows,
		};
	} finally {
		for (const worker of processes) await worker.stop();
	}
}

const HOW = [
	`Each worker is a process of its own with n8n's engine and the built node, and has ${JOBS} jobs of ${JOB_SECONDS} s. The stand-in accepts ${SLOTS} open jobs of the account and runs them all at the same time. A further submit is refused with a \`retry_after\`. All workers begin at the same moment. Real clock, ${REPETITIONS} repetitions.`,
	`Makespan: from the first submit until the last worker has its output, divided by how long the service takes if no slot is ever free. Simulated: the same on a simulated clock, median of ${SIMULATIONS}. Refused: submits for each job. Last: the end of the last worker, divided by the mean of all ends. Polls and counts (of the account's requests) for each job.`,
].join(' ');
