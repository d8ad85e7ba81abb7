import fc from 'fast-check';

import { FileWalk } from '../../nodes/ImgTo3d/file-walk';
import { FILE_KINDS, HEAD_BYTES, findMismatch, type FileKind } from '../../nodes/ImgTo3d/file-type';
import { smallFiles } from '../support/small-files.mts';

const kindOf = (extension: string) =>
	FILE_KINDS.find(({ extensions }) => extensions.includes(extension)) as FileKind;

/** Whether a file that arrives in these chunks is complete, as far as is known. */
function isComplete(extension: string, ...chunks: Buffer[]): boolean {
	const kind = kindOf(extension);
	const end = kind.walk && new FileWalk(kind.walk());
	for (const chunk of chunks) end?.take(chunk);
	const file = Buffer.concat(chunks);
	return (
		findMismatch(kind, file.subarray(0, HEAD_BYTES), file.length) === undefined && end?.isComplete !== false
	);
}

/** Cuts a file into chunks of these lengths, in rotation. */
function cutInto(file: Buffer, lengths: number[]): Buffer[] {
	const chunks: Buffer[] = [];
	for (let at = 0, index = 0; at < file.length; index++) {
		const length = lengths[index % lengths.length] ?? 1;
		chunks.push(file.subarray(at, at + length));
		at += length;
	}
	return chunks;
}

/** How many bytes may be missing at the end unnoticed: those of the last line, or those after the last length. */
const UNNOTICED: Record<string, number> = { ply: 12, png: 4 };

test('a file is complete in whatever chunks it arrives, and with anything after its end, but not when it is cut off', async () => {
	for (const [extension, file] of await smallFiles()) {
		const isText = file.includes('format ascii');
		fc.assert(
			fc.property(
				fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
				fc.uint8Array({ maxLength: 40 }),
				fc.nat({ max: file.length - 1 }),
				(lengths, rest, cutAt) => {
					const name = `${extension} ${file.length} ${cutAt}`;
					expect([name, isComplete(extension, ...cutInto(file, lengths))]).toEqual([name, true]);
					const more = Buffer.concat([file, rest]);
					expect([name, isComplete(extension, ...cutInto(more, lengths))]).toEqual([name, true]);
					const unnoticed = extension === 'ply' && !isText ? 0 : (UNNOTICED[extension] ?? 0);
					// A video may end where one of its boxes does.
					const boxes = extension === 'mp4' ? [16, 124] : [];
					if (cutAt >= file.length - unnoticed || boxes.includes(cutAt)) return;
					const cut = file.subarray(0, cutAt);
					expect([name, isComplete(extension, ...cutInto(cut, lengths))]).toEqual([name, false]);
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
	['a PLY without vertices', 'ply', ply('ply', 'format ascii 1.0', 'element vertex 0', 'end_header', '')],
	[
		'a PLY that begins with a byte order mark',
		'ply',
		ply('\uFEFFply', 'format ascii 1.0', 'element vertex 1', 'property int a', 'end_header', '5'),
	],
	[
		'a PLY with carriage returns only',
		'ply',
		Buffer.from('ply\rformat ascii 1.0\relement vertex 9\rproperty int a\rend_header\r5'),
	],
	[
		'a PLY in an unknown format',
		'ply',
		ply('ply', 'format packed 1.0', 'element vertex 9', 'property int a', 'end_header', '5'),
	],
	[
		'a PLY with an unknown type',
		'ply',
		ply('ply', 'format binary_little_endian 1.0', 'element vertex 9', 'property half a', 'end_header', '5'),
	],
	[
		'a PLY with a property that belongs to no element',
		'ply',
		ply('ply', 'format binary_little_endian 1.0', 'property int a', 'end_header', ''),
	],
	[
		'a PLY with a list of negative length',
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
	['a GIF with an unknown block', 'gif', Buffer.from('GIF89a\x01\0\x01\0\0\0\0\x99', 'latin1')],
	['an MP4 whose last box goes on to its end', 'mp4', Buffer.from('\0\0\0\x08ftyp\0\0\0\0mdat..', 'latin1')],
	['a large MP4', 'mp4', Buffer.from('\0\0\0\x01mdat\0\0\0\0\0\0\0\x12..', 'latin1')],
	['an MP4 with a box that is too short', 'mp4', Buffer.from('\0\0\0\x02ftyp', 'latin1')],
	[
		'a PNG with a chunk of an impossible type',
		'png',
		Buffer.from('\x89PNG\r\n\x1a\n\0\0\x00\xff\0\0\0\0', 'latin1'),
	],
])('%s counts as complete', (_name, extension, file) => {
	expect(isComplete(extension, file)).toBe(true);
});

test('a binary STL that begins with "solid" is recognized when it is cut off', () => {
	const file = Buffer.alloc(84 + 50 * 20, 1);
	file.write('solid mug', 0);
	file.writeUInt32LE(20, 80);
	expect(isComplete('stl', file)).toBe(true);
	expect(isComplete('stl', file.subarray(0, 600))).toBe(false);
	expect(isComplete('stl', Buffer.from(`solid mug\n${' facet normal 0 0 1\n'.repeat(50)}`))).toBe(true);
});

test('a walk gives the same result for any bytes, at once or byte by byte', () => {
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
				const [atOnce, byByte] = [walk, walk].map((each) => each && new FileWalk(each()));
				atOnce?.take(file);
				for (const chunk of cutInto(file, [1])) byByte?.take(chunk);
				expect(byByte?.isComplete).toBe(atOnce?.isComplete);
			}
		}),
	);
});

test('a header that never ends is not kept', () => {
	const end = new FileWalk(kindOf('ply').walk!());
	end.take(Buffer.from('ply\nformat ascii 1.0\n'));
	for (let piece = 0; piece < 100; piece++) end.take(Buffer.alloc(1000, 'comment \n'));
	expect(end.isComplete).toBe(true);
});

test('a file that announces more than is possible costs no more time than its bytes', () => {
	const header = ply(
		'ply',
		'format binary_little_endian 1.0',
		'element nothing 999999999999999',
		'element face 999999999999999',
		'property list uchar uchar a',
		'end_header',
		'',
	);
	const end = new FileWalk(kindOf('ply').walk!());
	end.take(header);
	end.take(Buffer.alloc(100_000));
	expect(end.isComplete).toBe(false);
});
