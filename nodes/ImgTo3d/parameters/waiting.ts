import type { INodeProperties } from 'n8n-workflow';

import { GENERATIONS } from '../api/fields';
import { deliveryProperties } from './delivery';

export const waitingProperties: INodeProperties[] = [
	{
		displayName: 'Wait For',
		name: 'waitFor',
		type: 'options',
		options: [
			{
				name: 'Result, Watching the Job',
				value: 'poll',
				description: 'Look at the job from time to time until it is done, then return its files',
			},
			{
				name: 'Result, at Rest Until the Service Calls',
				value: 'webhook',
				description:
					'Put the execution to sleep until all jobs have ended. Holds no worker, but the service must be able to call this n8n.',
			},
			{
				name: 'Nothing',
				value: 'none',
				description: 'Return the job as it stands, with its ID, for a Get Result node or a trigger later on',
			},
		],
		default: 'poll',
		description: 'Whether to wait until the job is done',
	},
	{
		displayName:
			'The service calls n8n at its webhook address, so n8n must be reachable from outside (WEBHOOK_URL). A call can be lost: when Timeout is over, the items leave with the status "processing", and a Get Result node after this one finishes them.',
		name: 'restNotice',
		type: 'notice',
		default: '',
		displayOptions: { show: { waitFor: ['webhook'], operation: [...GENERATIONS] } },
	},
	{
		displayName: 'The service calls for new jobs only, so the job is watched.',
		name: 'watchNotice',
		type: 'notice',
		default: '',
		displayOptions: { show: { waitFor: ['webhook'], operation: ['getResult'] } },
	},
	...deliveryProperties({ waitFor: ['none'] }),
];
