import type { IExecuteFunctions, INode } from 'n8n-workflow';

import type { NodeContext, Service } from '../api/service';
import type { GenerationRequest } from '../request';
import { kindOf, type Account, type OpenJob } from './account';
import type { Clock } from './clock';
import type { Ledger } from './ledger';
import type { Rest } from './rest';
import type { SubmitGate } from './submit-gate';

/** What it takes to read jobs and bring in their files. */
export interface Connection {
	context: NodeContext;
	clock: Clock;
	service: Service;
	/** Aborted when nobody needs the result any more. */
	signal: AbortSignal;
}

/** What the items of one run of the node share. Its signal is aborted when the person stops the execution, and when an error stops the node. */
export interface Run extends Connection {
	context: IExecuteFunctions;
	ledger: Ledger;
	account: Account;
	/** Its jobs among the account's open ones, by item. */
	open: Map<number, OpenJob>;
	gate: SubmitGate;
	/** The person's Stop, or a time limit of n8n's: nothing is waited for any more, but submits in the air run on. */
	cancellation: Cancellation;
	/** How often an item may be submitted when the service ends its job as failed. */
	maxSubmits: number;
	/** There when the execution may be put to rest until the service calls. */
	rest?: Rest;
}

/** The end of an execution from outside. */
export class Cancellation {
	private readonly end = new AbortController();
	/** Rejects when the execution is canceled. */
	private readonly happened: Promise<never>;

	/** @param signal n8n's, if it has one; one listener a run, because a loop runs the node many times on one signal */
	constructor(private readonly signal: AbortSignal | undefined) {
		this.happened = new Promise((_resolve, reject) => {
			signal?.addEventListener('abort', () => reject(new Stopped()), { signal: this.end.signal });
			if (signal?.aborted) reject(new Stopped());
		});
		this.happened.catch(() => undefined);
	}

	get isCanceled(): boolean {
		return this.signal?.aborted === true;
	}

	/** What `work` brings, unless the execution is canceled before: `work` runs on then. @throws Stopped */
	async unlessCanceled<T>(work: Promise<T>): Promise<T> {
		work.catch(() => undefined);
		return await Promise.race([work, this.happened]);
	}

	/** Calls `listener` in the tick of the cancellation: n8n saves the execution right after it, and never again. */
	onCancel(listener: () => void): void {
		this.signal?.addEventListener('abort', listener, { signal: this.end.signal });
	}

	/** The run is over, and nobody has to be told any more. */
	forget(): void {
		this.end.abort();
	}
}

/** Thrown where work on an item ends because the run was stopped; there is nothing to report about the item. */
export class Stopped extends Error {}

/** @throws Stopped when the run was stopped */
export function stopIfAborted(signal: AbortSignal): void {
	if (signal.aborted) throw new Stopped();
}

/** The longest that a single call to the service may take, ms. */
export const CALL_LIMIT_MS = 60_000;

/** The same for a submit, which may be answered only when a fast generation is done. */
export const SUBMIT_LIMIT_MS = 300_000;

/** How often a free call that brings nothing is made, where no job of the run depends on it. */
export const MAX_TRIES = 5;

/** How often n8n runs a node until it succeeds: its own rule for Retry On Fail. */
export function triesOf({ retryOnFail, maxTries }: INode): number {
	return retryOnFail ? Math.min(5, Math.max(2, maxTries || 3)) : 1;
}

/** The item's job among the account's open ones, where it is put if it is not there. @param since ms since the epoch */
export function openJobOf(
	{ account, open }: Run,
	itemIndex: number,
	work: GenerationRequest,
	since: number,
): OpenJob {
	const job = open.get(itemIndex) ?? account.watch(kindOf(work), since);
	open.set(itemIndex, job);
	return job;
}
