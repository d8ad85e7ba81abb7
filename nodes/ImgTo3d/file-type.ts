/** The kinds of files that the service takes and makes: their names, their types, and their first bytes. */
import { walkGif, walkMp4, walkPly, walkPng } from './file-end';
import type { Walk } from './file-walk';

/** How many bytes of a file's beginning are checked. */
export const HEAD_BYTES = 512;

/** A kind of file. */
export interface FileKind {
	/** For people. */
	name: string;
	/** The extensions of its file names, the usual one first. */
	extensions: readonly [string, ...string[]];
	mimeType: string;
	/** Whether the first bytes alone show that a file is of this kind. Absent for kinds without a signature. */
	hasSignature?: (head: Buffer) => boolean;
	/**
	 * Whether a file may be of this kind. It is lenient, because somebody has paid for a file that is refused here.
	 *
	 * @param head its first bytes: {@link HEAD_BYTES}, or all
	 * @param length of the whole file, bytes; absent while it is not known
	 */
	mayBegin(head: Buffer, length?: number): boolean;
	/**
	 * Whether the content shows that a file is of this kind. Only for kinds without a signature, because it is less
	 * certain: any other evidence of another kind counts more.
	 *
	 * @param head as for `mayBegin`
	 * @param length as for `mayBegin`, or as the server announced it
	 */
	isProbable?: (head: Buffer, length?: number) => boolean;
	/** Goes through a file to its end. Absent for kinds that do not say how long they are, or say it in their first bytes. */
	walk?: () => Walk;
}

/** A kind of file with a signature. @param signature of the first bytes, as latin1 */
function withSignature(
	name: string,
	extensions: FileKind['extensions'],
	mimeType: string,
	signature: RegExp,
	more: Partial<Pick<FileKind, 'mayBegin' | 'walk'>> = {},
): FileKind {
	const hasSignature = (head: Buffer) => signature.test(toLatin1(head));
	return { name, extensions, mimeType, hasSignature, mayBegin: hasSignature, ...more };
}

/** A kind of file without a signature: any file that is not recognizably something else. */
function withoutSignature(
	name: string,
	extension: string,
	mimeType: string,
	isProbable: FileKind['isProbable'],
	mayBegin: FileKind['mayBegin'],
): FileKind {
	const isSomethingElse = (head: Buffer) => findKind(head) !== undefined || findText(head) !== undefined;
	return {
		name,
		extensions: [extension],
		mimeType,
		isProbable,
		mayBegin: (head, length) => !isSomethingElse(head) && mayBegin(head, length),
	};
}

/** The first bytes of a file, one character for each. */
const toLatin1 = (file: Buffer) => file.toString('latin1', 0, HEAD_BYTES);

/** The same without the byte order mark that some texts have. In front of any other file, it is damage. */
const toText = (file: Buffer) => toLatin1(file).replace(/^\xef\xbb\xbf/, '');

/** A GLB says at byte 8 how long it is. */
const isCompleteGlb: FileKind['mayBegin'] = (head, length) =>
	toLatin1(head).startsWith('glTF') &&
	(length === undefined || (head.length >= 12 && length >= head.readUInt32LE(8)));

/** A binary STL can be recognized only by its length: a header of 80 bytes, the number of triangles, and 50 bytes for each. */
const isStl: FileKind['mayBegin'] = (head, length) => {
	if (length === undefined) return true;
	const triangles = head.length >= 84 ? head.readUInt32LE(80) : 0;
	// A text STL begins like this, but so do some binary ones. No text contains a zero byte.
	if (/^\s*solid\b/i.test(toText(head))) return !head.includes(0) || length >= 84 + 50 * triangles;
	return triangles > 0 ? length >= 84 + 50 * triangles : length === 84;
};

/** A text STL shows it in its first lines, a binary one by a length that fits its number of triangles exactly. */
const isProbablyStl: FileKind['mayBegin'] = (head, length) => {
	if (/^\s*solid\b[^\r\n]*[\r\n]\s*(?:facet|endsolid)\b/i.test(toText(head))) return true;
	const triangles = head.length >= 84 ? head.readUInt32LE(80) : 0;
	return triangles > 0 && length === 84 + 50 * triangles;
};

/** A vertex with its three coordinates. */
const OBJ_VERTEX = /^v(?:[ \t]+[-+]?[\d.]+(?:e[-+]?\d+)?){3}/im;
const MATERIAL = /^\s*newmtl\s/m;

/** Whether a text, which has no zero bytes, matches a pattern. */
const isText = (pattern: RegExp) => (head: Buffer) => !head.includes(0) && pattern.test(toText(head));

/** The brands of an ISO media file that mean MP4. AVIF, HEIC and QuickTime are such files too. */
const MP4 = /^[^]{4}ftyp(iso|mp4|avc1|M4V|MSNV|dash)/;
/** The boxes that an MP4 may begin with if it does not begin as it should. */
const MP4_BOX = /^[^]{4}(ftyp|styp|moov|mdat|free|skip|wide|uuid)/;

