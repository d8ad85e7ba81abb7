/**
 * The one table of the API's optional body fields. The settings that a person sees, the check of what was
 * entered and the JSON body are all made from it: a new field is a new entry here and nothing else.
 *
 * Source: the service's v3 reference for `img_to_3d` and `txt_to_3d`.
 */

import { describeRange, numberWithin, toNumber, type Range } from './numbers';

export const API_VERSIONS = ['v3'] as const;
export type ApiVersion = (typeof API_VERSIONS)[number];
export type Generation = 'imageTo3d' | 'textTo3d';

interface FieldOf<Kind extends string> {
	kind: Kind;
	/** The setting's name in the node: a contract with saved workflows. */
	name: string;
	/** The field's name in the API's JSON body. */
	bodyName: string;
	displayName: string;
	description: string;
	operations: readonly Generation[];
}

export interface NumericField extends FieldOf<Range['kind']>, Range {
	/** What the setting shows when it is added. */
	default: number;
}

/** An integer, or empty for "let the service draw one" (sent as `null`). */
export type SeedField = FieldOf<'seed'>;

/** A switch that the API wants as `"yes"` or `"no"`. */
export interface YesNoField extends FieldOf<'yesNo'> {
	default: boolean;
}

export interface TextField extends FieldOf<'text'> {
	placeholder: string;
}

export interface ChoiceField extends FieldOf<'choice'> {
	choices: ReadonlyArray<{ value: string; name: string; description: string }>;
	default: string;
}

export type Field = NumericField | SeedField | YesNoField | TextField | ChoiceField;

const BOTH: readonly Generation[] = ['imageTo3d', 'textTo3d'];

export const FIELDS: readonly Field[] = [
	{
		kind: 'integer',
		name: 'batchSize',
		bodyName: 'batch_size',
		displayName: 'Batch Size',
		description: 'How many results to make of the image, from 1. Each result is one output file.',
		operations: ['imageTo3d'],
		min: 1,
		default: 1,
	},
	{
		kind: 'integer',
		name: 'frameSize',
		bodyName: 'frame_size',
		displayName: 'Frame Size',
		description: 'Edge of the rendered frames in pixels, for example 128 or 256',
		operations: BOTH,
		min: 1,
		default: 256,
	},
	{
		kind: 'number',
		name: 'guidanceScale',
		bodyName: 'guidance_scale',
		displayName: 'Guidance Scale',
		description: 'How closely the result follows the input, from 1 to 20',
		operations: BOTH,
		min: 1,
		max: 20,
		default: 5,
	},
	{
		kind: 'text',
		name: 'negativePrompt',
		bodyName: 'negative_prompt',
		displayName: 'Negative Prompt',
		description: 'What should not be in the result',
		operations: ['textTo3d'],
		placeholder: 'e.g. blurry, broken',
	},
	{
		kind: 'choice',
		name: 'outputType',
		bodyName: 'output_type',
		displayName: 'Output Type',
		description: 'The kind of file to make',
		operations: ['textTo3d'],
		choices: [
			{ value: 'gif', name: 'GIF', description: 'A turntable: the object turning once around' },
			{ value: 'ply', name: 'PLY', description: 'The object as a mesh' },
		],
		default: 'gif',
	},
	{
		kind: 'yesNo',
		name: 'safetyChecker',
		bodyName: 'safety_checker',
		displayName: 'Safety Checker',
		description: 'Whether to check the result for NSFW content. A flagged image is replaced by a blank one.',
		operations: ['imageTo3d'],
		default: true,
	},
	{
		kind: 'integer',
		name: 'seconds',
		bodyName: 'seconds',
		displayName: 'Seconds',
		description: 'Length of the turntable in seconds, for example 3 or 4',
		operations: BOTH,
		min: 1,
		default: 3,
	},
	{
		kind: 'seed',
		name: 'seed',
		bodyName: 'seed',
		displayName: 'Seed',
		description: 'The same seed gives the same result. Leave empty to let the service draw one.',
		operations: BOTH,
	},
	{
		kind: 'integer',
		name: 'steps',
		bodyName: 'steps',
		displayName: 'Steps',
		description:
			"Number of denoising steps, from 1 to 64. The reference's table ends at 50, its example sends 64.",
		operations: BOTH,
		min: 1,
		max: 64,
		default: 50,
	},
];

export type BodyValue = string | number | null;

/** A checked value for the body, or what is wrong with it, to follow the setting's name: "must be ...". */
export type Checked = { value: BodyValue } | { problem: string };

/**
 * Checks what was entered for a field and turns it into the body's value. Values of expressions arrive with
 * any type, so a numeric text counts as its number.
 *
 * @param field the field's entry in the table
 * @param entered the setting's value, untrusted
 */
export function checkField(field: Field, entered: unknown): Checked {
	switch (field.kind) {
		case 'integer':
		case 'number':
			return checkNumeric(field, entered);
		case 'seed':
			return checkSeed(entered);
		case 'yesNo':
			return checkYesNo(entered);
		case 'text':
			return typeof entered === 'string' ? { value: entered } : { problem: 'must be a text' };
		case 'choice': {
			const chosen = field.choices.find(({ value }) => value === entered);
			if (chosen) return { value: chosen.value };
			return { problem: `must be ${describeChoices(field.choices.map(({ value }) => value))}` };
		}
	}
}

function checkNumeric(field: NumericField, entered: unknown): Checked {
	const value = numberWithin(field, entered);
	return value === undefined ? { problem: `must be ${describeRange(field)}` } : { value };
}

function checkSeed(entered: unknown): Checked {
	if (entered === null || entered === undefined) return { value: null };
	if (typeof entered === 'string' && entered.trim() === '') return { value: null };
	const value = toNumber(entered);
	return value !== undefined && Number.isSafeInteger(value)
		? { value }
		: { problem: 'must be an integer, or empty for a random seed' };
}

function checkYesNo(entered: unknown): Checked {
	const isOn = entered === 'yes' || (entered === 'no' ? false : toBoolean(entered));
	if (isOn !== undefined) return { value: isOn ? 'yes' : 'no' };
	return { problem: 'must be true or false' };
}

/** A switch's value, from a boolean or from the text of one; otherwise `undefined`. */
export function toBoolean(entered: unknown): boolean | undefined {
	if (entered === true || entered === 'true') return true;
	return entered === false || entered === 'false' ? false : undefined;
}

/** `"gif" or "ply"`, for error texts. */
export function describeChoices(values: readonly string[]): string {
	return values.map((value) => `"${value}"`).join(' or ');
}
