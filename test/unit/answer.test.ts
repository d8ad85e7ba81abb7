import { readAnswer, readId, retryAfterHeader, type Answer } from '../../nodes/ImgTo3d/api/answer';
import { isFateUnknown, mayPass } from '../../nodes/ImgTo3d/api/problems';
import { unanswered } from '../../nodes/ImgTo3d/api/service';

const NOW = Date.UTC(2026, 0, 1);

const read = (
	body: unknown,
	httpCode = 200,
	headers: Record<string, string> = {},
	clean = (text: string) => text,
): Answer =>
	readAnswer({ httpCode, headers, text: typeof body === 'string' ? body : JSON.stringify(body) }, clean, NOW);

test('a processing answer brings id, eta and the address to ask, whatever their spelling', () => {
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
	'success with output %j is no success',
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
	['something absurd', { status: 'error', message: 'Rate limit exceeded', retry_after: 1e12 }, 429, {}, 3600],
	[
		'something negative',
		{ status: 'error', message: 'Rate limit exceeded', retry_after: -5 },
		429,
		{},
		undefined,
	],
])('a rate limit that names its time by %s', (_name, body, httpCode, headers, seconds) => {
	expect(read(body, httpCode, headers)).toMatchObject({
		state: 'refused',
		reason: expect.stringMatching(/^(rateLimit|queueFull)$/) as string,
	});
	expect((read(body, httpCode, headers) as { retryAfterSeconds?: number }).retryAfterSeconds).toBe(seconds);
});

test.each([
	['Rate limit exceeded. Maximum 5 queued requests allowed.', 'queueFull'],
	['Rate limit exceeded', 'rateLimit'],
])('"%s" is told as %s', (message, reason) => {
	expect(read({ status: 'error', message }, 429)).toMatchObject({ state: 'refused', reason });
});

test.each([
	['Rate limit exceeded. Maximum 5 queued requests allowed.', 5],
	['Rate limit exceeded. Maximum of 15 queued requests.', 15],
	['Rate limit exceeded. Your queue is full.', undefined],
	['Rate limit exceeded. Maximum 100 requests a minute, please queue them.', undefined],
	['Rate limit exceeded. Maximum 0 queued requests allowed.', undefined],
])('the limit that "%s" names is %s', (message, limit) => {
	expect((read({ status: 'error', message }, 429) as { queueLimit?: number }).queueLimit).toBe(limit);
});

test('an id in an error is kept', () => {
	for (const httpCode of [200, 429, 500]) {
		expect(read({ status: 'error', message: 'x', id: 326 }, httpCode)).toMatchObject({ id: 326 });
	}
});

test.each([
	['ECONNREFUSED', 'refused', false],
	['ENOTFOUND', 'unresolved', false],
	['SELF_SIGNED_CERT_IN_CHAIN', 'certificate', false],
	['ERR_TLS_CERT_ALTNAME_INVALID', 'certificate', false],
	// These can come after the request was sent.
	['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'interrupted', true],
	['EPROTO', 'interrupted', true],
	['EHOSTUNREACH', 'interrupted', true],
	['ETIMEDOUT', 'timeout', true],
	['ECONNRESET', 'interrupted', true],
	['something else', 'interrupted', true],
])(
	'a submit that ends with %s was %s, and whether it may have been accepted: %s',
	(code, reason, isUnknown) => {
		const inN8nsError = { name: 'NodeApiError', cause: { code } };
		const answer = unanswered(inN8nsError);
		expect(answer.reason).toBe(reason);
		expect(isFateUnknown(answer)).toBe(isUnknown);
	},
);

test.each(['SsrfBlockedIpError', 'SsrfBlockedHostnameError'])(
	'what n8n blocks (%s) was certainly not sent',
	(name) => {
		const answer = unanswered({ name: 'NodeApiError', cause: { name: 'AxiosError', cause: { name } } });
		expect(answer).toMatchObject({ reason: 'blocked', detail: 'N8N_SSRF_PROTECTION_ENABLED' });
		expect([isFateUnknown(answer), mayPass(answer)]).toEqual([false, false]);
	},
);

test('a Retry-After in the past asks for no wait, and nonsense for none either', () => {
	expect(retryAfterHeader(new Date(NOW - 5000).toUTCString(), NOW)).toBe(0);
	expect(retryAfterHeader('soon', NOW)).toBeUndefined();
});

test.each([500, 502, 503, 504, 408])('HTTP %d is trouble, also when the body says success', (httpCode) => {
	expect(read({ status: 'success', output: ['https://x.example/a.gif'] }, httpCode).state).toBe('trouble');
});

test('only ids that are safe in a path count as ids', () => {
	expect([326, '326', 'a-b_C9'].map(readId)).toEqual([326, '326', 'a-b_C9']);
	for (const id of ['', '../x', 'a b', 'a/b', 'a?b', -1, 1.5, Infinity, {}, null, ['7'], 'x'.repeat(201)]) {
		expect(readId(id)).toBeUndefined();
	}
});

test('a nesting too deep to walk is unreadable', () => {
	const deep = `{"status":"success","output":["https://x.example/a.gif"],"meta":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
	expect(read(deep)).toMatchObject({ state: 'unreadable', why: 'the answer is nested too deeply' });
});

test('a "__proto__" in an answer stays an ordinary name', () => {
	const answer = read(
		'{"status":"success","id":1,"output":["https://x.example/a.gif"],"meta":{"__proto__":{"polluted":1}}}',
	);
	expect(({} as { polluted?: number }).polluted).toBeUndefined();
	expect(JSON.stringify(answer)).toContain('"__proto__":{"polluted":1}');
});

test('the quoted words of the service are one line, and not long', () => {
	const answer = read({ status: 'error', message: `a\n\tb ${'x'.repeat(1000)}` }) as { message: string };
	expect(answer.message).toMatch(/^a b x+\.\.\.$/);
	expect(answer.message).toHaveLength(300);
});
