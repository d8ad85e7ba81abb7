import fc from 'fast-check';

import type { Fault, JobRecord, Misbehavior } from '../../local-api/index.mts';
import { toItems, openRig, type Rig, type Result } from '../support/rig.mts';

let rig: Rig;
beforeAll(async () => {
	rig = await openRig({ queueLimit: 1000 });
});
afterAll(async () => {
	await rig.close();
});

/** The fate of a submit. */
type Fate =
	/** The job succeeds. */
	| 'job'
	/** The service ends the job as failed. */
	| 'failing'
	/** The service refuses it. */
	| 'refused'
	/** It was accepted (`lost`) or not (`broken`), and no answer says which. */
	| 'lost'
	| 'broken'
	/** A limit refuses it for now. */
	| 'busy'
	| 'full';

interface Case {
	count: number;
	maxJobsInFlight: number;
	/** Of the submits, in the order of their arrival. Further submits succeed. */
	fates: Fate[];
	/** How long jobs take, in the order of their acceptance, repeated as needed, s. 0: done in the submit's answer. */
	seconds: number[];
	parallel: number;
	continues: boolean;
	tries: number;
}

const anyCase: fc.Arbitrary<Case> = fc.record({
	count: fc.integer({ min: 1, max: 8 }),
	maxJobsInFlight: fc.integer({ min: 1, max: 4 }),
	fates: fc.array(
		fc.oneof(
			{ weight: 5, arbitrary: fc.constant('job' as const) },
			{ weight: 2, arbitrary: fc.constant('failing' as const) },
			{ weight: 4, arbitrary: fc.constantFrom('refused', 'lost', 'broken', 'busy', 'full') },
		) as fc.Arbitrary<Fate>,
		{ maxLength: 12 },
	),
	seconds: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 90 })), {
		minLength: 1,
		maxLength: 8,
	}),
	parallel: fc.integer({ min: 1, max: 6 }),
	continues: fc.boolean(),
	tries: fc.constantFrom(1, 1, 2, 3),
});

const answerError = (message: string, status = 200, retry_after?: number): Misbehavior => ({
	kind: 'answer',
	status,
	body: { status: 'error', message, retry_after },
});

const FAULTS: Record<Exclude<Fate, 'job'>, Pick<Fault, 'do' | 'accept'>> = {
	failing: { do: { kind: 'failJob', message: 'too dark' } },
	refused: { do: answerError('The prompt is not allowed') },
	lost: { accept: true, do: { kind: 'reset', when: 'before' } },
	broken: { do: answerError('Server Error', 500) },
	busy: { do: answerError('Rate limit exceeded', 200, 7) },
	full: { do: answerError('Rate limit exceeded. Maximum 3 queued requests allowed.', 429, 20) },
};

/** A submit as the service saw it. */
interface Submit {
	fate: Fate;
	at: number;
	/** The input item. */
	item: number;
}

/** A run and what the service saw of it. */
interface Outcome extends Result {
	submits: Submit[];
	jobs: JobRecord[];
}

const readItem = (trackId: unknown) => Number(String(trackId).slice('item-'.length));

/** Sets the service up for a case, as if it had no jobs yet. */
function prepareService({ fates, seconds, parallel }: Case): void {
	const { service } = rig;
	rig.restartN8n();
	service.clearFaults();
	const jobsBefore = service.jobs.length;
	service.configure({ parallel, jobSeconds: (job) => seconds[(job - jobsBefore) % seconds.length] ?? 0 });
	let skip = 0;
	for (const fate of fates) {
		if (fate === 'job') skip += 1;
		else {
			service.addFault({ on: 'submit', skip, ...FAULTS[fate] });
			skip = 0;
		}
	}
}

/** Runs the node with a prepared service. */
async function runNode({ count, maxJobsInFlight, continues, tries }: Case): Promise<Result> {
	return await rig.run(
		{
			operation: 'textTo3d',
			prompt: 'A cup',
			download: false,
			options: { trackId: '=item-{{ $json.n }}', maxJobsInFlight },
		},
		{
			items: toItems(...Array.from({ length: count }, (_, n) => ({ n }))),
			node: {
				...(continues && { onError: 'continueRegularOutput' }),
				...(tries > 1 && { retryOnFail: true, maxTries: tries, waitBetweenTries: 1 }),
			},
		},
	);
}

async function run(one: Case): Promise<Outcome> {
	const { service } = rig;
	const jobsBefore = service.jobs.length;
	const requestsBefore = service.requests.length;
	prepareService(one);
	const result = await runNode(one);
	// Open jobs must not affect the next run.
	await rig.clock.sleep(1e6);
	const submits = service.requests
		.slice(requestsBefore)
		.filter(({ path }) => path.endsWith('/txt_to_3d'))
		.map(({ body, at }, index) => ({
			fate: one.fates[index] ?? 'job',
			at,
			item: readItem((body as { track_id: string }).track_id),
		}));
	return { ...result, submits, jobs: service.jobs.slice(jobsBefore) };
}

