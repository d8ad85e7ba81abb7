import type { INodeParameters } from 'n8n-workflow';

import { AFTER, buildTriggerWorkflow } from '../../bench/calls.mts';
import { EngineCredentials } from '../../n8n/engine/credentials.cts';
import { readOutput, type Execution } from '../../n8n/engine/engine.cts';
import { API_KEY, openRig, type Rig } from '../support/rig.mts';
import { serveBehindPublicName, trackHighest } from '../support/http.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 10, parallel: 10, queueLimit: 100, webhooks: 'never' });
});
afterEach(async () => {
	await rig.close();
});

const STARTED = { status: 200, message: 'The workflow was started.' };
const DUPLICATE = { status: 200, message: 'Received before.' };

let published = 0;

/** Publishes a workflow that begins with the trigger. @returns its URLs */
function publish(parameters: INodeParameters = {}): { production: string; test: string } {
	published += 1;
	return rig.engine.publish(buildTriggerWorkflow(parameters), `published-${published}`);
}

const SMALL = { frame_size: 16, seconds: 1, steps: 1, seed: 1 };

/** Submits a job as any client of the API does. @returns its ID */
async function submit(body: object = {}, endpoint = 'v3/txt_to_3d'): Promise<number> {
	const response = await fetch(`${rig.service.baseUrl}/${endpoint}`, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify({ key: API_KEY, prompt: 'A cup', ...SMALL, ...body }),
	});
	return ((await response.json()) as { id: number }).id;
}

/** Submits a job and waits for its end. @returns its ID */
async function submitAndEnd(body: object = {}): Promise<number> {
	const id = await submit(body);
	await rig.clock.sleep(11_000);
	return id;
}

async function submitAndFail(): Promise<number> {
	rig.service.addFault({ on: 'submit', do: { kind: 'failJob', message: 'too dark' } });
	return await submitAndEnd();
}

/** The service's call about a job that has succeeded. */
const callFor = (id: number, more: object = {}) => ({
	status: 'success',
	id,
	track_id: 'order-7',
	output: ['https://example.com/not-what-the-api-says.gif'],
	meta: { said: 'by the caller' },
	...more,
});
const failureOf = (id: number, more: object = {}) => ({
	status: 'failed',
	id,
	track_id: 'order-7',
	message: 'Failed',
	...more,
});

const outputs = (id: number) => rig.service.jobs.find((job) => job.id === id)?.outputs;
const executions = (): readonly Execution[] => rig.engine.executions;
const itemsOf = (execution: Execution | undefined) =>
	execution?.run ? (readOutput(execution.run, AFTER)[0] ?? []) : [];
const fetches = () => rig.service.requests.filter(({ path }) => path.includes('/fetch/'));

