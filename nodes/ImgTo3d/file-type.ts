/** The kinds of files that the service takes and makes: their names, their types, and how they begin. */
import { walkGif, walkMp4, walkPly, walkPng, type Walk } from './file-end';

/** How many bytes of a file's beginning are looked at. */
export const HEAD_BYTES = 512;

/** A kind of file. */
export interface FileKind {
	/** As people call it. */
	name: string;
	/** The endings of its names, the usual one first. */
	extensions: readonly [string, ...string[]];
	mimeType: string;
	/** How its files are known by their beginning alone; absent for those that nothing in particular begins. */
	signature?: (head: Buffer) => boolean;
	/**
	 * Whether a file may be of this kind. Lenient: a file that is refused here is one that somebody has paid for.
	 *
	 * @param head its first bytes, {@link HEAD_BYTES} or all
	 * @param length of the whole file, bytes; absent while it is not known
	 */
	mayBegin(head: Buffer, length?: number): boolean;
	/** Goes through a file to its end; absent for kinds that say nowhere how long they are, or say it in their beginning. */
	walk?: () => Walk;
}

/** @param signature of the first bytes, as latin1 */
function withSignature(
	name: string,
	extensions: FileKind['extensions'],
	mimeType: string,
	signature: RegExp,
	more: Partial<Pick<FileKind, 'mayBegin' | 'walk'>> = {},
): FileKind {
	const hasSignature = (head: Buffer) => signature.test(latin1(head));
	return { name, extensions, mimeType, signature: hasSignature, mayBegin: hasSignature, ...more };
}

/** What nothing in particular begins: anything that is not recognisably something else. */
function withoutSignature(
	name: string,
	extension: string,
	mimeType: string,
	mayBegin: FileKind['mayBegin'],
): FileKind {
	const isSomethingElse = (head: Buffer) => findKind(head) !== undefined || describeText(head) !== undefined;
	return {
		name,
		extensions: [extension],
		mimeType,
		mayBegin: (head, length) => !isSomethingElse(head) && mayBegin(head, length),
	};
}

/** A file's beginning, a byte a character, without the mark that some texts begin with. */
const latin1 = (file: Buffer) => file.toString('latin1', 0, HEAD_BYTES).replace(/^\xef\xbb\xbf/, '');

/** A GLB says at its byte 8 how long it is. */
const isWholeGlb: FileKind['mayBegin'] = (head, length) =>
	latin1(head).startsWith('glTF') &&
	(length === undefined || (head.length >= 12 && length >= head.readUInt32LE(8)));

/** A binary STL is known by its length only: a header of 80 bytes, the number of triangles, and 50 bytes for each. */
const isStl: FileKind['mayBegin'] = (head, length) => {
	if (length === undefined) return true;
	const triangles = head.length >= 84 ? head.readUInt32LE(80) : 0;
	// A text begins like this, but some binary ones call themselves so too; no text holds a zero.
	if (/^\s*solid\b/i.test(latin1(head))) return !head.includes(0) || length >= 84 + 50 * triangles;
	return triangles > 0 ? length >= 84 + 50 * triangles : length === 84;
};

/** The brands of an ISO media file that say MP4; AVIF, HEIC and QuickTime are such files too. */
const MP4 = /^[^]{4}ftyp(iso|mp4|avc1|M4V|MSNV|dash)/;
/** The boxes that an MP4 may begin with when it does not begin as it should. */
const MP4_BOX = /^[^]{4}(ftyp|styp|moov|mdat|free|skip|wide|uuid)/;

/** From the formats' specifications. */
export const FILE_KINDS: readonly FileKind[] = [
	withSignature('GIF', ['gif'], 'image/gif', /^GIF8[79]a/, { walk: walkGif }),
	withSignature('PLY', ['ply'], 'application/x-ply', /^ply\s/, { walk: walkPly }),
	withSignature('GLB', ['glb'], 'model/gltf-binary', /^glTF/, { mayBegin: isWholeGlb }),
	withSignature('MP4', ['mp4'], 'video/mp4', MP4, {
		mayBegin: (head) => MP4_BOX.test(latin1(head)),
		walk: walkMp4,
	}),
	withSignature('PNG', ['png'], 'image/png', /^\x89PNG/, { walk: walkPng }),
	withSignature('JPEG', ['jpg', 'jpeg'], 'image/jpeg', /^\xff\xd8\xff/),
	withSignature('WebP', ['webp'], 'image/webp', /^RIFF[^]{4}WEBP/),
	withoutSignature('OBJ', 'obj', 'model/obj', (head, length) => length !== 0 && !head.includes(0)),
	withoutSignature('MTL', 'mtl', 'model/mtl', (head) => !head.includes(0)),
	withoutSignature('STL', 'stl', 'model/stl', isStl),
];

