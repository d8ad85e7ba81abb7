import type { IDisplayOptions, INodeProperties } from 'n8n-workflow';

/** Whether and where files are put into the items. */
export function deliveryProperties(hide?: IDisplayOptions['hide']): INodeProperties[] {
	return [
		{
			displayName: 'Download Output Files',
			name: 'download',
			type: 'boolean',
			default: true,
			description:
				'Whether to put the output files into the item. The service deletes its files after a while, so links alone do not last.',
			...(hide && { displayOptions: { hide } }),
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
			displayOptions: { show: { download: [true] }, ...(hide && { hide }) },
		},
	];
}

/** How the results are spread over items. */
export const outputModeProperty: INodeProperties = {
	displayName: 'Output',
	name: 'outputMode',
	type: 'options',
	options: [
		{ name: 'One Item per Job', value: 'job', description: 'All files of a job on one item' },
		{ name: 'One Item per File', value: 'file', description: 'An item for each output file' },
	],
	default: 'job',
	description: 'How the results are spread over items',
};
