import fc from 'fast-check';

import { readAnswer, type Answer } from '../../nodes/ImgTo3d/api/answer';
import type { JobId } from '../../nodes/ImgTo3d/api/job-id';
import { EndTracker, type Finding } from '../../nodes/ImgTo3d/jobs/end-tracker';

const ID = 326;
const FILE = ['https://files.example/a.gif'];

/** Reads an answer to a poll. */
const read = (body: unknown, httpCode = 200): Answer =>
	readAnswer(
		{ httpCode, headers: {}, text: typeof body === 'string' ? body : JSON.stringify(body) },
		(text) => text,
		0,
	);

/** An answer about a job, and its time, s. */
type TimedAnswer = readonly [at: number, answer: Answer];

/** Notes answers. @returns the finding after the last one */
function note(answers: readonly TimedAnswer[], { isAccepted = true, id = ID as JobId } = {}): Finding {
	const tracker = new EndTracker(id, isAccepted);
	let finding: Finding = { state: 'open', isReported: false };
	for (const [at, answer] of answers) finding = tracker.note(answer, 1000 * at);
	return finding;
}

const OPEN = { state: 'open', isReported: true };
const NOTHING = { state: 'open', isReported: false };
const OVER = { state: 'over', isFailed: false };
const openUntil = (believedAt: number) => ({ ...OPEN, believedAt: 1000 * believedAt });

const NOT_FOUND = { status: 'failed', id: '', message: 'Request not found', output: '' };
const PROCESSING = read({ status: 'processing', id: ID, eta: 5 });

describe('at once', () => {
	test.each<[string, object]>([
		['a success with its ID', { id: ID }],
		['a success with its ID as a text', { id: '326' }],
		['a success without an ID', {}],
		['a success that contains the ID of something else', { meta: { id: 7 } }],
	])('a job is done by %s', (_name, more) => {
		for (const isAccepted of [true, false]) {
			const finding = note([[0, read({ status: 'success', output: FILE, ...more })]], { isAccepted });
			expect(finding).toEqual({ state: 'done' });
		}
	});

	test.each<[string, object, number]>([
		['its ID', { id: ID }, 200],
		['its ID as a text', { id: '326' }, 200],
		['its ID in another place', { request_id: ID }, 200],
		['its ID, with HTTP 404', { id: ID }, 404],
		['its ID and words about an image', { id: ID, message: 'Image not found' }, 200],
	])('a job has failed by "failed" with %s', (_name, more, httpCode) => {
		const answer = read({ status: 'failed', message: 'too dark', ...more }, httpCode);
		expect(note([[0, answer]])).toEqual({ state: 'over', isFailed: true });
	});
});

