import fc from 'fast-check';
import type { INode } from 'n8n-workflow';

import { readAnswer, type Answer, type HttpReply } from '../../nodes/ImgTo3d/api/answer';
import { Endpoints } from '../../nodes/ImgTo3d/api/endpoints';
import type { CallPurpose } from '../../nodes/ImgTo3d/api/error-texts';
import { describeProblem, toNodeApiError } from '../../nodes/ImgTo3d/api/problems';
import { cleanJson, createKeyRemover } from '../../nodes/ImgTo3d/api/redact';
import type { Service } from '../../nodes/ImgTo3d/api/service';
import { readWebhookCall } from '../../nodes/ImgTo3d/api/webhook-call';
import { toErrorItem, toFailedItem, toJson, toReference } from '../../nodes/ImgTo3d/output/items';
import type { Delivery } from '../../nodes/ImgTo3d/request';
import { ENCODINGS } from '../support/encodings.mts';
import { anyText, DOCUMENTED } from '../support/answer-texts.mts';
import { countRuns } from '../support/scope.mts';

const NOW = Date.UTC(2026, 0, 1);
const MASK = '***';
const asIs = (text: string) => text;

const NODE: INode = {
	id: '2',
	name: 'Image to 3D',
	type: 'n8n-nodes-img-to-3d.imgTo3d',
	typeVersion: 1,
	position: [0, 0],
	parameters: {},
};
const DELIVERY = { outputMode: 'job', download: false } as Delivery;
const endpoints = Endpoints.under('https://service.example/api');
const SERVICE = {
	buildFetchUrl: (...job: Parameters<Endpoints['buildFetchCall']>) => endpoints?.buildFetchCall(...job),
} as unknown as Service;

/** Writes everything that leaves the node because of an answer: items, or errors and error items. */
function writeOutput(answer: Answer): string {
	if (answer.state === 'success') return JSON.stringify(toJson(DELIVERY, answer.job));
	if (answer.state === 'processing') {
		return JSON.stringify([answer, toReference(SERVICE, 'v3', answer, DELIVERY)]);
	}
	const errors = (['submit', 'fetch', 'upload'] as CallPurpose[]).map((purpose) => {
		const problem = describeProblem(answer, purpose);
		const { timestamp, ...error } = toNodeApiError(NODE, problem, 0);
		expect(timestamp).toBeGreaterThan(0);
		const { message, description, stack = '' } = error as Error & { description?: string };
		const ofStack = stack.slice(0, stack.indexOf('\n    at '));
		return [
			error,
			message,
			description,
			ofStack,
			toErrorItem({ error: error as never, paid: problem.paid, jobId: problem.jobId }, false),
			toErrorItem({ error: error as never, paid: problem.paid, jobId: problem.jobId }, true),
		];
	});
	return JSON.stringify([
		errors,
		answer.state === 'failed' && toFailedItem(answer, answer.id ?? 1, undefined),
	]);
}

/** Separates an echo from the text around it. */
const separate = (echo: string) => `\u00ab${echo}\u00bb`;

const json = (body: unknown, httpCode = 200): HttpReply => ({
	httpCode,
	headers: {},
	text: JSON.stringify(body),
});
const text = (words: string, httpCode = 502): HttpReply => ({ httpCode, headers: {}, text: words });

/** Answers that echo something, by the place of the echo. `before` is the text before it. */
const ANSWERS: Record<string, (echo: string, before: string) => HttpReply> = {
	'the message of an error': (echo, before) =>
		json({ status: 'error', message: before + separate(echo), tip: echo }),
	'the lists of an error': (echo, before) =>
		json(
			{ status: 'error', message: { [before + echo]: [echo, before + echo] }, tips: [[echo]], tip_1: echo },
			400,
		),
	'the ID of an error': (echo) => json({ status: 'error', message: 'Not found', id: echo }),
	'a failed job': (echo, before) => json({ status: 'failed', id: echo, messege: before + separate(echo) }),
	'a rate limit': (echo) =>
		json({ status: 'error', message: `Rate limit exceeded, ${echo}`, retry_after: echo }, 429),
	'trouble in JSON': (echo, before) => json({ error: before + separate(echo) }, 500),
	'trouble in words': (echo, before) => text(`${before} ${separate(echo)}`),
	'trouble on a page': (echo, before) => text(`<html><style>a{}</style><p>${before} ${separate(echo)}</p>`),
	'a list': (echo, before) => json([before, { [echo]: echo }], 404),
	'broken JSON': (echo, before) => text(`{"status":"${before}","key":"${separate(echo)}`, 401),
	'an unknown status': (echo, before) => json({ status: before + separate(echo), id: 5 }),
	'a redirect to a path': (echo) => ({
		httpCode: 302,
		headers: { location: `https://elsewhere.example/?key=${echo}` },
		text: '',
	}),
	'a redirect to a host': (echo) => ({
		httpCode: 308,
		headers: { location: `https://${echo}/api` },
		text: echo,
	}),
	'a success': (echo, before) =>
		json({
			status: 'success',
			id: echo,
			output: [
				`https://files.example/${separate(echo)}.gif`,
				`https://files.example/a?key=${separate(echo)}`,
				echo,
			],
			generationTime: echo,
			meta: { [echo]: [{ deep: [before + separate(echo)] }], key: echo },
			extra_assets: [`https://files.example/${separate(echo)}`],
			proxy_links: { [separate(echo)]: echo },
		}),
	'a success without a file': (echo) => json({ status: 'success', id: echo, output: [echo] }),
	'an unfinished job': (echo) =>
		json({
			status: 'processing',
			id: 7,
			eta: echo,
			fetch_result: `https://service.example/api/v3/fetch/7?key=${separate(echo)}`,
			future_links: [`https://files.example/${separate(echo)}.gif`],
			meta: { echo },
		}),
	'an unfinished job whose ID is in a link': (echo) =>
		json({ status: 'processing', fetch_result: `https://service.example/api/v3/fetch/${echo}` }),
};

