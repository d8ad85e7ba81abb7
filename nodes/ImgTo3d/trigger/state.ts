import type { IWebhookFunctions } from 'n8n-workflow';

import type { Clock } from '../async/clock';
import { FairQueue } from '../async/fair-queue';
import { Pace } from '../async/pace';
import { RateLimit } from '../async/rate-limit';
import { Semaphore } from '../async/semaphore';
import { SingleFlight } from '../async/single-flight';
import { processCredentials, type CredentialReader } from '../webhook/connection';
import type { Caller } from './caller';
import type { TriggerSettings } from './parameters';
import { SeenEnds } from './seen-ends';
import { UnverifiedDownloads } from './unverified';

/**
 * The most jobs that are fetched at the same time because of calls with a mark, the most of these calls that wait for that,
 * and the most with the same mark. The same limits apply to the calls without a mark about the jobs of an account.
 */
const MAX_FETCHES = 10;
const MAX_MARKED = 1000;
const MAX_OF_A_MARK = 5;
const MAX_UNMARKED = 100;
const MAX_OF_AN_ADDRESS = 30;

/**
 * The most API calls that a mark is good for. The two calls that the service may make for a job need no more. Somebody who
 * has seen the address of a job can make others.
 */
const MAX_USES = 60;

/** The most marks whose uses are counted. The oldest are forgotten first. */
const MAX_MARKS = 10_000;

/**
 * The time between two API calls for an account because of calls without a mark, ms: five a second. The first calls of a
 * burst do not wait. The service counts these API calls as the account's, and refuses when there are too many.
 */
const UNMARKED_INTERVAL_MS = 200;
const UNMARKED_BURST = 30;

/** The most files that are downloaded at the same time, for all calls that are verified. */
const MAX_DOWNLOADS = 5;

/** What webhook calls can cause without end: log lines, failed executions, and repeated questions about unknown jobs. */
type Limited = 'refusals' | 'errors' | 'repeats' | 'links';

/** What the webhook calls to the triggers of one process share. */
export class TriggerState {
	/** The calls that are being handled, by trigger and end. */
	readonly flights = new SingleFlight();
	readonly seen = new SeenEnds();
	private readonly marked = new FairQueue(MAX_FETCHES, MAX_MARKED, MAX_OF_A_MARK);
	/** The API calls because of calls with each mark. */
	private readonly uses = new Map<string, number>();
	/** By account. */
	private readonly unmarked = new Map<string, { queue: FairQueue; pace: Pace }>();
	readonly downloads = new Semaphore(MAX_DOWNLOADS);
	private readonly limits = new Map<string, RateLimit>();
	private readonly unverified = new Map<string, UnverifiedDownloads>();

	constructor(readonly credentials: CredentialReader = processCredentials) {}

	/**
	 * Asks the API because of a call, when it is the call's turn. Calls with a mark do not wait for others, as long as the mark
	 * is not used up.
	 *
	 * @returns `undefined` if too many calls wait
	 */
	async fetch<T>(
		clock: Clock,
		account: string,
		{ queue, isMarked }: Caller,
		task: () => Promise<T>,
	): Promise<T | undefined> {
		if (isMarked && this.countUse(queue) <= MAX_USES) return await this.marked.run(queue, task);
		const others = this.unmarked.get(account) ?? {
			queue: new FairQueue(MAX_FETCHES, MAX_UNMARKED, MAX_OF_AN_ADDRESS),
			pace: new Pace(UNMARKED_INTERVAL_MS, UNMARKED_BURST),
		};
		this.unmarked.set(account, others);
		return await others.queue.run(queue, async () => {
			await others.pace.wait(clock);
			return await task();
		});
	}

	private countUse(mark: string): number {
		const count = (this.uses.get(mark) ?? 0) + 1;
		this.uses.delete(mark);
		this.uses.set(mark, count);
		const [oldest] = this.uses.keys();
		if (this.uses.size > MAX_MARKS && oldest !== undefined) this.uses.delete(oldest);
		return count;
	}

	/** Gets the limits on what a trigger downloads for calls that are not verified. */
	getUnverified(trigger: string): UnverifiedDownloads {
		const downloads = this.unverified.get(trigger) ?? new UnverifiedDownloads();
		this.unverified.set(trigger, downloads);
		return downloads;
	}

	/** Gets the limit on something that the calls to a trigger cause. */
	getLimit(trigger: string, limited: Limited): RateLimit {
		const key = `${trigger}/${limited}`;
		const limit = this.limits.get(key) ?? new RateLimit();
		this.limits.set(key, limit);
		return limit;
	}
}

/** A webhook call to a trigger, and what it is handled with. */
export interface TriggerCall {
	context: IWebhookFunctions;
	clock: Clock;
	state: TriggerState;
	/** Identifies the trigger among all triggers of this n8n. */
	trigger: string;
	settings: TriggerSettings;
	caller: Caller;
	body: string;
}
