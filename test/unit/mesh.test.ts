/** What meshes hold: compared with glTF-Transform for GLB, and with a plain count for the other formats. */
import { Document } from '@gltf-transform/core';
import fc from 'fast-check';

import { MeshReader, type MeshFacts } from '../../nodes/ImgTo3d/mesh';
import {
	addMesh,
	countSolid,
	editGlb,
	type GltfJson,
	makePrism,
	measureBuffers,
	readReference,
	toTriangles,
	writeBinaryPly,
	writeDocument,
	writeObj,
	writeStl,
	writeTextPly,
	writeTextStl,
	type Solid,
} from '../support/meshes.mts';

/** Modes of a primitive. */
const [LINES, STRIP, FAN] = [1, 5, 6] as const;

/** Reads a mesh that arrives in chunks of these lengths, in rotation. */
function readMesh(kind: string, file: Buffer, lengths: readonly number[] = [file.length]) {
	const reader = new MeshReader(kind);
	for (let at = 0, index = 0; at < file.length; index++) {
		const length = lengths[index % lengths.length] || 1;
		reader.take(Buffer.from(file.subarray(at, at + length)));
		at += length;
	}
	return reader.finish();
}

/** To the digits that single-precision numbers have. */
const rounded = ({ bounds, ...counts }: ReturnType<typeof countSolid>) => {
	const round = (point: number[]) => point.map((value) => Number(Math.fround(value).toPrecision(7)));
	return { ...counts, bounds: { min: round(bounds.min), max: round(bounds.max) } };
};

const WRITERS: Array<[name: string, kind: string, write: (solid: Solid) => Buffer]> = [
	['a binary STL', 'STL', writeStl],
	['a text STL', 'STL', writeTextStl],
	['a text STL with carriage returns', 'STL', (solid) => writeTextStl(solid, '\r\n')],
	['an OBJ', 'OBJ', writeObj],
	['an OBJ with carriage returns', 'OBJ', (solid) => writeObj(solid, '\r\n')],
	['an OBJ with carriage returns alone', 'OBJ', (solid) => writeObj(solid, '\r')],
	['an OBJ with a byte order mark', 'OBJ', (solid) => Buffer.from(`\uFEFF${String(writeObj(solid))}`)],
	['a text PLY', 'PLY', writeTextPly],
	['a text PLY with carriage returns', 'PLY', (solid) => writeTextPly(solid, '\r\n')],
	['a text PLY on one line', 'PLY', (solid) => Buffer.from(toOneLine(String(writeTextPly(solid))))],
	['a little-endian PLY', 'PLY', (solid) => writeBinaryPly(solid, true)],
	['a big-endian PLY', 'PLY', (solid) => writeBinaryPly(solid, false)],
];

function toOneLine(text: string): string {
	const [header = '', body = ''] = text.split(/(?<=end_header\n)/);
	return header + body.replaceAll('\n', ' ');
}

/** What the file of a solid holds. An OBJ of the tests has one triangle more. */
function expectFacts(kind: string, solid: Solid) {
	const { triangles, vertices, bounds } = rounded(countSolid(solid));
	if (kind === 'STL') return { triangles, vertices: 3 * triangles, bounds };
	return { triangles: triangles + (kind === 'OBJ' ? 1 : 0), vertices, bounds };
}

test.each(WRITERS)('%s holds what a plain count says', (_name, kind, write) => {
	for (const corners of [3, 4, 7, 30]) {
		const solid = makePrism(corners);
		expect(readMesh(kind, write(solid))).toEqual(expectFacts(kind, solid));
	}
});

