/** What the cells of the fault table need on an n8n server: a stand-in service each, and a poller of their executions. */
import { setTimeout as pause } from 'node:timers/promises';

import axios from 'axios';

import { startLocalApi, systemClock, type LocalApi } from '../../local-api/index.mts';
import { isObject } from '../../local-api/json.mts';
import type { N8n } from '../../n8n/real/n8n.mts';
import type { Pace } from '../faults/expect.mts';

/** How often the executions are polled, ms. */
const POLL_MS = 1500;

/** The clock of a service: the system's clock, which can be moved forward so that jobs end. */
class ForwardClock {
	private ahead = 0;

	readonly now = () => Date.now() + this.ahead;
	readonly sleep = systemClock.sleep;

	moveForward(seconds: number): void {
		this.ahead += seconds * 1000;
	}
}

/** Polls the statuses of executions: one request for all that something waits for. */
export class StatusPoller {
	private readonly waiting = new Map<string, (status: string | Error) => void>();
	private isPolling = false;

	constructor(private readonly n8n: N8n) {}

	/** Waits for the next poll. @returns the status of an execution */
	async waitForNext(id: string): Promise<string> {
		const status = await new Promise<string | Error>((resolve) => {
			this.waiting.set(id, resolve);
			void this.poll();
		});
		if (status instanceof Error) throw status;
		return status;
	}

	private async poll(): Promise<void> {
		if (this.isPolling) return;
		this.isPolling = true;
		while (this.waiting.size > 0) {
			await pause(POLL_MS);
			const missing = new Set(this.waiting.keys());
			try {
				for await (const { id, status } of this.n8n.listAllExecutions()) {
					this.settle(id, status);
					missing.delete(id);
					if (missing.size === 0) break;
				}
			} catch (error) {
				for (const id of missing) this.settle(id, error as Error);
			}
		}
		this.isPolling = false;
	}

	private settle(id: string, status: string | Error): void {
		const resolve = this.waiting.get(id);
		this.waiting.delete(id);
		resolve?.(status);
	}
}

/** The stand-in service of a cell. Its webhook calls are made here. */
export class CellService {
	private readonly called = new Set<number>();
	/** n8n's answers to the calls. */
	readonly answers: unknown[] = [];

	private constructor(
		readonly api: LocalApi,
		private readonly clock: ForwardClock,
		private readonly jobSeconds: number,
	) {}

	static async start({ jobSeconds }: Pace): Promise<CellService> {
		const clock = new ForwardClock();
		const api = await startLocalApi({ jobSeconds, parallel: 10, queueLimit: 10, webhooks: 'never', clock });
		return new CellService(api, clock, jobSeconds);
	}

	/** Ends all jobs, and makes the call for each, until the node has received it. */
	async endJobs(): Promise<void> {
		const { api, clock, called } = this;
		if (api.jobs.some(({ endsAt }) => endsAt > clock.now())) clock.moveForward(this.jobSeconds);
		for (const { id, trackId, outputs, webhook } of api.jobs.slice()) {
			if (webhook === null || called.has(id)) continue;
			const body = { status: 'success', id, track_id: trackId, output: outputs, meta: {} };
			const { data } = await axios.post<unknown>(webhook, body, {
				proxy: false,
				validateStatus: () => true,
			});
			this.answers.push([id, new Date(), data]);
			// n8n itself answers with a code while the execution runs or changes its status, and while it has no database.
			const isReceived = !isObject(data) || !('code' in data);
			if (isReceived) called.add(id);
		}
	}
}
