import type { INodeProperties } from 'n8n-workflow';

import { apiVersionProperty } from '../parameters/api-version';
import { createDownloadProperties } from '../parameters/delivery';
import { outputModeProperty } from '../parameters/output-mode';

/** What the person sees of the trigger, from top to bottom. */
export const triggerProperties: INodeProperties[] = [
	{
		displayName:
			'Copy the Production URL (open <b>Webhook URLs</b> above) into the option <b>Webhook URL</b> of an Image to 3D node, or into the field <b>webhook</b> of any other client of the API. Then publish (activate) this workflow. The URL must be reachable from outside: it begins with what the environment variable WEBHOOK_URL says.',
		name: 'setupNotice',
		type: 'notice',
		default: '',
	},
	{
		displayName: 'Events',
		name: 'events',
		type: 'multiOptions',
		options: [
			{ name: 'Failed', value: 'failed', description: 'The service ended the job as failed' },
			{ name: 'Success', value: 'success', description: 'The job is done' },
		],
		default: ['success', 'failed'],
		description: 'Which ends of a job start the workflow',
	},
	{
		displayName: 'Verify',
		name: 'verify',
		type: 'options',
		options: [
			{
				name: 'With the API',
				value: 'api',
				description:
					'Fetch the job before the workflow starts. The item is what the API says, not what the caller says.',
			},
			{
				name: 'Not at All',
				value: 'none',
				description: 'Believe the call. Anybody who knows the URL can then start the workflow with any data.',
			},
		],
		default: 'api',
		description: 'Whether to believe a call. The calls of the service are not signed.',
	},
	{
		...apiVersionProperty,
		description:
			'The endpoints that the jobs are submitted to, and fetched from. V6 is documented at https://modelslab.com/api only: set Base URL in the credential to that.',
		displayOptions: { show: { verify: ['api'] } },
	},
	{
		displayName: 'Track ID',
		name: 'trackId',
		type: 'string',
		default: '',
		placeholder: 'e.g. order-7 or order-*',
		description:
			'Only jobs with this track ID start the workflow, or, with an asterisk at the end, those whose track ID begins like it. Empty: all jobs.',
	},
	{
		displayName: 'Ignore Duplicates',
		name: 'ignoreDuplicates',
		type: 'boolean',
		default: true,
		description:
			"Whether a job's end starts the workflow only once, however often the service calls. Test events are never ignored.",
	},
	...createDownloadProperties(),
	outputModeProperty,
];
