/** A service and a clock in memory, so days of jobs pass in seconds. The node's own code polls the jobs. */
import type { Answer } from '../nodes/ImgTo3d/api/answer.ts';
import { describeProblem } from '../nodes/ImgTo3d/api/problems.ts';
import type { Service } from '../nodes/ImgTo3d/api/service.ts';
import type { Account } from '../nodes/ImgTo3d/polling/account.ts';
import type { Clock } from '../nodes/ImgTo3d/async/clock.ts';
import type { AcceptedJob } from '../nodes/ImgTo3d/jobs/ledger.ts';
import type { Run } from '../nodes/ImgTo3d/jobs/run.ts';
import { SubmitGate } from '../nodes/ImgTo3d/jobs/submit-gate.ts';
import { pollUntilEnd } from '../nodes/ImgTo3d/jobs/poll.ts';
import type { JobItem } from '../nodes/ImgTo3d/request.ts';
import { LeapingClock } from '../test/support/leaping-clock.mts';

/** A clock that leaps whenever nothing else can happen. */
export class SimulatedClock extends LeapingClock {
	constructor() {
		super(0);
	}

	/** Lets time pass until the work is done. */
	async run<T>(work: Promise<T>): Promise<T> {
		let isOver = false;
		const end = () => {
			isOver = true;
		};
		work.then(end, end);
		for (;;) {
			// What does not wait for the time is promises, and these settle within a turn of the event loop.
			await new Promise((resolve) => setImmediate(resolve));
			if (isOver) return await work;
			this.leap();
		}
	}
}

/** The ETA that the service sends at an age of a job, both in s. `undefined` if it sends none. */
export type Eta = (age: number, duration: number) => number | undefined;

/** A job in the simulation. Times are in s. */
export interface SimulatedJob {
	duration: number;
	eta: Eta;
	/** Jobs of one kind have the same settings. */
	kind: string;
	/** The option Poll Interval, s. */
	pollInterval?: number;
}

export interface SimulatedPolling {
	/** From the end of the job until the node knows it, s. */
	delay: number;
	/** When the service answered the polls, s after it accepted the job. */
	polls: number[];
	/** The ETA in the answer to the submit, s. */
	firstEta?: number;
}

/** How long a call takes, one way, ms. */
const WAY_MS = 25;

/** The service with one job in it. */
class SimulatedService {
	readonly polls: number[] = [];

	private readonly acceptedAt: number;

	readonly endsAt: number;

	constructor(
		private readonly clock: Clock,
		private readonly job: SimulatedJob,
	) {
		this.acceptedAt = clock.now();
		this.endsAt = this.acceptedAt + job.duration * 1000;
	}

	answer(): Answer {
		const job = { id: 1, output: ['https://files.example/a.gif'], extras: {} };
		const now = this.clock.now();
		if (now >= this.endsAt) return { state: 'success', httpCode: 200, job };
		const etaSeconds = this.job.eta((now - this.acceptedAt) / 1000, this.job.duration);
		return { state: 'processing', httpCode: 200, job, ...(etaSeconds !== undefined && { etaSeconds }) };
	}

	async fetch(): Promise<Answer> {
		await this.clock.sleep(WAY_MS);
		this.polls.push((this.clock.now() - this.acceptedAt) / 1000);
		const answer = this.answer();
		await this.clock.sleep(WAY_MS);
		return answer;
	}
}

/** Polls a job from its acceptance to its end, as the node does. */
export async function pollSimulated(
	clock: SimulatedClock,
	account: Account,
	job: SimulatedJob,
): Promise<SimulatedPolling> {
	const service = new SimulatedService(clock, job);
	const known = service.answer() as AcceptedJob['known'];
	await clock.run(clock.sleep(WAY_MS));
	const at = clock.now();
	const accepted: AcceptedJob = { known, at, since: at, submits: 1 };
	const item = makeItem({
		work: { operation: 'imageTo3d', apiVersion: 'v3', body: { kind: job.kind } },
		...(job.pollInterval !== undefined && { pollIntervalMs: job.pollInterval * 1000 }),
	});
	const run = makeRun(clock, account, { fetch: async () => await service.fetch() });
	await clock.run(pollUntilEnd(run, item, 1, { accepted }));
	return {
		delay: (clock.now() - service.endsAt) / 1000,
		polls: service.polls,
		...('etaSeconds' in known && { firstEta: known.etaSeconds }),
	};
}

/** A run of the node for one item. `calls` are the service's. */
export function makeRun(clock: Clock, account: Account, calls: Partial<Service>): Run {
	const { signal } = new AbortController();
	const service = { ...calls, describeProblem: (_version, ...call) => describeProblem(...call) } as Service;
	return {
		clock,
		account,
		gate: new SubmitGate({ clock, service, signal }, account),
		signal,
		openJobs: new Map(),
		ledger: new Map(),
		service,
	} as unknown as Run;
}

/** An item that waits for its job for up to a day. */
export function makeItem(more: Pick<JobItem, 'work'> & Partial<JobItem>): JobItem {
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
