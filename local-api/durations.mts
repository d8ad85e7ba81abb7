import { createRandom, hashText } from './model/random.mts';

/** Durations in s, spread evenly from `from` to `to`. The same seed gives each job number the same duration. */
export interface RandomSeconds {
	from: number;
	to: number;
	seed: number;
}

/** How long jobs take, s: all the same, random, or by their number. Accepted jobs are numbered from 1. */
export type JobSeconds = number | RandomSeconds | ((jobNumber: number) => number);

/** Decides how long the job of this number takes, s. */
export function chooseSeconds(jobSeconds: JobSeconds, jobNumber: number): number {
	if (typeof jobSeconds === 'number') return jobSeconds;
	if (typeof jobSeconds === 'function') return jobSeconds(jobNumber);
	const { from, to, seed } = jobSeconds;
	// Not the next number of one sequence: settings can change between two jobs, and the durations must not.
	return from + (to - from) * createRandom(hashText(`${seed}/${jobNumber}`))();
}
