import type { IDataObject, IDisplayOptions, INodeProperties } from 'n8n-workflow';

import type { Delivery } from '../request';
import type { Form } from './form';

/**
 * Whether and where the output files are put into the items.
 *
 * @param where where the parameters are shown
 */
export function createDownloadProperties({ show, hide }: IDisplayOptions = {}): INodeProperties[] {
	const isLimited = show !== undefined || hide !== undefined;
	return [
		{
			displayName: 'Download Output Files',
			name: 'download',
			type: 'boolean',
			default: true,
			description:
				'Whether to put the output files into the item. The service deletes its files after a while, so links alone do not last.',
			...(isLimited && { displayOptions: { ...(show && { show }), ...(hide && { hide }) } }),
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
			displayOptions: { show: { ...show, download: [true] }, ...(hide && { hide }) },
		},
	];
}

/** @returns without a field name when nothing is downloaded */
export function readDownload(form: Form): Pick<Delivery, 'download' | 'outputBinaryPropertyName'> {
	const download = form.readBoolean('download', 'Download Output Files');
	if (!download) return { download, outputBinaryPropertyName: '' };
	return {
		download,
		outputBinaryPropertyName: form.readRequiredText('outputBinaryPropertyName', 'Put Output File in Field'),
	};
}

/** @returns nothing when no name was entered */
export function readFileName(form: Form, options: IDataObject): Pick<Delivery, 'fileName'> {
	const fileName = form.readOptionText(options, 'fileName', 'File Name');
	return fileName ? { fileName } : {};
}
