/** What calls of strangers cost, and that no call of the service is lost for them. */
import { readOutput, type Execution } from '../../n8n/engine/engine.cts';
import { EngineCredentials } from '../../n8n/engine/credentials.cts';
import { createSigner, markTriggerAddress } from '../../nodes/ImgTo3d/api/mark';
import { AFTER, buildTriggerWorkflow } from '../../bench/calls.mts';
import { serveByClock, makeOpenBody, type FileServer, type Served } from '../support/file-server.mts';
import { serveBehindPublicName } from '../support/http.mts';
import { API_KEY, buildPromptParameters, makeNumberedItems, openRig, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 10, parallel: 50, queueLimit: 100, webhooks: 'never' });
});
afterEach(async () => {
	await rig.close();
});

const STARTED = { status: 200, message: 'The workflow was started.' };

let published = 0;

/** Publishes a workflow that begins with the trigger. @returns its address, as a person copies it */
function publish(parameters: Parameters<typeof buildTriggerWorkflow>[0] = {}): string {
	published += 1;
	return rig.engine.publish(buildTriggerWorkflow(parameters), `strangers-${published}`).production;
}

/** Has the node submit jobs whose end is reported to an address. @returns the jobs when they have ended */
async function submit(webhookUrl: string, count = 1, options: Record<string, string> = {}) {
	const before = rig.service.jobs.length;
	await rig.run(
		buildPromptParameters(
			{ waitFor: 'none', settings: { frameSize: 16, seconds: 1, steps: 1, seed: '1' } },
			{ webhookUrl, maxJobsInFlight: 50, ...options },
		),
		{ items: makeNumberedItems(count) },
	);
	await rig.clock.sleep(20_000);
	return rig.service.jobs
		.slice(before)
		.map(({ id, webhook, trackId }) => ({ id, url: String(webhook), trackId }));
}

const callFor = (id: number, more: object = {}) => ({
	status: 'success',
	id,
	output: ['https://example.com/not-what-the-api-says.gif'],
	...more,
});

/** Calls as the service does. */
const callTruly = async ({ id, url, trackId }: Awaited<ReturnType<typeof submit>>[number]) =>
	await rig.call(url, callFor(id, { track_id: trackId }));

/** The executions that a trigger has started. */
const executions = (): readonly Execution[] =>
	rig.engine.executions.filter(({ run }) => run?.data.resultData.runData[AFTER] !== undefined);
const startedJobs = () =>
	executions().flatMap(({ run }) =>
		run ? (readOutput(run, AFTER)[0] ?? []).map(({ json }) => json.id) : [],
	);
const fetches = () => rig.service.requests.filter(({ path }) => path.includes('/fetch/'));
const markOf = (url: string) => new URL(url).searchParams.get('mark') ?? '';

/** A mark that somebody makes up. */
const FORGED = `?mark=${'A'.repeat(34)}`;

describe('the address that the node sends', () => {
	test('has a mark if it is a trigger of this package, another one each time, and never the key', async () => {
		const url = publish();
		const jobs = await submit(url, 3);
		for (const job of jobs) expect(job.url).toMatch(new RegExp(`^${url}\\?mark=[\\w-]{34}$`));
		expect(new Set(jobs.map((job) => job.url)).size).toBe(3);
		expect(jobs[0]?.url).not.toContain(API_KEY);
	});

	test.each([
		'http://127.0.0.1:9/hook',
		'http://127.0.0.1:9/webhook',
		'http://127.0.0.1:9/hooks/webhook?signature=a%2Fb+c&x',
		'http://127.0.0.1:9/webhook/1/webhook/2',
		'http://127.0.0.1:9/webhook/2c2f1a6e-5b7b-4d51-8a49-0a35c1f0c0de/done',
	])('of another server stays as it is: %s', async (url) => {
		expect((await submit(url)).map((job) => job.url)).toEqual([url]);
	});

	test.each([
		['http://127.0.0.1:9/n8n/hooks/2c2f1a6e-5b7b-4d51-8a49-0a35c1f0c0de/webhook', '?'],
		['http://127.0.0.1:9/webhook-test/2c2f1a6e-5b7b-4d51-8a49-0a35c1f0c0de/webhook?a=b', '&'],
	])('of a trigger is recognized behind a path, and with a query: %s', async (url, separator) => {
		const [job] = await submit(url);
		expect(job?.url.startsWith(`${url}${separator}mark=`)).toBe(true);
	});
});

