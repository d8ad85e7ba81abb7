/**
 * Estimates when a job ends, and computes from that when to poll it.
 *
 * A poll is free, but one that finds the job unfinished is a wasted call. A poll that comes late leaves the result
 * waiting, and with it a slot in the account's queue. The end is not known. It is only more or less likely:
 *
 * * Earlier jobs of the same kind have shown how long they work. The order of the queue, first in, first out, says when
 *   the service starts on this job ({@link Forecast}).
 * * The service reports how long the job still takes (`eta`), sometimes, and not always well. An ETA may be right, or too
 *   long or too short by a factor that stays the same, or mean nothing. A countdown that falls twice as fast as time
 *   passes reveals its factor, so all reports are weighed together.
 * * The job had not ended at the last poll, which rules out all earlier ends.
 *
 * Bayes' rule weighs these against each other, over a grid of possible ends that is finer for ends that are near. If
 * nothing is known about a job, each doubling of its age is about as likely to bring the end as the one before.
 *
 * One rule decides when to poll: **wait until the expected delay of a poll is a small share of the job's age**
 * ({@link DELAY_SHARE}). If the end is well known, that is a moment after it. If the end lies in a wide window, the pauses
 * shrink as the window closes. If nothing is known, the pauses grow with the age, so that the number of polls grows only
 * with its logarithm. Doubts cause polls by themselves: an ETA of an hour is checked after minutes, because it may be ten
 * times too long. There is one addition: a poll that is likely to come just too early is not made.
 *
 * `bench/detection.mts` measures what this costs and brings. The constants were chosen there.
 *
 * Times in this file are seconds since the job was accepted.
 */

/** A normal distribution of a logarithm, for a number that is known up to a factor. */
export interface LogNormal {
	mean: number;
	/** The standard deviation: 0.1 is about 10 %. */
	sd: number;
}

/** An ETA that the service reported. */
export interface EtaReport {
	/** When, s after the job was accepted. */
	age: number;
	/** How long the job still takes according to the service, s, more than 0. */
	eta: number;
}

/** A job that is polled, and what the polls have shown. */
export interface PolledJob {
	/** When it was accepted, or first polled if that is not known, ms of the clock. */
	readonly acceptedAt: number;
	/** The ETAs of its answers so far. */
	readonly etas: EtaReport[];
	/** When it was last known to be unfinished, ms of the clock. */
	lastOpenAt: number;
}

/** What other jobs of the account say about a job. */
export interface Forecast {
	/** How long jobs of its kind work, ln s. Absent if no such job is known. */
	work?: LogNormal;
	/** When the service starts on it, s after it was accepted: more than 0 for a job that is queued. */
	startsAt: number;
	/** The factor by which the service's ETAs are too long, ln. */
	etaFactor: LogNormal;
}

/** For a job about which nothing is known: the service has started on it, and an ETA is probably right within 20 %. */
export const NOTHING_KNOWN: Forecast = { startsAt: 0, etaFactor: { mean: 0, sd: 0.15 } };

/** The delay that is accepted before a poll: a share of the job's age, and what is never worth a poll, s. */
const DELAY_SHARE = 0.0046;
const DELAY_FLOOR = 0.001;

/** How much later a job's end is noticed if a poll came a moment too early, s: about the shortest pause between two polls. */
const LOST_BY_EARLY_POLL = 0.2;

/** For a job about which nothing is known, the chance of the end in the next instant is this divided by its age. */
const UNKNOWN_HAZARD = 0.31;
/** No job is done sooner, s. */
const SHORTEST = 0.8;

/** How likely it is that a job takes any time at all, whatever jobs of its kind have taken. */
const SURPRISE = 0.05;

/** How likely an ETA is wrong by a factor that is not known yet, and how large that may be (ln); or means nothing. */
const WRONG_FACTOR = 0.15;
const WRONG_FACTOR_SD = 2;
const MEANINGLESS = 0.3;

/** How far single ETAs vary (ln), and by how much rounding and the time of the call change them, s. */
const ETA_NOISE = 0.12;
const ETA_ROUNDING = 0.2;
/** By what factor an ETA may be above the first one and still mean the same. */
const MOST_NOISE = 1.5;
/** How far meaningless ETAs vary from one to the next (ln). */
const MEANINGLESS_NOISE = 0.5;

/** If there are more reports, only the first one and this many of the latest count. */
const LATEST_REPORTS = 4;

/** The cells of the grid by their ends, s from now. Each is a little wider than the one before. The last ends after a day. */
const CELL_ENDS = Array.from({ length: 300 }, (_, cell) => 0.05 * 1.05 ** cell);

/**
 * Computes when to poll a job again.
 *
 * @param age the job's age at its last poll, which found it unfinished, s
 * @param reports the ETAs so far, in order
 * @returns the age to poll it at, s, more than `age`
 */
export function planNextPoll(age: number, reports: readonly EtaReport[], forecast: Forecast): number {
	const masses = weighCells(age, reports, forecast);
	const total = masses.reduce((sum, mass) => sum + mass, 0);
	// What is known rules out every end. The poll is planned as if nothing were known.
	if (!(total > 0)) return planNextPoll(age, [], NOTHING_KNOWN);

	let delay = 0;
	let ended = 0;
	let start = 0;
	for (const [cell, end] of CELL_ENDS.entries()) {
		const width = end - start;
		const chance = (masses[cell] ?? 0) / total;
		const delayAtEnd = delay + (ended + chance / 2) * width;
		// Not yet, if the job may end in the time that a poll too early would cost.
		const mayEndAnyMoment = (chance / width) * LOST_BY_EARLY_POLL > ended;
		if (delayAtEnd >= DELAY_FLOOR + DELAY_SHARE * (age + end) && !mayEndAnyMoment) {
			const missing = DELAY_FLOOR + DELAY_SHARE * (age + start) - delay;
			return age + start + placeInCell({ missing, ended, chance, width });
		}
		delay = delayAtEnd;
		ended += chance;
		start = end;
	}
	return age + start;
}

