import fc from 'fast-check';

import { pollSimulated, SimulatedClock } from '../../bench/simulated.mts';
import { createRandom } from '../../local-api/model/random.mts';
import { Account, Accounts, describeKind } from '../../nodes/ImgTo3d/polling/account';

/** An account with jobs that were accepted at 0 s and ended at these times, s, noticed within a second. */
function createAccount(ends: readonly number[], hasSucceeded = true): Account {
	const account = new Account();
	const jobs = ends.map(() => account.track('a', 0));
	for (const [index, job] of jobs.entries()) {
		const end = (ends[index] ?? 0) * 1000;
		job.lastOpenAt = end - 500;
		account.recordEnd(job, end + 500, hasSucceeded);
	}
	return account;
}

const seconds = (work: { mean: number } | undefined) => Math.exp(work?.mean ?? NaN);

describe('what ended jobs show', () => {
	test('is how long jobs of their kind work, and not jobs of another kind', () => {
		const account = createAccount([60, 61, 59]);
		expect(seconds(account.predict(account.track('a', 0), 0).work)).toBeCloseTo(60, 0);
		expect(account.predict(account.track('b', 0), 0).work).toBeUndefined();
	});

	test('is nothing if they failed, or if the clock was set back', () => {
		const failed = createAccount([60, 60, 60], false);
		expect(failed.predict(failed.track('a', 0), 0).work).toBeUndefined();
		const account = createAccount([60, 60, 60]);
		account.recordEnd(account.track('a', 5_000_000), 0, true);
		expect(seconds(account.predict(account.track('a', 0), 0).work)).toBeCloseTo(60, 0);
	});

	test('is the factor by which ETAs are too long', () => {
		const account = new Account();
		for (let before = 0; before < 3; before++) {
			const job = account.track('a', 0);
			job.etas.push({ age: 0, eta: 600 });
			job.lastOpenAt = 59_900;
			account.recordEnd(job, 60_100, true);
		}
		expect(Math.exp(account.predict(account.track('a', 0), 0).etaFactor.mean)).toBeCloseTo(10, 1);
	});

	test('is finite, however absurd an ETA was', () => {
		const account = new Account();
		const job = account.track('a', 0);
		job.etas.push({ age: 0, eta: Number.MAX_VALUE });
		job.lastOpenAt = 59_900;
		account.recordEnd(job, 60_100, true);
		const { etaFactor } = account.predict(account.track('a', 0), 0);
		expect(etaFactor).toEqual({ mean: expect.any(Number), sd: expect.any(Number) });
		expect(etaFactor.mean + etaFactor.sd).toBeLessThan(10_000);
	});

	test('is how many jobs the service works on at once, and so when it starts on the next one', () => {
		const account = createAccount([60, 60, 120, 120, 180, 180]);
		const open = Array.from({ length: 5 }, () => account.track('a', 1_000_000));
		const forecasts = open.map((job) => account.predict(job, 1_000_000));
		expect(forecasts.map(({ startsAt }) => Math.round(startsAt / 60))).toEqual([0, 0, 1, 1, 2]);
		expect(seconds(forecasts[0]?.work)).toBeCloseTo(60, 0);
	});

	test('is not that a job waits for those that came after it', () => {
		const account = createAccount([60, 60, 120, 120, 180, 180]);
		const long = account.track('b', 1_000_000);
		for (let younger = 1; younger < 8; younger++) {
			const job = account.track('a', 1_000_000 + 60_000 * younger);
			account.recordEnd(job, 1_000_000 + 60_000 * (younger + 1), true);
			expect(account.predict(long, 1_000_000 + 60_000 * (younger + 1)).startsAt).toBe(0);
		}
	});

	test('is forgotten when jobs have become much faster', async () => {
		const account = new Account();
		const clock = new SimulatedClock();
		const watchOne = async (duration: number) =>
			await pollSimulated(clock, account, { duration, eta: () => undefined, kind: 'a' });
		for (let slow = 0; slow < 3; slow++) await watchOne(600);
		for (let fast = 0; fast < 5; fast++) await watchOne(60);
		expect((await watchOne(60)).delay).toBeLessThan(15);
	});

	test('is no queue if jobs only take different times', () => {
		const random = createRandom(3);
		for (let round = 0; round < 100; round++) {
			const account = createAccount(Array.from({ length: 5 }, () => 5 + 10 * random()).sort((a, b) => a - b));
			account.track('a', 1_000_000);
			expect(account.predict(account.track('a', 1_000_000), 1_000_000).startsAt).toBe(0);
		}
	});

	test('does no harm if jobs take any time at all, and no ETA helps', async () => {
		const random = createRandom(7);
		const account = new Account();
		const clock = new SimulatedClock();
		let late = 0;
		let all = 0;
		for (let job = 0; job < 60; job++) {
			const duration = 5 + 10 * random();
			const { delay } = await pollSimulated(clock, account, { duration, eta: () => undefined, kind: 'a' });
			late += delay;
			all += duration;
		}
		expect(late / all).toBeLessThan(0.1);
	});
});

test('a forecast is made of finite numbers, whatever jobs have ended before', () => {
	const ended = fc.record({
		acceptedAt: fc.nat(1000),
		took: fc.integer({ min: -10, max: 100_000 }),
		lastPoll: fc.nat(1000),
		kind: fc.constantFrom('a', 'b'),
		eta: fc.option(fc.double({ min: 0.05, max: 1e6, noNaN: true }), { nil: undefined }),
		hasSucceeded: fc.boolean(),
	});
	fc.assert(
		fc.property(fc.array(ended, { maxLength: 80 }), (jobs) => {
			const account = new Account();
			for (const { acceptedAt, took, lastPoll, kind, eta, hasSucceeded } of jobs) {
				const job = account.track(kind, acceptedAt);
				if (eta !== undefined) job.etas.push({ age: 0, eta });
				job.lastOpenAt = acceptedAt + Math.min(lastPoll, took);
				account.recordEnd(job, acceptedAt + took, hasSucceeded);
			}
			const { work, startsAt, etaFactor } = account.predict(account.track('a', 2000), 3000);
			expect(startsAt).toBeGreaterThanOrEqual(0);
			for (const { mean, sd } of [etaFactor, ...(work ? [work] : [])]) {
				expect(Number.isFinite(mean)).toBe(true);
				expect(sd).toBeGreaterThan(0);
				expect(sd).toBeLessThan(Infinity);
			}
		}),
		{ numRuns: 1000 },
	);
});

test('the kind of a job is its settings in any order, and not its input', () => {
	const work = { operation: 'textTo3d', apiVersion: 'v3' } as const;
	const kind = describeKind({ ...work, body: { prompt: 'a cup', seed: 1, steps: 10, seconds: 3 } });
	expect(describeKind({ ...work, body: { seconds: 3, prompt: 'a duck', steps: 10, track_id: 'x' } })).toBe(
		kind,
	);
	expect(describeKind({ ...work, body: { seconds: 3, steps: 11 } })).not.toBe(kind);
});

test('the accounts used last are remembered, a hundred at most', () => {
	const accounts = new Accounts();
	const [first, second] = Array.from({ length: 100 }, (_, id) => accounts.get(String(id)));
	expect(accounts.get('0')).toBe(first);
	accounts.get('100');
	expect(accounts.get('0')).toBe(first);
	expect(accounts.get('1')).not.toBe(second);
});
