/** The operations of the node, and the panel that they make. */
import type { INodeProperties } from 'n8n-workflow';

import { API_VERSIONS, GENERATIONS, VERSIONS } from '../api/versions';
import { apiVersionProperty } from '../parameters/api-version';
import { createDownloadProperties } from '../parameters/delivery';
import { optionsProperty } from '../parameters/options';
import { outputFormatProperty, settingsProperty } from '../parameters/settings';
import { waitForProperties } from '../parameters/wait-for';
import type { WaitFor, Work } from '../request';
import { getResult } from './get-result';
import { imageTo3d } from './image-to-3d';
import type { Operation } from './operation';
import { textTo3d } from './text-to-3d';

type OperationValue = Work['operation'];

/** All operations. One that is missing does not compile. */
const OPERATIONS: Record<OperationValue, Operation> = { imageTo3d, textTo3d, getResult };

export const OPERATION_VALUES = Object.keys(OPERATIONS) as readonly OperationValue[];

export function findOperation(value: OperationValue): Operation {
	return OPERATIONS[value];
}

const operationProperty: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	options: Object.values(OPERATIONS)
		.map(({ value, words }) => ({ value, ...words }))
		.sort((a, b) => (a.name < b.name ? -1 : 1)),
	default: 'imageTo3d',
	description: 'What to do',
};

/** What the person sees of the node, from top to bottom: first what changes from one use to the next. */
export const properties: INodeProperties[] = [
	operationProperty,
	...Object.values(OPERATIONS).flatMap((operation) => operation.properties),
	{
		...apiVersionProperty,
		hint: `${Object.values(VERSIONS)
			.map(({ description }) => description)
			.join('. ')}.`,
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
	...createDownloadProperties({ waitFor: ['none'] }),
	settingsProperty,
	optionsProperty,
];

const WAITS: Record<WaitFor, string> = { poll: ', poll', webhook: ', suspend', none: ", don't wait" };

/** What the node does, by operation and version: "Image to turntable". */
const TITLES = Object.fromEntries(
	Object.values(OPERATIONS).flatMap(({ value, words }) =>
		API_VERSIONS.map((version) => {
			const name = GENERATIONS.some((generation) => generation === value)
				? words.name.replace('3D', VERSIONS[version].makes)
				: words.name;
			return [`${value}/${version}`, name];
		}),
	),
);

/** An expression for the node's subtitle: what it does, and how it waits. */
export const subtitle = `={{ ${JSON.stringify(TITLES)}[$parameter["operation"] + "/" + $parameter["apiVersion"]] + ${JSON.stringify(WAITS)}[$parameter["waitFor"]] }}`;
