import type { INodeExecutionData } from 'n8n-workflow';

import { readOutput } from '../../n8n/engine/engine.cts';
import type { Fault } from '../../local-api/index.mts';
import { subtitle } from '../../nodes/ImgTo3d/operations';
import { COARSE, makeNumberedItems, NODE, openRig, type Rig, toItems } from '../support/rig.mts';

const NOT_FOUND = { status: 'failed', id: '', message: 'Request not found', output: '' };

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 60, parallel: 5 });
});
afterEach(async () => {
	await rig.close();
});

/** Submits a job and does not wait for it. @returns its item */
async function submit(apiVersion: 'v3' | 'v6'): Promise<INodeExecutionData['json']> {
	const settings = apiVersion === 'v6' ? COARSE : {};
	const { items } = await rig.run({
		operation: 'textTo3d',
		...{ apiVersion, prompt: 'cup', settings, waitFor: 'none' },
	});
	return items[0]?.json ?? {};
}

const get = async (jobId: unknown, more: object = {}, node: object = {}) =>
	await rig.run({ operation: 'getResult', jobId: String(jobId), download: false, ...more }, { node });

/** The polls so far: the version of each, and when, s. */
const polls = () =>
	rig.service.requests.flatMap(({ path, at }) => {
		const [, version] = /^\/api\/(v\d)\/.*fetch/.exec(path) ?? [];
		return version === undefined ? [] : { version, at: at / 1000 };
	});
const polledVersions = () => polls().map(({ version }) => version);
const seconds = (start: number) => (rig.clock.now() - start) / 1000;

/** Answers polls with a body. Each version takes its turn, so `skip: 1` is the first poll of V6. */
const onFetch = (body: unknown, more: Partial<Fault> & { status?: number } = {}) => {
	const { status, ...fault } = more;
	rig.service.addFault({ on: 'fetch', ...fault, do: { kind: 'answer', body, status } });
};

describe('Get Result without a version', () => {
	test.each(['v3', 'v6'] as const)('finds a job of %s, and says so', async (version) => {
		const { id } = await submit(version);
		const { items, error } = await get(id);
		expect(error).toBeUndefined();
		expect(items).toMatchObject([{ json: { id, status: 'success', api_version: version } }]);
	});

	test('asks V3 first, and polls only the version that knows the job, which it does not ask twice at once', async () => {
		const { id } = await submit('v6');
		await get(id);
		const [first, second, ...later] = polls();
		expect([first?.version, second?.version]).toEqual(['v3', 'v6']);
		expect(later.length).toBeGreaterThan(1);
		expect(new Set(later.map(({ version }) => version))).toEqual(new Set(['v6']));
		expect((later[0]?.at ?? 0) - (second?.at ?? 0)).toBeGreaterThanOrEqual(1);
	});

	test('finds a job that no version knows in its first seconds', async () => {
		const { id } = await submit('v6');
		onFetch(NOT_FOUND, { times: 6 });
		const { items } = await get(id);
		expect(items).toMatchObject([{ json: { id, status: 'success', api_version: 'v6' } }]);
		expect(polledVersions().slice(0, 8)).toEqual(['v3', 'v6', 'v3', 'v6', 'v3', 'v6', 'v3', 'v6']);
	});

	test('gives up when no version has known the job for 30 s', async () => {
		const start = rig.clock.now();
		const { error } = await get(4711);
		expect(error?.message).toBe(
			'Job 4711: the service does not know this job in V3 or V6. With another account it may have been accepted and paid',
		);
		expect(error?.description).toMatch(/^Check the Job ID, and that the credential is the account/);
		expect(seconds(start)).toBeGreaterThanOrEqual(30);
		expect(seconds(start)).toBeLessThan(40);
		expect(polledVersions().filter((version) => version === 'v6').length).toBeGreaterThan(3);
	});

	test('takes V3, and says so, when both versions know a job by this ID', async () => {
		const { id } = await submit('v6');
		onFetch({ status: 'success', id, output: ['https://cdn.example/other.gif'] });
		const { items } = await get(id);
		expect(items[0]?.json).toMatchObject({
			id,
			api_version: 'v3',
			output: ['https://cdn.example/other.gif'],
		});
		const chosen = await get(id, { apiVersion: 'v6' });
		expect(chosen.items[0]?.json).toMatchObject({ id, api_version: 'v6' });
	});

	test('reports that the job failed, when a version names it', async () => {
		onFetch(NOT_FOUND);
		onFetch({ status: 'failed', id: 4711, message: 'too dark' });
		const { error } = await get(4711);
		expect(error?.message).toBe('Job 4711: the service ended the job as failed: too dark');
		expect(polledVersions()).toEqual(['v3', 'v6']);
	});
});

