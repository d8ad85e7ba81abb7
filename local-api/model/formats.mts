import sharp from 'sharp';

import { computeArea, readFace, type Mesh, type Skin } from './mesh.mts';
import type { Turntable } from './render.mts';
import type { Palette } from './skin.mts';

/** Part of every mesh. */
export const ORIGIN = "made by a stand-in, not the service's model";

/** Writes a turntable as a GIF that loops without end. */
export async function writeGif({ size, frames, pixels, delays }: Turntable): Promise<Buffer> {
	return await sharp(pixels, { raw: { width: size, height: size * frames, channels: 3, pageHeight: size } })
		.gif({ delay: delays, loop: 0, effort: 4, dither: 0.5 })
		.toBuffer();
}

/** Writes a mesh as PLY (binary, little endian): vertices with positions, normals and colors, and triangles. */
export function writePly({ positions, normals, colors, faces }: Mesh): Buffer {
	const vertices = positions.length / 3;
	const triangles = faces.length / 3;
	const header = Buffer.from(
		[
			'ply',
			'format binary_little_endian 1.0',
			`comment ${ORIGIN}`,
			`element vertex ${vertices}`,
			...['x', 'y', 'z', 'nx', 'ny', 'nz'].map((name) => `property float ${name}`),
			...['red', 'green', 'blue'].map((name) => `property uchar ${name}`),
			`element face ${triangles}`,
			'property list uchar int vertex_indices',
			'end_header',
			'',
		].join('\n'),
	);
	const file = Buffer.alloc(header.length + vertices * 27 + triangles * 13);
	let offset = header.copy(file);
	for (let vertex = 0; vertex < vertices; vertex++) {
		for (const values of [positions, normals]) {
			for (let axis = 0; axis < 3; axis++) offset = file.writeFloatLE(values[vertex * 3 + axis]!, offset);
		}
		for (let channel = 0; channel < 3; channel++)
			offset = file.writeUInt8(colors[vertex * 3 + channel]!, offset);
	}
	for (let corner = 0; corner < faces.length; corner += 3) {
		offset = file.writeUInt8(3, offset);
		for (let i = 0; i < 3; i++) offset = file.writeInt32LE(faces[corner + i]!, offset);
	}
	return file;
}

/** Writes a mesh as STL (binary): triangles with their directions, without colors. */
export function writeStl({ positions, faces }: Mesh): Buffer {
	const header = 84;
	const file = Buffer.alloc(header + (faces.length / 3) * 50);
	file.write(`binary STL ${ORIGIN}`);
	file.writeUInt32LE(faces.length / 3, header - 4);
	let offset = header;
	for (let face = 0; face < faces.length; face += 3) {
		const corners = readFace(faces, face);
		const area = computeArea(positions, ...corners);
		const length = Math.hypot(...area) || 1;
		for (const value of area) offset = file.writeFloatLE(value / length, offset);
		for (const vertex of corners) {
			for (let axis = 0; axis < 3; axis++) offset = file.writeFloatLE(positions[vertex * 3 + axis]!, offset);
		}
		offset += 2;
	}
	return file;
}

/** Writes a skin as PNG. */
export async function writePng({ width, height, pixels }: Skin): Promise<Buffer> {
	return await sharp(pixels, { raw: { width, height, channels: 3 } })
		.png()
		.toBuffer();
}

/** Writes lines of a keyword and `size` values each. */
function writeLines(keyword: string, values: Float32Array, size: number): string[] {
	return Array.from(
		{ length: values.length / size },
		(_, line) =>
			`${keyword} ${Array.from(values.subarray(line * size, (line + 1) * size), formatDecimal).join(' ')}`,
	);
}

/** Rounds to millionths, without a minus before a zero. */
const formatDecimal = (value: number): string => (Math.round(value * 1e6) / 1e6 + 0).toString();

/**
 * Writes a mesh as OBJ. Its skin or palette is the material "surface" of NAME.mtl.
 *
 * @param palette for a mesh without a skin
 */
export function writeObj(mesh: Mesh, palette: Palette | undefined, name: string): Buffer {
	const { positions, normals, faces, skin } = mesh;
	// The origin is the lower left of the picture.
	const places = (palette?.skin ?? skin)?.places.map((value, i) => (i % 2 ? 1 - value : value));
	const surface = Array.from({ length: faces.length / 3 }, (_, face) => {
		const corners = readFace(faces, face * 3).map((vertex) => {
			const place = palette ? palette.squareOfFace[face]! : vertex;
			return `${vertex + 1}/${place + 1}/${vertex + 1}`;
		});
		return `f ${corners.join(' ')}`;
	});
	const file = [
		`# ${ORIGIN}`,
		`mtllib ${name}.mtl`,
		'o object',
		...writeLines('v', positions, 3),
		...writeLines('vt', places ?? new Float32Array(), 2),
		...writeLines('vn', normals, 3),
		'usemtl surface',
		...surface,
		'',
	];
	return Buffer.from(file.join('\n'));
}

/** Writes the material of an OBJ: matte, with NAME.png as its texture. */
export function writeMtl(name: string): Buffer {
	const file = [
		`# ${ORIGIN}`,
		'newmtl surface',
		'Ka 0 0 0',
		'Kd 1 1 1',
		'Ks 0 0 0',
		'd 1',
		'illum 1',
		`map_Kd ${name}.png`,
		'',
	];
	return Buffer.from(file.join('\n'));
}