describe.each<[string, number, Answer]>([
	['"failed" without an ID', 60, read({ status: 'failed', id: '', message: 'Failed, Try Again' })],
	['"error" with its ID', 60, read({ status: 'error', id: ID, message: 'too dark' })],
	['"error" with its ID, about an image', 60, read({ status: 'error', id: ID, message: 'Image not found' })],
	[
		'"error" with its ID, about a server error',
		60,
		read({ status: 'error', id: ID, message: 'Server error' }),
	],
	['"cancelled" with its ID', 60, read({ status: 'cancelled', id: ID })],
	['"canceled" with its ID', 60, read({ status: 'Canceled', id: ID })],
	['success without a file', 60, read({ status: 'success', id: ID, output: [] })],
	[
		'a result that was found unsafe',
		30,
		read({ status: 'success', id: ID, output: '', nsfw_content_detected: true }),
	],
	['a refused key', 10, read({ status: 'error', message: 'Invalid Api Key' })],
	['a refused key, HTTP 401', 10, read({ status: 'error', message: 'No.' }, 401)],
	['a forbidden account', 10, read({ status: 'error', message: 'Not in your plan' }, 403)],
])('%s ends a job when the API has repeated it for %d s', (_name, seconds, answer) => {
	const before = seconds - 0.001;

	test('and not before, even if it is repeated', () => {
		const often = [0, 1, 2, 5, before].map((at): TimedAnswer => [at, answer]);
		expect(often.map((_answer, count) => note(often.slice(0, count + 1)))).toEqual(
			often.map(() => openUntil(seconds)),
		);
		expect(note([...often, [seconds, answer]])).toEqual(OVER);
	});

	test('and not by one late answer', () => {
		expect(note([[10_000, answer]])).toEqual(openUntil(10_000 + seconds));
	});

	test('also if the node did not see the job accepted', () => {
		const answers: TimedAnswer[] = [
			[0, answer],
			[seconds, answer],
		];
		expect(note(answers, { isAccepted: false })).toEqual(OVER);
	});

	test('again from the beginning after an answer that the job is processing', () => {
		const again: TimedAnswer[] = [
			[0, answer],
			[before, PROCESSING],
			[seconds, answer],
		];
		expect(note(again)).toEqual(openUntil(2 * seconds));
		expect(note([...again, [2 * seconds, answer]])).toEqual(OVER);
	});

	test('again from the beginning after another bad end', () => {
		const other = read({ ...NOT_FOUND });
		expect(
			note([
				[0, answer],
				[1, other],
				[seconds, answer],
			]),
		).toEqual(openUntil(2 * seconds));
	});

	test.each<[string, Answer]>([
		['a page', read('<html>Bad gateway</html>', 502)],
		['a proxy', read('<html>Forbidden</html>', 403)],
		['no answer', { state: 'unanswered', reason: 'timeout', detail: '' }],
		['an unknown word', read({ status: 'dreaming', id: ID })],
		['a limit', read({ status: 'error', message: 'Too many requests' }, 429)],
		['an answer about another job', read({ status: 'failed', id: 7, message: 'too dark' })],
	])('also if an answer in between says nothing about the job: %s', (_between, between) => {
		expect(
			note([
				[0, answer],
				[1, between],
			]),
		).toEqual(NOTHING);
		expect(
			note([
				[0, answer],
				[1, between],
				[seconds, answer],
			]),
		).toEqual(OVER);
	});
});

describe('a job that the service does not know', () => {
	const UNKNOWN: Array<[string, Answer]> = [
		['as recorded', read(NOT_FOUND)],
		['as recorded, HTTP 404', read(NOT_FOUND, 404)],
		['as an error', read({ status: 'error', message: 'Request not found' })],
		['as an error with its ID', read({ status: 'error', id: ID, message: 'Job 326 not found' })],
		[
			'as failed with its ID in the message',
			read({ status: 'failed', id: ID, message: 'Job a.b.c not found' }),
		],
		['as failed with its ID', read({ status: 'failed', id: ID, message: 'Request not found' })],
		['in two words, with its ID', read({ status: 'failed', id: ID, message: 'Not found.' })],
		['as a page', read('<html>Not found</html>', 404)],
		['as other JSON', read({ detail: 'Not Found' }, 404)],
	];

	test.each(UNKNOWN)('is never over once it was accepted, %s', (_name, answer) => {
		const answers = [0, 30, 60, 1800, 86_400].map((at): TimedAnswer => [at, answer]);
		for (let count = 1; count <= answers.length; count++) {
			expect(note(answers.slice(0, count))).toEqual(NOTHING);
		}
	});

	test.each(UNKNOWN)('is over after 30 s if the node did not see it accepted, %s', (_name, answer) => {
		const isAccepted = false;
		const first: TimedAnswer = [0, answer];
		expect(note([first], { isAccepted })).toEqual(openUntil(30));
		expect(note([first, [29.999, answer]], { isAccepted })).toEqual(openUntil(30));
		expect(note([first, [30, answer]], { isAccepted })).toEqual(OVER);
		expect(note([first, [29, PROCESSING], [30, answer]], { isAccepted })).toEqual(openUntil(60));
	});

	test.each(UNKNOWN)('counts as lost after 60 s, until the API knows it, %s', (_name, answer) => {
		const tracker = new EndTracker(ID, true);
		const isLostAt = (at: number, answered?: Answer) => {
			if (answered) tracker.note(answered, 1000 * at);
			return tracker.isLost(1000 * at);
		};
		expect(isLostAt(0)).toBe(false);
		expect([isLostAt(5, answer), isLostAt(64.999, answer)]).toEqual([false, false]);
		expect(isLostAt(65, answer)).toBe(true);
		expect(isLostAt(66, read('', 502))).toBe(true);
		expect([isLostAt(67, PROCESSING), isLostAt(68, answer), isLostAt(127, answer)]).toEqual([
			false,
			false,
			false,
		]);
		expect(isLostAt(128, answer)).toBe(true);
	});
});

