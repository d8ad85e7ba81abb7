/**
 * What can go wrong between the node and the service: the list from which the fault table is made.
 *
 * To add a fault, add one entry to {@link FAULTS}: what its answer is, and what it means for the caller. To add one of
 * the calls that the service makes, add one to {@link CALL_FAULTS}.
 */
import { Readable } from 'node:stream';
import { createGzip, gzipSync } from 'node:zlib';

import { isObject } from '../../local-api/json.mts';

/** Where a fault is put. `webhook`: the service's call, with a fault of {@link CALL_FAULTS}. */
export const PLACES = ['submit', 'fetch', 'upload', 'download', 'webhook'] as const;
export type Place = (typeof PLACES)[number];
export type RequestPlace = Exclude<Place, 'webhook'>;

/** What an answer of the API (a submit, a fetch, an upload) means for the caller. */
export type ApiMeaning =
	/** The request certainly did not arrive. */
	| 'notSent'
	/** The service refused because of a limit: nothing was done, and the same request is welcome later. */
	| 'notNow'
	/** The same because the account's queue is full: until one of its jobs ends. */
	| 'noPlace'
	/** No answer, or none that can be read: nobody knows whether the request was dealt with. */
	| 'noAnswer'
	/** The service itself, or what stands before it, says no: nothing was done. */
	| 'refused'
	/** The service does not accept the key, or forbids the account to ask. */
	| 'noAccess'
	/** The service does not know the job, or does not know it yet. */
	| 'notFound'
	/** The service says that the job of this ID is over, without a result. */
	| 'failed'
	/** It says so without the ID, or in a word that leaves it open: that counts once it has been said for a while. */
	| 'doubtfulEnd'
	/** The job has not ended. */
	| 'processing'
	/** A status word that nobody knows, of this job. */
	| 'unknownStatus'
	/** The service says that it is done, but names no file that can be fetched. */
	| 'noFile'
	/** The result is there, at an address that must not be asked. */
	| 'forbiddenFile'
	/** A job was accepted, and it is not said which. */
	| 'unnamed'
	/** The answer breaks off behind the job's ID, which may have come in or not. */
	| 'cutOff'
	/** No rule decides. */
	| 'open'
	/** The right answer, in unusual form. */
	| 'harmless';

/** What the answer of a file server means. */
export type FileMeaning =
	/** Another try may bring the file. */
	| 'passes'
	/** No try will. */
	| 'refused'
	/** The file comes, but not in time. */
	| 'slow'
	| 'harmless';

/** An answer on its way, as a fault finds it. */
export interface Moment {
	/** The right answer; empty for a submit that is not to be accepted. */
	right: { body: Buffer; headers: Record<string, string> };
	/** The clock's ms. */
	now: number;
	/** How long the answer is to ask to wait, if it asks for that, s. */
	waitSeconds: number;
	key: string;
	/** Addresses of the files that the job, once it has ended, has made. */
	outputs: string[];
	/** The address of the file that is asked for, by another way. */
	elsewhere: string;
	/** Since the first request that was spoilt, s. */
	sinceFirst: number;
	/** Whether an answer before this one said that this job is done. */
	wasDone: boolean;
}

export interface FaultyAnswer {
	/** HTTP status, default 200. */
	status?: number;
	/** Beside a `content-type` of JSON. */
	headers?: Record<string, string>;
	body: string | Buffer | (() => Readable);
}

/** Makes another answer; nothing when the fault does not apply to this one, which is then passed on as it is. */
export type Answering = (moment: Moment) => FaultyAnswer | undefined;

/** How a request is spoilt. */
export type Way =
	/** The service is asked by TLS, and does not speak it. */
	| 'noTls'
	/** Nobody listens at the service's port. */
	| 'closed'
	/** The service's name does not resolve. */
	| 'unresolved'
	/** The connection is reset before any byte of the answer, or in its middle. */
	| 'resetBefore'
	| 'resetMiddle'
	/** No answer at all. */
	| 'silent'
	/** The right answer, a byte every 10 s. */
	| 'drip'
	/** Another answer. */
	| Answering;