/** Source: the specifications of the formats. */
export const FILE_KINDS: readonly FileKind[] = [
	withSignature('GIF', ['gif'], 'image/gif', /^GIF8[79]a/, { walk: walkGif }),
	withSignature('PLY', ['ply'], 'application/x-ply', /^(?:\xef\xbb\xbf)?ply\s/, { walk: walkPly }),
	withSignature('GLB', ['glb'], 'model/gltf-binary', /^glTF/, { mayBegin: isCompleteGlb }),
	withSignature('MP4', ['mp4'], 'video/mp4', MP4, {
		mayBegin: (head) => MP4_BOX.test(toLatin1(head)),
		walk: walkMp4,
	}),
	withSignature('PNG', ['png'], 'image/png', /^\x89PNG/, { walk: walkPng }),
	withSignature('JPEG', ['jpg', 'jpeg'], 'image/jpeg', /^\xff\xd8\xff/),
	withSignature('WebP', ['webp'], 'image/webp', /^RIFF[^]{4}WEBP/),
	withoutSignature('STL', 'stl', 'model/stl', isProbablyStl, isStl),
	withoutSignature(
		'OBJ',
		'obj',
		'model/obj',
		isText(OBJ_VERTEX),
		(head, length) => length !== 0 && !head.includes(0),
	),
	withoutSignature('MTL', 'mtl', 'model/mtl', isText(MATERIAL), (head) => !head.includes(0)),
];

/** Finds a file's kind by its first bytes. @returns nothing for kinds without a signature */
export function findKind(head: Buffer): FileKind | undefined {
	return FILE_KINDS.find(({ hasSignature }) => hasSignature?.(head));
}

/** Finds the kind that a file's content shows, also that of a kind without a signature. @param length bytes, if known */
export function recognizeKind(head: Buffer, length?: number): FileKind | undefined {
	return findKind(head) ?? FILE_KINDS.find(({ isProbable }) => isProbable?.(head, length));
}

/** Finds a kind by the extension of a file's name. @param extension in any case */
export function findKindByExtension(extension = ''): FileKind | undefined {
	return FILE_KINDS.find(({ extensions }) => extensions.includes(extension.toLowerCase()));
}

/** Why a file is not what it must be, and whether another download may help. */
export interface Mismatch {
	problem: string;
	isTemporary: boolean;
}

/** @param length bytes */
export function describeCutOff(length: number): Mismatch {
	return { problem: `it is cut off after ${length} bytes`, isTemporary: true };
}

/**
 * Compares a file with the kind that it must be.
 *
 * @param head its first bytes: {@link HEAD_BYTES}, or all
 * @param length of the whole file, bytes; absent while it is not known
 * @returns nothing if it may be of that kind
 */
export function findMismatch(
	{ name, mayBegin }: FileKind,
	head: Buffer,
	length?: number,
): Mismatch | undefined {
	if (mayBegin(head, length)) return undefined;
	const other = findKind(head);
	if (other?.name === name && length !== undefined) return describeCutOff(length);
	const what = other ? `of a ${other.name} file` : head.toString('hex', 0, 8);
	return {
		problem: `its name says ${name}, but it ${head.length === 0 ? 'is empty' : `begins with the bytes ${what}`}`,
		// A server in trouble may send anything with a status of success.
		isTemporary: other === undefined,
	};
}

/** What {@link findText} says of a web page. */
export const WEB_PAGE = 'a web page';

/** What may stand in front of the first element of a page or an XML document. */
const PROLOGUE = /^(?:\s*<(?:!--[^]*?--|\?[^]*?\?)>)+/;

/** Finds out which text a server has sent instead of a file. @returns with its article, or nothing if it is none */
export function findText(head: Buffer): string | undefined {
	const text = decodeText(head).trimStart();
	// The header of a binary STL may begin with any character.
	if (text.includes('\0')) return undefined;
	if (isWebPage(text.slice(0, HEAD_BYTES).replace(PROLOGUE, ''))) return WEB_PAGE;
	if (text.startsWith('<')) return 'an XML document';
	return text.startsWith('{') || text.startsWith('[') ? 'a JSON text' : undefined;
}

/** A byte order mark of UTF-16. */
const UTF16_MARK = /^(?:\xff\xfe|\xfe\xff)/;
/** UTF-16 without it: every second byte of Latin letters is zero. */
const UTF16 = /^(?:(?:[\t-\r -~]\0){4}|(?:\0[\t-\r -~]){4})/;

/** Decodes the beginning of a text. UTF-16 is read as if it had no zero bytes. */
export function decodeText(bytes: Buffer): string {
	const begin = bytes.toString('latin1', 0, 8);
	const start = UTF16_MARK.test(begin) ? 2 : 0;
	const isUtf16 = start > 0 || UTF16.test(begin);
	const text = isUtf16 ? bytes.subarray(start).filter((byte) => byte !== 0) : bytes;
	return Buffer.from(text)
		.toString('utf8')
		.replace(/^\ufeff/, '');
}

/** Whether a text begins like a web page. */
export function isWebPage(text: string): boolean {
	return /^\s*<(!doctype\s+html|html|head|body)/i.test(text);
}
