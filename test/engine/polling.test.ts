import { openRig, type Rig, type RigRun, type Result } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ parallel: 100, queueLimit: 100 });
});
afterEach(async () => {
	await rig.close();
});

/** Runs this many jobs to their ends. It uses prompts, because nothing here depends on an image. */
async function run(jobs = 1, parameters: object = {}, options: RigRun = {}): Promise<Result> {
	const result = await rig.run(
		{ operation: 'textTo3d', prompt: 'a cup', download: false, ...parameters },
		{ items: Array.from({ length: jobs }, () => ({ json: {} })), ...options },
	);
	expect(result.error).toBeUndefined();
	expect(result.items).toHaveLength(jobs);
	return result;
}

const pollsOf = (id: number | undefined) =>
	rig.service.requests.filter(({ path }) => path === `/api/v3/fetch/${id}`);

/** How late the ends of the latest jobs were noticed, as a share of their duration, and after how many polls. */
function endsOf(jobs = 1): Array<{ late: number; polls: number }> {
	return rig.service.jobs.slice(-jobs).map(({ id, acceptedAt, endsAt }) => {
		const polls = pollsOf(id);
		return { late: ((polls.at(-1)?.at ?? Infinity) - endsAt) / (endsAt - acceptedAt), polls: polls.length };
	});
}

const refusals = () =>
	rig.service.requests.filter(({ path }) => path.endsWith('txt_to_3d')).length - rig.service.jobs.length;

describe('a job is polled', () => {
	test.each([20, 200, 900])('at its end if its ETA is right: a job of %d s', async (jobSeconds) => {
		rig.service.configure({ jobSeconds });
		await run();
		expect(endsOf()[0]?.late).toBeLessThan(0.03);
		expect(endsOf()[0]?.polls).toBeLessThanOrEqual(10);
	});

	test.each([
		['missing', 'missing'],
		['ten times too short', { factor: 0.1 }],
		['ten times too long', { factor: 10 }],
		['always 0', { factor: 0 }],
	] as const)('often enough if its ETA is %s', async (_name, eta) => {
		rig.service.configure({ jobSeconds: 60, eta });
		await run();
		expect(endsOf()[0]?.late).toBeLessThan(0.25);
		expect(endsOf()[0]?.polls).toBeLessThanOrEqual(25);
	});

	test('at its end after similar jobs, in other executions too, until n8n restarts', async () => {
		rig.service.configure({ jobSeconds: 60, eta: 'missing' });
		for (let before = 0; before < 3; before++) await run();
		await run();
		const [learned] = endsOf();
		expect(learned?.late).toBeLessThan(0.06);
		expect(learned?.polls).toBeLessThanOrEqual(8);

		rig.restartN8n();
		await run();
		expect(endsOf()[0]?.polls).toBeGreaterThan(12);
	});

	test('regardless of jobs with other settings or of other accounts', async () => {
		rig.service.configure({ jobSeconds: 60, eta: 'missing' });
		await run(3);
		await run(1, { settings: { steps: 10 } });
		expect(endsOf()[0]?.polls).toBeGreaterThan(12);
		rig.setCredential({ apiKey: 'another-key-of-somebody' });
		await run();
		expect(endsOf()[0]?.polls).toBeGreaterThan(12);
	});

	test('at once when a job that was submitted with it has ended', async () => {
		rig.service.configure({ jobSeconds: 60, eta: 'missing' });
		await run(5);
		const polls = rig.service.jobs.map(({ id }) => pollsOf(id).at(-1)?.at ?? Infinity);
		expect(Math.max(...polls) - Math.min(...polls)).toBeLessThan(1000);
	});

	test('at its end in the queue, once it is known how many jobs run at once', async () => {
		rig.service.configure({ jobSeconds: 60, eta: 'missing', parallel: 2 });
		await run(8, { options: { maxJobsInFlight: 8 } });
		await run(8, { options: { maxJobsInFlight: 8 } });
		// The last two jobs have waited for three pairs.
		for (const { late, polls } of endsOf(2)) {
			expect(late).toBeLessThan(0.06);
			expect(polls).toBeLessThanOrEqual(12);
		}
	});

	test('soon enough, even if it takes much longer or much less than earlier jobs', async () => {
		rig.service.configure({ jobSeconds: 60, eta: 'missing' });
		await run(3);
		rig.service.configure({ jobSeconds: 300 });
		await run();
		expect(endsOf()[0]?.late).toBeLessThan(0.25);
		expect(endsOf()[0]?.polls).toBeLessThanOrEqual(40);

		rig.restartN8n();
		rig.service.configure({ jobSeconds: 60 });
		await run(3);
		rig.service.configure({ jobSeconds: 30 });
		await run();
		expect(endsOf()[0]?.late).toBeLessThan(1);
	});

	test('at exactly the Poll Interval, whatever other jobs show', async () => {
		rig.service.configure({ jobSeconds: (job: number) => (job % 2 ? 20 : 60) });
		await run(4, { options: { pollInterval: 7 } });
		for (const { id } of rig.service.jobs) {
			const times = pollsOf(id).map(({ at }) => at);
			const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0));
			expect(new Set(pauses)).toEqual(new Set([7000]));
		}
	});
});

