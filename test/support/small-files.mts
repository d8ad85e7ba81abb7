/** Small complete files of the kinds whose structure shows their end. */
import sharp, { type Sharp } from 'sharp';

/** Two triangles over four corners. */
const CORNERS = [
	[0, 0, 0],
	[1, 0, 0],
	[1, 1, 0],
	[0, 1, 0],
];
const TRIANGLES = [
	[0, 1, 2],
	[0, 2, 3],
];

const plyHeader = (format: string, countType = 'uchar') =>
	[
		'ply',
		`format ${format} 1.0`,
		'comment two triangles',
		'element vertex 4',
		'property float x',
		'property float y',
		'property double z',
		'element face 2',
		'property uchar flags',
		`property list ${countType} int vertex_indices`,
		'end_header\n',
	].join('\n');

const plyText = (lineEnd = '\n') => {
	const lines = [...CORNERS, ...TRIANGLES.map((corners) => [7, 3, ...corners])].map((line) => line.join(' '));
	return Buffer.from(`${plyHeader('ascii')}${lines.join('\n')}\n`.replaceAll('\n', lineEnd));
};

function plyLittleEndian(): Buffer {
	const body = Buffer.alloc(4 * 16 + 2 * 14);
	for (const face of [0, 1]) body.writeUInt8(3, 64 + face * 14 + 1);
	return Buffer.concat([Buffer.from(plyHeader('binary_little_endian')), body]);
}

/** With counts of two bytes. */
function plyBigEndian(): Buffer {
	const body = Buffer.alloc(4 * 16 + 2 * 15);
	for (const face of [0, 1]) body.writeUInt16BE(3, 64 + face * 15 + 1);
	return Buffer.concat([Buffer.from(plyHeader('binary_big_endian', 'ushort')), body]);
}

function glb(): Buffer {
	const file = Buffer.alloc(900, ' ');
	file.write('glTF\x02\0\0\0', 0, 'latin1');
	file.writeUInt32LE(file.length, 8);
	return file;
}

function stl(): Buffer {
	const file = Buffer.alloc(84 + 50 * 20, 1);
	file.writeUInt32LE(20, 80);
	return file;
}

function box(type: string, content: Buffer): Buffer {
	const head = Buffer.alloc(8);
	head.writeUInt32BE(8 + content.length);
	head.write(type, 4, 'latin1');
	return Buffer.concat([head, content]);
}

const mp4 = () =>
	Buffer.concat([
		box('ftyp', Buffer.from('isom\0\0\0\0')),
		box('moov', Buffer.alloc(100)),
		box('mdat', Buffer.alloc(700)),
	]);

/** It has noise, so that the pictures have more than a few bytes. */
function picture(): Sharp {
	const pixels = Buffer.from(Array.from({ length: 3 * 40 * 40 }, (_, index) => (index * index * 31) % 251));
	return sharp(pixels, { raw: { width: 40, height: 40, channels: 3 } });
}

export async function gif(): Promise<Buffer> {
	return await picture().gif().toBuffer();
}

/** @returns pairs of an ending and a complete file */
export async function smallFiles(): Promise<Array<[string, Buffer]>> {
	return [
		['gif', await gif()],
		['png', await picture().png().toBuffer()],
		['ply', plyText()],
		['ply', plyText('\r\n')],
		['ply', plyLittleEndian()],
		['ply', plyBigEndian()],
		['glb', glb()],
		['stl', stl()],
		['mp4', mp4()],
	];
}
