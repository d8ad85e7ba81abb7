import type { INodeProperties } from 'n8n-workflow';

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
				name: 'Nothing',
				value: 'none',
				description: 'Return the job as it stands, with its ID, for a Get Result node or a trigger later on',
			},
		],
		default: 'poll',
		description: 'Whether to wait until the job is done',
	},
	{
		displayName: 'Download Output Files',
		name: 'download',
		type: 'boolean',
		default: true,
		description:
			'Whether to put the output files into the item. The service deletes its files after a while, so links alone do not last.',
		displayOptions: { hide: { waitFor: ['none'] } },
	},
	{
		displayName: 'Put Output File in Field',
		name: 'outputBinaryPropertyName',
		type: 'string',
		required: true,
		default: 'data',
		placeholder: 'e.g. data',
		hint: 'The name of the output field to put the file in. Further files get _1, _2, ... after it.',
		description: 'The binary field of the output item that gets the file',
		displayOptions: { show: { download: [true] }, hide: { waitFor: ['none'] } },
	},
];
