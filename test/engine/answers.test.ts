import type { Fault } from '../../local-api/index.mts';
import { API_KEY, openRig, type Rig, type Result } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 10 });
});
afterEach(async () => {
	await rig.close();
});

const answer = (body: unknown, status = 200, headers: Record<string, string> = {}): Fault['do'] => ({
	kind: 'answer',
	body,
	status,
	headers,
});

/** The right answer without one of its fields. */
const without = (field: string) => (body: Record<string, unknown>) =>
	Object.fromEntries(Object.entries(body).filter(([name]) => name !== field));

const IMAGE = { operation: 'imageTo3d', download: false };

const run = async (parameters: Record<string, never> | object = {}): Promise<Result> =>
	await rig.run({ ...IMAGE, image: rig.picture, ...parameters });

const submits = () => rig.service.requests.filter(({ path }) => path === '/api/v3/img_to_3d');
const polls = () => rig.service.requests.filter(({ path }) => path.includes('/fetch/'));

/** What all errors of the service have in common. */
function expectApiError(result: Result): NonNullable<Result['error']> {
	const { error } = result;
	expect(error?.name).toBe('NodeApiError');
	expect(error?.message).not.toMatch(/\n/);
	expect(error?.description).toMatch(/\w{3,}.*\./);
	expect(error?.context?.itemIndex).toBe(0);
	expect(JSON.stringify(result.run)).not.toContain(API_KEY);
	return error!;
}

