/** What a run that fails, as a whole or for an item, says of the jobs that it leaves behind. */
import { NodeOperationError } from 'n8n-workflow';

import { ProblemError, sentences, toNodeApiError } from '../api/problems';
import type { Failure } from '../output/items';
import type { ItemRequest } from '../request';
import type { Entry } from './ledger';
import type { Carried } from './rest';
import type { Run } from './run';

/** An item's error as n8n shows it, with the job it is about: as the problem has it, else the one the item submitted. */
export function failureOf(
	{ context, ledger }: Run,
	thrown: unknown,
	{ itemIndex, trackId }: ItemRequest,
): Failure {
	const node = context.getNode();
	if (thrown instanceof ProblemError) {
		const { problem } = thrown;
		return { error: toNodeApiError(node, problem, itemIndex), jobId: problem.jobId, trackId };
	}
	const jobId = idOf(ledger.get(itemIndex));
	if (thrown instanceof NodeOperationError) return { error: thrown, jobId, trackId };
	const error = new NodeOperationError(node, thrown as Error, { itemIndex });
	if (jobId !== undefined) error.message = `Job ${jobId}: ${error.message}`;
	return { error, jobId, trackId };
}

function idOf(entry: Entry | undefined): string | number | undefined {
	if (entry === undefined) return undefined;
	return entry.fate === 'accepted' ? entry.known.job.id : entry.problem.jobId;
}

/**
 * The run's submits, for the error that ends the run: the jobs are paid for, and their ids get them back.
 *
 * @param except the item whose own error is told
 * @returns sentences
 */
export function submittedJobs({ ledger }: Run, except?: number): string[] {
	const submits = [...ledger].filter(([itemIndex, { fate }]) => itemIndex !== except && fate !== 'failed');
	const known = submits.flatMap(([itemIndex, entry]) => {
		const id = idOf(entry);
		return id === undefined ? [] : [`${id} (item ${itemIndex})`];
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

/** What is known of the job that an item brought through a rest. */
export function jobOf(carried: Carried): Pick<Failure, 'jobId' | 'trackId'> {
	return 'request' in carried
		? { jobId: carried.job.known.job.id, trackId: carried.request.trackId }
		: { jobId: carried.problem.jobId, trackId: carried.trackId };
}

/** An error of the whole run, with the jobs that it leaves behind. */
export function named(error: NodeOperationError, jobs: Array<Pick<Failure, 'jobId'>>): NodeOperationError {
	const ids = jobs.flatMap(({ jobId }) => jobId ?? []);
	if (ids.length > 0) {
		error.description = sentences(
			error.description ?? '',
			`The jobs of this run can be fetched with Get Result: ${ids.join(', ')}.`,
		);
	}
	return error;
}
