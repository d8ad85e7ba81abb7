import axios from 'axios';

import { KEY, openStandIn, QUICK, type StandIn } from './stand-in.mts';

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn({ jobSeconds: 0 });
});
afterEach(async () => {
	await standIn.close();
});

/** Calls the stand-in as a page in somebody's browser could. */
async function call(
	path: string,
	headers: Record<string, string>,
	body: unknown = { key: KEY, prompt: 'a cup', ...QUICK },
) {
	const { status, data } = await axios.post<Record<string, unknown>>(
		`${standIn.api.origin}${path}`,
		JSON.stringify(body),
		{ headers: { 'Content-Type': 'application/json', ...headers }, validateStatus: () => true, proxy: false },
	);
	return { status, data };
}

describe('a request whose Host is not this machine', () => {
	test.each([
		'evil.example',
		'evil.example:3003',
		'127.0.0.1.evil.example',
		'192.168.1.5',
		'[2001:db8::1]',
		'..',
	])('is refused: %s', async (host) => {
		for (const path of ['/api/v3/txt_to_3d', '/local-api/faults', '/nowhere']) {
			expect(await call(path, { Host: host })).toMatchObject({ status: 403 });
		}
		expect(standIn.api.jobs).toHaveLength(0);
	});

	test('gets no file either', async () => {
		const { status } = await axios.get(`${standIn.api.origin}/samples/mug.jpg`, {
			headers: { Host: 'evil.example' },
			validateStatus: () => true,
			proxy: false,
		});
		expect(status).toBe(403);
	});

	test.each(['localhost:3003', '127.0.0.1', '127.0.0.2:80', '[::1]:3003', 'host.docker.internal:3003'])(
		'but not %s',
		async (host) => {
			expect(await call('/api/v3/system_load', { Host: host })).toMatchObject({ status: 200 });
		},
	);
});

describe('a body that is not JSON by its content type', () => {
	test.each([
		'text/plain',
		'application/x-www-form-urlencoded',
		'multipart/form-data; boundary=x',
		'application/jsonp',
	])('is refused: %s', async (type) => {
		const { data } = await call('/api/v3/txt_to_3d', { 'Content-Type': type });
		expect(data).toMatchObject({ status: 'error', message: 'Invalid Api Key' });
		const fault = { on: 'submit', do: { kind: 'code', status: 500 } };
		expect(await call('/local-api/faults', { 'Content-Type': type }, fault)).toMatchObject({ status: 415 });
		expect(standIn.api.jobs).toHaveLength(0);
		expect((await standIn.submit()).status).toBe(200);
	});
});
