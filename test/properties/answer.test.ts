import fc from 'fast-check';

import {
	holdsJob,
	readAnswer,
	readObject,
	type Answer,
	type HttpReply,
} from '../../nodes/ImgTo3d/api/answer';
import { Endpoints } from '../../nodes/ImgTo3d/api/endpoints';
import {
	findIdInText,
	encodeIdAsPath,
	readIdFromAddress,
	isSameId,
	keepIdsExact,
	readId,
	writeId,
} from '../../nodes/ImgTo3d/api/job-id';
import type { JobFacts } from '../../nodes/ImgTo3d/api/job-facts';
import { readBody } from '../../nodes/ImgTo3d/api/json-body';
import { describeProblem } from '../../nodes/ImgTo3d/api/problems';
import { expandIpv6, isPublicHost } from '../../nodes/ImgTo3d/api/public-address';
import { createKeyRemover } from '../../nodes/ImgTo3d/api/redact';
import { isHttpUrl, parseUrl } from '../../nodes/ImgTo3d/api/url';
import { isOtherSpelling, readWebhookCall } from '../../nodes/ImgTo3d/api/webhook-call';
import { identify, nameAfterFile, nameAfterText, nameOutput } from '../../nodes/ImgTo3d/file-name';
import { FILE_KINDS, findMismatch } from '../../nodes/ImgTo3d/file-type';
import { readSuggestedName } from '../../nodes/ImgTo3d/output/suggested-name';
import { refuseText } from '../../nodes/ImgTo3d/output/text-answer';
import { anyBody, anyReply } from '../support/answer-texts.mts';
import { measureWork } from './work.mts';
import { countRuns, RUNS_ALL } from '../support/scope.mts';

const NOW = Date.UTC(2026, 0, 1);
const asIs = (text: string) => text;

/** Characters. */
const MAX_QUOTE = 300;
/** The longest address of a redirect, characters. */
const MAX_LOCATION = 500;
/** The longest sentence of the node's own around a quote and an ID. */
const MAX_OWN_WORDS = 350;
/** An ID in a sentence. */
const MAX_ID = 303;
const MAX_RETRY_AFTER_S = 3600;

const STATES = [
	'success',
	'processing',
	'failed',
	'refused',
	'trouble',
	'redirected',
	'noOutput',
	'unreadable',
	'unknownStatus',
];

/** Reads the fields of a body that is JSON. */
function readJson(text: string): Record<string, unknown> {
	try {
		const parsed = JSON.parse(text.replace(/^\uFEFF/, '')) as unknown;
		return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
	} catch {
		return {};
	}
}

const readWord = ({ status }: Record<string, unknown>) =>
	typeof status === 'string' ? status.trim().toLowerCase() : undefined;

/** Reads the status word of a body. */
const readStatusWord = (text: string) => readWord(readJson(text));

const isGiven = (value: unknown) =>
	typeof value === 'number' || (typeof value === 'string' && value.trim() !== '');

/** Whether a body shows that there is a job. @returns nothing if that is not obvious */
function findEvidence(text: string): boolean | undefined {
	const fields = readJson(text);
	if (['success', 'processing', 'queued'].includes(readWord(fields) ?? '')) return true;
	const { id, request_id, fetch_result, eta, output } = fields;
	if ([id, request_id, fetch_result, eta, output].some(isGiven)) return true;
	return /id|fetch_result|eta|output|_links|\\u/.test(text) ? undefined : false;
}

/** Any value that can be an ID. */
function isId(id: unknown): boolean {
	if (typeof id === 'number') return Number.isFinite(id);
	return typeof id === 'string' && id !== '' && id === id.trim();
}

function isDuration(seconds: unknown): boolean {
	return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0;
}

const isQuote = (text: string) => text.length <= MAX_QUOTE && !/[\r\n\t]/.test(text);

function isFetchable(link: string): boolean {
	return ['http:', 'https:'].includes(new URL(link).protocol);
}

/** Lists the mistakes in the facts that were read about a job. */
function listJobMistakes({ id, output, generationTime, meta, extras }: JobFacts): string[] {
	return [
		id === undefined || isId(id) ? '' : `the id ${id}`,
		output.every(isFetchable) ? '' : `an output of ${output.join(', ')}`,
		generationTime === undefined || isDuration(generationTime) ? '' : `a time of ${generationTime} s`,
		isPlain(meta ?? {}) && isPlain(extras) ? '' : 'a prototype',
	];
}

