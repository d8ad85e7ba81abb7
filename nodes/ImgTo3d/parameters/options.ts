import type { INodeProperties } from 'n8n-workflow';

import { outputModeProperty } from './delivery';

/** The numeric options: their names, what is allowed, and what holds when one is not added. */
export const NUMERIC_OPTIONS = {
	maxFileSize: { displayName: 'Max File Size', kind: 'number', min: 0.001, max: 100_000, default: 512 },
	maxJobsInFlight: { displayName: 'Max Jobs in Flight', kind: 'integer', min: 1, max: 1000, default: 5 },
	pollInterval: { displayName: 'Poll Interval', kind: 'number', min: 1, max: 86_400, default: 10 },
	timeout: { displayName: 'Timeout', kind: 'number', min: 1, max: 86_400, default: 1800 },
} as const;

export type NumericOption = keyof typeof NUMERIC_OPTIONS;

function numeric(
	name: NumericOption,
	more: Pick<INodeProperties, 'description' | 'displayOptions'>,
): INodeProperties {
	const { displayName, kind, min, max, default: preset } = NUMERIC_OPTIONS[name];
	return {
		displayName,
		name,
		type: 'number',
		typeOptions: { minValue: min, maxValue: max, ...(kind === 'integer' && { numberPrecision: 0 }) },
		default: preset,
		placeholder: `e.g. ${preset}`,
		...more,
	};
}

export const optionsProperty: INodeProperties = {
	displayName: 'Options',
	name: 'options',
	type: 'collection',
	placeholder: 'Add option',
	default: {},
	description: 'How to wait, and how the results leave the node',
	options: [
		numeric('maxFileSize', {
			description: 'Output files that are larger are not downloaded, in MB',
			displayOptions: { hide: { '/waitFor': ['none'] } },
		}),
		numeric('maxJobsInFlight', {
			description:
				'How many jobs of this node may be open at the service at once. Plans allow 5, 10 or 15 queued requests an account.',
		}),
		outputModeProperty,
		numeric('pollInterval', {
			description:
				"Seconds between two looks at a job. Without this option the looks follow the service's estimate, the queue, and how long jobs with the same settings took.",
			displayOptions: { show: { '/waitFor': ['poll'] } },
		}),
		numeric('timeout', {
			description:
				'How many seconds a job may take from its submission. A job whose time is up is not lost: its ID is in the error, or in the item when the execution was at rest.',
		}),
		{
			displayName: 'Track ID',
			name: 'trackId',
			type: 'string',
			default: '',
			placeholder: 'e.g. order-7',
			description:
				'A mark of your own for the job. It is sent along, comes back in the webhook call, and is put into the item. Empty sends null.',
		},
		{
			displayName: 'Webhook URL',
			name: 'webhookUrl',
			type: 'string',
			default: '',
			placeholder: 'e.g. https://n8n.example.com/webhook/3d-done',
			description:
				'An address that the service calls when the job ends, such as the production URL of an Image to 3D Trigger. Empty sends null.',
			displayOptions: { hide: { '/operation': ['getResult'], '/waitFor': ['webhook'] } },
		},
	],
};
