import { StableDiffusionApi } from '../../credentials/StableDiffusionApi.credentials';
import { testCredential } from '../../n8n/engine/credential-test.cts';
import type { Fault } from '../../local-api/index.mts';
import { API_KEY, openRig, type Rig } from '../support/rig.mts';

let bench: Rig;
beforeAll(async () => {
	bench = await openRig();
});
afterEach(() => bench.service.clearFaults());
afterAll(async () => {
	await bench.close();
});

const press = async (data: { apiKey?: string; baseUrl?: string } = {}) =>
	await testCredential(bench.engine, {
		type: new StableDiffusionApi(),
		data: { apiKey: API_KEY, baseUrl: bench.service.baseUrl, ...data },
	});

test.each(['', '/', '//'])(
	'the test passes with a right key, and costs nothing (Base URL ending in "%s")',
	async (tail) => {
		expect(await press({ baseUrl: bench.service.baseUrl + tail })).toEqual({
			status: 'OK',
			message: 'Connection successful!',
		});
		expect(bench.service.requests.at(-1)).toMatchObject({
			path: '/api/v3/system_load',
			body: { key: API_KEY },
		});
		expect(bench.service.jobs).toEqual([]);
	},
);

test('the test fails on a wrong key although the service answers 200', async () => {
	expect(await press({ apiKey: 'wrong-key' })).toEqual({
		status: 'Error',
		message: expect.stringMatching(
			/^The service refused the call, most likely because of the API key/,
		) as string,
	});
});

test.each<[string, Fault['do']]>([
	['a web page', { kind: 'answer', body: '<html>Welcome</html>', contentType: 'text/html' }],
	['404', { kind: 'answer', status: 404, body: 'Not here' }],
	['nothing', { kind: 'answer', body: '' }],
	['a redirect', { kind: 'redirect', status: 308, location: '/api/v3/system_load?moved' }],
])('the test fails where %s answers, says what to do, and the key goes no further', async (_name, fault) => {
	bench.service.addFault({ on: 'system_load', do: fault });
	const before = bench.service.requests.length;
	expect(await press()).toEqual({
		status: 'Error',
		message: expect.stringMatching(
			/^Base URL does not answer as this API does.*https:\/\/modelslab\.com\/api$/,
		) as string,
	});
	expect(bench.service.requests).toHaveLength(before + 1);
});

test('the test fails where nobody listens', async () => {
	expect(await press({ baseUrl: 'http://127.0.0.1:1/api' })).toMatchObject({ status: 'Error' });
});
