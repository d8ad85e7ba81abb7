import type { Answer } from '../api/answer';
import { isSameId } from '../api/job-id';
import { readRequestedPause } from '../api/judge';
import type { Service } from '../api/service';
import { readWebhookCall } from '../api/webhook-call';
import type { Semaphore } from '../async/semaphore';
import { EndTracker, type Finding } from '../jobs/end-tracker';
import { askUntilFinal, type JobToAsk } from '../webhook/ask';
import { readCallBody } from '../webhook/body';
import type { CallConnection } from '../webhook/connection';
import { proveEnd } from '../webhook/prove-end';
import type { SuspensionMemory } from './resume-state';
import type { JobEnd } from './suspended-items';

/**
 * The service waits 30 s for its answer. The first limit, in ms, is for the job that a call names, and the second one for
 * all open jobs. A call may wait for another one that asks about all jobs, so the second limit counts twice.
 */
const NAMED_LIMIT_MS = 12_000;
const ALL_LIMIT_MS = 8000;

/**
 * What the API's answers about all open jobs mean for the execution.
 *
 * `resume`: it can go on. `open`: a job has not ended. `doubtful`: it can go on if the API says the same again.
 * `unknown`: the API gave no usable answer. `busy`: another call asks the API already.
 */
export type Verdict = 'resume' | 'open' | 'doubtful' | 'unknown' | 'busy';

/** What is known of a job after an answer. `unknown`: the API gave no usable answer. */
type JobStatus = 'done' | 'over' | 'open' | 'doubtful' | 'unknown';

/** The open jobs of a suspended execution, for one webhook call. Only the API decides whether they have ended. */
export class OpenJobs {
	constructor(
		private readonly connection: CallConnection,
		private readonly jobs: readonly JobToAsk[],
		private readonly memory: SuspensionMemory,
		private readonly slots: Semaphore,
	) {}

	/** Asks for the job that the call names until its end shows, then for all open jobs once. */
	async decide(): Promise<Verdict> {
		const { context, service } = this.connection;
		const call = readWebhookCall(readCallBody(context) ?? '', service.clean);
		const named = 'id' in call ? this.jobs.find(({ id }) => isSameId(id, call.id)) : undefined;
		// The call may come a moment before the API shows the end, and the service calls only once.
		const askForNamed = async () => named && (await this.askFor(named, NAMED_LIMIT_MS, () => false));
		if (named && !(await this.memory.flights.run(`job ${named.id}`, askForNamed))) return 'busy';
		return await this.askForAll();
	}

	/**
	 * Asks for all open jobs again while the end of one is in doubt.
	 *
	 * @param until when the proof must be over, ms of the clock
	 */
	async prove(until: number): Promise<Verdict> {
		const prove = async () =>
			await proveEnd<Verdict>(
				this.connection,
				'doubtful',
				async () => await this.askForAll(),
				(verdict) => (verdict === 'doubtful' ? this.memory.retryTime : undefined),
				until,
			);
		return (await this.memory.flights.run('proof', prove)) ?? 'busy';
	}

	private async askForAll(): Promise<Verdict> {
		const ask = async (): Promise<Verdict> => {
			const statuses = await Promise.all(
				this.jobs.map(async (job) => await this.askFor(job, ALL_LIMIT_MS, ({ isReported }) => isReported)),
			);
			if (statuses.includes('over') && !this.continuesOnError()) return 'resume';
			const obstacles = ['doubtful', 'unknown', 'open'] as const;
			return obstacles.find((status) => statuses.includes(status)) ?? 'resume';
		};
		return (await this.memory.flights.run('all', ask)) ?? 'busy';
	}

	/** Asks for a job, unless its end is known, and remembers the end. */
	private async askFor(
		job: JobToAsk,
		limitMs: number,
		isEnough: (finding: Extract<Finding, { state: 'open' }>) => boolean,
	): Promise<JobStatus> {
		const { memory, slots } = this;
		const { clock } = this.connection;
		const id = String(job.id);
		const known = memory.ends.get(id);
		if (known) return known.isWell ? 'done' : 'over';
		const tracker = memory.trackers.get(id) ?? new EndTracker(job.id, true);
		memory.trackers.set(id, tracker);
		let finding: Finding = { state: 'open', isReported: false };
		const answer = await askUntilFinal<never>(
			this.connection,
			job,
			limitMs,
			async (fetch) => await slots.run(fetch),
			(latest) => {
				finding = tracker.note(latest, clock.now());
				return finding.state !== 'open' || isEnough(finding);
			},
		);
		memory.retryTime = Math.max(memory.retryTime, clock.now() + (readRequestedPause(answer) ?? 0) * 1000);
		const end = toJobEnd(this.connection.service, job, finding, answer);
		if (end) memory.ends.set(id, end);
		return toStatus(finding);
	}

	private continuesOnError(): boolean {
		const { onError, continueOnFail } = this.connection.context.getNode();
		return onError === undefined ? continueOnFail === true : onError !== 'stopWorkflow';
	}
}

function toJobEnd(
	service: Service,
	{ apiVersion, id: jobId }: JobToAsk,
	finding: Finding,
	answer: Answer,
): JobEnd | undefined {
	if (finding.state === 'open') return undefined;
	if (answer.state === 'success') return { isWell: true, known: answer };
	if (finding.state === 'done' || answer.state === 'processing') return undefined;
	const problem = service.describeProblem(apiVersion, answer, 'fetch', { jobId });
	return { isWell: false, problem, isFailed: finding.isFailed };
}

function toStatus(finding: Finding): JobStatus {
	if (finding.state !== 'open') return finding.state;
	if (finding.believedAt !== undefined) return 'doubtful';
	return finding.isReported ? 'open' : 'unknown';
}
