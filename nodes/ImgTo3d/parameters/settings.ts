import type { INodeProperties } from 'n8n-workflow';

import { FIELDS, GENERATIONS, type Field } from '../api/fields';

/** The settings of a generation, made from the table of fields. What is not added is not sent. */
export const settingsProperty: INodeProperties = {
	displayName: 'Settings',
	name: 'settings',
	type: 'collection',
	placeholder: 'Add setting',
	default: {},
	displayOptions: { show: { operation: [...GENERATIONS] } },
	description: 'A setting that is not added is not sent: the service then uses its own default',
	options: [...FIELDS]
		// Not by a locale: setting that up took Node a third of the time in which the nodes were loaded.
		.sort((a, b) => (a.displayName < b.displayName ? -1 : 1))
		.map((field) => ({
			...control(field),
			displayName: field.displayName,
			name: field.name,
			description: field.description,
			displayOptions: {
				show: { '/apiVersion': [...field.versions], '/operation': [...field.operations] },
			},
		})),
};

/** The part of a setting that depends on what kind of value it holds. */
function control(
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
			// A text, because a number field cannot be left empty.
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
