/** What the errors say to the person: in sentences, shortly, and where to go from there. */
import type { INodeParameters } from 'n8n-workflow';

import { VERSIONS } from '../../nodes/ImgTo3d/api/versions';
import { ImgTo3d } from '../../nodes/ImgTo3d/ImgTo3d.node';
import { makeFileItem, makePngBase64, openRig, type Result, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig();
});
afterEach(async () => await rig.close());

const CONTINUE = { onError: 'continueRegularOutput' } as const;

/** All that the person reads of an error. */
const textOf = ({ error, items }: Result) =>
	error
		? `${error.message}\n${error.description}`
		: items.map(({ json }) => `${String(json.error)}\n${String(json.description)}`).join('\n');

describe('a quotation is short', () => {
	const LONG = {
		text: 'x'.repeat(9000),
		words: 'many words '.repeat(900),
		'data URL': `data:image/png;base64,${'iVBORw0K'.repeat(1000)}`,
		list: Array.from({ length: 1000 }, (_, n) => `part ${n}`),
		object: { deep: { text: 'y'.repeat(9000) } },
	};
	const { properties } = new ImgTo3d().description;
	const fieldsOf = (collection: string) =>
		(properties.find(({ name }) => name === collection)?.options ?? []).map(({ name }) => name);
	// n8n itself refuses a list that was entered as a job.
	const toEntered = (name: string, value: unknown) =>
		name === 'jobId' ? { __rl: true, mode: 'id', value: `={{ (${JSON.stringify(value)}) }}` } : value;
	const PLACES: Array<[string, (value: unknown) => object]> = [
		...[...new Set(properties.filter(({ type }) => type !== 'notice').map(({ name }) => name))].map(
			(name): [string, (value: unknown) => object] => [name, (value) => ({ [name]: toEntered(name, value) })],
		),
		...['settings', 'options'].flatMap((collection) =>
			[...new Set(fieldsOf(collection))].map((name): [string, (value: unknown) => object] => [
				`${collection}: ${name}`,
				(value) => ({ [collection]: { [name]: value } }),
			]),
		),
	];
	const OPERATIONS = [
		{ operation: 'imageTo3d', image: 'https://example.com/mug.jpg' },
		{ operation: 'imageTo3d', imageSource: 'binary', apiVersion: 'v6' },
		{ operation: 'textTo3d', prompt: 'a mug', apiVersion: 'v6' },
		{ operation: 'getResult', jobId: '1' },
		{ operation: 'deleteFiles', jobId: '1' },
		{ operation: 'getJobs', returnAll: false },
	];

	test.each(PLACES)('of %s, whatever is entered', async (_name, build) => {
		rig.service.addFault({
			on: 'submit',
			times: Infinity,
			do: { kind: 'answer', body: { status: 'error', message: 'no '.repeat(3000) } },
		});
		rig.service.addFault({
			on: 'fetch',
			times: Infinity,
			do: { kind: 'answer', body: { status: 'error', message: 'no '.repeat(3000) } },
		});
		for (const value of Object.values(LONG)) {
			for (const parameters of OPERATIONS) {
				const run = await rig.run({ ...parameters, ...build(value) } as INodeParameters, {
					items: [makeFileItem(await makePngBase64(), 'image/png', 'mug.png')],
					node: CONTINUE,
				});
				const text = textOf(run);
				expect(text.length).toBeLessThan(2000);
				for (const line of text.split('\n')) expect(line).not.toMatch(/(.)\1{110}/);
			}
		}
	});
});

describe('a file as text instead of a link', () => {
	test('of 4 MB is a short error', async () => {
		const image = `data:image/png;base64,${'iVBORw0K'.repeat(500_000)}`;
		expect(textOf(await rig.run({ image })).length).toBeLessThan(400);
	});

	test.each([
		['a data URL', (base64: string) => `data:image/png;base64,${base64}`],
		['base64', (base64: string) => base64],
		['base64 in lines', (base64: string) => base64.replace(/.{76}/g, '$&\n')],
	])('%s is told where it belongs', async (_name, write) => {
		const { error } = await rig.run({ image: write(await makePngBase64()) });
		expect(error?.message).toBe('Image URL must be a link, but is a file as text (base64)');
		expect(error?.description).toMatch(
			/^Put a Convert to File node before .*Move Base64 String to File.*Binary File\. Nothing was submitted/,
		);
	});

	test('a word without a scheme is still quoted', async () => {
		const { error } = await rig.run({ image: 'mug.jpg' });
		expect(error?.message).toBe(
			'Image URL must be a link that begins with http:// or https://, but is "mug.jpg"',
		);
	});
});

describe('a binary field that the item does not have', () => {
	const run = async (item: object) =>
		await rig.run({ imageSource: 'binary', binaryPropertyName: 'photo' }, { items: [item as never] });

	test('is an error that names those that it has', async () => {
		const file = makeFileItem(await makePngBase64(), 'image/png', 'mug.png');
		const { error } = await run({ ...file, binary: { ...file.binary, thumb: file.binary!.data! } });
		expect(error?.message).toBe('The item has no binary field "photo". It has "data" and "thumb"');
		expect(error?.description).toBe(
			'Correct Input Binary Field, or the expression that fills it. Nothing was submitted for this item.',
		);
	});

	test('is an error that says when it has none', async () => {
		const { error } = await run({ json: {} });
		expect(error?.message).toBe('The item has no binary field "photo", and no other binary field');
		expect(error?.description).toMatch(/^Check the node before this one: it passes no file on\./);
	});

	test('of many is an error that names some', async () => {
		const { binary } = makeFileItem(await makePngBase64(), 'image/png', 'mug.png');
		const fields = Array.from({ length: 500 }, (_, n) => [`field_${n}`, binary!.data!]);
		const { error } = await run({ json: {}, binary: Object.fromEntries(fields) });
		expect(error?.message).toMatch(/"field_9" and 490 more$/);
	});
});

describe('several images where a job takes one', () => {
	const LINKS = ['a', 'b', 'c'].map((name) => `https://example.com/${name}.png`);

	test.each<[string, INodeParameters, string, string]>([
		['links', { image: LINKS }, 'Image URL has 3 links', 'link'],
		['links in a text', { image: LINKS.join(' ') }, 'Image URL has 3 links', 'link'],
		[
			'binary fields',
			{ imageSource: 'binary', binaryPropertyName: ['a', 'b'] },
			'Input Binary Field has 2 files',
			'file',
		],
	])('%s: the error offers a job for each, or one of all', async (_name, parameters, what, one) => {
		const { error } = await rig.run(parameters);
		expect(error?.message).toBe(`${what}, but a job takes one with Result: ${VERSIONS.v3.result}`);
		expect(error?.description).toBe(
			`For one job for each ${one}, put a Split Out node before this node. For one object from several views, set Result to ${VERSIONS.v6.result} or ${VERSIONS.enterprise.result}. Nothing was submitted for this item.`,
		);
		expect(rig.service.requests).toEqual([]);
	});
});