describe("the account's limit", () => {
	beforeEach(() => rig.service.configure({ jobSeconds: 30, parallel: 5, queueLimit: 5 }));

	test('is learned from the first refusals and then respected, by later executions too', async () => {
		await run(15, { options: { maxJobsInFlight: 15 } });
		expect(refusals()).toBeGreaterThan(0);
		expect(refusals()).toBeLessThanOrEqual(5);
		const first = refusals();
		await run(15, { options: { maxJobsInFlight: 15 } });
		expect(refusals()).toBe(first);
		expect(rig.service.jobs).toHaveLength(30);
	});

	test('allows a new job as soon as one ends', async () => {
		await run(15, { options: { maxJobsInFlight: 15 } });
		const { jobs } = rig.service;
		const first = Math.min(...jobs.map(({ acceptedAt }) => acceptedAt));
		const last = Math.max(...jobs.map(({ endsAt }) => endsAt));
		// Three times five jobs of 30 s.
		expect((last - first) / 90_000).toBeLessThan(1.05);
	});

	test.each([
		['end at the same time', 30],
		['end one after the other', (job: number) => 20 + (job % 7)],
	])('is shared by executions that run at the same time if jobs %s', async (_name, jobSeconds) => {
		await run(10, { options: { maxJobsInFlight: 10 } });
		const before = refusals();
		rig.service.configure({ jobSeconds });
		await Promise.all([run(5), run(5), run(5)]);
		expect(refusals()).toBe(before);
	});

	test('has a free slot again when a job is given up', async () => {
		await run(10, { options: { maxJobsInFlight: 10 } });
		const start = rig.clock.now();
		rig.service.addFault({
			on: 'fetch',
			times: 5,
			do: { kind: 'answer', body: { status: 'error', messege: 'Request not found' } },
		});
		await run(10, {}, { node: { onError: 'continueRegularOutput' } });
		expect(rig.clock.now() - start).toBeLessThan(120_000);
	});

	test('is tried no more than once a second, even if the service asks to try again at once', async () => {
		const start = rig.clock.now();
		rig.service.addFault({
			on: 'submit',
			times: 20,
			do: {
				kind: 'answer',
				status: 429,
				body: { status: 'error', message: 'Rate limit exceeded', retry_after: 0 },
			},
		});
		await run(1);
		expect(rig.clock.now() - start).toBeGreaterThanOrEqual(20_000);
	});

	test('is learned again when it changes', async () => {
		await run(10, { options: { maxJobsInFlight: 10 } });
		rig.service.configure({ queueLimit: 3 });
		await run(10, { options: { maxJobsInFlight: 10 } });
		expect(rig.service.jobs).toHaveLength(20);
	});

	test('does not matter if jobs are not polled: each is submitted when the service accepts it', async () => {
		await run(12, { waitFor: 'none', options: { maxJobsInFlight: 12 } });
		expect(rig.service.jobs).toHaveLength(12);
	});
});
