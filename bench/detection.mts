/** How soon the end of a job is known, and how many calls that takes: by the service's ETAs, good and bad. */
import { Account } from '../nodes/ImgTo3d/polling/account.ts';
import { seeded, SimulatedClock, pollSimulated, type Eta, type SimulatedJob, type SimulatedPolling } from './simulated.mts';
import { median, quantile, verdict, type Table } from './table.mts';

const DURATIONS = [2, 20, 200];
const JOBS = 400;

/** Jobs are up to so much shorter or longer than their nominal duration, so that no schedule fits them by chance. */
const SPREAD = 0.4;

interface Aim {
	/** Of the duration, in the middle and of the slowest twentieth; or so many seconds, if that is more. */
	median: number;
	p95: number;
	medianSeconds: number;
	p95Seconds: number;
	/** Calls in the middle, by duration. */
	looks: Record<number, number>;
}

const RIGHT: Aim = {
	median: 0.03,
	p95: 0.06,
	medianSeconds: 0.3,
	p95Seconds: 0.6,
	looks: { 2: 8, 20: 8, 200: 8 },
};
const WRONG: Aim = {
	median: 0.1,
	p95: 0.2,
	medianSeconds: 0.3,
	p95Seconds: 0.6,
	looks: { 2: 20, 20: 20, 200: 30 },
};

/** What the service's ETAs are like: a job's own, made anew for each job. */
type EtaKind = (random: () => number) => Eta;

const withinFifth = (random: () => number) => 0.8 + 0.4 * random();

const GOOD: Record<string, EtaKind> = {
	'right within 20 %, one factor a job': (random) => {
		const factor = withinFifth(random);
		return (age, duration) => (duration - age) * factor;
	},
	'right within 20 %, each answer by itself': (random) => (age, duration) =>
		(duration - age) * withinFifth(random),
};

const BAD: Record<string, EtaKind> = {
	missing: () => () => undefined,
	'10 x too short': () => (age, duration) => (duration - age) / 10,
	'10 x too long': () => (age, duration) => (duration - age) * 10,
	'rising with the queue': () => (age, duration) =>
		// Behind this job one more comes in each fifth of its duration, and the ETA counts them all.
		duration - age + duration * Math.floor(age / (duration / 5)),
};

const ONLY_ONCE: Record<string, EtaKind> = {
	'right within 20 %, said at the submit only': (random) => {
		const factor = withinFifth(random);
		return (age, duration) => (age === 0 ? duration * factor : undefined);
	},
};

/** Watches a number of jobs, each in an account of its own. @param taught how many like it are watched before */
async function measured(
	duration: number,
	kind: EtaKind,
	{ taught = 0, pollInterval }: { taught?: number; pollInterval?: number } = {},
): Promise<Array<SimulatedPolling & { duration: number }>> {
	const random = seeded(duration);
	const all = [];
	for (let job = 0; job < JOBS; job++) {
		const clock = new SimulatedClock();
		const account = new Account();
		const own = duration * (1 - SPREAD + 2 * SPREAD * random());
		const next = (): SimulatedJob => ({ duration: own, eta: kind(random), kind: 'a', pollInterval });
		for (let before = 0; before < taught; before++) await pollSimulated(clock, account, next());
		all.push({ ...(await pollSimulated(clock, account, next())), duration: own });
	}
	return all;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function row(
	name: string,
	nominal: number,
	watchings: ReadonlyArray<SimulatedPolling & { duration: number }>,
	aim?: Aim,
): string[] {
	const shares = watchings.map(({ delay, duration }) => delay / duration);
	const delays = watchings.map(({ delay }) => delay);
	const looks = watchings.map(({ looks: calls }) => calls.length);
	const figures = [
		name,
		`${nominal} s`,
		`${percent(median(shares))} (${median(delays).toFixed(2)} s)`,
		`${percent(quantile(shares, 0.95))} (${quantile(delays, 0.95).toFixed(2)} s)`,
		`${median(looks)} (${Math.min(...looks)} to ${Math.max(...looks)})`,
	];
	if (!aim) return [...figures, '', ''];
	const isMet =
		(median(shares) <= aim.median || median(delays) <= aim.medianSeconds) &&
		(quantile(shares, 0.95) <= aim.p95 || quantile(delays, 0.95) <= aim.p95Seconds) &&
		median(looks) <= (aim.looks[nominal] ?? 0);
	const aims = `${100 * aim.median} %, ${100 * aim.p95} %, ${aim.looks[nominal]} calls`;
	return [...figures, aims, verdict(isMet)];
}

export async function detection(): Promise<Table> {
	const rows: string[][] = [];
	const add = async (
		name: string,
		kind: EtaKind,
		aim?: Aim,
		options?: { taught?: number; pollInterval?: number },
	) => {
		for (const duration of DURATIONS) {
			rows.push(row(name, duration, await measured(duration, kind, options), aim));
		}
	};
	for (const [name, kind] of Object.entries(GOOD)) await add(`ETA ${name}`, kind, RIGHT);
	for (const [name, kind] of Object.entries(BAD)) await add(`ETA ${name}, first job`, kind, WRONG);
	for (const [name, kind] of Object.entries(BAD)) {
		await add(`ETA ${name}, after three jobs`, kind, RIGHT, { taught: 3 });
	}
	for (const [name, kind] of Object.entries(ONLY_ONCE)) await add(`ETA ${name}, first job`, kind);
	for (const seconds of [5, 20]) {
		await add(`fixed poll of ${seconds} s`, () => () => undefined, undefined, { pollInterval: seconds });
	}
	return {
		question: "How soon is a job's end known, and by how many fetch calls?",
		how: `The node's own watching code on a simulated clock; each call takes 50 ms. ${JOBS} jobs a row, of the given duration +-${100 * SPREAD} %, each of an account of its own (after three jobs: with three like it before). Delay from the job's end to its result being known, as a share of its duration; an aim is met by the share, or by 0.3 s in the middle and 0.6 s at the 95th percentile, and by the calls in the middle.`,
		columns: [
			'ETAs',
			'jobs of',
			'delay, median',
			'delay, 95th percentile',
			'fetch calls, median (min to max)',
			'aim',
			'met',
		],
		rows,
	};
}
