import fc from 'fast-check';

import { FairQueue } from '../../nodes/ImgTo3d/async/fair-queue';
import { systemClock } from '../../nodes/ImgTo3d/async/clock';
import { Semaphore } from '../../nodes/ImgTo3d/async/semaphore';
import type { EtaReport } from '../../nodes/ImgTo3d/polling/end-estimate';
import {
	MAX_PAUSE_MS,
	MIN_PAUSE_MS,
	computeNextPoll,
	type PolledJobView,
} from '../../nodes/ImgTo3d/polling/schedule';
import { Condition } from '../../nodes/ImgTo3d/async/condition';

describe('the pause before the next look', () => {
	const since = 1_000_000;
	const pause = (
		ageMs: number,
		{ readings: told = [], ...known }: Omit<PolledJobView, 'seen'> & { readings?: EtaReport[] } = {},
	) =>
		computeNextPoll({ seen: { acceptedAt: since, lastOpenAt: since + ageMs, etas: told }, ...known }) -
		since -
		ageMs;

	test('is the interval the person set, exactly, whatever is known', () => {
		const readings = [{ age: 0, eta: 3 }];
		expect(pause(500_000, { readings, pollIntervalMs: 7000 })).toBe(7000);
	});

	const seconds = fc.double({ min: 0.05, max: 1e7, noNaN: true });
	const readings = fc
		.array(fc.record({ age: fc.double({ min: 0, max: 1e6, noNaN: true }), eta: seconds }), { maxLength: 12 })
		.map((some) => some.sort((a, b) => a.age - b.age));
	const logNormal = (mean: number) =>
		fc.record({
			mean: fc.double({ min: -mean, max: mean, noNaN: true }),
			sd: fc.double({ min: 0.01, max: 3, noNaN: true }),
		});
	const forecast = fc.option(
		fc.record({
			work: fc.option(logNormal(15), { nil: undefined }),
			startsAt: fc.double({ min: 0, max: 1e5, noNaN: true }),
			etaFactor: logNormal(4),
		}),
		{ nil: undefined },
	);

	test('is never below the floor nor above the ceiling, whatever is known', () => {
		fc.assert(
			fc.property(fc.nat(1e9), readings, forecast, (sinceLast, told, known) => {
				const ageMs = 1000 * (told[told.length - 1]?.age ?? 0) + sinceLast;
				const ms = pause(ageMs, { readings: told, forecast: known });
				expect(ms).toBeGreaterThanOrEqual(MIN_PAUSE_MS - 1e-3);
				expect(ms).toBeLessThanOrEqual(MAX_PAUSE_MS + 1e-3);
			}),
			{ numRuns: 2000 },
		);
	});

	test('lets no job of half an hour be looked at more than a few hundred times, whatever the service says', () => {
		fc.assert(
			fc.property(fc.infiniteStream(seconds), (etas) => {
				const told: EtaReport[] = [];
				let looks = 0;
				for (let ageMs = 0; ageMs < 1_800_000; looks++) {
					const { value: eta } = etas.next();
					if (eta !== undefined) told.push({ age: ageMs / 1000, eta });
					ageMs += pause(ageMs, { readings: told });
				}
				expect(looks).toBeLessThan(300);
			}),
			{ numRuns: 50 },
		);
	});
});