describe('a submit that gets an error', () => {
	test.each<[string, Fault['do'], string, RegExp, string]>([
		[
			'a wrong key, with HTTP 200',
			answer({
				status: 'error',
				message: 'Invalid Api Key',
				tip: '1. Make sure you are passing Content-Type 2. Check your JSON on jsonlint.com 3. Make sure you have valid API key.',
			}),
			'The service does not accept the API key: Invalid Api Key',
			/Open the credential.* save it: n8n tests it\. The service says: 3\. Make sure you have valid API key\. No job was accepted, so nothing was paid\.$/,
			'200',
		],
		[
			'an empty wallet',
			answer({ status: 'error', message: 'Insufficient credits. Please add more credits to continue.' }, 402),
			'The account has no credits left: Insufficient credits. Please add more credits to continue.',
			/Add credits/,
			'402',
		],
		[
			'messages by field',
			answer({
				status: 'error',
				message: { prompt: ['The prompt field is required.'], seed: ['Bad.', 'Odd.'] },
			}),
			'The service refused the call: prompt: The prompt field is required.; seed: Bad. Odd.',
			/Correct what the service names/,
			'200',
		],
		[
			'the older spelling, with tips',
			answer({ status: 'error', messege: 'No such model', tips: 'use another one' }),
			'The service refused the call: No such model',
			/The service says: use another one/,
			'200',
		],
		[
			'an image it cannot fetch',
			answer({ status: 'error', message: 'Unable to fetch image from provided URL' }),
			'The service could not fetch the image: Unable to fetch image from provided URL',
			/open to the internet/,
			'200',
		],
		[
			'a failure at once',
			answer({ status: 'failed', id: '', message: 'Failed, Try Again', output: '' }),
			'The service answered "failed": Failed, Try Again',
			/run the item again\. No job was accepted, so nothing was paid\.$/,
			'200',
		],
		[
			'403 as JSON',
			answer({ status: 'error', message: 'Your plan has no 3D.' }, 403),
			'The service forbids the call, HTTP 403: Your plan has no 3D.',
			/plan/,
			'403',
		],
		[
			'407, of a proxy',
			answer('<html><body>Proxy Authentication Required</body></html>', 407),
			'The call was refused, and not by the API itself, HTTP 407: Proxy Authentication Required',
			/^A proxy may be answering instead of the service\. No job was accepted/,
			'407',
		],
		[
			'404 with a web page, as of a wrong Base URL',
			answer('<html><body>Page not found</body></html>', 404),
			'The service does not know what was asked for, HTTP 404: Page not found',
			/check Service in the credential\. A Base URL must end in \/api.*A proxy may be answering/,
			'404',
		],
		[
			'400 without a status',
			answer({ message: 'Bad body' }, 400),
			'The service refused the call, HTTP 400: Bad body',
			/Correct/,
			'400',
		],
		[
			'a redirect',
			{ kind: 'redirect', status: 308, location: 'https://modelslab.com/api/v3/img_to_3d' },
			'The service redirects to modelslab.com, and the key is not sent there. Check Service in the credential',
			/select it as Service in the credential, or enter its API as Base URL, for example https:\/\/modelslab\.com\/api\. No job was accepted/,
			'308',
		],
	])('%s', async (_name, fault, message, description, httpCode) => {
		rig.service.addFault({ on: 'submit', do: fault });
		const error = expectApiError(await run());
		expect(error.message).toBe(message);
		expect(error.description).toMatch(description);
		expect(error.message + error.description).not.toMatch(/may have been accepted/);
		expect(error.httpCode).toBe(httpCode);
		expect(submits()).toHaveLength(1);
	});

	test.each<[string, Fault['do'], string, string | null]>([
		[
			'500 with JSON',
			answer({ status: 'error', message: 'Server Error' }, 500),
			'The service is in trouble, HTTP 500: Server Error',
			'500',
		],
		[
			'502 with a web page',
			answer('<html><body>Bad gateway</body></html>', 502),
			'The service is in trouble, HTTP 502: Bad gateway',
			'502',
		],
		['504 with nothing', answer('', 504), 'The service is in trouble, HTTP 504', '504'],
		['a web page with 200', answer('<!doctype html><p>Hello'), 'The answer is a web page (HTTP 200)', '200'],
		['an empty answer', answer(''), 'The answer is empty (HTTP 200)', '200'],
		['JSON that is cut off', answer('{"status":"succ'), 'The answer is not JSON (HTTP 200)', '200'],
		['a list', answer([1, 2]), 'The answer is a list instead of an object (HTTP 200)', '200'],
		['no status', answer({ hello: 'world' }), 'The answer has no status (HTTP 200)', '200'],
		[
			'an unknown status',
			answer({ status: 'dreaming' }),
			'The service answered with the unknown status "dreaming"',
			'200',
		],
		[
			'403 with a web page',
			answer('<html><head><title>x</title></head><body><h1>Forbidden</h1></body></html>', 403),
			'Something forbids the call, HTTP 403: x Forbidden',
			'403',
		],
		['409 with nothing', answer('', 409), 'The call was refused, and not by the API itself, HTTP 409', '409'],
		[
			'303 without a job',
			{ kind: 'redirect', status: 303, location: 'https://modelslab.com/api/x' },
			'The service redirects to modelslab.com, and the key is not sent there. Check Service in the credential',
			'303',
		],
		[
			'a passing trouble with HTTP 200',
			answer({ status: 'error', message: 'Internal server error. Please try again.' }),
			'The service is in trouble: Internal server error. Please try again.',
			'200',
		],
		[
			'a connection reset before the answer',
			{ kind: 'reset', when: 'before' },
			'The connection broke before the answer was complete (ECONNRESET)',
			null,
		],
	])(
		'%s: the error says that the job may have been paid for, and the submit is not repeated',
		async (_name, fault, message, httpCode) => {
			rig.service.addFault({ on: 'submit', accept: true, do: fault });
			const error = expectApiError(await run());
			expect(error.message).toBe(`${message.replace(/\.$/, '')}. The job may have been accepted and paid`);
			expect(error.description).toMatch(/This node and Retry On Fail do not submit it again/);
			expect(error.httpCode).toBe(httpCode);
			expect(submits()).toHaveLength(1);
			expect(rig.service.jobs).toHaveLength(1);
		},
	);

	test('ends at Timeout if there is no answer', async () => {
		rig.clock.patienceMs = 500;
		rig.service.addFault({ on: 'submit', accept: true, do: { kind: 'hang' } });
		const error = expectApiError(await run({ options: { timeout: 40 } }));
		expect(error.message).toBe(
			'No answer came in time (after 40 s). The job may have been accepted and paid',
		);
		expect(submits()).toHaveLength(1);
	});

	test('whose answer has no ID: the error says that the job was accepted and paid for', async () => {
		rig.service.addFault({ on: 'submit', accept: true, do: answer({ status: 'processing', output: [] }) });
		const error = expectApiError(await run());
		expect(error.message).toBe('The job was accepted and paid for, but the answer has no ID');
		expect(error.description).toMatch(/This node and Retry On Fail do not submit it again/);
		expect(submits()).toHaveLength(1);
	});

	test('where the connection is refused: the submit is repeated a few times, and nothing is paid', async () => {
		rig.setCredential({ baseUrl: 'http://127.0.0.1:1/api' });
		const start = rig.clock.now();
		const error = expectApiError(await run());
		expect(error.message).toBe('The connection was refused (ECONNREFUSED)');
		expect(error.description).toMatch(/Check Service in the credential.*nothing was paid/);
		expect(rig.clock.now() - start).toBeGreaterThan(10_000);
	});
});