describe('a call with a mark', () => {
	test('starts the workflow among 150 forged calls from the same address', async () => {
		const url = publish();
		const jobs = await submit(url, 10);
		rig.service.addFault({ on: 'fetch', times: 10, do: { kind: 'hang' } });
		let answered = 0;
		let isFull = () => {};
		const full = new Promise<void>((resolve) => (isFull = resolve));
		const flood = Array.from({ length: 150 }, async (_, n) => {
			const { status } = await rig.call(url, callFor(900_000 + n));
			if (++answered === 110) isFull();
			return status;
		});
		await full;
		const answers = jobs.map(async (job) => await callTruly(job));
		rig.clock.patienceMs = 500;
		expect(await Promise.all(answers)).toEqual(jobs.map(() => STARTED));
		expect(new Set(await Promise.all(flood))).toEqual(new Set([403, 503]));
		expect(startedJobs().sort()).toEqual(jobs.map(({ id }) => id).sort());
	}, 60_000);

	test('goes first in another process, and after a restart', async () => {
		const url = publish();
		const jobs = await submit(url, 2);
		for (const job of jobs) {
			rig.restartN8n();
			const flood = Array.from({ length: 60 }, async (_, n) => await rig.call(url, callFor(900_000 + n)));
			const start = rig.clock.now();
			expect(await callTruly(job)).toEqual(STARTED);
			expect(rig.clock.now() - start).toBeLessThan(1000);
			await Promise.all(flood);
		}
	});

	test('is not held up or suppressed by forged calls about the same job', async () => {
		const url = publish();
		const [job = { id: 0, url, trackId: '' }] = await submit(url);
		rig.service.addFault({ on: 'fetch', times: 1, do: { kind: 'hang' } });
		rig.clock.patienceMs = 500;
		const forged = Array.from({ length: 5 }, async () => await rig.call(url, callFor(job.id)));
		await rig.clock.sleep(100);
		expect(await callTruly(job)).toEqual(STARTED);
		await Promise.all(forged);
		await rig.waitUntilIdle();
		expect(startedJobs()).toEqual([job.id]);
	});

	test('has the right of way for 60 API calls: somebody may have seen its address', async () => {
		const url = publish();
		const [job] = await submit(url);
		const start = rig.clock.now();
		for (let n = 0; n < 130; n++) {
			await rig.call(job?.url ?? '', callFor(900_000 + n, { track_id: job?.trackId }));
		}
		const seconds = (rig.clock.now() - start) / 1000;
		expect(fetches().length).toBeGreaterThanOrEqual(130);
		expect(fetches().length).toBeLessThanOrEqual(60 + 30 + 5 * seconds + 1);
		expect(seconds).toBeGreaterThan((130 - 60 - 30) / 5 - 1);
	});

	test('asks the API all the same', async () => {
		const [job] = await submit(publish());
		expect(await rig.call(job?.url ?? '', callFor(900_000, { track_id: job?.trackId }))).toMatchObject({
			status: 403,
		});
		expect(executions()).toEqual([]);
	});
});

