import fc from 'fast-check';
import { holdsJob, readAnswer, readObject, type Answer } from '../../nodes/ImgTo3d/api/answer';
import type { JobFacts } from '../../nodes/ImgTo3d/api/job-facts';
import { readBody } from '../../nodes/ImgTo3d/api/json-body';
import { describeProblem } from '../../nodes/ImgTo3d/api/problems';
import { readWebhookCall } from '../../nodes/ImgTo3d/api/webhook-call';
import { anyBody, anyReply } from '../support/answer-texts.mts';
import { countRuns } from '../support/scope.mts';

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
