import type { INode, INodeParameters } from 'n8n-workflow';

import { readOutput } from '../../n8n/engine/engine.cts';
import type { Misbehavior } from '../../local-api/index.mts';
import { subtitle } from '../../nodes/ImgTo3d/operations';
import type { AccountRequest } from '../../nodes/ImgTo3d/request';
import {
	API_KEY,
	buildPromptParameters,
	makeNumberedItems,
	NODE,
	openRig,
	type Rig,
} from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 0, queueLimit: 1000 });
});
afterEach(async () => {
	await rig.close();
});

/** Makes finished jobs. @returns their IDs, the newest first */
async function makeJobs(count: number): Promise<number[]> {
	const { items } = await rig.run(buildPromptParameters({ waitFor: 'poll' }, { maxJobsInFlight: 1 }), {
		items: makeNumberedItems(count),
	});
	return items.map(({ json }) => Number(json.id)).reverse();
}

const CONTINUE: Partial<INode> = { onError: 'continueRegularOutput' };
const getJobs = async (more: INodeParameters = { returnAll: true }, node: Partial<INode> = {}) =>
	await rig.run({ operation: 'getJobs', ...more }, { node });
const listedIds = async (more?: INodeParameters) => (await getJobs(more)).items.map(({ json }) => json.id);
const getBalance = async (node: Partial<INode> = {}) => await rig.run({ operation: 'getBalance' }, { node });
const deleteFiles = async (jobId: unknown, node: Partial<INode> = {}) =>
	await rig.run({ operation: 'deleteFiles', jobId } as INodeParameters, { node });
const countCalls = (path: string) =>
	rig.service.requests.filter((request) => request.path.endsWith(path)).length;
const countSubmits = () => countCalls('txt_to_3d');

/** Answers calls about the account. */
const answerCalls = (body: unknown, more: { times?: number; skip?: number; status?: number } = {}) => {
	const { status, ...fault } = more;
	rig.service.addFault({ on: 'account', times: Infinity, ...fault, do: { kind: 'answer', body, status } });
};

