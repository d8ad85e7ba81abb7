import { KEY, openStandIn, type StandIn } from './stand-in.mts';

let bench: StandIn;
beforeEach(async () => {
	bench = await openStandIn();
});
afterEach(async () => {
	await bench.close();
});

test('the key stands in no log line, no description, no answer and no file', async () => {
	bench.api.configure({ jobSeconds: 0 });
	const url = (path: string) => `${bench.api.origin}${path}`;
	const submitted = await bench.submit({ webhook: bench.hookUrl });
	const mesh = await bench.submitMesh({ webhook: bench.hookUrl, output_format: 'obj' });
	const replies = [
		submitted,
		mesh,
		await bench.fetchMesh(mesh.json.id),
		await bench.get(mesh.json.output[0] as string),
		await bench.get(mesh.json.extra_assets[0] as string),
		await bench.submit({ image: bench.pictureUrl }),
		await bench.submit({ steps: 0 }),
		await bench.post(`v3/fetch/${submitted.json.id}?key=${KEY}`),
		await bench.post('v3/img_to_3d', `{"key": "${KEY}"`),
		await bench.get(url(`/nowhere?key=${KEY}`)),
		await bench.get(url('/local-api')),
		await bench.get(submitted.json.output[0] as string),
	];
	await bench.clock.sleep(1_000);
	expect(bench.calls).toHaveLength(2);
	expect(bench.log.length).toBeGreaterThanOrEqual(replies.length);
	expect(
		[...bench.log, ...replies.map(({ text }) => text), JSON.stringify(bench.calls)].filter((text) =>
			text.includes(KEY),
		),
	).toEqual([]);
});

test('every answer says that it is a stand-in, errors and spoilt ones too', async () => {
	bench.api.addFault({ on: 'fetch', do: { kind: 'answer', status: 500, body: 'boom' } });
	bench.api.addFault({ on: 'fetch', do: { kind: 'redirect', status: 302, location: '/' } });
	bench.api.addFault({ on: 'fetch', do: { kind: 'drip', bytesPerSecond: 100_000 } });
	const url = (path: string) => `${bench.api.origin}${path}`;
	const replies = [
		await bench.submit(),
		await bench.submit({ key: 'wrong-key' }),
		await bench.submit({ key: 'empty-wallet' }),
		await bench.fetchJob(1),
		await bench.fetchJob(1),
		await bench.fetchJob(1),
		await bench.get(url('/samples/duck.png')),
		await bench.get(url('/local-api')),
		await bench.get(url('/nowhere')),
		await bench.get(url('/%E0%A4%A')),
		await bench.post('v3/img_to_3d', '{'),
		await bench.post('v3/base64_crop', 'x'.repeat(31 * 1024 * 1024)),
	];
	expect(replies.map(({ status }) => status)).toEqual([
		200, 200, 402, 500, 302, 200, 200, 200, 404, 400, 400, 413,
	]);
	expect(replies.map(({ headers }) => headers['x-stand-in'])).toEqual(
		replies.map(() => "not the service's model"),
	);
});

test('GET /local-api tells the settings, the coming faults and the latest jobs', async () => {
	bench.api.configure({ jobSeconds: 7, webhooks: 'twice' });
	bench.api.addFault({ on: 'fetch', do: { kind: 'hang' } });
	const { id } = (await bench.submit()).json;
	expect((await bench.get(`${bench.api.origin}/local-api`)).json).toMatchObject({
		about: expect.stringContaining('stand-in'),
		baseUrl: bench.api.baseUrl,
		settings: { jobSeconds: 7, parallel: 2, queueLimit: 5, eta: 'exact', webhooks: 'twice' },
		faults: [{ on: 'fetch', times: 1 }],
		jobsAccepted: 1,
		jobsOpen: 1,
		latestJobs: [{ id, apiVersion: 'v3', endpoint: 'img_to_3d', state: 'working' }],
	});
});

test('only so many jobs and requests are kept as it is told', async () => {
	const small = await openStandIn({ maxRecords: 2, jobSeconds: 0 });
	const ids: number[] = [];
	for (let i = 0; i < 3; i++) ids.push((await small.submit()).json.id);
	expect(small.api.jobs.map(({ id }) => id)).toEqual(ids.slice(1));
	expect(small.api.requests).toHaveLength(2);
	expect((await small.fetchJob(ids[0] as number)).json.message).toBe('Request not found');
	await small.close();
});

test("a job that is forgotten takes all of its files' names along", async () => {
	const small = await openStandIn({ maxRecords: 1, jobSeconds: 0 });
	const {
		output,
		proxy_links: proxied,
		extra_assets: assets,
	} = (await small.submitMesh({ output_format: 'obj', render: true })).json;
	const links = [...output, ...proxied, ...assets];
	const statuses = async () => await Promise.all(links.map(async (link) => (await small.get(link)).status));
	expect(await statuses()).toEqual([200, 200, 200, 200, 200, 200]);
	await small.submit();
	expect(await statuses()).toEqual([404, 404, 404, 404, 404, 404]);
	await small.close();
});

test('stop() frees the port, may be called twice, and a fresh service knows nothing of the old one', async () => {
	const { id } = (await bench.submit()).json;
	const port = Number(new URL(bench.api.origin).port);
	await Promise.all([bench.api.stop(), bench.api.stop()]);
	await expect(bench.get(bench.api.origin)).rejects.toMatchObject({ code: expect.stringMatching(/^ECONN/) });
	const next = await openStandIn({ port });
	expect(next.api.origin).toBe(bench.api.origin);
	expect((await next.fetchJob(id)).json.message).toBe('Request not found');
	await expect(openStandIn({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
	await next.close();
});

test('stop() does not wait for a picture that never comes', async () => {
	const submit = bench.submit({ image: bench.hangingUrl }).catch(() => undefined);
	while (bench.hanging() === 0) await bench.get(`${bench.api.origin}/local-api`);
	await bench.api.stop();
	await submit;
	expect(bench.log.some((line) => line.startsWith('image refused'))).toBe(true);
	expect(bench.api.jobs).toHaveLength(0);
});
