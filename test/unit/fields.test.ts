import fc from 'fast-check';

import { buildBody } from '../../nodes/ImgTo3d/api/body';
import { checkField } from '../../nodes/ImgTo3d/api/check-field';
import { toBodyName, FIELDS, type Field } from '../../nodes/ImgTo3d/api/fields';
import { toNumber } from '../../nodes/ImgTo3d/api/values';
import { VERSIONS, type ApiVersion, type Generation } from '../../nodes/ImgTo3d/api/versions';
import { settingsProperty } from '../../nodes/ImgTo3d/parameters/settings';

const fieldsOf = (version: ApiVersion, operation: Generation) =>
	FIELDS.filter(({ versions, operations }) => versions.includes(version) && operations.includes(operation));

const field = (version: ApiVersion, name: string) =>
	FIELDS.find((entry) => entry.name === name && entry.versions.includes(version)) as Field;

const V6 = {
	outputFormat: 'output_format',
	render: 'render',
	resolution: 'resolution',
	ssGuidanceStrength: 'ss_guidance_strength',
	ssSamplingSteps: 'ss_sampling_steps',
	slatGuidanceStrength: 'slat_guidance_strength',
	slatSamplingSteps: 'slat_sampling_steps',
	meshSimplify: 'mesh_simplify',
	chunkSize: 'chunk_size',
	seed: 'seed',
	temp: 'temp',
};
const V3 = {
	steps: 'steps',
	guidanceScale: 'guidance_scale',
	frameSize: 'frame_size',
	seed: 'seed',
	seconds: 'seconds',
};

test.each<[ApiVersion, Generation, Record<string, string>]>([
	['v3', 'imageTo3d', { ...V3, batchSize: 'batch_size', safetyChecker: 'safety_checker' }],
	['v3', 'textTo3d', { ...V3, negativePrompt: 'negative_prompt', outputType: 'output_type' }],
	['v6', 'imageTo3d', { ...V6, multiImage: 'multi_image' }],
	[
		'v6',
		'textTo3d',
		{
			...V6,
			negativePrompt: 'negative_prompt',
			guidanceScale: 'guidance_scale',
			numInferenceSteps: 'num_inference_steps',
			foregroundRatio: 'foreground_ratio',
			removeBg: 'remove_bg',
		},
	],
])(
	'the table has the documented body fields of %s %s, under the names of the node',
	(version, operation, names) => {
		const entries = fieldsOf(version, operation);
		expect(Object.fromEntries(entries.map((entry) => [entry.name, toBodyName(entry)]))).toEqual(names);
		// Each once: the order of the table must not matter.
		expect(entries).toHaveLength(Object.keys(names).length);
	},
);

test.each<[ApiVersion, string, unknown, unknown]>([
	['v3', 'steps', 64, 64],
	['v3', 'steps', '50', 50],
	['v3', 'guidanceScale', 7.5, 7.5],
	['v3', 'seed', '', null],
	['v3', 'seed', null, null],
	['v3', 'seed', '-3', -3],
	['v3', 'safetyChecker', true, 'yes'],
	['v3', 'safetyChecker', 'no', 'no'],
	['v3', 'negativePrompt', '', ''],
	['v3', 'outputType', 'ply', 'ply'],
	['v6', 'seed', '', 0],
	['v6', 'seed', null, 0],
	['v6', 'seed', 7, 7],
	['v6', 'render', true, true],
	['v6', 'render', 'no', false],
	['v6', 'temp', true, 'yes'],
	['v6', 'meshSimplify', '0.95', 0.95],
	['v6', 'resolution', 512, 512],
	['v6', 'slatGuidanceStrength', 0, 0],
	['v6', 'guidanceScale', 0, 0],
	['v6', 'outputFormat', 'stl', 'stl'],
])('%s %s entered as %j is sent as %j', (version, name, entered, sent) => {
	expect(checkField(field(version, name), entered)).toEqual({ value: sent });
});

test.each<[ApiVersion, string, unknown]>([
	['v3', 'steps', 0],
	['v3', 'steps', 65],
	['v3', 'steps', '1e3'],
	['v3', 'guidanceScale', 20.1],
	['v3', 'frameSize', NaN],
	['v3', 'seconds', [3]],
	['v3', 'batchSize', true],
	['v3', 'seed', 2 ** 53],
	['v3', 'seed', 'x'],
	['v3', 'safetyChecker', 1],
	['v3', 'negativePrompt', {}],
	['v3', 'outputType', 'glb'],
	['v6', 'outputFormat', 'gif'],
	['v6', 'resolution', 513],
	['v6', 'resolution', 256.5],
	['v6', 'meshSimplify', 0.89],
	['v6', 'meshSimplify', 0.99],
	['v6', 'chunkSize', 12_001],
	['v6', 'ssSamplingSteps', 0],
	['v6', 'slatSamplingSteps', 51],
	['v6', 'slatGuidanceStrength', 10.1],
	['v6', 'ssGuidanceStrength', -1],
	['v6', 'foregroundRatio', 1.1],
	['v6', 'numInferenceSteps', 0],
	['v6', 'render', 1],
	['v6', 'seed', 0.5],
])('%s %s entered as %j is refused', (version, name, entered) => {
	expect(checkField(field(version, name), entered)).toHaveProperty('problem');
});

