import type { IExecuteFunctions } from 'n8n-workflow';

import type { Connection } from '../api/connection';
import type { Cancellation } from '../async/cancellation';
import { describeKind, type Account, type OpenJob } from '../polling/account';
import type { GenerationRequest } from '../request';
import type { Suspension } from '../suspend/suspend';
import type { Ledger } from './ledger';
import type { SubmitGate } from './submit-gate';

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
	rest?: Suspension;
}

/** The item's job among the account's open ones, where it is put if it is not there. @param since ms since the epoch */
export function trackJob(
	{ account, open }: Run,
	itemIndex: number,
	work: GenerationRequest,
	since: number,
): OpenJob {
	const job = open.get(itemIndex) ?? account.track(describeKind(work), since);
	open.set(itemIndex, job);
	return job;
}
