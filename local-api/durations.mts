import { hashOf, seededRandom } from './model/random.mts';

/** Durations in s, uniformly spread from `from` up to `to`. A seed gives each job number the same one always. */
export interface RandomSeconds {
	from: number;
	to: number;
	seed: number;
}

/** How long jobs work, in s: all the same, at random, or by their number, which counts accepted jobs from 1. */
export type JobSeconds = number | RandomSeconds | ((jobNumber: number) => number);

/** How long the job of this number works, in s. */
export function secondsOf(jobSeconds: JobSeconds, jobNumber: number): number {
	if (typeof jobSeconds === 'number') return jobSeconds;
	if (typeof jobSeconds === 'function') return jobSeconds(jobNumber);
	const { from, to, seed } = jobSeconds;
	// Not one sequence that goes on: settings may change between two jobs, and the durations must not.
	return from + (to - from) * seededRandom(hashOf(`${seed}/${jobNumber}`))();
}
