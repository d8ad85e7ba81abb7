import type { INodeProperties, INodePropertyOptions } from 'n8n-workflow';

import { API_VERSIONS, type ApiVersion } from '../api/fields';

const WORDS: Record<ApiVersion, Omit<INodePropertyOptions, 'value'>> = {
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
	options: API_VERSIONS.map((value) => ({ value, ...WORDS[value] })),
	default: 'v3',
	description:
		'The endpoints to call: V3 makes turntables, V6 meshes. A job is fetched with the version it was submitted with.',
};