/** A GLB with nodes that are moved, turned and scaled, several primitives, and a texture. */
async function makeGlb(): Promise<Buffer> {
	const document = new Document();
	const solid = toTriangles(makePrism(5));
	const half = Math.SQRT1_2;
	const mesh = addMesh(document, solid);
	for (const mode of [STRIP, FAN, LINES] as const) {
		const [primitive] = addMesh(document, solid, mode, mode !== FAN).listPrimitives();
		mesh.addPrimitive(primitive!);
	}
	const texture = document.createTexture().setImage(new Uint8Array(8)).setMimeType('image/png');
	mesh.listPrimitives()[0]?.setMaterial(document.createMaterial().setBaseColorTexture(texture));
	const child = document.createNode().setMesh(mesh).setTranslation([1, 2, 3]).setRotation([half, 0, 0, half]);
	const matrix = document.createNode().setMesh(mesh);
	matrix.setMatrix([0, 2, 0, 0, -2, 0, 0, 0, 0, 0, 2, 0, 7, 8, 9, 1]);
	const parent = document.createNode().setScale([1, -2, 3]).addChild(child).addChild(matrix);
	const scene = document.createScene().addChild(parent);
	document.createScene().addChild(document.createNode().setMesh(addMesh(document, solid)));
	document.getRoot().setDefaultScene(scene);
	return await writeDocument(document);
}

const about = ({ bounds, ...counts }: MeshFacts) => ({
	...counts,
	bounds: bounds && Object.values(bounds).map((point) => point.map((value) => expect.closeTo(value, 5))),
});
const compared = (facts: MeshFacts | undefined) =>
	facts && { ...facts, bounds: facts.bounds && Object.values(facts.bounds) };

test('a GLB holds what glTF-Transform says', async () => {
	const file = await makeGlb();
	const facts = readMesh('GLB', file);
	expect(facts).toMatchObject({ textures: 1 });
	expect(compared(facts)).toEqual(about(await readReference(file)));
});

test('the bounds of a mesh that is turned at an angle hold those that glTF-Transform finds, and little more', async () => {
	const document = new Document();
	const node = document.createNode().setMesh(addMesh(document, toTriangles(makePrism(20))));
	document.createScene().addChild(node.setRotation([0, 0, Math.sin(0.2), Math.cos(0.2)]));
	const file = await writeDocument(document);
	const [ours, theirs] = [readMesh('GLB', file)!.bounds!, (await readReference(file)).bounds!];
	for (const axis of [0, 1, 2] as const) {
		expect(ours.min[axis]).toBeLessThanOrEqual(theirs.min[axis] + 1e-6);
		expect(ours.max[axis]).toBeGreaterThanOrEqual(theirs.max[axis] - 1e-6);
		expect(ours.max[axis] - ours.min[axis]).toBeLessThan(1.5 * (theirs.max[axis] - theirs.min[axis]));
	}
});