/** The node's own sentences. A key may be a part of one by chance. */
const OWN_WORDS = Object.values(ANSWERS)
	.map((answer) => readAnswer(answer('', ''), asIs, NOW))
	.flatMap((answer) =>
		answer.state === 'success' || answer.state === 'processing'
			? []
			: describeProblem(answer, 'submit').description,
	);

const characters = (...each: string[]) => fc.constantFrom(...each.join(''));
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const between8And200 = { minLength: 8, maxLength: 200 };

/** Keys of any kind, without spaces around them, as they are sent. */
const anyKey = fc
	.oneof(
		fc.string({ unit: characters(LETTERS), ...between8And200 }),
		fc.string({ unit: characters('0123456789'), ...between8And200 }),
		fc.string({ unit: characters('ab.*+?^${}()|[]\\/"\'<>&;%#=@!~ \t\n-_'), ...between8And200 }),
		fc.string({ unit: characters('aé€😀ß\u0301"/+ '), ...between8And200 }),
		fc.string({ unit: 'binary', ...between8And200 }),
		anyText.filter(({ length }) => length >= 8),
		fc
			.tuple(fc.string({ minLength: 1, maxLength: 4 }), fc.integer({ min: 8, max: 50 }))
			.map(([a, n]) => a.repeat(n)),
		fc
			.tuple(fc.constantFrom(...OWN_WORDS), fc.nat(200), fc.integer({ min: 8, max: 60 }))
			.map(([sentence, start, length]) => sentence.slice(start, start + length)),
		fc.constantFrom(
			'Base URL',
			'in the credential',
			'__proto__',
			'constructor',
			'%25%32%35%25',
			'&amp;&amp;',
			'\\u0041\\u0041',
		),
	)
	.chain((key) => characters(' \n\t').map((blank) => blank + key + blank))
	.map((pasted) => pasted.trim())
	.filter((key) => key.length >= 8 && !/[\u00ab\u00bb]/.test(key));

/** Keys as services issue them. */
const likelyKey = fc
	.string({ unit: characters(LETTERS, '-_.~'), minLength: 20, maxLength: 80 })
	.filter((key) => /[A-Za-z]/.test(key));

/** The text before an echo. Some is so long that the excerpt ends inside the key. */
const anyBefore = fc.oneof(
	fc.constantFrom('', 'The key is '),
	fc.integer({ min: 200, max: 310 }).map((length) => 'x'.repeat(length)),
	fc.integer({ min: 19_700, max: 20_050 }).map((length) => ' '.repeat(length)),
);

/** Whether a text contains the key by chance. */
function hasByChance(words: string, key: string): boolean {
	const haystack = words.toLowerCase();
	return Object.values(ENCODINGS).some((write) => haystack.includes(write(key).toLowerCase()));
}

