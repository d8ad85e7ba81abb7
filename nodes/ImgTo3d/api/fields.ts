/**
 * The one table of the API's optional body fields. The settings in the panel, the check of what was entered and the JSON
 * body are all made from it, so one entry here adds a field to all three.
 *
 * Sources: the service's v3 reference for `img_to_3d` and `txt_to_3d`, and the OpenAPI description of its v6 3D endpoints
 * (version 6.0.0). The limits are documented there, or follow from what the field is. So are the defaults of v6. Those of v3
 * are not: they are the values in the samples of its reference. The enterprise version is taken to have those of v6. The
 * tables of its reference name others for some fields, and its examples send those of v6.
 */
import type { Range } from './values';
import { API_VERSIONS, GENERATIONS, VERSIONS, type ApiVersion, type Generation } from './versions';

/** A value that is the same for all operations that take the field, or one for each. */
type ForEach<T> = T | Readonly<Record<Generation, T>>;

interface FieldOf<Kind extends string> {
	kind: Kind;
	/** The setting's name in saved workflows: the API's own name in camel case. */
	name: string;
	displayName: string;
	description: string;
	/** The API takes the field for these operations in these versions. */
	versions: readonly ApiVersion[];
	operations: readonly Generation[];
}

export interface NumericField extends FieldOf<Range['kind']>, Range {
	/** The value that the service uses when the field is not sent. The setting shows it when it is added. */
	default: ForEach<number>;
}

/** An integer, or empty for a random one. */
export interface SeedField extends FieldOf<'seed'> {
	/** What the API takes for a random one. */
	random: null | 0;
}

/** A switch that the API wants as `"yes"` or `"no"`, or as a boolean. */
export interface SwitchField extends FieldOf<'yesNo' | 'boolean'> {
	default: boolean;
}

export interface TextField extends FieldOf<'text'> {
	placeholder: string;
}

export interface ChoiceField extends FieldOf<'choice'> {
	choices: ReadonlyArray<{ value: string; name: string; description: string }>;
	default: string;
}

export type Field = NumericField | SeedField | SwitchField | TextField | ChoiceField;

const TURNTABLE = API_VERSIONS.filter((version) => VERSIONS[version].makes === 'turntable');
const MODEL = API_VERSIONS.filter((version) => VERSIONS[version].makes === '3D model');
const BOTH: readonly Generation[] = GENERATIONS;
const IMAGE: readonly Generation[] = ['imageTo3d'];
const TEXT: readonly Generation[] = ['textTo3d'];

/** It has a place of its own in the panel, beside the result. */
export const OUTPUT_FORMAT: ChoiceField = {
	kind: 'choice',
	name: 'outputFormat',
	displayName: 'Output Format',
	description: 'The kind of file to make',
	versions: MODEL,
	operations: BOTH,
	choices: [
		{
			value: 'glb',
			name: 'GLB',
			description: 'With its texture in one file: for the web, AR and game engines',
		},
		{ value: 'obj', name: 'OBJ', description: 'A text format that every 3D program reads' },
		{ value: 'ply', name: 'PLY', description: 'Points with colors, and their triangles' },
		{ value: 'stl', name: 'STL', description: 'The shape alone, for 3D printing' },
	],
	default: 'glb',
};