describe('Get Many', () => {
	test('makes an item of each job, with its ID and links, the newest first', async () => {
		const ids = await makeJobs(3);
		const { items, error } = await getJobs();
		expect(error).toBeUndefined();
		expect(items.map(({ json }) => json.id)).toEqual(ids);
		for (const { json, pairedItem } of items) {
			expect(Object.keys(json)).toEqual(['id', 'output']);
			expect(json.output).toEqual([expect.stringMatching(/^http.*\.gif$/)]);
			expect(pairedItem).toEqual({ item: 0 });
		}
	});

	test('goes through all pages, thirty jobs each', async () => {
		const ids = await makeJobs(65);
		expect(await listedIds()).toEqual(ids);
		expect(countCalls('assets_generated')).toBe(3);
	});

	test.each([
		[1, 1],
		[30, 1],
		[31, 2],
		[500, 2],
	])('lists up to Limit %d, with %d calls', async (limit, calls) => {
		const ids = await makeJobs(40);
		expect(await listedIds({ returnAll: false, limit })).toEqual(ids.slice(0, limit));
		expect(countCalls('assets_generated')).toBe(calls);
	});

	test.each([0, -1, 1.5, 'many', ''])('refuses Limit %p', async (limit) => {
		const { error } = await getJobs({ returnAll: false, limit } as INodeParameters);
		expect(error?.message).toMatch(/^Limit must be an integer from 1, but is /);
		expect(rig.service.requests).toEqual([]);
	});

	test('is one question for all input items, and each item is paired', async () => {
		const ids = await makeJobs(2);
		const { items } = await rig.run(
			{ operation: 'getJobs', returnAll: true },
			{ items: makeNumberedItems(3) },
		);
		expect(items.map(({ json, pairedItem }) => [json.id, pairedItem])).toEqual(
			[0, 1, 2].flatMap((item) => ids.map((id) => [id, { item }])),
		);
		expect(countCalls('assets_generated')).toBe(1);
	});

	test('lists nothing for a new account', async () => {
		const { items, error } = await getJobs();
		expect([items, error]).toEqual([[], undefined]);
	});

	test('asks at the other documented address where the first one is not there', async () => {
		answerCalls('<h1>No such page</h1>', { times: 1, status: 404 });
		answerCalls({ status: 'success', data: [{ id: 7, output: 'https://files.example/7.glb' }] });
		const { items } = await getJobs({ returnAll: false, limit: 1 });
		expect(items).toMatchObject([{ json: { id: 7, output: ['https://files.example/7.glb'] } }]);
		expect(rig.service.requests.map(({ path }) => path)).toEqual([
			'/api/v6/assets_generated',
			'/api/assets_generated',
		]);
	});

	test('a key that may not list is told so in the words of the service, with what still works', async () => {
		rig.setCredential({ apiKey: 'no-list' });
		const { error } = await getJobs();
		expect(error?.message).toBe(
			'The jobs could not be listed: the service refused the call: This endpoint needs an enterprise API key.',
		);
		expect(error?.description).toMatch(/the log of n8n and the account's page on the service's website/);
		expect(error?.description).toMatch(/Get Result/);
		expect(countCalls('assets_generated')).toBe(1);
	});

	test.each([
		['a wrong key', { status: 'error', message: 'Invalid Api Key' }, undefined],
		['a forbidden one', { status: 'error', message: 'Forbidden' }, 403],
	])('the same for %s', async (_name, body, status) => {
		answerCalls(body, { status });
		const { items } = await getJobs({ returnAll: true }, CONTINUE);
		expect(items).toMatchObject([
			{ json: { error: expect.stringContaining(body.message) as string, paid: 'no' } },
		]);
	});

	test('waits out what passes, and says what does not', async () => {
		const [id] = await makeJobs(1);
		answerCalls('oops', { times: 2, status: 500 });
		expect(await listedIds()).toEqual([id]);
		answerCalls({ status: 'error', message: 'Internal server error. Please try again.' }, { times: 5 });
		const { error } = await getJobs();
		expect(error?.message).toMatch(/^The jobs could not be listed: the service is in trouble/);
	});

	test('the key is nowhere, although the service echoes it', async () => {
		answerCalls({
			status: 'success',
			data: [{ id: API_KEY, output: [`https://files.example/${API_KEY}.glb`] }],
		});
		expect(JSON.stringify((await getJobs({ returnAll: false, limit: 1 })).run)).not.toContain(API_KEY);
	});
});

describe('Get Balance', () => {
	test('has the balance, its currency, and the number of requests in work', async () => {
		rig.service.configure({ jobSeconds: 60 });
		await rig.run(buildPromptParameters({ waitFor: 'none' }), { items: makeNumberedItems(2) });
		const { items } = await getBalance();
		expect(items).toEqual([
			{ json: { balance: 43.6, currency: 'USD', processing: 2 }, pairedItem: { item: 0 } },
		]);
	});

	test('asks once for all input items', async () => {
		const { items } = await rig.run({ operation: 'getBalance' }, { items: makeNumberedItems(40) });
		expect(items).toHaveLength(40);
		expect(rig.service.requests).toHaveLength(2);
	});

	test.each([
		['the balance', 0, { balance: null, currency: null, processing: 0 }, /^The balance could not be read: /],
		['the count', 1, { balance: 43.6, currency: 'USD', processing: null }, /^The requests in work could not/],
	])('without %s, the other answer is there', async (_name, skip, fields, problem) => {
		answerCalls({ status: 'error', message: 'Not for your plan' }, { skip, times: 1 });
		const { items, error } = await getBalance();
		expect(error).toBeUndefined();
		expect(items[0]?.json).toEqual({ ...fields, problem: expect.stringMatching(problem) as string });
	});

	test.each([
		['no balance', { status: 'success', data: {} }],
		['a word', { status: 'success', data: { balance: 'much', currency: 'USD' } }],
		['a list', { status: 'success', data: [1] }],
	])('an answer with %s is none', async (_name, body) => {
		answerCalls(body, { times: 1 });
		const { items } = await getBalance();
		expect(items[0]?.json).toMatchObject({ balance: null, processing: 0 });
	});

	test('is an error when neither can be had', async () => {
		rig.setCredential({ apiKey: 'wrong-key' });
		const { error } = await getBalance();
		expect(error?.message).toBe(
			'The balance could not be read: the service does not accept the API key: Invalid Api Key',
		);
		const { items } = await getBalance(CONTINUE);
		expect(items).toMatchObject([{ json: { paid: 'no' }, pairedItem: { item: 0 } }]);
	});
});

