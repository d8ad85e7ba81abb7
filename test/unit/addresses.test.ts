import { Endpoints } from '../../nodes/ImgTo3d/api/endpoints';
import { findBetterBaseUrl, VERSIONS } from '../../nodes/ImgTo3d/api/versions';
import { isPublicHost } from '../../nodes/ImgTo3d/api/public-address';
import { cleanJson, createKeyRemover } from '../../nodes/ImgTo3d/api/redact';

const hostOf = (host: string) => new URL(`http://${host}/`).hostname;

test.each([
	'example.com',
	'cdn.stablediffusionapi.com',
	'8.8.8.8',
	'172.32.0.1',
	'100.128.0.1',
	'[2606:4700::1111]',
	'192.0.1.1',
	'168.63.129.17',
	'192.88.98.1',
	'[::ffff:8.8.8.8]',
	'[64:ff9b::808:808]',
	'[2002:808:808::]',
	'[2001:200::1]',
	'EXAMPLE.COM.',
	'localhost.example.com',
	'127.0.0.1.nip.io',
])('%s can be on the open internet', (host) => {
	expect(isPublicHost(hostOf(host))).toBe(true);
});

test.each([
	'localhost',
	'localhost.',
	'localhost..',
	'LOCALHOST',
	'public@127.0.0.1',
	'example.com:80@localhost',
	'db',
	'printer.local',
	'a.localhost',
	'metadata.google.internal',
	'metadata.google.internal.',
	'kubernetes.default.svc',
	'redis.default.svc.cluster.local',
	'0.0.0.0',
	'0',
	'127.1',
	'127.0.0.1.',
	'2130706433',
	'0x7f.1',
	'0x7f000001',
	'0177.0.0.1',
	'017700000001',
	'１２７.0.0.1',
	'127。0。0。1',
	'%31%32%37.0.0.1',
	'loc%61lhost',
	'ⓛocalhost',
	'10.1.2.3',
	'172.16.0.1',
	'172.31.255.255',
	'192.168.1.1',
	'169.254.169.254',
	'100.100.100.200',
	'168.63.129.16',
	'192.88.99.1',
	'100.64.0.1',
	'198.18.0.1',
	'224.0.0.1',
	'255.255.255.255',
	'[::]',
	'[::1]',
	'[::ffff:127.0.0.1]',
	'[::ffff:a9fe:a9fe]',
	'[::127.0.0.1]',
	'[fc00::1]',
	'[fd12::1]',
	'[fe80::1]',
	'[64:ff9b::a00:1]',
	'[64:ff9b::169.254.169.254]',
	'[64:ff9b:1::808:808]',
	'[2002:7f00:1::]',
	'[2001:db8::1]',
	'[2001::1]',
	'[2001:2::1]',
	'[3fff::1]',
	'[fec0::1]',
	'[ff02::1]',
	'[100::1]',
])('%s cannot be on the open internet', (host) => {
	expect(isPublicHost(hostOf(host))).toBe(false);
});

test('V6 has its own addresses', () => {
	const endpoints = Endpoints.under('https://modelslab.com/api') as Endpoints;
	expect(endpoints.buildSubmitUrl('v6', 'imageTo3d')).toBe('https://modelslab.com/api/v6/3d/image_to_3d');
	expect(endpoints.buildSubmitUrl('v6', 'textTo3d')).toBe('https://modelslab.com/api/v6/3d/text_to_3d');
	expect(endpoints.buildFetchCall('v6', 7)).toEqual({
		url: 'https://modelslab.com/api/v6/3d/fetch/7',
		body: {},
	});
	expect(endpoints.buildUploadCall('v6', 'data:image/png;base64,AA')).toEqual({
		url: 'https://modelslab.com/api/v6/base64_to_url',
		body: { base64_string: 'data:image/png;base64,AA' },
	});
});

