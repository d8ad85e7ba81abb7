import type { IDataObject } from 'n8n-workflow';

import { Form } from '../../nodes/ImgTo3d/parameters/form';
import { ImgTo3d } from '../../nodes/ImgTo3d/ImgTo3d.node';

const openForm = (value?: unknown) =>
	new Form({ getNode: () => new ImgTo3d().description as never }, () => value);
const MODES = ['job', 'file'] as const;

describe('the form takes values as sheets and models write them:', () => {
	test.each<[unknown, boolean]>([
		['TRUE', true],
		[' false ', false],
		['Yes', true],
		['OFF', false],
		[true, true],
	])('%j is %j', (entered, read) => {
		expect(openForm(entered).readBoolean('x', 'X')).toBe(read);
		expect(openForm().readOptionBoolean({ x: entered } as IDataObject, 'x', 'X')).toBe(read);
	});

	test.each([1, 0, 'maybe', '', null, [], {}])('%j is neither on nor off', (entered) => {
		expect(() => openForm(entered).readBoolean('x', 'X')).toThrow('X must be true or false');
	});

	test('a choice in capital letters', () => {
		expect(openForm(' FILE ').readChoice('x', 'X', MODES)).toBe('file');
		expect(() => openForm('').readChoice('x', 'X', MODES)).toThrow('X must be "job" or "file"');
	});

	test('a number in a cell, as a number or as a text', () => {
		expect(openForm(42).readRequiredText('x', 'X')).toBe('42');
		expect(openForm().readOptionNumber({ timeout: ' 20 ' }, 'timeout')).toBe(20);
		expect(() => openForm().readOptionNumber({ timeout: '20 s' }, 'timeout')).toThrow(
			'Timeout must be a number',
		);
	});

	test.each(['', ' ', null, undefined])('an empty cell (%j) is an option that was not added', (empty) => {
		const options = { timeout: empty, outputMode: empty, includeInputFields: empty } as IDataObject;
		const form = openForm();
		expect(form.readNumberOrDefault(options, 'timeout')).toBe(1800);
		expect(form.readOptionChoice(options, 'outputMode', 'Output', MODES, 'job')).toBe('job');
		expect(form.readOptionBoolean(options, 'includeInputFields', 'Include Input Fields')).toBe(false);
	});
});