export interface FaultEntry {
	name: string;
	way: Way;
	/** Without it, the fault is none of an API's; with a text, that is why. */
	api: ApiMeaning | { none: string };
	/** The same for a file server. */
	file: FileMeaning | { none: string };
	/** What it means at one place, where that differs. */
	except?: Partial<Record<RequestPlace, ApiMeaning | { none: string }>>;
	/** How long the service asks to wait, s, where time can be had. */
	waitSeconds?: number;
	/** The service is on the open internet, as far as its name tells. */
	isPublic?: true;
	/** How many requests are hit by what does not stay, default one. */
	times?: number;
	/** How long an end has to be said until it counts, s; default a minute. */
	saidFor?: number;
	/** How long it holds an item up that is well in the end, s. */
	lasts?: number;
	/** Why it cannot be hit once, if it cannot. */
	staysBecause?: string;
	/** An answer that says that the job is done ends it, also when it is the submit's. */
	isDoneAtOnce?: true;
	/** How the service writes the job's ID, as it stands in its JSON, where it is not a plain number. */
	rawId?: string;
	/** The ID stands deeper than it should. */
	isIdNested?: true;
	/** The service names a second address of each file. */
	hasMirror?: true;
	/** What the error of a submit has to say. */
	says?: RegExp;
}

const NO_API = { none: 'a file server does not speak the API' };
const SAME_FILE = { none: 'a file has no id, and no status' };
const NO_OUTPUT = { none: 'a file names no output' };
const NO_KEY = { none: 'the key does not go to the file server' };
const NO_FILE = { none: 'it is a fault of a file' };
const NO_FIELD = { none: 'an upload is answered with a link, and without a job' };

const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Answering => {
	const text = typeof body === 'string' ? body : JSON.stringify(body);
	return () => ({ status, headers, body: text });
};
const failure = (
	message: unknown,
	status = 200,
	more: object = {},
	headers?: Record<string, string>,
): Answering => json({ status: 'error', message, ...more }, status, headers);
const page = (status: number): Answering => {
	const body = `<!doctype html><html><head><title>${status}</title></head><body><h1>Sorry</h1></body></html>`;
	return () => ({ status, headers: { 'content-type': 'text/html' }, body });
};
const asMuch = (body: () => Readable, headers: Record<string, string> = {}): Way => {
	return () => ({ headers, body });
};

type Json = Record<string, unknown>;

/** The right answer, changed. */
const edited =
	(edit: (answer: Json, moment: Moment) => Json | undefined): Answering =>
	(moment) => {
		const answer: unknown = moment.right.body.length > 0 ? JSON.parse(moment.right.body.toString()) : {};
		const body = isObject(answer) ? edit(answer, moment) : undefined;
		return body && { body: JSON.stringify(body) };
	};

/** The answer that says that the job is done, whether it is or not, with another output. */
const withOutput = (output: (outputs: string[]) => unknown): Answering =>
	edited((answer, { outputs }) => {
		const isUpload = 'link' in answer;
		const done = { ...answer, status: 'success', future_links: undefined };
		return isUpload ? { ...done, link: output([]) } : { ...done, output: output(outputs) };
	});

const without = (...fields: string[]): Answering =>
	edited((answer) => Object.fromEntries(Object.entries(answer).filter(([name]) => !fields.includes(name))));

const LARGE = 100 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

/** JSON of 100 MB, or as much of it as anybody reads. */
function largeJson(): Readable {
	return Readable.from(
		(function* () {
			yield Buffer.from('{"status":"success","output":["');
			for (let sent = 0; sent < LARGE; sent += CHUNK.length) yield CHUNK;
			yield Buffer.from('"]}');
		})(),
	);
}

let bomb: Promise<Buffer> | undefined;

/** The same, as gzip packs it: 100 kB. */
async function gzipBomb(): Promise<Buffer> {
	bomb ??= (async () => {
		const packed: Buffer[] = [];
		for await (const chunk of largeJson().pipe(createGzip())) packed.push(chunk as Buffer);
		return Buffer.concat(packed);
	})();
	return await bomb;
}

/** @param isOpen whether it stays open, so that whoever unpacks it has to leave */
function bombStream(isOpen: boolean): Readable {
	const stream = new Readable({ read: () => undefined });
	void gzipBomb().then((packed) => {
		stream.push(packed);
		if (!isOpen) stream.push(null);
	});
	return stream;
}

/** More than any reader should follow, and less than a parser refuses by itself. */
const DEEP = 20_000;
const deepJson = `{"status":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`;