test('Enterprise has its own addresses, and an upload of base64 without a data URL', () => {
	const endpoints = Endpoints.under('https://modelslab.com/api') as Endpoints;
	const root = 'https://modelslab.com/api/v1/enterprise';
	expect(endpoints.buildSubmitUrl('enterprise', 'imageTo3d')).toBe(`${root}/3d/image_to_3d`);
	expect(endpoints.buildSubmitUrl('enterprise', 'textTo3d')).toBe(`${root}/3d/text_to_3d`);
	expect(endpoints.buildFetchCall('enterprise', 7)).toEqual({ url: `${root}/3d/fetch/7`, body: {} });
	expect(endpoints.buildUploadCall('enterprise', 'data:image/jpeg;base64,/9j/AA==')).toEqual({
		url: `${root}/upload_image`,
		body: { base64_image: '/9j/AA==', image_type: 'jpeg', deploy_type: 'text_to_3d' },
	});
});

test.each([
	['https://stablediffusionapi.com/api', 'enterprise', 'https://modelslab.com/api'],
	['https://stablediffusionapi.com/api', 'v6', 'https://modelslab.com/api'],
	['https://www.stablediffusionapi.com/api', 'v6', 'https://modelslab.com/api'],
	['https://stablediffusionapi.com/api', 'v3', undefined],
	['https://modelslab.com/api', 'v6', undefined],
	['http://127.0.0.1:3003/api', 'v6', undefined],
] as const)('instead of %s the Base URL for %s is %s', (baseUrl, version, better) => {
	expect(findBetterBaseUrl(VERSIONS[version], baseUrl)).toBe(better);
});

describe('the address of a job', () => {
	const endpoints = Endpoints.under('https://modelslab.com/api/') as Endpoints;

	test.each([
		[
			'on the same origin',
			'https://modelslab.com/api/v3/fetch/7?x=1',
			'https://modelslab.com/api/v3/fetch/7?x=1',
		],
		['on another host', 'https://evil.example/api/v3/fetch/7', 'https://modelslab.com/api/v3/fetch/7'],
		['on another port', 'https://modelslab.com:8443/api/v3/fetch/7', 'https://modelslab.com/api/v3/fetch/7'],
		['without TLS', 'http://modelslab.com/api/v3/fetch/7', 'https://modelslab.com/api/v3/fetch/7'],
		['with a user in it', 'https://u:p@modelslab.com/x', 'https://modelslab.com/api/v3/fetch/7'],
		['that would submit', 'https://modelslab.com/api/v3/img_to_3d', 'https://modelslab.com/api/v3/fetch/7'],
		['that is not a URL', 'fetch it yourself', 'https://modelslab.com/api/v3/fetch/7'],
		['that is missing', undefined, 'https://modelslab.com/api/v3/fetch/7'],
	])('named %s', (_name, fetchResult, expected) => {
		expect(endpoints.buildFetchCall('v3', 7, fetchResult)).toEqual({ url: expected, body: {} });
	});

	test('has no ID if the ID does not fit there, and the body has it instead', () => {
		const url = 'https://modelslab.com/api/v3/fetch';
		for (const id of ['..', 'a/../b', 'x'.repeat(2000), '\ud800']) {
			expect(endpoints.buildFetchCall('v3', id)).toEqual({ url, body: { request_id: id } });
		}
		expect(endpoints.buildFetchCall('v3', 'gen/1 ?#').url).toBe(`${url}/gen%2F1%20%3F%23`);
	});

	test.each(['', 'modelslab.com/api', 'ftp://modelslab.com', 'javascript:alert(1)', 'http://'])(
		'"%s" is not a Base URL',
		(baseUrl) => {
			expect(Endpoints.under(baseUrl)).toBeUndefined();
		},
	);
});