/** Whether a value consists only of ordinary objects, lists and values. */
function isPlain(value: unknown): boolean {
	if (typeof value !== 'object' || value === null) return true;
	const prototype: unknown = Object.getPrototypeOf(value);
	return (
		prototype === (Array.isArray(value) ? Array.prototype : Object.prototype) &&
		Object.values(value).every(isPlain)
	);
}

/** Lists the mistakes in an answer that was read. */
function listMistakes(answer: Answer): string[] {
	const mistakes = [STATES.includes(answer.state) ? '' : `the state ${answer.state}`];
	if ('job' in answer) mistakes.push(...listJobMistakes(answer.job));
	if ('id' in answer && answer.id !== undefined && !isId(answer.id)) mistakes.push(`the id ${answer.id}`);
	for (const name of ['message', 'advice', 'word', 'why'] as const) {
		const text = (answer as unknown as Record<string, unknown>)[name];
		if (text !== undefined && !(typeof text === 'string' && isQuote(text)))
			mistakes.push(`the ${name} ${text}`);
	}
	// Its host is read before it is quoted.
	if ('location' in answer && answer.location.length > MAX_LOCATION)
		mistakes.push(`the location ${answer.location}`);
	if ('etaSeconds' in answer && !isDuration(answer.etaSeconds)) mistakes.push(`the ETA ${answer.etaSeconds}`);
	if ('retryAfterSeconds' in answer && answer.retryAfterSeconds !== undefined) {
		const { retryAfterSeconds } = answer;
		if (!isDuration(retryAfterSeconds) || retryAfterSeconds > MAX_RETRY_AFTER_S) {
			mistakes.push(`the pause ${retryAfterSeconds}`);
		}
	}
	if ('queueLimit' in answer && !(Number.isSafeInteger(answer.queueLimit) && Number(answer.queueLimit) > 0)) {
		mistakes.push(`the queue limit ${answer.queueLimit}`);
	}
	return mistakes.filter(Boolean);
}

const listPrototypeNames = () =>
	[Object.prototype, Array.prototype, String.prototype].map((prototype) =>
		Object.getOwnPropertyNames(prototype),
	);