test('no other answer makes a job lost', () => {
	const tracker = new EndTracker(ID, true);
	for (const at of [0, 30, 59]) tracker.note(read({ status: 'failed', message: 'x' }), 1000 * at);
	expect(tracker.isLost(1e9)).toBe(false);
});

test.each<[string, object | string, number]>([
	['a success', { status: 'success', id: 7, output: FILE }, 200],
	['a success without a file', { status: 'success', id: 7, output: [] }, 200],
	['a failure', { status: 'failed', id: 7, message: 'too dark' }, 200],
	['a failure, "3260"', { status: 'failed', id: '3260', message: 'too dark' }, 200],
	['an error', { status: 'error', id: 7, message: 'too dark' }, 200],
	['a cancellation', { status: 'cancelled', id: 7 }, 200],
	['an unfinished job', { status: 'processing', id: 7 }, 200],
	['"not found"', { status: 'failed', id: 7, message: 'Request not found' }, 200],
])('an answer about another job says nothing: %s', (_name, body, httpCode) => {
	const answer = read(body, httpCode);
	for (const isAccepted of [true, false]) {
		const answers = [0, 30, 60, 86_400].map((at): TimedAnswer => [at, answer]);
		expect(note(answers, { isAccepted })).toEqual(NOTHING);
	}
});

test.each<[string, unknown, number]>([
	['an error without an ID', { status: 'error', message: 'Server busy, so sorry' }, 200],
	['an error about the image without an ID', { status: 'error', message: 'Unable to fetch image' }, 200],
	['no credits', { status: 'error', message: 'Insufficient credits' }, 402],
	['a cancellation without an ID', { status: 'cancelled' }, 200],
	['a refused key as a page', 'Invalid API key', 401],
	['a proxy that forbids', '<html>Forbidden</html>', 403],
	['a proxy that asks for a password', '', 407],
	['other JSON', { error: 'Forbidden' }, 403],
	['an unknown word with HTTP 403', { status: 'forbidden', id: ID, message: 'No.' }, 403],
	['an unknown word with HTTP 400', { status: 'odd', id: ID, message: 'No.' }, 400],
	['an unknown word', { status: 'ready', id: ID }, 200],
	['no status', { id: ID }, 200],
	['a limit', { status: 'error', id: ID, message: 'Queue is full' }, 200],
	['a server error', { status: 'error', id: ID, message: 'x' }, 500],
	['a redirect', '', 302],
	['an empty answer', '', 200],
	['a list', [], 200],
])('even if it is repeated for a day, nothing ends a job by %s', (_name, body, httpCode) => {
	const answer = read(body, httpCode);
	const answers = [0, 10, 30, 60, 86_400].map((at): TimedAnswer => [at, answer]);
	expect(note(answers)).toEqual(NOTHING);
});