/** The server's clock is wrong by a day. */
const DATED = answer('', 429, {
	date: 'Fri, 02 Jan 2026 00:00:00 GMT',
	'retry-after': 'Fri, 02 Jan 2026 00:00:20 GMT',
});

describe('the rate limit', () => {
	test.each<[string, Fault['do'], number]>([
		[
			'429 with retry_after',
			answer(
				{
					status: 'error',
					message: 'Rate limit exceeded. Maximum 5 queued requests allowed.',
					retry_after: 30,
				},
				429,
			),
			30,
		],
		['429 with a Retry-After header', answer('', 429, { 'retry-after': '12' }), 12],
		['429 with a Retry-After date', DATED, 20],
		[
			'HTTP 200 with a tip',
			answer({
				status: 'error',
				messege: 'Rate limit exceeded',
				tips: 'spam filter is enabled, please wait for 45 seconds and try again',
			}),
			45,
		],
		['no time named', answer({ status: 'error', message: 'Rate limit exceeded' }, 429), 10],
	])(
		'%s: the submit is repeated after that time, and the job is paid once',
		async (_name, fault, seconds) => {
			rig.service.addFault({ on: 'submit', do: fault });
			// A free slot would be a reason to submit sooner.
			const count = answer({ status: 'success', processing_count: 5 });
			rig.service.addFault({ on: 'account', times: 100, do: count });
			const { items } = await run();
			expect(items[0]?.json).toMatchObject({ status: 'success' });
			const [first, second] = submits();
			expect((second?.at ?? 0) - (first?.at ?? 0)).toBe(seconds * 1000);
			expect(rig.service.jobs).toHaveLength(1);
		},
	);

	test('that lasts until Timeout is an error, without a submit sooner than the service wants', async () => {
		rig.service.addFault({
			on: 'submit',
			times: Infinity,
			do: answer({ status: 'error', message: 'Rate limit exceeded', retry_after: 50 }, 429),
		});
		const error = expectApiError(await run({ options: { timeout: 120 } }));
		expect(error.message).toBe('The service kept refusing because of its rate limit: Rate limit exceeded');
		expect(error.httpCode).toBe('429');
		const [first = NaN, ...later] = submits().map(({ at }) => at);
		expect(later.map((at) => (at - first) / 1000)).toEqual([50, 105]);
	});
});