export const FIELDS: readonly Field[] = [
	{
		kind: 'integer',
		name: 'batchSize',
		displayName: 'Batch Size',
		description: 'How many results to make of the image, from 1. Each result is one output file.',
		versions: TURNTABLE,
		operations: IMAGE,
		min: 1,
		default: 1,
	},
	{
		kind: 'integer',
		name: 'chunkSize',
		displayName: 'Chunk Size',
		description: 'How much the service processes at once, from 1 to 12000. More needs more of its memory.',
		versions: MODEL,
		operations: BOTH,
		min: 1,
		max: 12000,
		default: 8192,
	},
	{
		kind: 'number',
		name: 'foregroundRatio',
		displayName: 'Foreground Ratio',
		description:
			'How much of the picture the object fills, from 0 to 1. The service makes the picture from the prompt.',
		versions: MODEL,
		operations: TEXT,
		min: 0,
		max: 1,
		default: 0.85,
	},
	{
		kind: 'integer',
		name: 'frameSize',
		displayName: 'Frame Size',
		description: 'Edge of the rendered frames in pixels, for example 128 or 256',
		versions: TURNTABLE,
		operations: BOTH,
		min: 1,
		default: 256,
	},
	{
		kind: 'number',
		name: 'guidanceScale',
		displayName: 'Guidance Scale',
		description: 'How closely the result follows the input, from 1 to 20',
		versions: TURNTABLE,
		operations: BOTH,
		min: 1,
		max: 20,
		default: { imageTo3d: 5, textTo3d: 15 },
	},
	{
		kind: 'number',
		name: 'guidanceScale',
		displayName: 'Guidance Scale',
		description: 'How closely the result follows the prompt, from 0',
		versions: MODEL,
		operations: TEXT,
		min: 0,
		default: 3,
	},
	{
		kind: 'number',
		name: 'meshSimplify',
		displayName: 'Mesh Simplify',
		description: 'How much of the mesh to simplify away, from 0.9 to 0.98. More means fewer triangles.',
		versions: MODEL,
		operations: BOTH,
		min: 0.9,
		max: 0.98,
		default: 0.9,
	},
	{
		kind: 'boolean',
		name: 'multiImage',
		displayName: 'Multi Image',
		description:
			'Whether the input shows the object from several sides: several images, or one transparent PNG with several views. The node turns it on by itself for several images.',
		versions: MODEL,
		operations: IMAGE,
		default: false,
	},
	{
		kind: 'text',
		name: 'negativePrompt',
		displayName: 'Negative Prompt',
		description: 'What should not be in the result',
		versions: API_VERSIONS,
		operations: TEXT,
		placeholder: 'e.g. blurry, broken',
	},
	{
		kind: 'integer',
		name: 'numInferenceSteps',
		displayName: 'Number of Inference Steps',
		description: 'Number of steps to turn the prompt into a picture, from 1',
		versions: MODEL,
		operations: TEXT,
		min: 1,
		default: 30,
	},
	OUTPUT_FORMAT,
	{
		kind: 'choice',
		name: 'outputType',
		displayName: 'Output Type',
		description: 'The kind of file to make',
		versions: TURNTABLE,
		operations: TEXT,
		choices: [
			{ value: 'gif', name: 'GIF', description: 'A turntable: the object turning once around' },
			{ value: 'ply', name: 'PLY', description: 'The object as a mesh' },
		],
		default: 'gif',
	},
	{
		kind: 'boolean',
		name: 'removeBg',
		displayName: 'Remove Background',
		description: 'Whether to remove the background of the picture that the service makes from the prompt',
		versions: MODEL,
		operations: TEXT,
		default: false,
	},
	{
		kind: 'boolean',
		name: 'render',
		displayName: 'Render',
		description: 'Whether to make a turntable of the mesh too: a second output file',
		versions: MODEL,
		operations: BOTH,
		default: false,
	},
	{
		kind: 'integer',
		name: 'resolution',
		displayName: 'Resolution',
		description: 'How fine the mesh is, from 1 to 512',
		versions: MODEL,
		operations: BOTH,
		min: 1,
		max: 512,
		default: { imageTo3d: 256, textTo3d: 512 },
	},
	{
		kind: 'yesNo',
		name: 'safetyChecker',
		displayName: 'Safety Checker',
		description: 'Whether to check the result for NSFW content. A flagged image is replaced by a blank one.',
		versions: TURNTABLE,
		operations: IMAGE,
		default: false,
	},
	{
		kind: 'integer',
		name: 'seconds',
		displayName: 'Seconds',
		description: 'Length of the turntable in seconds, for example 3 or 4',
		versions: TURNTABLE,
		operations: BOTH,
		min: 1,
		default: 3,
	},
	{
		kind: 'seed',
		name: 'seed',
		displayName: 'Seed',
		description: 'The same seed gives the same result. Leave empty for a random seed.',
		versions: TURNTABLE,
		operations: BOTH,
		random: null,
	},
	{
		kind: 'seed',
		name: 'seed',
		displayName: 'Seed',
		description: 'The same seed gives the same result. Leave empty, or enter 0, for a random seed.',
		versions: MODEL,
		operations: BOTH,
		random: 0,
	},
	{
		kind: 'number',
		name: 'slatGuidanceStrength',
		displayName: 'SLAT Guidance Strength',
		description: 'How closely the details (structured latents) follow the input, from 0 to 10',
		versions: MODEL,
		operations: BOTH,
		min: 0,
		max: 10,
		default: 3,
	},
	{
		kind: 'integer',
		name: 'slatSamplingSteps',
		displayName: 'SLAT Sampling Steps',
		description: 'Number of steps for the details, from 1 to 50',
		versions: MODEL,
		operations: BOTH,
		min: 1,
		max: 50,
		default: { imageTo3d: 12, textTo3d: 50 },
	},
	{
		kind: 'number',
		name: 'ssGuidanceStrength',
		displayName: 'SS Guidance Strength',
		description: 'How closely the shape (sparse structure) follows the input, from 0',
		versions: MODEL,
		operations: BOTH,
		min: 0,
		default: 7.5,
	},
	{
		kind: 'integer',
		name: 'ssSamplingSteps',
		displayName: 'SS Sampling Steps',
		description: 'Number of steps for the shape, from 1 to 50',
		versions: MODEL,
		operations: BOTH,
		min: 1,
		max: 50,
		default: { imageTo3d: 12, textTo3d: 50 },
	},
	{
		kind: 'integer',
		name: 'steps',
		displayName: 'Steps',
		description:
			"Number of denoising steps, from 1 to 64. The reference's table ends at 50, its example sends 64.",
		versions: TURNTABLE,
		operations: BOTH,
		min: 1,
		max: 64,
		default: 64,
	},
	{
		kind: 'yesNo',
		name: 'temp',
		displayName: 'Temporary Storage',
		description: 'Whether the service keeps the output files in its temporary storage only',
		versions: MODEL,
		operations: BOTH,
		default: false,
	},
];

/** Whether the API takes the field for this operation in this version. */
export function isTaken(
	{ versions, operations }: Field,
	version: ApiVersion,
	operation: Generation,
): boolean {
	return versions.includes(version) && operations.includes(operation);
}

/** Returns the field's name in the API's JSON body. */
export function toBodyName({ name }: Field): string {
	return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
