import fc from 'fast-check';

import { readAnswer, readBody, readObject, type Answer, type JobFacts } from '../../nodes/ImgTo3d/api/answer';
import { problemOf } from '../../nodes/ImgTo3d/api/problems';
import { readWebhookCall } from '../../nodes/ImgTo3d/api/webhook-call';
import { anyBody, anyReply } from './answer-texts.mts';

const NOW = Date.UTC(2026, 0, 1);
const asIs = (text: string) => text;

/** Characters. */
const MAX_QUOTE = 300;
/** The longest sentence of the node's own around a quote, with an id of 200 characters. */
const MAX_OWN_WORDS = 350;
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

/** The status word of a body that is JSON and has one. */
function wordOf(text: string): string | undefined {
	const { status } = (JSON.parse(text) ?? {}) as { status?: unknown };
	return typeof status === 'string' ? status.trim().toLowerCase() : undefined;
}

function isId(id: unknown): boolean {
	return typeof id === 'number'
		? Number.isSafeInteger(id) && id >= 0
		: /^[A-Za-z0-9_-]{1,200}$/.test(String(id));
}

function isDuration(seconds: unknown): boolean {
	return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0;
}

const isQuote = (text: string) => text.length <= MAX_QUOTE && !/[\r\n\t]/.test(text);

function isFetchable(link: string): boolean {
	return ['http:', 'https:'].includes(new URL(link).protocol);
}

/** What is wrong with what was read of a job. */
function faultsOfJob({ id, output, generationTime, meta, extras }: JobFacts): string[] {
	return [
		id === undefined || isId(id) ? '' : `the id ${id}`,
		output.every(isFetchable) ? '' : `an output of ${output.join(', ')}`,
		generationTime === undefined || isDuration(generationTime) ? '' : `a time of ${generationTime} s`,
		isPlain(meta ?? {}) && isPlain(extras) ? '' : 'a prototype',
	];
}

/** Whether everything within is an ordinary object, list or value. */
function isPlain(value: unknown): boolean {
	if (typeof value !== 'object' || value === null) return true;
	const prototype: unknown = Object.getPrototypeOf(value);
	return (
		prototype === (Array.isArray(value) ? Array.prototype : Object.prototype) &&
		Object.values(value).every(isPlain)
	);
}

/** What is wrong with an answer as it was read; nothing where it is right. */
function faultsOf(answer: Answer): string[] {
	const faults = [STATES.includes(answer.state) ? '' : `the state ${answer.state}`];
	if ('job' in answer) faults.push(...faultsOfJob(answer.job));
	if ('id' in answer && answer.id !== undefined && !isId(answer.id)) faults.push(`the id ${answer.id}`);
	for (const name of ['message', 'advice', 'word', 'location', 'why'] as const) {
		const text = (answer as Record<string, unknown>)[name];
		if (text !== undefined && !(typeof text === 'string' && isQuote(text)))
			faults.push(`the ${name} ${text}`);
	}
	if ('etaSeconds' in answer && !isDuration(answer.etaSeconds)) faults.push(`the ETA ${answer.etaSeconds}`);
	if ('retryAfterSeconds' in answer && answer.retryAfterSeconds !== undefined) {
		const { retryAfterSeconds } = answer;
		if (!isDuration(retryAfterSeconds) || retryAfterSeconds > MAX_RETRY_AFTER_S) {
			faults.push(`the pause ${retryAfterSeconds}`);
		}
	}
	if ('queueLimit' in answer && !(Number.isSafeInteger(answer.queueLimit) && Number(answer.queueLimit) > 0)) {
		faults.push(`the queue limit ${answer.queueLimit}`);
	}
	return faults.filter(Boolean);
}

const namesOfPrototypes = () =>
	[Object.prototype, Array.prototype, String.prototype].map((prototype) =>
		Object.getOwnPropertyNames(prototype),
	);

describe('whatever comes', () => {
	test('the reader makes one of its cases of it, each field as it is documented, and success of nothing else', () => {
		const before = namesOfPrototypes();
		const seen = new Set<string>();
		fc.assert(
			fc.property(anyReply, (reply) => {
				const answer = readAnswer(reply, asIs, NOW);
				seen.add(answer.state);
				expect(faultsOf(answer)).toEqual([]);
				expect(answer).toMatchObject({ httpCode: reply.httpCode });
				const isRedirect = reply.httpCode >= 300 && reply.httpCode < 400;
				expect(answer.state === 'redirected').toBe(isRedirect);
				if (answer.state !== 'success') return;
				expect(reply.httpCode).toBeLessThan(300);
				expect(wordOf(reply.text)).toBe('success');
				expect(answer.job.output).not.toEqual([]);
			}),
			{ numRuns: 4000 },
		);
		expect(namesOfPrototypes()).toEqual(before);
		// Otherwise nothing was tried.
		expect([...seen].sort()).toEqual([...STATES].sort());
	});

	test('a body is an object, or there is a reason why not and a short quote', () => {
		fc.assert(
			fc.property(anyBody, (text) => {
				const body = readBody(text, asIs);
				if ('object' in body) {
					expect(isPlain(body.object)).toBe(true);
					expect(faultsOf(readObject(body.object, { httpCode: 200, headers: {}, text }, NOW))).toEqual([]);
				} else {
					expect(body.why).toMatch(/^the answer is [\w ]{2,40}$/);
					expect(isQuote(body.excerpt)).toBe(true);
				}
			}),
			{ numRuns: 2000 },
		);
	});

	test('the error that is made of it is short', () => {
		fc.assert(
			fc.property(anyReply, fc.constantFrom('submit', 'fetch', 'upload'), (reply, purpose) => {
				const answer = readAnswer(reply, asIs, NOW);
				if (answer.state === 'success' || answer.state === 'processing') return;
				const { message, description } = problemOf(answer, purpose);
				expect(message.length).toBeLessThanOrEqual(MAX_QUOTE + MAX_OWN_WORDS);
				expect(description.length).toBeLessThanOrEqual(2 * (MAX_QUOTE + MAX_OWN_WORDS));
			}),
			{ numRuns: 2000 },
		);
	});

	test('a call is one about the end of a job that has an id, or there is a reason why not', () => {
		const seen = new Set<string>();
		fc.assert(
			fc.property(anyBody, (text) => {
				const call = readWebhookCall(text, asIs);
				if ('problem' in call) {
					expect(call.problem).toMatch(/^(the body|its status|it has) [\w "]{2,60}$/);
					seen.add('problem');
					return;
				}
				seen.add(call.outcome);
				expect(wordOf(text)).toBe(call.outcome);
				expect(isId(call.id)).toBe(true);
				expect((call.trackId ?? '').length).toBeLessThanOrEqual(10_000);
				if (call.told) expect([call.told.state, ...faultsOf(call.told)]).toEqual([call.outcome]);
				else expect(call.outcome).toBe('success');
			}),
			{ numRuns: 4000 },
		);
		expect([...seen].sort()).toEqual(['failed', 'problem', 'success']);
	});
});

describe('a page that is made to take long', () => {
	test.each(['<', '<script', '<style>', '</', '<!--'])('of %j over and over is read at once', (piece) => {
		const text = `<html>${piece.repeat(300_000 / piece.length)}`;
		const start = Date.now();
		expect(readBody(text, asIs)).toMatchObject({ why: 'the answer is a web page' });
		// Seconds to minutes where the time grows with the square of the length.
		expect(Date.now() - start).toBeLessThan(1500);
	});
});
