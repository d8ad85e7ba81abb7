import type { IWebhookFunctions } from 'n8n-workflow';

import type { Clock } from '../async/clock';
import { FairQueue } from '../async/fair-queue';
import { RateLimit } from '../async/rate-limit';
import { Semaphore } from '../async/semaphore';
import { SingleFlight } from '../async/single-flight';
import { processCredentials, type CredentialReader } from '../webhook/connection';
import type { TriggerSettings } from './parameters';
import { SeenEnds } from './seen-ends';

/** The most jobs that are fetched at the same time because of webhook calls, and the most calls that wait for that. */
const MAX_FETCHES = 10;
const MAX_WAITING = 100;

/** The most files that are downloaded at the same time, for all calls. */
const MAX_DOWNLOADS = 5;

/** What webhook calls can cause without end: log lines, failed executions, and repeated questions about unknown jobs. */
type Limited = 'refusals' | 'errors' | 'repeats';

/** What the webhook calls to the triggers of one process share. */
export class TriggerState {
	/** The calls that are being handled, by trigger and end. */
	readonly flights = new SingleFlight();
	readonly seen = new SeenEnds();
	readonly fetches = new FairQueue(MAX_FETCHES, MAX_WAITING);
	readonly downloads = new Semaphore(MAX_DOWNLOADS);
	private readonly limits = new Map<string, RateLimit>();

	constructor(readonly credentials: CredentialReader = processCredentials) {}

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
	body: string;
}
