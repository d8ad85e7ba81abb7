import fc from 'fast-check';
import { readAnswer, readObject, type HttpReply } from '../../nodes/ImgTo3d/api/answer';
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
import { describeProblem } from '../../nodes/ImgTo3d/api/problems';
import { expandIpv6, isPublicHost } from '../../nodes/ImgTo3d/api/public-address';
import { createKeyRemover } from '../../nodes/ImgTo3d/api/redact';
import { isHttpUrl, parseUrl } from '../../nodes/ImgTo3d/api/url';
import { isOtherSpelling, readWebhookCall } from '../../nodes/ImgTo3d/api/webhook-call';
import { identify, nameAfterFile, nameAfterText, nameOutput } from '../../nodes/ImgTo3d/file-name';
import { FILE_KINDS, findMismatch } from '../../nodes/ImgTo3d/file-type';
import { readSuggestedName } from '../../nodes/ImgTo3d/output/suggested-name';
import { refuseText } from '../../nodes/ImgTo3d/output/text-answer';
import { measureWork } from './work.mts';
import { RUNS_ALL } from '../support/scope.mts';
import { MeshReader } from '../../nodes/ImgTo3d/mesh';
import { FileWalk, type Walk } from '../../nodes/ImgTo3d/file-walk';
import { walkGif, walkMp4, walkPly, walkPng } from '../../nodes/ImgTo3d/file-end';
import { identifyImage } from '../../nodes/ImgTo3d/image-type';
import { splitLinks } from '../../nodes/ImgTo3d/parameters/links';
import { readAdditionalFields } from '../../nodes/ImgTo3d/api/additional-fields';
import { readAccountAnswer } from '../../nodes/ImgTo3d/api/account-calls';
import { createSigner, isTriggerMark, looksLikeMark, markTriggerAddress } from '../../nodes/ImgTo3d/api/mark';
import { toBoolean, toChoice, toNumber } from '../../nodes/ImgTo3d/api/values';
import { nameWork } from '../../nodes/ImgTo3d/item-loop/item-name';

const NOW = Date.UTC(2026, 0, 1);
const asIs = (text: string) => text;

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
		refuseText({ url: 'https://a.example/a' }, Buffer.from(`<${text}`), false, asIs),
	],
	'what a file is named after': (text) => [
		nameAfterFile(text),
		nameAfterText(text),
		nameOutput(text, text, 1),
	],
	'a call that is not JSON': (text) => [readWebhookCall(text, asIs), readWebhookCall(`{"id":${text}`, asIs)],
	'a mark': (text) => [
		looksLikeMark(text),
		isTriggerMark(SIGN, text, text),
		markTriggerAddress(SIGN, `https://a.example/webhook/${text}/webhook`, text),
		markTriggerAddress(SIGN, `https://a.example/${text}`, text),
	],
	'a list of the account': (text) =>
		readAccountAnswer(
			reply(JSON.stringify({ status: 'success', data: [{ id: text, output: text }] })),
			asIs,
			NOW,
		),
	'a mesh': (text) => MESHES.map(([kind, begin]) => readMesh(kind, Buffer.from(begin + text))),
	'the JSON of a GLB': (text) => readMesh('GLB', makeGlb(JSON.stringify({ nodes: [{ name: text }] }))),
	'the end of a file': (text) => ENDS.map(([walk, begin]) => walkThrough(walk(), Buffer.from(begin + text))),
	'an input file': (text) =>
		['', '<?xml ', '<!--', 'data:image/', '"'].map((begin) => identifyImage(Buffer.from(begin + text))),
	'several links': (text) => [splitLinks(text), splitLinks(`https://a.example/?${text}`)],
	'additional fields': (text) => [
		readAdditionalFields(text, 'v3', 'imageTo3d'),
		readAdditionalFields({ [text]: text }, 'v6', 'textTo3d'),
	],
	'a value': (text) => [toNumber(text), toBoolean(text), toChoice(['a', 'b'], text)],
	'the name of an item': (text) =>
		nameWork(
			{
				...{ operation: 'imageTo3d', apiVersion: 'v3', body: {} },
				image: { from: 'url', urls: [text, `https://a.example/${text}`] },
			},
			undefined,
			asIs,
		),
	'the beginning of a file': (text) => {
		const head = Buffer.from(text);
		return FILE_KINDS.map((kind) => findMismatch(kind, head, head.length));
	},
};

const reply = (text: string, httpCode = 200): HttpReply => ({ httpCode, headers: {}, text });

const SIGN = createSigner('sk-3f9c1d7be2a84f60');

/** Kinds of meshes, and how a file of them may begin. */
const MESHES: ReadonlyArray<[string, string]> = [
	['OBJ', ''],
	['OBJ', 'v 0 0 0\nf '],
	['OBJ', '# '],
	['STL', 'solid '],
	['STL', 'solid a\nfacet normal '],
	['STL', ' '.repeat(80)],
	['PLY', 'ply\nformat ascii 1.0\ncomment '],
	['PLY', 'ply\nformat ascii 1.0\nelement vertex 9\nproperty list '],
	['PLY', 'ply\nformat ascii 1.0\nelement vertex 1000000\nproperty float x\nend_header\n'],
];

function readMesh(kind: string, bytes: Buffer): unknown {
	const reader = new MeshReader(kind);
	// As it arrives: in chunks.
	for (let at = 0; at < bytes.length; at += CHUNK_BYTES) reader.take(bytes.subarray(at, at + CHUNK_BYTES));
	return reader.finish();
}

const CHUNK_BYTES = 16 * 1024;

function makeGlb(json: string): Buffer {
	const text = Buffer.from(json);
	const head = Buffer.alloc(20);
	head.write('glTF');
	for (const [at, value] of [
		[4, 2],
		[8, 20 + text.length],
		[12, text.length],
		[16, 0x4e4f534a],
	] as const) {
		head.writeUInt32LE(value, at);
	}
	return Buffer.concat([head, text]);
}

const ENDS: ReadonlyArray<[() => Walk, string]> = [
	[walkGif, 'GIF89a'],
	[walkPng, '\x89PNG\r\n'],
	[walkMp4, ''],
	[walkPly, 'ply\nformat ascii 1.0\ncomment '],
];

function walkThrough(steps: Walk, bytes: Buffer): void {
	const walk = new FileWalk(steps);
	for (let at = 0; at < bytes.length; at += CHUNK_BYTES) walk.take(bytes.subarray(at, at + CHUNK_BYTES));
	walk.end();
}

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
	const most = (MAX_MS * length) / 1_000_000 + 100;
	// The process collects its garbage at any time. A slow reader is slow each time.
	let ms = Infinity;
	for (let tries = 0; tries < 3 && ms > most; tries++)
		ms = Math.min(
			ms,
			measureWork(() => read(text)),
		);
	return ms <= most ? [] : [`${ms} ms for ${length} of ${piece} and ${end}`];
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
