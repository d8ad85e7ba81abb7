import fc from 'fast-check';

import { AFTER, TRIGGER, buildTriggerWorkflow } from '../../bench/calls.mts';
import { readOutput } from '../../n8n/engine/engine.cts';
import { hashEnd, REMEMBERED } from '../../nodes/ImgTo3d/trigger/seen-ends';
import { openRig, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeAll(async () => {
	rig = await openRig();
});
afterAll(async () => {
	await rig.close();
});

const EVENTS = ['success', 'failed'];

/** A webhook call about the end of a job. */
interface Call {
	id: number;
	event: string;
	trackId: unknown;
	/** Whether it names a file. Only a success must. */
	hasFile: boolean;
}

/** Calls at the same time, or a restart of n8n. */
type Step = Call[] | 'restart';

interface Settings {
	events: string[];
	trackId: string;
	ignoreDuplicates: boolean;
}

const settings: fc.Arbitrary<Settings> = fc.record({
	events: fc.constantFrom(EVENTS, EVENTS, ['success'], ['failed']),
	trackId: fc.constantFrom('', '', 'order-7', 'order-*', '*', 'ord*r-7', '**', '7'),
	ignoreDuplicates: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.boolean()),
});

const call: fc.Arbitrary<Call> = fc.record({
	id: fc.integer({ min: 1, max: 6 }),
	event: fc.constantFrom(...EVENTS),
	trackId: fc.oneof(
		{ weight: 3, arbitrary: fc.constant('order-7') },
		fc.constantFrom(undefined, null, '', 7, 'order-', 'order-70', 'an order-7', 'Order-7', 'ord*r-7', '*', [
			'order-7',
		]),
	),
	hasFile: fc.oneof({ weight: 8, arbitrary: fc.constant(true) }, fc.boolean()),
});

const steps: fc.Arbitrary<Step[]> = fc.array(
	fc.oneof(
		{ weight: 6, arbitrary: fc.array(call, { minLength: 1, maxLength: 1 }) },
		{ weight: 3, arbitrary: fc.array(call, { minLength: 2, maxLength: 6 }) },
		{ weight: 1, arbitrary: fc.constant('restart' as const) },
	),
	{ minLength: 1, maxLength: 12 },
);

/** The number of ends that the trigger remembers at the beginning: none, or so many that each new one makes it forget the oldest. */
const remembered = fc.oneof(fc.constant(0), fc.integer({ min: REMEMBERED - 6, max: REMEMBERED }));

/** Whether the call passes the trigger's filter, by the descriptions of the parameters. */
function isWanted({ events, trackId: wanted }: Settings, { event, trackId }: Call): boolean {
	const sent = typeof trackId === 'string' || typeof trackId === 'number' ? String(trackId) : '';
	if (!events.includes(event)) return false;
	return wanted === '' || (wanted.endsWith('*') ? sent.startsWith(wanted.slice(0, -1)) : sent === wanted);
}

const nameEnd = ({ id, event }: Call) => `${id}/${event}`;
const isUsable = ({ event, hasFile }: Call) => event === 'failed' || hasFile;

const toBody = ({ id, event, trackId, hasFile }: Call) => ({
	status: event,
	id,
	...(trackId !== undefined && { track_id: trackId }),
	output: hasFile ? [`https://files.example/${id}.gif`] : [],
});

/** Lists the ends that have started the workflow since the execution with this number. */
function listStarted(first: number): string[] {
	return rig.engine.executions.slice(first).map(({ run }) => {
		const [[item] = []] = run ? readOutput(run, AFTER) : [];
		return `${item?.json.id}/${item?.json.status}`;
	});
}

/** A case that rarely comes by chance: a wanted success that names no file. */
const NAMES_NO_FILE: [Settings, number, Step[]] = [
	{ events: EVENTS, trackId: '', ignoreDuplicates: true },
	0,
	[[{ id: 1, event: 'success', trackId: 'order-7', hasFile: false }]],
];

let published = 0;

