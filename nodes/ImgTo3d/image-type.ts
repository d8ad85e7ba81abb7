/** What an input file is. Its bytes decide, because names and MIME types of uploads are often wrong. */
import { decodeText, findKind, findText, HEAD_BYTES, WEB_PAGE } from './file-type';

/** The beginning of a file, one character for each byte. */
const toLatin1 = (head: Buffer) => head.toString('latin1', 0, HEAD_BYTES);

/** A file that the service does not take: what it is, and how to make an image of it. */
export interface OtherFile {
	/** For people, with its article: "a HEIC photo". */
	what: string;
	advice: string;
}

const EDIT_IMAGE = 'Convert it to JPEG or PNG before this node, for example with the Edit Image node.';
const EXPORT = 'Save it as a JPEG, PNG, WebP or GIF image first.';
const ONE_PICTURE = 'Send a single picture of the object.';
const PHONE =
	'Set the phone to save JPEG photos (iPhone: Settings, Camera, Formats, Most Compatible), or convert the file to JPEG before this node.';
const SOURCE =
	'Check the node that made the file: it got a text instead of an image, often because an address needs a login or no longer exists.';
const TO_FILE =
	'Make an image file of it with the Convert to File node (Move Base64 String to File), and enter the field of that file.';

interface Known extends OtherFile {
	/** Matches the beginning of the file, or has the beginnings that it may have. */
	signature: RegExp | readonly string[];
}

/** An ISO media file names its brands in its first box. */
const brand = (names: string) => new RegExp(`^[^]{4}ftyp(?:${names})`);

/**
 * The files that people take for images or send by mistake. The first that matches counts.
 *
 * Source: the specifications of the formats.
 */
const OTHER_FILES: readonly Known[] = [
	// The first box also lists the brands that a file is compatible with.
	{ what: 'an AVIF image', signature: /^[^]{4}ftypmif1[^]{4}(?:[^]{4}){0,12}?avif/, advice: EXPORT },
	{ what: 'a HEIC photo', signature: brand('hei[cxms]|hev[cxms]|mif1|msf1'), advice: PHONE },
	{ what: 'an AVIF image', signature: brand('avi[fs]'), advice: EXPORT },
	{ what: 'a raw photo (CR3)', signature: brand('crx '), advice: EXPORT },
	{ what: 'a video', signature: brand(''), advice: ONE_PICTURE },
	{ what: 'a video', signature: ['\x1a\x45\xdf\xa3'], advice: ONE_PICTURE },
	{ what: 'a video', signature: /^(?:RIFF[^]{4}AVI |\0[^]{3}(?:moov|mdat|wide))/, advice: ONE_PICTURE },
	{ what: 'a BMP image', signature: /^BM[^]{4}\0{4}/, advice: EDIT_IMAGE },
	{ what: 'a raw photo (CR2)', signature: /^II\*\0[^]{4}CR/, advice: EXPORT },
	{ what: 'a TIFF image', signature: /^(?:II[*+]\0|MM\0[*+])/, advice: EDIT_IMAGE },
	{ what: 'a JPEG XL image', signature: ['\xff\x0a', '\0\0\0\x0cJXL '], advice: EXPORT },
	{ what: 'a JPEG 2000 image', signature: ['\0\0\0\x0cjP  ', '\xff\x4f\xff\x51'], advice: EXPORT },
	// After its kind comes the number of its pictures.
	{ what: 'an icon (ICO)', signature: /^\0\0(?!\0)\p{Cc}\0(?!\0\0)/u, advice: EXPORT },
	{ what: 'a PostScript drawing (EPS)', signature: ['%!PS'], advice: EXPORT },
	{ what: 'a Photoshop file', signature: ['8BPS'], advice: EXPORT },
	{
		what: 'a PDF document',
		signature: ['%PDF'],
		advice: 'Save the picture in it as a JPEG or PNG image first.',
	},
	{
		what: 'a ZIP archive or an Office document',
		signature: ['PK\x03\x04', 'PK\x05\x06'],
		advice: 'Unpack it before this node, for example with the Compression node.',
	},
	{ what: 'a gzip archive', signature: ['\x1f\x8b'], advice: 'Unpack it before this node.' },
];

/** Files that are text, and need other advice than a text that was sent instead of an image. */
const TEXTS: readonly Known[] = [
	{ what: 'the text of a data: URL', signature: /^"?data:[\w.+-]*\/?[\w.+-]*[;,]/i, advice: TO_FILE },
	{
		what: 'the base64 text of an image',
		signature: /^"?(?:\/9j\/|iVBORw0KGgo|R0lGOD[dl]h|UklGR[\w+/]{6}XRUJQ|UklGR[\w+/]{8}V0VCU)/,
		advice: TO_FILE,
	},
	{
		what: 'an SVG drawing',
		signature: /^(?:<(?:\?xml|!--)[^]*)?<(?:!doctype\s+|\w+:)?svg[\s/>]/i,
		advice: EXPORT,
	},
];

const UNKNOWN: OtherFile = { what: 'a file of an unknown kind', advice: EXPORT };
const CHECK_NODE = 'Check the node that made the file.';
const EMPTY: OtherFile = { what: 'an empty file', advice: CHECK_NODE };

/** How an image goes on after its signature. A node that takes it for a text damages it, or an image has no pixels. */
const INTACT: Record<string, RegExp> = {
	'image/jpeg': /^[^]{3}[\xc0-\xff][^]{16}/,
	'image/png': /^[^]{4}\r\n\p{Cc}\n[^]{4}(?!IHDR(?:\0{4}|[^]{4}\0{4}))[^]{4}/u,
};

/** Whether there are control characters that no text has. */
const isBinary = (text: string) => /\p{Cc}/u.test(text.replace(/[\t\n\f\r\x80-\x9f]/g, ''));

/**
 * Finds out what an input file is.
 *
 * @param head its first bytes: {@link HEAD_BYTES}, or all
 * @returns the MIME type of an image that the service takes, or what the file is instead
 */
export function identifyImage(head: Buffer): { mimeType: string } | OtherFile {
	// In front of an image, a byte order mark of UTF-8 is damage, too.
	const image = head.subarray(head.indexOf('\ufeff') === 0 ? 3 : 0);
	const kind = findKind(image);
	const text = toLatin1(head);
	if (kind?.mimeType.startsWith('image/')) {
		const isDamaged = image.length < head.length || INTACT[kind.mimeType]?.test(text) === false;
		if (!isDamaged) return { mimeType: kind.mimeType };
		return { what: `a damaged file (it begins like a ${kind.name})`, advice: CHECK_NODE };
	}
	if (head.length === 0) return EMPTY;
	const other = find(OTHER_FILES, text);
	if (other) return other;
	if (kind) return { what: `a ${kind.name} file`, advice: 'Send a picture of the object.' };
	const plain = decodeText(head).trimStart();
	const sent = findText(head);
	const known = sent === WEB_PAGE ? undefined : find(TEXTS, plain);
	if (known) return known;
	const what = sent ?? (isBinary(plain) ? undefined : 'a text');
	return what === undefined ? UNKNOWN : { what, advice: SOURCE };
}

function find(table: readonly Known[], text: string): OtherFile | undefined {
	const known = table.find(({ signature }) =>
		signature instanceof RegExp ? signature.test(text) : signature.some((begin) => text.startsWith(begin)),
	);
	return known && { what: known.what, advice: known.advice };
}