describe('a call that reports the end of a job', () => {
	test('starts the workflow with what the API says about the job', async () => {
		const { production } = publish();
		const id = await submitAndEnd();
		expect(await rig.call(production, callFor(id))).toEqual(STARTED);
		expect(executions()).toHaveLength(1);
		expect(itemsOf(executions()[0]).map(({ json }) => json)).toEqual([
			{
				id,
				status: 'success',
				track_id: 'order-7',
				output: outputs(id),
				generationTime: 10,
				meta: expect.objectContaining({ frame_size: 16, seed: 1 }),
			},
		]);
	});

	test.each([
		[{ status: 'error', message: 'Invalid Api Key' }, 200],
		[{ status: 'failed', id: '', message: 'Invalid Api Key' }, 200],
		[{ status: 'error', message: 'Your plan has no 3D.' }, 403],
	])('starts nothing when the API answers %j', async (body, status) => {
		const { production } = publish({ events: ['success', 'failed'] });
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'answer', body, status } });
		expect((await rig.call(production, failureOf(4711))).status).toBe(503);
		await rig.clock.sleep(100_000);
		await rig.waitUntilIdle();
		expect(executions().flatMap(itemsOf)).toEqual([]);
		expect(executions()[0]?.run?.data.resultData.error?.message).toMatch(/API key|HTTP 403/);
	});

	test('starts it for a job of V6 with what the V6 API says', async () => {
		rig.service.configure({ webhooks: 'once' });
		const { production } = publish({ apiVersion: 'v6', download: true, options: { outputMode: 'file' } });
		const mesh = { resolution: 16, render: true, webhook: production, track_id: 'order-7' };
		const id = await submit(mesh, 'v6/3d/text_to_3d');
		await rig.clock.sleep(20_000);
		await rig.waitUntilIdle();
		expect(rig.service.calls.map(({ job, status }) => [job, status])).toEqual([[id, 200]]);
		const [execution] = executions();
		expect(itemsOf(execution).map(({ json }) => json)).toEqual(
			(outputs(id) ?? []).map((url, index) => ({
				id,
				status: 'success',
				track_id: 'order-7',
				output_url: url,
				output_index: index,
				generationTime: 10,
				meta: expect.objectContaining({ output_format: 'glb', resolution: 16 }),
				proxy_links: expect.arrayContaining([expect.stringMatching(/\.glb$/)]),
				extra_assets: [],
				files: [expect.objectContaining({ name: [`job-${id}.glb`, `job-${id}_1.gif`][index] })],
			})),
		);
		expect(itemsOf(execution).map(({ binary }) => binary?.data?.fileExtension)).toEqual(['glb', 'gif']);
		expect(fetches().every(({ path }) => path === `/api/v6/3d/fetch/${id}`)).toBe(true);
	});

	test('is not lost in silence if Base URL is the host without V6', async () => {
		const proxy = await serveBehindPublicName(rig.service.origin);
		try {
			const { production } = publish({ apiVersion: 'v6' });
			const id = await submit({}, 'v6/3d/text_to_3d');
			await rig.clock.sleep(11_000);
			rig.setCredential({ baseUrl: 'http://stablediffusionapi.com/api' });
			rig.service.addFault({
				on: 'fetch',
				times: 9,
				do: { kind: 'answer', status: 404, body: '<html></html>' },
			});
			expect((await rig.call(production, callFor(id))).status).toBe(503);
			const { error } = executions()[0]?.run?.data.resultData ?? {};
			expect((error as { description?: string } | undefined)?.description).toMatch(
				/^The v6 endpoints are documented at https:\/\/modelslab\.com\/api only/,
			);
		} finally {
			await proxy.end();
		}
	});

	test('about a job of V6 starts nothing if Result is a turntable', async () => {
		const { production } = publish();
		const id = await submit({}, 'v6/3d/text_to_3d');
		await rig.clock.sleep(11_000);
		expect((await rig.call(production, callFor(id))).status).toBe(403);
		expect(executions()).toHaveLength(0);
	});

	test('returns the track ID as it was submitted', async () => {
		rig.service.configure({ webhooks: 'once' });
		const { production } = publish();
		const id = await submit({ webhook: production, track_id: 'Größe "7" / 3' });
		await rig.clock.sleep(60_000);
		expect(itemsOf(executions()[0]).map(({ json }) => [json.id, json.track_id])).toEqual([
			[id, 'Größe "7" / 3'],
		]);
	});

	test('puts the files into the item, or into one item for each file', async () => {
		const { production } = publish({
			download: true,
			options: { outputMode: 'file' },
			outputBinaryPropertyName: 'turntable',
		});
		const id = await submitAndEnd();
		expect((await rig.call(production, callFor(id))).status).toBe(200);
		await rig.waitUntilIdle();
		const [item] = itemsOf(executions()[0]);
		expect(item?.json).toMatchObject({ output_url: outputs(id)?.[0], output_index: 0 });
		if (!item) throw new Error('There is no item.');
		const file = await rig.engine.readBinary(item, 'turntable');
		expect(file.equals(Buffer.from(await (await fetch(outputs(id)?.[0] ?? '')).arrayBuffer()))).toBe(true);
	});

	test('starts it for a failed job with the reason', async () => {
		const { production } = publish();
		const id = await submitAndFail();
		expect(await rig.call(production, failureOf(id))).toEqual(STARTED);
		expect(itemsOf(executions()[0]).map(({ json }) => json)).toEqual([
			{ id, status: 'failed', track_id: 'order-7', message: 'too dark' },
		]);
	});

	test('waits for the API if the call comes before the API shows the end', async () => {
		rig.service.configure({ webhooks: { delaySeconds: -8 } });
		const { production } = publish();
		const id = await submit({ webhook: production });
		await rig.clock.sleep(30_000);
		expect(itemsOf(executions()[0]).map(({ json }) => json.id)).toEqual([id]);
	});

	test('keeps the ID of the call if the API answers with another one', async () => {
		const { production } = publish();
		const id = await submitAndEnd();
		rig.service.addFault({ on: 'fetch', do: { kind: 'edit', edit: (answer) => ({ ...answer, id: 99 }) } });
		expect(await rig.call(production, callFor(id))).toEqual(STARTED);
		expect(itemsOf(executions()[0]).map(({ json }) => json.id)).toEqual([id]);
	});

	test('is answered in time beside many calls about open jobs', async () => {
		rig.service.configure({ jobSeconds: (number) => (number === 1 ? 0 : 1e6) });
		const { production } = publish();
		const done = await submit();
		const open = await Promise.all(Array.from({ length: 20 }, async () => await submit()));
		const others = open.map(async (id) => await rig.call(production, callFor(id)));
		const start = rig.clock.now();
		expect(await rig.call(production, callFor(done))).toEqual(STARTED);
		expect(rig.clock.now() - start).toBeLessThan(30_000);
		expect(new Set((await Promise.all(others)).map(({ status }) => status))).toEqual(new Set([403]));
	});

	test('downloads a few files at a time beside many other calls', async () => {
		rig.service.configure({ jobSeconds: 0 });
		const { production } = publish({ download: true });
		const ids = await Promise.all(Array.from({ length: 20 }, async () => await submit()));
		const most = trackHighest(() => rig.service.inFlight());
		await Promise.all(ids.map(async (id) => await rig.call(production, callFor(id))));
		await rig.waitUntilIdle();
		expect(executions()).toHaveLength(20);
		expect(most()).toBeLessThanOrEqual(10 + 5);
	});

	test('starts it each time at the Test URL', async () => {
		const { test: url } = publish();
		const id = await submitAndEnd();
		for (let time = 0; time < 3; time++) expect(await rig.call(url, callFor(id))).toEqual(STARTED);
		expect(executions()).toHaveLength(3);
	});
});

