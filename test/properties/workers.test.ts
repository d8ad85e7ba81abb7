import fc from 'fast-check';

import { simulateContention, type WorkerEvent } from '../../bench/simulated-workers.mts';
import { countRuns } from '../support/scope.mts';

const MINUTE_MS = 60_000;
/** The calls that are in the air when something happens were sent before it could be known, ms. */
const IN_THE_AIR_MS = 80;

/** Finds the submits that were sent sooner than the service had asked for, although no slot was likely to be free. */
function findTooEarly(events: readonly WorkerEvent[], retryAfterMs: number): WorkerEvent[] {
	let refusedAt = -Infinity;
	let likely = 0;
	const tooEarly: WorkerEvent[] = [];
	for (const event of events) {
		if (event.call === 'fetch' && event.hasEnded) likely += 1;
		if (event.call === 'count' && !event.isRefused) likely = Math.max(likely, event.free ?? 0);
		if (event.call !== 'submit') continue;
		const isEarly = event.at - refusedAt > IN_THE_AIR_MS && event.at < refusedAt + retryAfterMs;
		if (isEarly && likely === 0) tooEarly.push(event);
		likely = Math.max(0, likely - 1);
		if (event.isRefused) refusedAt = event.at;
	}
	return tooEarly;
}

const contention = fc.record({
	workers: fc.integer({ min: 1, max: 6 }),
	jobs: fc.integer({ min: 1, max: 8 }),
	jobSeconds: fc.constantFrom(3, 20, 180),
	slots: fc.integer({ min: 1, max: 6 }),
	retryAfter: fc.constantFrom(1, 10, 60),
	startWithin: fc.constantFrom(0, 0.05, 5),
	seed: fc.nat(1000),
});

test('processes that share an account do all of their jobs, and submit none without a reason before the service wants', async () => {
	await fc.assert(
		fc.asyncProperty(contention, async (settings) => {
			const { workers, jobs, jobSeconds, retryAfter } = settings;
			const { events, ends, makespan, bound } = await simulateContention(settings);
			const accepted = events.filter(({ call, isRefused }) => call === 'submit' && !isRefused);
			expect(accepted).toHaveLength(workers * jobs);
			expect(ends).toHaveLength(workers);
			// Each job may wait for a slot that is found late, but not for ever.
			expect(makespan).toBeLessThanOrEqual(2 * bound + Math.max(2 * retryAfter, jobSeconds) + 10);
			for (let worker = 0; worker < workers; worker++) {
				const own = events.filter((event) => event.worker === worker);
				expect(findTooEarly(own, retryAfter * 1000)).toEqual([]);
			}
			const refused = events.filter(({ call, isRefused }) => call === 'submit' && isRefused).length;
			const waitedPauses = (makespan / retryAfter) * workers;
			expect(refused).toBeLessThanOrEqual(5 * workers + 2 * workers * jobs + waitedPauses);
			const counts = events.filter(({ call }) => call === 'count').map(({ at }) => at);
			for (const at of counts) {
				const inMinute = counts.filter((other) => other <= at && other > at - MINUTE_MS).length;
				expect(inMinute).toBeLessThanOrEqual(30 + 10 * workers);
			}
		}),
		{ numRuns: countRuns(60) },
	);
}, 120_000);

test('each of the processes that begin at the same moment gets a slot, if there are as many', async () => {
	await fc.assert(
		fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.nat(1000), async (workers, seed) => {
			const account = { slots: workers, jobs: 3, jobSeconds: 20, retryAfter: 10 };
			const { events } = await simulateContention({ ...account, workers, startWithin: 0, seed });
			const first = events.filter(({ call }) => call === 'submit').slice(0, workers);
			expect(new Set(first.map(({ worker }) => worker)).size).toBe(workers);
		}),
		{ numRuns: countRuns(60) },
	);
});

test('a process fills the slots of its account if each submit is answered only when its job is done', async () => {
	const account = { workers: 1, jobs: 40, slots: 5, retryAfter: 30, answersWhenDone: true };
	const { makespan, bound } = await simulateContention({ ...account, jobSeconds: 3 });
	// One submit, one more, two, four, and then five at once.
	expect(makespan).toBeLessThanOrEqual(bound + 3 * 3 + 1);
});