describe('any answer or call', () => {
	test('becomes one of the documented cases with correct fields, and success only if the status says so', () => {
		const before = listPrototypeNames();
		const seen = new Set<string>();
		fc.assert(
			fc.property(anyReply, (reply) => {
				const answer = readAnswer(reply, asIs, NOW);
				seen.add(answer.state);
				expect(listMistakes(answer)).toEqual([]);
				expect(answer).toMatchObject({ httpCode: reply.httpCode });
				const isRedirect = reply.httpCode >= 300 && reply.httpCode < 400;
				expect(answer.state === 'redirected').toBe(isRedirect && !holdsJob(answer));
				expect(holdsJob(answer)).toBe(findEvidence(reply.text) ?? holdsJob(answer));
				if (answer.state !== 'success') return;
				expect(readStatusWord(reply.text)).toBe('success');
				expect(answer.job.output).not.toEqual([]);
			}),
			// With fewer, some case is missing now and then.
			{ numRuns: 6000 },
		);
		expect(listPrototypeNames()).toEqual(before);
		// Otherwise too little was tested.
		expect([...seen].sort()).toEqual([...STATES].sort());
	});

	test('has a body that is an object, or a reason why not and a short excerpt', () => {
		fc.assert(
			fc.property(anyBody, (text) => {
				const body = readBody(text, asIs);
				if ('object' in body) {
					expect(isPlain(body.object)).toBe(true);
					expect(listMistakes(readObject(body, { httpCode: 200, headers: {}, text }, NOW))).toEqual([]);
				} else {
					expect(body.why).toMatch(/^the answer is [\w ]{2,40}$/);
					expect(isQuote(body.excerpt)).toBe(true);
				}
			}),
			{ numRuns: countRuns(2000) },
		);
	});

	test('gives a short error', () => {
		fc.assert(
			fc.property(anyReply, fc.constantFrom('submit', 'fetch', 'upload'), (reply, purpose) => {
				const answer = readAnswer(reply, asIs, NOW);
				if (answer.state === 'success' || answer.state === 'processing') return;
				const { message, description } = describeProblem(answer, purpose);
				expect(message).not.toMatch(/[\r\n]/);
				expect(message.length).toBeLessThanOrEqual(MAX_QUOTE + MAX_ID + MAX_OWN_WORDS);
				expect(description.length).toBeLessThanOrEqual(2 * (MAX_QUOTE + MAX_OWN_WORDS));
			}),
			{ numRuns: countRuns(2000) },
		);
	});

	test("is read as the report of a job's end with an ID, or there is a reason why not", () => {
		const seen = new Set<string>();
		fc.assert(
			fc.property(anyBody, (text) => {
				const call = readWebhookCall(text, asIs);
				if ('problem' in call) {
					expect(call.problem).toMatch(/^(the body|its status|its job ID|it has) [\w "]{2,60}$/);
					seen.add('problem');
					return;
				}
				seen.add(call.outcome);
				expect(readStatusWord(text)).toBe(call.outcome);
				expect(isId(call.id)).toBe(true);
				expect((call.trackId ?? '').length).toBeLessThanOrEqual(10_000);
				if (call.end) expect([call.end.state, ...listMistakes(call.end)]).toEqual([call.outcome]);
				else expect(call.outcome).toBe('success');
			}),
			{ numRuns: countRuns(4000) },
		);
		expect([...seen].sort()).toEqual(['failed', 'problem', 'success']);
	});
});

const readFields = (object: Record<string, unknown>, httpReply: HttpReply) =>
	readObject({ object, status: object.status }, httpReply, NOW);

/** Everything that reads what strangers send, with a text where they can put one. */
const READERS: Record<string, (text: string) => unknown> = {
	'a body that is not JSON': (text) => readAnswer(reply(text), asIs, NOW),
	'a page': (text) => readAnswer(reply(`<html>${text}`), asIs, NOW),
	'a body that is a JSON text': (text) => readAnswer(reply(JSON.stringify(text)), asIs, NOW),
	'a status': (text) => readFields({ status: text }, reply('')),
	'the words of an error': (text) =>
		readFields({ status: 'error', message: text, tip: text, tips: [text], [`tip_${text}`]: text }, reply('')),
	'the words of a limit': (text) =>
		readFields(
			{ status: 'error', message: `Rate limit exceeded, queue ${text}`, tips: text, retry_after: text },
			reply('', 429),
		),
	'a job that failed': (text) => readFields({ status: 'failed', id: text, messege: text }, reply('')),
	'an unfinished job': (text) =>
		readFields({ status: 'processing', eta: text, fetch_result: `https://a.example/${text}` }, reply('')),
	'a finished job': (text) =>
		readFields(
			{ status: 'success', id: text, output: [text, `https://${text}`, `https://a.example/${text}`] },
			reply(''),
		),
	headers: (text) => [
		readAnswer({ httpCode: 429, headers: { 'retry-after': text }, text: '' }, asIs, NOW),
		readAnswer({ httpCode: 302, headers: { location: text }, text: '' }, asIs, NOW),
	],
	'an error text': (text) =>
		describeProblem({ state: 'redirected', httpCode: 302, location: `https://${text}` }, 'submit'),
	'a webhook call': (text) =>
		readWebhookCall(JSON.stringify({ status: 'failed', id: text, track_id: text, message: text }), asIs),
	'the IDs in JSON': keepIdsExact,
	'the ID in JSON that broke off': findIdInText,
	'an ID': (text) => [readId(text), encodeIdAsPath(text), isSameId(text, `0${text}`), writeId(text)],
	'the ID in an address': (text) => readIdFromAddress(parseUrl(`https://a.example/fetch/${text}`)),
	'the spelling of an ID': (text) => isOtherSpelling(text, 7),
	'the key remover': createKeyRemover('sk-3f9c1d7be2a84f60'),
	'the remover of a key that contains encoded characters': createKeyRemover('%73k&amp;\\u0041 +/aaaaaaaa'),
	'the remover of a key that is a host': createKeyRemover('a.example.com', 'a.example.com'),
	'a host': isPublicHost,
	'an IPv6 address': expandIpv6,
	'a Base URL': (text) => Endpoints.under(`https://a.example/${text}/a`),
	'the address of a job': (text) => Endpoints.under('https://a.example')?.buildFetchCall('v3', 7, text),
	'a link': isHttpUrl,
	'the name of a file': (text) => [
		identify(
			{ url: `https://a.example/${text}`, contentType: text, suggestedName: text, head: Buffer.from(text) },
			{ name: 'job', isKept: true },
			asIs,
		),
		readSuggestedName({ 'content-disposition': text }, asIs),
		refuseText('https://a.example/a', Buffer.from(`<${text}`), false, asIs),
	],
	'what a file is named after': (text) => [
		nameAfterFile(text),
		nameAfterText(text),
		nameOutput(text, text, 1),
	],
	'the beginning of a file': (text) => {
		const head = Buffer.from(text);
		return FILE_KINDS.map((kind) => findMismatch(kind, head, head.length));
	},
};

const reply = (text: string, httpCode = 200): HttpReply => ({ httpCode, headers: {}, text });

/** Texts that patterns search for, and texts that do not end a match. */
const PIECES = [
	...['<', '<script', '<style>', '</', '<!--', '.', '/', '//', ':', '::', '-', '@', '?', '#', ',', ', ', ';'],
	...[' ', '\t', '\n', '\r\n', '\u00a0', '\ufeff', '\0', 'a', 'A', 'a.', '1', '0', '1.', '0x', '9 ', '1e9'],
	...[
		'%',
		'%4',
		'%25',
		'%73',
		'%u0073',
		'&',
		'&#',
		'&#0',
		'&#x',
		'&amp;',
		'&amp',
		'\\',
		'\\\\',
		'\\u',
		'\\u0073',
	],
	...[
		'\\u{',
		'\\x73',
		'\\n',
		'=',
		'+',
		'_',
		'c2st',
		'MTEx',
		'sk-3f9c1d7be2a84f6',
		'a.example.com',
		'https://',
	],
	...[
		'"',
		"'",
		'{',
		'[',
		'[]',
		'wait ',
		'wait for 1',
		'in 1',
		'after ',
		'maximum ',
		'maximum 1',
		'rate limit',
	],
	...[
		'queue ',
		'not found',
		'xn--',
		'\u00fc',
		'\u{1f600}',
		'\ud83d',
		'\ufdfa',
		'tip_1',
		'file.',
		'.glb',
		'solid ',
	],
	...[
		'"id":',
		'"id" ',
		'"id":"',
		'"id":1',
		'"id":1 ',
		'"request_id":-1e',
		'a_',
		'id"',
		'\\"',
		'/fetch/',
		'job ',
	],
];

/** The longest processor time for a megabyte, ms. A time that grows with the square of the length is seconds for a tenth of it. */
const MAX_MS = 3000;

/** The lengths of the texts. A time that grows with the square of the length shows at the second one. */
const LENGTHS = [10_000, 100_000, ...(RUNS_ALL ? [1_000_000] : [])];

/** Checks how long a reader takes for a text of `length` characters. @returns what is too slow */
function findSlowness(read: (text: string) => unknown, piece: string, end: string, length: number): string[] {
	const text = piece.repeat(length / piece.length) + end;
	const ms = measureWork(() => read(text));
	return ms <= (MAX_MS * length) / 1_000_000 + 100 ? [] : [`${ms} ms for ${length} of ${piece} and ${end}`];
}

describe('a text that is made to take long', () => {
	describe.each(Object.entries(READERS))('is read quickly as %s', (_name, read) => {
		test.each(['', 'x!'])('if it repeats anything, then has "%s"', (end) => {
			// The short texts first, so that a slow reader fails early.
			for (const length of [10_000, 100_000]) {
				expect(PIECES.flatMap((piece) => findSlowness(read, piece, end, length))).toEqual([]);
			}
		});

		test('if it repeats several things', () => {
			const anyPiece = fc
				.array(fc.constantFrom(...PIECES), { minLength: 2, maxLength: 4 })
				.map((pieces) => pieces.join(''));
			fc.assert(
				fc.property(anyPiece, fc.constantFrom('', 'x', '!', '/', '>'), (piece, end) => {
					for (const length of LENGTHS) {
						expect(findSlowness(read, piece, end, length)).toEqual([]);
					}
				}),
				{ numRuns: 5, endOnFailure: true },
			);
		});
	});
});