describe('while a flood of calls has used up what calls without a mark may cost', () => {
	const OTHER_KEY = createSigner('another-key-of-another-account');
	const NONCE = 'A'.repeat(12);

	test.each<[string, (mark: string, trackId: string) => [mark: string, trackId: string]]>([
		['a mark for another track ID', (mark) => [mark, 'item-1']],
		['a changed mark', (mark, id) => [(mark.startsWith('A') ? 'B' : 'A') + mark.slice(1), id]],
		['a mark that is cut off', (mark, id) => [mark.slice(0, -1), id]],
		['a mark that goes on', (mark, id) => [`${mark}A`, id]],
		['two marks', (mark, id) => [`${mark}&mark=${mark}`, id]],
		['an empty mark', (_mark, id) => ['', id]],
		[
			'a mark of another key',
			(_mark, id) => [markOf(markTriggerAddress(OTHER_KEY, 'http://a/webhook/1/webhook', id)), id],
		],
		[
			'a mark for another purpose',
			(_mark, id) => [NONCE + createSigner(API_KEY)('suspension', NONCE, id), id],
		],
	])('%s gives no right of way, and the valid one does', async (_name, change) => {
		const url = publish();
		const jobs = await submit(url, 2, { trackId: 'item-0' });
		const flood = Array.from({ length: 38 }, async (_, n) => await rig.call(url, callFor(900_000 + n)));
		await rig.clock.sleep(500);
		const start = rig.clock.now();
		const delays = await Promise.all(
			jobs.map(async ({ id, url: address }, index) => {
				const valid = [markOf(address), 'item-0'] as const;
				const [mark, trackId] = index === 0 ? valid : change(...valid);
				const answer = await rig.call(`${url}?mark=${mark}`, callFor(id, { track_id: trackId }));
				return [answer, rig.clock.now() - start] as const;
			}),
		);
		expect(delays.map(([answer]) => answer)).toEqual([STARTED, STARTED]);
		expect(delays[0]?.[1]).toBeLessThan(200);
		expect(delays[1]?.[1]).toBeGreaterThan(500);
		await Promise.all(flood);
	});
});

describe('calls without a mark', () => {
	test('cost at most five API calls a second and a burst, whatever they name and wherever they come from', async () => {
		rig.clock.patienceMs = 100;
		const urls = [publish(), publish({ options: { ignoreDuplicates: false } })];
		const start = rig.clock.now();
		for (let round = 0; round < 8; round++) {
			await Promise.all(
				Array.from({ length: 40 }, async (_, n) => {
					const from = `127.0.0.${60 + (n % 30)}`;
					return await rig.call(String(urls[n % 2]), callFor(900_000 + 100 * round + n), from);
				}),
			);
		}
		const seconds = (rig.clock.now() - start) / 1000;
		expect(fetches().length).toBeLessThanOrEqual(30 + 5 * seconds + 1);
	}, 60_000);

	test('get their turn by address, so that a flood from one address delays only its own calls', async () => {
		const url = publish();
		const [job] = await submit('http://127.0.0.1:9/other');
		const flood = Array.from(
			{ length: 100 },
			async (_, n) => await rig.call(url, callFor(900_000 + n), '127.0.0.66'),
		);
		const start = rig.clock.now();
		expect(await rig.call(url, callFor(job?.id ?? 0), '127.0.0.67')).toEqual(STARTED);
		expect(rig.clock.now() - start).toBeLessThan(10_000);
		const statuses = await Promise.all(flood);
		expect(statuses.filter(({ message }) => message === 'Too many calls at once.').length).toBeGreaterThan(
			20,
		);
	});

	test('read the credential once a minute at most, with or without something like a mark', async () => {
		const url = publish();
		const getter = jest.spyOn(EngineCredentials.prototype, 'getDecrypted');
		for (let n = 0; n < 100; n++) {
			await rig.call(n % 2 === 0 ? url : url + FORGED, callFor(900_000 + n));
		}
		const minutes = rig.clock.now() / 60_000;
		const reads = getter.mock.calls.length;
		getter.mockRestore();
		expect(reads).toBeLessThanOrEqual(1 + minutes);
	});
});