test('settings of the other operation and of the other version are not sent', () => {
	const settings = { outputType: 'ply', batchSize: 2, steps: 3, outputFormat: 'obj', guidanceScale: 2 };
	const bodyOf = (apiVersion: ApiVersion, operation: Generation) =>
		buildBody({ apiVersion, operation, settings });
	expect(bodyOf('v3', 'imageTo3d')).toEqual({ body: { batch_size: 2, steps: 3, guidance_scale: 2 } });
	expect(bodyOf('v3', 'textTo3d')).toEqual({ body: { output_type: 'ply', steps: 3, guidance_scale: 2 } });
	expect(bodyOf('v6', 'imageTo3d')).toEqual({ body: { output_format: 'obj' } });
	expect(bodyOf('v6', 'textTo3d')).toEqual({ body: { output_format: 'obj', guidance_scale: 2 } });
});

test('several images are marked as such, and allowed only where the API takes them', () => {
	const bodyOf = (apiVersion: ApiVersion, imageCount: number, settings = {}) =>
		buildBody({ apiVersion, operation: 'imageTo3d', imageCount, settings });
	expect(bodyOf('v6', 1)).toEqual({ body: {} });
	expect(bodyOf('v6', 1, { multiImage: true })).toEqual({ body: { multi_image: true } });
	expect(bodyOf('v6', 2)).toEqual({ body: { multi_image: true } });
	expect(bodyOf('v6', 2, { multiImage: false })).toMatchObject({
		displayName: 'Multi Image',
		entered: false,
	});
	expect(bodyOf('v3', 1)).toEqual({ body: {} });
	expect(bodyOf('v3', 2)).toMatchObject({ displayName: 'API Version', entered: 'v3' });
});

test('V6 gets the image under both of its names, and several images as a list', () => {
	expect(VERSIONS.v3.images.buildBody(['a'])).toEqual({ image: 'a' });
	expect(VERSIONS.v6.images.buildBody(['a'])).toEqual({ image: 'a', init_image: 'a' });
	expect(VERSIONS.v6.images.buildBody(['a', 'b'])).toEqual({ image: ['a', 'b'], init_image: ['a', 'b'] });
});

test('the default of every setting passes its own check, and the panel shows the setting where it is sent', () => {
	const shown = (settingsProperty.options ?? []).map((option) => {
		if (!('type' in option)) throw new Error(`${option.name} is not a property`);
		const { '/apiVersion': versions, '/operation': operations } = option.displayOptions?.show ?? {};
		const entry = FIELDS.find(
			(candidate) => candidate.name === option.name && candidate.versions.join() === versions?.join(),
		);
		expect(operations).toEqual(entry?.operations);
		expect(checkField(entry as Field, option.default)).toHaveProperty('value');
		return entry;
	});
	expect(new Set(shown)).toEqual(new Set(FIELDS));
	expect(shown).toHaveLength(FIELDS.length);
});

test('a value that is sent is always in range, whatever an expression returns', () => {
	fc.assert(
		fc.property(fc.constantFrom(...FIELDS), fc.anything(), (entry, entered) => {
			const checked = checkField(entry, entered);
			if ('problem' in checked) return;
			const { value } = checked;
			switch (entry.kind) {
				case 'integer':
				case 'number':
					expect(value).toBeGreaterThanOrEqual(entry.min);
					if (entry.max !== undefined) expect(value).toBeLessThanOrEqual(entry.max);
					if (entry.kind === 'integer') expect(Number.isSafeInteger(value)).toBe(true);
					break;
				case 'seed':
					expect(value === entry.random || Number.isSafeInteger(value)).toBe(true);
					break;
				case 'yesNo':
					expect(['yes', 'no']).toContain(value);
					break;
				case 'boolean':
					expect(typeof value).toBe('boolean');
					break;
				case 'text':
					expect(value).toBe(entered);
					break;
				case 'choice':
					expect(entry.choices.map((choice) => choice.value)).toContain(value);
			}
		}),
		{ numRuns: 1000 },
	);
});

test('a numeric text counts as its number, and nothing else does', () => {
	fc.assert(
		fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
			expect(toNumber(String(number))).toBe(Number(String(number)));
		}),
	);
	for (const entered of ['', ' ', '1px', 'NaN', 'Infinity', null, undefined, [], {}])
		expect(toNumber(entered)).toBeUndefined();
});
