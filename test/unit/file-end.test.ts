import fc from 'fast-check';

import { FileEnd } from '../../nodes/ImgTo3d/file-end';
import { FILE_KINDS, HEAD_BYTES, findMismatch, type FileKind } from '../../nodes/ImgTo3d/file-type';
import { smallFiles } from '../support/small-files.mts';

const kindOf = (extension: string) =>
	FILE_KINDS.find(({ extensions }) => extensions.includes(extension)) as FileKind;

/** Whether a file that came in these pieces is whole, as far as can be told. */
function isWhole(extension: string, ...pieces: Buffer[]): boolean {
	const kind = kindOf(extension);
	const end = kind.walk && new FileEnd(kind.walk());
	for (const piece of pieces) end?.take(piece);
	const file = Buffer.concat(pieces);
	return (
		findMismatch(kind, file.subarray(0, HEAD_BYTES), file.length) === undefined && end?.isWhole !== false
	);
}

/** Pieces of every length from `least` bytes on. */
function inPieces(file: Buffer, lengths: number[]): Buffer[] {
	const pieces: Buffer[] = [];
	for (let at = 0, index = 0; at < file.length; index++) {
		const length = lengths[index % lengths.length] ?? 1;
		pieces.push(file.subarray(at, at + length));
		at += length;
	}
	return pieces;
}

/** How many bytes may be missing without being noticed: all that a last line and what follows the last length hold. */
const UNNOTICED: Record<string, number> = { ply: 12, png: 4 };

test('a file is whole however it comes in, with anything behind its end, and not when it is cut off', async () => {
	for (const [extension, file] of await smallFiles()) {
		const isText = file.includes('format ascii');
		fc.assert(
			fc.property(
				fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
				fc.uint8Array({ maxLength: 40 }),
				fc.nat({ max: file.length - 1 }),
				(lengths, behind, cutAt) => {
					const name = `${extension} ${file.length} ${cutAt}`;
					expect([name, isWhole(extension, ...inPieces(file, lengths))]).toEqual([name, true]);
					const more = Buffer.concat([file, behind]);
					expect([name, isWhole(extension, ...inPieces(more, lengths))]).toEqual([name, true]);
					const unnoticed = extension === 'ply' && !isText ? 0 : (UNNOTICED[extension] ?? 0);
					// A film may end where one of its boxes does.
					const boxes = extension === 'mp4' ? [16, 124] : [];
					if (cutAt >= file.length - unnoticed || boxes.includes(cutAt)) return;
					const cut = file.subarray(0, cutAt);
					expect([name, isWhole(extension, ...inPieces(cut, lengths))]).toEqual([name, false]);
				},
			),
			{ numRuns: 200 },
		);
	}
});

const ply = (...lines: string[]) => Buffer.from(lines.join('\n'));

test.each<[string, string, Buffer]>([
	[
		'a PLY without a line end at its end',
		'ply',
		ply('ply', 'format ascii 1.0', 'element vertex 2', 'property float x', 'end_header', '1', '2'),
	],
	['a PLY of nothing', 'ply', ply('ply', 'format ascii 1.0', 'element vertex 0', 'end_header', '')],
	[
		'a PLY that begins with a mark',
		'ply',
		ply('\uFEFFply', 'format ascii 1.0', 'element vertex 1', 'property int a', 'end_header', '5'),
	],
	[
		'a PLY with carriage returns only',
		'ply',
		Buffer.from('ply\rformat ascii 1.0\relement vertex 9\rproperty int a\rend_header\r5'),
	],
	[
		'a PLY of a format that is not known',
		'ply',
		ply('ply', 'format packed 1.0', 'element vertex 9', 'property int a', 'end_header', '5'),
	],
	[
		'a PLY of a type that is not known',
		'ply',
		ply('ply', 'format binary_little_endian 1.0', 'element vertex 9', 'property half a', 'end_header', '5'),
	],
	[
		'a PLY with a property of nothing',
		'ply',
		ply('ply', 'format binary_little_endian 1.0', 'property int a', 'end_header', ''),
	],
	[
		'a PLY with a negative list',
		'ply',
		Buffer.concat([
			ply(
				'ply',
				'format binary_little_endian 1.0',
				'element face 1',
				'property list char int a',
				'end_header',
				'',
			),
			Buffer.from([255]),
		]),
	],
	[
		'a GIF with zeros between its blocks',
		'gif',
		Buffer.from('GIF89a\x01\0\x01\0\0\0\0\0\0\x21\xfe\x02hi\0\0;', 'latin1'),
	],
	['a GIF with a block that is not known', 'gif', Buffer.from('GIF89a\x01\0\x01\0\0\0\0\x99', 'latin1')],
	['an MP4 whose last box goes on to its end', 'mp4', Buffer.from('\0\0\0\x08ftyp\0\0\0\0mdat..', 'latin1')],
	['a large MP4', 'mp4', Buffer.from('\0\0\0\x01mdat\0\0\0\0\0\0\0\x12..', 'latin1')],
	['an MP4 of a box that is none', 'mp4', Buffer.from('\0\0\0\x02ftyp', 'latin1')],
	['a PNG with a chunk that is none', 'png', Buffer.from('\x89PNG\r\n\x1a\n\0\0\x00\xff\0\0\0\0', 'latin1')],
])('%s is taken', (_name, extension, file) => {
	expect(isWhole(extension, file)).toBe(true);
});

test('a binary STL that calls itself "solid" is told to be cut off', () => {
	const file = Buffer.alloc(84 + 50 * 20, 1);
	file.write('solid mug', 0);
	file.writeUInt32LE(20, 80);
	expect(isWhole('stl', file)).toBe(true);
	expect(isWhole('stl', file.subarray(0, 600))).toBe(false);
	expect(isWhole('stl', Buffer.from(`solid mug\n${' facet normal 0 0 1\n'.repeat(50)}`))).toBe(true);
});

test('any bytes are walked through to their end', () => {
	const begins = [
		'',
		'GIF89a',
		'ply\nformat binary_little_endian 1.0\nelement face 4000000000\n',
		'\x89PNG\r\n\x1a\n',
	];
	fc.assert(
		fc.property(fc.constantFrom(...begins), fc.uint8Array({ maxLength: 400 }), (begin, bytes) => {
			const file = Buffer.concat([Buffer.from(begin, 'latin1'), bytes]);
			for (const { walk } of FILE_KINDS) {
				const [atOnce, byByte] = [walk, walk].map((each) => each && new FileEnd(each()));
				atOnce?.take(file);
				for (const piece of inPieces(file, [1])) byByte?.take(piece);
				expect(byByte?.isWhole).toBe(atOnce?.isWhole);
			}
		}),
	);
});

test('a header that never ends is not kept', () => {
	const end = new FileEnd(kindOf('ply').walk!());
	end.take(Buffer.from('ply\nformat ascii 1.0\n'));
	for (let piece = 0; piece < 100; piece++) end.take(Buffer.alloc(1000, 'comment \n'));
	expect(end.isWhole).toBe(true);
});

test('what announces more than can be is looked for in the time that its bytes take', () => {
	const header = ply(
		'ply',
		'format binary_little_endian 1.0',
		'element nothing 999999999999999',
		'element face 999999999999999',
		'property list uchar uchar a',
		'end_header',
		'',
	);
	const end = new FileEnd(kindOf('ply').walk!());
	end.take(header);
	end.take(Buffer.alloc(100_000));
	expect(end.isWhole).toBe(false);
});