describe('masking the key', () => {
	test('works inside texts, encoded or not, and in names', () => {
		const clean = createKeyRemover('se cret/"key"');
		expect(
			cleanJson(
				{ a: ['x se cret/"key" y', 'https://x.example/?k=se%20cret%2F%22key%22'], 'se cret/"key"': 1 },
				clean,
			),
		).toEqual({
			a: ['x *** y', 'https://x.example/?k=***'],
			'***': 1,
		});
	});

	test.each([
		[
			'percent-encoded in lower case',
			'https://x.example/?k=se%20cret%2f%22key%22~%3f',
			'https://x.example/?k=***',
		],
		['in base64, as in a header', 'Basic c2UgY3JldC8ia2V5In4/', 'Basic ***'],
		['in base64 for URLs', 'https://x.example/c2UgY3JldC8ia2V5In4_/a', 'https://x.example/***/a'],
	])('finds it %s', (_how, text, end) => {
		expect(createKeyRemover('se cret/"key"~?')(text)).toBe(end);
	});

	const PASTED = 'sk-3F9c1d7be2a84f60';
	const hex = Buffer.from(PASTED).toString('hex');
	const inBase64 = Buffer.from(`{"key":"${PASTED}"}`).toString('base64');

	test.each([
		[
			'with each letter percent-encoded',
			`https://x.example/?k=${hex.replace(/../g, '%$&')}&a`,
			'https://x.example/?k=***&a',
		],
		['percent-encoded twice', `k=${hex.replace(/../g, '%25$&')}!`, 'k=***!'],
		['percent-encoded by an old browser', hex.replace(/../g, '%u00$&'), '***'],
		['in a file name', `https://x.example/${PASTED}-326.gif`, 'https://x.example/***-326.gif'],
		['in a host', `https://${PASTED.toLowerCase()}.x.example/`, 'https://***.x.example/'],
		['in a host, percent-encoded', `https://${hex.replace(/../g, '%$&')}/`, 'https://***/'],
		['as escapes in JSON', `{"a":"${hex.replace(/../g, '\\\\u00$&')}"}`, '{"a":"***"}'],
		['as character references', hex.replace(/../g, '&#x$&;'), '***'],
		[
			'as character references without semicolons',
			`${hex.replace(/../g, '&#x$& ').replaceAll(' ', ';').slice(0, -1)}!`,
			'***!',
		],
		['in base64, in lines', inBase64.replace(/.{10}/g, '$&\r\n'), 'eyJrZXkiOi\r\n***In0=\r\n'],
		['in base64, in lines, in JSON', inBase64.replace(/.{10}/g, '$&\\n'), 'eyJrZXkiOi\\n***In0=\\n'],
		['in base64, percent-encoded', encodeURIComponent(Buffer.from(PASTED).toString('base64')), '***'],
		[
			'percent-encoded, in base64',
			`Basic ${Buffer.from(hex.replace(/../g, '%$&')).toString('base64')} x`,
			'Basic *** x',
		],
	])('finds it %s', (_how, text, end) => {
		expect(createKeyRemover(PASTED)(text)).toBe(end);
	});

	test.each([
		['%73k-3F9c1d7be2a84f6', 'a part of it'],
		['sk-3F9c 1d7be2a84f60', 'with a space in it'],
		['100%, A&B, C:\\temp\\new, %zz &nothing; \\u12 \\', 'a text that looks encoded'],
		['VGhpcyBpcyBzb21lIG90aGVyIHRleHQgaW4gYmFzZTY0', 'another text in base64'],
	])('leaves %s as it is: %s', (text) => {
		expect(createKeyRemover(PASTED)(text)).toBe(text);
	});

	test.each([
		['success', { status: 'success', key: 'success' }],
		['processing', { status: 'processing', output: ['https://a.example/processing/a.gif'] }],
		['cdn.example.com', { output: ['https://cdn.example.com/a.gif', 'https://cdn.example.com'] }],
		['example.com', { output: ['https://cdn.example.com:8080/a.gif'] }],
	])('leaves answers readable and links usable if the key is "%s"', (key, answer) => {
		expect(cleanJson(answer, createKeyRemover(key))).toEqual(answer);
	});

	test('masks a key that looks like a host everywhere except as the host of a link', () => {
		expect(createKeyRemover('cdn.example.com')('cdn.example.com at https://a.example/cdn.example.com')).toBe(
			'*** at https://a.example/***',
		);
	});

	test('leaves texts as they are that contain a very short key by chance', () => {
		const clean = createKeyRemover('test');
		expect(['a test', 'https://x.example/test.gif', 'test'].map(clean)).toEqual([
			'a test',
			'https://x.example/test.gif',
			'***',
		]);
		expect(createKeyRemover('')('abc')).toBe('abc');
	});
});
