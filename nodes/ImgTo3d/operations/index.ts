/** The operations of the node, and the panel that they make. */
import type { INodeProperties } from 'n8n-workflow';

import { API_VERSIONS, GENERATIONS, VERSIONS } from '../api/versions';
import { apiVersionProperty, sortByName } from '../parameters/api-version';
import { hintAtParameter } from '../parameters/builder-hint';
import { createDownloadProperties } from '../parameters/delivery';
import { optionsProperty } from '../parameters/options';
import { outputFormatProperty, settingsProperty } from '../parameters/settings';
import { waitForProperties } from '../parameters/wait-for';
import { JOB_OPERATIONS, type WaitFor, type Work } from '../request';
import { deleteFiles } from './delete-files';
import { getBalance } from './get-balance';
import { getJobs } from './get-jobs';
import { getResult } from './get-result';
import { imageTo3d } from './image-to-3d';
import type { Operation } from './operation';
import { textTo3d } from './text-to-3d';

type OperationValue = Work['operation'];

/** All operations. One that is missing does not compile. */
const OPERATIONS: Record<OperationValue, Operation> = {
	imageTo3d,
	textTo3d,
	getResult,
	getJobs,
	getBalance,
	deleteFiles,
};

export const OPERATION_VALUES = Object.keys(OPERATIONS) as readonly OperationValue[];

export function findOperation(value: OperationValue): Operation {
	return OPERATIONS[value];
}

const operationProperty: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	options: sortByName(
		Object.values(OPERATIONS).map(({ value, words: { name, description, action } }) => ({
			value,
			name,
			description,
			action,
		})),
	),
	default: 'imageTo3d',
	description: 'What to do',
};

/** What an agent's model reads about the tool. n8n itself has a text for each operation only if a node has resources, too. */
const toolProperties = Object.values(OPERATIONS).map(
	({ value, words: { tool } }): INodeProperties => ({
		displayName: 'Tool Description',
		name: 'toolDescription',
		type: 'string',
		required: true,
		typeOptions: { rows: 3 },
		default: tool,
		placeholder: 'e.g. Turns an image into a 3D turntable. Each call is a paid job.',
		description: 'What the tool does, what it costs, and when to use it, for the model to read',
		displayOptions: { show: { '@tool': [true], operation: [value] } },
	}),
);

/** What the person sees of the node, from top to bottom: first what changes from one use to the next. */
export const properties: INodeProperties[] = [
	operationProperty,
	...toolProperties,
	...Object.values(OPERATIONS).flatMap((operation) => operation.properties),
	{
		...apiVersionProperty,
		hint: `${Object.values(VERSIONS)
			.map(({ description }) => description)
			.join('. ')}.`,
		...hintAtParameter(
			'Turntable for a moving preview in seconds. 3D Model for a file to print, to show in AR or on a web page, in minutes.',
		),
		displayOptions: { show: { operation: [...GENERATIONS] } },
	},
	outputFormatProperty,
	{
		displayName: 'Each item is a paid job. <i>Execute step</i> pays again each time.',
		name: 'paidNotice',
		type: 'notice',
		default: '',
		displayOptions: { show: { operation: [...GENERATIONS] } },
	},
	...waitForProperties,
	...createDownloadProperties({ show: { operation: [...JOB_OPERATIONS] }, hide: { waitFor: ['none'] } }),
	settingsProperty,
	optionsProperty,
];

const WAITS: Record<WaitFor, string> = { poll: ', poll', webhook: ', suspend', none: ", don't wait" };

/** What a generation makes, by operation and version: "Image to turntable". */
const TITLES = Object.fromEntries(
	GENERATIONS.flatMap((operation) =>
		API_VERSIONS.map((version) => [
			`${operation}/${version}`,
			OPERATIONS[operation].words.name.replace('3D', VERSIONS[version].makes),
		]),
	),
) as Record<string, string>;

const NAMES = Object.fromEntries(Object.values(OPERATIONS).map(({ value, words }) => [value, words.name]));

/** The operations that have nothing to wait for. */
const ACCOUNT_OPERATIONS = OPERATION_VALUES.filter((value) => !JOB_OPERATIONS.includes(value));

/** An expression for the node's subtitle: what it does, and how it waits. The parameters may be expressions themselves. */
export const subtitle = `={{ (${JSON.stringify(TITLES)}[$parameter["operation"] + "/" + $parameter["apiVersion"]] || ${JSON.stringify(NAMES)}[$parameter["operation"]]) + (${JSON.stringify(ACCOUNT_OPERATIONS)}.includes($parameter["operation"]) ? "" : (${JSON.stringify(WAITS)}[$parameter["waitFor"]] || "")) }}`;
