import fc from 'fast-check';

import { createKeyRemover } from '../../nodes/ImgTo3d/api/redact';
import {
	identify,
	nameAfterFile,
	nameAfterLink,
	nameAfterText,
	nameOutput,
} from '../../nodes/ImgTo3d/file-name';

const pasted = 'sk-test-3f9c1d7be2a84f60';

const clean = createKeyRemover(pasted);

/** For a file that keeps its own name. */
const identifyKept = (url: string, contentType?: string) =>
	identify({ url, contentType, head: Buffer.alloc(0) }, { name: 'job-7-0', isKept: true }, clean);

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
	['https://x.example/spin.mov', 'video/quicktime', 'spin.mov', 'video/quicktime'],
	['https://x.example/%E0%A4%A.ply', undefined, '_E0_A4_A.ply', 'application/x-ply'],
	[`https://x.example/${'n'.repeat(500)}.gif`, undefined, `${'n'.repeat(196)}.gif`, 'image/gif'],
])('a file at %s of type %s is called %s and is %s', (url, contentType, fileName, mimeType) => {
	expect(identifyKept(url, contentType)).toMatchObject({ fileName, mimeType });
});

test.each([
	['..', 'job-7-0'],
	['%2e%2e', 'job-7-0'],
	['%20..', 'job-7-0'],
	['.%20.%20.', 'job-7-0'],
	['%20.hidden.gif', 'hidden.gif'],
	['..%2F..%2Fetc%2Fpasswd', '_.._etc_passwd'],
	['..%5C..%5Cboot.ini', '_.._boot.ini'],
	['%E0%A4%A', '_E0_A4_A'],
	[
		"a%20%28b%29%20%24(reboot)%60x%60%3B%26%7E!%23%25'%22%5B1%5D%7B2%7D%5E.gif",
		'a _b_ __reboot__x__________1__2__.gif',
	],
	['%3D1%2B2.gif', '1+2.gif'],
	['a%2C%20b%3Dc%40d%2B_-.gif', 'a, b=c@d+_-.gif'],
	['a%00b%0Ac%7F.gif', 'a_b_c_.gif'],
	['%E2%80%AEfig.exe', '_fig.exe'],
	['a%E2%80%8Bb%E2%80%A8c%EF%BB%BFd.gif', 'a_b_c_d.gif'],
	['C%3A%2Ftemp%2F*%3F%22%3C%3E%7C.glb', 'C__temp_______.glb'],
	['spin.gif.%20.', 'spin.gif'],
	['-rf.gif', 'rf.gif'],
	['con', '_con'],
	['NUL.gif', '_NUL.gif'],
	['com1.tar.gif', '_com1.tar.gif'],
	['lpt%C2%B9%20.gif', '_lpt\u00b9 .gif'],
	['console.gif', 'console.gif'],
	['Größe%207.gif', 'Größe 7.gif'],
	[`${'x'.repeat(5000)}.gif`, `${'x'.repeat(196)}.gif`],
	[`${'%E4%BA%80'.repeat(100)}.gif`, `${'亀'.repeat(65)}.gif`],
	[`${'%F0%9F%90%A2'.repeat(100)}.gif`, `${'🐢'.repeat(49)}.gif`],
	[`${'.'.repeat(100_000)}gif`, 'gif'],
])('a file at .../%s is named %s', (segment, fileName) => {
	expect(identifyKept(`https://cdn.example/a/${segment}`).fileName).toBe(fileName);
});

test.each([
	[`${pasted}.gif`, '___.gif'],
	[pasted.replace(/-/g, '%2D'), '___'],
	[encodeURIComponent(Buffer.from(`key=${pasted}`).toString('base64')), /^(?!.*c2stdGVzd)/],
	[`${pasted}${'x'.repeat(190)}.gif`, `___${'x'.repeat(190)}.gif`],
])('a file at .../%s has no key in its name', (segment, fileName) => {
	const identity = identifyKept(`https://cdn.example/a/${segment}`, `text/${pasted}`);
	expect(identity.fileName).toMatch(fileName);
	expect(JSON.stringify(identity)).not.toContain(pasted);
});

