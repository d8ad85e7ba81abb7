import { openRig, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ parallel: 5, queueLimit: 5, jobSeconds: 60 });
});
afterEach(async () => {
	await rig.close();
});

/** Runs jobs in an n8n process of their own. @returns when the last result was known, s after the beginning */
async function runInProcess(jobs: number): Promise<number> {
	const start = rig.clock.now();
	// The executions that are running keep what they know.
	rig.restartN8n();
	const { error, items } = await rig.run(
		{ operation: 'textTo3d', prompt: 'a cup', download: false, options: { maxJobsInFlight: 5 } },
		{ items: Array.from({ length: jobs }, () => ({ json: {} })) },
	);
	expect(error).toBeUndefined();
	expect(items).toHaveLength(jobs);
	return (rig.clock.now() - start) / 1000;
}

/** Runs jobs in several processes. Each has begun before the next one begins. @returns when each knew its last result, s */
async function runInProcesses(...jobs: number[]): Promise<number[]> {
	const ends: Array<Promise<number>> = [];
	for (const count of jobs) {
		const before = submits().length;
		ends.push(runInProcess(count));
		while (submits().length === before) await rig.clock.sleep(1);
	}
	return await Promise.all(ends);
}

const callsTo = (path: string) => rig.service.requests.filter((request) => request.path.endsWith(path));
const submits = () => callsTo('/txt_to_3d');
const counts = () => callsTo('/request_count');

describe('a process whose submits are refused because of the jobs of another one', () => {
	test('submits as soon as the count of the requests shows free slots', async () => {
		rig.service.configure({ retryAfter: 600 });
		const [, second] = await runInProcesses(5, 5);
		// The jobs of the first one end after 60 s. 600 s is what the service has asked for.
		expect(second).toBeLessThan(140);
		expect(counts().length).toBeGreaterThan(0);
		expect(rig.service.jobs).toHaveLength(10);
	});

	test('waits as long as the service has asked if there is no count', async () => {
		rig.service.configure({ retryAfter: 200 });
		rig.service.addFault({
			on: 'account',
			times: 100,
			do: { kind: 'answer', status: 403, body: { status: 'error', message: 'Not for your plan' } },
		});
		const [, second] = await runInProcesses(5, 5);
		expect(second).toBeGreaterThan(200);
		expect(counts().length).toBeLessThanOrEqual(2);
	});

	test('stops counting when the count shows free slots that are not there', async () => {
		rig.service.configure({ retryAfter: 300 });
		rig.service.addFault({
			on: 'account',
			times: 100,
			do: { kind: 'answer', body: { status: 'success', processing_count: 0 } },
		});
		rig.service.configure({ jobSeconds: 250 });
		const [, second] = await runInProcesses(5, 5);
		expect(second).toBeGreaterThan(300);
		const refused = submits().length - rig.service.jobs.length;
		expect(refused).toBeLessThanOrEqual(5 + 3 + 1);
	});

	test('shares the queue with it, with about one refusal a job', async () => {
		rig.service.configure({ jobSeconds: 20, retryAfter: 40 });
		const ends = await runInProcesses(10, 10, 10);
		// Thirty jobs of 20 s in five slots take 120 s.
		expect(Math.max(...ends)).toBeLessThan(170);
		expect(submits().length - rig.service.jobs.length).toBeLessThanOrEqual(30);
		// The service allows 30 a minute.
		expect(counts().length).toBeLessThanOrEqual(30 * (Math.max(...ends) / 60));
	});
});

test('a pause that a spam filter asks for is not shortened, also when a job ends meanwhile', async () => {
	rig.service.configure({ jobSeconds: 20 });
	const filter = {
		status: 'error',
		messege: 'Rate limit exceeded',
		tips: 'please wait for 90 seconds and try again',
	};
	rig.service.addFault({ on: 'submit', skip: 3, times: 1, do: { kind: 'answer', body: filter } });
	await runInProcess(6);
	const [refused, ...later] = submits()
		.slice(3)
		.map(({ at }) => at);
	expect(later.length).toBeGreaterThan(0);
	// Those in the air at that moment were sent before it could be known.
	const afterwards = later.filter((at) => at - (refused ?? 0) > 1000);
	expect(Math.min(...afterwards) - (refused ?? 0)).toBeGreaterThanOrEqual(90_000);
	expect(counts()).toHaveLength(0);
});

describe('the calls of an account', () => {
	const polls = () => rig.service.requests.filter(({ path }) => path.includes('/fetch/')).map(({ at }) => at);

	/** The most calls in any time, without two for each second of it. */
	const measureBurst = () => {
		const calls = rig.service.requests.map(({ at }) => at).sort((a, b) => a - b);
		const bursts = calls.map((from, first) => {
			const excesses = calls.slice(first).map((to, more) => more + 1 - (2 * (to - from)) / 1000);
			return Math.max(...excesses);
		});
		return Math.max(...bursts);
	};

	test('of one run come no faster than two a second, after a burst of ten', async () => {
		rig.service.configure({ parallel: 5, queueLimit: 5, jobSeconds: 20 });
		await runTogether(40);
		expect(submits().length).toBeGreaterThanOrEqual(40);
		expect(measureBurst()).toBeLessThanOrEqual(10);
	});

	test('come no faster than two a second, after a burst of ten and the submits, which do not wait', async () => {
		rig.service.configure({
			parallel: 100,
			queueLimit: 100,
			jobSeconds: (job: number) => 20 + (job % 7) / 10,
		});
		await Promise.all(Array.from({ length: 8 }, async () => await runTogether(5)));
		expect(measureBurst()).toBeLessThanOrEqual(10 + submits().length);
		expect(polls().length / rig.service.jobs.length).toBeLessThanOrEqual(5);
	});

	test('all wait when a poll of one job is told that they come too fast', async () => {
		const limited = { status: 'error', message: 'Too many requests', retry_after: 45 };
		rig.service.addFault({ on: 'fetch', times: 1, do: { kind: 'answer', status: 429, body: limited } });
		await runInProcess(5);
		const [first = NaN, ...later] = polls();
		// Those in the air at that moment were sent before it could be known.
		const afterwards = later.filter((at) => at - first > 1000);
		expect(Math.min(...afterwards) - first).toBeGreaterThanOrEqual(45_000);
	});

	test('come when a job may be done, and not before a tenth of its ETA', async () => {
		rig.service.configure({ jobSeconds: 300 });
		await runInProcess(1);
		const [job] = rig.service.jobs;
		const ages = polls().map((at) => (at - (job?.acceptedAt ?? NaN)) / 1000);
		expect(ages[0]).toBeGreaterThanOrEqual(30);
		expect(ages.length).toBeLessThanOrEqual(4);
		expect(ages.at(-1)).toBeLessThan(306);
	});
});

/** Runs jobs in the process that runs already. */
async function runTogether(jobs: number): Promise<void> {
	const { error } = await rig.run(
		{ operation: 'textTo3d', prompt: 'a cup', download: false },
		{ items: Array.from({ length: jobs }, () => ({ json: {} })) },
	);
	expect(error).toBeUndefined();
}
