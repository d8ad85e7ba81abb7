/** What happens when the service calls an execution that is at rest. */
import type { IExecuteData, INodeExecutionData, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';

import type { Answer } from '../api/answer';
import { isSameId, type JobId } from '../api/job-id';
import { readRequestedPause } from '../api/judge';
import { describeProblem } from '../api/problems';
import { readWebhookCall } from '../api/webhook-call';
import { systemClock, type Clock } from '../async/clock';
import { RateLimit } from '../async/rate-limit';
import { Semaphore } from '../async/semaphore';
import { SingleFlight } from '../async/single-flight';
import { EndTracker, type Finding } from '../jobs/end-tracker';
import { askUntilFinal, readCallBody, PROOF_LIMIT_MS, PROOF_PAUSE_MS, type Question } from '../webhook/ask';
import {
	openConnection,
	processCredentials,
	type CallConnection,
	type CredentialReader,
} from '../webhook/connection';
import { refuse, reply } from '../webhook/reply';
import { waitsForWebhook } from '../request';
import { markResumed, readSuspended, type JobEnd, type SuspendedItem } from './suspended-items';

/**
 * The service wants its answer within 30 s. This much of it, in ms, goes into waiting for the end of the job that a
 * call is about, and this much into a look at all the others, of which two may have to be waited for.
 */
const NAMED_LIMIT_MS = 12_000;
const LOOK_LIMIT_MS = 8000;

/** How long a rest counts as over here until n8n has noted it, ms. */
const WAKING_MS = 60_000;

/** How many rests are kept in mind, the latest: what is known of one only saves asking again. */
const MAX_RESTS = 1000;

/** How many jobs are asked for at the same time because of calls to rests, however many come in. */
const QUESTIONS_AT_ONCE = 10;

/**
 * How long before the wait runs out the node is not woken any more, ms. n8n goes on by itself then, and woken all the
 * same, the execution would begin again from here: what a node after this one had submitted would be paid for twice.
 */
const LEAST_LEFT_MS = 5000;

/**
 * What the API says of all jobs of a rest. `wake`: the node can go on. `doubtful`: it could, if what was said once is
 * said again. `later`: another call will see.
 */
type Verdict = 'wake' | 'open' | 'doubtful' | 'unknown' | 'later';

/** What this process knows of a rest. It is only a memory: without it the API is asked again. */
interface RestState {
	/** What was said of each job, by its ID. */
	watches: Map<string, EndTracker>;
	/** The ends that the API has told, by job. */
	ends: Map<string, JobEnd>;
	/** The waiting for a job because a call was about it, by its ID, the looks at all jobs, and the proofs. */
	turns: SingleFlight;
	/** Until when the API asks to be left alone, ms of the clock. */
	quietUntil: number;
	/** When the node was woken, ms of the clock. */
	wokenAt?: number;
}

/** What the calls to the suspended executions of one process share. */
export class ResumeState {
	readonly questions = new Semaphore(QUESTIONS_AT_ONCE);
	/** What is logged of calls that could not be handled. */
	readonly troubles = new RateLimit();
	private readonly rests = new Map<string, RestState>();

	constructor(readonly credentials: CredentialReader = processCredentials) {}

	of(rest: string): RestState {
		const state = this.rests.get(rest) ?? {
			watches: new Map(),
			ends: new Map(),
			turns: new SingleFlight(),
			quietUntil: 0,
		};
		this.rests.set(rest, state);
		const [oldest] = this.rests.keys();
		if (this.rests.size > MAX_RESTS && oldest !== undefined) this.rests.delete(oldest);
		return state;
	}
}

const processState = new ResumeState();

/**
 * Answers a call to a resting execution. Anyone can make one, so what it says is not believed: the API is asked
 * how each open job stands. When all have ended, or when one has failed and the node does not continue on errors,
 * the node is woken and goes on with what it left behind. Otherwise the execution rests on.
 *
 * It never throws: n8n would run the nodes after this one with an empty item.
 *
 * @param clock the time that waiting goes by; tests bring their own
 * @param shared what is shared with other calls; tests bring a new one for a restarted n8n
 */
export async function handleResumeCall(
	context: IWebhookFunctions,
	clock: Clock = systemClock,
	shared: ResumeState = processState,
): Promise<IWebhookResponseData> {
	try {
		const items = context.evaluateExpression('{{ $input.all() }}') as unknown as INodeExecutionData[];
		const carried = readSuspended(items, context.getNode().id) ?? [];
		const open = carried.flatMap(openJob);
		const [first] = carried;
		if (!first) return refuse(context, 200, 'Nothing of this execution waits for a call.');

		const until = endOfRest(carried);
		const state = shared.of(first.suspension);
		const connection = await openConnection(context, clock, shared.credentials, first.suspension);
		let verdict = await verdictOn(shared, state, connection, open);
		if (verdict === 'doubtful') {
			reply(context, 200, 'Received. The API is asked again before the execution goes on.');
			verdict = await proof(shared, state, connection, open, until);
		}
		if (verdict === 'later') return refuse(context, 200, 'Received. The jobs are being looked at already.');
		if (verdict === 'unknown') {
			return refuse(
				context,
				503,
				'The API does not know the job yet, or cannot be asked. The execution rests on.',
			);
		}
		if (verdict === 'open' || verdict === 'doubtful')
			return refuse(context, 200, 'Not all jobs have ended. The execution rests on.');
		if (clock.now() > until - LEAST_LEFT_MS) {
			return refuse(context, 200, 'The wait is over. The execution goes on by itself.');
		}
		if (state.wokenAt !== undefined && clock.now() - state.wokenAt < WAKING_MS) {
			return refuse(context, 200, 'The execution goes on already.');
		}
		state.wokenAt = clock.now();
		reply(context, 200, 'The execution goes on.');
		return { noWebhookResponse: true, workflowData: [wake(context, items, state.ends)] };
	} catch (error) {
		const { logger } = context;
		const trouble = (what: string) =>
			`Image to 3D: ${what} could not be handled: ${(error as Error).message}`;
		if (
			shared.troubles.take(clock, (count) =>
				logger.error(trouble(`${count} more calls to resting executions`)),
			)
		) {
			logger.error(trouble(`a call to the resting execution ${context.getExecutionId()}`));
		}
		return refuse(context, 503, 'The call cannot be handled now. The execution rests on.');
	}
}

/** The job of an item that is waiting for a call. */
function openJob(carried: SuspendedItem): Question[] {
	if (!('request' in carried)) return [];
	const { request, job } = carried;
	if (!waitsForWebhook(request) || job.known.state !== 'processing') return [];
	const { id } = job.known.job;
	const { apiVersion } = request.work;
	return id === undefined ? [] : [{ apiVersion, id, fetchResult: job.known.fetchResult }];
}

async function verdictOn(
	shared: ResumeState,
	state: RestState,
	connection: CallConnection,
	open: readonly Question[],
): Promise<Verdict> {
	const call = readWebhookCall(readCallBody(connection.context) ?? '', connection.service.clean);
	const named = open.find(({ id }) => 'id' in call && isSameId(id, call.id));
	// It may come a moment before the API shows the job's end, and no other will come.
	const wait = async () =>
		named && (await learn(shared, state, connection, named, NAMED_LIMIT_MS, () => false));

	if (named && !(await state.turns.run(`job ${named.id}`, wait))) return 'later';
	return await lookAtAll(shared, state, connection, open);
}

/** How a job stands, after an answer that was worth waiting for. `unknown`: the API could not be asked. */
type Standing = 'done' | 'over' | 'open' | 'doubtful' | 'unknown';

/** Asks for a job, unless its end is known, and keeps the end in mind. */
async function learn(
	shared: ResumeState,
	state: RestState,
	connection: CallConnection,
	job: Question,
	limitMs: number,
	isEnough: (finding: Extract<Finding, { state: 'open' }>) => boolean,
): Promise<Standing> {
	const id = String(job.id);
	const known = state.ends.get(id);
	if (known) return known.isWell ? 'done' : 'over';
	const watch = state.watches.get(id) ?? new EndTracker(job.id, true);
	state.watches.set(id, watch);
	let finding: Finding = { state: 'open', isReported: false };
	const answer = await askUntilFinal<never>(
		connection,
		job,
		limitMs,
		async (question) => await shared.questions.run(question),
		(latest) => {
			finding = watch.note(latest, connection.clock.now());
			return finding.state !== 'open' || isEnough(finding);
		},
	);
	const wanted = readRequestedPause(answer) ?? 0;
	state.quietUntil = Math.max(state.quietUntil, connection.clock.now() + wanted * 1000);
	const end = endIn(finding, answer, job.id);
	if (end) state.ends.set(id, end);
	return standingOf(finding);
}

function endIn(finding: Finding, answer: Answer, jobId: JobId): JobEnd | undefined {
	if (finding.state === 'open') return undefined;
	if (answer.state === 'success') return { isWell: true, known: answer };
	if (finding.state === 'done' || answer.state === 'processing') return undefined;
	return { isWell: false, problem: describeProblem(answer, 'fetch', { jobId }), isFailed: finding.isFailed };
}

function standingOf(finding: Finding): Standing {
	if (finding.state !== 'open') return finding.state;
	if (finding.believedAt !== undefined) return 'doubtful';
	return finding.isReported ? 'open' : 'unknown';
}

async function lookAtAll(
	shared: ResumeState,
	state: RestState,
	connection: CallConnection,
	open: readonly Question[],
): Promise<Verdict> {
	const look = async (): Promise<Verdict> => {
		const standings = await Promise.all(
			open.map(
				async (job) =>
					await learn(shared, state, connection, job, LOOK_LIMIT_MS, ({ isReported }) => isReported),
			),
		);
		if (standings.includes('over') && !continuesOnError(connection.context)) return 'wake';
		return (
			(['doubtful', 'unknown', 'open'] as const).find((standing) => standings.includes(standing)) ?? 'wake'
		);
	};
	return (await state.turns.run('all', look)) ?? 'later';
}

/**
 * Asks again for the jobs whose end is not believed yet, until it is, or is taken back.
 *
 * @param until when the rest ends by itself, ms of the clock
 */
async function proof(
	shared: ResumeState,
	state: RestState,
	connection: CallConnection,
	open: readonly Question[],
	until: number,
): Promise<Verdict> {
	const { clock, signal } = connection;
	const askAgain = async (): Promise<Verdict> => {
		const deadline = Math.min(clock.now() + PROOF_LIMIT_MS, until - LEAST_LEFT_MS);
		let verdict: Verdict = 'doubtful';
		const pause = () => Math.max(PROOF_PAUSE_MS, state.quietUntil - clock.now());
		while (verdict === 'doubtful' && clock.now() + pause() < deadline) {
			await clock.sleep(pause(), signal);
			verdict = await lookAtAll(shared, state, connection, open);
		}
		return verdict;
	};
	return (await state.turns.run('proof', askAgain)) ?? 'later';
}

/** When the rest ends by itself, ms of the clock: with the time of the last open job. */
function endOfRest(carried: readonly SuspendedItem[]): number {
	const ends = carried.flatMap((entry) =>
		'request' in entry && openJob(entry).length > 0 ? entry.job.since + entry.request.timeoutMs : [],
	);
	return ends.length > 0 ? Math.max(...ends) : Infinity;
}

function continuesOnError(context: IWebhookFunctions): boolean {
	const { onError, continueOnFail } = context.getNode();
	return onError === undefined ? continueOnFail === true : onError !== 'stopWorkflow';
}

/**
 * Has n8n run the node again when the execution goes on, with the given items.
 *
 * n8n disables a node that was called at rest, so that its items only pass through. A failed job could then not
 * fail the execution, and items could not be paired with what they came from. The flag lies in the execution's
 * data, which n8n gives the context but does not offer to nodes. Should it not be there one day, the items leave as
 * when the wait has run out: as references for Get Result.
 */
function wake(
	context: IWebhookFunctions,
	items: INodeExecutionData[],
	ends: ReadonlyMap<string, JobEnd>,
): INodeExecutionData[] {
	const { runExecutionData } = context as unknown as {
		runExecutionData?: { executionData?: { nodeExecutionStack?: IExecuteData[] } };
	};
	const node = runExecutionData?.executionData?.nodeExecutionStack?.[0]?.node;
	if (node?.name !== context.getNode().name) {
		context.logger.warn(
			'Image to 3D: this n8n does not let the node go on, so the jobs leave as references.',
		);
		return items;
	}
	node.disabled = false;
	return markResumed(items, ends);
}