describe('Delete Files', () => {
	test.each([
		['a number', (id: number) => id],
		['a text', (id: number) => ` ${id} `],
		['a choice of the list', (id: number) => ({ __rl: true, mode: 'list', value: id })],
		['an ID', (id: number) => ({ __rl: true, mode: 'id', value: String(id) })],
	])('deletes the files of a job that is named by %s', async (_name, toEntered) => {
		const [id = 0, other] = await makeJobs(2);
		const { items, error } = await deleteFiles(toEntered(id));
		expect(error).toBeUndefined();
		expect(items).toMatchObject([{ json: { deleted: true }, pairedItem: { item: 0 } }]);
		expect(String(items[0]?.json.id)).toBe(String(id));
		expect(await listedIds()).toEqual([other]);
	});

	test('an ID that is unknown is an error, with what to check', async () => {
		const { error } = await deleteFiles('4711');
		expect(error).toMatchObject({
			message: 'Job 4711: the files could not be deleted: the service does not know this job',
			description: expect.stringMatching(/Its files may have been deleted before\.$/) as string,
		});
		const { items } = await deleteFiles('4711', CONTINUE);
		expect(items).toMatchObject([{ json: { id: '4711', paid: 'no' } }]);
	});

	test.each<Misbehavior>([
		{ kind: 'reset', when: 'middle' },
		{ kind: 'truncate' },
		{ kind: 'code', status: 503 },
	])('what a try without an answer has deleted is deleted (%p)', async (misbehavior) => {
		const [id] = await makeJobs(1);
		rig.service.addFault({ on: 'account', do: misbehavior });
		const { items, error } = await deleteFiles(id);
		expect(error).toBeUndefined();
		expect(items).toMatchObject([{ json: { id, deleted: true } }]);
	});

	const deleteEach = async (ids: Array<number | string>, node: Partial<INode> = {}) =>
		await rig.run(
			{ operation: 'deleteFiles', jobId: '={{ $json.id }}', options: { maxJobsInFlight: 1 } },
			{ items: ids.map((id) => ({ json: { id } })), node },
		);
	const toDeleted = (id: number | string) => ({ id, deleted: true });
	const RETRIED = { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 };

	test('a job that several items name is deleted once', async () => {
		const [id = 0] = await makeJobs(1);
		const { items, error } = await deleteEach([id, `${id}`]);
		expect(error).toBeUndefined();
		expect(items.map(({ json }) => json)).toEqual([id, `${id}`].map(toDeleted));
		expect(countCalls('delete_image')).toBe(1);
	});

	test('Retry On Fail goes on after what it has deleted', async () => {
		const ids = await makeJobs(3);
		answerCalls('down', { skip: 2, times: 5, status: 503 });
		const { items, error } = await deleteEach(ids, RETRIED);
		expect(error).toBeUndefined();
		expect(items.map(({ json }) => json)).toEqual(ids.map(toDeleted));
		expect(countCalls('delete_image')).toBe(3 + 5);
	});

	test('Retry On Fail knows of the tries without an answer before it', async () => {
		const [id = 0] = await makeJobs(1);
		rig.service.addFault({ on: 'account', times: 5, do: { kind: 'reset', when: 'middle' } });
		const { items } = await deleteEach([id], RETRIED);
		expect(items.map(({ json }) => json)).toEqual([toDeleted(id)]);
	});

	test('a page that is not there deletes nothing, also after a try without an answer', async () => {
		answerCalls('<h1>Bad gateway</h1>', { times: 1, status: 502 });
		answerCalls('<html><h1>Not found</h1></html>', { status: 404 });
		const { error } = await deleteEach([326]);
		expect(error?.message).toBe(
			'Job 326: the files could not be deleted: the service does not know what was asked for, HTTP 404: Not found',
		);
		expect(error?.description).toMatch(/A proxy may be answering/);
	});

	test('an answer that says "success" with the HTTP code of an error is told so', async () => {
		answerCalls({ status: 'success', messege: 'image deleted' }, { status: 503 });
		const { error } = await deleteEach([326]);
		expect(error?.message).toBe(
			'Job 326: the files could not be deleted: the answer says "success" with another HTTP code (HTTP 503)',
		);
	});

	test('a number that was rounded is refused, because it may be another job', async () => {
		const { error } = await deleteEach(['9007199254740993', 2 ** 53]);
		expect(error?.message).toBe(
			'Job must be a text when it is so long, because numbers are rounded, but is 9007199254740992',
		);
		expect(rig.service.requests).toEqual([]);
	});

	test.each(['', ' ', undefined, null, {}])(
		'no job (%p) is refused, and nothing is called',
		async (entered) => {
			const value = `={{ (${JSON.stringify(entered)}) }}`;
			for (const jobId of [value, { __rl: true, mode: 'id', value }]) {
				const { error } = await deleteFiles(jobId);
				expect(error?.message).toMatch(/^Job must be the ID in the item or the error/);
			}
			expect(rig.service.requests).toEqual([]);
		},
	);
});