/** An answer that asks to wait. */
const asking =
	(answer: (seconds: number) => Answering): Answering =>
	(moment) =>
		answer(moment.waitSeconds)(moment);

const QUEUE_FULL = 'Rate limit exceeded. Maximum 5 queued requests allowed.';
const spam = (seconds: number) => ({
	status: 'error',
	messege: 'Rate limit exceeded',
	tips: `you are sending same request multiple times, spam filter is enabled, please wait for ${seconds} seconds and try again`,
});

const NO_EVIDENCE_OF_FILE = { none: 'of a file server the code counts, not what it says' };

/** A proxy, or whatever else is no API, answers in the service's place. */
const foreignPage = (status: number, submit: ApiMeaning): FaultEntry => ({
	name: `HTTP ${status}, a page`,
	way: page(status),
	api: 'refused',
	file: NO_EVIDENCE_OF_FILE,
	except: { submit, upload: 'open' },
});

/** The service accepts the job, and says so under a code that says otherwise. */
const rightUnder = (status: number): FaultEntry => ({
	name: `the right answer under ${status}`,
	way: ({ right }) => ({ status, body: right.body }),
	api: 'harmless',
	file: { none: 'a file under the code of an error is none' },
	except: { upload: 'open' },
});

/** What the service was recorded to say of a job that it does not know, or not yet. */
const NOT_FOUND = {
	id: '',
	message: 'Request not found',
	output: '',
	tip: 'Get 20x faster image generation using enterprise plan. Click here : https://example.com/enterprise',
};

/** How many times a job is not found that is found then. */
const NOT_FOUND_TIMES = 3;

const notFound = (status: 'failed' | 'error', httpCode: number): FaultEntry => ({
	name: `not found, as "${status}" with ${httpCode}`,
	way: json({ status, ...NOT_FOUND }, httpCode),
	api: 'notFound',
	file: NO_API,
	times: NOT_FOUND_TIMES,
	except: { submit: 'refused' },
});

/** What the service says of this job, by its ID. */
const standing = (status: string, more: Json = {}): Answering =>
	edited(({ id }) => ({ status, id, output: '', ...more }));

/** An ID that is no plain number: the service knows the job by it. */
const oddId = (name: string, rawId: string, more: Partial<FaultEntry> = {}): FaultEntry => ({
	name: `id ${name}`,
	way: ({ right }) => ({ body: right.body }),
	api: 'harmless',
	file: SAME_FILE,
	except: { upload: NO_FIELD, fetch: { none: 'the id is the one that the submit was answered with' } },
	staysBecause: "a job's id does not change",
	rawId,
	...more,
});

const redirect = (status: number): FaultEntry => {
	// 304 is no redirect, and 305 and 306 are no more in use.
	const isFollowed = [301, 302, 303, 307, 308].includes(status);
	return {
		name: `redirect ${status}`,
		way: ({ elsewhere }) => ({
			status,
			...(isFollowed && { headers: { location: elsewhere } }),
			body: '',
		}),
		api: 'refused',
		file: isFollowed ? 'harmless' : 'refused',
		// "See Other" is what a server says that has done what it was asked to.
		...(status === 303 && { except: { submit: 'noAnswer' } }),
		...(!isFollowed && { except: { submit: 'open' } }),
	};
};

const httpError = (status: number, api: ApiMeaning, file: FileMeaning): FaultEntry => ({
	name: `HTTP ${status}`,
	way: failure(`This is answered with ${status}.`, status),
	api,
	file,
});

const documented = (name: string, way: Way, more: Partial<FaultEntry> = {}): FaultEntry => ({
	name: `documented: ${name}`,
	way,
	api: 'refused',
	file: NO_API,
	...more,
});

const outputFault = (name: string, output: (outputs: string[]) => unknown): FaultEntry => ({
	name: `output ${name}`,
	way: withOutput(output),
	api: 'noFile',
	file: NO_OUTPUT,
});

/** Every form in which a service may send the key back. */
const echoes = (key: string) => ({
	key,
	[key]: 1,
	link: `https://example.com/?key=${encodeURIComponent(key)}`,
	lower: encodeURIComponent(key).toLowerCase(),
	header: `Basic ${Buffer.from(key).toString('base64')}`,
	nested: [{ deep: `key=${key};` }],
});