describe('a call that is not believed', () => {
	test('starts nothing and gets 403 if the API does not know the job', async () => {
		const { production } = publish();
		expect(await rig.call(production, callFor(4711))).toEqual({
			status: 403,
			message: 'The API does not confirm this job.',
		});
		expect(executions()).toHaveLength(0);
	});

	test('starts nothing and gets 403 if the API contradicts it', async () => {
		const { production } = publish();
		const failed = await submitAndFail();
		const done = await submitAndEnd();
		expect((await rig.call(production, callFor(failed))).status).toBe(403);
		expect((await rig.call(production, failureOf(done))).status).toBe(403);
		expect(executions()).toHaveLength(0);
	});

	test('starts nothing and gets 403 if it spells the ID in another way, before and after the real call', async () => {
		const { production } = publish();
		const id = await submitAndEnd();
		const spellings = [`0${id}`, `000${id}`, `0x${id.toString(16)}`, `${id}e0`, `0b${id.toString(2)}`];
		const answers = async () =>
			await Promise.all(
				spellings.map(async (each) => await rig.call(production, { ...callFor(id), id: each })),
			);
		const refused = spellings.map(() => ({ status: 403, message: 'The API knows this job by another ID.' }));
		expect(await answers()).toEqual(refused);
		expect(await rig.call(production, { ...callFor(id), id: String(id) })).toEqual(STARTED);
		expect(await answers()).toEqual(refused);
		expect(executions()).toHaveLength(1);
	});

	test('starts nothing if it spells the ID in another way, and the API answers without an ID', async () => {
		const { production } = publish();
		const id = await submitAndEnd();
		// Like a database that reads a number from the beginning of a text.
		const body = { status: 'success', output: ['https://example.com/a.gif'] };
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'answer', body } });
		const spellings = [
			...[`0${id}`, `${id}-a`, `0x${id.toString(16)}`, `${id}e0`, `${id}.0`, `+${id}`, `-0${id}`],
			...[`${id} x`, `\u200b${id}`, `${id}\u0000`, 'Job', 'job A', '１２', '326e1', `${id}_`],
		];
		for (const each of spellings) {
			const { status } = await rig.call(production, { ...callFor(id), id: each });
			expect([each, status]).toEqual([each, 403]);
		}
		expect(await rig.call(production, { ...callFor(id), id: ` ${id}\n` })).toEqual(STARTED);
		expect(await rig.call(production, callFor(id))).toEqual(DUPLICATE);
		expect(executions()).toHaveLength(1);
	});

	test('gets 403 if the job is still open, within the 30 s that the service waits', async () => {
		rig.service.configure({ jobSeconds: 1000 });
		const { production } = publish();
		const id = await submit();
		const start = rig.clock.now();
		expect((await rig.call(production, callFor(id))).status).toBe(403);
		expect(rig.clock.now() - start).toBeGreaterThan(10_000);
		expect(rig.clock.now() - start).toBeLessThan(30_000);
		expect(executions()).toHaveLength(0);
	});

	test.each([
		['a list', '[1, 2]'],
		['a number', '5'],
		['null', 'null'],
		['a string', '"success"'],
		['nothing', ''],
		['an object without a status', { id: 5 }],
		['an open job', { status: 'processing', id: 5 }],
		['an unknown status', { status: 'done', id: 5 }],
		['no ID', { status: 'success', output: ['https://example.com/a.gif'] }],
		['an empty ID', { status: 'failed', id: '', message: 'Failed, Try Again' }],
		['an endless ID', { status: 'failed', id: '9'.repeat(2001) }],
		['a deep nesting', '{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000)],
		['a deep list', '['.repeat(100_000) + ']'.repeat(100_000)],
		['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
	])(
		'gets 400 if it does not report the end of a job (%s), and the API is not asked',
		async (_case, body) => {
			const { production } = publish();
			const { status, message } = await rig.call(production, body);
			expect([status, message]).toEqual([
				400,
				expect.stringMatching(/^This call does not report the end of a job: /),
			]);
			expect(fetches()).toHaveLength(0);
			expect(executions()).toHaveLength(0);
		},
	);

	test('gets 400 if its ID is the API key', async () => {
		const { production } = publish();
		expect(await rig.call(production, { ...callFor(1), id: API_KEY })).toEqual({
			status: 400,
			message: 'This call does not report the end of a job: it has no job ID.',
		});
		expect(fetches()).toHaveLength(0);
	});

	test('starts nothing and is answered if it is not JSON, or too large', async () => {
		const { production } = publish();
		expect((await rig.call(production, '{"status":')).status).toBe(422);
		const large = { ...callFor(5), more: 'x'.repeat(2 * 1024 * 1024) };
		expect((await rig.call(production, large)).status).toBe(413);
		const huge = { ...callFor(5), more: 'x'.repeat(17 * 1024 * 1024) };
		expect((await rig.call(production, huge)).status).toBe(413);
		expect(executions()).toHaveLength(0);
	});
});

