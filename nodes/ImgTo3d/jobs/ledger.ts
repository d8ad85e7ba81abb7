/** What was submitted in a run, and what became of it. */
import type { IExecuteFunctions } from 'n8n-workflow';

import type { Answer } from '../api/answer';
import type { JobId } from '../api/job-id';
import type { Paid, Problem } from '../api/problems';

/** The latest facts about a job that was accepted. */
export type KnownJob = Extract<Answer, { state: 'success' | 'processing' }>;

export interface AcceptedJob {
	known: KnownJob;
	/** When the service said so, ms of the clock. */
	at: number;
	/** When the service accepted the job, ms of the clock. */
	since: number;
	/** The links to the images that were sent, if there are any. */
	images?: string[];
	/** How often the item has been submitted, this job included. */
	submits: number;
	/** How the job ended while the execution was suspended, if it ended badly. It is reported once; then the job is fetched. */
	badEnd?: Problem;
}

/** A job that the service ended as failed, by its ID. */
export interface FailedJob {
	problem: Problem;
	/** How often the item has been submitted. */
	submits: number;
	/** Whether a try of the run has ended with the problem. Only then may another try submit the item again. */
	isReported: boolean;
}

/** What became of an item's submit. Fate `unknown`: it may have been accepted. A submit that was refused leaves no entry. */
export type LedgerEntry =
	| ({ fate: 'accepted' } & AcceptedJob)
	| ({ fate: 'failed' } & FailedJob)
	| { fate: 'unknown'; problem: Problem };

/** The submits of one run of the node, by input item. */
export type Ledger = Map<number, LedgerEntry>;

/** Whether the item's job was paid for. */
export function readPaid(entry: LedgerEntry | undefined): Paid {
	if (entry === undefined) return 'no';
	return entry.fate === 'unknown' ? entry.problem.paid : 'yes';
}

/** The ID of the item's job, if the service has sent one. */
export function readJobId(entry: LedgerEntry | undefined): JobId | undefined {
	if (entry === undefined) return undefined;
	return entry.fate === 'accepted' ? entry.known.job.id : entry.problem.jobId;
}

/**
 * The ledgers of the runs of this process.
 *
 * With Retry On Fail, n8n runs a node again with the same execute data, also when "Continue" is set and the first item
 * is an error. A loop and a new execution bring execute data of their own. So that object identifies the run. An AI
 * agent calls a node as its tool many times with the agent's execute data. There the first item of the call, which its
 * retries share, tells the calls apart. Both maps release what n8n has dropped.
 */
export class Ledgers {
	private readonly runs = new WeakMap<object, WeakMap<object, Ledger>>();

	/** The ledger of this run, if an earlier try of the run has one. */
	find(context: IExecuteFunctions): Ledger | undefined {
		const { run, call } = identify(context);
		return this.runs.get(run)?.get(call);
	}

	/**
	 * The ledger of this run, with the entries of earlier tries when n8n runs the node again.
	 *
	 * @param entries what a new ledger begins with, after a suspension or in the retry of a failed execution
	 */
	open(context: IExecuteFunctions, entries: ReadonlyArray<[number, LedgerEntry]>): Ledger {
		const { run, call } = identify(context);
		const calls = this.runs.get(run) ?? new WeakMap<object, Ledger>();
		this.runs.set(run, calls);
		const ledger = calls.get(call) ?? new Map<number, LedgerEntry>(entries);
		calls.set(call, ledger);
		return ledger;
	}
}

function identify(context: IExecuteFunctions): { run: object; call: object } {
	const run = context.getExecuteData();
	return { run, call: context.getInputData()[0]?.json ?? run };
}
