import { runExampleCode, type Made } from '../support/example-code.mts';

type Point = [number, number, number];

/** Writes triangles as a binary STL: for each, its direction and three corners. */
function writeStl(...triangles: Point[][]): Buffer {
	const stl = Buffer.alloc(84 + 50 * triangles.length);
	stl.writeUInt32LE(triangles.length, 80);
	triangles.forEach((points, triangle) =>
		points.flat().forEach((value, index) => stl.writeFloatLE(value, 84 + 50 * triangle + 4 * index)),
	);
	return stl;
}

/** Reads the direction and the corners of a triangle. */
const readTriangle = (stl: Buffer, triangle = 0) =>
	[0, 1, 2, 3].map((point) => [0, 4, 8].map((at) => stl.readFloatLE(84 + 50 * triangle + 12 * point + at)));

describe('image-to-print', () => {
	const stl = writeStl([
		[0, 0, 1],
		[0, 0, 0],
		[2, 0, 0],
		[0, 4, 1],
	]);
	const bounds = { min: [0, 0, 0], max: [2, 4, 1] };
	const scale = async (up: string, file = stl) =>
		await runExampleCode<Made>(
			'image-to-print',
			'Scale to Height',
			{
				$: () => ({ item: { json: { name: 'duck', height: 80, up } } }),
				$json: { files: [{ bounds }] },
				$itemIndex: 0,
			},
			file,
		);

	test('Y is up: the object is turned upright, centered, on the plate, and as high as was wanted', async () => {
		const { json, binary } = await scale('y');
		expect(json).toEqual({ triangles: 1, millimetres: [40, 20, 80] });
		expect(binary.data).toMatchObject({ name: 'duck.stl', type: 'model/stl' });
		expect(readTriangle(binary.data?.bytes ?? stl)).toEqual([
			[0, -1, 0],
			[-20, 10, 0],
			[20, 10, 0],
			[-20, -10, 80],
		]);
	});

	test('Z is up: it is not turned', async () => {
		const { json, binary } = await scale('z');
		expect(json.millimetres).toEqual([160, 320, 80]);
		expect(readTriangle(binary.data?.bytes ?? stl)[0]).toEqual([0, 0, 1]);
	});

	test('another file is refused', async () => {
		await expect(scale('y', Buffer.alloc(200, 'solid'))).rejects.toThrow('not a binary STL');
	});
});

test('gallery: the texts of the table are texts on the page', async () => {
	const row = { name: '<script>"Mug"', model: 'https://files.example/a".glb', triangles: 7 };
	const [made] = await runExampleCode<Made[]>('gallery', 'Build Page', {
		$: () => ({ first: () => ({ json: { script: 'https://files.example/viewer.js' } }) }),
		$input: { all: () => [{ json: row }, { json: { name: 'no model' } }] },
	});
	const page = String(made?.json.page);
	expect(page).toContain('src="https://files.example/a&#34;.glb" alt="&#60;script&#62;&#34;Mug&#34;"');
	expect(page).not.toContain('<script>"');
	expect(page.match(/<figure>/g)).toHaveLength(1);
});

describe('shop-to-models', () => {
	const fill = async (staged: object) =>
		await runExampleCode<Made>(
			'shop-to-models',
			'Upload Form',
			{
				$json: { data: { stagedUploadsCreate: staged }, files: [{ name: 'mug.glb' }] },
				$itemIndex: 0,
				$execution: { id: '5' },
			},
			Buffer.from('glTF'),
		);

	test('the form of the upload has the fields of the shop, and the file as the last one', async () => {
		const parameters = [
			{ name: 'key', value: 'tmp/mug.glb' },
			{ name: 'policy', value: 'p' },
		];
		const target = {
			url: 'https://files.example/',
			resourceUrl: 'https://files.example/mug.glb',
			parameters,
		};
		const { binary } = await fill({ stagedTargets: [target], userErrors: [] });
		const { bytes, type } = binary.form ?? { bytes: '', type: '' };
		const form = await new Response(bytes, { headers: { 'content-type': type } }).formData();
		expect([...form.keys()]).toEqual(['key', 'policy', 'file']);
		expect(form.get('policy')).toBe('p');
		expect(await (form.get('file') as Blob).text()).toBe('glTF');
	});

	test('a refused upload says why', async () => {
		const userErrors = [{ field: ['input'], message: 'File size is too large' }];
		await expect(fill({ stagedTargets: [], userErrors })).rejects.toThrow('File size is too large');
	});
});