describe('a call that is filtered out gets 200 and starts nothing', () => {
	test('by its event', async () => {
		const { production } = publish({ events: ['failed'] });
		const done = await submitAndEnd();
		const failed = await submitAndFail();
		const { status, message } = await rig.call(production, callFor(done));
		expect([status, message]).toEqual([200, expect.stringMatching(/set to other events/)]);
		expect(fetches()).toHaveLength(0);
		expect(await rig.call(production, failureOf(failed))).toEqual(STARTED);
		expect(executions()).toHaveLength(1);
	});

	test.each([
		['order-7', 'order-7', true],
		['order-7', 'order-70', false],
		['order-7', null, false],
		['order-*', 'order-7', true],
		['order-*', 'order-', true],
		['order-*', 'an order-7', false],
		['order-*', undefined, false],
		['*', null, true],
		['', 'anything', true],
		['7', 7, true],
	])('by the track ID: %j lets %j through: %j', async (trackId, sent, isWanted) => {
		const { production } = publish({ options: { trackId } });
		const id = await submitAndEnd();
		expect((await rig.call(production, callFor(id, { track_id: sent }))).status).toBe(200);
		expect(executions()).toHaveLength(isWanted ? 1 : 0);
	});

	// n8n itself does not publish a trigger without any.
	test('when an expression brings no event, the call gets an error that says what is missing', async () => {
		const { production } = publish({ events: '={{ [] }}' });
		const id = await submitAndEnd();
		expect((await rig.call(production, callFor(id))).status).toBe(500);
		expect(executions()[0]?.run?.data.resultData.error?.message).toBe(
			'Trigger On must be at least one of "failed" or "success", but is []',
		);
	});
});

