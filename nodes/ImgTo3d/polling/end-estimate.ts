/**
 * When to look at a job, from what is known of its end.
 *
 * A look is free, but each that finds the job still at work is a call for nothing; a look that comes late leaves the
 * result, and the place in the account's queue, lying idle. The end is not known, only more or less likely:
 *
 * * Jobs like this one have taught how long they work, and the first-in first-out order of the queue says when its
 *   turn comes ({@link Forecast}).
 * * The service says how long it still takes (`eta`), sometimes, and not always well. An ETA may be right, or too long
 *   or too short by a factor that stays, or mean nothing. A countdown that falls twice as fast as the time
 *   passes gives its factor away, so readings are judged together.
 * * That the job had not ended at the last look rules out all earlier ends.
 *
 * These are weighed against each other by Bayes' rule, over a grid of ends that is finer the sooner they are. Of a
 * job that nothing is known of, each doubling of its age is about as likely to bring the end as the one before.
 *
 * The rule for the look is one line: **sleep until the delay to be expected, if one looks then, is a small share
 * of the job's age** ({@link DELAY_SHARE}). If the end is known well, that is a moment after it; over a wide window,
 * steps that shrink as it closes; if nothing is known, steps that grow with the age, so that the number of looks grows
 * with its logarithm only. Doubts make looks by themselves: an ETA of an hour is checked after minutes, because it may
 * be ten times too long. One thing is added: no look is made that is likely to come just too early.
 *
 * What that costs and brings is measured in `bench/detection.mts`, and the constants were chosen there.
 *
 * Times in this file are seconds, counted from the job's acceptance.
 */

/** A normal distribution of a logarithm: of something that is known up to a factor. */
export interface LogNormal {
	mean: number;
	/** The standard deviation: 0.1 is about 10 %. */
	sd: number;
}

/** An ETA that the service gave. */
export interface EtaReport {
	/** When, s after the job was accepted. */
	age: number;
	/** What was left then according to the service, s, more than 0. */
	eta: number;
}

/** What is known of a job before the service says anything about it. */
export interface Forecast {
	/** How long jobs like it work, ln s; absent when no such job is known. */
	work?: LogNormal;
	/** When its turn comes, s after it was accepted: more than 0 for a job that stands in a queue. */
	startsAt: number;
	/** By what factor the service's ETAs are too long, ln. */
	etaFactor: LogNormal;
}

/** Of a job that nothing is known of: its turn has come, and an ETA is expected to be right within some 20 %. */
export const NOTHING_KNOWN: Forecast = { startsAt: 0, etaFactor: { mean: 0, sd: 0.15 } };

/** How much delay is taken into account before a look: a share of the job's age, and what is never worth a look, s. */
const DELAY_SHARE = 0.0046;
const DELAY_FLOOR = 0.001;

/** How much later a job is found if a look was a moment too early, s: about the least pause between two looks. */
const LOST_BY_A_LOOK = 0.2;

/** The chance of the end in the next instant is this divided by the age, of a job that nothing is known of. */
const UNKNOWN_HAZARD = 0.31;
/** No job is done sooner, s. */
const SHORTEST = 0.8;

/** How likely a job takes a time of its own, whatever jobs like it have taken. */
const SURPRISE = 0.05;

/** How likely an ETA is out by a factor that nobody has learned yet, and how large that may be (ln); or means nothing. */
const WRONG_FACTOR = 0.15;
const WRONG_FACTOR_SD = 2;
const MEANINGLESS = 0.3;

/** How far single ETAs stray (ln), and by what rounding and the way of the call change them, s. */
const ETA_NOISE = 0.12;
const ETA_ROUNDING = 0.2;
/** By what factor an ETA may be above the first one and mean the same. */
const MOST_NOISE = 1.5;
/** How far ETAs stray that mean nothing, from one to the next (ln). */
const MEANINGLESS_NOISE = 0.5;

/** Of more readings, the first and so many of the latest are judged. */
const LATEST_READINGS = 4;

/** The grid's cells by their ends, s from now: each a little wider than the one before, up to more than a day. */
const CELL_ENDS = Array.from({ length: 300 }, (_, cell) => 0.05 * 1.05 ** cell);

/**
 * When to look at a job again.
 *
 * @param age s; the job had not ended then
 * @param readings the ETAs so far, in order
 * @returns s, more than `age`
 */