describe('Include Input Fields', () => {
	const parameters: Record<AccountRequest['operation'], INodeParameters> = {
		getJobs: { returnAll: true },
		getBalance: {},
		deleteFiles: { jobId: '={{ $json.id }}' },
	};
	test.each(Object.entries(parameters))('%s adds them to each item', async (operation, more) => {
		const [id = 0] = await makeJobs(1);
		const json = { id, order: 7 };
		const options = { includeInputFields: true };
		const { items } = await rig.run(
			{ operation, ...more, options },
			{
				items: [{ json }],
			},
		);
		expect(items.map((item) => item.json.input)).toEqual([json]);
	});
});

describe('the list of jobs in the panel', () => {
	test('has the newest thirty jobs with the names of their files, and asks for more by page', async () => {
		const ids = await makeJobs(35);
		const { results, paginationToken } = await rig.searchJobs();
		expect(results.map(({ value }) => value)).toEqual(ids.slice(0, 30));
		expect(results[0]?.name).toMatch(new RegExp(`^${ids[0]} \\(.+\\.gif\\)$`));
		expect(results[0]?.url).toMatch(/^http/);
		const more = await rig.searchJobs('', String(paginationToken));
		expect(more.results.map(({ value }) => value)).toEqual(ids.slice(30));
		expect(more.paginationToken).toBeUndefined();
	});

	test('finds a job by a part of its ID on a later page', async () => {
		const ids = await makeJobs(35);
		const { results } = await rig.searchJobs(String(ids[34]));
		expect(results.map(({ value }) => value)).toEqual([ids[34]]);
	});

	test('says why there is none', async () => {
		rig.setCredential({ apiKey: 'no-list' });
		await expect(rig.searchJobs()).rejects.toThrow(
			'The jobs could not be listed: the service refused the call: This endpoint needs an enterprise API key.',
		);
	});

	test('what was chosen is fetched', async () => {
		const [id] = await makeJobs(1);
		const { results } = await rig.searchJobs();
		const { items } = await rig.run({
			operation: 'getResult',
			jobId: { __rl: true, mode: 'list', value: results[0]?.value, cachedResultName: results[0]?.name },
			download: false,
		} as INodeParameters);
		expect(items).toMatchObject([{ json: { id, status: 'success' } }]);
	});
});

