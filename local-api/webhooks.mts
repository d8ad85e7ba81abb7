import axios from 'axios';
import pLimit, { type LimitFunction } from 'p-limit';

import type { Clock } from './clock.mts';
import { isLoopback } from './loopback.mts';

/** How often the webhook of a job is called, or how long after its end. A negative delay calls it before the end. */
export type WebhookMode = 'once' | 'twice' | 'never' | { delaySeconds: number };

/** A webhook call that was made. Times are the clock's milliseconds. */
export interface CallRecord {
	/** The job's ID. */
	job: number;
	at: number;
	/** When the answer arrived, or when the call failed. Absent until then. */
	endedAt?: number;
	/** The HTTP status of the answer. Absent when there was none. */
	status?: number;
	/** Why there was no answer. */
	failure?: string;
}

/** A webhook to call for a job. */
export interface ComingCall {
	url: string;
	/** The job's ID. */
	job: number;
	/** When the job ends, the clock's ms. */
	endsAt: number;
	mode: WebhookMode;
	/** Makes the JSON of each call when it is due. */
	body: () => Buffer;
}

/** How long a receiver may take to answer, ms. The service waits for the same time. */
const ANSWER_TIME = 30_000;

export interface CallSettings {
	/** The most calls at the same time. */
	callsAtOnce: number;
	/** The most calls that are kept on record, the latest ones. */
	maxRecords: number;
}

/** Calls webhooks. Like the service, it does not repeat a call that fails. */
export class Webhooks {
	readonly records: CallRecord[] = [];

	private readonly limit: LimitFunction;

	/**
	 * @param stopping ends every call, and drops those that are not made yet
	 * @param settings read for every call, so they can change between two calls
	 */
	constructor(
		private readonly clock: Clock,
		private readonly log: (line: string) => void,
		private readonly stopping: AbortSignal,
		private readonly settings: CallSettings,
	) {
		this.limit = pLimit(settings.callsAtOnce);
	}

	/**
	 * Plans the calls for a job. Only loopback addresses are called: a workflow that somebody tries on their own machine must not
	 * call another machine.
	 */
	schedule(call: ComingCall): void {
		if (call.mode === 'never') return;
		if (!isLoopback(new URL(call.url))) {
			this.log('webhook skipped: only loopback addresses are called');
			return;
		}
		void this.deliver(call);
	}

	private async deliver(call: ComingCall): Promise<void> {
		const { endsAt, mode } = call;
		const at = endsAt + (typeof mode === 'object' ? mode.delaySeconds * 1000 : 0);
		await this.clock.sleep(Math.max(at - this.clock.now(), 0), this.stopping).catch(() => undefined);
		this.limit.concurrency = this.settings.callsAtOnce;
		await this.limit(async () => {
			for (let left = mode === 'twice' ? 2 : 1; left > 0 && !this.stopping.aborted; left--) {
				const { failure } = await this.make(call);
				if (failure !== undefined) return;
			}
		});
	}

	private async make({ url, job, body }: ComingCall): Promise<CallRecord> {
		const record = this.recordCall(job);
		try {
			const { status } = await axios.post(url, body(), {
				headers: { 'content-type': 'application/json' },
				timeout: ANSWER_TIME,
				signal: this.stopping,
				proxy: false,
				maxRedirects: 0,
				validateStatus: () => true,
			});
			record.status = status;
		} catch (error) {
			record.failure = (error as Error).message;
		}
		record.endedAt = this.clock.now();
		if (this.stopping.aborted) return record;
		const { status, failure } = record;
		this.log(`webhook for job ${job} ${failure === undefined ? `answered ${status}` : `failed: ${failure}`}`);
		return record;
	}

	private recordCall(job: number): CallRecord {
		const record: CallRecord = { job, at: this.clock.now() };
		this.records.push(record);
		while (this.records.length > this.settings.maxRecords) this.records.shift();
		return record;
	}
}
