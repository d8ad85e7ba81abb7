/** The items that leave the nodes: their fields and files. */
import type { INodeParameters } from 'n8n-workflow';

import { API_KEY, makeFileItem, makePngBase64, openRig, toItems, type Rig } from '../support/rig.mts';
import { serveByClock } from '../support/file-server.mts';
import { readReference } from '../support/meshes.mts';
import { readText } from '../support/own-files.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 0 });
});
afterEach(async () => {
	await rig.close();
});

const QUICK = { frameSize: 16, seconds: 1, steps: 1, seed: '1' };

const turntable = (more: INodeParameters = {}): INodeParameters => ({
	operation: 'textTo3d',
	prompt: 'A red ball, on a table of wood',
	settings: QUICK,
	...more,
});

const mesh = (outputFormat: string, more: INodeParameters = {}, settings: INodeParameters = {}) => ({
	operation: 'imageTo3d',
	image: rig.picture,
	apiVersion: 'v6',
	outputFormat,
	settings: { resolution: 16, seed: '1', ...settings },
	...more,
});

/** The items that the reference shows. */
function readExamples(): Array<Record<string, unknown>> {
	const [, section = ''] = readText('docs/reference.md').split('## Output items');
	const blocks = section.split(/^#/m)[0]?.matchAll(/```json\n([^]*?)```/g) ?? [];
	return [...blocks].map(([, text = '']) => JSON.parse(text) as Record<string, unknown>);
}

const lastId = () => rig.service.jobs.at(-1)?.id;
const answering = (changes: object) =>
	rig.service.addFault({ on: 'submit', do: { kind: 'edit', edit: (body) => ({ ...body, ...changes }) } });

describe('the fields of an item', () => {
	test('have the order of the columns in n8n, with meta at the end', async () => {
		answering({ nsfw_content_detected: false });
		const { items } = await rig.run(turntable({ options: { trackId: 'order-7' } }));
		const [{ json } = { json: {} }] = items;
		expect(Object.keys(json)).toEqual([
			...['id', 'status', 'track_id', 'output', 'generationTime', 'nsfw_content_detected', 'files', 'meta'],
		]);
	});

	test('have output_url and output_index in the place of output with One Item per File', async () => {
		const { items } = await rig.run(
			turntable({ settings: { ...QUICK, outputType: 'ply' }, options: { outputMode: 'file' } }),
		);
		expect(items.map(({ json }) => Object.keys(json))).toEqual([
			['id', 'status', 'output_url', 'output_index', 'generationTime', 'files', 'meta'],
		]);
	});

	test('have no files when none is downloaded', async () => {
		const { items } = await rig.run(turntable({ download: false }));
		expect(Object.keys(items[0]?.json ?? {})).toEqual(['id', 'status', 'output', 'generationTime', 'meta']);
	});

	test('refer to a job that is not awaited', async () => {
		rig.service.configure({ jobSeconds: 60 });
		const { items } = await rig.run(turntable({ waitFor: 'none', options: { trackId: 'order-7' } }));
		expect(Object.keys(items[0]?.json ?? {})).toEqual([
			...['id', 'status', 'track_id', 'api_version', 'eta', 'fetch_result', 'future_links', 'meta'],
		]);
	});

	test('contain everything else that the service sends, and what it calls like a field of the node in a field of its own', async () => {
		answering({
			...{
				webhook_status: '',
				files: [1],
				error: null,
				description: 'a',
				input: 2,
				output_url: 'b',
				service: 3,
			},
			...{ tip: 'Upgrade', message: 'Done', track_id: 'other', eta: 3, echo: API_KEY },
		});
		const { items } = await rig.run(turntable({ download: false }));
		expect(items[0]?.json).toEqual({
			id: lastId(),
			status: 'success',
			output: [expect.any(String)],
			generationTime: 0,
			webhook_status: '',
			echo: '***',
			service: { files: [1], error: null, description: 'a', input: 2, output_url: 'b', service: 3 },
			meta: expect.any(Object),
		});
	});
});

describe('a file is named after', () => {
	const namesOf = async (parameters: INodeParameters, options: object = {}) => {
		const { items, error } = await rig.run(parameters, options);
		expect(error).toBeUndefined();
		const [item] = items;
		const files = Object.values(item?.binary ?? {}).map(({ fileName }) => fileName);
		expect(item?.json.files).toMatchObject(files.map((name) => ({ name })));
		return files.map((name) => name?.replace(String(lastId()), '{id}'));
	};

	test('the first words of the prompt', async () => {
		expect(await namesOf(turntable())).toEqual(['A-red-ball-on-a-table-{id}.gif']);
	});

	test('the link to the image, with a number for further files', async () => {
		expect(await namesOf(mesh('glb', {}, { render: true }))).toEqual(['dot-{id}.glb', 'dot-{id}_1.gif']);
	});

	test('the image file', async () => {
		const items = [makeFileItem(await makePngBase64(), 'image/png', 'My Mug (1).png')];
		expect(await namesOf(turntable({ operation: 'imageTo3d', imageSource: 'binary' }), { items })).toEqual([
			'My-Mug-1-{id}.gif',
		]);
	});

	test('File Name', async () => {
		expect(await namesOf(turntable({ options: { fileName: '../order 7' } }))).toEqual(['order-7-{id}.gif']);
	});

	test('its job alone with Get Result', async () => {
		await rig.run(turntable({ download: false }));
		const jobId = String(lastId());
		expect(await namesOf({ operation: 'getResult', jobId })).toEqual(['job-{id}.gif']);
	});

	test('its own name, if the OBJ of the job refers to it by that', async () => {
		const names = await namesOf(mesh('obj'));
		expect(names[0]).toBe('dot-{id}.obj');
		const [item] = (await rig.run({ operation: 'getResult', apiVersion: 'v6', jobId: String(lastId()) }))
			.items;
		const obj = (await rig.engine.readBinary(item!, 'data')).toString();
		expect(names.slice(1)).toContain(/^mtllib (.+)$/m.exec(obj)?.[1]);
	});

	test('its own name, also if the service names it as output beside an OBJ', async () => {
		const files = await serveByClock(rig.clock, {
			'/a.obj': (response) => response.end('mtllib a.mtl\nv 0 0 0\n'),
			'/a.mtl': (response) => response.end('newmtl a\nmap_Kd skin.png\n'),
			'/skin.png': (response) => response.end(Buffer.from('\x89PNG', 'latin1')),
			'/spin.gif': (response) => response.end('GIF89a'),
		});
		answering({ output: ['a.obj', 'a.mtl', 'skin.png', 'spin.gif'].map((path) => files.at(path)) });
		const names = ['A-red-ball-on-a-table-{id}.obj', 'a.mtl', 'skin.png', 'A-red-ball-on-a-table-{id}_3.gif'];
		expect(await namesOf(turntable())).toEqual(names);
		await files.close();
	});
});

describe('Include Input Fields', () => {
	const rows = () => toItems({ sku: 'a', prompt: 'a ball' }, { sku: 'b', prompt: '' });
	const including = (more: INodeParameters = {}, options: INodeParameters = {}) =>
		turntable({ prompt: '={{ $json.prompt }}', options: { includeInputFields: true, ...options }, ...more });

	test('puts them under input, before meta, into each item and each error item', async () => {
		const { items } = await rig.run(including(), {
			items: rows(),
			node: { onError: 'continueRegularOutput' },
		});
		expect(items.map(({ json }) => json.input)).toEqual(rows().map(({ json }) => json));
		expect(Object.keys(items[0]?.json ?? {}).slice(-3)).toEqual(['files', 'input', 'meta']);
		expect(items[1]?.json).toMatchObject({ error: expect.stringMatching(/^Prompt/), paid: 'no' });
	});

	test('puts them into each item of the error output, also when the run cannot begin', async () => {
		const node = { onError: 'continueErrorOutput' } as const;
		const { errors } = await rig.run(including(), { items: rows(), node });
		// n8n itself adds the fields of the input item beside the error.
		expect(errors.map(({ json }) => json.error)).toEqual([
			{
				message: expect.any(String),
				description: expect.any(String),
				paid: 'no',
				input: rows()[1]?.json,
			},
		]);
		rig.setCredential({ baseUrl: 'nowhere' });
		const failed = await rig.run(including(), { items: rows(), node });
		expect(failed.errors.map(({ json }) => (json.error as { input: unknown }).input)).toEqual(
			rows().map(({ json }) => json),
		);
	});

	test('puts them into the reference to a job', async () => {
		rig.service.configure({ jobSeconds: 60 });
		const { items } = await rig.run(including({ waitFor: 'none' }), { items: rows().slice(0, 1) });
		expect(items[0]?.json).toMatchObject({ status: 'processing', input: { sku: 'a' } });
	});

	test('is off by default', async () => {
		const { items } = await rig.run(turntable(), { items: rows().slice(0, 1) });
		expect(items[0]?.json.input).toBeUndefined();
	});
});

describe('files', () => {
	const filesOf = async (parameters: INodeParameters) => {
		const { items, error } = await rig.run(parameters);
		expect(error).toBeUndefined();
		const [item] = items;
		return { files: item?.json.files as Array<Record<string, unknown>>, item: item! };
	};

	test('describe a GLB as glTF-Transform does', async () => {
		const { files, item } = await filesOf(mesh('glb'));
		const bytes = await rig.engine.readBinary(item, 'data');
		const { bounds, ...counts } = await readReference(bytes);
		expect(files[0]).toMatchObject({ mimeType: 'model/gltf-binary', bytes: bytes.length, ...counts });
		const limits = Object.values(files[0]?.bounds as Record<string, number[]>);
		expect(limits).toEqual(
			Object.values(bounds).map((point) => point.map((value) => expect.closeTo(value, 5))),
		);
	});

	test('describe the same mesh in the same way in each format', async () => {
		const described = [];
		for (const format of ['glb', 'obj', 'ply', 'stl']) {
			const { files } = await filesOf(mesh(format));
			described.push(files[0]);
		}
		const [glb, obj, ply, stl] = described;
		expect(glb?.triangles).toBeGreaterThan(10);
		for (const other of [obj, ply, stl]) {
			expect(other).toMatchObject({ triangles: glb?.triangles, vertices: expect.any(Number) });
			expect(Object.values(other?.bounds as object).flat()).toEqual(
				Object.values(glb?.bounds as object)
					.flat()
					.map((value: number) => expect.closeTo(value, 3)),
			);
		}
		expect(stl?.vertices).toBe(3 * (stl?.triangles as number));
	});

	test('have no facts about a mesh that is not correct. It is delivered without facts', async () => {
		const server = await serveByClock(rig.clock, { '/a.obj': (response) => response.end('v 1 2\n') });
		answering({ output: [server.at('a.obj')] });
		const { files } = await filesOf(turntable());
		await server.close();
		expect(files).toEqual([{ name: expect.any(String), mimeType: 'model/obj', bytes: 6 }]);
	});

	test('describe a mesh whose address does not say its type', async () => {
		const text = 'ply\nformat ascii 1.0\nelement vertex 0\nend_header\n';
		const server = await serveByClock(rig.clock, { '/a': (response) => response.end(text) });
		answering({ output: [server.at('a')] });
		const { files } = await filesOf(turntable());
		await server.close();
		expect(files).toMatchObject([{ mimeType: 'application/x-ply', triangles: 0, vertices: 0 }]);
	});
});

test('the items in the reference have the fields of real ones, in their order', async () => {
	/** The names of the fields, and the types of their values. `meta` is shorter there. */
	const describe = (value: unknown, name = ''): unknown => {
		if (Array.isArray(value)) return value.map((entry) => describe(entry));
		if (typeof value !== 'object' || value === null) return typeof value;
		return Object.entries(value).map(([field, entry]) => [
			field,
			field === 'meta' && name === '' ? 'meta' : describe(entry, field),
		]);
	};
	const examples = readExamples();
	rig.service.configure({ jobSeconds: 6 });
	const runs = [
		turntable({ options: { trackId: 'order-7', fileName: 'mug' } }),
		mesh('glb', { options: { fileName: 'mug' } }, { render: true }),
	];
	expect(examples).toHaveLength(runs.length);
	for (const [index, parameters] of runs.entries()) {
		const { items } = await rig.run(parameters);
		const real = items[0]?.json;
		expect(describe(examples[index])).toEqual(describe(real));
		expect(Object.keys(real?.meta as object)).toEqual(
			expect.arrayContaining(Object.keys(examples[index]?.meta as object)),
		);
		const names = (item: unknown, id: unknown) =>
			(item as { files: Array<{ name: string }> }).files.map(({ name }) => name.replace(String(id), '{id}'));
		expect(names(examples[index], examples[index]?.id)).toEqual(names(real, real?.id));
	}
});