describe('Minimum Balance', () => {
	const withMinimum = (minimumBalance: unknown, more: INodeParameters = {}) =>
		buildPromptParameters(more, { minimumBalance } as INodeParameters);

	test('below it, nothing is submitted, and the error names both amounts', async () => {
		const { error } = await rig.run(withMinimum(50), { items: makeNumberedItems(3) });
		expect(error?.message).toBe("The account's balance is 43.6 USD, and Minimum Balance is 50");
		expect(error?.description).toMatch(/^Nothing was submitted, so nothing was paid\./);
		expect([countSubmits(), countCalls('wallet_balance')]).toEqual([0, 1]);
	});

	test.each(['poll', 'webhook', 'none'])(
		'is asked for once a run, before the first submit (%s)',
		async (waitFor) => {
			rig.service.configure({ jobSeconds: 5 });
			await rig.run(withMinimum('=43.6', { waitFor }), { items: makeNumberedItems(3) });
			const paths = rig.service.requests.map(({ path }) => path);
			expect(paths[0]).toBe('/api/wallet_balance');
			expect([countSubmits(), countCalls('wallet_balance')]).toEqual([3, 1]);
		},
	);

	test('is not asked for without the option, nor for an empty one', async () => {
		await rig.run(withMinimum(''), { items: makeNumberedItems(1) });
		expect([countSubmits(), countCalls('wallet_balance')]).toEqual([1, 0]);
	});

	test('the highest of several counts', async () => {
		const { error } = await rig.run(withMinimum('={{ $json.n * 30 }}'), { items: makeNumberedItems(3) });
		expect(error?.message).toBe("The account's balance is 43.6 USD, and Minimum Balance is 60");
	});

	test('makes each item an error when the node continues on errors', async () => {
		const { items } = await rig.run(withMinimum(50), { items: makeNumberedItems(2), node: CONTINUE });
		expect(items.map(({ json, pairedItem }) => [json.paid, json.track_id, pairedItem])).toEqual([
			['no', 'item-0', { item: 0 }],
			['no', 'item-1', { item: 1 }],
		]);
		expect(countSubmits()).toBe(0);
	});

	test.each([
		['a refusal', { status: 'error', message: 'Not for your plan' }, 200],
		['trouble', 'down', 503],
		['no amount', { status: 'success', data: {} }, 200],
	])('without a balance (%s), nothing is submitted', async (_name, body, status) => {
		answerCalls(body, { status });
		const { error } = await rig.run(withMinimum(1), { items: makeNumberedItems(2) });
		expect(error?.message).toMatch(
			/^The balance could not be read: .*\. With Minimum Balance, nothing is submitted without it$/,
		);
		expect(countSubmits()).toBe(0);
	});

	test('a service that never answers is asked for five minutes', async () => {
		rig.clock.patienceMs = 300;
		rig.service.addFault({ on: 'account', times: Infinity, do: { kind: 'hang' } });
		const begun = rig.clock.now();
		const { error } = await rig.run(withMinimum(1), { items: makeNumberedItems(2) });
		expect(error?.message).toMatch(/no answer came in time \(after [\d.]{2,4} s\)\. With Minimum Balance/);
		expect(rig.clock.now() - begun).toBeLessThanOrEqual(300_000);
		expect(countSubmits()).toBe(0);
	});

	test('an empty wallet is below it', async () => {
		rig.setCredential({ apiKey: 'empty-wallet' });
		const { error } = await rig.run(withMinimum(0.01), { items: makeNumberedItems(1) });
		expect(error?.message).toBe("The account's balance is 0 USD, and Minimum Balance is 0.01");
	});

	const RETRIED = { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 };
	const answerBalances = (...amounts: number[]) =>
		amounts.forEach((balance) => answerCalls({ status: 'success', data: { balance } }, { times: 1 }));

	test('in a retry, the error names what the first try has paid for, and what nobody knows of', async () => {
		rig.service.addFault({ on: 'submit', skip: 1, do: { kind: 'failJob', message: 'too dark' } });
		rig.service.addFault({ on: 'submit', do: { kind: 'reset', when: 'before' } });
		answerBalances(50, 10);
		const parameters = withMinimum(40);
		const { error } = await rig.run(parameters, { items: makeNumberedItems(3), node: RETRIED });
		expect(error?.message).toBe("The account's balance is 10, and Minimum Balance is 40");
		expect(error?.description).not.toContain('nothing was paid');
		const ids = rig.service.jobs.map(({ id }) => id);
		expect(error?.description).toContain(`can be fetched with Get Result: ${ids.join(' and ')}.`);
		expect(error?.description).toContain('not known whether the jobs of these items were accepted: 2.');
	});

	test('holds for what a resumed execution submits again', async () => {
		rig.service.configure({ jobSeconds: 20 });
		rig.service.addFault({ on: 'submit', do: { kind: 'failJob', message: 'too dark' } });
		answerBalances(50, 10);
		const parameters = withMinimum(40, { waitFor: 'webhook' });
		await rig.run(parameters, { items: makeNumberedItems(1), node: RETRIED });
		await rig.clock.sleep(61_000);
		await rig.waitUntilIdle();
		const { status, data } = rig.engine.executions.at(-1)?.run ?? {};
		expect(status).toBe('error');
		expect(data?.resultData.error?.message).toBe("The account's balance is 10, and Minimum Balance is 40");
		expect(countSubmits()).toBe(1);
	});

	test('a Stop while it is asked for is a Stop', async () => {
		rig.clock.patienceMs = 300;
		rig.service.addFault({ on: 'account', do: { kind: 'hang' } });
		const stop = new AbortController();
		const running = rig.run(withMinimum(1), { items: makeNumberedItems(2), signal: stop.signal });
		while (rig.service.requests.length === 0) await rig.clock.sleep(100);
		stop.abort();
		const { run, error } = await running;
		expect([run.status, error?.message]).toEqual(['canceled', 'The execution was canceled']);
		expect(countSubmits()).toBe(0);
	});

	test('the error of a service that is not there says so, too', async () => {
		rig.setCredential({ baseUrl: 'http://127.0.0.1:9/api' });
		const { error } = await rig.run(withMinimum(1), { items: makeNumberedItems(1) });
		expect(error?.message).toMatch(/refused \(.*\)\. With Minimum Balance, nothing is submitted without it$/);
	});

	test.each([
		['a sentence', { status: 'error', message: 'Not for your plan.' }, /plan\. With Minimum Balance, /],
		['a long currency', { status: 'success', data: { balance: 0, currency: 'X'.repeat(1e5) } }, /^.{0,200}$/],
	])('the error is one short line, also with %s', async (_name, body, message) => {
		answerCalls(body);
		const { error } = await rig.run(withMinimum(1), { items: makeNumberedItems(1) });
		expect(error?.message).toMatch(message);
	});

	test('is not asked for when there is nothing to submit', async () => {
		const [id] = await makeJobs(1);
		await rig.run({
			operation: '={{ "getResult" }}',
			jobId: String(id),
			...{ image: rig.picture, prompt: 'cup', download: false, options: { minimumBalance: 50 } },
		});
		expect(countCalls('wallet_balance')).toBe(0);
	});
});

