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

const answer = (message: string, status = 200, retry_after?: number): Misbehavior => ({
	kind: 'answer',
	status,
	body: { status: 'error', message, retry_after },
});

const FAULTS: Record<Exclude<Fate, 'job'>, Pick<Fault, 'do' | 'accept'>> = {
	failing: { do: { kind: 'failJob', message: 'too dark' } },
	refused: { do: answer('The prompt is not allowed') },
	lost: { accept: true, do: { kind: 'reset', when: 'before' } },
	broken: { do: answer('Server Error', 500) },
	busy: { do: answer('Rate limit exceeded', 200, 7) },
	full: { do: answer('Rate limit exceeded. Maximum 3 queued requests allowed.', 429, 20) },
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

const itemOf = (trackId: unknown) => Number(String(trackId).slice('item-'.length));

async function run({
	count,
	maxJobsInFlight,
	fates,
	seconds,
	parallel,
	continues,
	tries,
}: Case): Promise<Outcome> {
	const { service } = rig;
	rig.restartN8n();
	service.clearFaults();
	const jobsBefore = service.jobs.length;
	const requestsBefore = service.requests.length;
	service.configure({ parallel, jobSeconds: (job) => seconds[(job - jobsBefore) % seconds.length] ?? 0 });
	let skip = 0;
	for (const fate of fates) {
		if (fate === 'job') skip += 1;
		else {
			service.addFault({ on: 'submit', skip, ...FAULTS[fate] });
			skip = 0;
		}
	}
	const result = await rig.run(
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
	// Open jobs must not affect the next run.
	await rig.clock.sleep(1e6);
	const submits = service.requests
		.slice(requestsBefore)
		.filter(({ path }) => path.endsWith('/txt_to_3d'))
		.map(({ body, at }, index) => ({
			fate: fates[index] ?? 'job',
			at,
			item: itemOf((body as { track_id: string }).track_id),
		}));
	return { ...result, submits, jobs: service.jobs.slice(jobsBefore) };
}

/** The highest number of jobs that were open at the same time. */
function mostOpen(jobs: readonly JobRecord[]): number {
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

/** The output for an item, by the fate of its last submit. */
const LEAVES: Record<Fate, (job: JobRecord | undefined) => object> = {
	job: (job) => ({ status: 'success', id: job?.id, output: job?.outputs }),
	failing: (job) => ({
		id: job?.id,
		error: `Job ${job?.id}: the service ended the job as failed: too dark`,
		paid: 'yes',
	}),
	refused: () => ({ error: 'The service refused the call: The prompt is not allowed', paid: 'no' }),
	lost: () => ({
		error: expect.stringMatching(
			/^The connection broke before the answer was complete .*\. The job may have been accepted and paid$/,
		),
		paid: 'unknown',
	}),
	broken: () => ({
		error: 'The service is in trouble, HTTP 500: Server Error. The job may have been accepted and paid',
		paid: 'unknown',
	}),
	busy: () => ({ error: 'is waited out' }),
	full: () => ({ error: 'is waited out' }),
};

test('each item is paid at most once, no more jobs are open than allowed, and each item keeps its place, whatever happens to the submits', async () => {
	const seen = new Map<string, number>();
	const see = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
	await fc.assert(
		fc.asyncProperty(anyCase, async (one) => {
			const { items, error, submits, jobs } = await run(one);
			const byItem = Array.from({ length: one.count }, (_, item) =>
				submits.filter((submit) => submit.item === item),
			);
			/** The jobs that the service has reported to the node. */
			const reported = jobs.filter(
				({ trackId, outcome }) =>
					outcome === 'failed' || byItem[itemOf(trackId)]?.some(({ fate }) => fate === 'job'),
			);

			for (const of of byItem) {
				const paid = of.filter(({ fate }) => fate === 'job' || fate === 'failing');
				const unknown = of.filter(({ fate }) => MAY_BE_PAID.includes(fate));
				// Only a failed job is followed by another, when the node runs again.
				for (const { fate } of [...paid, ...unknown].slice(0, -1)) expect(fate).toBe('failing');
				expect(paid.length + unknown.length).toBeLessThanOrEqual(one.tries);
				const [last] = of.slice(-1);
				if (unknown.length > 0) expect(MAY_BE_PAID).toContain(last?.fate);
			}
			expect(mostOpen(reported)).toBeLessThanOrEqual(one.maxJobsInFlight);

			if (error) {
				see('an error');
				expect(one.continues).toBe(false);
				expect(items).toEqual([]);
				const words = `${error.message} ${error.description}`;
				for (const { id, outcome } of reported)
					if (outcome === 'success') expect(words).toContain(String(id));
				return;
			}
			see(one.tries > 1 ? 'a retry' : 'a run');
			expect(items.map(({ pairedItem }) => pairedItem)).toEqual(byItem.map((_of, item) => ({ item })));
			for (const [item, { json }] of items.entries()) {
				const { fate = 'job' } = byItem[item]?.slice(-1)[0] ?? {};
				const [job] = jobs.filter(({ trackId }) => itemOf(trackId) === item).slice(-1);
				expect(json).toMatchObject({ track_id: `item-${item}`, ...LEAVES[fate](job) });
				expect('description' in json && json.description !== '').toBe('error' in json);
				expect('id' in json).toBe(fate === 'job' || fate === 'failing');
				see(fate);
			}
		}),
		{ numRuns: 30 },
	);
	// Otherwise too little was tested.
	expect([...seen.keys()]).toEqual(expect.arrayContaining(['an error', 'a run', 'a retry', 'job']));
}, 60_000);
