/** Small meshes in each format, and what they hold by a plain count that shares nothing with the node. */
import { getBounds, WebIO, type Document, type GLTF, type Node, type Primitive } from '@gltf-transform/core';

type Mode = GLTF.MeshPrimitiveMode;

const TRIANGLES: Mode = 4;

/** @throws RangeError if the list is shorter */
function findAt<T>(list: readonly T[], index: number): T {
	const entry = list[index];
	if (entry === undefined) throw new RangeError(`The list has no entry ${index}.`);
	return entry;
}

export interface Solid {
	points: number[][];
	/** Polygons of any number of corners. */
	faces: number[][];
}

/** What a mesh holds, counted from its points and faces. */
export function countSolid({ points, faces }: Solid, vertices = points.length) {
	const triangles = faces.reduce((sum, face) => sum + face.length - 2, 0);
	const along = (axis: number) => points.map((point) => findAt(point, axis));
	return {
		triangles,
		vertices,
		bounds: {
			min: [0, 1, 2].map((axis) => Math.min(...along(axis))),
			max: [0, 1, 2].map((axis) => Math.max(...along(axis))),
		},
	};
}

/** A prism with a base of so many corners: polygons, quads and, with a fan as its top, triangles. */
export function makePrism(corners: number): Solid {
	const ring = (z: number) =>
		Array.from({ length: corners }, (_, index) => [
			Math.fround(Number((3 * Math.cos((index * 6.28) / corners)).toPrecision(6))),
			Math.fround(Number((2 * Math.sin((index * 6.28) / corners)).toPrecision(6))),
			z,
		]);
	const indices = Array.from({ length: corners }, (_, index) => index);
	return {
		points: [...ring(-0.5), ...ring(0.75)],
		faces: [
			indices.slice().reverse(),
			...indices.slice(2).map((index) => [corners, corners + index - 1, corners + index]),
			...indices.map((index) => {
				const next = (index + 1) % corners;
				return [index, next, corners + next, corners + index];
			}),
		],
	};
}

/** The same in triangles. */
export const toTriangles = ({ points, faces }: Solid): Solid => ({
	points,
	faces: faces.flatMap((face) =>
		face.slice(2).map((corner, index) => [findAt(face, 0), findAt(face, index + 1), corner]),
	),
});

export function writeStl(solid: Solid): Buffer {
	const { points, faces } = toTriangles(solid);
	const file = Buffer.alloc(84 + 50 * faces.length);
	file.writeUInt32LE(faces.length, 80);
	for (const [index, face] of faces.entries()) {
		for (const [corner, point] of face.entries()) {
			for (const axis of [0, 1, 2]) {
				file.writeFloatLE(
					findAt(findAt(points, point), axis),
					84 + 50 * index + 12 * (corner + 1) + 4 * axis,
				);
			}
		}
	}
	return file;
}

export function writeTextStl(solid: Solid, lineEnd = '\n'): Buffer {
	const { points, faces } = toTriangles(solid);
	const facets = faces.flatMap((face) => [
		'  facet normal 0 -1e-3 1',
		'    outer loop',
		...face.map((point) => `      vertex ${findAt(points, point).join('  ')}`),
		'    endloop',
		'  endfacet',
	]);
	return Buffer.from(['solid a vertex facet', ...facets, 'endsolid facet', ''].join(lineEnd));
}

export function writeObj({ points, faces }: Solid, lineEnd = '\n'): Buffer {
	return Buffer.from(
		[
			'# made by hand',
			'mtllib a.mtl',
			...points.map((point) => `v ${point.map((value) => value.toExponential()).join(' ')} 1 0.5 0.5`),
			'vt 0 0',
			'vn 0 0 1 # up',
			'usemtl v',
			'  f 1//1 2//1 \\',
			'3//1',
			...faces.slice(1).map((face) => `f ${face.map((point) => `${point + 1}/1/1`).join(' ')} # face`),
			...faces.slice(0, 1).map((face) => `f\t${face.map((point) => point + 1).join('\t')}`),
		].join(lineEnd),
	);
}

const plyHeader = (format: string, { points, faces }: Solid) =>
	[
		'ply',
		`format ${format} 1.0`,
		`element vertex ${points.length}`,
		'property uchar red',
		'property float x',
		'property double z',
		'property float y',
		'element material 2',
		'property list uchar short names',
		'property int n',
		`element face ${faces.length}`,
		'property list uchar float texcoord',
		'property list int uint vertex_indices',
		'end_header\n',
	].join('\n');

export function writeTextPly(solid: Solid, lineEnd = '\n'): Buffer {
	const { points, faces } = solid;
	const rows = [
		...points.map(([x, y, z]) => `255 ${x} ${z} ${y}`),
		'2 3 -4 5',
		'0 7',
		...faces.map((face) => `2 0.5 0.5 ${face.length} ${face.join(' ')}`),
	];
	return Buffer.from(`${plyHeader('ascii', solid)}${rows.join('\n')}\n`.replaceAll('\n', lineEnd));
}

