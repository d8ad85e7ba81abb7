import { KEY, NOT_FOUND, openStandIn, type Reply, type StandIn } from './stand-in.mts';

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn({ jobSeconds: 10 });
});
afterEach(async () => {
	await standIn.close();
});

const submits = {
	v3: async () => await standIn.submit({ webhook: standIn.hookUrl }),
	v6: async () => await standIn.submitMesh({ webhook: standIn.hookUrl }),
};
const FETCH = { v3: 'v3/fetch', v6: 'v6/3d/fetch' };
const VERSIONS = ['v3', 'v6'] as const;

/** Reads the text after `"id":` in the answer to a submit. */
const writtenId = ({ text }: Reply): string => /"id":(.+?),"(?:output|meta)":/.exec(text)?.[1] ?? '';

describe('a job is found', () => {
	test.each(VERSIONS)('by request_id as by the path, as a number and as a text (%s)', async (version) => {
		const { id } = (await submits[version]()).json;
		const byPath = await standIn.post(`${FETCH[version]}/${id}`);
		for (const asked of [id, String(id)]) {
			const { status, text } = await standIn.post(FETCH[version], { request_id: asked });
			expect([status, text]).toEqual([200, byPath.text]);
		}
		await standIn.clock.sleep(10_000);
		const { json } = await standIn.post(FETCH[version], { request_id: id });
		expect(json).toMatchObject({ status: 'success', id });
	});

	test.each(VERSIONS)('not by another request_id, nor without one (%s)', async (version) => {
		const { id } = (await submits[version]()).json;
		for (const asked of [id + 1, `${id}1`, '', null, undefined, {}, [id], true]) {
			const { status, json } = await standIn.post(FETCH[version], { request_id: asked });
			expect([status, json]).toEqual([200, NOT_FOUND]);
		}
		const other = version === 'v3' ? 'v6' : 'v3';
		expect((await standIn.post(FETCH[other], { request_id: id })).json).toEqual(NOT_FOUND);
		expect((await standIn.post(FETCH[version], { request_id: id, key: 'another key' })).json).toEqual(
			NOT_FOUND,
		);
	});

	test('by the path when both are given', async () => {
		const [one, other] = [(await standIn.submit()).json.id, (await standIn.submit()).json.id];
		expect((await standIn.post(`v3/fetch/${one}`, { request_id: other })).json.id).toBe(one);
	});
});

/** The ID as the answer has it, and as a fetch has it. */
const LITERALS = [
	['1234567890123456789', '1234567890123456789'],
	['1e21', '1e21'],
	['5.0', '5.0'],
	['-5', '-5'],
	['0', '0'],
	['"1234567890123456789"', '1234567890123456789'],
	['"gen/123"', 'gen/123'],
	['"a.b.c"', 'a.b.c'],
	['"job:123"', 'job:123'],
	['"a b?c#d%2Fe"', 'a b?c#d%2Fe'],
	['"q\\"uo\\\\te"', 'q"uo\\te'],
	['"ünï"', 'ünï'],
	[JSON.stringify('x'.repeat(2_000)), 'x'.repeat(2_000)],
	['{"job":"gen/123"}', 'gen/123'],
	['{"value":{"id":1234567890123456789}}', '1234567890123456789'],
	['["a","b"]', 'b'],
] as const;

describe.each(VERSIONS)('an ID of another form (%s)', (version) => {
	test.each(LITERALS)('is answered as it was written, and found: %s', async (literal, text) => {
		standIn.api.configure({ idFor: () => literal });
		const submitted = await submits[version]();
		expect(writtenId(submitted)).toBe(literal);
		expect(standIn.api.jobs[0]?.idText).toBe(text);
		const path = `${FETCH[version]}/${encodeURIComponent(text)}`;
		expect(submitted.json.fetch_result).toBe(`${standIn.api.baseUrl}/${path}`);
		const byPath = await standIn.post(path);
		expect(writtenId(byPath)).toBe(literal);
		expect((await standIn.post(FETCH[version], { request_id: text })).text).toBe(byPath.text);
		const other = version === 'v3' ? 'v6' : 'v3';
		expect((await standIn.post(`${FETCH[other]}/${encodeURIComponent(text)}`)).json).toEqual(NOT_FOUND);

		// A moment later, the webhook has been called.
		await standIn.clock.sleep(60_000);
		expect(writtenId(await standIn.post(path))).toBe(literal);
		expect(standIn.calls[0]?.bytes.toString()).toContain(`"id":${literal},`);
		expect(standIn.api.calls.map(({ job }) => job)).toEqual(standIn.api.jobs.map(({ id }) => id));
	});
});

test('a long number is found by request_id as it is written', async () => {
	standIn.api.configure({ idFor: (job) => (job === 1 ? '1234567890123456789' : '1e21') });
	for (let job = 0; job < 2; job++) await standIn.submit();
	for (const literal of ['1234567890123456789', '1e21']) {
		const reply = await standIn.post('v3/fetch', `{"key":"${KEY}", "request_id" : ${literal} }`);
		expect(writtenId(reply)).toBe(literal);
	}
});

test.each(['1234567890123456800', '1e+21', '1000000000000000000000', '1234567890123456788'])(
	'a long number is not found by what a double makes of it: %s',
	async (text) => {
		standIn.api.configure({ idFor: (job) => (job === 1 ? '1234567890123456789' : '1e21') });
		for (let job = 0; job < 2; job++) await standIn.submit();
		expect((await standIn.fetchJob(encodeURIComponent(text))).json).toEqual(NOT_FOUND);
	},
);

test('an "edit" can move an ID elsewhere, as it was written', async () => {
	standIn.api.configure({ idFor: () => '1234567890123456789' });
	standIn.api.addFault({
		on: 'submit',
		do: { kind: 'edit', edit: ({ id }) => ({ data: { request_id: id } }) },
	});
	expect((await standIn.submit()).text).toBe('{"data":{"request_id":1234567890123456789}}');
});

test('an ID is also shown to people, and answered for a failed job, as it was written', async () => {
	standIn.api.configure({ idFor: () => '1234567890123456789', jobSeconds: 0 });
	standIn.api.addFault({ on: 'submit', do: { kind: 'failJob' } });
	expect((await standIn.submit()).text).toMatch(/^{"status":"failed","id":1234567890123456789,/);
	expect((await standIn.get(`${standIn.api.origin}/local-api`)).text).toContain('"id": 1234567890123456789,');
});

test('IDs count up unless an option sets them', async () => {
	const first = await standIn.submit();
	expect(writtenId(first)).toBe('10684518');
	standIn.api.configure({ idFor: (job) => `"job-${job}"` });
	expect(writtenId(await standIn.submit())).toBe('"job-2"');
	expect((await standIn.fetchJob('10684518')).json.id).toBe(10684518);
	expect((await standIn.fetchJob('10684519')).json).toEqual(NOT_FOUND);
	expect((await standIn.fetchJob('job-2')).json.id).toBe('job-2');
});

test('an ID that is not JSON is reported in the answer', async () => {
	standIn.api.configure({ idFor: () => 'gen/123' });
	const { status, json } = await standIn.submit();
	expect([status, json.message]).toEqual([500, 'idFor must give JSON, not: gen/123']);
	expect(standIn.api.jobs).toHaveLength(0);
});
