/** The names and types of output files. */
import { FILE_KINDS, findKind, findKindByExtension, recognizeKind, type FileKind } from './file-type';

/** File systems allow 255 bytes, and the extension may have to be added. */
const MAX_NAME_BYTES = 200;

/** The longest part of a name that comes from the input, and the longest that is the job's ID, bytes. */
const MAX_BASE_BYTES = 80;
const MAX_ID_BYTES = 60;

/** How much of a text is searched for a name, characters. */
const MAX_SEARCHED = 400;

/** How many words of a text make a name. */
const MAX_WORDS = 6;

/** What Windows takes for a device, with any extension. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|$)/i;

/** What is not kept of a name: all but letters, digits, dots and underscores. Some letters are invisible. */
const SEPARATORS = /(?:[^\p{L}\p{M}\p{N}._]|\p{DI})+/gu;

/**
 * What is not kept of a name that a file has on its server: invisible characters, those that reverse the text, and those
 * that mean something in a path, a shell, or a template. Parentheses too, although an OBJ may name a material so:
 * unquoted, they begin a command. Spaces are common, and do no harm in quotation marks.
 */
const HARMFUL = /[\p{C}\p{Zl}\p{Zp}!"#$%&'()*/:;<>?[\\\]^`{|}~]/gu;

const EXTENSION = /\.([A-Za-z0-9]{1,10})$/;

/** What a file is to be called. */
export interface FileNaming {
	/** The name that the node gives it, without extension. */
	name: string;
	/** Whether it keeps the name that it has on its server, because another file refers to it. */
	isKept?: boolean;
}

/** What a server says about a file, and the file's beginning. */
export interface ServedFile {
	url: string;
	/** `Content-Type` */
	contentType?: string;
	/** The name in `Content-Disposition`. */
	suggestedName?: string;
	/** The first bytes: as many as a kind is recognized by, or all. */
	head: Buffer;
	/** Bytes, as far as known. */
	length?: number;
}

export interface FileIdentity {
	fileName: string;
	mimeType: string;
	/** What the file must be. Absent if nothing says it. */
	kind?: FileKind;
}

/**
 * Finds the name and type that an output file gets in n8n. The extension of its address says what it must be. If that is
 * no known one, its content decides, and then what the server says: servers often send 3D files with a wrong type.
 *
 * @param clean removes the API key from a text
 */
export function identify(
	{ url, contentType, suggestedName = '', head, length }: ServedFile,
	{ name, isKept = false }: FileNaming,
	clean: (text: string) => string,
): FileIdentity {
	const inAddress = toSafeName(readLastSegment(url, clean));
	const suggested = toSafeName(clean(suggestedName).split(/[/\\]/).pop() ?? '');
	const sent = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
	const named = findKindByExtension(readExtension(inAddress));
	const shown = findKind(head);
	const kind =
		// Servers often store a picture in another format than its address says. Both show the same.
		(shown && isPicture(shown) && isPicture(named) ? shown : named) ??
		recognizeKind(head, length) ??
		FILE_KINDS.find(({ mimeType }) => mimeType === sent) ??
		findKindByExtension(readExtension(suggested));

	const own = named || readExtension(suggested) === undefined ? inAddress : suggested;
	const ownExtension = readExtension(own);
	const isRight = !kind || (ownExtension !== undefined && kind.extensions.includes(ownExtension));
	const extension = isRight ? ownExtension : kind.extensions[0];
	const keepsName = isKept && own !== '';
	const isWhole = extension === undefined || (keepsName && ownExtension !== undefined);
	const base = keepsName ? own : name;
	return {
		fileName: isWhole ? base : `${base}.${extension}`,
		mimeType: kind?.mimeType ?? (clean(sent) || 'application/octet-stream'),
		kind,
	};
}

const isPicture = (kind?: FileKind) => /^(?:image|video)\//.test(kind?.mimeType ?? '');

const readExtension = (name: string) => EXTENSION.exec(name)?.[1]?.toLowerCase();

/**
 * Names an output file, such as `mug-326` or `mug-326_1`.
 *
 * @param base any text, without the API key
 * @param jobId as the service wrote it, also without the key
 * @param index of the file among those of the job
 * @returns the name without extension. It is harmless everywhere, and short enough.
 */
export function nameOutput(base: string, jobId: string | undefined, index: number): string {
	const parts = [clip(toWords(base), MAX_BASE_BYTES) || 'job', clip(toWords(jobId ?? ''), MAX_ID_BYTES)];
	return toSafeName(`${parts.filter(Boolean).join('-')}${index === 0 ? '' : `_${index}`}`);
}

/** Returns the base name of a file or of the path of an address. */
export function nameAfterFile(name: string): string {
	return name.slice(-MAX_SEARCHED).replace(/\.[A-Za-z][A-Za-z0-9]{1,3}$/, '');
}

/** Returns the base name of the file that an address leads to. */
export function nameAfterLink(url: string, clean: (text: string) => string): string {
	return nameAfterFile(readLastSegment(url, clean));
}

/** Returns the first words of a text. */
export function nameAfterText(text: string): string {
	return toWords(text).split('-').slice(0, MAX_WORDS).join('-');
}

/** Replaces everything that is not a letter or a digit, in the first part of a text. */
function toWords(text: string): string {
	const words = text.slice(0, MAX_SEARCHED).normalize('NFC').replace(SEPARATORS, '-');
	return words.replace(/^[-._]+|[-._]+$/g, '');
}

/** Returns the beginning of a text, without half a character at its end. */
function clip(text: string, maxBytes: number): string {
	const start = Buffer.from(text).subarray(0, maxBytes).toString('utf8');
	return start.replace(/\ufffd$/, '').replace(/[-.]$/, '');
}

/** The last part of the path. The key is removed before a part of it can be cut off, and again when the text is decoded. */
function readLastSegment(url: string, clean: (text: string) => string): string {
	const segment = clean(new URL(url).pathname).split('/').pop() ?? '';
	try {
		return clean(decodeURIComponent(segment));
	} catch {
		return segment;
	}
}

/**
 * Makes a name that is harmless as a file name everywhere: without {@link HARMFUL} characters, not hidden, not a device,
 * not like an option of a program or a formula, and not too long.
 */
function toSafeName(name: string): string {
	const end = Buffer.from(name).subarray(-MAX_NAME_BYTES).toString('utf8');
	const safe = end
		// The first character may be cut in half.
		.replace(/^\ufffd+/, '')
		.replace(HARMFUL, '_')
		.replace(/^[\s.=@+-]+|[\s.]+$/g, '');
	return DEVICE.test(safe) ? `_${safe}` : safe;
}