describe('a repeated call', () => {
	test('starts nothing, even after a restart of n8n', async () => {
		const { production } = publish();
		const id = await submitAndEnd();
		expect(await rig.call(production, callFor(id))).toEqual(STARTED);
		expect(await rig.call(production, callFor(id))).toEqual(DUPLICATE);
		expect(await rig.call(production, callFor(id, { track_id: 'another' }))).toEqual(DUPLICATE);
		rig.restartN8n();
		expect(await rig.call(production, callFor(id))).toEqual(DUPLICATE);
		expect(executions()).toHaveLength(1);
		expect(fetches()).toHaveLength(1);
	});

	test('at the same moment starts the workflow once', async () => {
		rig.service.configure({ webhooks: 'twice' });
		const { production } = publish({ download: true });
		const id = await submitAndEnd();
		const answers = await Promise.all(
			Array.from({ length: 20 }, async () => await rig.call(production, callFor(id))),
		);
		expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
		await rig.waitUntilIdle();
		expect(executions()).toHaveLength(1);
		expect(fetches()).toHaveLength(1);
	});

	test('is handled by itself if the call before it fails', async () => {
		const { production } = publish({ download: true });
		const id = await submitAndEnd();
		rig.service.addFault({ on: 'download', times: 5, do: { kind: 'answer', status: 503, body: 'busy' } });
		const answers = [await rig.call(production, callFor(id))];
		await rig.clock.sleep(1000);
		answers.push(
			...(await Promise.all(Array.from({ length: 3 }, async () => await rig.call(production, callFor(id))))),
		);
		await rig.waitUntilIdle();
		expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
		expect(executions().map(({ run }) => run?.status)).toEqual(['error', 'success']);
		expect(fetches()).toHaveLength(2);
	});

	test('is recognized after a restart, beside calls about other jobs', async () => {
		const { production } = publish();
		const ids = await Promise.all(Array.from({ length: 12 }, async () => await submit()));
		await rig.clock.sleep(20_000);
		const all = async () => await Promise.all(ids.map(async (id) => await rig.call(production, callFor(id))));
		expect(await all()).toEqual(ids.map(() => STARTED));
		expect(await all()).toEqual(ids.map(() => DUPLICATE));
		expect(executions()).toHaveLength(12);
		// Each write contains all earlier ends.
		expect(await rig.call(production, callFor(await submitAndEnd()))).toEqual(STARTED);
		rig.restartN8n();
		expect(await all()).toEqual(ids.map(() => DUPLICATE));
	});

	test('starts the workflow each time without Ignore Duplicates', async () => {
		const { production } = publish({ options: { ignoreDuplicates: false } });
		const id = await submitAndEnd();
		expect(await rig.call(production, callFor(id))).toEqual(STARTED);
		expect(await rig.call(production, callFor(id))).toEqual(STARTED);
		expect(executions()).toHaveLength(2);
	});
});