describe('a submit of which nobody knows', () => {
	const loseAnswer = () =>
		rig.service.addFault({ on: 'submit', times: 1, do: { kind: 'reset', when: 'before' } });

	test("names the account's newest job, as a mark for later", async () => {
		const [newest] = await makeJobs(2);
		loseAnswer();
		const { error } = await rig.run(buildPromptParameters(), { items: makeNumberedItems(1) });
		expect(error?.message).toMatch(/The job may have been accepted and paid$/);
		expect(error?.description).toContain(
			`If the job was accepted, Get Many lists it once it is done, as job ${newest} or above it.`,
		);
	});

	test('names no job of the other items, because the lost one may be below it', async () => {
		await makeJobs(1);
		rig.clock.patienceMs = 300;
		rig.service.addFault({ on: 'submit', accept: true, do: { kind: 'hang' } });
		const { items } = await rig.run(buildPromptParameters(), { items: makeNumberedItems(4), node: CONTINUE });
		const [lost] = rig.service.jobs.filter(({ trackId }) => trackId === 'item-0').slice(-1);
		expect(items.map(({ json }) => json.paid)).toEqual(['unknown', undefined, undefined, undefined]);
		// It has ended meanwhile, so it is the mark itself.
		expect(items[0]?.json.description).toContain(`, as job ${lost?.id} or above it.`);
	});

	test('says nothing of it where the list cannot be had', async () => {
		rig.setCredential({ apiKey: 'no-list' });
		loseAnswer();
		const { error } = await rig.run(buildPromptParameters(), { items: makeNumberedItems(1) });
		expect(error?.description).not.toContain('Get Many');
	});

	test('waits for it a few seconds at most', async () => {
		rig.service.addFault({ on: 'account', times: Infinity, do: { kind: 'hang' } });
		loseAnswer();
		const begun = rig.clock.now();
		const { error } = await rig.run(buildPromptParameters(), { items: makeNumberedItems(1) });
		expect(error?.description).not.toContain('Get Many');
		expect(rig.clock.now() - begun).toBeLessThan(6000);
	});

	test('asks once for many of them', async () => {
		await makeJobs(1);
		rig.service.addFault({ on: 'submit', times: Infinity, do: { kind: 'reset', when: 'before' } });
		const { items } = await rig.run(buildPromptParameters(), { items: makeNumberedItems(4), node: CONTINUE });
		expect(items.map(({ json }) => json.paid)).toEqual(['unknown', 'unknown', 'unknown', 'unknown']);
		expect(countCalls('assets_generated')).toBe(1);
	});
});

