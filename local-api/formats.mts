import sharp from 'sharp';

import type { Mesh } from './mesh.mts';
import type { Turntable } from './render.mts';

/** An endlessly looping GIF of the turntable. */
export async function gifOf({ size, frames, pixels, delays }: Turntable): Promise<Buffer> {
	return await sharp(pixels, { raw: { width: size, height: size * frames, channels: 3, pageHeight: size } })
		.gif({ delay: delays, loop: 0, effort: 4, dither: 0.5 })
		.toBuffer();
}

/** The mesh as PLY (binary, little endian): positions, normals and colours per vertex, triangles. */
export function plyOf({ positions, normals, colors, faces }: Mesh): Buffer {
	const vertices = positions.length / 3;
	const triangles = faces.length / 3;
	const header = Buffer.from(
		[
			'ply',
			'format binary_little_endian 1.0',
			"comment made by a stand-in, not the service's model",
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
