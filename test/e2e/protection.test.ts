import { PACKAGE } from '../../n8n/real/n8n.mts';
import { API_KEY, CREDENTIAL_TYPE, startWorld, type World } from '../../n8n/real/worlds.mts';
import { serve, type TestServer } from '../support/http.mts';
import { RESOLVED } from './loopback.mts';
import { startWorkflow, waitForResult } from './suite.mts';

/** n8n may send requests to the stand-in service, and to nothing else on this machine. */
const PROTECTED = { N8N_SSRF_PROTECTION_ENABLED: 'true', N8N_SSRF_ALLOWED_IP_RANGES: '127.0.0.1/32' };

describe.each([
	['without', {}],
	['with', PROTECTED],
])('n8n 2.41.1 %s its own protection', (_how, env) => {
	const isProtected = env === PROTECTED;
	let world: World;
	let secret: TestServer;
	let requests = 0;
	beforeAll(async () => {
		secret = await serve((_request, response) => {
			requests += 1;
			response.end('GIF89a');
		}, RESOLVED.address);
		world = await startWorld({ version: '2.41.1', env: { ...RESOLVED.env, ...env } });
	});
	afterAll(async () => {
		await world?.stop();
		await secret?.close();
	});

	test(`a public name that resolves to a private address ${isProtected ? 'gets no request' : 'gets a request'}`, async () => {
		const { id, name } = await world.main.createCredential('Public', CREDENTIAL_TYPE, {
			apiKey: API_KEY,
			service: 'other',
			baseUrl: 'https://api.invalid/api',
		});
		const webhookId = 'a-public-name';
		const saved = await world.main.importWorkflow({
			name: 'Protection',
			nodes: [
				{
					id: 'trigger',
					name: 'Trigger',
					type: `${PACKAGE}.imgTo3dTrigger`,
					typeVersion: 1,
					position: [0, 0],
					webhookId,
					parameters: { verify: 'none' },
					credentials: { [CREDENTIAL_TYPE]: { id, name } },
				},
			],
			connections: {},
		});
		await world.main.publish(saved);
		const output = [`http://${RESOLVED.name}:${new URL(secret.origin).port}/secret.gif`];
		await world.main.call(`/webhook/${webhookId}/webhook`, { status: 'success', id: 5, output });
		const execution = await world.main.waitForLatest(saved.id, ['success', 'error']);
		const { status, data } = await world.main.readExecution(execution);
		if (!isProtected) {
			expect([status, requests]).toEqual(['success', 1]);
			return;
		}
		expect([status, requests]).toEqual(['error', 0]);
		expect(data.resultData.error?.message).toBe(
			'Job 5 is done, but its file could not be downloaded: n8n does not allow requests to its address (N8N_SSRF_PROTECTION_ENABLED)',
		);
	});

	test(`a Base URL at such an address ${isProtected ? 'is an error, which says that nothing was paid' : 'works'}`, async () => {
		const { port } = new URL(world.service.origin);
		const credential = await world.main.createCredential('Private', CREDENTIAL_TYPE, {
			apiKey: API_KEY,
			service: 'other',
			baseUrl: isProtected ? `http://127.0.0.3:${port}/api` : world.service.baseUrl,
		});
		const node = { credentials: { [CREDENTIAL_TYPE]: { id: credential.id, name: credential.name } } };
		const { status, error } = await waitForResult(world, await startWorkflow(world, {}, node));
		if (!isProtected) {
			expect(status).toBe('success');
			return;
		}
		expect(error?.message).toBe(
			'mug.jpg: N8n does not allow requests to that address (N8N_SSRF_PROTECTION_ENABLED)',
		);
		expect(error?.description).toMatch(/No job was accepted, so nothing was paid\./);
	});
});
