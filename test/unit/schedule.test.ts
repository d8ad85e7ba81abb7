import fc from 'fast-check';

import type { EtaReport } from '../../nodes/ImgTo3d/polling/estimate';
import {
	computeNextPoll,
	MAX_PAUSE_MS,
	MIN_PAUSE_MS,
	type ScheduleOptions,
} from '../../nodes/ImgTo3d/polling/schedule';

describe('the pause before the next poll', () => {
	const since = 1_000_000;
	/** @param ageMs the job's age at its last poll */
	const computePause = (ageMs: number, etas: EtaReport[] = [], options: ScheduleOptions = {}) =>
		computeNextPoll({ acceptedAt: since, lastOpenAt: since + ageMs, etas }, options) - since - ageMs;

	test('is exactly the interval that the person has set, whatever is known', () => {
		expect(computePause(500_000, [{ age: 0, eta: 3 }], { pollIntervalMs: 7000 })).toBe(7000);
	});

	const seconds = fc.double({ min: 0.05, max: 1e7, noNaN: true });
	const reports = fc
		.array(fc.record({ age: fc.double({ min: 0, max: 1e6, noNaN: true }), eta: seconds }), { maxLength: 12 })
		.map((some) => some.sort((a, b) => a.age - b.age));
	const logNormal = (mean: number) =>
		fc.record({
			mean: fc.double({ min: -mean, max: mean, noNaN: true }),
			sd: fc.double({ min: 0.01, max: 3, noNaN: true }),
		});
	const anyForecast = fc.option(
		fc.record({
			work: fc.option(logNormal(15), { nil: undefined }),
			startsAt: fc.double({ min: 0, max: 1e5, noNaN: true }),
			etaFactor: logNormal(4),
		}),
		{ nil: undefined },
	);

	test('is never below its minimum or above its maximum, whatever is known', () => {
		fc.assert(
			fc.property(fc.nat(1e9), reports, anyForecast, (sinceLast, etas, forecast) => {
				const ageMs = 1000 * (etas[etas.length - 1]?.age ?? 0) + sinceLast;
				const ms = computePause(ageMs, etas, { forecast });
				expect(ms).toBeGreaterThanOrEqual(MIN_PAUSE_MS - 1e-3);
				expect(ms).toBeLessThanOrEqual(MAX_PAUSE_MS + 1e-3);
			}),
			{ numRuns: 2000 },
		);
	});

	test('keeps the polls of a job of half an hour below a few hundred, whatever the service says', () => {
		fc.assert(
			fc.property(fc.infiniteStream(seconds), (stream) => {
				const etas: EtaReport[] = [];
				let polls = 0;
				for (let ageMs = 0; ageMs < 1_800_000; polls++) {
					const { value: eta } = stream.next();
					if (eta !== undefined) etas.push({ age: ageMs / 1000, eta });
					ageMs += computePause(ageMs, etas);
				}
				expect(polls).toBeLessThan(300);
			}),
			{ numRuns: 50 },
		);
	});
});