describe('a trigger that verifies nothing', () => {
	let files: FileServer;
	let proxy: Awaited<ReturnType<typeof serveBehindPublicName>>;
	const GIF = Buffer.concat([Buffer.from('GIF89a'), Buffer.alloc(300_000, 1), Buffer.from(';')]);

	const sendGif: Served = (response) => response.writeHead(200, { 'content-length': GIF.length }).end(GIF);
	const breakOff: Served = (response) => {
		response.writeHead(200, { 'content-length': GIF.length });
		response.write(GIF.subarray(0, 200_000), () => response.destroy());
	};
	/** A file that sends a little, and then nothing. */
	const drip: Served = (response) => {
		response.writeHead(200);
		const body = makeOpenBody();
		body.pipe(response);
		body.write(GIF.subarray(0, 100_000));
	};

	async function open(paths: Record<string, Served>): Promise<void> {
		files = await serveByClock(rig.clock, paths);
		proxy = await serveBehindPublicName(files.origin, '127.0.0.1');
	}
	afterEach(async () => {
		await proxy.end();
		await files.close();
	});

	const link = (path: string) => `http://files.invalid/${path}`;
	const list = (path: string, count: number) => Array.from({ length: count }, (_, n) => link(`${path}?${n}`));
	const anyFile = (path: string, served: Served, count: number) =>
		Object.fromEntries(Array.from({ length: count }, (_, n) => [`/${path}?${n}`, served]));
	const filesOf = (execution: Execution | undefined) => {
		const [item] = execution?.run ? (readOutput(execution.run, AFTER)[0] ?? []) : [];
		return Object.keys(item?.binary ?? {}).length;
	};

	test("downloads its files beside nobody else's: ten files that never end delay no other trigger", async () => {
		await open({ ...anyFile('drip.gif', drip, 10), ...anyFile('a.gif', sendGif, 1) });
		rig.clock.patienceMs = 100;
		await rig.call(publish({ verify: 'none', download: true }), callFor(1, { output: list('drip.gif', 10) }));
		const [job] = await submit('http://127.0.0.1:9/other');
		const start = rig.clock.now();
		await rig.call(publish({ download: true }), callFor(job?.id ?? 0));
		while (startedJobs().length === 0 && rig.clock.now() - start < 60_000) await rig.clock.sleep(100);
		expect(startedJobs()).toEqual([job?.id]);
		expect(rig.clock.now() - start).toBeLessThan(15_000);
		expect(files.asked.length).toBeLessThanOrEqual(2);
		await rig.waitUntilIdle();
	}, 60_000);

	test('stores no more of a call than Max File Size, and no more in an hour than twice of it', async () => {
		await open({ ...anyFile('a.gif', sendGif, 20), ...anyFile('b.gif', sendGif, 3) });
		const url = publish({ verify: 'none', download: true, options: { maxFileSize: 1 } });
		const call = async (id: number, output: string[]) => {
			await rig.call(url, callFor(id, { output }));
			await rig.waitUntilIdle();
			return filesOf(executions().at(-1));
		};
		expect(await call(1, list('a.gif', 20))).toBe(0);
		expect(files.asked.length).toBeLessThan(8);
		expect(await call(2, list('b.gif', 3))).toBe(3);
		const asked = files.asked.length;
		await call(3, list('b.gif', 3));
		expect(await call(4, list('b.gif', 3))).toBe(0);
		expect(files.asked.length - asked).toBeLessThanOrEqual(3);
		expect(executions()).toHaveLength(4);
		await rig.clock.sleep(3_600_000);
		expect(await call(5, list('b.gif', 3))).toBe(3);
	});

	test('tries a file once when a part of it has arrived', async () => {
		await open(anyFile('a.gif', breakOff, 1));
		rig.clock.patienceMs = 100;
		await rig.call(publish({ verify: 'none', download: true }), callFor(1, { output: list('a.gif', 1) }));
		await rig.waitUntilIdle();
		expect(files.asked).toHaveLength(1);
	});

	test('keeps ten calls waiting for files at most, and starts with links for the others', async () => {
		await open(anyFile('drip.gif', drip, 20));
		rig.clock.patienceMs = 100;
		const url = publish({ verify: 'none', download: true });
		for (let n = 0; n < 20; n++) await rig.call(url, callFor(1 + n, { output: [link(`drip.gif?${n}`)] }));
		await rig.clock.sleep(100);
		expect(executions()).toHaveLength(10);
		expect(executions().map(filesOf)).toEqual(Array(10).fill(0));
		await rig.waitUntilIdle();
	}, 60_000);

	test('downloads what a call with a mark names, whatever strangers have used up', async () => {
		await open({ ...anyFile('drip.gif', drip, 20), ...anyFile('a.gif', sendGif, 1) });
		rig.clock.patienceMs = 100;
		const url = publish({ verify: 'none', download: true });
		const [job] = await submit(url);
		for (let n = 0; n < 12; n++) await rig.call(url, callFor(1 + n, { output: [link(`drip.gif?${n}`)] }));
		const output = list('a.gif', 1);
		await rig.call(job?.url ?? '', callFor(job?.id ?? 0, { output, track_id: job?.trackId }));
		await rig.clock.sleep(1000);
		expect(executions().map(filesOf).sort()).toEqual([0, 0, 1]);
		await rig.waitUntilIdle();
	}, 60_000);
});
