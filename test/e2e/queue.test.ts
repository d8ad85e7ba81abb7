import { until } from '../../real-n8n/processes.mts';
import { startWorld, type World } from '../../real-n8n/worlds.mts';
import { begin, everywhere, itemsOf, NODE, resultOf, samples } from './suite.mts';

describe('n8n 2.41.1 in queue mode', () => {
	let world: World;
	beforeAll(async () => {
		world = await startWorld({ version: '2.41.1', queue: true, service: { queueLimit: 500, parallel: 500 } });
	});
	afterAll(async () => {
		await world?.stop();
	});

	everywhere(() => world);

	test('a call that arrives at the webhook process resumes what a worker put to rest', async () => {
		world.service.configure({ jobSeconds: 5 });
		const saved = await begin(world, { waitFor: 'webhook' });
		await world.main.latest(saved.id, ['waiting']);
		const job = world.service.jobs.at(-1);
		expect(new URL(job?.webhook ?? '').origin).toBe(world.outside.origin);
		expect(world.outside.origin).not.toBe(world.main.origin);
		const { status, items } = await resultOf(world, saved);
		expect([status, items.length]).toEqual(['success', 3]);
	});

	test('100 executions at rest hold no worker: others run meanwhile, and all go on when they are called', async () => {
		const jobSeconds = 60;
		world.service.configure({ jobSeconds });
		const before = world.service.jobs.length;
		const one = samples(world, ['mug.jpg']);
		const { path, saved } = await published(world);
		const calls = Array.from({ length: 100 }, async () => await world.outside.call(`/webhook/${path}`, { images: one }));
		await Promise.all(calls);
		const resting = async () =>
			(await allExecutions(world, saved.id)).filter(({ status }) => status === 'waiting').length;
		await until('100 executions rest', async () => (await resting()) === 100, 120_000, 500);

		world.service.configure({ jobSeconds: 1 });
		const started = Date.now();
		const other = await resultOf(world, await begin(world, { waitFor: 'poll', download: false }));
		const took = Date.now() - started;
		expect(other.status).toBe('success');
		expect(await resting()).toBe(100);
		process.stderr.write(`Other work of 3 jobs of 1 s took ${took} ms while 100 executions rested.\n`);

		const last = Math.max(...world.service.jobs.map(({ endsAt }) => endsAt));
		await until(
			'all have gone on',
			async () =>
				(await allExecutions(world, saved.id)).filter(({ status }) => status === 'success').length === 100,
			180_000,
			500,
		);
		process.stderr.write(`The last of 100 had its result ${Date.now() - last} ms after its job had ended.\n`);
		expect(world.service.jobs.length - before).toBe(103);
	});
});
