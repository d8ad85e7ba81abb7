import { AttackedTrigger } from '../../bench/attacked-trigger.mts';
import { countStatuses, sendFlood } from '../../bench/flooder.mts';
import { FORGED_KINDS, type KnownJobs } from '../../bench/forged-calls.mts';
import { RUNS_ALL } from '../support/scope.mts';
import { LeapingSystemClock } from '../support/leaping-clock.mts';
import type { N8nVersion } from '../../n8n/real/install.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import { API_KEY, startWorld, type World } from '../../n8n/real/worlds.mts';
import { listSamples, say, startWorkflow, waitForResult } from './suite.mts';

/** How many calls the service makes during a flood. */
const TRUE_CALLS = 50;
/** How long the job of the suspended execution takes, s. It is longer than a flood. */
const JOB_SECONDS = 20_000;

/** What a stranger can guess of an execution's address in n8n 2.0.0. In n8n 2.41, it also needs n8n's own token. */
function withoutMark(address: string): string {
	const url = new URL(address);
	expect(url.searchParams.get('mark')).toMatch(/^[\w-]{22}$/);
	url.searchParams.delete('mark');
	return url.href;
}

interface Flood {
	calls: number;
	resumeCalls: number;
	connections: number;
}

/**
 * n8n 2.41 makes an expression sandbox for each call before the node sees it, except for calls to its own Webhook node. So
 * it can answer about twenty calls per second. With fifty connections, it is so busy that it considers its database lost,
 * and answers all calls with 503. `npm run bench -- flood` makes 10,000 calls there.
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

	const listFetches = () => world.service.requests.filter(({ path }) => path.includes('/fetch/'));
	const listLogLines = (node: string) =>
		world.main.program.printed.split('\n').filter((line) => line.startsWith(`${node}: `));

	/** Lists the answers that calls of their kind must not get. @param listStatuses the statuses that they may get */
	function listWrongAnswers(
		answers: Map<string, Map<number | string, number>>,
		listStatuses: (kind: string) => readonly number[],
	): unknown[] {
		return [...answers].flatMap(([kind, counts]) =>
			[...counts]
				.filter(([status]) => !listStatuses(kind).includes(Number(status)))
				.map(([status, count]) => ({ kind, status, count })),
		);
	}

	test(`despite ${calls} forged calls, the trigger starts once for each job that the service calls about, and for nothing else`, async () => {
		const trigger = await AttackedTrigger.publish(world);
		const every = calls / TRUE_CALLS;
		const start = Date.now();
		const flooded = await sendFlood({
			url: trigger.url,
			calls,
			connections,
			known: trigger.known,
			onSent: (sent) => {
				if (sent % every === 0) void trigger.submit(1, sent % (2 * every) === 0 ? 'twice' : 'once');
			},
		});
		await waitUntil('the last job is submitted', () => trigger.jobs.length === TRUE_CALLS + 1);
		await trigger.waitUntilCalled();
		say(
			`n8n ${version}: ${(calls / flooded.seconds).toFixed(0)} calls per second; ${[...countStatuses([flooded])].map(([status, count]) => `${count} x ${status}`).join(', ')}`,
		);

		const kinds = new Map(FORGED_KINDS.map((kind) => [kind.name, kind.answers]));
		// 503: too many calls without a mark.
		expect(listWrongAnswers(flooded.answers, (kind) => [503, ...(kinds.get(kind) ?? [])])).toEqual([]);
		expect(trigger.calls.map(({ status }) => status)).toEqual(Array(TRUE_CALLS + 1).fill(200));
		const all = [...trigger.jobs].sort((one, other) => one - other);
		await waitUntil(
			'each job has started the workflow',
			async () => (await trigger.listStarted()).length >= all.length,
		);
		expect(await trigger.listStarted()).toEqual(all);

		// After the flood, a job starts the workflow as before.
		const later = await trigger.submit(0, 'once');
		await trigger.waitUntilCalled(10_000);
		expect(trigger.calls.at(-1)).toMatchObject({ job: later, status: 200 });
		await waitUntil(
			'the job has started the workflow',
			async () => (await trigger.listStarted()).includes(later),
			10_000,
		);

		// Calls without a mark cause five fetches a second, and a burst of 30.
		const minutes = (Date.now() - start) / 60_000;
		expect(listFetches().length).toBeLessThanOrEqual(30 + 5 * 60 * minutes + 3 * trigger.jobs.length);
		const fetchesOfOpen = listFetches().filter(({ path }) => path.endsWith(`/${trigger.known.open}`)).length;
		expect(fetchesOfOpen).toBeLessThanOrEqual(2 * 31 * minutes);

		// Answers and log lines contain nothing secret.
		for (const text of flooded.texts) {
			expect(text).not.toContain(API_KEY);
			expect(text).not.toContain(world.service.origin);
		}
		expect(world.main.program.printed).not.toContain(API_KEY);
		expect(listLogLines('Image to 3D Trigger').length).toBeLessThanOrEqual(11 * (minutes + 1));

		const { staticData } = await world.main.requestData<{ staticData: Record<string, { seen: string }> }>(
			'GET',
			`/workflows/${trigger.workflowId}`,
		);
		expect(Object.values(staticData).map(({ seen }) => seen.length)).toEqual([8 * trigger.jobs.length]);
	});

	test(`despite ${resumeCalls} forged calls, an execution stays suspended, and the true call resumes it`, async () => {
		world.service.configure({ jobSeconds: JOB_SECONDS, webhooks: 'once' });
		const saved = await startWorkflow(
			world,
			{ waitFor: 'webhook', options: { timeout: 2 * JOB_SECONDS } },
			{},
			listSamples(world, ['mug.jpg']),
		);
		const execution = await world.main.waitForLatest(saved.id, ['waiting']);
		const job = world.service.jobs.at(-1);
		const known: KnownJobs = { done: 1, open: job?.id ?? 0, trackId: '' };
		const before = listFetches().length;
		const flooded = await sendFlood({
			url: withoutMark(job?.webhook ?? ''),
			calls: resumeCalls,
			connections,
			known,
		});
		say(
			`n8n ${version}, suspended: ${(resumeCalls / flooded.seconds).toFixed(0)} calls per second; ${[...countStatuses([flooded])].map(([status, count]) => `${count} x ${status}`).join(', ')}`,
		);
		// The node does not receive what n8n cannot parse.
		expect(listWrongAnswers(flooded.answers, () => [403, 422, 500])).toEqual([]);
		expect((await world.main.listExecutions(saved.id)).map(({ id, status }) => [id, status])).toEqual([
			[execution, 'waiting'],
		]);
		expect(listFetches().length).toBe(before);
		for (const text of flooded.texts) expect(text).not.toContain(API_KEY);

		clock.leap(JOB_SECONDS);
		const { status, items } = await waitForResult(world, saved);
		expect([status, ...items.map(({ json }) => [json.id, json.status])]).toEqual([
			'success',
			[job?.id, 'success'],
		]);
		expect(items[0]?.binary?.data?.mimeType).toBe('image/gif');
	});
});
