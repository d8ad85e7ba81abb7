import fc from 'fast-check';

import { makeItem, makeRun, SimulatedClock } from '../../bench/simulated.mts';
import { readAnswer, type Answer } from '../../nodes/ImgTo3d/api/answer';
import { ProblemError } from '../../nodes/ImgTo3d/api/problems';
import { Account, describeKind } from '../../nodes/ImgTo3d/polling/account';
import { EndTracker } from '../../nodes/ImgTo3d/jobs/end-tracker';
import { MAX_PAUSE_MS, MIN_PAUSE_MS } from '../../nodes/ImgTo3d/polling/schedule';
import { pollUntilEnd } from '../../nodes/ImgTo3d/jobs/poll';
import { MAX_RETRY_MS } from '../../nodes/ImgTo3d/async/retry';
import { CALL_LIMIT_MS } from '../../nodes/ImgTo3d/api/service';
import { countRuns } from '../support/scope.mts';

/** What a call to the service comes to, and how long that takes, ms. */
interface Call {
	answer: Answer;
	takesMs: number;
}

/** A poll of a job, times in ms. */
interface Poll {
	from: number;
	to: number;
	answer: Answer;
}

/** A job that is polled. The answers are repeated if there are more polls. */
interface Script {
	kind: string;
	calls: Call[];
	timeoutMs: number;
	pollIntervalMs?: number;
	/** How long after the first job it is accepted, ms. */
	laterMs: number;
}

/** The time between two calls of an account, ms. A poll waits for no more than the others that wait. */
const CALL_INTERVAL_MS = 500;
const MAX_SCRIPTS = 4;

/** ms. Sums lose a millionth of a second. */
const ROUNDING = 1e-3;
const MIN_POLL_MS = 1000;
const MAX_RETRY_AFTER_MS = 3_600_000;
const JITTER = 0.25;

const readText = (text: string, httpCode = 200) =>
	readAnswer({ httpCode, headers: {}, text }, (same) => same, 0);

const anyNumber = fc.oneof(
	fc.constantFrom(
		'null',
		'0',
		'-0',
		'-5',
		'"NaN"',
		'NaN',
		'1e999',
		'1e308',
		'1.7e308',
		'"12"',
		'"soon"',
		'[3]',
		'5e-324',
	),
	fc.double({ min: 0, max: 1e4, noNaN: true }).map(String),
	fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
	fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => `"${number}"`),
);

const processing = fc.oneof(
	anyNumber.map((eta) => readText(`{"status":"processing","id":1,"eta":${eta}}`)),
	fc.constant(readText('{"status":"processing","id":1}')),
);

const success = readText('{"status":"success","id":1,"output":["https://files.example/a.gif"]}');

const fails = fc.oneof(
	anyNumber.map((wait) =>
		readText(`{"status":"error","message":"Rate limit exceeded","retry_after":${wait}}`, 429),
	),
	anyNumber.map((wait) => readText(`{"status":"error","message":"wait for ${wait} seconds, rate limit"}`)),
	fc.constantFrom(500, 502, 503, 408).map((httpCode) => readText('', httpCode)),
	fc.constantFrom('', '<html>', '{"status":"success","id":1,"output":[]}').map((text) => readText(text)),
	anyNumber.map((wait) => readText(`{"status":"error","message":"Invalid Api Key","retry_after":${wait}}`)),
	anyNumber.map((wait) => readText(`{"status":"error","id":1,"message":"too dark","retry_after":${wait}}`)),
	fc
		.integer({ min: 0, max: 90 })
		.map((wait) =>
			readAnswer({ httpCode: 503, headers: { 'retry-after': String(wait) }, text: '' }, (same) => same, 0),
		),
	fc
		.constantFrom('refused', 'unresolved', 'timeout', 'interrupted')
		.map((reason) => ({ state: 'unanswered', reason, detail: '' }) as Answer),
);

const anyEnd = fc.oneof(
	fc.constant(success),
	fc.constant(readText('{"status":"failed","id":1,"message":"too dark"}')),
	fc.constant(readText('{"status":"error","message":"Job not found"}', 404)),
	fc.constant(readText('{"status":"dreaming"}')),
);

const answer = fc.oneof(
	{ weight: 20, arbitrary: processing },
	{ weight: 5, arbitrary: fails },
	{ weight: 4, arbitrary: anyEnd },
);

const takesMs = fc.oneof(
	{ weight: 9, arbitrary: fc.integer({ min: 1, max: 500 }) },
	{ weight: 1, arbitrary: fc.integer({ min: 500, max: 2 * CALL_LIMIT_MS }) },
);

/** Jobs with the same work show how long each other take. */
const makeWork = (kind: string) => ({ operation: 'imageTo3d', apiVersion: 'v3', body: { kind } }) as const;

const script: fc.Arbitrary<Script> = fc.record(
	{
		kind: fc.constantFrom('a', 'b'),
		calls: fc.array(fc.record({ answer, takesMs }), { minLength: 1, maxLength: 30 }),
		timeoutMs: fc.oneof(fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 60_000, max: 3_600_000 })),
		pollIntervalMs: fc.integer({ min: 1000, max: 600_000 }),
		laterMs: fc.oneof(fc.constant(0), fc.nat(100_000)),
	},
	{ requiredKeys: ['kind', 'calls', 'timeoutMs', 'laterMs'] },
);

