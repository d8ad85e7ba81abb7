import type { INodeProperties } from 'n8n-workflow';

export const outputModeProperty: INodeProperties = {
	displayName: 'Output',
	name: 'outputMode',
	type: 'options',
	options: [
		{ name: 'One Item per File', value: 'file', description: 'An item for each output file' },
		{ name: 'One Item per Job', value: 'job', description: 'All files of a job on one item' },
	],
	default: 'job',
	description: 'How the results are spread over items',
};
