import type { INodeProperties } from 'n8n-workflow';

import { GENERATIONS } from '../api/versions';
import { JOB_OPERATIONS } from '../request';
import { hintAtParameter } from './builder-hint';
import { outputModeProperty } from './output-mode';

/** The numeric options: their names, their ranges, and the values that are used when an option is not added. */
export const NUMERIC_OPTIONS = {
	maxFileSize: { displayName: 'Max File Size', kind: 'number', min: 0.001, max: 100_000, default: 512 },
	maxJobsInFlight: { displayName: 'Max Jobs in Flight', kind: 'integer', min: 1, max: 1000, default: 5 },
	maxPaidJobs: { displayName: 'Max Paid Jobs', kind: 'integer', min: 1, max: 1_000_000, default: 10 },
	minimumBalance: { displayName: 'Minimum Balance', kind: 'number', min: 0, max: 1_000_000_000, default: 5 },
	pollInterval: { displayName: 'Poll Interval', kind: 'number', min: 1, max: 86_400, default: 10 },
	timeout: { displayName: 'Timeout', kind: 'number', min: 1, max: 86_400, default: 1800 },
} as const;

export type NumericOption = keyof typeof NUMERIC_OPTIONS;

export function createNumberOption(
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

export const fileNameOption: INodeProperties = {
	displayName: 'File Name',
	name: 'fileName',
	type: 'string',
	default: '',
	placeholder: 'e.g. mug',
	description:
		'What the names of the output files begin with. The ID of the job and the extension follow. Without it, they begin with the name of the input file, or with the first words of the prompt.',
};

const WITH_JOB = { show: { '/operation': [...JOB_OPERATIONS] } };
const WITH_FILES = { ...WITH_JOB, hide: { '/waitFor': ['none'] } };

export const optionsProperty: INodeProperties = {
	displayName: 'Options',
	name: 'options',
	type: 'collection',
	placeholder: 'Add option',
	default: {},
	description: 'How to wait, and how the results leave the node',
	...hintAtParameter(
		'After a schedule or a trigger, add Max Paid Jobs, so that a wrong filter cannot spend much.',
	),
	options: [
		{ ...fileNameOption, displayOptions: WITH_FILES },
		{
			displayName: 'Include Input Fields',
			name: 'includeInputFields',
			type: 'boolean',
			default: false,
			description:
				'Whether the output items also have the fields of their input item, under <code>input</code>',
		},
		createNumberOption('maxFileSize', {
			description: 'The largest output file to download, in MB',
			displayOptions: WITH_FILES,
		}),
		createNumberOption('maxJobsInFlight', {
			description:
				'How many jobs of this node may be open at the service at once. Plans allow 5, 10 or 15 queued requests an account.',
			displayOptions: WITH_JOB,
		}),
		createNumberOption('maxPaidJobs', {
			description:
				'The most jobs that a run of this node may submit. A run with more items submits none of them, and ends in an error. It guards a schedule against a filter that lets too much through.',
			displayOptions: { show: { '/operation': [...GENERATIONS] } },
		}),
		createNumberOption('minimumBalance', {
			description:
				'The least balance of the account, in its currency. It is asked for once a run, before the first job is submitted. Below it, or if it cannot be had, no job is submitted, and the run ends in an error. The balance of a subscription may be 0.',
			displayOptions: { show: { '/operation': [...GENERATIONS] } },
		}),
		{ ...outputModeProperty, displayOptions: WITH_JOB },
		createNumberOption('pollInterval', {
			description:
				"Seconds between two polls of a job. Without this option, the node polls when the end is to be expected: by the service's estimate, the queue, and how long jobs with the same settings took.",
			displayOptions: { show: { '/waitFor': ['poll'], ...WITH_JOB.show } },
		}),
		createNumberOption('timeout', {
			description:
				'How many seconds a job may take after it was submitted. When the time is up, the job is not lost: its ID is in the error, or in the item if the execution was suspended.',
			displayOptions: WITH_JOB,
		}),
		{
			displayName: 'Track ID',
			name: 'trackId',
			type: 'string',
			default: '',
			placeholder: 'e.g. order-7',
			description:
				'Your own mark for the job. It is sent to the service, comes back in its webhook call, and is in the item. Empty sends null.',
			displayOptions: WITH_JOB,
		},
		{
			displayName: 'Webhook URL',
			name: 'webhookUrl',
			type: 'string',
			default: '',
			placeholder: 'e.g. https://n8n.example.com/webhook/3d-done',
			description:
				'An address that the service calls when the job ends, such as the production URL of an Image to 3D Trigger. Empty sends null.',
			displayOptions: { show: { '/operation': [...GENERATIONS] }, hide: { '/waitFor': ['webhook'] } },
		},
	],
};