export function writeBinaryPly(solid: Solid, isLittleEndian: boolean): Buffer {
	const { points, faces } = solid;
	const bytes: number[] = [];
	const put = (type: 'Int8' | 'Int16' | 'Int32' | 'Float32' | 'Float64', value: number) => {
		const view = new DataView(new ArrayBuffer(8));
		view[`set${type}`](0, value, isLittleEndian);
		bytes.push(...new Uint8Array(view.buffer, 0, Number(/\d+/.exec(type)) / 8));
	};
	for (const [x = 0, y = 0, z = 0] of points) {
		put('Int8', 1);
		put('Float32', x);
		put('Float64', z);
		put('Float32', y);
	}
	for (const names of [[3, -4], []]) {
		put('Int8', names.length);
		for (const name of names) put('Int16', name);
		put('Int32', 9);
	}
	for (const face of faces) {
		put('Int8', 2);
		put('Float32', 0);
		put('Float32', 1);
		put('Int32', face.length);
		for (const point of face) put('Int32', point);
	}
	const format = isLittleEndian ? 'binary_little_endian' : 'binary_big_endian';
	return Buffer.concat([Buffer.from(plyHeader(format, solid)), Buffer.from(bytes)]);
}

/** Adds a mesh of one primitive to a document. */
export function addMesh(
	document: Document,
	{ points, faces }: Solid,
	mode: Mode = TRIANGLES,
	isIndexed = true,
) {
	const buffer = document.getRoot().listBuffers()[0] ?? document.createBuffer();
	const order = mode === TRIANGLES ? faces.flat() : faces.flat().slice(0, 7);
	const positions = isIndexed ? points.flat() : order.flatMap((point) => findAt(points, point));
	const position = document
		.createAccessor()
		.setType('VEC3')
		.setArray(new Float32Array(positions))
		.setBuffer(buffer);
	const primitive = document.createPrimitive().setMode(mode).setAttribute('POSITION', position);
	if (isIndexed) {
		const indices = document.createAccessor().setArray(new Uint16Array(order)).setBuffer(buffer);
		primitive.setIndices(indices);
	}
	return document.createMesh().addPrimitive(primitive);
}

export const writeDocument = async (document: Document): Promise<Buffer> =>
	Buffer.from(await new WebIO().writeBinary(document));

/** The memory that buffers take, bytes. */
export const measureBuffers = () => process.memoryUsage().arrayBuffers;

type Point = [number, number, number];

interface Facts {
	triangles: number;
	vertices: number;
	bounds: { min: Point; max: Point };
	textures: number;
}

/** What glTF-Transform says about a GLB. */
export async function readReference(file: Buffer): Promise<Facts> {
	const document = await new WebIO().readBinary(new Uint8Array(file));
	const scene = document.getRoot().getDefaultScene() ?? findAt(document.getRoot().listScenes(), 0);
	const facts = { triangles: 0, vertices: 0 };
	const corners = (primitive: Primitive) =>
		(primitive.getIndices() ?? primitive.getAttribute('POSITION'))?.getCount() ?? 0;
	scene.traverse((node: Node) => {
		for (const primitive of node.getMesh()?.listPrimitives() ?? []) {
			const mode = primitive.getMode();
			facts.vertices += primitive.getAttribute('POSITION')?.getCount() ?? 0;
			if (mode === TRIANGLES) facts.triangles += corners(primitive) / 3;
			else if (mode > TRIANGLES) facts.triangles += corners(primitive) - 2;
		}
	});
	const { min, max } = getBounds(scene);
	return {
		...facts,
		bounds: { min: min as Point, max: max as Point },
		textures: document.getRoot().listTextures().length,
	};
}

type Fields = Record<string, unknown>;

/** The JSON of a GLB, as far as the tests change it. */
export interface GltfJson extends Fields {
	nodes: Fields[];
	accessors: Fields[];
	meshes: Fields[];
	scenes: Fields[];
	scene?: number;
}

/** Changes the JSON of a GLB. */
export function editGlb(file: Buffer, edit: (json: GltfJson) => unknown): Buffer {
	const length = file.readUInt32LE(12);
	const json = JSON.parse(file.toString('utf8', 20, 20 + length)) as GltfJson;
	const text = JSON.stringify(edit(json) ?? json);
	const changed = Buffer.from(text.padEnd(Math.ceil(Buffer.byteLength(text) / 4) * 4));
	const edited = Buffer.concat([file.subarray(0, 20), changed, file.subarray(20 + length)]);
	edited.writeUInt32LE(edited.length, 8);
	edited.writeUInt32LE(changed.length, 12);
	return edited;
}
