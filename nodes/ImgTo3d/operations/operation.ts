import type { INodeProperties, INodePropertyOptions } from 'n8n-workflow';

import { API_VERSIONS, type ApiVersion } from '../api/fields';
import type { ItemRequest } from '../request';

/** What a choice says of itself. */
type Words = Omit<INodePropertyOptions, 'value'>;

const VERSIONS: Record<ApiVersion, Words> = {
	v3: {
		name: 'V3',
		description: 'The img_to_3d and txt_to_3d endpoints: a turntable GIF, or a PLY mesh from text',
	},
	v6: {
		name: 'V6',
		description:
			"Today's endpoints, at https://modelslab.com/api: a textured mesh as GLB, OBJ, PLY or STL, and a turntable if wanted",
	},
};

export const apiVersionProperty: INodeProperties = {
	displayName: 'API Version',
	name: 'apiVersion',
	type: 'options',
	options: API_VERSIONS.map((value) => ({ value, ...VERSIONS[value] })),
	default: 'v3',
	description:
		'The endpoints to call: V3 makes turntables, V6 meshes. A job is fetched with the version it was submitted with.',
};

/** In the order in which they are offered. */
const OPERATIONS: Record<ItemRequest['work']['operation'], Words> = {
	getResult: {
		name: 'Get Result',
		description: 'Fetch a job that was submitted before, by its ID. Costs nothing.',
		action: 'Get result of 3D job',
	},
	imageTo3d: {
		name: 'Image to 3D',
		description: 'Turn an image into a 3D turntable or mesh. Each item is a paid job.',
		action: 'Turn image into 3D',
	},
	textTo3d: {
		name: 'Text to 3D',
		description: 'Make a 3D turntable or mesh from a text prompt. Each item is a paid job.',
		action: 'Turn text prompt into 3D',
	},
};

export const operationProperties: INodeProperties[] = [
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		options: Object.entries(OPERATIONS).map(([value, words]) => ({ value, ...words })),
		default: 'imageTo3d',
		description: 'What to do',
	},
	apiVersionProperty,
];

/** The names of the operations, by value, as JSON. */
export const operationNames = JSON.stringify(
	Object.fromEntries(Object.entries(OPERATIONS).map(([value, { name }]) => [value, name])),
);
