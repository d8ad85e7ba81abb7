import type { INodeProperties } from 'n8n-workflow';

export const textTo3dProperties: INodeProperties[] = [
	{
		displayName: 'Prompt',
		name: 'prompt',
		type: 'string',
		required: true,
		typeOptions: { rows: 3 },
		default: '',
		placeholder: 'e.g. A birthday cupcake',
		description: 'What to make. One object, described plainly, works best.',
		displayOptions: { show: { operation: ['textTo3d'] } },
	},
];
