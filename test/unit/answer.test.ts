import { holdsJob, readAnswer, type Answer } from '../../nodes/ImgTo3d/api/answer';
import { readRetryAfterHeader } from '../../nodes/ImgTo3d/api/words';
import { isFateUnknown, mayPass, type BadAnswer } from '../../nodes/ImgTo3d/api/judge';
import { describeProblem } from '../../nodes/ImgTo3d/api/problems';
import { readRequestError } from '../../nodes/ImgTo3d/api/request-error';
import { STATUS_WORDS } from '../../nodes/ImgTo3d/api/status';

const NOW = Date.UTC(2026, 0, 1);

const read = (
	body: unknown,
	httpCode = 200,
	headers: Record<string, string> = {},
	clean = (text: string) => text,
): Answer =>
	readAnswer({ httpCode, headers, text: typeof body === 'string' ? body : JSON.stringify(body) }, clean, NOW);

test('a processing answer is read with its ID, its ETA and the address for polling', () => {
	expect(
		read({
			status: 'processing',
			tip: 'for faster speed, keep resolution upto 512x512',
			eta: 35.941116006399994,
			messege: 'Try to fetch request after given estimated time',
			fetch_result: 'https://stablediffusionapi.com/api/v3/fetch/10684517',
			id: 10684517,
			output: [],
			meta: {},
		}),
	).toEqual({
		state: 'processing',
		httpCode: 200,
		etaSeconds: 35.941116006399994,
		fetchResult: 'https://stablediffusionapi.com/api/v3/fetch/10684517',
		job: { id: 10684517, output: [], meta: {}, extras: {} },
	});
});

test.each([
	[
		'a list',
		['https://x.example/a.gif', 'ftp://x.example/b.gif', 7, 'data:image/gif;base64,AA'],
		['https://x.example/a.gif'],
	],
	['one URL', 'https://x.example/a.gif', ['https://x.example/a.gif']],
	[
		'two URLs',
		['https://x.example/a.gif', 'http://x.example/b.ply'],
		['https://x.example/a.gif', 'http://x.example/b.ply'],
	],
])('output as %s becomes the usable URLs', (_name, output, expected) => {
	expect(read({ status: 'success', id: 1, output })).toMatchObject({
		state: 'success',
		job: { output: expected },
	});
});

test.each([[[]], [''], [null], [undefined], [{}], [['javascript:alert(1)']], [42]])(
	'success with output %j does not count as success',
	(output) => {
		expect(read({ status: 'success', id: 326, output })).toMatchObject({ state: 'noOutput', id: 326 });
	},
);

test.each<[string, unknown, number, Record<string, string>, number | undefined]>([
	['retry_after', { status: 'error', message: 'Rate limit exceeded', retry_after: 30 }, 429, {}, 30],
	[
		'retry_after as a text',
		{ status: 'error', message: 'Rate limit exceeded', retry_after: '30' },
		429,
		{},
		30,
	],
	['the header', { status: 'error', message: 'Rate limit exceeded' }, 429, { 'retry-after': '7' }, 7],
	['a date in the header', '', 429, { 'retry-after': new Date(NOW + 90_000).toUTCString() }, 90],
	[
		'the tip',
		{ status: 'error', messege: 'Rate limit exceeded', tips: 'please wait for 30 seconds and try again' },
		200,
		{},
		30,
	],
	[
		'minutes in the message',
		{ status: 'error', message: 'Rate limit exceeded, try again in 2 minutes' },
		200,
		{},
		120,
	],
	['nothing', { status: 'error', message: 'Rate limit exceeded' }, 200, {}, undefined],
	['an absurd number', { status: 'error', message: 'Rate limit exceeded', retry_after: 1e12 }, 429, {}, 3600],
	[
		'a negative number',
		{ status: 'error', message: 'Rate limit exceeded', retry_after: -5 },
		429,
		{},
		undefined,
	],
])('a rate limit that asks for a pause by %s', (_name, body, httpCode, headers, seconds) => {
	expect(read(body, httpCode, headers)).toMatchObject({
		state: 'refused',
		reason: expect.stringMatching(/^(rateLimit|queueFull)$/) as string,
	});
	expect((read(body, httpCode, headers) as { retryAfterSeconds?: number }).retryAfterSeconds).toBe(seconds);
});

test.each([
	['Rate limit exceeded. Maximum 5 queued requests allowed.', 'queueFull'],
	['Rate limit exceeded', 'rateLimit'],
])('"%s" is read as %s', (message, reason) => {
	expect(read({ status: 'error', message }, 429)).toMatchObject({ state: 'refused', reason });
});

