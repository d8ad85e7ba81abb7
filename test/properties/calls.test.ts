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

test('each wanted end starts the workflow once while it is remembered, in any order of calls and restarts', async () => {
	const seen = new Set<string>();
	await fc.assert(
		fc.asyncProperty(settings, remembered, steps, async (set, count, sequence) => {
			// The ends that the calls are about are forgotten first.
			const earlier = [...Array(6).keys()].flatMap((job) => EVENTS.map((event) => `${job + 1}/${event}`));
			let known =
				count === 0
					? []
					: [...earlier, ...Array.from({ length: count - earlier.length }, (_, n) => `old-${n}/success`)];
			const hashes = known.map((end) => hashEnd(...(end.split('/') as [string, string])));
			published += 1;
			rig.restartN8n();
			const { production } = rig.engine.publish(
				buildTriggerWorkflow({ ...set, verify: 'none' } as never),
				`calls-${published}`,
				{ [`node:${TRIGGER}`]: { seen: hashes.join('') } },
			);

			for (const step of sequence) {
				if (step === 'restart') {
					rig.restartN8n();
					continue;
				}
				const before = rig.engine.executions.length;
				const answers = await Promise.all(step.map(async (each) => await rig.call(production, toBody(each))));
				await rig.waitUntilIdle();
				const started = listStarted(before);

				for (const [index, each] of step.entries()) {
					const { status, message } = answers[index] ?? {};
					seen.add(String(message));
					if (!isWanted(set, each)) {
						expect([status, message]).toEqual([
							200,
							'Received. This trigger is set to other events or track IDs.',
						]);
					} else if (isUsable(each)) expect(status).toBe(200);
					// A repeated call need not name a file.
					else expect([200, 400]).toContain(status);
				}
				const wanted = step.filter((each) => isWanted(set, each) && isUsable(each));
				const ends = new Set(wanted.map(nameEnd));
				for (const end of new Set([...started, ...step.map(nameEnd)])) {
					const times = started.filter((other) => other === end).length;
					const calls = wanted.filter((each) => nameEnd(each) === end).length;
					if (!set.ignoreDuplicates || calls === 0) expect([end, times]).toEqual([end, calls]);
					// An end that is forgotten within a step may be forgotten before or after its own call.
					else if (!known.includes(end)) expect([end, times]).toEqual([end, 1]);
					else if (known.indexOf(end) >= ends.size) expect([end, times]).toEqual([end, 0]);
					else expect(times).toBeLessThanOrEqual(1);
				}
				if (set.ignoreDuplicates) {
					known = [...new Set([...known.filter((end) => !started.includes(end)), ...started])].slice(
						-REMEMBERED,
					);
				}
			}
		}),
		{ numRuns: 30, examples: [NAMES_NO_FILE] },
	);
	// All kinds of answers have been seen.
	expect([...seen].sort()).toEqual([
		'Received before.',
		'Received. This trigger is set to other events or track IDs.',
		'The call names no file that can be fetched.',
		'The workflow was started.',
	]);
}, 60_000);