test('any name becomes harmless and fits into 255 bytes, and stays the same the next time', () => {
	fc.assert(
		fc.property(
			fc.string({ unit: 'binary', maxLength: 300 }),
			fc.constantFrom('', '.gif', '.', ' '),
			(text, end) => {
				const url = `https://cdn.example/${encodeURIComponent(text + end)}`;
				const { fileName } = identifyKept(url);
				expect(fileName).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]|^[.\s=@+-]|[.\s]$/u);
				expect(fileName.replace(/[^\x20-\x7e]/g, '')).toMatch(/^[\w .,+=@-]*$/);
				expect(Buffer.byteLength(fileName)).toBeLessThanOrEqual(201);
				expect(fileName).not.toBe('');
				const again = identifyKept(`https://cdn.example/${encodeURIComponent(fileName)}`);
				expect(again.fileName).toBe(fileName);
			},
		),
	);
});

test.each([
	['https://x.example/a/b.gif', undefined, 'mug-7.gif', 'image/gif'],
	['https://x.example/a/mesh.GLB', 'application/octet-stream', 'mug-7.glb', 'model/gltf-binary'],
	['https://x.example/a/mesh', 'model/stl', 'mug-7.stl', 'model/stl'],
	['https://x.example/', undefined, 'mug-7', 'application/octet-stream'],
	['https://x.example/spin.mov', 'video/quicktime', 'mug-7.mov', 'video/quicktime'],
	['https://x.example/a.neverendingwords', undefined, 'mug-7', 'application/octet-stream'],
])('the node names a file at %s of type %s %s', (url, contentType, fileName, mimeType) => {
	const served = { url, contentType, head: Buffer.alloc(0) };
	expect(identify(served, { name: 'mug-7' }, clean)).toMatchObject({ fileName, mimeType });
});

test.each([
	['mug', '326', 0, 'mug-326'],
	['mug', '326', 2, 'mug-326_2'],
	['mug', undefined, 0, 'mug'],
	['', '326', 0, 'job-326'],
	['../../etc/passwd', '326', 0, 'etc-passwd-326'],
	['con', undefined, 0, '_con'],
	['con.a', '7', 0, '_con.a-7'],
	['-rf $(reboot) `x`; & | "a" \'b\'', '7', 0, 'rf-reboot-x-a-b-7'],
	['Größe 7', 'a/b', 0, 'Größe-7-a-b'],
	['a\u202efig\u200b\u3164b', '7', 0, 'a-fig-b-7'],
	['\ud83d\udc22 \ud83d', '7', 0, 'job-7'],
	['.hidden.', '7', 0, 'hidden-7'],
	['亀'.repeat(200), '9'.repeat(2000), 3, `${'亀'.repeat(26)}-${'9'.repeat(60)}_3`],
])('a file after %j, of the job %s, with the index %i, is named %s', (base, jobId, index, name) => {
	expect(nameOutput(base, jobId, index)).toBe(name);
});

test('a file named after any text has a harmless name of at most 200 bytes, also in a shell', () => {
	const anyText = fc.string({ unit: 'binary', maxLength: 600 });
	fc.assert(
		fc.property(anyText, fc.option(anyText, { nil: undefined }), fc.nat({ max: 99 }), (base, id, index) => {
			for (const named of [base, nameAfterText(base), nameAfterFile(base)]) {
				const name = nameOutput(named, id, index);
				expect(name).toMatch(/^[\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}._-]*$/u);
				expect(name).not.toMatch(/\p{DI}|[.-]$/u);
				expect(Buffer.byteLength(name)).toBeLessThan(200);
			}
		}),
	);
});

test.each([
	['https://x.example/a/red-roses_167862-5720.jpg?w=740', 'red-roses_167862-5720'],
	['https://x.example/Gr%C3%B6%C3%9Fe%207.JPEG', 'Größe 7'],
	['https://x.example/download?id=5', 'download'],
	['https://x.example/', ''],
	['https://x.example/v1.0', 'v1.0'],
	[`https://x.example/${pasted}.png`, '***'],
])('the name of the file at %s is %j', (url, name) => {
	expect(nameAfterLink(url, clean)).toBe(name);
});

test('a prompt gives its first words', () => {
	expect(nameAfterText(' A birthday cupcake, with candles\n(lit) and more')).toBe(
		'A-birthday-cupcake-with-candles-lit',
	);
	expect(nameAfterText('🐢')).toBe('');
});