describe('a GLB', () => {
	let file: Buffer;
	let whole: MeshFacts;
	beforeAll(async () => {
		file = await makeGlb();
		whole = readMesh('GLB', file)!;
	});

	test.each<[string, (json: GltfJson) => unknown]>([
		['whose points are compressed', (json) => json.accessors.forEach((a) => delete a.bufferView)],
		['whose points are sparse', (json) => (json.accessors[0]!.sparse = { count: 1 })],
		['without a default scene', (json) => Reflect.deleteProperty(json, 'scene')],
	])('%s holds the same', (_name, edit) => {
		expect(
			readMesh(
				'GLB',
				editGlb(file, (json) => (edit(json), json)),
			),
		).toEqual(whole);
	});

	test('that does not say the limits of its points has counts, but no bounds', () => {
		const { bounds, ...counts } = whole;
		const without = editGlb(file, (json) => json.accessors.forEach((accessor) => delete accessor.min));
		expect(bounds).toBeDefined();
		expect(readMesh('GLB', without)).toEqual(counts);
	});

	test('with normalized points has the bounds of what they stand for', async () => {
		const document = new Document();
		const mesh = addMesh(document, toTriangles(makePrism(4)));
		mesh
			.listPrimitives()[0]!
			.getAttribute('POSITION')!
			.setArray(new Int16Array(8 * 3).map((_, index) => index * 1000))
			.setNormalized(true);
		document.createScene().addChild(document.createNode().setMesh(mesh));
		const normalized = await writeDocument(document);
		expect(compared(readMesh('GLB', normalized))).toEqual(about(await readReference(normalized)));
	});

	test('without scenes shows the nodes that are no children', () => {
		const without = editGlb(file, (json) => {
			Reflect.deleteProperty(json, 'scenes');
			Reflect.deleteProperty(json, 'scene');
		});
		expect(readMesh('GLB', without)?.triangles).toBeGreaterThan(whole.triangles);
	});

	test.each<[string, (json: GltfJson) => unknown]>([
		[
			'a tree that is a circle',
			(json) => (json.nodes.at(-1)!.children = [json.nodes.length - 1, 0, 1, 2, 3]),
		],
		['a mesh that does not exist', (json) => (json.nodes[0]!.mesh = 99)],
		['a count that is a text', (json) => (json.accessors[0]!.count = '8')],
		['a negative count', (json) => (json.accessors[0]!.count = -1)],
		['no meshes', (json) => Reflect.deleteProperty(json, 'meshes')],
		['lists that are none', (json) => Object.keys(json).forEach((name) => (json[name] = 7))],
		['entries that are none', (json) => Object.keys(json).forEach((name) => (json[name] = [null, 1, []]))],
	])('with %s does no harm', (_name, edit) => {
		const reader = readMesh(
			'GLB',
			editGlb(file, (json) => (edit(json), json)),
		);
		expect(reader === undefined || Number.isInteger(reader.triangles)).toBe(true);
	});

	test('with more JSON than is read has no facts', () => {
		const long = editGlb(file, (json) => ({ ...json, extras: 'x'.repeat(1024 * 1024) }));
		expect(readMesh('GLB', long, [65_536])).toBeUndefined();
	});

	test('with many nodes that share a mesh with many primitives counts each', () => {
		const many = editGlb(file, (json) => {
			const [mesh] = json.meshes as [{ primitives: object[] }];
			mesh.primitives = Array<object>(2_000).fill(mesh.primitives[0] ?? {});
			json.nodes = Array<Record<string, unknown>>(10_000).fill({ mesh: 0, scale: [1, 2, 3] });
			json.scenes = [{ nodes: [...json.nodes.keys()] }];
		});
		expect(readMesh('GLB', many, [65_536])?.triangles).toBeGreaterThan(1e7);
	});

	test.each(['nodes', 'meshes', 'accessors'] as const)('with 60,000 %s is not counted', (list) => {
		const many = editGlb(file, (json) => {
			json[list] = Array<never>(60_000).fill({} as never);
		});
		expect(readMesh('GLB', many, [65_536])).toBeUndefined();
	});

	test('whose lists name the same node again and again counts it once', () => {
		const again = editGlb(file, (json) => {
			json.scenes = [{ nodes: Array<number>(100_000).fill(0) }];
		});
		const once = editGlb(file, (json) => {
			json.scenes = [{ nodes: [0] }];
		});
		expect(readMesh('GLB', again)).toEqual(readMesh('GLB', once));
	});
});

/** A file of each kind. */
async function listFiles(): Promise<Array<[kind: string, file: Buffer]>> {
	const solid = makePrism(7);
	return [
		...WRITERS.map(([, kind, write]): [string, Buffer] => [kind, write(solid)]),
		['GLB', await makeGlb()],
	];
}

test('a mesh holds the same in whatever chunks it arrives, and with anything after its end', async () => {
	for (const [kind, file] of await listFiles()) {
		const whole = readMesh(kind, file);
		expect(whole).toBeDefined();
		fc.assert(
			fc.property(
				fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
				fc.uint8Array({ maxLength: 20 }),
				(lengths, rest) => {
					expect(readMesh(kind, file, lengths)).toEqual(whole);
					if (kind === 'OBJ' || file.includes('endsolid')) return;
					expect(readMesh(kind, Buffer.concat([file, rest]), lengths)).toEqual(whole);
				},
			),
			{ numRuns: 100 },
		);
	}
});