/** The kind that a file's first bytes give away; nothing for those that nothing in particular begins. */
export function findKind(head: Buffer): FileKind | undefined {
	return FILE_KINDS.find(({ signature }) => signature?.(head));
}

/** File systems take 255 bytes, and the ending may still have to be put on. */
const MAX_NAME_BYTES = 200;

/** What Windows takes for a device, whatever ending it has. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|$)/i;

export interface FileIdentity {
	fileName: string;
	mimeType: string;
	/** What the file has to be, by its name or by what the server says. */
	kind?: FileKind;
	/** Whether nothing says what the file is, so that its first bytes may. */
	isUnnamed: boolean;
}

/**
 * The name and type an output file gets in n8n. The name's ending decides the type, since servers often send
 * 3D files as `application/octet-stream`; the server's type helps where the name has no known ending.
 *
 * @param url the file's address
 * @param contentType the server's `Content-Type`, if any
 * @param fallbackName for an address without a usable name, without ending
 * @param clean takes the API key out of a text
 */
export function identify(
	url: string,
	contentType: string | undefined,
	fallbackName: string,
	clean: (text: string) => string,
): FileIdentity {
	const name = safeName(lastSegment(url, clean)) || fallbackName;
	const extension = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase();
	const named = FILE_KINDS.find(({ extensions }) => extension && extensions.includes(extension));
	if (named) return { fileName: name, mimeType: named.mimeType, kind: named, isUnnamed: false };

	const sent = contentType?.split(';')[0]?.trim().toLowerCase() || 'application/octet-stream';
	const kind = FILE_KINDS.find(({ mimeType }) => mimeType === sent);
	if (kind) return { ...nameByKind(name, kind), kind, isUnnamed: false };
	const isUnnamed = extension === undefined && sent === 'application/octet-stream';
	return { fileName: name, mimeType: clean(sent), isUnnamed };
}

/** The name and type of a file whose own name does not say what it is. */
export function nameByKind(
	name: string,
	{ extensions: [extension], mimeType }: FileKind,
): Pick<FileIdentity, 'fileName' | 'mimeType'> {
	return { fileName: `${name}.${extension}`, mimeType };
}

/** Why a file is not what it has to be, and whether another download may bring it. */
export interface Mismatch {
	problem: string;
	mayPass: boolean;
}

/** @param length bytes */
export function describeCutOff(length: number): Mismatch {
	return { problem: `it is cut off after ${length} bytes`, mayPass: true };
}

/**
 * Compares a file with what it has to be.
 *
 * @param head its first bytes, {@link HEAD_BYTES} or all
 * @param length of the whole file, bytes; absent while it is not known
 * @returns nothing when it may be that
 */
export function findMismatch(
	{ name, mayBegin }: FileKind,
	head: Buffer,
	length?: number,
): Mismatch | undefined {
	if (mayBegin(head, length)) return undefined;
	const other = findKind(head);
	if (other?.name === name && length !== undefined) return describeCutOff(length);
	const what = other ? `of a ${other.name} file` : (describeText(head) ?? head.toString('hex', 0, 8));
	return {
		problem: `its name says ${name}, but it ${head.length === 0 ? 'is empty' : `begins with the bytes ${what}`}`,
		// A server in trouble may answer with a page, and still call that a success.
		mayPass: other === undefined,
	};
}

/** Texts that servers send in place of files. */
function describeText(head: Buffer): string | undefined {
	const text = latin1(head).trimStart();
	if (isWebPage(text)) return 'of a web page';
	if (text.startsWith('<')) return 'of an XML document';
	return text.startsWith('{') || text.startsWith('[') ? 'of a JSON text' : undefined;
}

/** Whether a text begins as web pages do. */
export function isWebPage(text: string): boolean {
	return /^\s*<(!doctype|html|head|body)/i.test(text);
}

/** The key is taken out before a part of it can be cut off, and once more when nothing hides it. */
function lastSegment(url: string, clean: (text: string) => string): string {
	const segment = clean(new URL(url).pathname).split('/').pop() ?? '';
	try {
		return clean(decodeURIComponent(segment));
	} catch {
		return segment;
	}
}

/**
 * A name that is harmless as a file name everywhere: no path, nothing that cannot be seen or turns the text around, not
 * hidden, no device, not taken for an option of a program, not too long.
 */
function safeName(name: string): string {
	const end = Buffer.from(name).subarray(-MAX_NAME_BYTES).toString('utf8');
	const safe = end
		// The first character may have been cut in two.
		.replace(/^\ufffd+/, '')
		.replace(/[\p{C}\p{Zl}\p{Zp}/\\:*?"<>|]/gu, '_')
		.replace(/^[\s.-]+|[\s.]+$/g, '');
	return DEVICE.test(safe) ? `_${safe}` : safe;
}