export const FAULTS: readonly FaultEntry[] = [
	{ name: 'connection refused', way: 'closed', api: 'notSent', file: 'passes' },
	{ name: 'unresolved host', way: 'unresolved', api: 'notSent', file: 'passes' },
	{ name: 'reset before the answer', way: 'resetBefore', api: 'noAnswer', file: 'passes' },
	{
		name: 'reset in the middle',
		way: 'resetMiddle',
		api: 'noAnswer',
		file: 'passes',
		except: { submit: 'cutOff' },
	},
	{ name: 'timeout', way: 'silent', api: 'noAnswer', file: 'passes' },
	{ name: 'slow drip', way: 'drip', api: 'noAnswer', file: 'slow' },
	{
		name: 'https:// of a server that does not speak it',
		way: 'noTls',
		api: 'notSent',
		file: { none: 'the service names its files itself' },
		except: { fetch: { none: 'who cannot submit has nothing to fetch' } },
		staysBecause: 'a server does not learn TLS meanwhile',
	},

	httpError(400, 'refused', 'refused'),
	httpError(401, 'noAccess', 'refused'),
	httpError(402, 'refused', 'refused'),
	httpError(403, 'noAccess', 'refused'),
	httpError(404, 'refused', 'passes'),
	httpError(408, 'noAnswer', 'passes'),
	{
		name: '429 with retry_after',
		way: asking((seconds) => failure('Rate limit exceeded.', 429, { retry_after: seconds })),
		api: 'notNow',
		file: NO_API,
		waitSeconds: 30,
	},
	{
		name: '429 with Retry-After in seconds',
		way: asking((seconds) => json('', 429, { 'retry-after': String(seconds) })),
		api: 'notNow',
		file: 'passes',
		waitSeconds: 25,
	},
	{
		name: '429 with Retry-After as a date',
		// A date has whole seconds.
		way: ({ now, waitSeconds }) => ({
			status: 429,
			headers: { 'retry-after': new Date(now + (waitSeconds + 1) * 1000).toUTCString() },
			body: '',
		}),
		api: 'notNow',
		file: 'passes',
		waitSeconds: 20,
	},
	{
		name: '429 with a tip only',
		way: asking((seconds) => json(spam(seconds), 429)),
		api: 'notNow',
		file: NO_API,
		waitSeconds: 30,
	},
	httpError(500, 'noAnswer', 'passes'),
	{ name: 'HTTP 502, a page', way: page(502), api: 'noAnswer', file: 'passes' },
	{ name: 'HTTP 503, a page', way: page(503), api: 'noAnswer', file: 'passes' },
	{ name: 'HTTP 504, empty', way: json('', 504), api: 'noAnswer', file: 'passes' },
	...[301, 302, 303, 304, 305, 306, 307, 308].map(redirect),
	foreignPage(400, 'noAnswer'),
	foreignPage(401, 'refused'),
	foreignPage(403, 'noAnswer'),
	foreignPage(404, 'refused'),
	foreignPage(405, 'refused'),
	foreignPage(407, 'refused'),
	foreignPage(409, 'noAnswer'),
	foreignPage(413, 'refused'),
	foreignPage(422, 'noAnswer'),
	...[303, 400, 403, 404, 409, 422, 429, 500].map(rightUnder),

	{ name: 'HTML with 200', way: page(200), api: 'noAnswer', file: 'passes' },
	{ name: 'empty body', way: json(''), api: 'noAnswer', file: 'passes' },
	{
		name: 'truncated',
		way: ({ right }) => ({ body: right.body.subarray(0, right.body.length / 2) }),
		api: 'noAnswer',
		file: { none: 'a file that ends early under its own length is whole, as far as anybody can tell' },
		except: { submit: 'cutOff' },
	},
	{
		name: 'truncated under the full length',
		way: ({ right }) => ({
			headers: { 'content-length': String(right.body.length) },
			body: right.body.subarray(0, right.body.length / 2),
		}),
		api: 'noAnswer',
		file: 'passes',
		except: { submit: 'cutOff' },
	},
	{ name: 'JSON: a list', way: json([1, 2]), api: 'noAnswer', file: 'passes' },
	{ name: 'JSON: a number', way: json('5'), api: 'noAnswer', file: 'passes' },
	{ name: 'JSON: null', way: json('null'), api: 'noAnswer', file: 'passes' },
	{ name: 'JSON without a status', way: json({ hello: 'world' }), api: 'noAnswer', file: 'passes' },
	// A file that does not begin as its name says is given up at once, however long it is.
	{ name: '100 MB of JSON', way: asMuch(largeJson), api: 'noAnswer', file: 'passes' },
	{ name: 'deep nesting', way: json(deepJson), api: 'noAnswer', file: 'passes' },
	{
		name: 'wrong content type',
		way: ({ right }) => ({ headers: { 'content-type': 'text/html' }, body: right.body }),
		api: 'harmless',
		file: 'harmless',
	},
	{
		name: 'gzip',
		way: ({ right }) => ({ headers: { 'content-encoding': 'gzip' }, body: gzipSync(right.body) }),
		api: 'harmless',
		file: 'harmless',
	},
	{
		name: 'gzip bomb',
		way: asMuch(() => bombStream(true), { 'content-encoding': 'gzip' }),
		api: 'noAnswer',
		file: 'passes',
	},
	{
		name: 'byte order mark',
		way: ({ right }) => ({ body: Buffer.concat([Buffer.from('\uFEFF'), right.body]) }),
		api: 'harmless',
		file: { none: 'what a file begins with is its own' },
	},
	{ name: 'error body with 200', way: failure('Something is not right.'), api: 'refused', file: 'passes' },
	{
		name: 'in trouble, with 200',
		way: failure('Internal server error. Please try again.'),
		api: 'noAnswer',
		file: NO_API,
	},
	{
		name: 'unavailable, with 200',
		way: failure('Service temporarily unavailable'),
		api: 'noAnswer',
		file: NO_API,
	},
	{ name: 'queue is full, with 200', way: failure('Queue is full'), api: 'noPlace', file: NO_API },
	{ name: 'too many requests, with 200', way: failure('Too many requests'), api: 'notNow', file: NO_API },
	{
		name: 'current_queue, with 200',
		way: failure('Please wait until your requests are done.', 200, { current_queue: 5 }),
		api: 'noPlace',
		file: NO_API,
	},
	{
		name: 'a limit, and a job',
		way: standing('error', { message: QUEUE_FULL, retry_after: 5 }),
		api: 'open',
		file: NO_API,
		except: { upload: NO_FIELD, submit: 'harmless' },
	},
	...['Please fund your wallet.', 'Credits exhausted', 'Monthly limit exceeded, upgrade subscription'].map(
		(words): FaultEntry => ({
			name: `no credits: ${words}`,
			way: failure(words),
			api: 'refused',
			file: NO_API,
			says: /has no credits/,
		}),
	),
	notFound('failed', 200),
	notFound('failed', 404),
	notFound('error', 200),
	notFound('error', 404),
	{
		name: 'failed, by its id',
		way: standing('failed', { message: 'Processing failed: Invalid input dimensions' }),
		api: 'failed',
		file: NO_API,
		except: { upload: NO_FIELD },
	},
	{
		name: 'error, with the id',
		way: standing('error', { message: 'Something went wrong' }),
		api: 'doubtfulEnd',
		file: NO_API,
		except: { upload: NO_FIELD, submit: 'harmless' },
	},
	{
		name: 'cancelled, with the id',
		way: standing('cancelled'),
		api: 'doubtfulEnd',
		file: NO_API,
		except: { upload: NO_FIELD, submit: 'harmless' },
	},
	{
		name: 'status queued',
		way: standing('queued'),
		api: 'processing',
		file: NO_API,
		except: { upload: NO_FIELD },
	},
	{
		name: 'status starting',
		way: standing('starting'),
		api: 'unknownStatus',
		file: NO_API,
		except: { upload: NO_FIELD },
	},
	{
		name: 'status queued, and no id',
		way: json({ status: 'queued' }),
		api: 'processing',
		file: NO_API,
		except: { upload: NO_FIELD, submit: 'unnamed' },
	},
	{
		name: 'status starting, and no id',
		way: json({ status: 'starting' }),
		api: 'unknownStatus',
		file: NO_API,
		except: { upload: NO_FIELD, submit: 'noAnswer' },
	},

	documented(
		'spam filter, with 200',
		asking((seconds) => json(spam(seconds))),
		{ api: 'notNow', waitSeconds: 30 },
	),
	documented(
		'queue full, 429',
		asking((seconds) => failure(QUEUE_FULL, 429, { retry_after: seconds })),
		{ api: 'noPlace', waitSeconds: 30 },
	),
	documented(
		'Invalid Api Key',
		failure('Invalid Api Key', 200, { tip: '4. Make sure you have valid API key.' }),
		{ api: 'noAccess' },
	),
	documented('errors by field', failure({ prompt: ['The prompt field is required.'] })),
	documented(
		'Failed, Try Again',
		json({ status: 'failed', id: '', message: 'Failed, Try Again', output: '' }),
		{ api: 'doubtfulEnd' },
	),
	documented('Unable to fetch image', failure('Unable to fetch image from provided URL')),
	documented(
		'Insufficient credits',
		failure('Insufficient credits. Please add more credits to continue.', 402),
	),

	{
		name: 'unknown status',
		way: edited((answer) => ({ ...answer, status: 'dreaming' })),
		api: 'unknownStatus',
		file: SAME_FILE,
		except: { upload: 'open' },
	},
	{
		name: 'success, then processing',
		way: edited((answer, { outputs, wasDone }) =>
			wasDone
				? { ...answer, status: 'processing', output: [], eta: 1 }
				: { ...answer, status: 'success', output: outputs },
		),
		api: 'harmless',
		file: SAME_FILE,
		except: { upload: NO_FIELD },
		isDoneAtOnce: true,
	},
	{
		name: 'success of another job',
		way: edited((answer) => ({
			...answer,
			status: 'success',
			output: ['http://files.localhost/a.ply'],
			id: 4711,
		})),
		api: 'noAnswer',
		file: SAME_FILE,
		except: { upload: NO_FIELD, submit: { none: 'the id that comes first is the id' } },
	},
	{
		name: 'id changed',
		way: edited((answer) => ({ ...answer, id: 4711 })),
		api: 'noAnswer',
		file: SAME_FILE,
		except: { upload: NO_FIELD, submit: { none: 'the id that comes first is the id' } },
	},
	{
		name: 'id missing',
		way: without('id'),
		api: 'harmless',
		file: SAME_FILE,
		except: { upload: NO_FIELD },
	},
	{
		name: 'id and fetch_result missing',
		way: without('id', 'fetch_result'),
		api: 'harmless',
		file: SAME_FILE,
		except: { upload: NO_FIELD, submit: 'unnamed' },
	},
	{
		name: 'id a text',
		way: edited((answer) => ({ ...answer, id: String(answer.id) })),
		api: 'harmless',
		file: SAME_FILE,
		except: { upload: NO_FIELD },
	},
	oddId('of 19 digits', '9007199254740993123'),
	oddId('1e21', '1e21'),
	oddId('negative', '-17'),
	oddId('with dots', '"a.b.c"'),
	oddId('with a colon', '"job:123"'),
	oddId('with a slash', '"gen/123"'),
	oddId('of 300 characters', `"${'0123456789abcdef'.repeat(20).slice(0, 300)}"`),
	oddId('nested', '7321', { isIdNested: true }),

	outputFault('a number', () => 5),
	outputFault('an object', () => ({ url: 'x' })),
	outputFault('a list of other things', () => [null, 7, { a: 1 }]),
	outputFault('missing', () => undefined),
	outputFault('javascript:', () => ['javascript:alert(1)']),
	outputFault('file:', () => ['file:///etc/passwd']),
	outputFault('data:', () => ['data:text/html,hello']),
	{
		name: 'output withheld',
		way: edited((answer) => ({
			...answer,
			status: 'success',
			output: [],
			future_links: undefined,
			nsfw_content_detected: true,
		})),
		api: 'noFile',
		file: NO_OUTPUT,
		except: { upload: NO_FIELD },
		saidFor: 30,
	},
	{
		name: 'output empty, proxy_links',
		way: edited((answer, { outputs }) => ({
			...answer,
			status: 'success',
			output: [],
			future_links: undefined,
			proxy_links: outputs,
		})),
		api: 'harmless',
		file: NO_OUTPUT,
		except: { upload: NO_FIELD },
		isDoneAtOnce: true,
	},
	{
		name: 'file readable after 20 s',
		way: (moment) => (moment.sinceFirst < 20 ? page(404)(moment) : undefined),
		api: NO_FILE,
		file: 'harmless',
		lasts: 25,
	},
	{
		name: 'file never readable, with a mirror',
		way: page(404),
		api: NO_FILE,
		file: 'harmless',
		hasMirror: true,
		lasts: 75,
	},
	{
		name: 'output in a private network',
		way: withOutput(() => ['http://10.11.12.13/latest/meta-data/x.ply']),
		api: 'forbiddenFile',
		isDoneAtOnce: true,
		file: NO_OUTPUT,
		except: { upload: { none: 'the node does not ask for the link of an upload' } },
		isPublic: true,
	},
	{
		name: 'redirect into a private network',
		way: () => ({
			status: 302,
			headers: { location: 'http://10.11.12.13/latest/meta-data/x.ply' },
			body: '',
		}),
		api: { none: 'no redirect of the API is followed' },
		file: 'refused',
		isPublic: true,
	},

	{
		name: 'key echoed',
		way: edited((answer, { key }) => ({ ...answer, ...echoes(key), meta: echoes(key) })),
		api: 'harmless',
		file: NO_KEY,
		except: { upload: { none: 'an upload is answered with a link, which has to stay as it is' } },
	},
	{
		name: 'key echoed in a refusal',
		way: ({ key }) => {
			const { header, lower } = echoes(key);
			const body = {
				status: 'error',
				message: `Key ${key} is not allowed: ${header}`,
				tip: `${key} ${lower}`,
			};
			return { status: 403, body: JSON.stringify(body) };
		},
		api: 'noAccess',
		file: NO_KEY,
	},
	{
		name: 'key echoed in a page',
		way: ({ key }) => ({ status: 500, body: `<html><body>POST {"key":${JSON.stringify(key)}} failed` }),
		api: 'noAnswer',
		file: NO_KEY,
	},
	{
		name: 'key echoed in a redirect',
		way: ({ key }) => ({
			status: 302,
			headers: {
				location: `http://elsewhere.invalid/${encodeURIComponent(key)}?k=${encodeURIComponent(key)}`,
			},
			body: '',
		}),
		api: 'refused',
		file: NO_KEY,
	},
];

