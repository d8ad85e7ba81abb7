/** A trigger on an n8n server that strangers flood while the service makes its own calls. */
import { randomUUID } from 'node:crypto';

import type { CallRecord } from '../local-api/index.mts';
import { PACKAGE } from '../n8n/real/n8n.mts';
import { waitUntil } from '../n8n/real/processes.mts';
import { API_KEY, type World } from '../n8n/real/worlds.mts';
import { createSigner, markTriggerAddress } from '../nodes/ImgTo3d/api/mark.ts';
import { AFTER, TRIGGER } from './calls.mts';
import type { KnownJobs } from './forged-calls.mts';

const TRACK_ID = 'true-7';

/** The smallest job with a file. */
const JOB = { prompt: 'A cup', output_type: 'ply', frame_size: 16, seconds: 1, steps: 1, seed: 1 };

export class AttackedTrigger {
	/** The jobs that the service calls for, in the order of their submits. */
	readonly jobs: number[] = [];
	/** Those whose calls have a mark. */
	readonly marked = new Set<number>();

	private constructor(
		private readonly world: World,
		readonly workflowId: string,
		readonly url: string,
		/** What strangers know. */
		readonly known: KnownJobs,
	) {}

	/** Publishes the trigger, with downloads, and starts it once. */
	static async publish(world: World): Promise<AttackedTrigger> {
		const webhookId = randomUUID();
		const saved = await world.main.importWorkflow({
			name: 'Attacked',
			nodes: [
				{
					id: 'trigger',
					name: TRIGGER,
					type: `${PACKAGE}.imgTo3dTrigger`,
					typeVersion: 1,
					position: [0, 0],
					webhookId,
					parameters: { options: { trackId: 'true-*' } },
					credentials: world.credentials,
				},
				{
					id: 'after',
					name: AFTER,
					type: 'n8n-nodes-base.noOp',
					typeVersion: 1,
					position: [220, 0],
					parameters: {},
				},
			],
			connections: { [TRIGGER]: { main: [[{ node: AFTER, type: 'main', index: 0 }]] } },
			settings: { executionOrder: 'v1' },
		});
		await world.main.publish(saved);
		const known = { done: 0, open: 0, trackId: TRACK_ID };
		const url = `${world.outside.origin}/webhook/${webhookId}/webhook`;
		const trigger = new AttackedTrigger(world, saved.id, url, known);
		known.done = await trigger.submit(1, 'once');
		await trigger.waitUntilCalled();
		known.open = await trigger.submit(1_000_000, 'never');
		trigger.jobs.pop();
		return trigger;
	}

	/** Submits a job, with the trigger's address as the node or another client sends it. When it has ended, the service makes one or two calls. @returns the job's ID */
	async submit(jobSeconds: number, webhooks: 'once' | 'twice' | 'never', isMarked = true): Promise<number> {
		const { service } = this.world;
		service.configure({ jobSeconds, webhooks });
		const webhook = isMarked ? markTriggerAddress(createSigner(API_KEY), this.url, TRACK_ID) : this.url;
		const response = await fetch(`${service.baseUrl}/v3/txt_to_3d`, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({ ...JOB, key: API_KEY, webhook, track_id: TRACK_ID }),
		});
		const { id } = (await response.json()) as { id: number };
		this.jobs.push(id);
		if (isMarked) this.marked.add(id);
		return id;
	}

	/** The first call for each job. */
	get calls(): CallRecord[] {
		return this.jobs.flatMap((job) => this.world.service.calls.find((call) => call.job === job) ?? []);
	}

	/** Waits until the service has made a call for each job, and has its answer. */
	async waitUntilCalled(limitMs = 120_000): Promise<void> {
		await waitUntil(
			'the service has called for each job',
			() => this.calls.filter(({ endedAt }) => endedAt !== undefined).length === this.jobs.length,
			limitMs,
		);
	}

	/** Lists the jobs of the executions that have ended. An execution that failed has no job: NaN. */
	async listStarted(): Promise<number[]> {
		const { main } = this.world;
		const executions = await main.listExecutions(this.workflowId);
		// n8n has the data of an execution only when it has ended.
		const ended = executions.filter(({ status }) => status !== 'new' && status !== 'running');
		const jobs = await Promise.all(
			ended.map(async ({ id }) => {
				const { data } = await main.readExecution(id);
				const [item] = data.resultData.runData[AFTER]?.[0]?.data?.main?.[0] ?? [];
				return Number(item?.json.id);
			}),
		);
		return jobs.sort((one, other) => one - other);
	}
}
