import type { INodeProperties } from 'n8n-workflow';

import { FIELDS, type Field } from '../api/fields';
import { GENERATIONS } from '../api/versions';

/** The settings of a generation, made from the table of fields. A setting that is not added is not sent. */
export const settingsProperty: INodeProperties = {
	displayName: 'Settings',
	name: 'settings',
	type: 'collection',
	placeholder: 'Add setting',
	default: {},
	displayOptions: { show: { operation: [...GENERATIONS] } },
	description: 'The service uses its own default for a setting that is not added',
	options: [...FIELDS]
		// Not by a locale: setting up a locale took a third of the time in which Node loads the nodes.
		.sort((a, b) => (a.displayName < b.displayName ? -1 : 1))
		.map((field) => ({
			...createControl(field),
			displayName: field.displayName,
			name: field.name,
			description: field.description,
			displayOptions: {
				show: { '/apiVersion': [...field.versions], '/operation': [...field.operations] },
			},
		})),
};

/** The part of a setting that depends on the kind of its value. */
function createControl(
	field: Field,
): Pick<INodeProperties, 'type' | 'default' | 'typeOptions' | 'options' | 'placeholder'> {
	switch (field.kind) {
		case 'integer':
		case 'number':
			return {
				type: 'number',
				default: field.default,
				placeholder: `e.g. ${field.default}`,
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
