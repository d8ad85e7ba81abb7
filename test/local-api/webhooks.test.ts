import { contactedHosts, KEY, openStandIn, QUICK, type StandIn } from './stand-in.mts';

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn({ jobSeconds: 10 });
});
afterEach(async () => {
	await standIn.close();
});

/** Submits a job with a webhook and lets a minute pass. @returns its ID and when it ends, the clock's ms */
async function runJob(body: Record<string, unknown> = {}) {
	const before = standIn.clock.now();
	const { id, future_links: links } = (await standIn.submit({ webhook: standIn.hookUrl, ...body })).json;
	await standIn.clock.sleep(60_000);
	return { id, links, endsAt: before + 10_000 };
}

test('the webhook is called once, when the job ends, with its result', async () => {
	const { id, links, endsAt } = await runJob({ track_id: 'order-7' });
	expect(standIn.calls.map(({ at, body }) => ({ at, body }))).toEqual([
		{
			at: endsAt,
			body: {
				status: 'success',
				id,
				track_id: 'order-7',
				output: links,
				generationTime: 10,
				meta: expect.objectContaining({ seed: QUICK.seed, safetychecker: 'no' }),
			},
		},
	]);
});

test("version 6's call has the fields of version 6's answer", async () => {
	const asked = { webhook: standIn.hookUrl, track_id: 'order-8', output_format: 'obj', render: true };
	const { id } = (await standIn.submitMesh(asked)).json;
	await standIn.clock.sleep(60_000);
	const { json } = await standIn.fetchMesh(id);
	expect(standIn.calls.map(({ body }) => body)).toEqual([{ ...json, track_id: 'order-8' }]);
	expect([json.proxy_links, json.extra_assets].map((links) => links.length)).toEqual([2, 2]);
});

test('without a track_id the call says null', async () => {
	await runJob();
	expect(standIn.calls[0]?.body.track_id).toBeNull();
});

test('the call for a failed job has the message and no files', async () => {
	standIn.api.addFault({
		on: 'submit',
		do: { kind: 'failJob', message: 'Processing failed: Invalid input dimensions' },
	});
	const { id } = await runJob({ track_id: 'a' });
	const failure = { status: 'failed', id, message: 'Processing failed: Invalid input dimensions' };
	expect(standIn.calls.map(({ body }) => body)).toEqual([{ ...failure, track_id: 'a' }]);
	expect((await standIn.fetchJob(id)).json).toEqual({ ...failure, output: '' });
});

test('the webhook of a job that ends at once is called too', async () => {
	standIn.api.configure({ jobSeconds: 0 });
	await runJob();
	expect(standIn.calls.map(({ body }) => body.status)).toEqual(['success']);
});

test.each([
	['twice', 'twice', [0, 0]],
	['never', 'never', []],
	['late', { delaySeconds: 30 }, [30_000]],
	['before the end', { delaySeconds: -4 }, [-4_000]],
] as const)('it can be called %s', async (_, webhooks, expected) => {
	standIn.api.configure({ webhooks });
	const { id, endsAt } = await runJob();
	expect(standIn.calls.map(({ at }) => at - endsAt)).toEqual(expected);
	expect(standIn.api.calls).toEqual(
		expected.map((after) => ({ job: id, at: endsAt + after, endedAt: expect.any(Number), status: 200 })),
	);
});

test('an option limits how many calls are made at the same time, and the others wait', async () => {
	standIn.api.configure({ callsAtOnce: 2, parallel: 9, queueLimit: 9 });
	await Promise.all(Array.from({ length: 9 }, () => standIn.submit({ webhook: standIn.hookUrl })));
	await standIn.clock.sleep(60_000);
	expect(standIn.mostCalls()).toBe(2);
	expect(standIn.calls.map(({ body }) => body.id)).toHaveLength(9);
	expect(standIn.api.calls.map(({ job }) => job)).toEqual(standIn.api.jobs.map(({ id }) => id));
});

// Hosts that no call can reach: names under .invalid do not resolve.
test.each([
	'https://hook.invalid/',
	'http://127.0.0.1.hook.invalid/',
	'http://127.0.0.1@hook.invalid/',
	'http://0.0.0.0:9/',
])('%s is not called, because it is not on this machine', async (webhook) => {
	contactedHosts(true);
	await runJob({ webhook });
	expect(new Set(contactedHosts())).toEqual(new Set(['127.0.0.1']));
	expect(standIn.log.filter((line) => line.includes('webhook skipped'))).toHaveLength(1);
});

test('a receiver that cannot be reached does no harm', async () => {
	const { id, endsAt } = await runJob({ webhook: `${standIn.hookUrl.replace(/:\d+/, ':1')}` });
	expect(standIn.log.some((line) => line.includes(`webhook for job ${id} failed`))).toBe(true);
	expect(standIn.log.join()).not.toContain(KEY);
	expect(standIn.api.calls).toEqual([
		{ job: id, at: endsAt, endedAt: expect.any(Number), failure: expect.stringContaining('ECONNREFUSED') },
	]);
	expect((await standIn.fetchJob(id)).json.status).toBe('success');
});

test('after stop() no webhook is called', async () => {
	standIn.api.addFault({ on: 'fetch', do: { kind: 'hang' } });
	const { id } = (await standIn.submit({ webhook: standIn.hookUrl })).json;
	const hanging = standIn.fetchJob(id).catch(() => undefined);
	await standIn.api.stop();
	await hanging;
	await standIn.clock.sleep(60_000);
	expect(standIn.calls).toEqual([]);
});
