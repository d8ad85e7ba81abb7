import { readApiVersion } from '../parameters/api-version';
import type { GenerationRequest } from '../request';
import { generation, readGeneration } from './generation';
import type { Operation } from './operation';

const OPERATION = 'textTo3d';

export const textTo3d: Operation<GenerationRequest> = {
	...generation,
	value: OPERATION,

	words: {
		name: 'Text to 3D',
		description: 'Make a 3D turntable or model from a text prompt. Each item is a paid job.',
		action: 'Turn text prompt into 3D',
		tool: 'Make a 3D turntable or model from a text prompt, and get links to it. Each call is a new paid job, also with the same prompt, and takes seconds to minutes.',
	},

	properties: [
		{
			displayName: 'Prompt',
			name: 'prompt',
			type: 'string',
			required: true,
			typeOptions: { rows: 3 },
			default: '',
			placeholder: 'e.g. A birthday cupcake',
			description: 'What to make. One object in plain words works best.',
			displayOptions: { show: { operation: [OPERATION] } },
		},
	],

	read: (form, common) =>
		readGeneration(form, common, {
			operation: OPERATION,
			apiVersion: readApiVersion(form),
			prompt: form.readRequiredText('prompt', 'Prompt'),
		}),
};
