/** The trigger's parameters: what the panel shows, and how they are read. */
import type { INodeProperties, IWebhookFunctions } from 'n8n-workflow';

import { API_VERSIONS, DEFAULT_API_VERSION, type ApiVersion } from '../api/versions';
import { apiVersionProperty, serviceAdvice } from '../parameters/api-version';
import { hintAtParameter } from '../parameters/builder-hint';
import { createDownloadProperties, readDownload, readFileName } from '../parameters/delivery';
import { Form } from '../parameters/form';
import { createNumberOption, fileNameOption, NUMERIC_OPTIONS } from '../parameters/options';
import { outputModeProperty } from '../parameters/output-mode';
import { OUTPUT_MODES, type Delivery } from '../request';
import { EVENTS, type TriggerEvent } from './events';

const VERIFICATIONS = ['api', 'none'] as const;

const WITH_FILES = { show: { '/download': [true] } };

/** The parameters in the order of the panel. */
export const triggerProperties: INodeProperties[] = [
	{
		displayName:
			'Copy the Production URL (open <b>Webhook URLs</b> above) into the option <b>Webhook URL</b> of an Image to 3D node, or into the field <b>webhook</b> of any other client of the API. Then publish (activate) this workflow. The service must be able to reach the URL. Its address comes from the environment variable WEBHOOK_URL.',
		name: 'setupNotice',
		type: 'notice',
		default: '',
	},
	{
		displayName: 'Trigger On',
		name: 'events',
		type: 'multiOptions',
		required: true,
		options: Object.entries(EVENTS).map(([value, words]) => ({ value, ...words })),
		default: ['success', 'failed'],
		description: 'The events that start the workflow',
	},
	{
		displayName: 'Verify',
		name: 'verify',
		type: 'options',
		options: [
			{
				name: 'Not at All',
				value: 'none',
				description: 'Believe the call. Anybody who knows the URL can then start the workflow with any data.',
			},
			{
				name: 'With the API',
				value: 'api',
				description:
					'Fetch the job before the workflow starts. The item is what the API says, not what the caller says.',
			},
		],
		default: 'api',
		description: 'Whether to believe a webhook call. The service does not sign its calls.',
	},
	{
		...apiVersionProperty,
		required: true,
		description: `What the jobs make, and the version of the API that they are submitted with. The trigger fetches them there. ${serviceAdvice}`,
		...hintAtParameter('The Result that the jobs are submitted with.'),
		displayOptions: { show: { verify: ['api'] } },
	},
	...createDownloadProperties(),
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		description: 'Which jobs start the workflow, and how the results leave the trigger',
		options: [
			{ ...fileNameOption, displayOptions: WITH_FILES },
			{
				displayName: 'Ignore Duplicates',
				name: 'ignoreDuplicates',
				type: 'boolean',
				default: true,
				description:
					'Whether the end of a job starts the workflow only once, even if the service calls several times. Test events are never ignored.',
			},
			createNumberOption('maxFileSize', {
				description: 'The largest output file to download, in MB',
				displayOptions: WITH_FILES,
			}),
			outputModeProperty,
			{
				displayName: 'Track ID',
				name: 'trackId',
				type: 'string',
				default: '',
				placeholder: 'e.g. order-7 or order-*',
				description:
					'Only jobs with this track ID start the workflow. With an asterisk at the end, all jobs do whose track ID begins like this. Leave it empty for all jobs.',
			},
		],
	},
];

/** The trigger's parameters, checked. */
export interface TriggerSettings {
	events: readonly TriggerEvent[];
	apiVersion: ApiVersion;
	/** Jobs with this track ID start the workflow. `order-*` means all that begin with `order-`, '' means all jobs. */
	trackId: string;
	/** `api`: the API is asked about the job. `none`: the webhook call is believed. */
	verify: (typeof VERIFICATIONS)[number];
	ignoreDuplicates: boolean;
	delivery: Delivery;
}

/** @throws NodeOperationError that names the parameter, what was entered and what is allowed */
export function readTriggerSettings(context: IWebhookFunctions): TriggerSettings {
	const form = new Form(context, (name) => context.getNodeParameter(name, null));
	const options = form.readCollection('options');
	const verify = form.readChoice('verify', 'Verify', VERIFICATIONS);
	return {
		events: form.readChoices('events', 'Trigger On', Object.keys(EVENTS) as TriggerEvent[]),
		// When the API is not asked, the parameter is not shown, and n8n does not have it.
		apiVersion:
			verify === 'api' ? form.readChoice('apiVersion', 'Result', API_VERSIONS) : DEFAULT_API_VERSION,
		trackId: form.readOptionText(options, 'trackId', 'Track ID') ?? '',
		verify,
		ignoreDuplicates: form.readOptionBoolean(options, 'ignoreDuplicates', 'Ignore Duplicates', true),
		delivery: {
			...readDownload(form),
			outputMode: form.readOptionChoice(options, 'outputMode', 'Output', OUTPUT_MODES, 'job'),
			...readFileName(form, options),
			timeoutMs: NUMERIC_OPTIONS.timeout.default * 1000,
			maxFileBytes: form.readNumberOrDefault(options, 'maxFileSize') * 1024 * 1024,
		},
	};
}
