import fc from 'fast-check';

import {
	FILE_KINDS,
	HEAD_BYTES,
	identify,
	kindByHead,
	mismatchOf,
	type FileKind,
} from '../../nodes/ImgTo3d/output/file-type';

test.each([
	['https://x.example/a/b.gif', undefined, 'b.gif', 'image/gif'],
	['https://x.example/a/mesh.GLB', 'application/octet-stream', 'mesh.GLB', 'model/gltf-binary'],
	['https://x.example/a/mesh', 'model/stl', 'mesh.stl', 'model/stl'],
	['https://x.example/', undefined, 'job-7-0', 'application/octet-stream'],
	[
		'https://x.example/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
		undefined,
		'_.._etc_passwd',
		'application/octet-stream',
	],
	['https://x.example/a%00b%0A.gif', undefined, 'a_b_.gif', 'image/gif'],
	['https://x.example/%E0%A4%A.ply', undefined, '%E0%A4%A.ply', 'application/x-ply'],
	[`https://x.example/${'n'.repeat(500)}.gif`, undefined, `${'n'.repeat(116)}.gif`, 'image/gif'],
])('a file at %s of type %s is called %s and is %s', (url, contentType, fileName, mimeType) => {
	expect(identify(url, contentType, 'job-7-0')).toMatchObject({ fileName, mimeType });
});

const kind = (extension: string) =>
	FILE_KINDS.find(({ extensions }) => extensions.includes(extension)) as FileKind;

/** A binary STL of so many triangles, with so many bytes in all. */
function stl(triangles: number, length = 84 + 50 * triangles): Buffer {
	const file = Buffer.alloc(length, 1);
	file.write('made by a printer', 0, 'latin1');
	file.writeUInt32LE(triangles, 80);
	return file;
}

const mismatch = (extension: string, file: Buffer | string) => {
	const bytes = Buffer.from(file);
	return mismatchOf(kind(extension), bytes.subarray(0, HEAD_BYTES), bytes.length);
};

test.each<[string, Buffer | string]>([
	['gif', 'GIF89a...'],
	['gif', 'GIF87a...'],
	['ply', 'ply\nformat ascii 1.0'],
	['ply', 'ply\r\nformat ascii 1.0'],
	['glb', 'glTF\x02\0\0\0'],
	['mp4', '\0\0\0\x20ftypisom'],
	['stl', stl(2)],
	['stl', stl(20)],
	['stl', 'solid mug\n facet normal 0 0 1\n'],
	['obj', '# made by\n\nmtllib a.mtl\nv 0 0 0\n'],
	['obj', '\uFEFFv 0 0 0\r\n'],
	['obj', `# ${'long '.repeat(200)}\nv 0 0 0`],
	['mtl', '# materials\n\tnewmtl glaze\nKd 1 1 1'],
	['jpeg', Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
	['webp', 'RIFF\0\0\0\0WEBPVP8 '],
])('a .%s file may begin like that (%#)', (extension, file) => {
	expect(mismatch(extension, file)).toBeUndefined();
});

const PAGE = '<!DOCTYPE html><html><head><title>502</title></head></html>';

test.each<[string, Buffer | string, string, boolean]>([
	['glb', PAGE, 'its name says GLB, but it begins with the bytes of a web page', true],
	['obj', PAGE, 'its name says OBJ, but it begins with the bytes of a web page', true],
	['stl', PAGE, 'its name says STL, but it begins with the bytes of a web page', true],
	['mtl', '{"status":"error"}', 'its name says MTL, but it begins with the bytes of a JSON text', true],
	[
		'ply',
		'<?xml version="1.0"?><Error/>',
		'its name says PLY, but it begins with the bytes of an XML document',
		true,
	],
	['gif', '', 'its name says GIF, but it is empty', true],
	['obj', '', 'its name says OBJ, but it is empty', true],
	['glb', 'GIF89a', 'its name says GLB, but it begins with the bytes of a GIF file', false],
	['gif', Buffer.from([1, 2, 3]), 'its name says GIF, but it begins with the bytes 010203', true],
	['obj', 'v 0 0 0\0', 'its name says OBJ, but it begins with the bytes 7620302030203000', true],
	['stl', stl(20, 500), 'its name says STL, but it begins with the bytes 6d61646520627920', true],
	['stl', `solid ${PAGE}`, 'its name says STL, but it begins with the bytes 736f6c6964203c21', true],
])('a .%s file may not begin like that: %j', (extension, file, problem, mayPass) => {
	expect(mismatch(extension, file)).toEqual({ problem, mayPass });
});

test('a signature belongs to one kind, and is never read past the bytes that are there', () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
			const head = Buffer.from(bytes);
			const kinds = FILE_KINDS.filter((entry) => entry.hasSignature && entry.isBegunBy(head, head.length));
			expect(kinds.length).toBeLessThanOrEqual(1);
			expect(kindByHead(head)).toBe(kinds[0]);
			for (const entry of FILE_KINDS) expect(typeof entry.isBegunBy(head, head.length)).toBe('boolean');
		}),
	);
});
