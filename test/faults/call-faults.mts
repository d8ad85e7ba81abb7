/** What can go wrong with the calls that the service makes. */
import { gzipSync } from 'node:zlib';

import type { Json } from '../../local-api/json.mts';
import {
	answerError,
	answerJson,
	answerPage,
	answerStatus,
	deepJson,
	listEchoes,
	NOT_FOUND,
	openGzipBomb,
	openLargeJson,
} from './answers.mts';
import type { AnswerMaker, CallFault, CallMeaning } from './fault-entry.mts';

const changeBody =
	(change: (right: Json, key: string) => unknown, headers?: Record<string, string>): CallFault['call'] =>
	(right, key) => {
		const body = change(right, key);
		return { headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
	};
const makeCallFault = (
	name: string,
	means: CallMeaning,
	change: (right: Json, key: string) => unknown,
): CallFault => ({
	name,
	call: changeBody(change),
	means,
});

/** A forged call before the end of the job, while the API answers faultily. */
const makeForgedCall = (name: string, meanwhile: AnswerMaker): CallFault => ({
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
	makeForgedCall('HTTP 403, a page', answerPage(403)),
	makeForgedCall('HTTP 404', answerError('This is answered with 404.', 404)),
	makeForgedCall('a redirect', ({ elsewhere }) => ({
		status: 302,
		headers: { location: elsewhere },
		body: '',
	})),
	makeForgedCall('"Request not found"', answerJson({ status: 'failed', ...NOT_FOUND })),
	makeForgedCall(
		'"Failed, Try Again"',
		answerJson({ status: 'failed', id: '', message: 'Failed, Try Again' }),
	),
	makeForgedCall('"Invalid Api Key"', answerError('Invalid Api Key')),
	makeForgedCall('an unknown status', answerStatus('dreaming')),
	makeForgedCall('an error with the id', answerStatus('error', { message: 'Something went wrong' })),
	makeForgedCall(
		'success of another job',
		answerJson({ status: 'success', id: 4711, output: ['http://localhost/a.ply'] }),
	),
	makeForgedCall('success without a file', answerStatus('success')),
	makeCallFault('not found', 'tellsNothing', () => ({ status: 'failed', ...NOT_FOUND })),
	makeCallFault('status error, with the id', 'tellsNothing', ({ id }) => ({
		id,
		status: 'error',
		message: 'No.',
	})),
	makeCallFault('status cancelled, with the id', 'tellsNothing', ({ id }) => ({ id, status: 'cancelled' })),
	makeCallFault('byte order mark', 'unheard', (right) => `\uFEFF${JSON.stringify(right)}`),
	{
		name: 'byte order mark, as text',
		call: changeBody((right) => `\uFEFF${JSON.stringify(right)}`, { 'content-type': 'text/plain' }),
		means: 'harmless',
	},
	makeCallFault('HTML', 'unheard', () => '<html><body>hello</body></html>'),
	makeCallFault('empty body', 'tellsNothing', () => ''),
	makeCallFault('truncated JSON', 'unheard', (right) => JSON.stringify(right).slice(0, -9)),
	makeCallFault('JSON: a list', 'tellsNothing', () => [1, 2]),
	makeCallFault('JSON: a number', 'tellsNothing', () => '5'),
	makeCallFault('JSON: null', 'tellsNothing', () => 'null'),
	{ name: '100 MB of JSON', call: () => ({ body: openLargeJson }), means: 'unheard' },
	makeCallFault('deep nesting', 'tellsNothing', () => deepJson),
	{
		name: 'wrong content type',
		call: changeBody((right) => right, { 'content-type': 'text/plain' }),
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
		call: () => ({ headers: { 'content-encoding': 'gzip' }, body: () => openGzipBomb(false) }),
		means: 'unheard',
	},
	makeCallFault('error body', 'tellsNothing', () => ({
		status: 'error',
		message: 'Something is not right.',
	})),
	makeCallFault('unknown status', 'tellsNothing', (right) => ({ ...right, status: 'dreaming' })),
	makeCallFault('status processing', 'tellsNothing', (right) => ({ ...right, status: 'processing' })),
	makeCallFault('status failed, of a job that has not failed', 'tellsNothing', (right) => ({
		...right,
		status: 'failed',
	})),
	makeCallFault('id of another job', 'tellsNothing', (right) => ({ ...right, id: 4711 })),
	makeCallFault('id missing', 'tellsNothing', (right) => ({ ...right, id: undefined })),
	makeCallFault('id a path', 'tellsNothing', (right) => ({ ...right, id: '../../wallet_balance' })),
	makeCallFault('id a text', 'harmless', (right) => ({ ...right, id: String(right.id) })),
	makeCallFault('output of the wrong type', 'harmless', (right) => ({ ...right, output: { a: 1 } })),
	makeCallFault('output javascript:', 'harmless', (right) => ({ ...right, output: ['javascript:alert(1)'] })),
	makeCallFault('output file:', 'harmless', (right) => ({ ...right, output: ['file:///etc/passwd'] })),
	makeCallFault('output in a private network', 'harmless', (right) => ({
		...right,
		output: ['http://10.11.12.13/x.ply'],
	})),
	makeCallFault('key echoed', 'harmless', (right, key) => ({
		...right,
		...listEchoes(key),
		track_id: `of ${key}`,
	})),
];
