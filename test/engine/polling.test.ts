import { openRig, type Rig, type RigRun, type Result } from '../support/rig.mts';

let bench: Rig;
beforeEach(async () => {
	bench = await openRig({ parallel: 100, queueLimit: 100 });
});
afterEach(async () => {
	await bench.close();
});

/** Runs so many jobs to their ends. Text prompts, since nothing of this depends on a picture. */
async function run(jobs = 1, parameters: object = {}, options: RigRun = {}): Promise<Result> {
	const result = await bench.run(
		{ operation: 'textTo3d', prompt: 'a cup', download: false, ...parameters },
		{ items: Array.from({ length: jobs }, () => ({ json: {} })), ...options },
	);
	expect(result.error).toBeUndefined();
	expect(result.items).toHaveLength(jobs);
	return result;
}

const looksAt = (id: number | undefined) =>
	bench.service.requests.filter(({ path }) => path === `/api/v3/fetch/${id}`);

/** How late the latest jobs were found to have ended, as a share of the time they took, and by how many looks. */
function found(jobs = 1): Array<{ late: number; looks: number }> {
	return bench.service.jobs.slice(-jobs).map(({ id, acceptedAt, endsAt }) => {
		const looks = looksAt(id);
		return { late: ((looks.at(-1)?.at ?? Infinity) - endsAt) / (endsAt - acceptedAt), looks: looks.length };
	});
}

const refusals = () =>
	bench.service.requests.filter(({ path }) => path.endsWith('txt_to_3d')).length - bench.service.jobs.length;

describe('a job is looked at', () => {
	test.each([20, 200, 900])('when its ETA says, if that is right: a job of %d s', async (jobSeconds) => {
		bench.service.configure({ jobSeconds });
		await run();
		expect(found()[0]?.late).toBeLessThan(0.03);
		expect(found()[0]?.looks).toBeLessThanOrEqual(10);
	});

	test.each([
		['missing', 'missing'],
		['ten times too short', { factor: 0.1 }],
		['ten times too long', { factor: 10 }],
		['always nothing', { factor: 0 }],
	] as const)('often enough, if its ETA is %s', async (_name, eta) => {
		bench.service.configure({ jobSeconds: 60, eta });
		await run();
		expect(found()[0]?.late).toBeLessThan(0.25);
		expect(found()[0]?.looks).toBeLessThanOrEqual(25);
	});

	test('by what jobs like it have taught, in other executions too, until n8n starts anew', async () => {
		bench.service.configure({ jobSeconds: 60, eta: 'missing' });
		for (let before = 0; before < 3; before++) await run();
		await run();
		const [taught] = found();
		expect(taught?.late).toBeLessThan(0.06);
		expect(taught?.looks).toBeLessThanOrEqual(8);

		bench.restartN8n();
		await run();
		expect(found()[0]?.looks).toBeGreaterThan(12);
	});

	test('by what other accounts and other settings have taught: not at all', async () => {
		bench.service.configure({ jobSeconds: 60, eta: 'missing' });
		await run(3);
		await run(1, { settings: { steps: 10 } });
		expect(found()[0]?.looks).toBeGreaterThan(12);
		bench.credential({ apiKey: 'another-key-of-somebody' });
		await run();
		expect(found()[0]?.looks).toBeGreaterThan(12);
	});

	test('as soon as it teaches something: those submitted with it are found at once', async () => {
		bench.service.configure({ jobSeconds: 60, eta: 'missing' });
		await run(5);
		const looks = bench.service.jobs.map(({ id }) => looksAt(id).at(-1)?.at ?? Infinity);
		expect(Math.max(...looks) - Math.min(...looks)).toBeLessThan(1000);
	});

	test('when its turn has come in the queue, once it is known how many are worked on at once', async () => {
		bench.service.configure({ jobSeconds: 60, eta: 'missing', parallel: 2 });
		await run(8, { options: { maxJobsInFlight: 8 } });
		await run(8, { options: { maxJobsInFlight: 8 } });
		// The last pair has waited for three others.
		for (const { late, looks } of found(2)) {
			expect(late).toBeLessThan(0.06);
			expect(looks).toBeLessThanOrEqual(12);
		}
	});

	test('also when it ends long before what was learned, and long after', async () => {
		bench.service.configure({ jobSeconds: 60, eta: 'missing' });
		await run(3);
		bench.service.configure({ jobSeconds: 300 });
		await run();
		expect(found()[0]?.late).toBeLessThan(0.25);
		expect(found()[0]?.looks).toBeLessThanOrEqual(40);

		bench.restartN8n();
		bench.service.configure({ jobSeconds: 60 });
		await run(3);
		bench.service.configure({ jobSeconds: 30 });
		await run();
		expect(found()[0]?.late).toBeLessThan(1);
	});

	test('at the interval that the person set, whatever others teach meanwhile', async () => {
		bench.service.configure({ jobSeconds: (job: number) => (job % 2 ? 20 : 60) });
		await run(4, { options: { pollInterval: 7 } });
		for (const { id } of bench.service.jobs) {
			const times = looksAt(id).map(({ at }) => at);
			const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0));
			expect(new Set(pauses)).toEqual(new Set([7000]));
		}
	});
});