/** Counts the jobs that were open at the same time. @returns the highest count */
function countMostOpen(jobs: readonly JobRecord[]): number {
	const edges = jobs.flatMap(({ acceptedAt, endsAt }) => [
		{ at: acceptedAt, step: 1 },
		{ at: endsAt, step: -1 },
	]);
	let open = 0;
	let most = 0;
	for (const { step } of edges.sort((a, b) => a.at - b.at || a.step - b.step))
		most = Math.max(most, (open += step));
	return most;
}

const MAY_BE_PAID: readonly Fate[] = ['lost', 'broken'];

/** Match the name of an item among several in its error: behind the job, or at the beginning. */
const BEHIND = '( \\(".+"\\))?';
const BEFORE = '(".+": )?';

/** The output for an item, by the fate of its last submit. */
const LEAVES: Record<Fate, (job: JobRecord | undefined) => object> = {
	job: (job) => ({ status: 'success', id: job?.id, output: job?.outputs }),
	failing: (job) => ({
		id: job?.id,
		error: expect.stringMatching(`^Job ${job?.id}${BEHIND}: the service ended the job as failed: too dark$`),
		paid: 'yes',
	}),
	refused: () => ({
		error: expect.stringMatching(`^${BEFORE}The service refused the call: The prompt is not allowed$`),
		paid: 'no',
	}),
	lost: () => ({
		error: expect.stringMatching(
			`^${BEFORE}The connection broke before the answer was complete .*\\. The job may have been accepted and paid$`,
		),
		paid: 'unknown',
	}),
	broken: () => ({
		error: expect.stringMatching(
			`^${BEFORE}The service is in trouble, HTTP 500: Server Error. The job may have been accepted and paid$`,
		),
		paid: 'unknown',
	}),
	busy: () => ({ error: 'is waited out' }),
	full: () => ({ error: 'is waited out' }),
};

/** Lists the submits of each item. */
const groupByItem = ({ count }: Case, submits: readonly Submit[]) =>
	Array.from({ length: count }, (_, item) => submits.filter((submit) => submit.item === item));

/** Lists the jobs that the service has reported to the node. */
const listReported = ({ jobs }: Outcome, byItem: readonly Submit[][]) =>
	jobs.filter(
		({ trackId, outcome }) =>
			outcome === 'failed' || byItem[readItem(trackId)]?.some(({ fate }) => fate === 'job'),
	);

/** Checks that an item is paid at most once, except after failed jobs. @param submits all of the item */
function checkPayment({ tries }: Case, submits: readonly Submit[]): void {
	const paid = submits.filter(({ fate }) => fate === 'job' || fate === 'failing');
	const unknown = submits.filter(({ fate }) => MAY_BE_PAID.includes(fate));
	// Only a failed job is followed by another, when the node runs again.
	for (const { fate } of [...paid, ...unknown].slice(0, -1)) expect(fate).toBe('failing');
	expect(paid.length + unknown.length).toBeLessThanOrEqual(tries);
	const [last] = submits.slice(-1);
	if (unknown.length > 0) expect(MAY_BE_PAID).toContain(last?.fate);
}

/** Checks a run that has stopped with an error: no items, and the IDs of the jobs that succeeded. */
function checkError({ continues }: Case, { items, error }: Outcome, reported: readonly JobRecord[]): void {
	expect(continues).toBe(false);
	expect(items).toEqual([]);
	const words = `${error?.message} ${error?.description}`;
	for (const { id, outcome } of reported) if (outcome === 'success') expect(words).toContain(String(id));
}

/** Checks the output item of an input item. @returns the fate of its last submit */
function checkItem(item: number, { items, jobs }: Outcome, submits: readonly Submit[] = []): Fate {
	const { json } = items[item] ?? { json: {} };
	const { fate = 'job' } = submits.at(-1) ?? {};
	const [job] = jobs.filter(({ trackId }) => readItem(trackId) === item).slice(-1);
	expect(json).toMatchObject({ track_id: `item-${item}`, ...LEAVES[fate](job) });
	expect('description' in json && json.description !== '').toBe('error' in json);
	expect('id' in json).toBe(fate === 'job' || fate === 'failing');
	return fate;
}

test('each item is paid at most once, no more jobs are open than allowed, and each item keeps its place, whatever happens to the submits', async () => {
	const seen = new Set<string>();
	await fc.assert(
		fc.asyncProperty(anyCase, async (one) => {
			const outcome = await run(one);
			const byItem = groupByItem(one, outcome.submits);
			const reported = listReported(outcome, byItem);
			for (const submits of byItem) checkPayment(one, submits);
			expect(countMostOpen(reported)).toBeLessThanOrEqual(one.maxJobsInFlight);
			if (outcome.error) {
				seen.add('an error');
				checkError(one, outcome, reported);
				return;
			}
			seen.add(one.tries > 1 ? 'a retry' : 'a run');
			expect(outcome.items.map(({ pairedItem }) => pairedItem)).toEqual(
				byItem.map((_submits, item) => ({ item })),
			);
			for (const item of outcome.items.keys()) seen.add(checkItem(item, outcome, byItem[item]));
		}),
		{ numRuns: 30 },
	);
	// Otherwise too little was tested.
	expect([...seen]).toEqual(expect.arrayContaining(['an error', 'a run', 'a retry', 'job']));
}, 60_000);
