/** How soon the node knows the end of a job, and how many calls that takes, with good and bad ETAs of the service. */
import { median, quantile } from 'simple-statistics';

import { createRandom, type Random } from '../local-api/model/random.mts';
import { Account } from '../nodes/ImgTo3d/polling/account.ts';
import { pollSimulated, SimulatedClock, type Eta, type SimulatedPolling } from './simulated.mts';
import { formatVerdict, type Table } from './table.mts';

const DURATIONS = [2, 20, 200];
const JOBS = 400;

/** Jobs are shorter or longer than their nominal duration by up to this share, evenly spread, so that no schedule suits them by chance. */
const SPREAD = 0.4;

/** What the polling of some jobs should show. */
interface Aim {
	/** The median of the polls, by the duration of the jobs. */
	polls: Record<number, number>;
	/** The delay as a share of the duration, %. */
	median: number;
	p95?: number;
	/** The first poll, as a share of the first ETA, %. */
	first?: number;
}

/**
 * A delay that nobody notices, s: the median and the 95th percentile. Shares of short jobs are less than a call takes, and there are
 * at least 0.25 s between two polls.
 */
const UNNOTICED = { median: 0.3, p95: 0.6 };

const forAll = (polls: number) => ({ 2: polls, 20: polls, 200: polls });

/** Makes the ETAs of one job. */
type EtaMaker = (random: Random) => Eta;

const drawFactor = (random: Random, range: number) => 1 - range + 2 * range * random();

/** The service says the ETA in each answer, and it is wrong by the same factor each time. */
const byJob =
	(range: number): EtaMaker =>
	(random) => {
		const factor = drawFactor(random, range);
		return (age, duration) => (duration - age) * factor;
	};

/** The service says the ETA in each answer, and each is wrong by a factor of its own. */
const byAnswer =
	(range: number): EtaMaker =>
	(random) =>
	(age, duration) =>
		(duration - age) * drawFactor(random, range);

/** The service says the ETA in the answer to the submit only. */
const once =
	(range: number): EtaMaker =>
	(random) => {
		const factor = drawFactor(random, range);
		return (age, duration) => (age === 0 ? duration * factor : undefined);
	};

const times =
	(factor: number): EtaMaker =>
	() =>
	(age, duration) =>
		(duration - age) * factor;

/** One more job arrives behind this one in each fifth of its duration, and the ETA counts them all. */
const rising: EtaMaker = () => (age, duration) =>
	duration - age + duration * Math.floor(age / (duration / 5));

const RENEWED = { median: 1, p95: 4 };
const SAID_ONCE = { median: 3, p95: 7 };
const WRONG: Aim = { polls: forAll(8), median: 15, first: 10 };
const MISSING: Aim = { polls: { 2: 5, 20: 13, 200: 22 }, median: 15, p95: 30 };
const TAUGHT: Aim = { polls: forAll(5), median: 3 };

/** Each kind of ETA, and what is to be reached with it for the first job of a kind. */
const ETAS: ReadonlyArray<readonly [name: string, makeEta: EtaMaker, aim: Aim]> = [
	['right within 20 %, one factor a job', byJob(0.2), { ...RENEWED, polls: forAll(3) }],
	['right within 20 %, one factor an answer', byAnswer(0.2), { ...RENEWED, polls: forAll(3) }],
	['right within 40 %, one factor a job', byJob(0.4), { ...RENEWED, polls: forAll(4) }],
	['right within 40 %, one factor an answer', byAnswer(0.4), { ...RENEWED, polls: forAll(4) }],
	['right within 20 %, said once', once(0.2), { ...SAID_ONCE, polls: forAll(4) }],
	['right within 40 %, said once', once(0.4), { ...SAID_ONCE, polls: forAll(6) }],
	['3 x too long', times(3), WRONG],
	['10 x too long', times(10), WRONG],
	['10 x too short', times(0.1), { ...WRONG, first: undefined }],
	['missing', () => () => undefined, MISSING],
	['rising with the queue', rising, MISSING],
];

/** The rows of one kind of ETA. */
interface Rows {
	name: string;
	makeEta: EtaMaker;
	aim?: Aim;
	/** How many jobs of the same kind are polled first. */
	earlierJobs?: number;
	/** The option Poll Interval, s. */
	pollInterval?: number;
}