describe.each<[string, (count: number) => <T>(work: () => Promise<T>) => Promise<T>]>([
	[
		'places',
		(count) => {
			const places = new Semaphore(count);
			return async <T>(work: () => Promise<T>) => await places.run(work);
		},
	],
	[
		'places of one lane',
		(count) => {
			const lanes = new FairQueue(count, Infinity);
			return async <T>(work: () => Promise<T>) => (await lanes.run('one', work)) as T;
		},
	],
])('%s', (_what, open) => {
	test('are taken in the order of asking, never more than there are, whatever the work does', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.integer({ min: 1, max: 5 }),
				fc.array(fc.tuple(fc.nat(4), fc.boolean()), { maxLength: 20 }),
				async (count, works) => {
					const within = open(count);
					const begun: number[] = [];
					let underWay = 0;
					const results = await Promise.allSettled(
						works.map(
							async ([turns, fails], index) =>
								await within(async () => {
									begun.push(index);
									underWay += 1;
									expect(underWay).toBeLessThanOrEqual(count);
									for (let turn = 0; turn < turns; turn++) await Promise.resolve();
									underWay -= 1;
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

describe('lanes', () => {
	/** Has works wait in lanes, named like `a1`, behind one that is under way. @returns in which order which of them were done */
	async function order(most: number, works: string[]): Promise<string[]> {
		const lanes = new FairQueue(1, most);
		const done: string[] = [];
		let goOn = () => {};
		const first = lanes.run('', async () => await new Promise<void>((resolve) => (goOn = resolve)));
		const all = works.map(async (work) => {
			const begun = await lanes.run(work.charAt(0), async () => await Promise.resolve(true));
			if (begun) done.push(work);
		});
		goOn();
		await Promise.all([first, ...all]);
		return done;
	}

	test('have their turns one after the other, however many wait in one of them', async () => {
		const works = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'c2'];
		expect(await order(7, works)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3', 'a4']);
	});

	test('lose the last of the longest when too many wait, and a newcomer only from that one', async () => {
		const flood = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'];
		expect(await order(4, flood)).toEqual(['a1', 'a2', 'a3', 'a4']);
		expect(await order(4, [...flood, 'b1', 'c1'])).toEqual(['a1', 'b1', 'c1', 'a2']);
		expect(await order(4, ['b1', ...flood, 'b2'])).toEqual(['b1', 'a1', 'b2', 'a2']);
	});
});

describe('news', () => {
	test('end the sleep of all who wait for them, and of nobody who comes later', async () => {
		const news = new Condition();
		const { signal } = new AbortController();
		const start = systemClock.now();
		const slept = [1, 2, 3].map(async () => await news.wait(systemClock, 60_000, signal));
		news.notifyAll();
		await Promise.all(slept);
		await news.wait(systemClock, 10, signal);
		expect(systemClock.now() - start).toBeLessThan(2000);
	});

	test('hold on to nobody who has stopped waiting', async () => {
		const news = new Condition();
		for (let wait = 0; wait < 100; wait++) await news.wait(systemClock, 0, AbortSignal.abort());
		expect((news as unknown as { listeners: Set<unknown> }).listeners.size).toBe(0);
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

	describe.each([
		['back', -5 * 3_600_000],
		['forward', 5 * 3_600_000],
	])('set %s by hours', (_way, aheadMs) => {
		const systemNow = Date.now;
		const set = () => jest.spyOn(Date, 'now').mockImplementation(() => systemNow() + aheadMs);
		afterEach(() => jest.restoreAllMocks());

		test('only runs on', () => {
			const before = systemClock.now();
			set();
			const passed = systemClock.now() - before;
			expect(passed).toBeGreaterThanOrEqual(0);
			expect(passed).toBeLessThan(2000);
		});

		test('wakes a sleeper neither sooner nor later', async () => {
			const start = performance.now();
			const slept = systemClock.sleep(300);
			set();
			await slept;
			const took = performance.now() - start;
			expect(took).toBeGreaterThanOrEqual(299);
			expect(took).toBeLessThan(5000);
		});

		test("tells a moment by the system's time", () => {
			const moment = systemClock.now() + 60_000;
			const inAMinute = () => systemClock.toDate(moment).getTime() - Date.now() - 60_000;
			expect(Math.abs(inAMinute())).toBeLessThan(2000);
			set();
			expect(Math.abs(inAMinute())).toBeLessThan(2000);
			expect(Math.abs(systemClock.toDate(moment).getTime() - systemNow() - aheadMs)).toBeLessThan(62_000);
		});
	});

	test('does not sleep at all once the signal is aborted, or when the time is over', async () => {
		const start = systemClock.now();
		await systemClock.sleep(60_000, AbortSignal.abort());
		await systemClock.sleep(-5);
		expect(systemClock.now() - start).toBeLessThan(1000);
	});
});
