import fc from 'fast-check';

import { systemClock } from '../../nodes/ImgTo3d/jobs/clock';
import { Places } from '../../nodes/ImgTo3d/jobs/places';
import { MAX_PAUSE_MS, MIN_PAUSE_MS, nextPause, retryPause } from '../../nodes/ImgTo3d/jobs/poll-schedule';

describe('the pause before the next look', () => {
	test('is the ETA, when there is one', () => {
		expect(nextPause({ ageMs: 0, etaSeconds: 12.5 })).toBe(12_500);
	});

	test('grows with the age of the job, when there is none', () => {
		expect([0, 10_000, 60_000, 1_000_000].map((ageMs) => nextPause({ ageMs }))).toEqual([
			2000,
			2000,
			9000,
			MAX_PAUSE_MS,
		]);
	});

	test('is the interval the person set, exactly', () => {
		expect(nextPause({ ageMs: 500_000, etaSeconds: 3, pollIntervalMs: 7000 })).toBe(7000);
	});

	test('is never below the floor nor above the ceiling, whatever the ETA', () => {
		const eta = fc.option(fc.double({ min: 0, max: 1e9, noNaN: true }), { nil: undefined });
		fc.assert(
			fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), eta, (ageMs, etaSeconds) => {
				const pause = nextPause({ ageMs, etaSeconds });
				expect(pause).toBeGreaterThanOrEqual(MIN_PAUSE_MS);
				expect(pause).toBeLessThanOrEqual(MAX_PAUSE_MS);
			}),
		);
	});

	test('after a failure doubles, varies a little, and is no shorter than what the service asked for', () => {
		expect([1, 2, 3, 4].map((failures) => retryPause(failures, 0, 0.5))).toEqual([1000, 2000, 4000, 8000]);
		expect([retryPause(3, 0, 0), retryPause(3, 0, 1)]).toEqual([3000, 5000]);
		expect(retryPause(1, 30)).toBe(30_000);
		expect(retryPause(500, 0, 0.5)).toBe(MAX_PAUSE_MS);
	});
});

describe('places', () => {
	test('are taken in the order of asking, never more than there are, whatever the work does', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.integer({ min: 1, max: 5 }),
				fc.array(fc.tuple(fc.nat(4), fc.boolean()), { maxLength: 20 }),
				async (count, works) => {
					const places = new Places(count);
					const begun: number[] = [];
					let open = 0;
					const results = await Promise.allSettled(
						works.map(
							async ([turns, fails], index) =>
								await places.within(async () => {
									begun.push(index);
									open += 1;
									expect(open).toBeLessThanOrEqual(count);
									for (let turn = 0; turn < turns; turn++) await Promise.resolve();
									open -= 1;
									if (fails) throw new Error(String(index));
									return index;
								}),
						),
					);
					expect(begun).toEqual(works.map((_work, index) => index));
					expect(results.map(({ status }) => status)).toEqual(
						works.map(([, fails]) => (fails ? 'rejected' : 'fulfilled')),
					);
				},
			),
		);
	});
});

describe("the system's clock", () => {
	test('wakes a sleeper soon after its signal is aborted', async () => {
		const stop = new AbortController();
		const start = systemClock.now();
		const slept = systemClock.sleep(60_000, stop.signal);
		stop.abort();
		await slept;
		expect(systemClock.now() - start).toBeLessThan(2000);
	});

	test('does not sleep at all once the signal is aborted, or when the time is over', async () => {
		const start = systemClock.now();
		await systemClock.sleep(60_000, AbortSignal.abort());
		await systemClock.sleep(-5);
		expect(systemClock.now() - start).toBeLessThan(1000);
	});
});