test('items on the account do not mix up the jobs of a run that could be suspended', async () => {
	rig.service.configure({ jobSeconds: 20 });
	const operation = '={{ $json.n === 0 ? "deleteFiles" : "textTo3d" }}';
	const [jobId] = (await makeJobs(1)).map(String);
	const more = { operation, waitFor: 'webhook', jobId, imageSource: 'url', image: rig.picture };
	await rig.run(buildPromptParameters(more as INodeParameters), { items: makeNumberedItems(3) });
	await rig.clock.sleep(120_000);
	await rig.waitUntilIdle();
	const run = rig.engine.executions.at(-1)?.run;
	const [items = []] = run ? readOutput(run, NODE) : [];
	expect(items.map(({ json, pairedItem }) => [json.track_id ?? json.deleted, pairedItem])).toEqual([
		[true, { item: 0 }],
		['item-1', { item: 1 }],
		['item-2', { item: 2 }],
	]);
	const named = rig.service.jobs.slice(1).map(({ id, trackId }) => [id, trackId]);
	expect(items.slice(1).map(({ json }) => [json.id, json.track_id])).toEqual(named);
});

test("the node's subtitle says nothing of waiting", async () => {
	const { error } = await getJobs({ returnAll: false, limit: subtitle } as INodeParameters);
	expect(error?.message).toBe('Limit must be an integer from 1, but is "Get Many"');
});
