import type { INodeProperties } from 'n8n-workflow';

export const apiVersionProperty: INodeProperties = {
	displayName: 'API Version',
	name: 'apiVersion',
	type: 'options',
	options: [
		{
			name: 'V3',
			value: 'v3',
			description: 'The img_to_3d and txt_to_3d endpoints: a turntable GIF, or a PLY mesh from text',
		},
		{
			name: 'V6',
			value: 'v6',
			description:
				"Today's endpoints, at https://modelslab.com/api: a textured mesh as GLB, OBJ, PLY or STL, and a turntable if wanted",
		},
	],
	default: 'v3',
	description:
		'The endpoints to call: V3 makes turntables, V6 meshes. A job is fetched with the version it was submitted with.',
};

export const operationProperties: INodeProperties[] = [
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		options: [
			{
				name: 'Get Result',
				value: 'getResult',
				description: 'Fetch a job that was submitted before, by its ID. Costs nothing.',
				action: 'Get result of 3D job',
			},
			{
				name: 'Image to 3D',
				value: 'imageTo3d',
				description: 'Turn an image into a 3D turntable or mesh. Each item is a paid job.',
				action: 'Turn image into 3D',
			},
			{
				name: 'Text to 3D',
				value: 'textTo3d',
				description: 'Make a 3D turntable or mesh from a text prompt. Each item is a paid job.',
				action: 'Turn text prompt into 3D',
			},
		],
		default: 'imageTo3d',
		description: 'What to do',
	},
	apiVersionProperty,
];