test.each([
	['Rate limit exceeded. Maximum 5 queued requests allowed.', 5],
	['Rate limit exceeded. Maximum of 15 queued requests.', 15],
	['Rate limit exceeded. Your queue is full.', undefined],
	['Rate limit exceeded. Maximum 100 requests a minute, please queue them.', undefined],
	['Rate limit exceeded. Maximum 0 queued requests allowed.', undefined],
])('the limit in "%s" is %s', (message, limit) => {
	expect((read({ status: 'error', message }, 429) as { queueLimit?: number }).queueLimit).toBe(limit);
});

test('the ID in an error is kept', () => {
	for (const httpCode of [200, 429, 500]) {
		expect(read({ status: 'error', message: 'x', id: 326 }, httpCode)).toMatchObject({ id: 326 });
	}
});

test.each([
	['ECONNREFUSED', 'refused', false],
	['ENOTFOUND', 'unresolved', false],
	['SELF_SIGNED_CERT_IN_CHAIN', 'certificate', false],
	['ERR_TLS_CERT_ALTNAME_INVALID', 'certificate', false],
	// A server without TLS, or with another version of it.
	['EPROTO', 'handshake', false],
	// These can come after the request was sent.
	['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'interrupted', true],
	['EHOSTUNREACH', 'interrupted', true],
	['ETIMEDOUT', 'timeout', true],
	['ECONNRESET', 'interrupted', true],
	['something else', 'interrupted', true],
])('a submit that ends with %s counts as %s, and may have been accepted: %s', (code, reason, isUnknown) => {
	const inN8nsError = { name: 'NodeApiError', cause: { code } };
	const answer = readRequestError(inN8nsError);
	expect(answer.reason).toBe(reason);
	expect(isFateUnknown(answer)).toBe(isUnknown);
});

test.each(['SsrfBlockedIpError', 'SsrfBlockedHostnameError'])(
	'a request that n8n blocks (%s) was certainly not sent',
	(name) => {
		const answer = readRequestError({ name: 'NodeApiError', cause: { name: 'AxiosError', cause: { name } } });
		expect(answer).toMatchObject({ reason: 'blocked', detail: 'N8N_SSRF_PROTECTION_ENABLED' });
		expect([isFateUnknown(answer), mayPass(answer)]).toEqual([false, false]);
	},
);

test('a Retry-After in the past asks for no pause, and neither does nonsense', () => {
	const date = new Date(NOW - 5000).toUTCString();
	expect(readRetryAfterHeader({ 'retry-after': date }, NOW)).toBe(0);
	expect(readRetryAfterHeader({ 'retry-after': 'soon' }, NOW)).toBeUndefined();
});

test('a Retry-After asks for an hour at most, also if a page has it', () => {
	expect(readRetryAfterHeader({ 'retry-after': '1e12' }, NOW)).toBe(3600);
	expect(readRetryAfterHeader({ 'retry-after': new Date(NOW + 1e9).toUTCString() }, NOW)).toBe(3600);
	expect(read('<html>', 503, { 'retry-after': '99999' })).toMatchObject({ retryAfterSeconds: 3600 });
});

test('a Retry-After that is a date goes by the clock of the server that sent it', () => {
	const at = (ms: number) => new Date(NOW + ms).toUTCString();
	const dayLater = 86_400_000;
	expect(readRetryAfterHeader({ 'retry-after': at(dayLater + 7000), date: at(dayLater) }, NOW)).toBe(7);
});

test.each([200, 303, 404, 408, 500, 503])(
	'the status decides, also with HTTP %d: "success" means that the submit was accepted',
	(httpCode) => {
		expect(read({ status: 'success', output: ['https://x.example/a.gif'] }, httpCode).state).toBe('success');
	},
);

test('an answer that is nested too deeply is unreadable', () => {
	const deep = `{"status":"success","output":["https://x.example/a.gif"],"meta":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
	expect(read(deep)).toMatchObject({ state: 'unreadable', why: 'the answer is nested too deeply' });
});

test.each<[object, unknown]>([
	[{ id: 326 }, 326],
	[{ data: { request_id: 'gen/123' } }, 'gen/123'],
	[{ eta: 5 }, undefined],
	[{ status: 'processing' }, undefined],
])('but the job that it shows is kept: %j', (body, id) => {
	const deep = `{"meta":${'['.repeat(500)}${']'.repeat(500)},${JSON.stringify(body).slice(1)}`;
	for (const httpCode of [200, 303, 400, 401, 404, 503]) {
		const answer = read(deep, httpCode);
		expect([holdsJob(answer), 'id' in answer ? answer.id : undefined]).toEqual([true, id]);
		expect(holdsJob(read(deep.replace(/"(?:id|request_id|eta|status)"/, '"x"'), httpCode))).toBe(false);
	}
});

test('a "__proto__" in an answer stays an ordinary name', () => {
	const answer = read(
		'{"status":"success","id":1,"output":["https://x.example/a.gif"],"meta":{"__proto__":{"polluted":1}}}',
	);
	expect(({} as { polluted?: number }).polluted).toBeUndefined();
	expect(JSON.stringify(answer)).toContain('"__proto__":{"polluted":1}');
});

test('the quoted words of the service are one short line', () => {
	const answer = read({ status: 'error', message: `a\n\tb ${'x'.repeat(1000)}` }) as { message: string };
	expect(answer.message).toMatch(/^a b x+\.\.\.$/);
	expect(answer.message).toHaveLength(300);
});

describe('an answer that holds a job', () => {
	test.each<[string, object, unknown]>([
		['an ID', { id: 326 }, 326],
		['an ID of another kind', { request_id: 'gen/123' }, 'gen/123'],
		['a nested ID', { data: { job: { id: 'a.b.c' } } }, 'a.b.c'],
		['an ID in a list', { jobs: [{ id: -5 }] }, -5],
		['an address for polling', { fetch_result: 'https://x.example/api/v3/fetch/job%3A7' }, 'job:7'],
		['another address', { fetch_result: 'https://x.example/later' }, undefined],
		['an ETA', { eta: 0 }, undefined],
		['an output', { output: ['x'] }, undefined],
		['links to future files', { future_links: ['x'] }, undefined],
		['mirrors', { proxy_links: ['x'] }, undefined],
	])('by %s', (_name, body, id) => {
		for (const status of ['error', 'failed', 'dreaming', undefined]) {
			for (const httpCode of [200, 303, 400, 403, 404, 409, 422, 429, 500]) {
				const answer = read({ status, message: 'Too many requests', ...body }, httpCode);
				expect(holdsJob(answer)).toBe(true);
				expect('id' in answer ? answer.id : undefined).toBe(id);
			}
		}
	});

	test.each<[string, object]>([
		['empty', { id: '', output: '', eta: null, fetch_result: '', future_links: [], proxy_links: [''] }],
		['null', { id: null, request_id: null, output: null }],
		['the name of a field', { message: { id: ['The id field is required.'] }, errors: { id: 'required' } }],
	])('not by a value that is %s', (_name, body) => {
		expect(holdsJob(read({ status: 'error', ...body }))).toBe(false);
	});

	test('also if it broke off', () => {
		const cut = '{"status":"processing","tip":"x","id":10684518,"outp';
		expect(read(cut)).toMatchObject({ state: 'unreadable', id: 10684518, hasEvidence: true });
		expect(holdsJob(read('{"status":"processing","id":106845'))).toBe(false);
	});
});

test.each([
	['1234567890123456789', '1234567890123456789'],
	['1e21', '1e21'],
	['-1.50', '-1.50'],
	['-5', -5],
	['326', 326],
	['"326"', '326'],
	['"a\\u002fb"', 'a/b'],
])('the ID %s is kept as it was written', (written, id) => {
	const answer = read(`{"status":"processing","meta":{"seed":12345678901234567890},"id" : ${written} }`);
	expect(answer).toMatchObject({ state: 'processing', job: { id } });
});

test('a byte order mark before an answer is skipped', () => {
	expect(read('\uFEFF{"status":"processing","id":1}')).toMatchObject({ state: 'processing', job: { id: 1 } });
});

test.each([
	['Queue is full', 'queueFull'],
	['Too many requests', 'rateLimit'],
	['Please fund your wallet.', 'credits'],
	['Your credits are exhausted', 'credits'],
	['Monthly limit exceeded, upgrade subscription', 'credits'],
	['Subscribe to a plan first.', 'credits'],
	['Request not found', 'notFound'],
	['Not found', 'notFound'],
])('"%s" with HTTP 200 is read as %s', (message, reason) => {
	for (const field of ['message', 'messege']) {
		expect(read({ status: 'error', [field]: message })).toMatchObject({ state: 'refused', reason });
	}
});

test('a body with the length of the queue counts as a limit', () => {
	const answer = read({ status: 'failed', message: 'Try later', current_queue: 5, id: '' });
	expect(answer).toMatchObject({ state: 'refused', reason: 'queueFull', hasEvidence: false });
});

test('the error of an unknown status names each status that the node knows', () => {
	const answer = read({ status: 'paused' });
	expect(answer).toMatchObject({ state: 'unknownStatus', word: 'paused' });
	const { description } = describeProblem(answer as BadAnswer, 'fetch');
	for (const word of STATUS_WORDS) expect(description).toContain(word);
});