describe('without waiting', () => {
	test('each version is asked once, if the second one knows the job', async () => {
		const { id } = await submit('v6');
		const { items } = await get(id, { waitFor: 'none' });
		expect(items).toMatchObject([{ json: { id, status: 'processing', api_version: 'v6' } }]);
		expect(polledVersions()).toEqual(['v3', 'v6']);
	});

	test('a job that is unknown at first is found', async () => {
		const { id } = await submit('v6');
		rig.service.addFault({ on: 'fetch', times: 4, do: { kind: 'notFound' } });
		const { items } = await get(id, { waitFor: 'none' });
		expect(items).toMatchObject([{ json: { id, status: 'processing', api_version: 'v6' } }]);
	});

	test('an unknown job is unknown when both versions have said so for 30 s', async () => {
		const start = rig.clock.now();
		const { error } = await get(4711, { waitFor: 'none' });
		expect(error?.message).toMatch(/does not know this job in V3 or V6/);
		expect(seconds(start)).toBeGreaterThanOrEqual(30);
		expect(seconds(start)).toBeLessThan(45);
	});

	test('after a limit, no version is asked sooner than the service wants', async () => {
		const { id } = await submit('v6');
		onFetch({ status: 'error', message: 'Rate limit exceeded', retry_after: 20 }, { status: 429 });
		await get(id, { waitFor: 'none' });
		const [first, second] = polls();
		expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(20);
	});
});

describe('an item that refers to a job', () => {
	test('has the version for a later Get Result', async () => {
		const reference = await submit('v6');
		expect(reference).toMatchObject({ status: 'processing', api_version: 'v6' });
		const { items } = await rig.run(
			{
				operation: 'getResult',
				jobId: '={{ $json.id }}',
				apiVersion: '={{ $json.api_version }}',
				waitFor: 'none',
			},
			{ items: toItems(reference) },
		);
		expect(items).toMatchObject([{ json: { id: reference.id, api_version: 'v6' } }]);
		expect(polledVersions()).toEqual(['v6']);
	});

	test('without a version has it found', async () => {
		const { id } = await submit('v6');
		const { items, error } = await rig.run(
			{ operation: 'getResult', jobId: '={{ $json.id }}', apiVersion: '={{ $json.api_version }}' },
			{ items: toItems({ id }) },
		);
		expect(error).toBeUndefined();
		expect(items).toMatchObject([{ json: { id, api_version: 'v6' } }]);
	});
});

describe('other answers than "not found"', () => {
	test('a refused key ends it when it is refused twice, ten seconds apart', async () => {
		rig.setCredential({ apiKey: 'wrong-key' });
		const start = rig.clock.now();
		const { error } = await get(4711);
		expect(error?.message).toMatch(/^Job 4711: the service does not accept the API key/);
		expect(seconds(start)).toBeGreaterThanOrEqual(10);
		expect(seconds(start)).toBeLessThan(15);
	});

	test('a limit is waited out as long as the service asks', async () => {
		const { id } = await submit('v6');
		onFetch({ status: 'error', message: 'Rate limit exceeded', retry_after: 20 }, { times: 2, status: 429 });
		const { items } = await get(id);
		expect(items).toMatchObject([{ json: { id, status: 'success', api_version: 'v6' } }]);
		expect((polls()[2]?.at ?? 0) - (polls()[0]?.at ?? 0)).toBeGreaterThanOrEqual(20);
	});

	test('a page in place of one version does not hide a job of the other', async () => {
		const { id } = await submit('v6');
		onFetch('<html>Down for maintenance</html>', { status: 503 });
		const { items } = await get(id);
		expect(items).toMatchObject([{ json: { id, status: 'success', api_version: 'v6' } }]);
	});

	test('the error tells what one version answers, and that the other does not know the job', async () => {
		for (let turn = 0; turn < 5; turn++) {
			onFetch(NOT_FOUND);
			onFetch({ status: 'error', message: 'Internal server error' }, { status: 500 });
		}
		const { error } = await get(4711);
		expect(error?.message).toMatch(/^Job 4711: the service is in trouble, HTTP 500/);
		expect(error?.description).toMatch(/The job is not known to V3\.$/);
	});

	test('Timeout ends it', async () => {
		const start = rig.clock.now();
		const { error } = await get(4711, { options: { timeout: 5 } });
		expect(error?.message).toBe('Job 4711: not finished after 5 s (Timeout)');
		expect(seconds(start)).toBeLessThan(10);
	});

	test('Stop ends it', async () => {
		const stop = new AbortController();
		const run = rig.run({ operation: 'getResult', jobId: '4711' }, { signal: stop.signal });
		await rig.clock.sleep(5000);
		stop.abort();
		const { error } = await run;
		expect(error?.message).toBe('The execution was canceled');
	});
});