test('a mesh that is cut off has no facts, if its format shows where it ends', async () => {
	for (const [kind, file] of await listFiles()) {
		if (kind === 'OBJ') continue;
		// The end of the last line, or of a number in it, may be missing.
		const text = file.includes('format ascii') || file.includes('endsolid');
		fc.assert(
			fc.property(fc.nat({ max: file.length - (text ? 16 : 1) }), (length) => {
				expect([kind, length, readMesh(kind, file.subarray(0, length))]).toEqual([kind, length, undefined]);
			}),
			{ numRuns: 200 },
		);
	}
});

test('any bytes do no harm, and mean the same in any chunks', async () => {
	const files = await listFiles();
	fc.assert(
		fc.property(
			fc.constantFrom(...files),
			fc.array(fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 })), { maxLength: 6 }),
			fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
			([kind, file], changes, lengths) => {
				const changed = Buffer.from(file);
				for (const [at, bytes] of changes) changed.set(bytes.subarray(0, 1), at % file.length);
				const facts = readMesh(kind, changed);
				expect(readMesh(kind, changed, lengths)).toEqual(facts);
			},
		),
		{ numRuns: 1000 },
	);
});

test.each([
	['an OBJ without vertices', 'OBJ', 'f 1 2 3\n'],
	['an OBJ with a vertex of two numbers', 'OBJ', 'v 1 2 3\nv 1 2\n'],
	['an OBJ with a vertex that is no number', 'OBJ', 'v 1 2 x\n'],
	['a text that is no OBJ', 'OBJ', 'hello\nworld\n'],
	[
		'a text STL with a corner too few',
		'STL',
		`solid a${' '.repeat(80)}\nfacet vertex 1 2 3 endfacet\nendsolid`,
	],
	[
		'a PLY with strips',
		'PLY',
		'ply\nformat ascii 1.0\nelement tristrips 1\nproperty list int int a\nend_header\n0\n',
	],
	[
		'a PLY with a list of half a number',
		'PLY',
		'ply\nformat ascii 1.0\nelement face 1\nproperty list int int a\nend_header\n.5 1\n',
	],
	[
		'a PLY whose vertices have no properties',
		'PLY',
		'ply\nformat ascii 1.0\nelement vertex 999999999\nend_header\n',
	],
	['a file of another kind', 'GIF', 'GIF89a'],
])('%s has no facts', (_name, kind, text) => {
	expect(readMesh(kind, Buffer.from(text))).toBeUndefined();
});

test('points alone are a mesh without triangles', () => {
	const cloud =
		'ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\nend_header\n';
	expect(readMesh('PLY', Buffer.from(`${cloud}0 0 0\n1 2 3`))).toEqual({
		triangles: 0,
		vertices: 2,
		bounds: { min: [0, 0, 0], max: [1, 2, 3] },
	});
});

test('a number is what JavaScript makes of it', () => {
	const number = fc.oneof(
		fc.double({ noNaN: true, noDefaultInfinity: true }),
		fc.float({ noNaN: true, noDefaultInfinity: true }),
		fc.integer(),
	);
	const write = fc.constantFrom(
		String,
		(value: number) => value.toExponential(3),
		(value: number) => value.toFixed(6),
	);
	fc.assert(
		fc.property(number, write, (value, toText) => {
			const text = toText(value);
			fc.pre(text.length < 60 && (value === 0 || Math.abs(Math.log10(Math.abs(value))) < 290));
			const facts = readMesh('OBJ', Buffer.from(`v ${text} 0 0\n`));
			expect(facts?.bounds?.min[0]).toBe(Number(Number(text).toPrecision(7)));
		}),
	);
});

test('a line or a word that never ends is not kept', () => {
	for (const [kind, start] of [
		['OBJ', 'v 1 2 3\nv '],
		['OBJ', 'f '],
		['OBJ', '# '],
		['STL', `solid ${'a'.repeat(90)}\n`],
	] as const) {
		const reader = new MeshReader(kind);
		reader.take(Buffer.from(start));
		const chunk = Buffer.alloc(1024 * 1024, '1');
		const before = measureBuffers();
		for (let count = 0; count < 100; count++) reader.take(chunk);
		expect(measureBuffers() - before).toBeLessThan(10 * 1024 * 1024);
		reader.finish();
	}
});
