/** A service and a clock that exist in memory only, so that days of jobs pass in seconds. The node's own code watches them. */
import type { Answer } from '../nodes/ImgTo3d/api/answer.ts';
import { describeProblem } from '../nodes/ImgTo3d/api/problems.ts';
import type { Service } from '../nodes/ImgTo3d/api/service.ts';
import type { Account } from '../nodes/ImgTo3d/polling/account.ts';
import type { Clock, CancelSignal } from '../nodes/ImgTo3d/async/clock.ts';
import type { AcceptedJob } from '../nodes/ImgTo3d/jobs/ledger.ts';
import type { Run } from '../nodes/ImgTo3d/jobs/run.ts';
import { SubmitGate } from '../nodes/ImgTo3d/jobs/submit-gate.ts';
import { pollUntilEnd } from '../nodes/ImgTo3d/jobs/poll.ts';
import type { ItemRequest } from '../nodes/ImgTo3d/request.ts';

/** Numbers from 0 to 1 that are the same in each run (a linear congruential generator, Numerical Recipes' constants). */
export function seeded(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
}

interface Sleeper {
	at: number;
	signal?: CancelSignal;
	wake: () => void;
}

/** A clock that jumps to the next sleeper's time whenever nothing else can happen. */
export class SimulatedClock implements Clock {
	private time = 0;
	private sleepers: Sleeper[] = [];

	now(): number {
		return this.time;
	}

	/** Nobody's clock but this one is known here. */
	toDate(time: number): Date {
		return new Date(time);
	}

	async sleep(ms: number, signal?: CancelSignal): Promise<void> {
		if (ms <= 0 || signal?.aborted) return;
		await new Promise<void>((wake) => this.sleepers.push({ at: this.time + ms, signal, wake }));
	}

	/** Lets time pass until the work is done. */
	async run<T>(work: Promise<T>): Promise<T> {
		let isOver = false;
		const over = () => {
			isOver = true;
		};
		work.then(over, over);
		for (;;) {
			// Everything that does not wait for the time is promises, and they are through after a turn.
			await new Promise((resolve) => setImmediate(resolve));
			if (isOver) return await work;
			this.sleepers = this.sleepers.filter(({ signal, wake }) => {
				if (signal?.aborted) wake();
				return !signal?.aborted;
			});
			const next = Math.min(...this.sleepers.map(({ at }) => at));
			if (next === Infinity) continue;
			this.time = next;
			const due = this.sleepers.filter(({ at }) => at <= next);
			this.sleepers = this.sleepers.filter(({ at }) => at > next);
			for (const { wake } of due) wake();
		}
	}
}

/** What the service says at an age of a job (s) is left of it (s), if it says anything. */
export type Eta = (age: number, duration: number) => number | undefined;

/** A job in the simulation: times in s. */
export interface SimulatedJob {
	duration: number;
	eta: Eta;
	/** The settings' name. */
	kind: string;
	/** The person's own Poll Interval, s. */
	pollInterval?: number;
}

export interface SimulatedPolling {
	/** From the job's end to its result being known, s. */
	delay: number;
	/** When the service answered the fetch calls, s after the job's acceptance. */
	looks: number[];
}

/** How long a call takes, one way, ms. */
const WAY_MS = 25;

/** Watches a job from its acceptance to its end, as the node does. */
export async function pollSimulated(
	clock: SimulatedClock,
	account: Account,
	{ duration, eta, kind, pollInterval }: SimulatedJob,
): Promise<SimulatedPolling> {
	const acceptedAt = clock.now();
	const endsAt = acceptedAt + duration * 1000;
	const looks: number[] = [];
	const standing = (): Answer => {
		const job = { id: 1, output: ['https://files.example/a.gif'], extras: {} };
		const now = clock.now();
		if (now >= endsAt) return { state: 'success', httpCode: 200, job };
		const etaSeconds = eta((now - acceptedAt) / 1000, duration);
		return { state: 'processing', httpCode: 200, job, ...(etaSeconds !== undefined && { etaSeconds }) };
	};
	const fetch = async () => {
		await clock.sleep(WAY_MS);
		looks.push((clock.now() - acceptedAt) / 1000);
		const answer = standing();
		await clock.sleep(WAY_MS);
		return answer;
	};
	const known = standing() as AcceptedJob['known'];
	await clock.run(clock.sleep(WAY_MS));
	const at = clock.now();
	const accepted: AcceptedJob = { known, at, since: at, submits: 1 };
	const item = makeItem({
		work: { operation: 'imageTo3d', apiVersion: 'v3', body: { kind } },
		...(pollInterval !== undefined && { pollIntervalMs: pollInterval * 1000 }),
	});
	await clock.run(pollUntilEnd(makeRun(clock, account, fetch), item, 1, { accepted }));
	return { delay: (clock.now() - endsAt) / 1000, looks };
}

/** A run of the node for one item, which looks at its job by `fetch`. */
export function makeRun(clock: Clock, account: Account, fetch: Service['fetch']): Run {
	const { signal } = new AbortController();
	return {
		clock,
		account,
		gate: new SubmitGate(clock, account, signal),
		signal,
		openJobs: new Map(),
		ledger: new Map(),
		service: { fetch, describeProblem: (_version, ...call) => describeProblem(...call) } as Service,
	} as unknown as Run;
}

/** An item that waits a day for its job. */
export function makeItem(more: Pick<ItemRequest, 'work'> & Partial<ItemRequest>): ItemRequest {
	return {
		itemIndex: 0,
		waitFor: 'poll',
		timeoutMs: 24 * 3_600_000,
		maxJobsInFlight: 1,
		download: false,
		outputBinaryPropertyName: '',
		outputMode: 'job',
		maxFileBytes: 0,
		...more,
	};
}