/** The entry of a cell whose fault is one of an answer. */
export function faultOf({ place, fault }: { place: Place; fault: string }): FaultEntry | undefined {
	return place === 'webhook' ? undefined : FAULTS.find(({ name }) => name === fault);
}

/** What a call of the service means for who is called. */
export type CallMeaning =
	/** It tells of the job's end: the API is asked. */
	| 'harmless'
	/** n8n itself takes it for no request: the node does not hear of it. */
	| 'unheard'
	/** The node hears of it, but not which job has ended, or that none has. */
	| 'tellsNothing'
	/** It says that the job has ended, which is not so yet. */
	| 'early';

/** A call as it is made instead of the right one. */
export interface FaultyCall {
	headers?: Record<string, string>;
	body: string | Buffer | (() => Readable);
	/** When, in s after the job's end; default 0. */
	afterSeconds?: number;
	/** How often, default once. */
	times?: number;
	/** How the API answers the first question that comes of it. */
	meanwhile?: Answering;
}

export interface CallFault {
	name: string;
	/** @param right what the service would say; nothing: no call is made */
	call: (right: Json, key: string) => FaultyCall | undefined;
	means: CallMeaning;
}

const said =
	(change: (right: Json, key: string) => unknown, headers?: Record<string, string>): CallFault['call'] =>
	(right, key) => {
		const body = change(right, key);
		return { headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
	};
const saying = (
	name: string,
	means: CallMeaning,
	change: (right: Json, key: string) => unknown,
): CallFault => ({
	name,
	call: said(change),
	means,
});

/** A call by anybody, before the job has ended, at a moment when the API does not answer as it should. */
const forgedWhile = (name: string, meanwhile: Answering): CallFault => ({
	name: `call early, the API answers ${name}`,
	call: (right) => ({ body: JSON.stringify(right), afterSeconds: -6, meanwhile }),
	means: 'early',
});

export const CALL_FAULTS: readonly CallFault[] = [
	{ name: 'call lost', call: () => undefined, means: 'unheard' },
	{ name: 'call twice', call: (right) => ({ body: JSON.stringify(right), times: 2 }), means: 'harmless' },
	{
		name: 'call early',
		call: (right) => ({ body: JSON.stringify(right), afterSeconds: -6 }),
		means: 'harmless',
	},
	{
		name: 'call late',
		call: (right) => ({ body: JSON.stringify(right), afterSeconds: 60 }),
		means: 'harmless',
	},
	forgedWhile('HTTP 403, a page', page(403)),
	forgedWhile('HTTP 404', failure('This is answered with 404.', 404)),
	forgedWhile('a redirect', ({ elsewhere }) => ({ status: 302, headers: { location: elsewhere }, body: '' })),
	forgedWhile('"Request not found"', json({ status: 'failed', ...NOT_FOUND })),
	forgedWhile('"Failed, Try Again"', json({ status: 'failed', id: '', message: 'Failed, Try Again' })),
	forgedWhile('"Invalid Api Key"', failure('Invalid Api Key')),
	forgedWhile('an unknown status', standing('dreaming')),
	forgedWhile('an error with the id', standing('error', { message: 'Something went wrong' })),
	forgedWhile(
		'success of another job',
		json({ status: 'success', id: 4711, output: ['http://localhost/a.ply'] }),
	),
	forgedWhile('success without a file', standing('success')),
	saying('not found', 'tellsNothing', () => ({ status: 'failed', ...NOT_FOUND })),
	saying('status error, with the id', 'tellsNothing', ({ id }) => ({ id, status: 'error', message: 'No.' })),
	saying('status cancelled, with the id', 'tellsNothing', ({ id }) => ({ id, status: 'cancelled' })),
	saying('byte order mark', 'unheard', (right) => `\uFEFF${JSON.stringify(right)}`),
	{
		name: 'byte order mark, as text',
		call: said((right) => `\uFEFF${JSON.stringify(right)}`, { 'content-type': 'text/plain' }),
		means: 'harmless',
	},
	saying('HTML', 'unheard', () => '<html><body>hello</body></html>'),
	saying('empty body', 'tellsNothing', () => ''),
	saying('truncated JSON', 'unheard', (right) => JSON.stringify(right).slice(0, -9)),
	saying('JSON: a list', 'tellsNothing', () => [1, 2]),
	saying('JSON: a number', 'tellsNothing', () => '5'),
	saying('JSON: null', 'tellsNothing', () => 'null'),
	{ name: '100 MB of JSON', call: () => ({ body: largeJson }), means: 'unheard' },
	saying('deep nesting', 'tellsNothing', () => deepJson),
	{
		name: 'wrong content type',
		call: said((right) => right, { 'content-type': 'text/plain' }),
		means: 'harmless',
	},
	{
		name: 'gzip',
		call: (right) => ({
			headers: { 'content-encoding': 'gzip' },
			body: gzipSync(JSON.stringify(right)),
		}),
		means: 'harmless',
	},
	{
		name: 'gzip bomb',
		call: () => ({ headers: { 'content-encoding': 'gzip' }, body: () => bombStream(false) }),
		means: 'unheard',
	},
	saying('error body', 'tellsNothing', () => ({ status: 'error', message: 'Something is not right.' })),
	saying('unknown status', 'tellsNothing', (right) => ({ ...right, status: 'dreaming' })),
	saying('status processing', 'tellsNothing', (right) => ({ ...right, status: 'processing' })),
	saying('status failed, of a job that is well', 'tellsNothing', (right) => ({ ...right, status: 'failed' })),
	saying('id of another job', 'tellsNothing', (right) => ({ ...right, id: 4711 })),
	saying('id missing', 'tellsNothing', (right) => ({ ...right, id: undefined })),
	saying('id a path', 'tellsNothing', (right) => ({ ...right, id: '../../wallet_balance' })),
	saying('id a text', 'harmless', (right) => ({ ...right, id: String(right.id) })),
	saying('output of the wrong type', 'harmless', (right) => ({ ...right, output: { a: 1 } })),
	saying('output javascript:', 'harmless', (right) => ({ ...right, output: ['javascript:alert(1)'] })),
	saying('output file:', 'harmless', (right) => ({ ...right, output: ['file:///etc/passwd'] })),
	saying('output in a private network', 'harmless', (right) => ({
		...right,
		output: ['http://10.11.12.13/x.ply'],
	})),
	saying('key echoed', 'harmless', (right, key) => ({ ...right, ...echoes(key), track_id: `of ${key}` })),
];