describe('a poll', () => {
	test.each<[string, Fault['do']]>([
		['503', answer('busy', 503)],
		['429', answer({ status: 'error', message: 'Rate limit exceeded', retry_after: 3 }, 429)],
		['a reset connection', { kind: 'reset', when: 'before' }],
		['a cut answer', { kind: 'truncate' }],
		['a web page', answer('<html>maintenance</html>')],
		['an empty answer', answer('')],
	])('that gets %s is repeated', async (_name, fault) => {
		rig.service.addFault({ on: 'fetch', times: 2, do: fault });
		const { items, error } = await run();
		expect(error).toBeUndefined();
		expect(items[0]?.json).toMatchObject({ id: rig.service.jobs[0]?.id, status: 'success' });
		expect(polls().length).toBeGreaterThanOrEqual(3);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test('is repeated through an outage of minutes', async () => {
		rig.service.addFault({ on: 'fetch', times: 12, do: answer('', 502) });
		const { items } = await run();
		expect(items[0]?.json).toMatchObject({ status: 'success' });
	});

	test('without an answer is given up after a minute and repeated', async () => {
		rig.clock.patienceMs = 500;
		rig.service.addFault({ on: 'fetch', do: { kind: 'hang' } });
		const start = rig.clock.now();
		const { items } = await run();
		expect(items[0]?.json).toMatchObject({ status: 'success' });
		expect(rig.clock.now() - start).toBeLessThan(80_000);
	});

	test.each<[string, Fault['do'], RegExp]>([
		[
			'a wrong key',
			answer({ status: 'error', message: 'Invalid Api Key' }),
			/^Job \d+: the service does not accept the API key/,
		],
		[
			'success without a file',
			answer({ status: 'success', output: '' }),
			/^Job \d+: the service says "success", but names no file that can be fetched/,
		],
	])('that keeps getting %s ends in an error with the ID', async (_name, fault, message) => {
		rig.service.addFault({ on: 'fetch', times: Infinity, do: fault });
		const error = expectApiError(await run());
		const id = String(rig.service.jobs[0]?.id);
		expect(error.message).toMatch(message);
		expect(error.message).toContain(id);
		expect(error.description).toMatch(/Get Result/);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test.each<[string, Fault['do']]>([
		['an unknown status', answer({ status: 'paused', id: 1 })],
		['404', answer('', 404)],
		['a redirect', { kind: 'redirect', status: 301, location: 'https://elsewhere.example/x' }],
	])('that keeps getting %s is repeated until Timeout', async (_name, fault) => {
		rig.service.addFault({ on: 'fetch', times: Infinity, do: fault });
		const error = expectApiError(await run({ options: { timeout: 300 } }));
		expect(error.message).toBe(`Job ${rig.service.jobs[0]?.id}: not finished after 300 s (Timeout)`);
		expect(error.description).toMatch(/The last poll failed: .*Get Result/);
		expect(rig.service.jobs).toHaveLength(1);
	});

	test("of a failed job ends in an error with its ID and the service's reason", async () => {
		rig.service.addFault({
			on: 'submit',
			do: { kind: 'failJob', message: 'Processing failed: Invalid input dimensions' },
		});
		const error = expectApiError(await run());
		expect(error.message).toBe(
			`Job ${rig.service.jobs[0]?.id}: the service ended the job as failed: Processing failed: Invalid input dimensions`,
		);
	});

	test('of a job that does not end is an error with its ID at Timeout', async () => {
		rig.service.configure({ jobSeconds: 1e6, eta: 'missing' });
		const start = rig.clock.now();
		const error = expectApiError(await run({ options: { timeout: 300 } }));
		expect(error.message).toBe(`Job ${rig.service.jobs[0]?.id}: not finished after 300 s (Timeout)`);
		expect(error.description).toMatch(/paid for and not lost.*Get Result/);
		expect(rig.clock.now() - start).toBe(300_000);
		expect(polls().length).toBeLessThan(40);
	});

	test.each<[string, (body: Record<string, unknown>) => Record<string, unknown>]>([
		['without eta', without('eta')],
		['with an eta as text', (body) => ({ ...body, eta: '8.5' })],
		['without fetch_result', without('fetch_result')],
		['with fetch_result on another host', (body) => ({ ...body, fetch_result: 'http://127.0.0.2:9/steal' })],
		['with output as empty text', (body) => ({ ...body, output: '' })],
		['with output null', (body) => ({ ...body, output: null })],
		['with an id as text', (body) => ({ ...body, id: String(body.id) })],
		['with the id in fetch_result only', without('id')],
	])('follows a job to its end after a processing answer %s', async (_name, edit) => {
		rig.service.addFault({ on: 'submit', do: { kind: 'edit', edit } });
		const { items, error } = await run();
		expect(error).toBeUndefined();
		expect(items[0]?.json).toMatchObject({ status: 'success', output: rig.service.jobs[0]?.outputs });
		expect(String(items[0]?.json.id)).toBe(String(rig.service.jobs[0]?.id));
	});

	test('keeps what the first answer said, if the last one leaves it out', async () => {
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit: without('meta') } });
		const { items } = await run({ settings: { seed: '7' } });
		expect(items[0]?.json).toMatchObject({ meta: { seed: 7 } });
	});
});

describe('Get Result', () => {
	test('says that the service does not know a job', async () => {
		const { error } = await rig.run({ operation: 'getResult', jobId: '4711' });
		expect(error?.message).toBe(
			'Job 4711: the service does not know this job in V3 or V6. With another account it may have been accepted and paid',
		);
		expect(error?.description).toMatch(/^Check the Job ID, and that the credential/);
		expect(error?.description).not.toMatch(/run|submit it|new job/);
	});

	test('gives up soon if the connection is refused', async () => {
		rig.setCredential({ baseUrl: 'http://127.0.0.1:1/api' });
		const start = rig.clock.now();
		const { error } = await rig.run({ operation: 'getResult', jobId: '4711' });
		expect(error?.message).toBe('Job 4711: the connection was refused (ECONNREFUSED)');
		expect(rig.clock.now() - start).toBeLessThan(60_000);
	});
});

describe('the key', () => {
	test('is in the body only, even if the service echoes it', async () => {
		rig.service.addFault({
			on: 'submit',
			do: {
				kind: 'edit',
				edit: (body) => ({
					...body,
					key: API_KEY,
					meta: { key: API_KEY, link: `https://x.example/?k=${encodeURIComponent(API_KEY)}`, [API_KEY]: 1 },
				}),
			},
		});
		rig.service.addFault({ on: 'fetch', times: Infinity, do: { kind: 'edit', edit: without('meta') } });
		const { run: execution, items } = await run();
		expect(items[0]?.json.meta).toEqual({ key: '***', link: 'https://x.example/?k=***', '***': 1 });
		expect(JSON.stringify(execution)).not.toContain(API_KEY);
		for (const { path, headers } of rig.service.requests) {
			expect(path + JSON.stringify(headers)).not.toContain(API_KEY);
		}
	});

	test('is sent and masked without the spaces that were pasted with it', async () => {
		rig.setCredential({ apiKey: ` ${API_KEY}\n` });
		rig.service.addFault({
			on: 'submit',
			do: answer({ status: 'error', message: `Invalid Api Key ${API_KEY}` }),
		});
		const error = expectApiError(await run());
		expect(error.message).toMatch(/Invalid Api Key \*\*\*$/);
		expect(submits()[0]?.body).toMatchObject({ key: API_KEY });
	});

	test('is masked in an error that echoes it', async () => {
		rig.service.addFault({
			on: 'submit',
			do: answer({ status: 'error', message: `Key ${API_KEY} is not allowed`, tip: API_KEY }),
		});
		const error = expectApiError(await run());
		expect(error.message).toContain('Key *** is not allowed');
	});

	test('is not sent with a download', async () => {
		await run({ download: true, settings: { frameSize: 16, seconds: 1, steps: 1 } });
		const downloads = rig.service.requests.filter(({ path }) => path.startsWith('/files/'));
		expect(downloads).toHaveLength(1);
		expect(JSON.stringify(downloads)).not.toContain(API_KEY);
	});
});

describe('Base URL', () => {
	test.each(['/', '///', ' '])('works with "%s" at its end', async (tail) => {
		rig.setCredential({ baseUrl: rig.service.baseUrl + tail });
		const { items } = await run();
		expect(items[0]?.json).toMatchObject({ status: 'success' });
		expect(submits()).toHaveLength(1);
	});

	test.each([
		'ftp://example.com/api',
		'stablediffusionapi.com/api',
		'',
		API_KEY,
		'https://me:secret@example.com/api',
	])('"%s" is refused and not quoted, because it may be a key', async (baseUrl) => {
		rig.setCredential({ baseUrl });
		const { error, run: execution } = await run();
		expect(error?.name).toBe('NodeOperationError');
		expect(error?.message).toBe('Base URL in the credential is not an http or https address');
		if (baseUrl) expect(JSON.stringify(execution)).not.toContain(baseUrl);
	});
});
