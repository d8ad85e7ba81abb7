import { KEY, NOT_FOUND, openStandIn, QUICK, type StandIn } from './stand-in.mts';

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn({ jobSeconds: 0, queueLimit: 1000 });
});
afterEach(async () => {
	await standIn.close();
});

const list = async (body: Record<string, unknown> = {}) =>
	(await standIn.post('v6/assets_generated', { type: '3d', ...body })).json;

const listIds = async (body: Record<string, unknown> = {}) =>
	((await list(body)).data as Array<{ id: number }>).map(({ id }) => id);

const submitText = async (body: Record<string, unknown> = {}) =>
	(await standIn.post('v3/txt_to_3d', { prompt: 'a cup', ...QUICK, ...body })).json;

const submitTexts = async (count: number) => {
	const ids: number[] = [];
	for (let n = 0; n < count; n++) ids.unshift((await submitText()).id);
	return ids;
};

describe('the list of assets', () => {
	test('has the finished jobs of all versions with their files, the newest first', async () => {
		const first = await submitText();
		const second = (await standIn.submitMesh()).json;
		expect(await list()).toEqual({
			status: 'success',
			type: '3d',
			data: [
				{ id: second.id, output: second.output },
				{ id: first.id, output: first.output },
			],
			pagination: { current_page: 1, per_page: 10, total: 2, last_page: 1, from: 1, to: 2 },
		});
	});

	test('is empty at first', async () => {
		expect(await list()).toMatchObject({
			data: [],
			pagination: { current_page: 1, total: 0, last_page: 1, from: null, to: null },
		});
	});

	test('comes in pages, each job once', async () => {
		const ids = await submitTexts(23);
		expect(await listIds()).toEqual(ids.slice(0, 10));
		expect(await listIds({ page: 2 })).toEqual(ids.slice(10, 20));
		expect(await list({ page: '3', per_page: '10' })).toMatchObject({
			data: ids.slice(20).map((id) => ({ id })),
			pagination: { current_page: 3, total: 23, last_page: 3, from: 21, to: 23 },
		});
		expect(await listIds({ page: 4 })).toEqual([]);
		expect(await listIds({ per_page: 30 })).toEqual(ids);
	});

	test("has no open, no failed and no other key's job", async () => {
		standIn.api.addFault({ on: 'submit', do: { kind: 'failJob' } });
		await submitText();
		await submitText({ key: 'another-key' });
		standIn.api.configure({ jobSeconds: 60 });
		const { id } = await submitText();
		expect(await listIds()).toEqual([]);
		await standIn.clock.sleep(60_000);
		expect(await listIds()).toEqual([id]);
	});

	test.each([
		['type', undefined],
		['type', 'image'],
		['page', 0],
		['page', 'two'],
		['per_page', 31],
		['per_page', 1.5],
	])('refuses %s: %p', async (field, value) => {
		expect(await list({ [field]: value })).toEqual({
			status: 'error',
			message: { [field]: [expect.stringContaining(`The ${field} field must be `)] },
		});
	});

	test('refuses a key that may not list, and a wrong key', async () => {
		expect(await list({ key: 'no-list' })).toEqual({
			status: 'error',
			message: 'This endpoint needs an enterprise API key.',
		});
		expect(await list({ key: 'wrong-key' })).toMatchObject({ message: 'Invalid Api Key' });
	});
});

describe('the count of open requests', () => {
	const count = async () => await standIn.post('v6/processing/request_count', {});

	test('has the open jobs of the key', async () => {
		standIn.api.configure({ jobSeconds: 60, parallel: 2 });
		for (let n = 0; n < 3; n++) await submitText();
		await submitText({ key: 'another-key' });
		expect((await count()).json).toEqual({
			status: 'success',
			processing_count: 3,
			message: expect.any(String),
		});
		await standIn.clock.sleep(60_000);
		expect((await count()).json.processing_count).toBe(1);
	});

	test('can be asked for 30 times a minute', async () => {
		for (let n = 0; n < 30; n++) expect((await count()).status).toBe(200);
		const { status, json } = await count();
		expect([status, json.retry_after]).toEqual([429, 60]);
		await standIn.clock.sleep(60_000);
		expect((await count()).status).toBe(200);
	});
});

describe('the deletion', () => {
	const remove = async (body: Record<string, unknown>) =>
		(await standIn.post('v3/delete_image', { type: '3d', ...body })).json;

	test('removes the files of a job, once', async () => {
		const { id, output } = await submitText();
		const other = await submitText();
		expect((await standIn.get(output[0] ?? '')).status).toBe(200);
		expect(await remove({ request_id: id })).toEqual({ status: 'success', messege: 'image deleted' });
		expect((await standIn.get(output[0] ?? '')).status).toBe(404);
		expect(await listIds()).toEqual([other.id]);
		expect(await remove({ request_id: id })).toEqual(NOT_FOUND);
		expect(await remove({ request_id: String(other.id) })).toMatchObject({ status: 'success' });
	});

	test("knows no other key's job and no open job", async () => {
		const { id } = await submitText({ key: 'another-key' });
		expect(await remove({ request_id: id })).toEqual(NOT_FOUND);
		standIn.api.configure({ jobSeconds: 60 });
		expect(await remove({ request_id: (await submitText()).id })).toEqual(NOT_FOUND);
	});

	test('needs an ID and the type', async () => {
		expect(await remove({})).toMatchObject({ message: { request_id: [expect.any(String)] } });
		expect(await remove({ request_id: 1, type: 'image' })).toMatchObject({
			message: { type: [expect.any(String)] },
		});
	});
});

test('a fault hits the calls about an account', async () => {
	standIn.api.addFault({ on: 'account', do: { kind: 'answer', status: 503, body: 'busy' } });
	expect((await standIn.post('wallet_balance', {})).status).toBe(503);
	expect((await standIn.post('wallet_balance', { key: KEY })).json).toMatchObject({ status: 'success' });
});
