/** What a run that fails, as a whole or for an item, says of the jobs that it leaves behind. */
import { NodeOperationError } from 'n8n-workflow';

import { writeId } from '../api/job-id';
import { joinSentences, nameItem, nameJob, writeList } from '../api/error-texts';
import { ProblemError, toNodeApiError, toNodeOperationError } from '../api/problems';
import { readJobId, readPaid, type LedgerEntry } from '../jobs/ledger';
import type { Run } from '../jobs/run';
import type { Failure } from '../output/items';
import { isGeneration, type ItemRequest } from '../request';
import type { SuspendedItem } from '../suspend/suspended-items';
import { isToolCall } from '../tool-call';
import { isRequest, type ReadItem } from './read-items';

/** An item's error as n8n shows it. It names the problem's own job, or else the job that the item submitted. */
export function toFailure(
	{ context, ledger }: Run,
	thrown: unknown,
	{ itemIndex, trackId, input, name: given = '' }: ItemRequest,
): Failure {
	const node = context.getNode();
	const name = context.getInputData().length > 1 ? given : '';
	if (thrown instanceof ProblemError) {
		const { problem } = thrown;
		const { paid, jobId } = problem;
		const message = nameItem(problem.message, name, jobId);
		return { error: toNodeApiError(node, { ...problem, message }, itemIndex), paid, jobId, trackId, input };
	}
	const entry = ledger.get(itemIndex);
	const jobId = readJobId(entry);
	const paid = readPaid(entry);
	const isOwn = thrown instanceof NodeOperationError;
	const error = isOwn ? thrown : toNodeOperationError(node, thrown, itemIndex);
	if (!isOwn && jobId !== undefined) error.message = `${nameJob(jobId)}: ${error.message}`;
	error.message = nameItem(error.message, name, jobId);
	return { error, paid, jobId, trackId, input };
}

/** How many jobs an error lists. n8n's log has all. */
const MAX_LISTED = 40;

const listJobs = (jobs: readonly string[]) => writeList(jobs, MAX_LISTED);

/** Adds sentences to what n8n shows below the error's message. */
export function appendDescription(error: Failure['error'], ...more: string[]): void {
	error.description = joinSentences(error.description ?? '', ...more);
}

/**
 * The run's submits, for the error that ends the run: the jobs are paid for, and their IDs get them back.
 *
 * @param except the item whose own error it is
 * @returns sentences, '' where there is nothing to say
 */
export function describeSubmits({ ledger }: Run, except?: number): string[] {
	const submits = [...ledger].filter(([itemIndex, { fate }]) => itemIndex !== except && fate !== 'failed');
	const known = submits.flatMap(([itemIndex, entry]) => {
		const id = readJobId(entry);
		return id === undefined ? [] : [`${writeId(id)} (item ${itemIndex})`];
	});
	const unknown = submits.flatMap(([itemIndex, entry]) => (readJobId(entry) === undefined ? itemIndex : []));
	const others = except === undefined ? 'Jobs' : 'Other jobs';
	return [
		known.length > 0
			? `${others} of this run were accepted and can be fetched with Get Result: ${listJobs(known)}.`
			: '',
		describeUnknown(unknown),
	];
}

/** @param indexes the items of which it is not known whether their jobs were accepted */
function describeUnknown(indexes: readonly number[]): string {
	const items = listJobs(indexes.map(String));
	return indexes.length > 0 ? `It is not known whether the jobs of these items were accepted: ${items}.` : '';
}

/**
 * What *Retry* in the list of executions would do with a run that has failed: what it would fetch, and what it would pay
 * for.
 *
 * @returns sentences, or '' when nothing was submitted or there is nothing to retry
 */
export function forecastRetry({ context, ledger }: Run, items: readonly ReadItem[]): string {
	if (ledger.size === 0 || isToolCall(context)) return '';
	const fates = items.flatMap((item, index) => {
		if (!isRequest(item)) return [];
		return isGeneration(item.work) ? (ledger.get(index)?.fate ?? 'failed') : 'accepted';
	});
	const count = (wanted: LedgerEntry['fate']) => fates.filter((fate) => fate === wanted).length;
	const describe = (number: number) => `${number} ${number === 1 ? 'item' : 'items'}`;
	const [fetched, submitted, unknown] = [count('accepted'), count('failed'), count('unknown')];
	const parts = [
		fetched > 0 ? `fetch the jobs of ${describe(fetched)} without paying again` : '',
		submitted > 0 ? `submit ${describe(submitted)} again, which is paid` : '',
		unknown > 0 ? `end in this error again for ${describe(unknown)}, and submit nothing there` : '',
	].filter(Boolean);
	const isSubWorkflow = context.getMode() === 'integrated';
	return joinSentences(
		`Retry in the list of executions would ${new Intl.ListFormat('en').format(parts)}.`,
		isSubWorkflow
			? 'Retry this execution, not the one that called it: that one would start this workflow from the beginning and pay for all items again.'
			: '',
	);
}

/** What executing the node again would cost, for the error of a manual run that leaves paid jobs. */
export function warnOfNewJobs({ ledger, progress }: Run, items: readonly ReadItem[]): string {
	const isPaid = [...ledger.values()].some((entry) => readPaid(entry) !== 'no');
	if (!isPaid || !progress.isManual) return '';
	const count = items.filter((item) => isRequest(item) && isGeneration(item.work)).length;
	return `Executing this node again would submit ${count === 1 ? 'a new job' : `${count} new jobs`} and pay again.`;
}

type JobOfItem = Pick<Failure, 'paid' | 'jobId' | 'trackId'>;

/** What is known of an item's job before the run begins: from an earlier try of the run, or else from before a suspension. */
export function findEarlierJob(
	entry: LedgerEntry | undefined,
	suspended: SuspendedItem | undefined,
): JobOfItem {
	const job = suspended && readSuspendedJob(suspended);
	return entry ? { ...job, paid: readPaid(entry), jobId: readJobId(entry) } : (job ?? { paid: 'no' });
}

function readSuspendedJob(suspended: SuspendedItem): JobOfItem {
	const { trackId } = 'request' in suspended ? suspended.request : suspended;
	return 'request' in suspended
		? { paid: 'yes', jobId: suspended.job.known.job.id, trackId }
		: { paid: suspended.problem.paid, jobId: suspended.problem.jobId, trackId };
}

/** The jobs that an error of the whole run leaves behind, by item. @returns sentences, or '' when there are none */
export function describeJobs(jobs: ReadonlyArray<Pick<Failure, 'jobId' | 'paid'>>): string {
	const ids = jobs.flatMap(({ jobId }) => (jobId === undefined ? [] : writeId(jobId)));
	const unknown = jobs.flatMap(({ jobId, paid }, index) =>
		jobId === undefined && paid !== 'no' ? index : [],
	);
	return joinSentences(
		ids.length > 0 ? `The jobs of this run can be fetched with Get Result: ${listJobs(ids)}.` : '',
		describeUnknown(unknown),
	);
}