/** Lists ends for the trigger to remember, the oldest first. Those that the calls are about come first, so that they are forgotten first. */
function listEnds(count: number): string[] {
	if (count === 0) return [];
	const earlier = [...Array(6).keys()].flatMap((job) => EVENTS.map((event) => `${job + 1}/${event}`));
	return [...earlier, ...Array.from({ length: count - earlier.length }, (_, n) => `old-${n}/success`)];
}

/** Publishes a trigger that remembers some ends. @returns its URL */
function publishTrigger({ events, ...options }: Settings, ends: readonly string[]): string {
	const hashes = ends.map((end) => hashEnd(...(end.split('/') as [string, string])));
	published += 1;
	return rig.engine.publish(
		buildTriggerWorkflow({ events, options, verify: 'none' } as never),
		`calls-${published}`,
		{
			[`node:${TRIGGER}`]: { seen: hashes.join('') },
		},
	).production;
}

/** Makes calls at the same time. @returns the answers, and the ends that have started the workflow */
async function makeCalls(url: string, calls: readonly Call[]) {
	const before = rig.engine.executions.length;
	const answers = await Promise.all(calls.map(async (each) => await rig.call(url, toBody(each))));
	await rig.waitUntilIdle();
	return { answers, started: listStarted(before) };
}

const OTHER_EVENTS = 'Received. This trigger is set to other events or track IDs.';

function checkAnswer(set: Settings, each: Call, status?: number, message?: unknown): void {
	if (!isWanted(set, each)) expect([status, message]).toEqual([200, OTHER_EVENTS]);
	else if (isUsable(each)) expect(status).toBe(200);
	// A repeated call need not name a file.
	else expect([200, 400]).toContain(status);
}

/** Checks how often each end has started the workflow. @param known the ends that the trigger remembered, the oldest first */
function checkStarts(
	set: Settings,
	calls: readonly Call[],
	started: readonly string[],
	known: readonly string[],
): void {
	const wanted = calls.filter((each) => isWanted(set, each) && isUsable(each)).map(nameEnd);
	for (const end of new Set([...started, ...calls.map(nameEnd)])) {
		const times = started.filter((other) => other === end).length;
		const expected = wanted.filter((other) => other === end).length;
		if (!set.ignoreDuplicates || expected === 0) expect([end, times]).toEqual([end, expected]);
		// An end that is forgotten during the calls may be forgotten before or after its own call.
		else if (!known.includes(end)) expect([end, times]).toEqual([end, 1]);
		else if (known.indexOf(end) >= new Set(wanted).size) expect([end, times]).toEqual([end, 0]);
		else expect(times).toBeLessThanOrEqual(1);
	}
}

/** @returns the ends that the trigger remembers after some have started the workflow */
const remember = (known: readonly string[], started: readonly string[]) =>
	[...new Set([...known.filter((end) => !started.includes(end)), ...started])].slice(-REMEMBERED);

test('each wanted end starts the workflow once while it is remembered, in any order of calls and restarts', async () => {
	const seen = new Set<string>();
	await fc.assert(
		fc.asyncProperty(settings, remembered, steps, async (set, count, sequence) => {
			let known = listEnds(count);
			rig.restartN8n();
			const url = publishTrigger(set, known);
			for (const step of sequence) {
				if (step === 'restart') {
					rig.restartN8n();
					continue;
				}
				const { answers, started } = await makeCalls(url, step);
				for (const [index, each] of step.entries()) {
					const { status, message } = answers[index] ?? {};
					seen.add(String(message));
					checkAnswer(set, each, status, message);
				}
				checkStarts(set, step, started, known);
				if (set.ignoreDuplicates) known = remember(known, started);
			}
		}),
		{ numRuns: 30, examples: [NAMES_NO_FILE] },
	);
	// All kinds of answers have been seen.
	expect([...seen].sort()).toEqual([
		'Received before.',
		OTHER_EVENTS,
		'The call names no file that can be fetched.',
		'The workflow was started.',
	]);
}, 60_000);
