import type { INodeProperties } from 'n8n-workflow';

import { FIELDS, OUTPUT_FORMAT, type Field } from '../api/fields';
import { GENERATIONS, type Generation } from '../api/versions';
import { hintAtParameter } from './builder-hint';

const { displayName, name, description, versions } = OUTPUT_FORMAT;

/** The format of a model, beside the result. */
export const outputFormatProperty: INodeProperties = {
	...createControl(OUTPUT_FORMAT),
	...{ displayName, name, description, required: true },
	displayOptions: { show: { operation: [...GENERATIONS], apiVersion: [...versions] } },
};

/** The settings of a generation, made from the table of fields. A setting that is not added is not sent. */
export const settingsProperty: INodeProperties = {
	displayName: 'Settings',
	name: 'settings',
	type: 'collection',
	placeholder: 'Add setting',
	default: {},
	displayOptions: { show: { operation: [...GENERATIONS] } },
	description: 'The service uses its own default for a setting that is not added',
	...hintAtParameter('Add only what is asked for.'),
	options: [
		{
			displayName: 'Additional Fields',
			name: 'additionalFields',
			type: 'json',
			default: '{}',
			placeholder: 'e.g. { "new_field": 1 }',
			description:
				'A JSON object of further fields for the body of the request. For fields of the API that this node does not have as settings.',
		},
		...FIELDS.filter((field) => field !== OUTPUT_FORMAT)
			.sort((a, b) => (a.displayName < b.displayName ? -1 : 1))
			.flatMap(createControls),
	],
};

/** One control, or one for each operation where their defaults differ. */
function createControls(field: Field): INodeProperties[] {
	const { displayName, name, description, versions, operations } = field;
	const create = (only: readonly Generation[], one: Field): INodeProperties => ({
		...createControl(one),
		displayName,
		name,
		description,
		displayOptions: { show: { '/apiVersion': [...versions], '/operation': [...only] } },
	});
	if (!('default' in field) || typeof field.default !== 'object') return [create(operations, field)];
	const { default: defaults } = field;
	return operations.map((operation) => create([operation], { ...field, default: defaults[operation] }));
}

/** The part of a setting that depends on the kind of its value. */
function createControl(
	field: Field,
): Pick<INodeProperties, 'type' | 'default' | 'typeOptions' | 'options' | 'placeholder'> {
	switch (field.kind) {
		case 'integer':
		case 'number':
			return {
				type: 'number',
				default: field.default as number,
				placeholder: `e.g. ${field.default as number}`,
				typeOptions: {
					minValue: field.min,
					...(field.max !== undefined && { maxValue: field.max }),
					...(field.kind === 'integer' && { numberPrecision: 0 }),
				},
			};
		case 'seed':
			// A text field, because a number field cannot be left empty.
			return { type: 'string', default: '', placeholder: 'e.g. 20' };
		case 'yesNo':
		case 'boolean':
			return { type: 'boolean', default: field.default };
		case 'text':
			return { type: 'string', default: '', placeholder: field.placeholder };
		case 'choice':
			return { type: 'options', default: field.default, options: [...field.choices] };
	}
}
