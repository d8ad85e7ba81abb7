/**
 * What the ended jobs of an account show: how long jobs work, how wrong the service's ETAs are, and how many jobs the
 * service works on at once.
 */
import type { LogNormal, PolledJob } from './estimate';

/** How many ended jobs an account remembers: the latest. */
export const MAX_ENDED = 64;
/** How many of them count for a kind: the latest of that kind. */
const MAX_OF_KIND = 16;

/** How far jobs of a kind are expected to differ (ln) before they are known. It counts as much as one job. */
const USUAL_SPREAD = 0.08;
/** The same for the factors by which ETAs are wrong. */
const USUAL_ETA_SPREAD = 0.15;

/** A job whose end was noticed. */
export interface EndedJob {
	/** Jobs of one kind take about the same time. */
	readonly kind: string;
	/** ms of the clock */
	readonly acceptedAt: number;
	/** The middle between the last poll before the end and the first one after it, ms of the clock. */
	readonly endedAt: number;
	/** How far off that may be (standard deviation), ms. */
	readonly sd: number;
	/** Whether it shows how long such jobs work. A failed job does not. */
	readonly hasSucceeded: boolean;
	/** ln of the factor by which the service's first ETA was too long. */
	readonly etaFactor?: Measurement;
}

/** Something measured, as a logarithm. */
interface Measurement {
	value: number;
	/** How far off it may be (standard deviation). */
	sd: number;
}

/** What the ended jobs of an account show. */
export interface Durations {
	/** How many jobs the service works on at once. Infinity if no job has been seen to wait. */
	parallel: number;
	/** How long jobs work, ln s, by kind. */
	work: ReadonlyMap<string, LogNormal>;
	/** The factor by which ETAs are too long, ln, by kind. */
	etaFactor: ReadonlyMap<string, LogNormal>;
}

/**
 * Turns a job that was polled into one that has ended.
 *
 * @param now when its end was noticed, ms of the clock
 */
export function toEndedJob(
	{ kind, acceptedAt, lastOpenAt, etas }: PolledJob & { kind: string },
	now: number,
	hasSucceeded: boolean,
): EndedJob {
	const endedAt = (lastOpenAt + now) / 2;
	// The standard deviation of an even distribution.
	const sd = (now - lastOpenAt) / Math.sqrt(12);
	const [first] = etas;
	const left = first ? endedAt - acceptedAt - first.age * 1000 : 0;
	const etaFactor =
		hasSucceeded && first && left > 0
			? { value: Math.log(first.eta) - Math.log(left / 1000), sd: sd / left }
			: undefined;
	return { kind, acceptedAt, endedAt, sd, hasSucceeded, ...(etaFactor && { etaFactor }) };
}

/** Computes what these jobs show. */
export function measureDurations(ended: readonly EndedJob[]): Durations {
	const jobs = [...ended].sort((a, b) => a.acceptedAt - b.acceptedAt);
	const { parallel, work } = findParallel(jobs);
	const factors = measureByKind(jobs, ({ etaFactor }) => etaFactor);
	return {
		parallel,
		work: predictByKind(work, USUAL_SPREAD),
		etaFactor: predictByKind(factors, USUAL_ETA_SPREAD),
	};
}

/**
 * Computes when the service starts on a job. It takes the jobs first in, first out.
 *
 * @param endsBefore when the jobs end that were accepted before it, and no others, ms of the clock
 * @param parallel how many jobs the service works on at once
 * @returns ms of the clock
 */
export function computeStart(acceptedAt: number, endsBefore: readonly number[], parallel: number): number {
	const open = endsBefore.filter((end) => end > acceptedAt).sort((a, b) => a - b);
	return open[open.length - parallel] ?? acceptedAt;
}

type MeasurementsByKind = ReadonlyMap<string, readonly Measurement[]>;

/**
 * Finds how many jobs the service works on at once: the number with which the jobs of a kind have worked equally long, if
 * that fits clearly better than that no job has waited.
 */
