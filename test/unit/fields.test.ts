import fc from 'fast-check';

import { generationBody } from '../../nodes/ImgTo3d/api/body';
import { checkField, FIELDS, type Field } from '../../nodes/ImgTo3d/api/fields';
import { toNumber } from '../../nodes/ImgTo3d/api/numbers';
import { settingsProperty } from '../../nodes/ImgTo3d/properties/settings';

const field = (name: string) => FIELDS.find((entry) => entry.name === name) as Field;

test('the table holds the documented body fields of both endpoints, under the names of the node', () => {
	const names = (operation: 'imageTo3d' | 'textTo3d') =>
		Object.fromEntries(
			FIELDS.filter(({ operations }) => operations.includes(operation)).map(({ name, bodyName }) => [
				name,
				bodyName,
			]),
		);
	const both = {
		steps: 'steps',
		guidanceScale: 'guidance_scale',
		frameSize: 'frame_size',
		seed: 'seed',
		seconds: 'seconds',
	};
	expect(names('imageTo3d')).toEqual({ ...both, batchSize: 'batch_size', safetyChecker: 'safety_checker' });
	expect(names('textTo3d')).toEqual({
		...both,
		negativePrompt: 'negative_prompt',
		outputType: 'output_type',
	});
});

test.each<[string, unknown, unknown]>([
	['steps', 64, 64],
	['steps', '50', 50],
	['guidanceScale', 7.5, 7.5],
	['seed', '', null],
	['seed', null, null],
	['seed', '-3', -3],
	['safetyChecker', true, 'yes'],
	['safetyChecker', 'no', 'no'],
	['negativePrompt', '', ''],
	['outputType', 'ply', 'ply'],
])('%s entered as %j is sent as %j', (name, entered, sent) => {
	expect(checkField(field(name), entered)).toEqual({ value: sent });
});

test.each([
	['steps', 0],
	['steps', 65],
	['steps', '1e3'],
	['guidanceScale', 20.1],
	['frameSize', NaN],
	['seconds', [3]],
	['batchSize', true],
	['seed', 2 ** 53],
	['seed', 'x'],
	['safetyChecker', 1],
	['negativePrompt', {}],
	['outputType', 'glb'],
])('%s entered as %j is refused', (name, entered) => {
	expect(checkField(field(name), entered)).toHaveProperty('problem');
});

test('settings of the other operation are not sent', () => {
	const settings = { outputType: 'ply', batchSize: 2, steps: 3 };
	expect(generationBody({ operation: 'imageTo3d', settings })).toEqual({ body: { batch_size: 2, steps: 3 } });
	expect(generationBody({ operation: 'textTo3d', prompt: 'x', settings })).toEqual({
		body: { prompt: 'x', output_type: 'ply', steps: 3 },
	});
});

test('every setting that the panel offers passes its own check as it is preset', () => {
	for (const option of settingsProperty.options ?? []) {
		const preset = 'default' in option ? option.default : undefined;
		expect(checkField(field(option.name), preset)).toHaveProperty('value');
	}
	expect(settingsProperty.options?.map(({ name }) => name).sort()).toEqual(
		FIELDS.map(({ name }) => name).sort(),
	);
});

test('whatever an expression brings, what is sent is in range', () => {
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
					expect(value === null || Number.isSafeInteger(value)).toBe(true);
					break;
				case 'yesNo':
					expect(['yes', 'no']).toContain(value);
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

test('a numeric text is its number, and nothing else is', () => {
	fc.assert(
		fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
			expect(toNumber(String(number))).toBe(Number(String(number)));
		}),
	);
	for (const entered of ['', ' ', '1px', 'NaN', 'Infinity', null, undefined, [], {}])
		expect(toNumber(entered)).toBeUndefined();
});
