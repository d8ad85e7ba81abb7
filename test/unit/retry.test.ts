import {
	computeBackoff,
	computeBackoffWithinTries,
	MAX_RETRY_MS,
	MAX_TRIES,
	retry,
} from '../../nodes/ImgTo3d/async/retry';
import { StoppedError } from '../../nodes/ImgTo3d/async/cancellation';
import type { Clock } from '../../nodes/ImgTo3d/async/clock';

describe('the pause before a free call is repeated', () => {
	test('doubles after each failure, varies a little, and is no shorter than the service asked for', () => {
		expect([1, 2, 3, 4].map((failures) => computeBackoff(failures, 0, 0.5))).toEqual([
			1000, 2000, 4000, 8000,
		]);
		expect([computeBackoff(3, 0, 0), computeBackoff(3, 0, 1)]).toEqual([3000, 5000]);
		expect(computeBackoff(1, 30)).toBe(30_000);
		expect(computeBackoff(500, 0, 0.5)).toBe(MAX_RETRY_MS);
	});

	test('is none after the last of a limited number of tries', () => {
		expect(computeBackoffWithinTries(MAX_TRIES - 1)).toBeGreaterThan(0);
		expect(computeBackoffWithinTries(MAX_TRIES)).toBeUndefined();
	});
});

describe('a call that is repeated', () => {
	/** A clock whose sleep moves the time on, and does something else if asked to. */
	const openClock = (whileAsleep = () => {}) => {
		let now = 0;
		const clock: Clock = {
			now: () => now,
			toDate: (time) => new Date(time),
			sleep: async (ms) => {
				now += ms;
				whileAsleep();
			},
		};
		return clock;
	};
	const { signal } = new AbortController();

	test('brings its first final result, with the pauses that the results ask for', async () => {
		const clock = openClock();
		const begun: number[] = [];
		const attempt = async () => begun.push(clock.now());
		const pauseAfter = (result: number, tries: number) => (result < 4 ? 10 * tries : undefined);

		expect(await retry({ clock, signal }, attempt, pauseAfter)).toBe(4);
		expect(begun).toEqual([0, 10, 30, 60]);
	});

	test('begins no try at its deadline or later, also if the deadline moves', async () => {
		const clock = openClock();
		let deadline = 20;
		let tries = 0;
		const attempt = async () => {
			tries += 1;
			if (tries === 2) deadline = 40;
			return tries;
		};
		expect(await retry({ clock, signal, deadline: () => deadline }, attempt, () => 10)).toBe(4);
		expect(clock.now()).toBe(30);
	});

	test('is not made again once it is stopped', async () => {
		const stop = new AbortController();
		const clock = openClock(() => stop.abort());
		const attempt = jest.fn(async () => 'failed');
		const result = retry({ clock, signal: stop.signal }, attempt, () => 10);
		await expect(result).rejects.toBeInstanceOf(StoppedError);
		expect(attempt).toHaveBeenCalledTimes(1);
	});
});
