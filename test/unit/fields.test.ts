import fc from 'fast-check';
import type { IDataObject, INodeProperties } from 'n8n-workflow';
import { readParameters, type Endpoint } from '../../local-api/parameters.mts';

import { buildBody } from '../../nodes/ImgTo3d/api/body';
import { checkField } from '../../nodes/ImgTo3d/api/check-field';
import { toBodyName, FIELDS, type Field } from '../../nodes/ImgTo3d/api/fields';
import { toNumber } from '../../nodes/ImgTo3d/api/values';
import { VERSIONS, type ApiVersion, type Generation } from '../../nodes/ImgTo3d/api/versions';
import { outputFormatProperty, settingsProperty } from '../../nodes/ImgTo3d/parameters/settings';

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
const V6_TEXT = {
	negativePrompt: 'negative_prompt',
	guidanceScale: 'guidance_scale',
	numInferenceSteps: 'num_inference_steps',
	foregroundRatio: 'foreground_ratio',
	removeBg: 'remove_bg',
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
	['v6', 'textTo3d', { ...V6, ...V6_TEXT }],
	['enterprise', 'imageTo3d', { ...V6, multiImage: 'multi_image' }],
	['enterprise', 'textTo3d', { ...V6, ...V6_TEXT }],
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
	['v6', 'outputFormat', ' GLB ', 'glb'],
	['v3', 'safetyChecker', 'TRUE', 'yes'],
	['v6', 'render', 'False', false],
	['v6', 'render', 'On', true],
	['v6', 'resolution', ' 20 ', 20],
	['v3', 'seed', ' ', null],
	['v3', 'negativePrompt', 7, '7'],
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

test('an empty cell counts as a setting that was not added, except where empty has a meaning', () => {
	for (const empty of ['', ' ', null, undefined]) {
		const settings = { resolution: empty, render: empty, outputFormat: empty, additionalFields: empty };
		expect(buildBody({ apiVersion: 'v6', operation: 'imageTo3d', settings })).toEqual({ body: {} });
	}
	const bodyOf = (settings: IDataObject) => buildBody({ apiVersion: 'v3', operation: 'textTo3d', settings });
	expect(bodyOf({ seed: null, negativePrompt: null })).toEqual({ body: { seed: null } });
	expect(bodyOf({ seed: '', negativePrompt: '' })).toEqual({ body: { seed: null, negative_prompt: '' } });
});

describe('additional fields', () => {
	const bodyOf = (additionalFields: unknown, operation: Generation = 'imageTo3d') =>
		buildBody({
			apiVersion: 'v6',
			operation,
			settings: { additionalFields, resolution: 16 } as IDataObject,
		});

	test.each<[unknown, IDataObject]>([
		['{ "new_field": 2048, "nested": { "a": [null] } }', { new_field: 2048, nested: { a: [null] } }],
		[{ new_field: 2048 }, { new_field: 2048 }],
		['{}', {}],
		// The API takes these for other operations and versions only, so the node does not set them here.
		['{ "frame_size": 1, "prompt": "x" }', { frame_size: 1, prompt: 'x' }],
	])('%j are sent', (entered, sent) => {
		expect(bodyOf(entered)).toEqual({ body: { ...sent, resolution: 16 } });
	});

	test.each([
		['key', 'it is in the credential'],
		['webhook', 'use the option Webhook URL'],
		['track_id', 'use the option Track ID'],
		['image', 'use the parameters of the image'],
		['init_image', 'use the parameters of the image'],
		['resolution', 'use the setting Resolution'],
		['output_format', 'use the parameter Output Format'],
	])('cannot have "%s": %s', (name, advice) => {
		expect(bodyOf({ other: 1, [name]: 'secret' })).toEqual({
			displayName: 'Additional Fields',
			problem: `must not have "${name}": ${advice}`,
		});
	});

	test.each(['[]', '7', 'null', '{', 'x=1', true, [1]])('cannot be %j', (entered) => {
		expect(bodyOf(entered)).toEqual({
			displayName: 'Additional Fields',
			problem: 'must be a JSON object, such as { "name": 1 }',
		});
	});

	test('cannot have the prompt of a text', () => {
		expect(bodyOf({ prompt: 'x' }, 'textTo3d')).toHaveProperty(
			'problem',
			'must not have "prompt": use the parameter Prompt',
		);
	});

	test('are taken only if the node sets none of them', () => {
		const own = [...fieldsOf('v6', 'imageTo3d').map(toBodyName), 'key', 'webhook', 'track_id', 'image'];
		const name = fc.constantFrom(...own, 'other', 'new_field', '__proto__', 'constructor');
		fc.assert(
			fc.property(fc.uniqueArray(name), fc.anything(), (names, value) => {
				const built = bodyOf(Object.fromEntries(names.map((one) => [one, value])));
				expect('body' in built).toBe(!names.some((one) => own.includes(one)));
				if ('body' in built) expect(Object.keys(built.body)).toEqual([...names, 'resolution']);
			}),
		);
	});
});

test('several images are marked as such, unless the settings forbid it', () => {
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
});

test('V6 gets the image under both of its names, and several images as a list', () => {
	expect(VERSIONS.v3.images.buildBody(['a'])).toEqual({ image: 'a' });
	expect(VERSIONS.v6.images.buildBody(['a'])).toEqual({ image: 'a', init_image: 'a' });
	expect(VERSIONS.v6.images.buildBody(['a', 'b'])).toEqual({ image: ['a', 'b'], init_image: ['a', 'b'] });
});

describe.each<[ApiVersion, Generation, Endpoint]>([
	['v3', 'imageTo3d', 'img_to_3d'],
	['v3', 'textTo3d', 'txt_to_3d'],
	['v6', 'imageTo3d', 'image_to_3d'],
	['v6', 'textTo3d', 'text_to_3d'],
	['enterprise', 'imageTo3d', 'image_to_3d'],
	['enterprise', 'textTo3d', 'text_to_3d'],
])('the panel for %s %s', (version, operation, endpoint) => {
	const properties = [...(settingsProperty.options as INodeProperties[]), outputFormatProperty];
	const findControls = (name: string) =>
		properties.filter(({ name: other, displayOptions: { show = {} } = {} }) => {
			const versions = show['/apiVersion'] ?? show.apiVersion;
			const operations = show['/operation'] ?? show.operation;
			return other === name && versions?.includes(version) && operations?.includes(operation);
		});

	test('shows each field once', () => {
		const names = fieldsOf(version, operation).map(({ name }) => name);
		expect(names.map((name) => [name, findControls(name).length])).toEqual(names.map((name) => [name, 1]));
	});

	const submit = (settings: object = {}) =>
		readParameters(endpoint, { image: 'https://example.com/mug.jpg', prompt: 'a mug', ...settings });

	test("presets each field with the service's own default", () => {
		const read = submit();
		if (!('parameters' in read)) throw new Error('The stand-in does not take the body.');
		const defaults = read.parameters as unknown as Record<string, unknown>;
		// A random seed has no default.
		for (const entry of fieldsOf(version, operation).filter(({ kind }) => kind !== 'seed')) {
			const checked = checkField(entry, findControls(entry.name)[0]?.default);
			expect([entry.name, checked]).toEqual([entry.name, { value: defaults[entry.name] }]);
		}
	});

	test('allows the documented ranges and choices, as the stand-in does', () => {
		const isTaken = (entry: Field, value: unknown) => 'parameters' in submit({ [toBodyName(entry)]: value });
		for (const entry of fieldsOf(version, operation)) {
			if (entry.kind === 'choice') {
				const taken = entry.choices.map(({ value }) => isTaken(entry, value));
				expect([entry.name, ...taken]).toEqual([entry.name, ...entry.choices.map(() => true)]);
			}
			if (entry.kind !== 'integer' && entry.kind !== 'number') continue;
			// Where no maximum is documented, the stand-in has one of its own.
			const { name, min, max = min } = entry;
			const step = entry.kind === 'integer' ? 1 : 0.001;
			const values = [min - step, min, max, ...(entry.max === undefined ? [] : [max + step])];
			const allowed = values.filter((value) => 'value' in checkField(entry, value));
			expect([name, values.filter((value) => isTaken(entry, value))]).toEqual([name, allowed]);
		}
	});
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
					expect(value).toBe(String(entered));
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