/** Polls a job by its script. */
async function runScript(
	clock: SimulatedClock,
	account: Account,
	{ kind, calls, laterMs, ...settings }: Script,
) {
	await clock.sleep(laterMs);
	const start = clock.now();
	const polls: Poll[] = [];
	const fetch = async (_version: unknown, _id: unknown, _link: unknown, limitMs: number): Promise<Answer> => {
		const call = calls[polls.length % calls.length] as Call;
		const poll: Poll = { from: clock.now(), to: NaN, answer: call.answer };
		polls.push(poll);
		expect(limitMs).toBeLessThanOrEqual(CALL_LIMIT_MS);
		await clock.sleep(Math.min(call.takesMs, limitMs));
		poll.to = clock.now();
		if (call.takesMs > limitMs) poll.answer = { state: 'unanswered', reason: 'timeout', detail: '' };
		return poll.answer;
	};
	const first = calls[0]?.answer;
	const known = first?.state === 'processing' ? first : (readText('{"status":"processing","id":1}') as never);
	const item = makeItem({
		work: makeWork(kind),
		...settings,
	});
	const accepted = { known, at: start, since: start, submits: 1 };
	const outcome = await pollUntilEnd(makeRun(clock, account, { fetch }), item, 1, { accepted }).then(
		({ state }) => state,
		(thrown: unknown) => (thrown instanceof ProblemError ? thrown.problem.message : thrown),
	);
	return { start, polls, outcome, end: clock.now(), deadline: start + item.timeoutMs };
}

/**
 * Computes the shortest and the longest pause after a poll, ms.
 *
 * @param failures how many polls in a row have failed, this one included
 * @param believedAt when the end that the answer reports is believed if it is repeated
 */
function computePause(
	{ to, answer: { state, ...details } }: Poll,
	failures: number,
	start: number,
	believedAt: number,
	interval?: number,
) {
	if (state === 'processing') {
		const least = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, 0.005 * (to - start)));
		return interval === undefined ? [least, MAX_PAUSE_MS] : [interval, interval];
	}
	const { retryAfterSeconds: wanted = 0 } = details as { retryAfterSeconds?: number };
	const backoff = Math.min(MAX_RETRY_MS, 1000 * 2 ** (failures - 1));
	expect(wanted * 1000).toBeLessThanOrEqual(MAX_RETRY_AFTER_MS);
	// The next poll comes when the end will be believed, but not before the pause that the service asked for.
	const proof = Math.max(believedAt - to, MIN_POLL_MS);
	return [1 - JITTER, 1 + JITTER].map((share) => Math.max(wanted * 1000, Math.min(share * backoff, proof)));
}

/** Until when a poll that was told of a limit may hold back a poll that began at `from`, ms of the clock. */
function findLimitEnd({ to, answer }: Poll, from: number): number {
	if (to > from || !('reason' in answer) || !['rateLimit', 'queueFull'].includes(answer.reason)) return 0;
	const { retryAfterSeconds = 0 } = answer as { retryAfterSeconds?: number };
	return to + Math.max(retryAfterSeconds * 1000, (1 + JITTER) * MAX_RETRY_MS);
}

test('a job is polled until its time is up at the latest, with no pause too short or too long, whatever the service answers', async () => {
	const outcomes = new Set<unknown>();
	await fc.assert(
		fc.asyncProperty(fc.array(script, { minLength: 1, maxLength: MAX_SCRIPTS }), async (scripts) => {
			const clock = new SimulatedClock();
			const account = new Account();
			const runs = await clock.run(
				Promise.all(scripts.map(async (each) => await runScript(clock, account, each))),
			);
			const all = runs.flatMap(({ polls }) => polls);
			for (const [index, { start, polls, outcome, end, deadline }] of runs.entries()) {
				const interval = scripts[index]?.pollIntervalMs;
				expect(typeof outcome).toBe('string');
				outcomes.add(outcome);
				expect(end).toBeLessThanOrEqual(deadline + MIN_POLL_MS + ROUNDING);
				let before: Poll = { from: start, to: start, answer: readText('{"status":"processing"}') };
				let failures = 0;
				let believedAt = Infinity;
				const tracker = new EndTracker(1, true);
				for (const poll of polls) {
					const [least = NaN, most = NaN] = computePause(before, failures, start, believedAt, interval);
					const pause = poll.from - before.to;
					// The last poll may come sooner: when the time is up.
					if (poll.from < deadline - ROUNDING) expect(pause).toBeGreaterThanOrEqual(least - ROUNDING);
					const held = Math.max(before.to + most, ...all.map((other) => findLimitEnd(other, poll.from)));
					expect(poll.from).toBeLessThanOrEqual(held + MAX_SCRIPTS * CALL_INTERVAL_MS + ROUNDING);
					expect(poll.from).toBeLessThanOrEqual(deadline + ROUNDING);
					failures = poll.answer.state === 'processing' ? 0 : failures + 1;
					const finding = tracker.note(poll.answer, poll.to);
					believedAt = (finding.state === 'open' && finding.believedAt) || Infinity;
					before = poll;
				}
			}
			const { work, startsAt, etaFactor } = account.predict(
				account.track(describeKind(makeWork('a')), clock.now()),
				clock.now(),
			);
			for (const number of [work?.mean ?? 0, work?.sd ?? 0, startsAt, etaFactor.mean, etaFactor.sd]) {
				expect(Number.isFinite(number)).toBe(true);
			}
		}),
		{ numRuns: countRuns(400) },
	);
	// Otherwise too little was tested.
	expect([...outcomes].map(String).sort()).toEqual(
		expect.arrayContaining(['success', expect.stringMatching(/^Job 1: not finished after/)]),
	);
});
