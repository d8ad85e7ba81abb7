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
 * ({@link DELAY_SHARE}), and a smaller one while the end is unlikely. If the end is well known, that is a moment after it.
 * If the end lies in a wide window, the polls divide the window. If nothing is known, the pauses grow with the age, so that
 * the number of polls grows only with its logarithm. There are three additions:
 *
 * * A poll that is likely to come just too early is not made.
 * * When the end is likely enough, waiting longer saves nothing.
 * * A first ETA is checked once, when a tenth of it is over, because it may be ten times too long. Before that, there is no
 *   poll: it would most likely be too early, and the service may not know the job yet.
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
export const NOTHING_KNOWN: Forecast = { startsAt: 0, etaFactor: { mean: 0, sd: 0.133 } };

/**
 * The expected delay that is accepted before a poll: a share of the job's age, and what is never worth a poll, s. Both count
 * in full only when the job has surely ended. With the chance that it has, they fall as its power, and no further than at a
 * small chance: polls that find a job unfinished should be few, however long the time is in which it may end.
 */
const DELAY_SHARE = 0.0135;
const DELAY_FLOOR = 0.001;
const CHANCE_POWER = 0.48;
const SMALL_CHANCE = 0.018;

/** The chance that the job has ended at which a poll is made in any case. */
const LIKELY = 0.85;

/** How much later a job's end is noticed if a poll came a moment too early, s: somewhat less than the shortest pause. */
const LOST_BY_EARLY_POLL = 0.1;

/** The first ETA is checked after this share of it. Shorter ones, s, are not checked. */
const CHECKED_SHARE = 0.1;
const TOO_SHORT_TO_CHECK = 1.6;

/** For a job about which nothing is known, the chance of the end in the next instant is this divided by its age. */
const UNKNOWN_HAZARD = 0.0033;
/** No job is done sooner, s. */
const SHORTEST = 0.8;

/** How likely it is that a job takes any time at all, whatever jobs of its kind have taken. */
const SURPRISE = 0.01;

/** How likely an ETA is wrong by a factor that is not known yet, and how large that may be (ln); or means nothing. */
const WRONG_FACTOR = 0.027;
const WRONG_FACTOR_SD = 1.25;
const MEANINGLESS = 0.005;

/** How far the ETAs of one job vary (ln): some services compute each anew, others count down. And how likely each is. */
const ETA_NOISES = [
	{ noise: 0.0075, chance: 0.43 },
	{ noise: 0.12, chance: 0.57 },
] as const;
/** By how much rounding and the time of the call change an ETA, s. */
const ETA_ROUNDING = 0.05;
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
	const [first] = reports;
	const checkedAt = first ? first.age + CHECKED_SHARE * first.eta : 0;
	const isUnchecked = first !== undefined && reports.length === 1 && age <= first.age;
	if (isUnchecked && !forecast.work && first.eta > TOO_SHORT_TO_CHECK) {
		return Math.max(checkedAt, SHORTEST, first.age + CHECKED_SHARE);
	}
	return Math.max(checkedAt, weighDelay(age, reports, forecast));
}

/** Computes when the expected delay of a poll is reached that is accepted. The parameters are those of {@link planNextPoll}. */
function weighDelay(age: number, reports: readonly EtaReport[], forecast: Forecast): number {
	const masses = weighCells(age, reports, forecast);
	const total = masses.reduce((sum, mass) => sum + mass, 0);
	// What is known rules out every end. The poll is planned as if nothing were known.
	if (!(total > 0)) return weighDelay(age, [], NOTHING_KNOWN);

	let delay = 0;
	let ended = 0;
	let start = 0;
	for (const [cell, end] of CELL_ENDS.entries()) {
		const chance = (masses[cell] ?? 0) / total;
		const current: Cell = { from: age + start, width: end - start, delay, ended, chance };
		const { width } = current;
		// Not yet, if the job may end in the time that a poll too early would cost.
		const mayEndAnyMoment = (chance / width) * LOST_BY_EARLY_POLL > ended;
		if (isDelayReached(current, width) && !mayEndAnyMoment) return age + start + findDelay(current);
		delay += (ended + chance / 2) * width;
		ended += chance;
		start = end;
		if (ended >= LIKELY && delay > DELAY_FLOOR) break;
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
	/** The age at its start, s. */
	from: number;
	/** s */
	width: number;
	/** The expected delay of a poll at its start, s. */
	delay: number;
	/** How likely the job has ended before it. */
	ended: number;
	/** How likely it ends in it. */
	chance: number;
}

/** Whether the accepted delay is reached in a cell. @param after its start, s */
function isDelayReached({ from, width, delay, ended, chance }: Cell, after: number): boolean {
	const within = (chance * after) / width;
	const accepted = DELAY_FLOOR + DELAY_SHARE * (from + after);
	return delay + (ended + within / 2) * after >= accepted * (ended + within + SMALL_CHANCE) ** CHANCE_POWER;
}

/** How often the place of the accepted delay is halved: a cell of any width is as good as a thousandth of it. */
const HALVINGS = 10;

/** Finds where in a cell the accepted delay is reached, s after its start. */
function findDelay(cell: Cell): number {
	let least = 0;
	let most = cell.width;
	for (let halving = 0; halving < HALVINGS; halving++) {
		const middle = (least + most) / 2;
		if (isDelayReached(cell, middle)) most = middle;
		else least = middle;
	}
	return most;
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
	return (at) =>
		ETA_NOISES.reduce((sum, { noise, chance }) => {
			const weighWithFactor = weighAsCountdown(reports, at, etaFactor.mean, noise);
			const usual = (1 - WRONG_FACTOR - MEANINGLESS) * weighWithFactor(etaFactor.sd);
			return sum + chance * (usual + WRONG_FACTOR * weighWithFactor(WRONG_FACTOR_SD));
		}, meaningless);
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
 * @param noise how far the reports vary, ln
 * @returns a function of the factor's standard deviation
 */
function weighAsCountdown(
	reports: readonly EtaReport[],
	endsAt: number,
	factorMean: number,
	noise: number,
): (factorSd: number) => number {
	let weights = 0;
	let sum = 0;
	let squares = 0;
	let scale = 1;
	for (const { age, eta } of reports) {
		const left = endsAt - age;
		const off = Math.log(eta / left) - factorMean;
		const variance = noise ** 2 + (ETA_ROUNDING / left) ** 2;
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
