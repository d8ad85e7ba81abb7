import { StableDiffusionApi } from '../../credentials/StableDiffusionApi.credentials';
import { testCredential } from '../../n8n/engine/credential-test.cts';
import type { Fault } from '../../local-api/index.mts';
import { API_KEY, openRig, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeAll(async () => {
	rig = await openRig();
});
afterEach(() => rig.service.clearFaults());
afterAll(async () => {
	await rig.close();
});

const press = async (data: { apiKey?: string; baseUrl?: string } = {}) =>
	await testCredential(rig.engine, {
		type: new StableDiffusionApi(),
		data: { apiKey: API_KEY, baseUrl: rig.service.baseUrl, ...data },
	});

test.each(['', '/', '//'])(
	'the test passes with the right key and costs nothing (Base URL ends in "%s")',
	async (tail) => {
		expect(await press({ baseUrl: rig.service.baseUrl + tail })).toEqual({
			status: 'OK',
			message: 'Connection successful!',
		});
		expect(rig.service.requests.at(-1)).toMatchObject({
			path: '/api/v3/system_load',
			body: { key: API_KEY },
		});
		expect(rig.service.jobs).toEqual([]);
	},
);

test('the test fails with a wrong key, although the service answers 200', async () => {
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
])('the test fails on %s, says what to do, and sends the key nowhere else', async (_name, fault) => {
	rig.service.addFault({ on: 'system_load', do: fault });
	const before = rig.service.requests.length;
	expect(await press()).toEqual({
		status: 'Error',
		message: expect.stringMatching(
			/^Base URL does not answer as this API does.*https:\/\/modelslab\.com\/api$/,
		) as string,
	});
	expect(rig.service.requests).toHaveLength(before + 1);
});

test('the test fails if the connection is refused', async () => {
	expect(await press({ baseUrl: 'http://127.0.0.1:1/api' })).toMatchObject({ status: 'Error' });
});