describe('an answer that echoes the key', () => {
	test.each(Object.entries(ANSWERS))(
		'in %s gives the same output as if the service had masked it',
		(_where, answer) => {
			fc.assert(
				fc.property(anyKey, fc.constantFrom(...Object.keys(ENCODINGS)), anyBefore, (key, writing, before) => {
					const masked = answer(MASK, before);
					fc.pre(!hasByChance(JSON.stringify(masked) + masked.text + '\u00ab', key));
					const echo = ENCODINGS[writing]?.(key) ?? '';
					const echoing = readAnswer(answer(echo, before), createKeyRemover(key), NOW);
					expect(writeOutput(echoing)).toBe(writeOutput(readAnswer(masked, asIs, NOW)));
				}),
				{ numRuns: countRuns(100) },
			);
		},
	);

	test.each(Object.entries(ANSWERS))('in %s, encoded twice, does so too', (_where, answer) => {
		const anyWriting = fc.constantFrom(...Object.keys(ENCODINGS));
		fc.assert(
			fc.property(likelyKey, anyWriting, anyWriting, anyBefore, (key, inner, outer, before) => {
				// A form turns the spaces inside base64 into plus signs, which may be base64, too.
				fc.pre(!(inner === 'base64 in groups' && outer === 'a field of a form'));
				const masked = answer(MASK, before);
				const echo = ENCODINGS[outer]?.(ENCODINGS[inner]?.(key) ?? '') ?? '';
				const echoing = readAnswer(answer(echo, before), createKeyRemover(key), NOW);
				expect(writeOutput(echoing)).toBe(writeOutput(readAnswer(masked, asIs, NOW)));
			}),
			{ numRuns: countRuns(100) },
		);
	});

	test('as a number gives the same output as if the service had masked it', () => {
		fc.assert(
			fc.property(fc.integer({ min: 10_000_000 }), (key) => {
				const answer = (echo: unknown) =>
					readAnswer(
						json({ status: 'failed', id: echo, message: [echo], meta: echo }),
						createKeyRemover(String(key)),
						NOW,
					);
				expect(writeOutput(answer(key))).toBe(writeOutput(answer(MASK)));
				const call = readWebhookCall(
					JSON.stringify({ status: 'failed', id: 1, track_id: key }),
					createKeyRemover(String(key)),
				);
				expect(JSON.stringify(call)).not.toContain(String(key));
			}),
			{ numRuns: countRuns(200) },
		);
	});

	test('inside a longer text in base64 keeps only a few characters of it', () => {
		fc.assert(
			fc.property(
				anyKey,
				fc.string(),
				fc.string(),
				fc.constantFrom('base64', 'base64url'),
				(key, before, after, kind) => {
					const echo = Buffer.from(before + key + after).toString(kind as BufferEncoding);
					const answer = readAnswer(json({ status: 'error', message: echo }), createKeyRemover(key), NOW);
					const left = 'message' in answer ? answer.message.split(/[^\w+/-]+/) : [];
					const decoded = left.flatMap((part) =>
						[0, 1, 2, 3].map((skipped) => Buffer.from(part.slice(skipped), 'base64').toString('latin1')),
					);
					const bytes = Buffer.from(key).toString('latin1');
					const around = Buffer.from(before + '\n' + after).toString('latin1');
					for (let start = 0; start + 8 <= bytes.length; start++) {
						const piece = bytes.slice(start, start + 8);
						if (!around.includes(piece)) expect(decoded.some((some) => some.includes(piece))).toBe(false);
					}
				},
			),
			{ numRuns: countRuns(300) },
		);
	});
});

