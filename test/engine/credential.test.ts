import type { ICredentialTestFunctions, INodePropertyOptions } from 'n8n-workflow';

import { StableDiffusionApi } from '../../credentials/StableDiffusionApi.credentials';
import { testCredential } from '../../n8n/engine/credential-test.cts';
import { SERVICES } from '../../nodes/ImgTo3d/api/base-url';
import { testCredential as testWith } from '../../nodes/ImgTo3d/api/credential-test';
import { ImgTo3d } from '../../nodes/ImgTo3d/ImgTo3d.node';
import { ImgTo3dTrigger } from '../../nodes/ImgTo3d/ImgTo3dTrigger.node';
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

const press = async (data: { apiKey?: string; service?: string; baseUrl?: string } = {}) =>
	await testCredential([new ImgTo3dTrigger(), new ImgTo3d()], {
		type: new StableDiffusionApi(),
		data: { apiKey: API_KEY, service: 'other', baseUrl: rig.service.baseUrl, ...data },
	});

const error = (pattern: RegExp) => ({
	status: 'Error',
	message: expect.stringMatching(pattern) as string,
});

test.each(['', '/', '//'])(
	'the test passes with the right key and costs nothing (Base URL ends in "%s")',
	async (tail) => {
		expect(await press({ apiKey: ` ${API_KEY}\n`, baseUrl: rig.service.baseUrl + tail })).toEqual({
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

describe('the test fails, and says what is wrong:', () => {
	test('a wrong key, although the service answers 200', async () => {
		expect(await press({ apiKey: 'wrong-key' })).toEqual(
			error(
				/^API Key: the service does not accept it: Invalid Api Key\. Copy the key again .* belongs to the service at Base URL\.$/,
			),
		);
	});

	test.each(['', ' '])('no key (%j)', async (apiKey) => {
		expect(await press({ apiKey })).toEqual(error(/^API Key: it is empty/));
	});

	const answer = (body: unknown, status = 200, contentType = 'application/json'): Fault['do'] => ({
		kind: 'answer',
		status,
		body,
		contentType,
	});
	test.each<[string, Fault['do'], RegExp]>([
		['a web page', answer('<html>Welcome</html>', 200, 'text/html'), /^Address: what answers there is not/],
		['404', answer('Not here', 404, 'text/plain'), /^Address: what answers there is not this API/],
		['401 of a proxy', answer('<html>', 401, 'text/html'), /^Address: what answers there is not this API/],
		['nothing', answer(''), /^Address: what answers there is not this API.*\/api\.$/],
		['other JSON', answer({ hello: 1 }), /^Address: what answers there is not this API/],
		[
			'a redirect',
			{ kind: 'redirect', status: 308, location: 'https://modelslab.com/api/v3/system_load' },
			/^Address: the service redirects to modelslab\.com, and the key is not sent there\./,
		],
		['trouble', answer('<html>', 503), /^Service: it is in trouble \(HTTP 503\).*Try again later\.$/],
		[
			'a refusal in other words, which may hold the key',
			answer({ status: 'error', message: `no ${API_KEY}` }),
			/^API Key: the service refused the call, most likely because of the key: no \*+/,
		],
		[
			'no credits',
			answer({ status: 'error', message: 'Insufficient credits.' }, 402),
			/^Account: it has no credits left: Insufficient credits\.* The key and the address are right\.$/,
		],
		[
			'a limit',
			answer({ status: 'error', message: 'Rate limit exceeded' }, 429),
			/^Service: it takes no more calls now: Rate limit exceeded\. Try again in a minute\.$/,
		],
		['a reset', { kind: 'reset', when: 'before' }, /^Network: the connection broke .*\(ECONNRESET\)\. Try/],
	])('%s', async (_name, fault, pattern) => {
		rig.service.addFault({ on: 'system_load', do: fault });
		const before = rig.service.requests.length;
		const outcome = await press();
		expect(outcome).toEqual(error(pattern));
		expect(outcome.message).not.toContain(API_KEY);
		expect(rig.service.requests).toHaveLength(before + 1);
	});

	test.each<[string, string, RegExp]>([
		['a refused connection', 'http://127.0.0.1:1/api', /^Address or network: the connection was refused/],
		[
			'a host that does not exist',
			'http://api.service.invalid/api',
			/^Address or network: the host name could not be resolved \(\w+\)\. Check Base URL/,
		],
		['a key in the place of the address', API_KEY, /^Address: Base URL is not an http or https address/],
		['no address', '', /^Address: Base URL is not an http or https address/],
	])('%s', async (_name, baseUrl, pattern) => {
		const outcome = await press({ baseUrl });
		expect(outcome).toEqual(error(pattern));
		expect(outcome.message).not.toContain(API_KEY);
	});
});

describe('the service of the credential', () => {
	const call = async (service: string, request: (options: { uri: string }) => Promise<unknown>) =>
		await testWith.call({ helpers: { request } } as unknown as ICredentialTestFunctions, {
			id: '1',
			name: 'Test',
			type: 'stableDiffusionApi',
			data: { apiKey: API_KEY, service, baseUrl: 'http://own.example/api' },
		});
	const options = new StableDiffusionApi().properties.find(({ name }) => name === 'service')
		?.options as INodePropertyOptions[];

	test.each([
		['modelsLab', 'https://modelslab.com/api/v3/system_load'],
		['stableDiffusionApi', 'https://stablediffusionapi.com/api/v3/system_load'],
		['other', 'http://own.example/api/v3/system_load'],
	])('%s is at %s', async (service, address) => {
		let asked = '';
		const outcome = await call(service, async ({ uri }) => {
			asked = uri;
			return { statusCode: 200, headers: {}, body: '{"queue_num":0}' };
		});
		expect(outcome.status).toBe('OK');
		expect(asked).toBe(address);
		const { name, description } = options.find(({ value }) => value === service) as INodePropertyOptions;
		if (service !== 'other') expect(SERVICES[service]).toEqual({ name, baseUrl: description });
	});

	test('has the right address, if it is offered, so it is the network that fails', async () => {
		const fail = async () => await Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' }));
		expect((await call('modelsLab', fail)).message).toBe(
			'Network: the host name could not be resolved (ENOTFOUND). Check the connection of this n8n to the internet, its DNS and its proxy.',
		);
	});
});
