/** The kinds of files that the service takes and makes: their names, their types, and how they begin. */

/** How many bytes of a file's beginning are enough to tell its kind. */
export const HEAD_BYTES = 512;

/** A kind of file. */
export interface FileKind {
	/** As people call it. */
	name: string;
	/** The endings of its names, the usual one first. */
	extensions: readonly [string, ...string[]];
	mimeType: string;
	/** Whether it is known by its first bytes alone. */
	hasSignature: boolean;
	/**
	 * Whether a file is of this kind, as far as its beginning tells.
	 *
	 * @param head its first bytes, all or at least {@link HEAD_BYTES}
	 * @param length of the whole file, bytes
	 */
	isBegunBy(head: Buffer, length: number): boolean;
}

const binary = (
	name: string,
	extensions: FileKind['extensions'],
	mimeType: string,
	/** Of the first bytes, as latin1. */
	signature: RegExp,
): FileKind => ({
	name,
	extensions,
	mimeType,
	hasSignature: true,
	isBegunBy: (head) => signature.test(head.toString('latin1', 0, 16)),
});

/** A text format in lines that begin with keywords; `#` begins a comment. */
const lines = (name: string, extension: string, mimeType: string, keywords: RegExp): FileKind => ({
	name,
	extensions: [extension],
	mimeType,
	hasSignature: false,
	isBegunBy: (head) => {
		if (head.includes(0)) return false;
		const first = head
			.toString('utf8')
			.replace(/^\uFEFF/, '')
			.split(/[\r\n]+/)
			.map((line) => line.trim())
			.find((line) => line !== '' && !line.startsWith('#'));
		return first === undefined || keywords.test(first);
	},
});

/** A binary STL is known by its length: a header of 80 bytes, the number of triangles, and 50 bytes for each. */
function isStl(head: Buffer, length: number): boolean {
	if (/^\s*solid\b[^<]*$/.test(head.toString('latin1', 0, 80))) return true;
	return head.length >= 84 && length >= 84 + 50 * head.readUInt32LE(80);
}

/** From the formats' specifications. */
export const FILE_KINDS: readonly FileKind[] = [
	binary('GIF', ['gif'], 'image/gif', /^GIF8[79]a/),
	binary('PLY', ['ply'], 'application/x-ply', /^ply[\r\n]/),
	binary('GLB', ['glb'], 'model/gltf-binary', /^glTF/),
	binary('MP4', ['mp4'], 'video/mp4', /^[^]{4}ftyp/),
	binary('PNG', ['png'], 'image/png', /^\x89PNG/),
	binary('JPEG', ['jpg', 'jpeg'], 'image/jpeg', /^\xff\xd8\xff/),
	binary('WebP', ['webp'], 'image/webp', /^RIFF[^]{4}WEBP/),
	lines('OBJ', 'obj', 'model/obj', /^(v|vt|vn|vp|f|l|p|o|g|s|mg|cstype|mtllib|usemtl)\s/),
	lines('MTL', 'mtl', 'model/mtl', /^newmtl\s/),
	{ name: 'STL', extensions: ['stl'], mimeType: 'model/stl', hasSignature: false, isBegunBy: isStl },
];

/** The kind that a file's first bytes give away; nothing for those that many files begin with. */
export function kindByHead(head: Buffer): FileKind | undefined {
	return FILE_KINDS.find((kind) => kind.hasSignature && kind.isBegunBy(head, head.length));
}

const MAX_NAME_LENGTH = 120;

export interface FileIdentity {
	fileName: string;
	mimeType: string;
	/** What the file's name says that it is. */
	named?: FileKind;
}

/**
 * The name and type an output file gets in n8n. The name's ending decides the type, since servers often send
 * 3D files as `application/octet-stream`; the server's type helps where the name has no known ending.
 *
 * @param url the file's address
 * @param contentType the server's `Content-Type`, if any
 * @param fallbackName for an address without a usable name, without ending
 */
export function identify(url: string, contentType: string | undefined, fallbackName: string): FileIdentity {
	const name = safeName(lastSegment(url)) || fallbackName;
	const extension = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
	const named = FILE_KINDS.find(({ extensions }) => extensions.includes(extension));
	if (named) return { fileName: name, mimeType: named.mimeType, named };

	const sent = contentType?.split(';')[0]?.trim().toLowerCase();
	const byType = FILE_KINDS.find(({ mimeType }) => mimeType === sent);
	return byType ? ofKind(name, byType) : { fileName: name, mimeType: sent || 'application/octet-stream' };
}

/** The name and type of a file whose own name does not say what it is. */
export function ofKind(
	name: string,
	{ extensions: [extension], mimeType }: FileKind,
): Omit<FileIdentity, 'named'> {
	return { fileName: `${name}.${extension}`, mimeType };
}

/** Why a file is not what its name says, and whether another download may bring it. */
export interface Mismatch {
	problem: string;
	mayPass: boolean;
}

/**
 * Compares a file with what its name says.
 *
 * @param head its first bytes
 * @param length of the whole file, bytes
 * @returns nothing when it may be what it is named
 */
export function mismatchOf(named: FileKind, head: Buffer, length: number): Mismatch | undefined {
	if (length > 0 && named.isBegunBy(head, length)) return undefined;
	const other = kindByHead(head);
	const found = other ? `of a ${other.name} file` : describeHead(head);
	return {
		problem: `its name says ${named.name}, but it ${length === 0 ? 'is empty' : `begins with the bytes ${found}`}`,
		// A server in trouble may answer with a page, and still call that a success.
		mayPass: other === undefined,
	};
}

function describeHead(head: Buffer): string {
	const text = head.toString('latin1').trimStart();
	if (/^<(!doctype|html|head|body)/i.test(text)) return 'of a web page';
	if (text.startsWith('<')) return 'of an XML document';
	if (text.startsWith('{') || text.startsWith('[')) return 'of a JSON text';
	return head.toString('hex', 0, 8);
}

function lastSegment(url: string): string {
	const segment = new URL(url).pathname.split('/').pop() ?? '';
	try {
		return decodeURIComponent(segment);
	} catch {
		return segment;
	}
}

/** A name that is harmless as a file name everywhere: no path, no control characters, not hidden, not long. */
function safeName(name: string): string {
	return name
		.replace(/[\p{Cc}/\\:*?"<>|]/gu, '_')
		.replace(/^\.+/, '')
		.slice(-MAX_NAME_LENGTH)
		.trim();
}