/** How likely the job ends in each cell of the grid, up to a constant. */
function weighCells(age: number, reports: readonly EtaReport[], forecast: Forecast): number[] {
	const getEtaLikelihood = createEtaLikelihood(reports, forecast);
	return CELL_ENDS.map((end, cell) => {
		const start = cell === 0 ? 0 : (CELL_ENDS[cell - 1] as number);
		const at = age + (start === 0 ? end / 2 : Math.sqrt(start * end));
		return ((end - start) / at) * computeEndDensity(at, forecast) * getEtaLikelihood(at);
	});
}

interface Cell {
	/** The delay that is still accepted at the cell's start, s. */
	missing: number;
	/** How likely the job has ended before the cell. */
	ended: number;
	/** How likely it ends in the cell. */
	chance: number;
	/** s */
	width: number;
}

/**
 * Computes where in a cell the accepted delay is reached, s from its start. That is where
 * ended x + chance x^2 / (2 width) = missing + share x.
 */
function placeInCell({ missing, ended, chance, width }: Cell): number {
	const slope = ended - DELAY_SHARE;
	const curve = chance / width;
	const x = (2 * missing) / (slope + Math.sqrt(Math.max(0, slope ** 2 + 2 * curve * missing)));
	return Math.min(width, Math.max(0, x));
}

/** How likely a job ends at a time before any ETA is known, per ln s. */
function computeEndDensity(at: number, { work, startsAt }: Forecast): number {
	const unknown = computeUnknownDensity(at);
	if (!work) return unknown;
	const worked = at - startsAt;
	// Per ln of the time worked, converted to the ln of the age.
	const expected =
		worked > 0
			? (computeGaussian(Math.log(worked) - work.mean, work.sd) * at) / (worked * Math.sqrt(2 * Math.PI))
			: 0;
	return (1 - SURPRISE) * expected + SURPRISE * unknown;
}

const computeUnknownDensity = (at: number) =>
	at < SHORTEST ? 0 : UNKNOWN_HAZARD * (at / SHORTEST) ** -UNKNOWN_HAZARD;

const computeGaussian = (x: number, sd: number) => Math.exp(-0.5 * (x / sd) ** 2) / sd;

/** Creates a function that says how likely the service reports these ETAs for a job that ends at a time, up to a constant. */
function createEtaLikelihood(all: readonly EtaReport[], { etaFactor }: Forecast): (at: number) => number {
	const reports = isCountdown(all) ? selectReports(all) : [];
	if (reports.length === 0) return () => 1;
	const meaningless = MEANINGLESS * weighAsMeaningless(reports);
	return (at) => {
		const weighWithFactor = weighAsCountdown(reports, at, etaFactor.mean);
		return (
			(1 - WRONG_FACTOR - MEANINGLESS) * weighWithFactor(etaFactor.sd) +
			WRONG_FACTOR * weighWithFactor(WRONG_FACTOR_SD) +
			meaningless
		);
	};
}

/** How likely these reports are if they mean nothing. */
function weighAsMeaningless(reports: readonly EtaReport[]): number {
	const first = reports[0] as EtaReport;
	// The first report is as likely as the end that it names. So it says nothing by itself.
	const named = Math.max(SHORTEST, first.age + first.eta);
	let weight = computeUnknownDensity(named) * Math.sqrt(2 * Math.PI);
	for (const [index, { eta }] of reports.entries()) {
		const before = reports[index - 1];
		if (before) weight *= computeGaussian(Math.log(eta / before.eta), MEANINGLESS_NOISE);
	}
	return weight;
}

/**
 * How likely these reports are if each is the time that is really left, times the factor, times its noise. The factor is
 * normal in its logarithm, and integrated out.
 *
 * @param factorMean of the factor, ln
 * @returns a function of the factor's standard deviation
 */
function weighAsCountdown(
	reports: readonly EtaReport[],
	endsAt: number,
	factorMean: number,
): (factorSd: number) => number {
	let weights = 0;
	let sum = 0;
	let squares = 0;
	let scale = 1;
	for (const { age, eta } of reports) {
		const left = endsAt - age;
		const off = Math.log(eta / left) - factorMean;
		const variance = ETA_NOISE ** 2 + (ETA_ROUNDING / left) ** 2;
		weights += 1 / variance;
		sum += off / variance;
		squares += off ** 2 / variance;
		scale /= Math.sqrt(variance);
	}
	return (sd) => {
		const spread = 1 + sd ** 2 * weights;
		return (scale / Math.sqrt(spread)) * Math.exp(-0.5 * (squares - (sd * sum) ** 2 / spread));
	};
}

/** Whether the ETAs fall as they should. They may rise with the queue, or stay the same, which takes some time to notice. */
function isCountdown(reports: readonly EtaReport[]): boolean {
	const first = reports[0];
	const last = reports[reports.length - 1];
	if (!first || !last) return false;
	const time = last.age - first.age;
	return last.eta < (time > 0.3 * first.eta ? 1 : MOST_NOISE) * first.eta;
}

function selectReports(reports: readonly EtaReport[]): readonly EtaReport[] {
	return reports.length <= LATEST_REPORTS + 1
		? reports
		: [...reports.slice(0, 1), ...reports.slice(-LATEST_REPORTS)];
}
