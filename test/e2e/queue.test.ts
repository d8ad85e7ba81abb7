import { waitUntil } from '../../n8n/real/processes.mts';
import { startWorld, type World } from '../../n8n/real/worlds.mts';
import { readExample } from '../../n8n/real/examples.mts';
import { testExamples } from './examples.mts';
import { Recovery } from './recovery.mts';
import { testKeyIsNowhere } from './secrets.mts';
import { listSamples, publish, say, startWorkflow, testCommon, waitForResult } from './suite.mts';

describe('n8n 2.41.1 in queue mode', () => {
	let world: World;
	beforeAll(async () => {
		world = await startWorld({
			version: '2.41.1',
			queue: true,
			recordsRedis: true,
			service: { queueLimit: 500, parallel: 500 },
			// n8n soon notices that a worker is dead.
			env: {
				QUEUE_WORKER_LOCK_DURATION: '6000',
				QUEUE_WORKER_LOCK_RENEW_TIME: '2000',
				QUEUE_WORKER_STALLED_INTERVAL: '3000',
			},
		});
	});
	afterAll(async () => {
		await world?.stop();
	});

	testCommon(() => world);

	describe('the example', () => testExamples(() => world));

	test('a call to the webhook process resumes what a worker suspended', async () => {
		world.service.configure({ jobSeconds: 5 });
		const saved = await startWorkflow(world, { waitFor: 'webhook' });
		await world.main.waitForLatest(saved.id, ['waiting']);
		const job = world.service.jobs.at(-1);
		expect(new URL(job?.webhook ?? '').origin).toBe(world.outside.origin);
		expect(world.outside.origin).not.toBe(world.main.origin);
		const { status, items } = await waitForResult(world, saved);
		expect([status, items.length]).toEqual(['success', 3]);
	});

	test('100 suspended executions hold no worker, and all resume when they are called', async () => {
		const jobSeconds = 60;
		world.service.configure({ jobSeconds });
		const before = world.service.jobs.length;
		const one = listSamples(world, ['mug.jpg']);
		const { path, saved } = await publish(world, { waitFor: 'webhook', download: false });
		await Promise.all(
			Array.from({ length: 100 }, async () => await world.outside.call(`/webhook/${path}`, { images: one })),
		);
		const countSuspended = async () =>
			(await world.main.listExecutions(saved.id)).filter(({ status }) => status === 'waiting').length;
		await waitUntil(
			'100 executions are suspended',
			async () => (await countSuspended()) === 100,
			120_000,
			500,
		);

		world.service.configure({ jobSeconds: 1 });
		const started = Date.now();
		const other = await waitForResult(
			world,
			await startWorkflow(world, { waitFor: 'poll', download: false }),
		);
		const took = Date.now() - started;
		expect(other.status).toBe('success');
		expect(await countSuspended()).toBe(100);
		say(`Other work of 3 jobs of 1 s took ${took} ms while 100 executions were suspended.`);

		const last = Math.max(...world.service.jobs.slice(before).map(({ endsAt }) => endsAt));
		await waitUntil(
			'all have resumed',
			async () =>
				(await world.main.listExecutions(saved.id)).filter(({ status }) => status === 'success').length ===
				100,
			180_000,
			500,
		);
		say(`The last of 100 had its result ${Date.now() - last} ms after its job had ended.`);
		expect(world.service.jobs.length - before).toBe(103);
	});

	/** Kills the worker that runs an execution, as a crash does, and starts another one. @returns what the worker had printed */
	async function killWorkerOf(execution: string): Promise<string> {
		const started = new RegExp(`Worker started execution ${execution}\\b`);
		const index = world.workers.findIndex(({ program }) => started.test(program.printed));
		const worker = world.workers[index];
		if (!worker) throw new Error(`No worker has started the execution ${execution}.`);
		await worker.program.kill();
		world.workers[index] = await world.startWorker();
		return worker.program.printed;
	}

	test('a worker is killed while its execution is suspended: nothing is lost', async () => {
		world.service.configure({ jobSeconds: 15 });
		const before = world.service.jobs.length;
		const saved = await startWorkflow(world, { waitFor: 'webhook' });
		await killWorkerOf(await world.main.waitForLatest(saved.id, ['waiting']));
		const { status, items } = await waitForResult(world, saved);
		expect([status, ...items.map(({ json }) => json.status)]).toEqual(Array(4).fill('success'));
		expect(world.service.jobs).toHaveLength(before + 3);
	});

	test('a worker is killed while it submits and polls: nothing is paid twice, the log has the IDs, and the recovery example delivers all', async () => {
		world.service.configure({ jobSeconds: 2 });
		const recovery = await Recovery.open(world, readExample(world, 'recover-paid-jobs'));
		await recovery.startGeneration(listSamples(world));
		expect((await recovery.waitForGeneration()).status).toBe('success');
		const delivered = await recovery.listDelivered();

		world.service.configure({ jobSeconds: 10 });
		// n8n never receives the ID of the last job.
		world.service.addFault({ on: 'submit', skip: 4, do: { kind: 'drip', bytesPerSecond: 12 } });
		const images = Array(5)
			.fill(listSamples(world, ['mug.jpg']))
			.flat() as string[];
		const execution = await recovery.startGeneration(images);
		await waitUntil('all jobs are paid', () => recovery.jobs.length === delivered.length + images.length);
		const printed = await killWorkerOf(execution);
		expect((await recovery.waitForGeneration(150_000)).status).toBe('error');
		world.service.clearFaults();
		const paid = recovery.jobs;
		const named = paid.filter(({ id }) =>
			printed.includes(`job ${id} was accepted (execution ${execution},`),
		);
		expect([paid.length, delivered.length, named.length]).toEqual([8, 3, 4]);
		await waitUntil('all jobs have ended', () => paid.every(({ endsAt }) => endsAt <= Date.now()));

		const recovered = await recovery.recover();
		expect([recovered.status, recovered.fetched]).toEqual(['success', 5]);
		expect(await recovery.listDelivered()).toEqual(paid.map(({ id }) => `${id}`));
		for (const job of paid) expect(recovery.readFile(job)?.subarray(0, 3).toString()).toBe('GIF');
		const again = await recovery.recover();
		expect([again.status, again.fetched]).toEqual(['success', 0]);
		say(
			`${paid.length} jobs paid, ${delivered.length} delivered before the crash, ${recovered.fetched} recovered (${named.length} of their IDs were in the log), ${recovery.jobs.length - paid.length} paid twice.`,
		);
		expect(recovery.jobs).toHaveLength(paid.length);
	});

	testKeyIsNowhere(() => world);
});
