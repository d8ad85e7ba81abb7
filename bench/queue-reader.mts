/** Reads the state of an n8n in queue mode. */
import { setTimeout as pause } from 'node:timers/promises';

import { query, readRedisNumber } from '../n8n/real/services.mts';
import type { World } from '../n8n/real/worlds.mts';

/** When nothing has changed for this long, nothing will, ms. */
export const STUCK_MS = 45_000;
/** How often the state is read, ms. */
export const SAMPLE_MS = 250;

/** The executions of a workflow by status, and the worker's queue in Redis. */
export interface QueueState {
	/** @param statuses of n8n: new, running, waiting, success and others */
	count(...statuses: string[]): number;
	/** Jobs that the worker is running. */
	active: number;
	/** Jobs that no worker has taken yet. */
	queued: number;
}

/** Reads the state of an n8n in queue mode from its servers. Its REST API lists a hundred executions at most. */
export class QueueReader {
	private readonly redis: number;
	private readonly postgres: number;

	constructor({ servers }: World) {
		if (!servers) throw new Error('This n8n is not in queue mode.');
		({ redis: this.redis, postgres: this.postgres } = servers);
	}

	async readState(workflowId: string): Promise<QueueState> {
		const [rows, active, queued] = await Promise.all([
			query(
				this.postgres,
				`SELECT status, count(*) FROM execution_entity WHERE "workflowId" = '${workflowId}' GROUP BY status`,
			),
			readRedisNumber(this.redis, 'LLEN', 'bull:jobs:active'),
			readRedisNumber(this.redis, 'LLEN', 'bull:jobs:wait'),
		]);
		const counts = new Map(rows.map(([status = '', count]) => [status, Number(count)]));
		return {
			count: (...statuses) => statuses.reduce((sum, status) => sum + (counts.get(status) ?? 0), 0),
			active,
			queued,
		};
	}

	/** @returns when the last execution of a workflow ended, ms since the epoch */
	async readLastEnd(workflowId: string): Promise<number> {
		const [row] = await query(
			this.postgres,
			`SELECT extract(epoch FROM max("stoppedAt")) * 1000 FROM execution_entity WHERE "workflowId" = '${workflowId}'`,
		);
		return Number(row?.[0]);
	}

	/** @returns how long the latest executions of a workflow took, with the wait for a slot, ms */
	async readLatestTimes(workflowId: string, number: number): Promise<number[]> {
		const rows = await query(
			this.postgres,
			`SELECT extract(epoch FROM "stoppedAt" - "createdAt") * 1000 FROM execution_entity WHERE "workflowId" = '${workflowId}' ORDER BY id DESC LIMIT ${number}`,
		);
		return rows.map(([ms]) => Number(ms));
	}

	/** Waits until this many executions have a status, or until nothing changes for a while. @returns how many have it */
	async waitUntil(workflowId: string, status: string, number: number): Promise<number> {
		let reached = 0;
		let changedAt = Date.now();
		while (reached < number && Date.now() - changedAt < STUCK_MS) {
			await pause(SAMPLE_MS);
			const now = (await this.readState(workflowId)).count(status);
			if (now !== reached) changedAt = Date.now();
			reached = now;
		}
		return reached;
	}
}