describe('a flood', () => {
	const STRANGER = '127.0.0.66';

	const times = (answers: Array<{ status: number; message?: unknown }>, status: number, message?: string) =>
		answers.filter((answer) => answer.status === status && (!message || answer.message === message)).length;

	test('from one address does not delay a call from another, and the calls that are too many are refused', async () => {
		const { production } = publish();
		const id = await submitAndEnd();
		// 10 calls ask the API at the same time, 30 more wait, and 110 are too many.
		rig.service.addFault({ on: 'fetch', times: 10, do: { kind: 'hang' } });
		let turnedAway = 0;
		let isFull = () => {};
		const full = new Promise<void>((resolve) => (isFull = resolve));
		const flood = Promise.all(
			Array.from({ length: 150 }, async (_, n) => {
				const answer = await rig.call(production, callFor(1 + n), STRANGER);
				if (answer.status === 503 && ++turnedAway === 110) isFull();
				return answer;
			}),
		);
		await full;
		const realCall = rig.call(production, callFor(id));
		rig.clock.patienceMs = 500;
		expect(await realCall).toEqual(STARTED);
		const asked = fetches().map(({ path }) => path.split('/').at(-1));
		expect(asked.indexOf(String(id))).toBeLessThan(20);

		const answers = await flood;
		expect(times(answers, 403)).toBe(30);
		expect(times(answers, 503, 'Too many calls at once.')).toBe(110);
		expect(executions().filter(({ run }) => run?.status === 'success')).toHaveLength(1);
	}, 60_000);

	test.each([
		[true, 200, 'Received. Another call about this job is being handled.'],
		[false, 503, 'Too many calls about this job at once.'],
	])(
		'of calls about one job is handled two calls at a time (Ignore Duplicates: %s)',
		async (ignoreDuplicates, status, message) => {
			rig.service.configure({ jobSeconds: 100 });
			const { production } = publish({ options: { ignoreDuplicates } });
			const id = await submit();
			const answers = await Promise.all(
				Array.from({ length: 50 }, async () => await rig.call(production, callFor(id), STRANGER)),
			);
			expect(times(answers, 403)).toBe(2);
			expect(times(answers, status, message)).toBe(48);
			// Each asks every two seconds, for 20 s.
			expect(fetches().length).toBeLessThanOrEqual(2 * 11);
		},
	);

	test('of calls about an open job does not suppress the real call', async () => {
		rig.service.configure({ jobSeconds: 30 });
		const { production } = publish();
		const id = await submit();
		const end = rig.clock.now() + 60_000;
		const flood = Array.from({ length: 5 }, async () => {
			while (rig.clock.now() < end) {
				await rig.call(production, callFor(id), STRANGER);
				await rig.clock.sleep(500);
			}
		});
		await rig.clock.sleep(30_000);
		expect((await rig.call(production, callFor(id))).status).toBe(200);
		await Promise.all(flood);
		expect(executions()).toHaveLength(1);
	});

	test('of malformed, unwanted or repeated calls reads no credential', async () => {
		const { production } = publish({ events: ['success'] });
		const id = await submitAndEnd();
		expect(await rig.call(production, callFor(id))).toEqual(STARTED);
		rig.setCredential({ baseUrl: 'nonsense' });
		const answers = await Promise.all(
			Array.from({ length: 30 }, async (_, n) => {
				const body = [{ no: 'end' }, failureOf(id), callFor(id)][n % 3];
				return await rig.call(production, body, STRANGER);
			}),
		);
		expect([times(answers, 400), times(answers, 200)]).toEqual([10, 20]);
		expect(executions()).toHaveLength(1);
	});

	test('reads the credential once for calls at the same moment', async () => {
		const { getDecrypted } = EngineCredentials.prototype;
		const getter = jest.spyOn(EngineCredentials.prototype, 'getDecrypted');
		// A real database takes some time.
		getter.mockImplementation(async function (this: EngineCredentials, ...rest) {
			await rig.clock.sleep(100);
			return await getDecrypted.apply(this, rest);
		});
		const { production } = publish();
		const ids = Array.from({ length: 50 }, (_, n) => n + 1);
		await Promise.all(ids.map(async (id) => await rig.call(production, callFor(id), STRANGER)));
		const reads = getter.mock.calls.length;
		getter.mockRestore();
		expect(new Set(fetches().map(({ path }) => path)).size).toBe(40);
		expect(reads).toBe(1);
	});

	test('asks a second time about ten unknown jobs a minute, and once about the others', async () => {
		const { production } = publish();
		for (let id = 1; id <= 30; id++) await rig.call(production, callFor(id), STRANGER);
		expect(fetches()).toHaveLength(30 + 10);
	});

	test('fills neither the log nor the list of executions: ten calls a minute are reported, and then the number of others', async () => {
		const { production } = publish();
		for (let id = 1; id <= 25; id++) await rig.call(production, callFor(id), STRANGER);
		const refused =
			/^warn: Image to 3D Trigger: a call about job \d+ was refused\. Job \d+: the service does not know this job/;
		expect(rig.log.filter((line) => refused.test(line))).toHaveLength(10);
		await rig.clock.sleep(61_000);
		expect(rig.log.slice(10)).toEqual([
			expect.stringMatching(
				/^warn: Image to 3D Trigger: 15 more calls, the last one about job 11, were refused\. Job 11/,
			),
		]);

		rig.service.addFault({
			on: 'fetch',
			times: Infinity,
			do: { kind: 'answer', status: 503, body: 'down' },
		});
		const answers = await Promise.all(
			Array.from({ length: 25 }, async (_, n) => await rig.call(production, callFor(100 + n), STRANGER)),
		);
		expect(times(answers, 503)).toBe(25);
		expect(executions().map(({ run }) => run?.status)).toEqual(Array(10).fill('error'));
		await rig.clock.sleep(61_000);
		expect(rig.log.slice(11)).toEqual([
			expect.stringMatching(
				/^error: Image to 3D Trigger: 15 more calls ended in errors, the last one: Job 1\d\d: /,
			),
		]);
		expect(await rig.call(production, callFor(200), STRANGER)).toMatchObject({ status: 503 });
		expect(executions()).toHaveLength(11);
	}, 60_000);
});

