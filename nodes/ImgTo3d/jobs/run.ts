import type { IExecuteFunctions } from 'n8n-workflow';

import type { Connection } from '../api/connection';
import type { Cancellation } from '../async/cancellation';
import { describeKind, type Account, type OpenJob } from '../polling/account';
import type { GenerationRequest } from '../request';
import type { Ledger } from './ledger';
import type { Progress } from './progress';
import type { SubmitGate } from './submit-gate';
import type { Suspension } from './suspension';

/**
 * What the items of one run of the node share. The signal is aborted when the person stops the execution, and when an
 * error stops the node.
 */
export interface Run extends Connection {
	context: IExecuteFunctions;
	ledger: Ledger;
	account: Account;
	/** The run's jobs among the account's open jobs, by item. */
	openJobs: Map<number, OpenJob>;
	gate: SubmitGate;
	/** What the person is told of the jobs. */
	progress: Progress;
	/** The person's Stop, or a time limit of n8n. All waiting ends then, but submits in the air go on. */
	cancellation: Cancellation;
	/** How often an item may be submitted when the service ends its job as failed. */
	maxSubmits: number;
	/** What is done once for all items; see {@link doOnce}. */
	shared: Map<string, Promise<unknown>>;
	/** Set when the execution may be suspended until the service calls. */
	suspension?: Suspension;
}

/**
 * Does something once for all items of a run. Each of them gets the result, or the error.
 *
 * @param name identifies what is done
 */
export async function doOnce<T>(
	{ shared }: Pick<Run, 'shared'>,
	name: string,
	work: () => Promise<T>,
): Promise<T> {
	const begun = (shared.get(name) as Promise<T> | undefined) ?? work();
	shared.set(name, begun);
	return await begun;
}

/**
 * The item's job among the account's open jobs. It is added if it is not there yet.
 *
 * @param since when the job was accepted, ms of the clock
 */
export function trackJob(
	{ account, openJobs }: Run,
	itemIndex: number,
	work: GenerationRequest,
	since: number,
): OpenJob {
	const job = openJobs.get(itemIndex) ?? account.track(describeKind(work), since);
	openJobs.set(itemIndex, job);
	return job;
}

/** Stops tracking the item's job, so that it does not take a slot of the account any more. */
export function untrackJob({ account, openJobs }: Run, itemIndex: number): void {
	const job = openJobs.get(itemIndex);
	if (job) account.untrack(job);
}
