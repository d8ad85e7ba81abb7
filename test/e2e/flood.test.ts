import { AttackedTrigger } from '../../bench/attacked-trigger.mts';
import { countStatuses, sendFlood } from '../../bench/flooder.mts';
import { FORGED_KINDS, type KnownJobs } from '../../bench/forged-calls.mts';
import { RUNS_ALL } from '../support/scope.mts';
import { LeapingSystemClock } from '../support/leaping-clock.mts';
import type { N8nVersion } from '../../n8n/real/install.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import { API_KEY, startWorld, type World } from '../../n8n/real/worlds.mts';
import { listSamples, say, startWorkflow, waitForResult } from './suite.mts';

/** True calls in between. */
const TRUE_CALLS = 50;
/** Longer than a flood. */
const REST_SECONDS = 20_000;

interface Flood {
	calls: number;
	resumeCalls: number;
	connections: number;
}

/**
 * n8n 2.41 makes an expression sandbox for each call to any node but its own Webhook node, before the node sees the call:
 * twenty calls or so a second is all it can do. With fifty at a time it is so busy with that that it takes its database
 * for gone, and answers 503 to all calls by itself. The whole flood of 10,000 is for `npm run bench -- flood` there.
 */
const VERSIONS: Array<[N8nVersion, Flood]> = [
	[
		'2.0.0',
		RUNS_ALL
			? { calls: 10_000, resumeCalls: 2000, connections: 50 }
			: { calls: 2000, resumeCalls: 500, connections: 50 },
	],
	[
		'2.41.1',
		RUNS_ALL
			? { calls: 1000, resumeCalls: 300, connections: 10 }
			: { calls: 400, resumeCalls: 100, connections: 10 },
	],
];

describe.each(VERSIONS)('n8n %s under a flood', (version, { calls, resumeCalls, connections }) => {
	const clock = new LeapingSystemClock();
	let world: World;
	beforeAll(async () => {
		world = await startWorld({
			version,
			service: { clock, parallel: 1000, queueLimit: 1000, maxRecords: 1_000_000 },
		});
	});
	afterAll(async () => {
		await world?.stop();
	});

	const fetches = () => world.service.requests.filter(({ path }) => path.includes('/fetch/'));
	const linesOf = (node: string) =>
		world.main.program.printed.split('\n').filter((line) => line.startsWith(`${node}: `));

	/** The answers that no call of their kind may get. */
	function wrong(
		answers: Map<string, Map<number | string, number>>,
		may: (kind: string) => readonly number[],
	): unknown[] {
		return [...answers].flatMap(([kind, counts]) =>
			[...counts]
				.filter(([status]) => !may(kind).includes(Number(status)))
				.map(([status, count]) => ({ kind, status, count })),
		);
	}

	test(`of ${calls} forged calls, the trigger starts for the service's calls only, for each of them, and once`, async () => {
		const trigger = await AttackedTrigger.publish(world);
		const every = calls / TRUE_CALLS;
		const begun = Date.now();
		const flooded = await sendFlood({
			url: trigger.url,
			calls,
			connections,
			known: trigger.known,
			onSent: (sent) => {
				if (sent % every === 0) void trigger.submit(1, sent % (2 * every) === 0 ? 'twice' : 'once');
			},
		});
		await waitUntil('the last job is in', () => trigger.jobs.length === TRUE_CALLS + 1);
		await trigger.waitUntilCalled();
		say(
			`n8n ${version}: ${(calls / flooded.seconds).toFixed(0)} calls per second; ${[...countStatuses([flooded])].map(([status, count]) => `${count} x ${status}`).join(', ')}`,
		);

		const kinds = new Map(FORGED_KINDS.map((kind) => [kind.name, kind.answers]));
		expect(wrong(flooded.answers, (kind) => kinds.get(kind) ?? [])).toEqual([]);
		expect(trigger.calls.map(({ status }) => status)).toEqual(Array(TRUE_CALLS + 1).fill(200));
		const all = [...trigger.jobs].sort((one, other) => one - other);
		await waitUntil('all have started it', async () => (await trigger.listStarted()).length >= all.length);
		expect(await trigger.listStarted()).toEqual(all);

		// Afterwards n8n is as before.
		const later = await trigger.submit(0, 'once');
		await trigger.waitUntilCalled(10_000);
		expect(trigger.calls.at(-1)).toMatchObject({ job: later, status: 200 });
		await waitUntil('it has started it', async () => (await trigger.listStarted()).includes(later), 10_000);

		// Each call that names a job of its own causes one question, and two for the open job go on at a time.
		const minutes = (Date.now() - begun) / 60_000;
		const asked = fetches().length;
		expect(asked).toBeLessThanOrEqual(calls + 3 * trigger.jobs.length + 2 * 30 * minutes);
		const asForOpen = fetches().filter(({ path }) => path.endsWith(`/${trigger.known.open}`)).length;
		expect(asForOpen).toBeLessThanOrEqual(2 * 31 * minutes);

		// Neither what is answered nor what is logged tells anything that the caller has not said.
		for (const text of flooded.texts) {
			expect(text).not.toContain(API_KEY);
			expect(text).not.toContain(world.service.origin);
		}
		expect(world.main.program.printed).not.toContain(API_KEY);
		expect(linesOf('Image to 3D Trigger').length).toBeLessThanOrEqual(11 * (minutes + 1));

		const { staticData } = await world.main.requestData<{ staticData: Record<string, { seen: string }> }>(
			'GET',
			`/workflows/${trigger.workflowId}`,
		);
		expect(Object.values(staticData).map(({ seen }) => seen.length)).toEqual([8 * trigger.jobs.length]);
	});

	test(`of ${resumeCalls} forged calls, an execution at rest rests on, and the true call wakes it`, async () => {
		world.service.configure({ jobSeconds: REST_SECONDS, webhooks: 'once' });
		const saved = await startWorkflow(
			world,
			{ waitFor: 'webhook', options: { timeout: 2 * REST_SECONDS } },
			{},
			listSamples(world, ['mug.jpg']),
		);
		const execution = await world.main.waitForLatest(saved.id, ['waiting']);
		const job = world.service.jobs.at(-1);
		const known: KnownJobs = { done: 1, open: job?.id ?? 0, trackId: '' };
		const before = fetches().length;
		const flooded = await sendFlood({
			url: job?.webhook ?? '',
			calls: resumeCalls,
			connections,
			known,
		});
		say(
			`n8n ${version} at rest: ${(resumeCalls / flooded.seconds).toFixed(0)} calls per second; ${[...countStatuses([flooded])].map(([status, count]) => `${count} x ${status}`).join(', ')}`,
		);
		// What n8n cannot parse does not reach the node.
		expect(wrong(flooded.answers, () => [200, 422, 500])).toEqual([]);
		expect((await world.main.listExecutions(saved.id)).map(({ id, status }) => [id, status])).toEqual([
			[execution, 'waiting'],
		]);
		expect(fetches().length - before).toBeLessThanOrEqual(resumeCalls);
		for (const text of flooded.texts) expect(text).not.toContain(API_KEY);

		clock.leap(REST_SECONDS);
		const { status, items } = await waitForResult(world, saved);
		expect([status, ...items.map(({ json }) => [json.id, json.status])]).toEqual([
			'success',
			[job?.id, 'success'],
		]);
		expect(items[0]?.binary?.data?.mimeType).toBe('image/gif');
	});
});