describe('when the API', () => {
	test.each([
		['is out of order', { kind: 'answer', status: 503, body: 'down' }],
		['breaks the connection', { kind: 'reset', when: 'before' }],
		['answers with a web page', { kind: 'answer', status: 200, body: '<html>hello</html>' }],
		['redirects', { kind: 'redirect', status: 302, location: 'https://elsewhere.invalid/' }],
		[
			'asks to wait',
			{
				kind: 'answer',
				status: 429,
				body: { status: 'error', message: 'Rate limit exceeded', retry_after: 60 },
			},
		],
	] as const)(
		'%s, the call gets 503, n8n shows the error, and a repeated call starts the workflow',
		async (_case, fault) => {
			const { production } = publish();
			const id = await submitAndEnd();
			rig.service.addFault({ on: 'fetch', times: Infinity, do: fault });
			const start = rig.clock.now();
			expect((await rig.call(production, callFor(id))).status).toBe(503);
			expect(rig.clock.now() - start).toBeLessThan(30_000);
			await rig.clock.sleep(1);
			const { error, runData } = executions()[0]?.run?.data.resultData ?? {};
			expect(error?.message).toMatch(new RegExp(`^Job ${id}: `));
			expect(runData).not.toHaveProperty(AFTER);

			rig.service.clearFaults();
			expect(await rig.call(production, callFor(id))).toEqual(STARTED);
			expect(executions()).toHaveLength(2);
		},
	);

	test('does not answer, the call gets 503 in time', async () => {
		rig.clock.patienceMs = 500;
		const { production } = publish();
		const id = await submitAndEnd();
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'hang' } });
		expect((await rig.call(production, callFor(id))).status).toBe(503);
	});

	test('recovers soon, the call starts the workflow', async () => {
		const { production } = publish();
		const id = await submitAndEnd();
		rig.service.addFault({ on: 'fetch', times: 3, do: { kind: 'answer', status: 502, body: '' } });
		expect(await rig.call(production, callFor(id))).toEqual(STARTED);
	});

	test('refuses the key, n8n shows the error', async () => {
		const { production } = publish();
		const id = await submitAndEnd();
		rig.setCredential({ apiKey: 'wrong-key' });
		expect((await rig.call(production, callFor(id))).status).toBe(503);
		expect(executions()[0]?.run?.data.resultData.error?.message).toMatch(/does not accept the API key/);
	});

	test.each<[string, () => void, string]>([
		['refuses the key', () => rig.setCredential({ apiKey: 'wrong-key' }), 'does not accept the API key'],
		[
			'names no file',
			() => {
				const edit = (answer: Record<string, unknown>) => ({ ...answer, output: [] });
				rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit } });
			},
			'names no file that can be fetched',
		],
	])('%s for minutes, a call that reports a failure starts nothing', async (_case, spoil, said) => {
		const { production } = publish();
		const id = await submitAndEnd();
		spoil();
		for (let call = 0; call < 2; call++) {
			expect((await rig.call(production, failureOf(id))).status).toBe(503);
			await rig.clock.sleep(120_000);
		}
		expect(executions().map(({ run }) => run?.data.resultData.error?.message)).toEqual(
			Array(2).fill(expect.stringContaining(said)),
		);
	});

	test('does not give the file, n8n shows an error that names the job, and a repeated call starts the workflow', async () => {
		const { production } = publish({ download: true });
		const id = await submitAndEnd();
		rig.service.addFault({
			on: 'download',
			times: Infinity,
			do: { kind: 'answer', status: 404, body: 'gone' },
		});
		expect((await rig.call(production, callFor(id))).status).toBe(200);
		await rig.clock.sleep(70_000);
		expect(executions().map(({ run }) => run?.status)).toEqual(['error']);
		expect(executions()[0]?.run?.data.resultData.error?.message).toMatch(
			new RegExp(`^Job ${id} is done, but its file could not be downloaded: HTTP 404`),
		);
		rig.service.clearFaults();
		expect((await rig.call(production, callFor(id))).status).toBe(200);
		await rig.waitUntilIdle();
		expect(itemsOf(executions()[1]).map(({ binary }) => Object.keys(binary ?? {}))).toEqual([['data']]);
	});
});