export function planNextPoll(age: number, readings: readonly EtaReport[], forecast: Forecast): number {
	const likely = etaLikelihood(readings, forecast);
	const masses: number[] = [];
	let total = 0;
	let start = 0;
	for (const end of CELL_ENDS) {
		const at = age + (start === 0 ? end / 2 : Math.sqrt(start * end));
		const mass = ((end - start) / at) * endDensity(at, forecast) * likely(at);
		masses.push(mass);
		total += mass;
		start = end;
	}
	// Against all that was learned: as if nothing were known.
	if (!(total > 0)) return planNextPoll(age, [], NOTHING_KNOWN);

	let delay = 0;
	let ended = 0;
	start = 0;
	for (const [cell, end] of CELL_ENDS.entries()) {
		const width = end - start;
		const chance = (masses[cell] ?? 0) / total;
		const delayAtEnd = delay + (ended + chance / 2) * width;
		// Not yet, if it may well end in the time that a look too early would cost.
		const mayEndAnyMoment = (chance / width) * LOST_BY_A_LOOK > ended;
		if (delayAtEnd >= DELAY_FLOOR + DELAY_SHARE * (age + end) && !mayEndAnyMoment) {
			// Where in the cell: delay + ended x + chance x^2 / (2 width) = floor + share (age + start + x).
			const slope = ended - DELAY_SHARE;
			const missing = DELAY_FLOOR + DELAY_SHARE * (age + start) - delay;
			const curve = chance / width;
			const x = (2 * missing) / (slope + Math.sqrt(Math.max(0, slope ** 2 + 2 * curve * missing)));
			return age + start + Math.min(width, Math.max(0, x));
		}
		delay = delayAtEnd;
		ended += chance;
		start = end;
	}
	return age + start;
}

/** How likely a job ends at a time before any ETA is heard, per ln s. */
function endDensity(at: number, { work, startsAt }: Forecast): number {
	const unknown = unknownDensity(at);
	if (!work) return unknown;
	const worked = at - startsAt;
	// Per ln of the time worked, brought to the ln of the age.
	const taught =
		worked > 0
			? (gaussian(Math.log(worked) - work.mean, work.sd) * at) / (worked * Math.sqrt(2 * Math.PI))
			: 0;
	return (1 - SURPRISE) * taught + SURPRISE * unknown;
}

const unknownDensity = (at: number) =>
	at < SHORTEST ? 0 : UNKNOWN_HAZARD * (at / SHORTEST) ** -UNKNOWN_HAZARD;

const gaussian = (x: number, sd: number) => Math.exp(-0.5 * (x / sd) ** 2) / sd;

/** How likely the service would have given these ETAs, of a job that ends at a given time; up to a constant. */
function etaLikelihood(all: readonly EtaReport[], { etaFactor }: Forecast): (at: number) => number {
	const readings = isCountdown(all) ? latestOf(all) : [];
	const [first] = readings;
	if (!first) return () => 1;

	// The first is as likely as the end that it names, so that it says nothing by itself.
	const named = Math.max(SHORTEST, first.age + first.eta);
	let meaningless = MEANINGLESS * unknownDensity(named) * Math.sqrt(2 * Math.PI);
	for (const [index, { eta }] of readings.entries()) {
		const before = readings[index - 1];
		if (before) meaningless *= gaussian(Math.log(eta / before.eta), MEANINGLESS_NOISE);
	}
	return (at) => {
		// Each reading is the true rest, times the factor, times its noise. The factor, normal in its logarithm, is integrated out.
		let weights = 0;
		let sum = 0;
		let squares = 0;
		let scale = 1;
		for (const { age, eta } of readings) {
			const left = at - age;
			const off = Math.log(eta / left) - etaFactor.mean;
			const variance = ETA_NOISE ** 2 + (ETA_ROUNDING / left) ** 2;
			weights += 1 / variance;
			sum += off / variance;
			squares += off ** 2 / variance;
			scale /= Math.sqrt(variance);
		}
		const withFactor = (sd: number) => {
			const spread = 1 + sd ** 2 * weights;
			return (scale / Math.sqrt(spread)) * Math.exp(-0.5 * (squares - (sd * sum) ** 2 / spread));
		};
		return (
			(1 - WRONG_FACTOR - MEANINGLESS) * withFactor(etaFactor.sd) +
			WRONG_FACTOR * withFactor(WRONG_FACTOR_SD) +
			meaningless
		);
	};
}

/** Whether the ETAs fall as they should: they may rise with the queue, or stand still, which takes some time to tell. */
function isCountdown(readings: readonly EtaReport[]): boolean {
	const first = readings[0];
	const last = readings[readings.length - 1];
	if (!first || !last) return false;
	const time = last.age - first.age;
	return last.eta < (time > 0.3 * first.eta ? 1 : MOST_NOISE) * first.eta;
}

function latestOf(readings: readonly EtaReport[]): readonly EtaReport[] {
	return readings.length <= LATEST_READINGS + 1
		? readings
		: [...readings.slice(0, 1), ...readings.slice(-LATEST_READINGS)];
}
