import axios from 'axios';

import type { Clock } from './clock.mts';
import { isLoopback } from './images.mts';

/** How often, or how long after a job's end, its webhook is called. A negative delay calls it before the end. */
export type WebhookMode = 'once' | 'twice' | 'never' | { delaySeconds: number };

/** A webhook call that was made. Times are the clock's milliseconds. */
export interface CallRecord {
	/** The job's id. */
	job: number;
	at: number;
	/** When the answer was there, or when the call failed; absent while it is under way. */
	endedAt?: number;
	/** The answer's HTTP status; absent when there was none. */
	status?: number;
	/** Why there was no answer. */
	failure?: string;
}

/** How long a receiver may take to answer, in ms: as long as with the service. */
const ANSWER_TIME = 30_000;

export interface CallSettings {
	/** Most calls that are under way at the same time. */
	callsAtOnce: number;
	/** Most calls that are kept on record, the latest. */
	maxRecords: number;
}

/** Calls the webhooks. Best effort, as with the service: a call that fails is not repeated. */
export class Webhooks {
	readonly records: CallRecord[] = [];

	private underWay = 0;

	private readonly waiting: Array<() => void> = [];

	/**
	 * @param stopping drops every call that is still to come or under way
	 * @param settings read anew for every call, so they may be changed meanwhile
	 */
	constructor(
		private readonly clock: Clock,
		private readonly log: (line: string) => void,
		private readonly stopping: AbortSignal,
		private readonly settings: CallSettings,
	) {}

	/**
	 * Arranges the calls for a job that ends at `endsAt` (the clock's ms). Only loopback addresses are called: whoever
	 * tries a workflow on their own machine must not find that it has called somebody else's.
	 * @param job its id
	 * @param body makes the JSON of each call, when it is due
	 */
	schedule(url: string, endsAt: number, mode: WebhookMode, job: number, body: () => Buffer): void {
		if (mode === 'never') return;
		if (!isLoopback(new URL(url))) {
			this.log('webhook skipped: only loopback addresses are called');
			return;
		}
		const delay = typeof mode === 'object' ? mode.delaySeconds * 1000 : 0;
		void this.deliver(url, endsAt + delay, mode === 'twice' ? 2 : 1, job, body);
	}

	private async deliver(
		url: string,
		at: number,
		times: number,
		job: number,
		body: () => Buffer,
	): Promise<void> {
		const signal = this.stopping;
		await this.clock.sleep(Math.max(at - this.clock.now(), 0), signal).catch(() => undefined);
		await this.place();
		try {
			for (let call = 0; call < times && !signal.aborted; call++) {
				const record = this.begin(job);
				try {
					const { status } = await axios.post(url, body(), {
						headers: { 'content-type': 'application/json' },
						timeout: ANSWER_TIME,
						signal,
						proxy: false,
						maxRedirects: 0,
						validateStatus: () => true,
					});
					record.status = status;
				} catch (error) {
					record.failure = (error as Error).message;
				}
				record.endedAt = this.clock.now();
				if (signal.aborted) return;
				const { status, failure } = record;
				const outcome = failure === undefined ? `answered ${status}` : `failed: ${failure}`;
				this.log(`webhook for job ${job} ${outcome}`);
				if (failure !== undefined) return;
			}
		} finally {
			this.freePlace();
		}
	}

	/** Waits until one more call may be under way. */
	private async place(): Promise<void> {
		if (this.underWay < this.settings.callsAtOnce) this.underWay += 1;
		else await new Promise<void>((resolve) => this.waiting.push(resolve));
	}

	private freePlace(): void {
		const next = this.waiting.shift();
		if (next) next();
		else this.underWay -= 1;
	}

	private begin(job: number): CallRecord {
		const record: CallRecord = { job, at: this.clock.now() };
		this.records.push(record);
		while (this.records.length > this.settings.maxRecords) this.records.shift();
		return record;
	}
}
