import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
	INodePropertyOptions,
} from 'n8n-workflow';

import type { Service } from '../api/service';
import type { Semaphore } from '../async/semaphore';
import type { KnownJob } from '../jobs/ledger';
import type { Run } from '../jobs/run';
import type { Form } from '../parameters/form';
import type { ItemRequest, JobItem, WaitFor, Work } from '../request';

/** One operation of the node: what the person sees of it, how it is read, and what it does for an item. */
export interface Operation<Own extends Work = Work> {
	/** Its value in saved workflows. */
	readonly value: Own['operation'];
	/** What it is called, what the nodes panel says about it, and what an agent's model reads about it as a tool. */
	readonly words: Required<Pick<INodePropertyOptions, 'name' | 'description' | 'action'>> & { tool: string };
	/** Its own parameters, in the order of the panel. */
	readonly properties: INodeProperties[];

	/**
	 * Reads its own parameters.
	 *
	 * @param form the parameters of one item
	 * @param common what all operations have
	 * @throws NodeOperationError for a value that cannot be used
	 */
	read(form: Form, common: CommonParameters): Own;

	/**
	 * Checks what can be checked only with the item or the service at hand, before anything is submitted.
	 *
	 * @throws NodeOperationError for an item that the service would not take
	 */
	check?(context: IExecuteFunctions, service: Service, item: ItemRequest & { work: Own }): Promise<void>;

	/**
	 * Does it for one item. An item that is run again in the same run picks up the job that it has.
	 *
	 * @param release gives the item's slot among the jobs in flight to another item
	 * @throws ProblemError when the service did not do it
	 * @throws NodeOperationError for a file of the item that cannot be uploaded
	 * @throws StoppedError when the run was stopped
	 */
	perform(run: Run, item: ItemRequest & { work: Own }, release: () => void): Promise<Result>;
}

/** The parameters that operations share. */
export interface CommonParameters {
	/** `none` for an operation that brings no job. */
	waitFor: WaitFor;
	options: IDataObject;
}

/** What an operation brought for an item. */
export interface Result {
	/**
	 * The item's job, if it has one, and the request with what was found out about the job. Only a job can be waited for by
	 * suspending.
	 */
	job?: { item: JobItem; known: KnownJob };
	/**
	 * The items that leave, with their files.
	 *
	 * @param downloads limits how many files are downloaded at once
	 */
	toItems(downloads: Semaphore): Promise<INodeExecutionData[]>;
}
