import type { INodeProperties } from 'n8n-workflow';

import { readId, type JobId } from '../api/job-id';
import { hintAtParameter } from './builder-hint';
import type { Form } from './form';

const NAME = 'jobId';

/** The panel's method that lists the account's jobs. */
export const SEARCH_JOBS = 'searchJobs';

/** Makes the parameter that names a job. Without the list, as for a key that may not list, By ID works. */
export function createJobIdProperty(operation: string, description: string): INodeProperties {
	return {
		displayName: 'Job',
		name: NAME,
		type: 'resourceLocator',
		required: true,
		default: { mode: 'list', value: '' },
		description,
		modes: [
			{
				displayName: 'From List',
				name: 'list',
				type: 'list',
				hint: "The account's finished jobs, the newest first",
				placeholder: 'Select a job...',
				typeOptions: { searchListMethod: SEARCH_JOBS, searchable: true },
			},
			{
				displayName: 'By ID',
				name: 'id',
				type: 'string',
				hint: 'From an item of this node, or from an error or a line of the log that names the job',
				placeholder: 'e.g. 10684517',
			},
		],
		...hintAtParameter('By ID, with the field id of an item of an earlier Image to 3D node.'),
		displayOptions: { show: { operation: [operation] } },
	};
}

/**
 * Reads which job is meant: a choice of the panel, or an ID alone.
 *
 * @throws NodeOperationError if it is no ID
 */
export function readJobId(form: Form): JobId {
	const entered = form.getValue(NAME);
	const isChoice = typeof entered === 'object' && entered !== null && 'value' in entered;
	const value: unknown = isChoice ? entered.value : entered;
	const id = readId(value);
	if (typeof id === 'number' && Math.abs(id) > Number.MAX_SAFE_INTEGER) {
		throw form.createError('Job', value, 'must be a text when it is so long, because numbers are rounded');
	}
	if (id !== undefined) return id;
	throw form.createError('Job', value, 'must be the ID in the item or the error that reported the job');
}
