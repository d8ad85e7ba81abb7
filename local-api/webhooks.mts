import axios from 'axios';

import type { Clock } from './clock.mts';
import { isLoopback } from './images.mts';

/** How often, or how long after a job's end, its webhook is called. A negative delay calls it before the end. */
export type WebhookMode = 'once' | 'twice' | 'never' | { delaySeconds: number };

/** How long a receiver may take to answer, in ms. */
const ANSWER_TIME = 10_000;

/** Calls the webhooks. Best effort, as with the service: a call that fails is not repeated. */
export class Webhooks {
	/** @param stopping drops every call that is still to come or under way */
	constructor(
		private readonly clock: Clock,
		private readonly log: (line: string) => void,
		private readonly stopping: AbortSignal,
	) {}

	/**
	 * Arranges the calls for a job that ends at `endsAt` (the clock's ms). Only loopback addresses are called: whoever
	 * tries a workflow on their own machine must not find that it has called somebody else's.
	 */
	schedule(url: string, endsAt: number, mode: WebhookMode, body: Record<string, unknown>): void {
		if (mode === 'never') return;
		if (!isLoopback(new URL(url))) {
			this.log('webhook skipped: only loopback addresses are called');
			return;
		}
		const delay = typeof mode === 'object' ? mode.delaySeconds * 1000 : 0;
		void this.deliver(url, endsAt + delay, mode === 'twice' ? 2 : 1, body);
	}

	private async deliver(
		url: string,
		at: number,
		times: number,
		body: Record<string, unknown>,
	): Promise<void> {
		const signal = this.stopping;
		try {
			await this.clock.sleep(Math.max(at - this.clock.now(), 0), signal);
			for (let call = 0; call < times && !signal.aborted; call++) {
				const { status } = await axios.post(url, body, {
					timeout: ANSWER_TIME,
					signal,
					proxy: false,
					maxRedirects: 0,
					validateStatus: () => true,
				});
				this.log(`webhook for job ${String(body.id)} answered ${status}`);
			}
		} catch (error) {
			if (!signal.aborted) this.log(`webhook for job ${String(body.id)} failed: ${(error as Error).message}`);
		}
	}
}
