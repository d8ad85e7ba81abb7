/** Faults of the connection, and of the HTTP status. */
import { answerError, answerJson, answerPage, askToWait, describeSpamFilter } from './answers.mts';
import {
	type ApiMeaning,
	type FaultEntry,
	type FileMeaning,
	NO_API,
	NO_EVIDENCE_OF_FILE,
} from './fault-entry.mts';

/** A proxy, or another server that is not the API, answers with a page. */
const makePageFault = (status: number, submit: ApiMeaning): FaultEntry => ({
	name: `HTTP ${status}, a page`,
	way: answerPage(status),
	api: 'refused',
	file: NO_EVIDENCE_OF_FILE,
	except: { submit, upload: 'open' },
});

/** The service accepts the job, but its answer has the HTTP code of an error. */
const makeCodeFault = (status: number): FaultEntry => ({
	name: `the right answer under ${status}`,
	way: ({ right }) => ({ status, body: right.body }),
	api: 'harmless',
	file: { none: 'an answer with the code of an error is not a file' },
	except: { upload: 'open' },
});

const makeRedirectFault = (status: number): FaultEntry => {
	// 304 is not a redirect, and 305 and 306 are not used any more.
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
		// With "See Other", a server may say that it has received the request.
		...(status === 303 && { except: { submit: 'noAnswer' } }),
		...(!isFollowed && { except: { submit: 'open' } }),
	};
};

const makeHttpFault = (status: number, api: ApiMeaning, file: FileMeaning): FaultEntry => ({
	name: `HTTP ${status}`,
	way: answerError(`This is answered with ${status}.`, status),
	api,
	file,
});

export const NETWORK_FAULTS: readonly FaultEntry[] = [
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
		file: { none: 'the service itself sends the URLs of its files' },
		except: { fetch: { none: 'without a submit, there is nothing to fetch' } },
		alwaysBecause: 'a server does not begin to use TLS',
	},

	makeHttpFault(400, 'refused', 'refused'),
	makeHttpFault(401, 'noAccess', 'refused'),
	makeHttpFault(402, 'refused', 'refused'),
	makeHttpFault(403, 'noAccess', 'refused'),
	makeHttpFault(404, 'refused', 'passes'),
	makeHttpFault(408, 'noAnswer', 'passes'),
	{
		name: '429 with retry_after',
		way: askToWait((seconds) => answerError('Rate limit exceeded.', 429, { retry_after: seconds })),
		api: 'notNow',
		file: NO_API,
		waitSeconds: 30,
	},
	{
		name: '429 with Retry-After in seconds',
		way: askToWait((seconds) => answerJson('', 429, { 'retry-after': String(seconds) })),
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
		way: askToWait((seconds) => answerJson(describeSpamFilter(seconds), 429)),
		api: 'notNow',
		file: NO_API,
		waitSeconds: 30,
	},
	makeHttpFault(500, 'noAnswer', 'passes'),
	{ name: 'HTTP 502, a page', way: answerPage(502), api: 'noAnswer', file: 'passes' },
	{ name: 'HTTP 503, a page', way: answerPage(503), api: 'noAnswer', file: 'passes' },
	{ name: 'HTTP 504, empty', way: answerJson('', 504), api: 'noAnswer', file: 'passes' },
	...[301, 302, 303, 304, 305, 306, 307, 308].map(makeRedirectFault),
	makePageFault(400, 'noAnswer'),
	makePageFault(401, 'refused'),
	makePageFault(403, 'noAnswer'),
	makePageFault(404, 'refused'),
	makePageFault(405, 'refused'),
	makePageFault(407, 'refused'),
	makePageFault(409, 'noAnswer'),
	makePageFault(413, 'refused'),
	makePageFault(422, 'noAnswer'),
	...[303, 400, 403, 404, 409, 422, 429, 500].map(makeCodeFault),
];
