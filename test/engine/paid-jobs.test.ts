import type { INodeParameters } from 'n8n-workflow';

import { buildPromptParameters, makeNumberedItems, openRig, toItems, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 10, parallel: 10, queueLimit: 100 });
});
afterEach(async () => {
	await rig.close();
});

const limitTo = (maxPaidJobs: unknown, more: INodeParameters = {}) =>
	buildPromptParameters(more, { maxPaidJobs } as INodeParameters);

const MESSAGE = 'The run has 4 jobs to submit, and Max Paid Jobs is 3';

describe('Max Paid Jobs', () => {
	test.each(['poll', 'webhook', 'none'])(
		'refuses a run with more jobs, and submits none (%s)',
		async (waitFor) => {
			const { error, items } = await rig.run(limitTo(3, { waitFor }), { items: makeNumberedItems(4) });
			expect(error).toMatchObject({
				message: MESSAGE,
				description: expect.stringMatching(/^Nothing was submitted, so nothing was paid\./) as string,
			});
			expect(items).toEqual([]);
			expect(rig.service.requests).toEqual([]);
		},
	);

	test('makes every item an error when the node continues on errors', async () => {
		const { items } = await rig.run(limitTo(3), {
			items: makeNumberedItems(4),
			node: { onError: 'continueRegularOutput' },
		});
		expect(items.map(({ json, pairedItem }) => [json.error, json.paid, pairedItem])).toEqual(
			[0, 1, 2, 3].map((item) => [MESSAGE, 'no', { item }]),
		);
		expect(rig.service.requests).toEqual([]);
	});

	test('says in each error item which input it was', async () => {
		const parameters = limitTo(1);
		const options = {
			...(parameters.options as object),
			trackId: '=order-{{ $json.n }}',
			includeInputFields: true,
		};
		const { items } = await rig.run(
			{ ...parameters, options },
			{ items: makeNumberedItems(2), node: { onError: 'continueRegularOutput' } },
		);
		expect(items.map(({ json }) => [json.track_id, json.input])).toEqual([
			['order-0', { n: 0 }],
			['order-1', { n: 1 }],
		]);
	});

	test('lets just as many jobs through', async () => {
		const { items } = await rig.run(limitTo('=3'), { items: makeNumberedItems(3) });
		expect(items).toHaveLength(3);
		expect(rig.service.jobs).toHaveLength(3);
	});

	test('counts neither jobs to fetch nor items that cannot be sent', async () => {
		await rig.run(limitTo('', { waitFor: 'none' }), { items: makeNumberedItems(2) });
		const [first, second] = rig.service.jobs.map(({ id }) => id);
		const { items } = await rig.run(
			{
				operation: '={{ $json.id ? "getResult" : "textTo3d" }}',
				// n8n shows the parameters of every operation then, and wants those that are required.
				image: rig.picture,
				jobId: '={{ $json.id }}',
				prompt: '={{ $json.prompt }}',
				download: false,
				options: { maxPaidJobs: 1 },
			},
			{
				items: toItems({ id: first }, { prompt: '' }, { prompt: 'a cup' }, { id: second }),
				node: { onError: 'continueRegularOutput' },
			},
		);
		expect(items.map(({ json }) => json.status ?? json.paid)).toEqual([
			'success',
			'no',
			'success',
			'success',
		]);
		expect(rig.service.jobs).toHaveLength(3);
	});

	test('is the lowest of the limits when the items have different ones', async () => {
		const { error } = await rig.run(limitTo('={{ 5 - $json.n }}'), { items: makeNumberedItems(3) });
		expect(error).toBeUndefined();
		const { error: refused } = await rig.run(limitTo('={{ 6 - $json.n }}'), { items: makeNumberedItems(4) });
		expect(refused?.message).toBe(MESSAGE);
	});

	test('lets a retry fetch what was submitted before, also when the limit is lower by then', async () => {
		rig.service.addFault({
			on: 'fetch',
			times: 1,
			do: { kind: 'answer', body: { status: 'error', message: 'Invalid Api Key' } },
		});
		const { items } = await rig.run(limitTo(3), {
			items: makeNumberedItems(3),
			node: { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 },
		});
		expect(items).toHaveLength(3);
		expect(rig.service.jobs).toHaveLength(3);
	});

	test.each([0, 2.5, 'many'])('cannot be %j', async (limit) => {
		const { error } = await rig.run(limitTo(`={{ ${JSON.stringify(limit)} }}`), {
			items: makeNumberedItems(1),
		});
		expect(error?.message).toMatch(/^Max Paid Jobs must be an integer from 1 to 1000000, but is/);
	});
});
