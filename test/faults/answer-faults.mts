/** Faults of the body of an answer: it cannot be read, or it is a refusal or another status. */
import { gzipSync } from 'node:zlib';

import {
	answerError,
	answerJson,
	answerPage,
	answerStatus,
	answerStream,
	askToWait,
	deepJson,
	describeSpamFilter,
	NOT_FOUND,
	openGzipBomb,
	openLargeJson,
	QUEUE_FULL,
} from './answers.mts';
import { type FaultEntry, NO_API, NO_FIELD, type Way } from './fault-entry.mts';

/** How often a job is not found before it is found. */
const NOT_FOUND_TIMES = 3;

const makeNotFoundFault = (status: 'failed' | 'error', httpCode: number): FaultEntry => ({
	name: `not found, as "${status}" with ${httpCode}`,
	way: answerJson({ status, ...NOT_FOUND }, httpCode),
	api: 'notFound',
	file: NO_API,
	times: NOT_FOUND_TIMES,
	except: { submit: 'refused' },
});

const makeDocumentedFault = (name: string, way: Way, more: Partial<FaultEntry> = {}): FaultEntry => ({
	name: `documented: ${name}`,
	way,
	api: 'refused',
	file: NO_API,
	...more,
});

export const ANSWER_FAULTS: readonly FaultEntry[] = [
	{ name: 'HTML with 200', way: answerPage(200), api: 'noAnswer', file: 'passes' },
	{ name: 'empty body', way: answerJson(''), api: 'noAnswer', file: 'passes' },
	{
		name: 'truncated',
		way: ({ right }) => ({ body: right.body.subarray(0, right.body.length / 2) }),
		api: 'noAnswer',
		file: { none: 'a shorter file with its own length cannot be told from a whole one' },
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
	{ name: 'JSON: a list', way: answerJson([1, 2]), api: 'noAnswer', file: 'passes' },
	{ name: 'JSON: a number', way: answerJson('5'), api: 'noAnswer', file: 'passes' },
	{ name: 'JSON: null', way: answerJson('null'), api: 'noAnswer', file: 'passes' },
	{ name: 'JSON without a status', way: answerJson({ hello: 'world' }), api: 'noAnswer', file: 'passes' },
	// The download of a file whose first bytes do not match its name ends at once, however long it is.
	{ name: '100 MB of JSON', way: answerStream(openLargeJson), api: 'noAnswer', file: 'passes' },
	{ name: 'deep nesting', way: answerJson(deepJson), api: 'noAnswer', file: 'passes' },
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
		way: answerStream(() => openGzipBomb(true), { 'content-encoding': 'gzip' }),
		api: 'noAnswer',
		file: 'passes',
	},
	{
		name: 'byte order mark',
		way: ({ right }) => ({ body: Buffer.concat([Buffer.from('\uFEFF'), right.body]) }),
		api: 'harmless',
		file: { none: 'the first bytes of a file are its own' },
	},
	{
		name: 'error body with 200',
		way: answerError('Something is not right.'),
		api: 'refused',
		file: 'passes',
	},
	{
		name: 'in trouble, with 200',
		way: answerError('Internal server error. Please try again.'),
		api: 'noAnswer',
		file: NO_API,
	},
	{
		name: 'unavailable, with 200',
		way: answerError('Service temporarily unavailable'),
		api: 'noAnswer',
		file: NO_API,
	},
	{ name: 'queue is full, with 200', way: answerError('Queue is full'), api: 'noPlace', file: NO_API },
	{ name: 'too many requests, with 200', way: answerError('Too many requests'), api: 'notNow', file: NO_API },
	{
		name: 'current_queue, with 200',
		way: answerError('Please wait until your requests are done.', 200, { current_queue: 5 }),
		api: 'noPlace',
		file: NO_API,
	},
	{
		name: 'a limit, and a job',
		way: answerStatus('error', { message: QUEUE_FULL, retry_after: 5 }),
		api: 'open',
		file: NO_API,
		except: { upload: NO_FIELD, submit: 'harmless' },
	},
	...['Please fund your wallet.', 'Credits exhausted', 'Monthly limit exceeded, upgrade subscription'].map(
		(words): FaultEntry => ({
			name: `no credits: ${words}`,
			way: answerError(words),
			api: 'refused',
			file: NO_API,
			says: /has no credits/,
		}),
	),
	makeNotFoundFault('failed', 200),
	makeNotFoundFault('failed', 404),
	makeNotFoundFault('error', 200),
	makeNotFoundFault('error', 404),
	{
		name: 'failed, by its id',
		way: answerStatus('failed', { message: 'Processing failed: Invalid input dimensions' }),
		api: 'failed',
		file: NO_API,
		except: { upload: NO_FIELD },
	},
	{
		name: 'error, with the id',
		way: answerStatus('error', { message: 'Something went wrong' }),
		api: 'doubtfulEnd',
		file: NO_API,
		except: { upload: NO_FIELD, submit: 'harmless' },
	},
	{
		name: 'cancelled, with the id',
		way: answerStatus('cancelled'),
		api: 'doubtfulEnd',
		file: NO_API,
		except: { upload: NO_FIELD, submit: 'harmless' },
	},
	{
		name: 'status queued',
		way: answerStatus('queued'),
		api: 'processing',
		file: NO_API,
		except: { upload: NO_FIELD },
	},
	{
		name: 'status starting',
		way: answerStatus('starting'),
		api: 'unknownStatus',
		file: NO_API,
		except: { upload: NO_FIELD },
	},
	{
		name: 'status queued, and no id',
		way: answerJson({ status: 'queued' }),
		api: 'processing',
		file: NO_API,
		except: { upload: NO_FIELD, submit: 'unnamed' },
	},
	{
		name: 'status starting, and no id',
		way: answerJson({ status: 'starting' }),
		api: 'unknownStatus',
		file: NO_API,
		except: { upload: NO_FIELD, submit: 'noAnswer' },
	},

	makeDocumentedFault(
		'spam filter, with 200',
		askToWait((seconds) => answerJson(describeSpamFilter(seconds))),
		{ api: 'notNow', waitSeconds: 30 },
	),
	makeDocumentedFault(
		'queue full, 429',
		askToWait((seconds) => answerError(QUEUE_FULL, 429, { retry_after: seconds })),
		{ api: 'noPlace', waitSeconds: 30 },
	),
	makeDocumentedFault(
		'Invalid Api Key',
		answerError('Invalid Api Key', 200, { tip: '4. Make sure you have valid API key.' }),
		{ api: 'noAccess' },
	),
	makeDocumentedFault('errors by field', answerError({ prompt: ['The prompt field is required.'] })),
	makeDocumentedFault(
		'Failed, Try Again',
		answerJson({ status: 'failed', id: '', message: 'Failed, Try Again', output: '' }),
		{ api: 'doubtfulEnd' },
	),
	makeDocumentedFault('Unable to fetch image', answerError('Unable to fetch image from provided URL')),
	makeDocumentedFault(
		'Insufficient credits',
		answerError('Insufficient credits. Please add more credits to continue.', 402),
	),
];