describe('in any sequence', () => {
	const OWN = [ID, '326', '0326'];
	const OTHERS = [7, '3260', 'job:326', -326];
	const anyId = fc.constantFrom<unknown>(...OWN, ...OTHERS, '', undefined);
	const body = fc.record({
		status: fc.constantFrom('success', 'processing', 'queued', 'failed', 'error', 'cancelled', 'odd', 7),
		id: anyId,
		message: fc.constantFrom(
			'too dark',
			'Request not found',
			'Not found',
			'Image not found',
			'Invalid Api Key',
			'Server error',
			'Failed, Try Again',
			'Queue is full',
		),
		output: fc.constantFrom<unknown>(FILE, [], ''),
		nsfw_content_detected: fc.boolean(),
	});
	const answered = fc.record({
		body: fc.oneof({ weight: 9, arbitrary: body }, { weight: 1, arbitrary: fc.constantFrom('', '<p>') }),
		httpCode: fc.constantFrom(200, 200, 200, 400, 403, 404, 429, 500),
		/** How long after the answer before, ms. */
		after: fc.oneof(fc.nat(2000), fc.constantFrom(10_000, 29_999, 30_000, 59_999, 60_000, 200_000)),
		/** How often it is repeated. */
		times: fc.constantFrom(1, 1, 2, 4),
	});
	const sequence = fc
		.array(answered, { minLength: 1, maxLength: 12 })
		.map((all) => all.flatMap(({ times, ...one }) => Array.from({ length: times }, () => one)));

	const isOwn = (id: unknown) => OWN.includes(id as never);
	const toFields = (sent: unknown) => (typeof sent === 'string' ? {} : sent) as Record<string, unknown>;
	const isNotFound = ({ status, message }: Record<string, unknown>) =>
		(status === 'failed' || status === 'error') &&
		(message === 'Request not found' || message === 'Not found');

	/** How long the API must say the bad end that an answer reports, s. @returns nothing if it reports none */
	function getWait(fields: Record<string, unknown>): number | undefined {
		const { status, id, message, output, nsfw_content_detected: isUnsafe } = fields;
		if (id !== undefined && id !== '' && !isOwn(id)) return undefined;
		if (status === 'success') return output === FILE ? undefined : isUnsafe ? 30 : 60;
		// A refused key or a forbidden account may have either status.
		if (status === 'error' || (status === 'failed' && message === 'Invalid Api Key')) return 10;
		return status === 'failed' || status === 'cancelled' ? 60 : undefined;
	}

	test('a job is over only if the API has said so long enough, or has named the job', () => {
		const seen = new Set<string>();
		fc.assert(
			fc.property(sequence, fc.boolean(), (all, isAccepted) => {
				const tracker = new EndTracker(ID, isAccepted);
				let now = 1e6;
				let since = Infinity;
				for (const { body: sent, httpCode, after } of all) {
					now += after;
					const fields = toFields(sent);
					const { status, id, output } = fields;
					const finding = tracker.note(read(sent, httpCode), now);
					const isOthers = id !== undefined && id !== '' && !isOwn(id);
					if ((status === 'processing' || status === 'queued') && !isOthers) since = Infinity;
					else since = Math.min(since, now);
					seen.add(`${finding.state}${finding.state === 'over' ? finding.isFailed : ''}`);
					if (finding.state === 'done') {
						expect([status, output, isOthers]).toEqual(['success', FILE, false]);
						return;
					}
					// A success is never missed.
					expect(status === 'success' && output === FILE && !isOthers).toBe(false);
					if (finding.state === 'open') {
						expect(finding.believedAt ?? Infinity).toBeGreaterThan(now);
						continue;
					}
					if (finding.isFailed) {
						expect(status).toBe('failed');
						expect(isOwn(id)).toBe(true);
						expect(isNotFound(fields)).toBe(false);
						return;
					}
					expect(isOthers).toBe(false);
					if (isAccepted) expect(isNotFound(fields)).toBe(false);
					const mayBeUnknown = !isAccepted && (/not found/i.test(String(fields.message)) || httpCode === 404);
					const least = Math.min(getWait(fields) ?? Infinity, mayBeUnknown ? 30 : Infinity);
					expect(now - since).toBeGreaterThanOrEqual(1000 * least);
					return;
				}
			}),
			{ numRuns: 2000 },
		);
		// Otherwise too little was tested.
		expect([...seen].sort()).toEqual(['done', 'open', 'overfalse', 'overtrue']);
	});

	test('"not found" alone ends no job that was accepted', () => {
		const notFound = fc.record({
			status: fc.constantFrom('failed', 'error'),
			id: anyId,
			message: fc.constantFrom('Request not found', 'Not found', 'The job 326 was not found.'),
		});
		const httpCodes = fc.constantFrom(200, 400, 404, 422, 500);
		fc.assert(
			fc.property(fc.array(fc.tuple(notFound, httpCodes, fc.nat(1e6)), { minLength: 1 }), (all) => {
				const tracker = new EndTracker(ID, true);
				let now = 0;
				for (const [fields, httpCode, after] of all) {
					now += after;
					expect(tracker.note(read(fields, httpCode), now)).toEqual(NOTHING);
				}
			}),
		);
	});
});