type Measured = SimulatedPolling & { duration: number };

/** Polls a number of jobs, each with an account of its own. */
async function measure(
	duration: number,
	{ makeEta, earlierJobs = 0, pollInterval }: Rows,
): Promise<Measured[]> {
	const random = createRandom(duration);
	const all: Measured[] = [];
	for (let count = 0; count < JOBS; count++) {
		const clock = new SimulatedClock();
		const account = new Account();
		const own = duration * (1 - SPREAD + (2 * SPREAD * (count + 0.5)) / JOBS);
		const poll = async () =>
			await pollSimulated(clock, account, { duration: own, eta: makeEta(random), kind: 'a', pollInterval });
		for (let earlier = 0; earlier < earlierJobs; earlier++) await poll();
		all.push({ ...(await poll()), duration: own });
	}
	return all;
}

const formatPercent = (percent: number) => `${percent.toFixed(1)} %`;

/** Makes the row of a duration. @param nominal s */
function makeRow(name: string, nominal: number, measured: readonly Measured[], aim?: Aim): string[] {
	const shares = measured.map(({ delay, duration }) => (100 * delay) / duration);
	const delays = measured.map(({ delay }) => delay);
	const polls = measured.map((one) => one.polls.length);
	const first = Math.min(...measured.map((one) => (100 * (one.polls[0] ?? 0)) / (one.firstEta ?? NaN)));
	const figures = [
		name,
		`${nominal} s`,
		`${median(polls)} (${Math.min(...polls)} to ${Math.max(...polls)})`,
		`${formatPercent(median(shares))} (${median(delays).toFixed(2)} s)`,
		`${formatPercent(quantile(shares, 0.95))} (${quantile(delays, 0.95).toFixed(2)} s)`,
		Number.isNaN(first) ? '' : formatPercent(first),
	];
	if (!aim) return [...figures, '', ''];
	const { p95 = Infinity, first: least = 0 } = aim;
	const most = aim.polls[nominal] ?? 0;
	const isMet =
		median(polls) <= most &&
		(median(shares) <= aim.median || median(delays) <= UNNOTICED.median) &&
		(quantile(shares, 0.95) <= p95 || quantile(delays, 0.95) <= UNNOTICED.p95) &&
		!(first < least);
	const delay = [`${aim.median} %`, ...(aim.p95 === undefined ? [] : [`${aim.p95} %`])].join(' and ');
	return [
		...figures,
		`${most} polls, ${delay}${aim.first ? `, from ${aim.first} %` : ''}`,
		formatVerdict(isMet),
	];
}

/** All kinds of ETA that are measured. */
function listRows(): Rows[] {
	return [
		...ETAS.map(([name, makeEta, aim]) => ({ name: `ETA ${name}`, makeEta, aim })),
		...ETAS.map(([name, makeEta]) => ({
			name: `ETA ${name}, after three jobs`,
			makeEta,
			aim: TAUGHT,
			earlierJobs: 3,
		})),
		...[5, 20].map((pollInterval) => ({
			name: `fixed Poll Interval of ${pollInterval} s`,
			makeEta: () => () => undefined,
			pollInterval,
		})),
	];
}

export async function measureDetection(): Promise<Table> {
	const rows: string[][] = [];
	for (const one of listRows()) {
		for (const duration of DURATIONS) {
			rows.push(makeRow(one.name, duration, await measure(duration, one), one.aim));
		}
	}
	return {
		question: 'How soon does the node know the end of a job, and after how many polls?',
		how: [
			`The node's own polling on a simulated clock. Each call takes 50 ms. Each row has ${JOBS} jobs of the given duration +-${100 * SPREAD} %, each with an account of its own ("after three jobs": with three such jobs before).`,
			'The delay is from the end of the job until the node knows it, as a share of its duration. First poll: the earliest one of all jobs, as a share of the first ETA.',
			`The aims: the median of the polls, the median and the 95th percentile of the delay, and the first poll. A delay of ${UNNOTICED.median} s (median) and ${UNNOTICED.p95} s (95th percentile) meets its aim in any case.`,
		].join(' '),
		columns: [
			'ETAs',
			'jobs of',
			'polls, median (min to max)',
			'delay, median',
			'delay, 95th percentile',
			'first poll',
			'aim',
			'met',
		],
		rows,
	};
}