describe('several items', () => {
	const EACH = { operation: 'getResult', jobId: '={{ $json.id }}', download: false };

	test('each have their own version, in order', async () => {
		const jobs = [await submit('v6'), await submit('v3'), await submit('v6')];
		const items = toItems(...jobs.map(({ id }) => ({ id })));
		const result = await rig.run(EACH, { items });
		expect(result.items.map(({ json, pairedItem }) => [json.id, json.api_version, pairedItem])).toEqual(
			jobs.map(({ id }, item) => [id, ['v6', 'v3', 'v6'][item], { item }]),
		);
	});

	test('Continue: an unknown job leaves as an error item in its place', async () => {
		const { id } = await submit('v6');
		const { items } = await rig.run(EACH, {
			items: toItems({ id: 4711 }, { id }),
			node: { onError: 'continueRegularOutput' },
		});
		expect(items.map(({ json }) => json)).toEqual([
			expect.objectContaining({ id: '4711', paid: 'unknown', error: expect.stringMatching(/in V3 or V6/) }),
			expect.objectContaining({ id, status: 'success', api_version: 'v6' }),
		]);
	});

	test('Retry On Fail finds the job anew', async () => {
		const { id } = await submit('v6');
		onFetch({ status: 'error', message: 'Maintenance' }, { times: 10, status: 503 });
		const retried = { retryOnFail: true, maxTries: 3, waitBetweenTries: 1 };
		const { items } = await get(id, {}, retried);
		expect(items).toMatchObject([{ json: { id, status: 'success', api_version: 'v6' } }]);
	});

	test('Retry in the list of executions finds the job anew', async () => {
		const { id } = await submit('v6');
		onFetch({ status: 'error', message: 'Maintenance' }, { times: 10, status: 503 });
		expect((await get(id)).run.status).toBe('error');
		const run = await rig.engine.retry(rig.engine.executions.at(-1)?.id ?? '');
		expect(readOutput(run, NODE)[0]).toMatchObject([{ json: { id, api_version: 'v6' } }]);
	});
});

test('a generation needs a version', async () => {
	const { error } = await rig.run(
		{ operation: 'textTo3d', apiVersion: 'auto', prompt: 'cup' },
		{ items: makeNumberedItems(1) },
	);
	expect(error?.message).toMatch(/must be .*v3.*, but is "auto"/);
	expect(rig.service.requests).toEqual([]);
});

test("the node's subtitle names the operation where the version is not known", async () => {
	const { id } = await submit('v3');
	const { items } = await get(id, { options: { trackId: subtitle } });
	expect(items[0]?.json.track_id).toBe('Get Result, poll');
	const made = await rig.run({
		operation: 'textTo3d',
		prompt: 'cup',
		waitFor: 'none',
		options: { trackId: subtitle },
	});
	expect(made.items[0]?.json.track_id).toBe("Text to turntable, don't wait");
});

describe('a version that stumbles', () => {
	test('is asked again before a later version counts', async () => {
		const v3 = await submit('v3');
		const v6 = await submit('v6');
		// V6 knows a job of the same ID.
		rig.service.addFault({ on: 'fetch', do: { kind: 'answer', status: 500, body: '' } });
		rig.service.addFault({
			on: 'fetch',
			do: { kind: 'edit', edit: () => ({ status: 'processing', id: v3.id, output: [], eta: 1 }) },
		});
		const { items } = await get(v3.id, { waitFor: 'none' });
		expect(items).toMatchObject([{ json: { id: v3.id, api_version: 'v3' } }]);
		expect(polledVersions()).toEqual(['v3', 'v6', 'v3']);
		expect(v6.id).not.toBe(v3.id);
	});

	test('after several answers of "not found" is not given up', async () => {
		const { id } = await submit('v3');
		rig.service.addFault({ on: 'fetch', times: 8, do: { kind: 'notFound' } });
		onFetch('', { times: 1, status: 502 });
		const { items } = await get(id, { waitFor: 'none' });
		expect(items).toMatchObject([{ json: { id, api_version: 'v3' } }]);
	});
});
