import { WebIO } from '@gltf-transform/core';
import sharp from 'sharp';

import type { MeshFile } from '../../../local-api/model/mesh-files.mts';
import type { Surface } from './surface.mts';

/** A mesh as it is read from the bytes of its files. */
export interface ReadMesh extends Surface {
	/** sRGB, 0 to 255, 3 numbers for each corner of a face. Empty for an STL. */
	colors: number[];
	/** Unit vectors, 3 numbers for each corner of a face. */
	normals: number[];
}

interface Image {
	data: Buffer;
	width: number;
	height: number;
}

async function imageOf(file: Uint8Array): Promise<Image> {
	const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
	return { data, width: info.width, height: info.height };
}

/** Reads the pixel at a place: 0 to 1 from the left and from the top. */
function pixelAt({ data, width, height }: Image, x: number, y: number): number[] {
	const [column, row] = [Math.floor(x * width), Math.floor(y * height)];
	if (column < 0 || row < 0 || column >= width || row >= height) throw new Error(`no pixel at ${x}, ${y}`);
	return [...data.subarray((row * width + column) * 3, (row * width + column) * 3 + 3)];
}

const encoded = (linear: number): number =>
	255 * (linear <= 0.0031308 ? linear * 12.92 : 1.055 * linear ** (1 / 2.4) - 0.055);

async function readGlb(file: Buffer): Promise<ReadMesh> {
	const root = (await new WebIO().readBinary(file)).getRoot();
	const [primitive] = root.listMeshes().flatMap((mesh) => mesh.listPrimitives());
	const array = (name: string) => primitive?.getAttribute(name)?.getArray() ?? [];
	const faces = [...(primitive?.getIndices()?.getArray() ?? [])];
	const [positions, normals, places, colors] = ['POSITION', 'NORMAL', 'TEXCOORD_0', 'COLOR_0'].map(array);
	if (!positions || !normals || !places || !colors) throw new Error('an attribute is missing');
	const [texture] = root.listTextures();
	const image = texture && (await imageOf(texture.getImage() ?? new Uint8Array()));
	const corner = (values: ArrayLike<number>, vertex: number, size: number): number[] =>
		Array.from({ length: size }, (_, i) => values[vertex * size + i] as number);
	return {
		positions: [...positions],
		faces,
		normals: faces.flatMap((vertex) => corner(normals, vertex, 3)),
		colors: faces.flatMap((vertex) => {
			const [x, y] = corner(places, vertex, 2) as [number, number];
			return image ? pixelAt(image, x, y) : corner(colors, vertex, 3).map(encoded);
		}),
	};
}

async function readObj(obj: Buffer, mtl: Buffer, png: Buffer, name: string): Promise<ReadMesh> {
	const image = await imageOf(png);
	const lines = obj
		.toString()
		.split('\n')
		.map((line) => line.split(' '));
	const of = (keyword: string): string[][] =>
		lines.filter(([first]) => first === keyword).map(([, ...rest]) => rest);
	const material = /^newmtl (.*)$/m.exec(mtl.toString())?.[1];
	const references = [of('mtllib')[0]?.[0], of('usemtl')[0]?.[0], /^map_Kd (.*)$/m.exec(mtl.toString())?.[1]];
	if (references.join() !== `${name}.mtl,${material},${name}.png`) throw new Error(references.join());
	const [v, vt, vn] = ['v', 'vt', 'vn'].map((keyword) => of(keyword).map((values) => values.map(Number)));
	const corners = of('f').flatMap((face) =>
		face.map((corner) => corner.split('/').map((i) => Number(i) - 1)),
	);
	const entry = (values: number[][] | undefined, index: number | undefined): number[] => {
		const found = values?.[index ?? -1];
		if (!found?.every(Number.isFinite)) throw new Error(`nothing at ${index}`);
		return found;
	};
	return {
		positions: (v ?? []).flat(),
		faces: corners.map(([vertex]) => vertex as number),
		normals: corners.flatMap((corner) => entry(vn, corner[2])),
		colors: corners.flatMap((corner) => {
			const [x, y] = entry(vt, corner[1]) as [number, number];
			return pixelAt(image, x, 1 - y);
		}),
	};
}

function readStl(file: Buffer): ReadMesh {
	const count = file.readUInt32LE(80);
	if (file.subarray(0, 5).toString() === 'solid') throw new Error('looks like an ASCII STL');
	if (file.length !== 84 + count * 50) throw new Error(`${file.length} bytes for ${count} triangles`);
	const floats = (face: number, from: number, to: number): number[] =>
		Array.from({ length: to - from }, (_, i) => file.readFloatLE(84 + face * 50 + (from + i) * 4));
	const triangles = Array.from({ length: count }, (_, face) => face);
	return {
		positions: triangles.flatMap((face) => floats(face, 3, 12)),
		faces: Array.from({ length: count * 3 }, (_, vertex) => vertex),
		normals: triangles.flatMap((face) => [
			...floats(face, 0, 3),
			...floats(face, 0, 3),
			...floats(face, 0, 3),
		]),
		colors: [],
	};
}

function readPly(file: Buffer): ReadMesh {
	const header = file.subarray(0, file.indexOf('end_header\n') + 11).toString();
	const count = (element: string) => Number(new RegExp(`^element ${element} (\\d+)$`, 'm').exec(header)?.[1]);
	const [vertices, triangles] = [count('vertex'), count('face')];
	const start = header.length + vertices * 27;
	const corners = Array.from({ length: triangles * 3 }, (_, i) =>
		file.readInt32LE(start + Math.floor(i / 3) * 13 + 1 + (i % 3) * 4),
	);
	const floats = (vertex: number, from: number): number[] =>
		[0, 4, 8].map((offset) => file.readFloatLE(header.length + vertex * 27 + from + offset));
	return {
		positions: Array.from({ length: vertices }, (_, vertex) => floats(vertex, 0)).flat(),
		faces: corners,
		normals: corners.flatMap((vertex) => floats(vertex, 12)),
		colors: corners.flatMap((vertex) => {
			const at = header.length + vertex * 27 + 24;
			return [...file.subarray(at, at + 3)];
		}),
	};
}

/** Reads what `makeMeshFiles` returns. @param name the name of the files without the ending */
export async function readMesh(files: MeshFile[], name: string): Promise<ReadMesh> {
	const [first, ...others] = files;
	const other = (extension: string): Buffer =>
		others.find((file) => file.extension === extension)?.bytes ?? Buffer.alloc(0);
	if (first?.extension === 'glb') return await readGlb(first.bytes);
	if (first?.extension === 'obj') return await readObj(first.bytes, other('mtl'), other('png'), name);
	if (first?.extension === 'stl') return readStl(first.bytes);
	if (first?.extension === 'ply') return readPly(first.bytes);
	throw new Error('no mesh');
}
