import { RateLimit } from '../async/rate-limit';
import { Semaphore } from '../async/semaphore';
import { SingleFlight } from '../async/single-flight';
import type { EndTracker } from '../jobs/end-tracker';
import { processCredentials, type CredentialReader } from '../webhook/connection';
import type { JobEnd } from './suspended-items';

/** The most jobs that are fetched at the same time because of webhook calls. */
const MAX_FETCHES = 10;

/** The most suspended executions that are remembered. The oldest are forgotten first. */
const MAX_REMEMBERED = 1000;

/** What a process remembers of a suspended execution. It only saves API calls: without it, the API is asked again. */
export class SuspensionMemory {
	/** What the API has said about each job, by its ID. */
	readonly trackers = new Map<string, EndTracker>();
	/** The ends that the API has reported, by job ID. */
	readonly ends = new Map<string, JobEnd>();
	/** Fetches of one job, fetches of all jobs, and proofs of their ends. */
	readonly flights = new SingleFlight();
	/** When the API may be asked again, ms of the clock. */
	retryTime = 0;
	/** When the node was resumed, ms of the clock. */
	resumedAt = -Infinity;
}

/** What the webhook calls to the suspended executions of one process share. */
export class ResumeState {
	readonly slots = new Semaphore(MAX_FETCHES);
	/** Limits the log lines about calls that could not be handled. */
	readonly errorLog = new RateLimit();
	private readonly memories = new Map<string, SuspensionMemory>();

	constructor(readonly credentials: CredentialReader = processCredentials) {}

	/** @param suspension the ID of a suspended execution's wait: an execution can be suspended several times */
	recall(suspension: string): SuspensionMemory {
		const memory = this.memories.get(suspension) ?? new SuspensionMemory();
		this.memories.set(suspension, memory);
		const [oldest] = this.memories.keys();
		if (this.memories.size > MAX_REMEMBERED && oldest !== undefined) this.memories.delete(oldest);
		return memory;
	}
}
