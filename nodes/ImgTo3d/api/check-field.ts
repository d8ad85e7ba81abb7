/** Checks what a person has entered for a field of the API. */
import type { Field, NumericField, SeedField, SwitchField } from './fields';
import {
	describeChoices,
	describeRange,
	isEmpty,
	toBoolean,
	toChoice,
	toNumber,
	toNumberWithin,
	toText,
} from './values';

export type BodyValue = string | number | boolean | null;

/** A checked value for the body, or what is wrong with it, in words that follow the setting's name: "must be ...". */
export type Checked = { value: BodyValue } | { problem: string };

/**
 * Checks what was entered for a field and converts it to the body's value. The values of expressions can have any type, so
 * values count as sheets and models write them: "20" as 20, "TRUE" as true, "GLB" as "glb".
 *
 * @param entered the setting's value, unchecked
 */
export function checkField(field: Field, entered: unknown): Checked {
	switch (field.kind) {
		case 'integer':
		case 'number':
			return checkNumeric(field, entered);
		case 'seed':
			return checkSeed(field, entered);
		case 'yesNo':
		case 'boolean':
			return checkSwitch(field, entered);
		case 'text':
			return checkText(entered);
		case 'choice': {
			const choices = field.choices.map(({ value }) => value);
			const value = toChoice(choices, entered);
			return value === undefined ? { problem: `must be ${describeChoices(choices)}` } : { value };
		}
	}
}

function checkNumeric(field: NumericField, entered: unknown): Checked {
	const value = toNumberWithin(field, entered);
	return value === undefined ? { problem: `must be ${describeRange(field)}` } : { value };
}

function checkText(entered: unknown): Checked {
	const value = toText(entered);
	return value === undefined ? { problem: 'must be a text' } : { value };
}

function checkSeed({ random }: SeedField, entered: unknown): Checked {
	if (isEmpty(entered)) return { value: random };
	const value = toNumber(entered);
	return value !== undefined && Number.isSafeInteger(value)
		? { value }
		: { problem: 'must be an integer, or empty for a random seed' };
}

function checkSwitch({ kind }: SwitchField, entered: unknown): Checked {
	const isOn = toBoolean(entered);
	if (isOn === undefined) return { problem: 'must be true or false' };
	return { value: kind === 'boolean' ? isOn : isOn ? 'yes' : 'no' };
}
