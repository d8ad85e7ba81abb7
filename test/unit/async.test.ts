import fc from 'fast-check';

import { SimulatedClock } from '../../bench/simulated.mts';
import { systemClock } from '../../nodes/ImgTo3d/async/clock';
import { Condition } from '../../nodes/ImgTo3d/async/condition';
import type { Clock } from '../../nodes/ImgTo3d/async/clock';
import { FairQueue } from '../../nodes/ImgTo3d/async/fair-queue';
import { Pace } from '../../nodes/ImgTo3d/async/pace';
import { Semaphore } from '../../nodes/ImgTo3d/async/semaphore';

describe.each<[string, (count: number) => <T>(work: () => Promise<T>) => Promise<T>]>([
	[
		'a semaphore',
		(count) => {
			const semaphore = new Semaphore(count);
			return async <T>(work: () => Promise<T>) => await semaphore.run(work);
		},
	],
	[
		'one queue of a fair queue',
		(count) => {
			const queues = new FairQueue(count, Infinity);
			return async <T>(work: () => Promise<T>) => (await queues.run('one', work)) as T;
		},
	],
])('%s', (_what, open) => {
	test('runs work in order, and never more at once than it has slots, whatever the work does', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.integer({ min: 1, max: 5 }),
				fc.array(fc.tuple(fc.nat(4), fc.boolean()), { maxLength: 20 }),
				async (count, works) => {
					const within = open(count);
					const begun: number[] = [];
					let running = 0;
					const results = await Promise.allSettled(
						works.map(
							async ([ticks, fails], index) =>
								await within(async () => {
									begun.push(index);
									running += 1;
									expect(running).toBeLessThanOrEqual(count);
									for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
									running -= 1;
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

describe('a fair queue', () => {
	/**
	 * Queues works behind one that is running. Each is named for its queue, like `a1`.
	 *
	 * @returns those that were done, in this order
	 */
	async function run(maxWaiting: number, works: string[], maxInQueue?: number): Promise<string[]> {
		const queues = new FairQueue(1, maxWaiting, maxInQueue);
		const done: string[] = [];
		let goOn = () => {};
		const first = queues.run('', async () => await new Promise<void>((resolve) => (goOn = resolve)));
		const all = works.map(async (work) => {
			const begun = await queues.run(work.charAt(0), async () => await Promise.resolve(true));
			if (begun) done.push(work);
		});
		goOn();
		await Promise.all([first, ...all]);
		return done;
	}

	test('serves its queues in rotation, however many wait in one of them', async () => {
		const works = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'c2'];
		expect(await run(7, works)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3', 'a4']);
	});

	test('turns away the last of the longest queue when too many wait, and a newcomer only if it is that one', async () => {
		const flood = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'];
		expect(await run(4, flood)).toEqual(['a1', 'a2', 'a3', 'a4']);
		expect(await run(4, [...flood, 'b1', 'c1'])).toEqual(['a1', 'b1', 'c1', 'a2']);
		expect(await run(4, ['b1', ...flood, 'b2'])).toEqual(['b1', 'a1', 'b2', 'a2']);
	});

	test('turns away what exceeds the limit of its queue, although few wait in all', async () => {
		expect(await run(9, ['a1', 'a2', 'a3', 'b1', 'a4', 'b2'], 2)).toEqual(['a1', 'b1', 'a2', 'b2']);
	});
});

describe('a pace', () => {
	test('starts a burst at once, then the others at intervals and in order, and a new burst after a pause', async () => {
		let now = 1000;
		const slept: number[] = [];
		const clock: Clock = {
			now: () => now,
			toDate: (time) => new Date(time),
			sleep: async (ms) => {
				slept.push(ms);
				await Promise.resolve();
			},
		};
		const pace = new Pace(200, 3);
		const startAll = async (count: number) => {
			slept.length = 0;
			for (let task = 0; task < count; task++) await pace.wait(clock);
			return [...slept];
		};
		expect(await startAll(6)).toEqual([200, 400, 600]);
		now += 300;
		expect(await startAll(1)).toEqual([500]);
		now += 10_000;
		expect(await startAll(4)).toEqual([200]);
	});

	describe('of tasks that wait beside others that do not', () => {
		const clock = new SimulatedClock();
		/** Starts tasks that wait. @returns when each starts, ms from now */
		const startAll = async (pace: Pace, count: number, deadline?: number) => {
			const now = clock.now();
			const wait = async () => {
				await pace.wait(clock, undefined, deadline);
				return clock.now() - now;
			};
			return await clock.run(Promise.all(Array.from({ length: count }, wait)));
		};

		test('those that wait make up for the others, but for no more than a burst of them', async () => {
			const pace = new Pace(200, 3);
			for (let task = 0; task < 2; task++) pace.count(clock.now());
			expect(await startAll(pace, 3)).toEqual([0, 200, 400]);
			const crowded = new Pace(200, 3);
			for (let task = 0; task < 100; task++) crowded.count(clock.now());
			expect(await startAll(crowded, 2)).toEqual([600, 800]);
		});

		test('none starts during a pause, and then one after another', async () => {
			const pace = new Pace(200, 3);
			pace.pauseUntil(clock.now() + 5000);
			pace.count(clock.now());
			expect(await startAll(pace, 2)).toEqual([5000, 5200]);
		});

		test('none starts during a pause that begins while it waits for its turn', async () => {
			const pace = new Pace(200, 1);
			const started = startAll(pace, 3);
			void clock.sleep(100).then(() => pace.pauseUntil(clock.now() + 1000));
			expect(await started).toEqual([0, 1100, 1300]);
		});

		test('there are never more in any time than a burst and one for each interval, whenever they ask', async () => {
			await fc.assert(
				fc.asyncProperty(
					fc.integer({ min: 1, max: 5 }),
					fc.array(fc.nat(1000), { minLength: 1, maxLength: 30 }),
					async (burst, pauses) => {
						const pace = new Pace(200, burst);
						const starts: number[] = [];
						const asked = pauses.reduce<Array<Promise<void>>>((all, pause, index) => {
							const at = pauses.slice(0, index).reduce((sum, ms) => sum + ms, pause);
							const ask = async () => {
								await clock.sleep(at);
								await pace.wait(clock);
								starts.push(clock.now());
							};
							return [...all, ask()];
						}, []);
						await clock.run(Promise.all(asked));
						for (const [index, to] of starts.entries()) {
							const from = starts[index - burst];
							if (from !== undefined) expect(to - from).toBeGreaterThanOrEqual(200 - 1e-6);
						}
					},
				),
			);
		});

		test('none starts after its deadline', async () => {
			const pace = new Pace(200, 1);
			pace.pauseUntil(clock.now() + 5000);
			expect(await startAll(pace, 2, clock.now() + 1000)).toEqual([1000, 1000]);
		});

		test('the time between two can change', async () => {
			const pace = new Pace(200, 1);
			pace.setInterval(50);
			expect(await startAll(pace, 3)).toEqual([0, 50, 100]);
		});
	});
});

describe('a condition', () => {
	test('ends the sleep of all waiters, and of none who begins to wait later', async () => {
		const condition = new Condition();
		const { signal } = new AbortController();
		const start = systemClock.now();
		const slept = [1, 2, 3].map(async () => await condition.wait(systemClock, 60_000, signal));
		condition.notifyAll();
		await Promise.all(slept);
		await condition.wait(systemClock, 10, signal);
		expect(systemClock.now() - start).toBeLessThan(2000);
	});

	test('keeps nothing of a waiter that has stopped waiting', async () => {
		const condition = new Condition();
		for (let wait = 0; wait < 100; wait++) await condition.wait(systemClock, 0, AbortSignal.abort());
		expect((condition as unknown as { listeners: Set<unknown> }).listeners.size).toBe(0);
	});
});

describe("the system's clock", () => {
	test('ends a sleep soon after its signal is aborted', async () => {
		const stop = new AbortController();
		const start = systemClock.now();
		const slept = systemClock.sleep(60_000, stop.signal);
		stop.abort();
		await slept;
		expect(systemClock.now() - start).toBeLessThan(2000);
	});

	describe.each([
		['back', -5 * 3_600_000],
		['forward', 5 * 3_600_000],
	])('set %s by hours', (_way, aheadMs) => {
		const systemNow = Date.now;
		const set = () => jest.spyOn(Date, 'now').mockImplementation(() => systemNow() + aheadMs);
		afterEach(() => jest.restoreAllMocks());

		test('only moves forward', () => {
			const before = systemClock.now();
			set();
			const passed = systemClock.now() - before;
			expect(passed).toBeGreaterThanOrEqual(0);
			expect(passed).toBeLessThan(2000);
		});

		test('ends a sleep neither sooner nor later', async () => {
			const start = performance.now();
			const slept = systemClock.sleep(300);
			set();
			await slept;
			const took = performance.now() - start;
			expect(took).toBeGreaterThanOrEqual(299);
			expect(took).toBeLessThan(5000);
		});

		test("converts a time to the system's time", () => {
			const moment = systemClock.now() + 60_000;
			const inAMinute = () => systemClock.toDate(moment).getTime() - Date.now() - 60_000;
			expect(Math.abs(inAMinute())).toBeLessThan(2000);
			set();
			expect(Math.abs(inAMinute())).toBeLessThan(2000);
			expect(Math.abs(systemClock.toDate(moment).getTime() - systemNow() - aheadMs)).toBeLessThan(62_000);
		});
	});

	test('does not sleep if the signal is aborted already, or if no time is left', async () => {
		const start = systemClock.now();
		await systemClock.sleep(60_000, AbortSignal.abort());
		await systemClock.sleep(-5);
		expect(systemClock.now() - start).toBeLessThan(1000);
	});
});
