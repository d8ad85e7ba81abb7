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

interface Aim {
	/** The delay as a share of the duration, or in seconds if that is more: the median and the 95th percentile. */
	median: number;
	p95: number;
	medianSeconds: number;
	p95Seconds: number;
	/** The median of the polls, by duration. */
	polls: Record<number, number>;
}

const RIGHT: Aim = {
	median: 0.03,
	p95: 0.06,
	medianSeconds: 0.3,
	p95Seconds: 0.6,
	polls: { 2: 8, 20: 8, 200: 8 },
};
const WRONG: Aim = {
	median: 0.1,
	p95: 0.2,
	medianSeconds: 0.3,
	p95Seconds: 0.6,
	polls: { 2: 20, 20: 20, 200: 30 },
};

/** Makes the ETAs of one job. */
type EtaMaker = (random: Random) => Eta;

const drawFactor = (random: Random) => 0.8 + 0.4 * random();

const GOOD: Record<string, EtaMaker> = {
	'right within 20 %, one factor a job': (random) => {
		const factor = drawFactor(random);
		return (age, duration) => (duration - age) * factor;
	},
	'right within 20 %, one factor an answer': (random) => (age, duration) =>
		(duration - age) * drawFactor(random),
};

const BAD: Record<string, EtaMaker> = {
	missing: () => () => undefined,
	'10 x too short': () => (age, duration) => (duration - age) / 10,
	'10 x too long': () => (age, duration) => (duration - age) * 10,
	'rising with the queue': () => (age, duration) =>
		// One more job arrives behind this one in each fifth of its duration, and the ETA counts them all.
		duration - age + duration * Math.floor(age / (duration / 5)),
};

const ONLY_ONCE: Record<string, EtaMaker> = {
	'right within 20 %, only in the answer to the submit': (random) => {
		const factor = drawFactor(random);
		return (age, duration) => (age === 0 ? duration * factor : undefined);
	},
};

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

const formatPercent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** Makes the row of a duration. @param nominal s */
function makeRow(name: string, nominal: number, measured: readonly Measured[], aim?: Aim): string[] {
	const shares = measured.map(({ delay, duration }) => delay / duration);
	const delays = measured.map(({ delay }) => delay);
	const polls = measured.map((one) => one.polls.length);
	const figures = [
		name,
		`${nominal} s`,
		`${formatPercent(median(shares))} (${median(delays).toFixed(2)} s)`,
		`${formatPercent(quantile(shares, 0.95))} (${quantile(delays, 0.95).toFixed(2)} s)`,
		`${median(polls)} (${Math.min(...polls)} to ${Math.max(...polls)})`,
	];
	if (!aim) return [...figures, '', ''];
	const isMet =
		(median(shares) <= aim.median || median(delays) <= aim.medianSeconds) &&
		(quantile(shares, 0.95) <= aim.p95 || quantile(delays, 0.95) <= aim.p95Seconds) &&
		median(polls) <= (aim.polls[nominal] ?? 0);
	const aims = `${100 * aim.median} %, ${100 * aim.p95} %, ${aim.polls[nominal]} calls`;
	return [...figures, aims, formatVerdict(isMet)];
}

/** All kinds of ETA that are measured. */
function listRows(): Rows[] {
	const of = (makers: Record<string, EtaMaker>, more: Omit<Rows, 'name' | 'makeEta'>, note = '') =>
		Object.entries(makers).map(([name, makeEta]) => ({ name: `ETA ${name}${note}`, makeEta, ...more }));
	return [
		...of(GOOD, { aim: RIGHT }),
		...of(BAD, { aim: WRONG }, ', first job'),
		...of(BAD, { aim: RIGHT, earlierJobs: 3 }, ', after three jobs'),
		...of(ONLY_ONCE, {}, ', first job'),
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
			'The delay is from the end of the job until the node knows it, as a share of its duration. An aim is met by the share, or by 0.3 s (median) and 0.6 s (95th percentile), and by the median of the polls.',
		].join(' '),
		columns: [
			'ETAs',
			'jobs of',
			'delay, median',
			'delay, 95th percentile',
			'polls, median (min to max)',
			'aim',
			'met',
		],
		rows,
	};
}
