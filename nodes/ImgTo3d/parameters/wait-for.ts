import type { INodeProperties } from 'n8n-workflow';

import { GENERATIONS } from '../api/versions';
import { JOB_OPERATIONS, type WaitFor } from '../request';
import { hintAtParameter } from './builder-hint';
import type { Form } from './form';

const WAITS: readonly WaitFor[] = ['poll', 'webhook', 'none'];

export const waitForProperties: INodeProperties[] = [
	{
		displayName: 'Wait for Completion',
		name: 'waitFor',
		type: 'options',
		options: [
			{
				name: "Don't Wait",
				value: 'none',
				description:
					'Return the job with its ID at once. A Get Result node or a trigger gets the result later.',
			},
			{
				name: 'Poll the Service',
				value: 'poll',
				description: 'Ask the service from time to time until the job is done, then return its files',
			},
			{
				name: 'Suspend Until the Service Calls',
				value: 'webhook',
				description:
					'Suspend the execution until all jobs have ended. It holds no worker, but the service must be able to call this n8n.',
			},
		],
		default: 'poll',
		description: 'Whether and how to wait until the job is done',
		...hintAtParameter(
			"Poll the Service unless asked otherwise. Suspend only where the internet can call n8n. Don't Wait only if another workflow gets the result.",
		),
		displayOptions: { show: { operation: [...JOB_OPERATIONS] } },
	},
	{
		displayName:
			'The service calls n8n at its webhook address, so n8n must be reachable from the internet (WEBHOOK_URL). A call can be lost. When Timeout is over, the items leave with the status "processing", and a Get Result node after this one can finish them.',
		name: 'suspendNotice',
		type: 'notice',
		default: '',
		displayOptions: {
			show: { waitFor: ['webhook'], operation: [...GENERATIONS] },
			hide: { '@tool': [true] },
		},
	},
	{
		displayName: "An agent's execution cannot be suspended, so the node polls the job.",
		name: 'toolNotice',
		type: 'notice',
		default: '',
		displayOptions: { show: { waitFor: ['webhook'], operation: [...GENERATIONS], '@tool': [true] } },
	},
	{
		displayName: 'The service calls for new jobs only, so the node polls this job.',
		name: 'pollNotice',
		type: 'notice',
		default: '',
		displayOptions: {
			show: { waitFor: ['webhook'], operation: [...JOB_OPERATIONS] },
			hide: { operation: [...GENERATIONS] },
		},
	},
];

export function readWaitFor(form: Form): WaitFor {
	return form.readChoice('waitFor', 'Wait for Completion', WAITS);
}