describe("the account's limit", () => {
	beforeEach(() => bench.service.configure({ jobSeconds: 30, parallel: 5, queueLimit: 5 }));

	test('is learned by the first refusals, and then kept to, by later executions too', async () => {
		await run(15, { options: { maxJobsInFlight: 15 } });
		expect(refusals()).toBeGreaterThan(0);
		expect(refusals()).toBeLessThanOrEqual(5);
		const first = refusals();
		await run(15, { options: { maxJobsInFlight: 15 } });
		expect(refusals()).toBe(first);
		expect(bench.service.jobs).toHaveLength(30);
	});

	test('a freed place is filled at once', async () => {
		await run(15, { options: { maxJobsInFlight: 15 } });
		const { jobs } = bench.service;
		const first = Math.min(...jobs.map(({ acceptedAt }) => acceptedAt));
		const last = Math.max(...jobs.map(({ endsAt }) => endsAt));
		// Three times five jobs of 30 s.
		expect((last - first) / 90_000).toBeLessThan(1.05);
	});

	test.each([
		['end at the same time', 30],
		['end one after the other', (job: number) => 20 + (job % 7)],
	])('is shared by executions that run at the same time, if jobs %s', async (_name, jobSeconds) => {
		await run(10, { options: { maxJobsInFlight: 10 } });
		const before = refusals();
		bench.service.configure({ jobSeconds });
		await Promise.all([run(5), run(5), run(5)]);
		expect(refusals()).toBe(before);
	});

	test('has room again when a job is given up', async () => {
		await run(10, { options: { maxJobsInFlight: 10 } });
		const start = bench.clock.now();
		bench.service.addFault({
			on: 'fetch',
			times: 5,
			do: { kind: 'answer', body: { status: 'error', messege: 'Request not found' } },
		});
		await run(10, {}, { node: { onError: 'continueRegularOutput' } });
		expect(bench.clock.now() - start).toBeLessThan(120_000);
	});

	test('that asks to try again at once is not asked faster than once a second', async () => {
		const start = bench.clock.now();
		bench.service.addFault({
			on: 'submit',
			times: 20,
			do: {
				kind: 'answer',
				status: 429,
				body: { status: 'error', message: 'Rate limit exceeded', retry_after: 0 },
			},
		});
		await run(1);
		expect(bench.clock.now() - start).toBeGreaterThanOrEqual(20_000);
	});

	test('that is no longer true is found out by asking again', async () => {
		await run(10, { options: { maxJobsInFlight: 10 } });
		bench.service.configure({ queueLimit: 3 });
		await run(10, { options: { maxJobsInFlight: 10 } });
		expect(bench.service.jobs).toHaveLength(20);
	});

	test('is not needed where jobs are not watched: each is submitted when the service lets it in', async () => {
		await run(12, { waitFor: 'none', options: { maxJobsInFlight: 12 } });
		expect(bench.service.jobs).toHaveLength(12);
	});
});
