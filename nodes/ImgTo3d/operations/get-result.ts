import type { INodeProperties } from 'n8n-workflow';

export const getResultProperties: INodeProperties[] = [
	{
		displayName: 'Job ID',
		name: 'jobId',
		type: 'string',
		required: true,
		default: '',
		placeholder: 'e.g. 10684517',
		description:
			'The ID of the job, as in the item that this node returned or in the error that named the job',
		displayOptions: { show: { operation: ['getResult'] } },
	},
];
