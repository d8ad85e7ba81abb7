/** Arbitrary answers of the service, and of anything that may answer instead of it. */
import fc from 'fast-check';

import type { HttpReply } from '../../nodes/ImgTo3d/api/answer';
import { SAMPLE_RESPONSE } from './reference';

/** Answers from the reference, and recorded ones. */
export const DOCUMENTED: ReadonlyArray<Record<string, unknown>> = [
	SAMPLE_RESPONSE,
	{
		status: 'processing',
		tip: 'for faster speed, keep resolution upto 512x512',
		eta: 35.941116006399994,
		messege: 'Try to fetch request after given estimated time',
		fetch_result: 'https://stablediffusionapi.com/api/v3/fetch/10684517',
		id: 10684517,
		output: [],
		meta: {},
	},
	{
		status: 'success',
		id: 12,
		output: ['https://files.example/a.obj'],
		proxy_links: ['https://proxy.example/a.obj'],
		extra_assets: ['https://files.example/a.mtl'],
	},
	{
		status: 'error',
		messege: 'Rate limit exceeded',
		tips: 'spam filter is enabled, please wait for 30 seconds and try again',
	},
	{ status: 'error', message: 'Rate limit exceeded. Maximum 5 queued requests allowed.', retry_after: 30 },
	{ status: 'error', message: 'Invalid Api Key', tip: '4. Make sure you have valid API key.' },
	{ status: 'error', message: { prompt: ['The prompt field is required.'] } },
	{ status: 'failed', id: '', message: 'Failed, Try Again', output: '' },
	{ status: 'failed', id: 326, track_id: 'order-7', message: 'Processing failed: Invalid input dimensions' },
	{ status: 'error', message: 'Insufficient credits. Please add more credits to continue.' },
	{ status: 'success', messege: 'image uploaded', link: 'https://files.example/a.png', request_id: 1 },
];

const NAMES = [...new Set(DOCUMENTED.flatMap(Object.keys)), 'error', 'tip_1', 'future_links'];
const PITFALLS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then', ''];

/** Any sequence of UTF-16 units, lone surrogates among them. */
export const anyText = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) });

const word = fc.oneof(
	fc.constantFrom('success', 'processing', 'failed', 'error', ' Success\n', 'PROCESSING', 'succes', 'ok'),
	fc.constantFrom('https://files.example/a.gif', 'http://127.0.0.1/a.ply', 'ftp://files.example/a.gif'),
	fc.constantFrom('javascript:alert(1)', 'https://', ' https://files.example/a b.gif', '//files.example/a'),
	fc.constantFrom('Rate limit exceeded', 'wait for 99999999999 minutes', 'try again in 5 sec', '../../x'),
	fc.constantFrom('7', '-1', '1e400', ' 12 ', '0x10', 'a-b_C', 'x'.repeat(201), '\ud800', '\u2028\u0000'),
	fc.constantFrom('maximum 7 queued', 'maximum of 0 queued', 'maximum 99999999 queued, rate limit'),
	fc.string(),
	anyText,
	fc.tuple(fc.string({ minLength: 1 }), fc.integer({ min: 50, max: 2000 })).map(([a, n]) => a.repeat(n)),
);

const number = fc.oneof(
	fc.constantFrom('0', '-0', '1e999', '-1e999', '1E-400', '9007199254740993', '1.5', '-7', '9'.repeat(400)),
	fc.integer().map(String),
	fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);

const name = fc.oneof(
	{ weight: 6, arbitrary: fc.constantFrom(...NAMES) },
	{ weight: 1, arbitrary: fc.constantFrom(...PITFALLS) },
	{ weight: 1, arbitrary: anyText },
);

/** Writes an object as JSON text. Names may be repeated, and may be `__proto__`. */
const writeObject = (entries: ReadonlyArray<readonly [string, string]>): string =>
	`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`;

/** JSON texts, also such that `JSON.stringify` cannot write. */
export const jsonText = fc.letrec<{ value: string }>((tie) => ({
	value: fc.oneof(
		{ maxDepth: 4, depthSize: 'small' },
		word.map((text) => JSON.stringify(text)),
		number,
		fc.constantFrom('null', 'true', 'false'),
		fc.array(tie('value'), { maxLength: 4 }).map((entries) => `[${entries.join(',')}]`),
		fc.array(fc.tuple(name, tie('value')), { maxLength: 5 }).map(writeObject),
	),
})).value;

const deep = fc
	.tuple(fc.integer({ min: 1, max: 5000 }), fc.constantFrom(['[', ']'], ['{"meta":', '}']), jsonText)
	.map(([depth, [open = '', close = ''], core]) => open.repeat(depth) + core + close.repeat(depth));

/** A documented answer with fields removed, replaced, doubled and added. */
const mutated = fc
	.tuple(
		fc.constantFrom(...DOCUMENTED),
		fc.array(fc.constantFrom(...NAMES), { maxLength: 2 }),
		fc.array(fc.tuple(name, fc.oneof({ weight: 9, arbitrary: jsonText }, { weight: 1, arbitrary: deep })), {
			maxLength: 4,
		}),
	)
	.map(([answer, left, added]) =>
		writeObject([
			...Object.entries(answer)
				.filter(([key]) => !left.includes(key))
				.map(([key, value]) => [key, JSON.stringify(value)] as const),
			...added,
		]),
	);

const page = fc
	.array(fc.oneof(fc.constantFrom('<', '>', '<script', '</script>', '<style>', '<p>', 'a '), fc.string()))
	.map((parts) => `<html>${parts.join('')}`);

/** Bodies of any kind, most of them nearly correct. */
export const anyBody = fc.oneof(
	{ weight: 10, arbitrary: mutated },
	{ weight: 3, arbitrary: jsonText },
	{ weight: 1, arbitrary: deep },
	{ weight: 1, arbitrary: page },
	{ weight: 1, arbitrary: anyText },
	{ weight: 1, arbitrary: fc.tuple(mutated, fc.nat(300)).map(([text, end]) => text.slice(0, end)) },
	{ weight: 1, arbitrary: mutated.map((text) => `\uFEFF${text}`) },
);

const headerValue = fc.oneof(
	word,
	number,
	fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
	fc.webUrl(),
);

/** HTTP answers with any HTTP code. */
export const anyReply: fc.Arbitrary<HttpReply> = fc.record({
	httpCode: fc.oneof(
		{ weight: 3, arbitrary: fc.constant(200) },
		{ weight: 1, arbitrary: fc.constantFrom(400, 401, 402, 403, 404, 408, 429, 500, 503) },
		{ weight: 1, arbitrary: fc.integer({ min: 100, max: 999 }) },
	),
	headers: fc.dictionary(
		fc.constantFrom('retry-after', 'location', 'content-type', '__proto__'),
		fc.oneof(headerValue, fc.array(headerValue)),
	),
	text: anyBody,
});
