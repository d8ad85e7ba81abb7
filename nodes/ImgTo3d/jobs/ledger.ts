import type { IExecuteFunctions } from 'n8n-workflow';

import type { Answer } from '../api/answer';
import type { Problem } from '../api/problems';

/** The last that is known of a job that was accepted. */
export type KnownJob = Extract<Answer, { state: 'success' | 'processing' }>;

export interface AcceptedJob {
	known: KnownJob;
	/** When that was known, ms since the epoch. */
	at: number;
	/** When the service accepted the job, ms since the epoch. */
	since: number;
	/** The links to the images that were sent, for a job that has some. */
	images?: string[];
	/** How often the item has been submitted by now, this job included. */
	submits: number;
	/** How the job ended while the execution was suspended, if it ended badly. It is told once; then the job is fetched. */
	badEnd?: Problem;
}

/** A job that the service ended as failed, by its ID. */
export interface FailedJob {
	problem: Problem;
	/** How often the item has been submitted by now. */
	submits: number;
	/** Whether a try of the run has ended with the problem: only then may another submit anew. */
	isTold: boolean;
}

/** What became of an item's submit: accepted, or nobody knows. A submit that was refused leaves no entry. */
export type LedgerEntry =
	| ({ fate: 'accepted' } & AcceptedJob)
	| ({ fate: 'failed' } & FailedJob)
	| { fate: 'unknown'; problem: Problem };

/** The submits of one run of the node, by input item. */
export type Ledger = Map<number, LedgerEntry>;

/**
 * n8n runs a node again with the same execute data when Retry On Fail is on, also when "Continue" is on and
 * the first item is an error; a loop and a new execution bring execute data of their own. So this object is
 * the run's identity. An AI agent calls a node as its tool with the agent's execute data, over and over; there
 * the call's first item, which its retries share, tells calls apart. Both maps let go of what n8n has dropped.
 */
const runs = new WeakMap<object, WeakMap<object, Ledger>>();

/** The ledger of this run, if an earlier try of it has one. */
export function findLedger(context: IExecuteFunctions): Ledger | undefined {
	const run = context.getExecuteData();
	return runs.get(run)?.get(context.getInputData()[0]?.json ?? run);
}

/**
 * The ledger of this run: with the entries of its earlier tries when n8n runs the node again.
 *
 * @param entries those that the run begins with when it goes on after a rest, or with what a failed execution has left
 */
export function openLedger(
	context: IExecuteFunctions,
	entries: ReadonlyArray<[number, LedgerEntry]> = [],
): Ledger {
	const run = context.getExecuteData();
	const call = context.getInputData()[0]?.json ?? run;
	const calls = runs.get(run) ?? new WeakMap<object, Ledger>();
	runs.set(run, calls);
	const ledger = calls.get(call) ?? new Map<number, LedgerEntry>(entries);
	calls.set(call, ledger);
	return ledger;
}