function findParallel(jobs: readonly EndedJob[]): { parallel: number; work: MeasurementsByKind } {
	let best = { parallel: Infinity, work: measureWork(jobs, Infinity) ?? new Map<string, Measurement[]>() };
	// Half of the spread without any waiting, and more than jobs differ by anyway.
	let least = computeSpread(best.work) / 2;
	const counts = jobs.map(({ acceptedAt }, index) => countOpen(jobs.slice(0, index), acceptedAt));
	for (let parallel = Math.max(0, ...counts); parallel >= 1 && least > USUAL_SPREAD ** 2; parallel--) {
		const work = measureWork(jobs, parallel);
		const spread = work ? computeSpread(work) : Infinity;
		if (work && spread < least) {
			least = spread;
			best = { parallel, work };
		}
	}
	return best;
}

const countOpen = (jobs: readonly EndedJob[], time: number) =>
	jobs.filter(({ endedAt }) => endedAt > time).length;

/**
 * Measures how long the jobs have worked, ln s, if the service works on so many at once.
 *
 * @returns nothing if that is impossible
 */
function measureWork(jobs: readonly EndedJob[], parallel: number): Map<string, Measurement[]> | undefined {
	const ends: number[] = [];
	let isPossible = true;
	const work = measureByKind(jobs, ({ acceptedAt, endedAt, sd, hasSucceeded }) => {
		const time = endedAt - computeStart(acceptedAt, ends, parallel);
		ends.push(endedAt);
		if (!hasSucceeded) return undefined;
		if (time <= sd) isPossible = false;
		return { value: Math.log(time / 1000), sd: sd / time };
	});
	return isPossible ? work : undefined;
}

/** Computes how far the jobs of each kind differ: the sum of the squared distances from their kind's mean. */
function computeSpread(measurements: MeasurementsByKind): number {
	let squares = 0;
	for (const ofKind of measurements.values()) {
		const mean = average(ofKind.map(({ value }) => value));
		squares += sum(ofKind.map(({ value }) => (value - mean) ** 2));
	}
	return squares;
}

function measureByKind(
	jobs: readonly EndedJob[],
	measure: (job: EndedJob) => Measurement | undefined,
): Map<string, Measurement[]> {
	const kinds = new Map<string, Measurement[]>();
	for (const job of jobs) {
		const measurement = measure(job);
		if (measurement) kinds.set(job.kind, [...(kinds.get(job.kind) ?? []), measurement]);
	}
	return kinds;
}

function predictByKind(measurements: MeasurementsByKind, usualSpread: number): Map<string, LogNormal> {
	return new Map(
		[...measurements].map(([kind, all]) => [kind, predictNext(all.slice(-MAX_OF_KIND), usualSpread)]),
	);
}

/**
 * Predicts the next value after some have been measured.
 *
 * @param usualSpread how far such values usually differ (ln). It counts as much as one measurement.
 */
function predictNext(measurements: readonly Measurement[], usualSpread: number): LogNormal {
	const count = measurements.length;
	const mean = average(measurements.map(({ value }) => value));
	const variance = average(measurements.map(({ value, sd }) => (value - mean) ** 2 - sd ** 2));
	// An inexact measurement counts less, as far as it is more inexact than the values differ by anyway.
	const spread = Math.max((usualSpread / 5) ** 2, variance);
	const weights = measurements.map(({ sd }) => 1 / (spread + sd ** 2));
	const total = sum(weights);
	const weigh = (read: (measurement: Measurement) => number) =>
		sum(measurements.map((measurement, index) => (weights[index] ?? 0) * read(measurement))) / total;
	const center = weigh(({ value }) => value);
	const squares = count * weigh(({ value }) => (value - center) ** 2);
	return {
		mean: center,
		sd: Math.sqrt(((usualSpread ** 2 + squares) / count) * (1 + 1 / count) + 1 / total),
	};
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const average = (values: readonly number[]) => sum(values) / values.length;
