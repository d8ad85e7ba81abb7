/** Files of any size that are made while they are sent: a beginning, one part again and again, and an end. */

/** About how large a part is, bytes. */
const PART_BYTES = 64 * 1024;

export interface RepeatedFile {
	start: Buffer;
	part: Buffer;
	count: number;
	end: Buffer;
}

export const countBytes = ({ start, part, count, end }: RepeatedFile): number =>
	start.length + part.length * count + end.length;

/** Makes a file of about `bytes` bytes. @param start the beginning of a file with so many parts */
function repeat(bytes: number, part: Buffer, start: (count: number) => Buffer, end = ''): RepeatedFile {
	const count = Math.max(1, Math.round(bytes / part.length));
	return { start: start(count), part, count, end: Buffer.from(end) };
}

const fill = (unit: string) => Buffer.from(unit.repeat(Math.ceil(PART_BYTES / unit.length)));

/** The number of units in a part. */
const countUnits = (part: Buffer, size: number) => part.length / size;

function makeGlb(bytes: number): RepeatedFile {
	const part = Buffer.alloc(PART_BYTES, 1);
	return repeat(bytes, part, (count) => {
		const length = part.length * count;
		const json = Buffer.from(
			JSON.stringify({
				asset: { version: '2.0' },
				scenes: [{ nodes: [0] }],
				nodes: [{ mesh: 0 }],
				meshes: [{ primitives: [{ attributes: { POSITION: 0 } }] }],
				accessors: [{ count: 3 * Math.floor(length / 36), min: [0, 0, 0], max: [1, 1, 1] }],
			}).padEnd(512),
		);
		const head = Buffer.alloc(20);
		head.write('glTF');
		head.writeUInt32LE(2, 4);
		head.writeUInt32LE(28 + json.length + length, 8);
		head.writeUInt32LE(json.length, 12);
		head.write('JSON', 16);
		const chunk = Buffer.alloc(8);
		chunk.writeUInt32LE(length);
		chunk.write('BIN\0', 4);
		return Buffer.concat([head, json, chunk]);
	});
}

function makeStl(bytes: number): RepeatedFile {
	const part = Buffer.alloc(50 * Math.floor(PART_BYTES / 50), 1);
	return repeat(bytes, part, (count) => {
		const header = Buffer.alloc(84);
		header.writeUInt32LE(countUnits(part, 50) * count, 80);
		return header;
	});
}

const FACET = `  facet normal 0.000000e+00 0.000000e+00 1.000000e+00
    outer loop
      vertex 0.000000e+00 -2.500000e-01 1.250000e-01
      vertex 1.000000e+00 7.512345e-01 1.250000e-01
      vertex 1.250000e-02 9.123456e-01 1.250000e-01
    endloop
  endfacet
`;
const makeTextStl = (bytes: number) =>
	repeat(bytes, fill(FACET), () => Buffer.from('solid mug\n'), 'endsolid mug\n');

const OBJ_LINES = `v 0.123456 -0.523456 0.987654
v -1.123456 0.000123 0.5
vt 0.512345 0.251234
vn 0.577350 0.577350 0.577350
f 1/1/1 2/1/1 3/1/1
f 2/1/1 3/1/1 4/1/1 1/1/1
`;
const makeObj = (bytes: number) => repeat(bytes, fill(OBJ_LINES), () => Buffer.from('# a mug\n'));

const plyStart = (format: string, rows: number) =>
	Buffer.from(
		`ply\nformat ${format} 1.0\nelement vertex ${rows}\nproperty float x\nproperty float y\nproperty float z\nproperty uchar red\nend_header\n`,
	);

const PLY_LINE = '0.123456 -0.523456 0.987654 255\n';
function makeTextPly(bytes: number): RepeatedFile {
	const part = fill(PLY_LINE);
	return repeat(bytes, part, (count) => plyStart('ascii', countUnits(part, PLY_LINE.length) * count));
}

/** With faces only, which take the most work. */
function makePly(bytes: number): RepeatedFile {
	const face = Buffer.alloc(13, 1);
	face[0] = 3;
	const part = Buffer.alloc(13 * Math.floor(PART_BYTES / 13), face);
	return repeat(bytes, part, (count) =>
		Buffer.from(
			`ply\nformat binary_little_endian 1.0\nelement face ${countUnits(part, 13) * count}\nproperty list uchar int vertex_indices\nend_header\n`,
		),
	);
}

const makeGif = (bytes: number) =>
	repeat(bytes, Buffer.alloc(PART_BYTES, 'img-to-3d '), () => Buffer.from('GIF89a'));

/** The makers of files, by the name in their address. */
const MAKERS: Readonly<Record<string, (bytes: number) => RepeatedFile>> = {
	'turntable.gif': makeGif,
	'mesh.glb': makeGlb,
	'binary.stl': makeStl,
	'text.stl': makeTextStl,
	'mesh.obj': makeObj,
	'binary.ply': makePly,
	'text.ply': makeTextPly,
};

export const REPEATED_NAMES = Object.keys(MAKERS);

/** Makes a file by the name in its address. @returns `undefined` for a name that is none of {@link REPEATED_NAMES} */
export const makeRepeatedFile = (name: string, bytes: number): RepeatedFile | undefined =>
	MAKERS[name]?.(bytes);

/** Counts the bytes of such a file. @throws when there is no file of that name */
export function countRepeatedBytes(name: string, bytes: number): number {
	const file = makeRepeatedFile(name, bytes);
	if (!file) throw new Error(`There is no file ${name}.`);
	return countBytes(file);
}
