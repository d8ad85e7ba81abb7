import { KEY, openStandIn, type StandIn } from './stand-in.mts';

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn();
});
afterEach(async () => {
	await standIn.close();
});

test('the key is in no log line, no description, no answer and no file', async () => {
	standIn.api.configure({ jobSeconds: 0 });
	const url = (path: string) => `${standIn.api.origin}${path}`;
	const submitted = await standIn.submit({ webhook: standIn.hookUrl });
	const mesh = await standIn.submitMesh({ webhook: standIn.hookUrl, output_format: 'obj' });
	const replies = [
		submitted,
		mesh,
		await standIn.fetchMesh(mesh.json.id),
		await standIn.get(mesh.json.output[0] as string),
		await standIn.get(mesh.json.extra_assets[0] as string),
		await standIn.submit({ image: standIn.pictureUrl }),
		await standIn.submit({ steps: 0 }),
		await standIn.post(`v3/fetch/${submitted.json.id}?key=${KEY}`),
		await standIn.post('v3/img_to_3d', `{"key": "${KEY}"`),
		await standIn.get(url(`/nowhere?key=${KEY}`)),
		await standIn.get(url('/local-api')),
		await standIn.get(submitted.json.output[0] as string),
	];
	await standIn.clock.sleep(1_000);
	expect(standIn.calls).toHaveLength(2);
	expect(standIn.log.length).toBeGreaterThanOrEqual(replies.length);
	expect(
		[...standIn.log, ...replies.map(({ text }) => text), JSON.stringify(standIn.calls)].filter((text) =>
			text.includes(KEY),
		),
	).toEqual([]);
});

test('every answer says that it is from a stand-in, also an error and a spoiled one', async () => {
	standIn.api.addFault({ on: 'fetch', do: { kind: 'answer', status: 500, body: 'boom' } });
	standIn.api.addFault({ on: 'fetch', do: { kind: 'redirect', status: 302, location: '/' } });
	standIn.api.addFault({ on: 'fetch', do: { kind: 'drip', bytesPerSecond: 100_000 } });
	const url = (path: string) => `${standIn.api.origin}${path}`;
	const replies = [
		await standIn.submit(),
		await standIn.submit({ key: 'wrong-key' }),
		await standIn.submit({ key: 'empty-wallet' }),
		await standIn.fetchJob(1),
		await standIn.fetchJob(1),
		await standIn.fetchJob(1),
		await standIn.get(url('/samples/duck.png')),
		await standIn.get(url('/local-api')),
		await standIn.get(url('/nowhere')),
		await standIn.get(url('/%E0%A4%A')),
		await standIn.post('v3/img_to_3d', '{'),
		await standIn.post('v3/base64_crop', 'x'.repeat(31 * 1024 * 1024)),
	];
	expect(replies.map(({ status }) => status)).toEqual([
		200, 200, 402, 500, 302, 200, 200, 200, 404, 400, 400, 413,
	]);
	expect(replies.map(({ headers }) => headers['x-stand-in'])).toEqual(
		replies.map(() => "not the service's model"),
	);
});

test('GET /local-api shows the settings, the coming faults and the latest jobs', async () => {
	standIn.api.configure({ jobSeconds: 7, webhooks: 'twice' });
	standIn.api.addFault({ on: 'fetch', do: { kind: 'hang' } });
	const { id } = (await standIn.submit()).json;
	expect((await standIn.get(`${standIn.api.origin}/local-api`)).json).toMatchObject({
		about: expect.stringContaining('stand-in'),
		baseUrl: standIn.api.baseUrl,
		settings: { jobSeconds: 7, parallel: 2, queueLimit: 5, eta: 'exact', webhooks: 'twice' },
		faults: [{ on: 'fetch', times: 1 }],
		jobsAccepted: 1,
		jobsOpen: 1,
		latestJobs: [{ id, apiVersion: 'v3', endpoint: 'img_to_3d', state: 'working' }],
	});
});

test('an option limits how many jobs and requests are kept', async () => {
	const small = await openStandIn({ maxRecords: 2, jobSeconds: 0 });
	const ids: number[] = [];
	for (let i = 0; i < 3; i++) ids.push((await small.submit()).json.id);
	expect(small.api.jobs.map(({ id }) => id)).toEqual(ids.slice(1));
	expect(small.api.requests).toHaveLength(2);
	expect((await small.fetchJob(ids[0] as number)).json.message).toBe('Request not found');
	await small.close();
});

test('the files of a forgotten job no longer exist', async () => {
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

test('stop() frees the port, can be called twice, and a new service knows nothing of the old one', async () => {
	const { id } = (await standIn.submit()).json;
	const port = Number(new URL(standIn.api.origin).port);
	await Promise.all([standIn.api.stop(), standIn.api.stop()]);
	await expect(standIn.get(standIn.api.origin)).rejects.toMatchObject({
		code: expect.stringMatching(/^ECONN/),
	});
	const next = await openStandIn({ port });
	expect(next.api.origin).toBe(standIn.api.origin);
	expect((await next.fetchJob(id)).json.message).toBe('Request not found');
	await expect(openStandIn({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
	await next.close();
});

test('stop() does not wait for an image that never arrives', async () => {
	const submit = standIn.submit({ image: standIn.hangingUrl }).catch(() => undefined);
	while (standIn.hanging() === 0) await standIn.get(`${standIn.api.origin}/local-api`);
	await standIn.api.stop();
	await submit;
	expect(standIn.log.some((line) => line.startsWith('image refused'))).toBe(true);
	expect(standIn.api.jobs).toHaveLength(0);
});
