/** The operations of the node, and the panel that they make. */
import type { INodeProperties } from 'n8n-workflow';

import { GENERATIONS } from '../api/versions';
import { createDownloadProperties } from '../parameters/delivery';
import { apiVersionProperty } from '../parameters/api-version';
import { optionsProperty } from '../parameters/options';
import { settingsProperty } from '../parameters/settings';
import { waitForProperties } from '../parameters/wait-for';
import type { Work } from '../request';
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

/** What the person sees of the node, from top to bottom. */
export const properties: INodeProperties[] = [
	operationProperty,
	{ ...apiVersionProperty, displayOptions: { show: { operation: [...GENERATIONS] } } },
	...Object.values(OPERATIONS).flatMap((operation) => operation.properties),
	settingsProperty,
	...waitForProperties,
	...createDownloadProperties({ waitFor: ['none'] }),
	optionsProperty,
];

/** An expression for the node's subtitle: the operation's name, and how it waits. */
export const subtitle = `={{ ${JSON.stringify(
	Object.fromEntries(Object.values(OPERATIONS).map(({ value, words }) => [value, words.name])),
)}[$parameter["operation"]] + ({ none: ", don't wait", webhook: ", suspend" }[$parameter["waitFor"]] || "") }}`;