describe('the function that masks the key', () => {
	/** The notations of a letter. */
	const anyLetter = fc.constantFrom<(letter: string) => string>(
		(letter) => letter,
		(letter) => `%${letter.charCodeAt(0).toString(16)}`,
		(letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
		(letter) => `%u00${letter.charCodeAt(0).toString(16)}`,
		(letter) => `\\u00${letter.charCodeAt(0).toString(16)}`,
		(letter) => `\\u{${letter.charCodeAt(0).toString(16)}}`,
		(letter) => `\\U000000${letter.charCodeAt(0).toString(16)}`,
		(letter) => `\\x${letter.charCodeAt(0).toString(16)}`,
		(letter) => `&#${letter.charCodeAt(0)};`,
		(letter) => `&#000${letter.charCodeAt(0)};`,
		(letter) => `&#x${letter.charCodeAt(0).toString(16)};`,
		(letter) => `&#X0${letter.charCodeAt(0).toString(16)};`,
		(letter) => `%25${letter.charCodeAt(0).toString(16)}`,
		(letter) => `&#37;${letter.charCodeAt(0).toString(16)}`,
		(letter) => `&percnt;${letter.charCodeAt(0).toString(16)}`,
		(letter) => `\\\\u00${letter.charCodeAt(0).toString(16)}`,
	);
	const anyLetters = fc.array(anyLetter, { minLength: 5, maxLength: 20 });
	const written = (key: string, letters: Array<(letter: string) => string>) =>
		[...key].map((letter, index) => letters[index % letters.length]?.(letter)).join('');

	test('finds it if each letter has another notation, in upper and lower case', () => {
		fc.assert(
			fc.property(likelyKey, anyLetters, fc.boolean(), (key, letters, isSmall) => {
				const echo = written(isSmall ? key.toLowerCase() : key, letters);
				expect(createKeyRemover(key)(separate(echo))).toBe(separate(MASK));
			}),
			{ numRuns: countRuns(1000) },
		);
	});

	test('finds it in three encodings inside each other', () => {
		const names = Object.keys(ENCODINGS).filter((name) => !/^base64 in (lines.*JSON|groups)/.test(name));
		const anyWriting = fc.constantFrom(...names);
		fc.assert(
			fc.property(likelyKey, fc.array(anyWriting, { minLength: 3, maxLength: 3 }), (key, writings) => {
				const echo = writings.reduce((text, name) => ENCODINGS[name]?.(text) ?? '', key);
				expect(createKeyRemover(key)(separate(echo))).toBe(separate(MASK));
			}),
			{ numRuns: countRuns(1000) },
		);
	});

	test('finds it in base64 inside other data, in lines or not, encoded or not', () => {
		const around = fc.string({ unit: 'binary', maxLength: 40 });
		fc.assert(
			fc.property(
				likelyKey,
				anyLetters,
				around,
				around,
				fc.integer({ min: 4, max: 76 }),
				fc.constantFrom('', '\n', '\r\n', '\\n', ' ', '%0A', '%0d%0a'),
				(key, letters, before, after, length, end) => {
					const lines = Buffer.from(`${before}${written(key, letters)}${after}`)
						.toString('base64')
						.match(new RegExp(`.{1,${length}}`, 'g'));
					const cleaned = createKeyRemover(key)(separate((lines ?? []).join(end)));
					expect(cleaned).toContain(MASK);
					const left = Buffer.from(cleaned.replace(/%0[ad]|\\n/gi, ''), 'base64').toString('latin1');
					expect(left).not.toContain(written(key, letters).slice(2, -2));
				},
			),
			{ numRuns: countRuns(500) },
		);
	});

	test('changes nothing else', () => {
		const around = fc.oneof(
			anyText,
			fc.constantFrom('%', '&', '\\', '%4', '&#', '\\u00', '\ud83d', '%73%6b'),
		);
		fc.assert(
			fc.property(
				likelyKey,
				fc.constantFrom(...Object.values(ENCODINGS)),
				around,
				around,
				(key, write, a, b) => {
					const clean = createKeyRemover(key);
					expect(clean(`${a} ${b}`)).toBe(`${a} ${b}`);
					expect(clean(`${a}\u00ab${write(key)}\u00bb${b}`)).toBe(`${a}\u00ab${MASK}\u00bb${b}`);
				},
			),
			{ numRuns: countRuns(1000) },
		);
	});
});

describe('a key that is not a secret', () => {
	test.each(['success', 'processing', 'failed', 'error', 'PROCESSING', 'fetch_result', 'message', 'status'])(
		'like %s leaves answers as they are',
		(key) => {
			for (const body of DOCUMENTED) {
				expect(cleanJson(body, createKeyRemover(key))).toEqual(body);
				expect(readAnswer(json(body), createKeyRemover(key), NOW)).toEqual(readAnswer(json(body), asIs, NOW));
			}
		},
	);

	test.each(['stablediffusionapi.com', 'files.example', 'proxy.example', 'modelslab.com', '127.0.0.1'])(
		'like the host %s leaves links to it as they are',
		(key) => {
			for (const body of [
				...DOCUMENTED,
				{ output: [`https://cdn.${key}:8080/a.gif`, `http://u@${key}?a`] },
			]) {
				expect(cleanJson(body, createKeyRemover(key))).toEqual(body);
			}
			expect(createKeyRemover(key)(`key ${key}, https://a.example/${key}`)).toBe(
				'key ***, https://a.example/***',
			);
			expect(createKeyRemover(key)(`https://${key}x.example/ https://x${key}/`)).not.toContain(key);
		},
	);

	test('like the host of Base URL leaves links to it as they are, also if the host has no dot', () => {
		const link = 'http://stand-in:3003/files/a.gif';
		expect(createKeyRemover('stand-in', 'stand-in')(link)).toBe(link);
		expect(createKeyRemover('stand-in')(link)).toBe('http://***:3003/files/a.gif');
	});
});

test('numbers that are not the key stay the same', () => {
	const body = {
		id: Number('1234567890123456789'),
		big: 1e21,
		small: 1e-7,
		eta: 35.941116006399994,
		none: -0,
	};
	expect(cleanJson(body, createKeyRemover('sk-3f9c1d7be2a84f60'))).toEqual(body);
	expect(cleanJson(body, createKeyRemover('1234567890123456789'))).toEqual({ ...body, id: MASK });
});

test('the excerpt of an answer that is cut off within the key does not contain the rest of it', () => {
	const pasted = 'sk-test-3f9c1d7be2a84f60';
	const cut = text(' '.repeat(8 * 1024 * 1024) + pasted.slice(0, -1));
	expect(writeOutput(readAnswer(cut, createKeyRemover(pasted), NOW))).not.toContain(pasted.slice(0, 8));
});
