import fc from 'fast-check';

import { FILE_KINDS, HEAD_BYTES, findKind, findMismatch, type FileKind } from '../../nodes/ImgTo3d/file-type';

const kind = (extension: string) =>
	FILE_KINDS.find(({ extensions }) => extensions.includes(extension)) as FileKind;

/** Makes a binary STL. @param length of the whole file, bytes */
function stl(triangles: number, length = 84 + 50 * triangles, header = 'made by a printer'): Buffer {
	const file = Buffer.alloc(length, 1);
	file.write(header, 0, 'latin1');
	if (length >= 84) file.writeUInt32LE(triangles, 80);
	return file;
}

/** Makes the beginning of a GLB. @param announced the length that its header says */
function glb(length: number, announced = length): Buffer {
	const file = Buffer.alloc(length);
	file.write('glTF\x02', 0, 'latin1');
	file.writeUInt32LE(announced, 8);
	return file;
}

const mismatch = (extension: string, file: Buffer | string) => {
	const bytes = Buffer.from(file as string);
	return findMismatch(kind(extension), bytes.subarray(0, HEAD_BYTES), bytes.length);
};

test.each<[string, Buffer | string]>([
	['gif', 'GIF89a...'],
	['gif', 'GIF87a...'],
	['ply', 'ply\nformat ascii 1.0'],
	['ply', 'ply\r\nformat ascii 1.0'],
	['ply', 'ply\rformat ascii 1.0'],
	['ply', '\uFEFFply \nformat ascii 1.0'],
	['glb', glb(20)],
	['glb', glb(1000)],
	['mp4', '\0\0\0\x20ftypisom'],
	['mp4', '\0\0\0\x20ftypqt  '],
	['mp4', '\0\0\0\x08wide\0\0\0\0mdat'],
	['stl', stl(2)],
	['stl', stl(20)],
	['stl', stl(20, 84 + 50 * 20, 'solid mug')],
	['stl', stl(0)],
	['stl', stl(2, 200)],
	['stl', 'solid mug\n facet normal 0 0 1\n'],
	['stl', '\uFEFFSolid <unnamed>\n facet normal 0 0 1\n'],
	['obj', '# made by\n\nmtllib a.mtl\nv 0 0 0\n'],
	['obj', '\uFEFFv 0 0 0\r\n'],
	['obj', 'g\nv 0 0 0\n'],
	['obj', 'shadow_obj a.obj\n'],
	['obj', `# ${'long '.repeat(200)}\nv 0 0 0`],
	...[503, 505, 509, 510, 511].map((length): [string, string] => [
		'obj',
		`#${'x'.repeat(length)}\nmtllib mug.mtl\nv 0 0 0`,
	]),
	['mtl', '# materials\n\tnewmtl glaze\nKd 1 1 1'],
	['mtl', 'newmtl\n'],
	['mtl', ''],
	['jpeg', Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
	['webp', 'RIFF\0\0\0\0WEBPVP8 '],
])('a .%s file may begin like that (%#)', (extension, file) => {
	expect(mismatch(extension, file)).toBeUndefined();
});

const PAGE = '<!DOCTYPE html><html><head><title>502</title></head></html>';
const begins = (name: string, what: string) => `its name says ${name}, but it begins with the bytes ${what}`;

test.each<[string, Buffer | string, string, boolean]>([
	['glb', PAGE, begins('GLB', '3c21444f43545950'), true],
	['obj', PAGE, begins('OBJ', '3c21444f43545950'), true],
	['stl', PAGE, begins('STL', '3c21444f43545950'), true],
	['mtl', '{"status":"error"}', begins('MTL', '7b22737461747573'), true],
	['gif', '', 'its name says GIF, but it is empty', true],
	['obj', '', 'its name says OBJ, but it is empty', true],
	['stl', '', 'its name says STL, but it is empty', true],
	['glb', 'GIF89a', begins('GLB', 'of a GIF file'), false],
	['stl', Buffer.concat([Buffer.from('GIF89a'), Buffer.alloc(200)]), begins('STL', 'of a GIF file'), false],
	['glb', glb(600, 100_000), 'it is cut off after 600 bytes', true],
	['gif', Buffer.from([1, 2, 3]), begins('GIF', '010203'), true],
	['obj', 'v 0 0 0\0', begins('OBJ', '7620302030203000'), true],
	['stl', stl(20, 500), begins('STL', '6d61646520627920'), true],
	['stl', stl(0, 300), begins('STL', '6d61646520627920'), true],
	['mp4', '\0\0\0\x20junkisom', begins('MP4', '000000206a756e6b'), true],
])('a .%s file may not begin like that: %j', (extension, file, problem, isTemporary) => {
	expect(mismatch(extension, file)).toEqual({ problem, isTemporary });
});

test('a correct file has no mismatch while only its first bytes have arrived', () => {
	for (const [extension, file] of [
		['stl', stl(100)],
		['glb', glb(5000)],
		['obj', Buffer.from('v 0 0 0\n'.repeat(100))],
	] as const) {
		expect(findMismatch(kind(extension), file.subarray(0, HEAD_BYTES))).toBeUndefined();
	}
});

test.each(['heic', 'avif', 'qt  ', 'M4A '])('a file of the brand "%s" does not count as an MP4', (brand) => {
	expect(findKind(Buffer.from(`\0\0\0\x20ftyp${brand}`))).toBeUndefined();
});

test('a signature belongs to one kind, and no kind reads past the end of the bytes', () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
			const head = Buffer.from(bytes);
			const kinds = FILE_KINDS.filter(({ hasSignature }) => hasSignature?.(head));
			expect(kinds.length).toBeLessThanOrEqual(1);
			expect(findKind(head)).toBe(kinds[0]);
			for (const { mayBegin } of FILE_KINDS) {
				expect(typeof mayBegin(head, head.length)).toBe('boolean');
				expect(typeof mayBegin(head)).toBe('boolean');
			}
		}),
	);
});
