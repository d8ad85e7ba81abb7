/** What a run that fails, as a whole or for an item, says of the jobs that it leaves behind. */
import { NodeOperationError } from 'n8n-workflow';

import { writeId, type JobId } from '../api/job-id';
import { ProblemError, sentences, toNodeApiError, type Paid } from '../api/problems';
import type { LedgerEntry } from '../jobs/ledger';
import type { Run } from '../jobs/run';
import type { Failure } from '../output/items';
import type { ItemRequest } from '../request';
import { isToolCall, type SuspendedItem } from '../suspend/suspend';
import { isRequest, type ReadItem } from './read-items';

/** An item's error as n8n shows it, with the job it is about: as the problem has it, else the one the item submitted. */
export function toFailure(
	{ context, ledger }: Run,
	thrown: unknown,
	{ itemIndex, trackId }: ItemRequest,
): Failure {
	const node = context.getNode();
	if (thrown instanceof ProblemError) {
		const { problem } = thrown;
		const { paid, jobId } = problem;
		return { error: toNodeApiError(node, problem, itemIndex), paid, jobId, trackId };
	}
	const entry = ledger.get(itemIndex);
	const jobId = idOf(entry);
	const paid = paidOf(entry);
	if (thrown instanceof NodeOperationError) return { error: thrown, paid, jobId, trackId };
	const error = new NodeOperationError(node, thrown as Error, { itemIndex });
	if (jobId !== undefined) error.message = `Job ${writeId(jobId)}: ${error.message}`;
	return { error, paid, jobId, trackId };
}

function paidOf(entry: LedgerEntry | undefined): Paid {
	if (entry === undefined) return 'no';
	return entry.fate === 'unknown' ? entry.problem.paid : 'yes';
}

function idOf(entry: LedgerEntry | undefined): JobId | undefined {
	if (entry === undefined) return undefined;
	return entry.fate === 'accepted' ? entry.known.job.id : entry.problem.jobId;
}

/**
 * The run's submits, for the error that ends the run: the jobs are paid for, and their ids get them back.
 *
 * @param except the item whose own error is told
 * @returns sentences
 */
export function describeSubmits({ ledger }: Run, except?: number): string[] {
	const submits = [...ledger].filter(([itemIndex, { fate }]) => itemIndex !== except && fate !== 'failed');
	const known = submits.flatMap(([itemIndex, entry]) => {
		const id = idOf(entry);
		return id === undefined ? [] : [`${writeId(id)} (item ${itemIndex})`];
	});
	const unknown = submits.filter(([, entry]) => idOf(entry) === undefined).map(([itemIndex]) => itemIndex);
	const others = except === undefined ? 'Jobs' : 'Other jobs';
	return [
		known.length > 0
			? `${others} of this run were accepted and can be fetched with Get Result: ${known.join(', ')}.`
			: '',
		unknown.length > 0
			? `Of these items nobody knows whether their jobs were accepted: ${unknown.join(', ')}.`
			: '',
	];
}

/**
 * What *Retry* in the list of executions would do with a run that has failed, for its error: what it would fetch and
 * what it would pay for.
 *
 * @returns a sentence; none where nothing was submitted, or where there is nothing to retry
 */
export function forecastRetry({ context, ledger }: Run, readings: readonly ReadItem[]): string {
	if (ledger.size === 0 || isToolCall(context)) return '';
	const fates = readings.flatMap((reading, index) => {
		if (!isRequest(reading)) return [];
		if (reading.work.operation === 'getResult') return 'accepted';
		return ledger.get(index)?.fate ?? 'failed';
	});
	const count = (wanted: LedgerEntry['fate']) => fates.filter((fate) => fate === wanted).length;
	const items = (number: number) => `${number} ${number === 1 ? 'item' : 'items'}`;
	const [fetched, submitted, unknown] = [count('accepted'), count('failed'), count('unknown')];
	const parts = [
		fetched > 0 ? `fetch the jobs of ${items(fetched)} without paying again` : '',
		submitted > 0 ? `submit ${items(submitted)} anew, which is paid` : '',
		unknown > 0 ? `end in this error again for ${items(unknown)}, and submit nothing there` : '',
	].filter(Boolean);
	const isSubWorkflow = context.getMode() === 'integrated';
	return sentences(
		`Retry in the list of executions would ${new Intl.ListFormat('en').format(parts)}.`,
		isSubWorkflow
			? 'Retry this execution, not the one that called it: that one would start this workflow anew, and pay for all items again.'
			: '',
	);
}

type Job = Pick<Failure, 'paid' | 'jobId' | 'trackId'>;

/** What is known of an item's job before anything is done: from an earlier try of the run, else from before a rest. */
export function findEarlierJob(entry: LedgerEntry | undefined, carried: SuspendedItem | undefined): Job {
	const job = carried && jobOf(carried);
	return entry ? { ...job, paid: paidOf(entry), jobId: idOf(entry) } : (job ?? { paid: 'no' });
}

/** What is known of the job that an item brought through a rest. */
function jobOf(carried: SuspendedItem): Job {
	return 'request' in carried
		? { paid: 'yes', jobId: carried.job.known.job.id, trackId: carried.request.trackId }
		: { paid: carried.problem.paid, jobId: carried.problem.jobId, trackId: carried.trackId };
}

/** An error of the whole run, with the jobs that it leaves behind. */
export function nameJobs(error: NodeOperationError, jobs: Array<Pick<Failure, 'jobId'>>): NodeOperationError {
	const ids = jobs.flatMap(({ jobId }) => (jobId === undefined ? [] : writeId(jobId)));
	if (ids.length > 0) {
		error.description = sentences(
			error.description ?? '',
			`The jobs of this run can be fetched with Get Result: ${ids.join(', ')}.`,
		);
	}
	return error;
}

/** The name in the execution's custom data, and how much of a value n8n takes without a word in its log. */
const CUSTOM_DATA = 'imgTo3d_jobs';
const MAX_CUSTOM_DATA = 255;

/** n8n's `$execution.customData`, as far as it is used. */
interface CustomData {
	get(key: string): string | undefined;
	set(key: string, value: string): void;
}

/**
 * Keeps the IDs of the accepted jobs in the execution's custom data. Of a run that is canceled n8n keeps nothing else:
 * neither its error nor what it has left with its items.
 */
export function keepWithExecution({ context, ledger }: Run): void {
	const ids = [...ledger].flatMap(([, entry]) => idOf(entry) ?? []).map(writeId);
	if (ids.length === 0) return;
	try {
		const { $execution } = context.getWorkflowDataProxy(0) as unknown as {
			$execution: { customData?: CustomData };
		};
		const earlier = $execution.customData?.get(CUSTOM_DATA)?.split(', ') ?? [];
		let value = '';
		for (const id of new Set([...ids, ...earlier])) {
			const longer = value === '' ? id : `${value}, ${id}`;
			if (longer.length > MAX_CUSTOM_DATA) break;
			value = longer;
		}
		$execution.customData?.set(CUSTOM_DATA, value);
	} catch {
		// Nothing may keep the execution from being canceled. The log has the IDs.
	}
}