describe('without verification', () => {
	test('a call is believed, and the API is not asked', async () => {
		const { production } = publish({ verify: 'none' });
		const call = callFor(5, { generationTime: 4.5 });
		expect(await rig.call(production, call)).toEqual(STARTED);
		expect(itemsOf(executions()[0]).map(({ json }) => json)).toEqual([call]);
		expect(fetches()).toHaveLength(0);
	});

	test('a success without a file is refused', async () => {
		const { production } = publish({ verify: 'none' });
		expect(await rig.call(production, callFor(5, { output: ['javascript:alert(1)'] }))).toEqual({
			status: 400,
			message: 'The call names no file that can be fetched.',
		});
		expect(executions()).toHaveLength(0);
	});

	test('a call that names more files than a job has is refused', async () => {
		const { production } = publish({ verify: 'none' });
		const output = Array.from({ length: 101 }, (_, n) => `https://example.com/${n}.gif`);
		expect((await rig.call(production, callFor(5, { output }))).status).toBe(400);
		expect(executions()).toHaveLength(0);
	});

	test.each([true, false])(
		'a file at a private address is not fetched, and stays a link (service on the internet: %s)',
		async (isPublic) => {
			const proxy = await serveBehindPublicName(rig.service.origin);
			try {
				if (isPublic) rig.setCredential({ baseUrl: 'http://api.service.invalid/api' });
				const { production } = publish({ verify: 'none', download: true });
				const id = await submitAndEnd();
				const before = rig.service.requests.length;
				for (const address of [
					'http://169.254.169.254/latest/meta-data',
					`${rig.service.origin}/files/a.gif`,
					String(outputs(id)?.[0]),
					'http://[::1]/a.gif',
					'http://n8n.internal/a.gif',
				]) {
					const output = ['https://example.invalid/a.gif', address];
					await rig.call(production, callFor(id + rig.engine.executions.length, { output }));
					await rig.waitUntilIdle();
					const [item] = itemsOf(executions().at(-1));
					expect([item?.json.output, item?.binary]).toEqual([output, undefined]);
				}
				expect([proxy.asked, rig.service.requests.length]).toEqual([[], before]);
				expect(rig.log.at(-1)).toMatch(
					/^warn: Image to 3D Trigger: a call started the workflow with links only/,
				);
			} finally {
				await proxy.end();
			}
		},
	);

	test('the key is removed from what the caller says', async () => {
		const { production } = publish({ verify: 'none' });
		await rig.call(production, failureOf(5, { message: `Key ${API_KEY}`, track_id: API_KEY }));
		expect(JSON.stringify(executions()[0]?.run)).not.toContain(API_KEY);
		expect(itemsOf(executions()[0])[0]?.json.message).toBe('Key ***');
	});
});
