/**
 * Decodes a text: percent-encoding, HTML's character references, the escapes of JSON and similar formats, and base64. Each
 * step goes through the text once, and its result is never longer than its input.
 */

/** A text as bytes (UTF-8), as it is or decoded. */
export interface Layer {
	bytes: Buffer;
	/** Where the encoded form of each byte begins and ends, in bytes of the text. Absent if it was not asked for. */
	origin?: { starts: Int32Array; ends: Int32Array };
}

/** The characters that encoded characters begin with, one for each encoding. */
export const MARKERS = ['%', '&', '\\'] as const;
export type Marker = (typeof MARKERS)[number];

export function toLayer(text: string, withOrigin: boolean): Layer {
	const bytes = Buffer.from(text);
	if (!withOrigin) return { bytes };
	const starts = Int32Array.from(bytes, (_byte, index) => index);
	return { bytes, origin: { starts, ends: starts.map((start) => start + 1) } };
}

/** Writes a layer that is decoded from another one. */
class Writer {
	private length = 0;
	private readonly bytes: Buffer;
	private readonly fromStarts?: Int32Array;
	private readonly fromEnds?: Int32Array;
	private readonly starts?: Int32Array;
	private readonly ends?: Int32Array;

	constructor(private readonly from: Layer) {
		const { length } = from.bytes;
		this.bytes = Buffer.allocUnsafe(length);
		if (!from.origin) return;
		this.fromStarts = from.origin.starts;
		this.fromEnds = from.origin.ends;
		this.starts = new Int32Array(length);
		this.ends = new Int32Array(length);
	}

	/** Writes a byte whose encoded form is from `first` to `last` in the other layer. */
	put(byte: number, first: number, last: number): void {
		const at = this.length++;
		this.bytes[at] = byte;
		if (!this.starts) return;
		this.starts[at] = (this.fromStarts as Int32Array)[first] as number;
		(this.ends as Int32Array)[at] = (this.fromEnds as Int32Array)[last] as number;
	}

	/** Copies the bytes from `first` to before `end`. */
	copy(first: number, end: number): void {
		const { bytes } = this.from;
		for (let at = first; at < end; at++) this.put(bytes[at] as number, at, at);
	}

	/** Extends the encoded form of the last byte to `last`. */
	stretch(last: number): void {
		if (this.ends && this.length > 0) this.ends[this.length - 1] = this.fromEnds?.[last] ?? 0;
	}

	get layer(): Layer {
		const bytes = this.bytes.subarray(0, this.length);
		if (!this.starts || !this.ends) return { bytes };
		return {
			bytes,
			origin: { starts: this.starts.subarray(0, this.length), ends: this.ends.subarray(0, this.length) },
		};
	}
}

/** The value of each hexadecimal digit. */
const HEX = new Int8Array(256).fill(-1);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
	HEX[digit.charCodeAt(0)] = value;
	HEX[digit.toUpperCase().charCodeAt(0)] = value;
}

/** HTML's names for the characters that a key may have besides letters and digits. Each is followed by its character. */
const HTML_NAMES = new Map(
	[
		'amp& AMP& lt< LT< gt> GT> quot" QUOT" apos\' excl! num# dollar$ percnt% lpar( rpar) ast* midast*',
		'plus+ comma, period. sol/ colon: semi; equals= quest? commat@ lsqb[ lbrack[ bsol\\ rsqb] rbrack]',
		'Hat^ lowbar_ UnderBar_ grave` lcub{ lbrace{ verbar| vert| rcub} rbrace} Tab\t NewLine\n nbsp\u00a0',
	]
		.flatMap((entries) => entries.split(' '))
		.map((entry) => [entry.slice(0, -1), entry.slice(-1)] as const),
);
const LONGEST_HTML_NAME = 8;

/** The letters after a backslash that mean an invisible character. */
const ESCAPED = new Map(Object.entries({ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }));

const AMPERSAND = 0x26;
const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const SEMICOLON = 0x3b;
const BRACE = 0x7d;

/** Decodes the encoded characters of a layer. */
class Decoder {
	private readonly bytes: Buffer;
	private readonly writer: Writer;
	/** Where the layer is read next. */
	private at = 0;

	constructor(layer: Layer) {
		this.bytes = layer.bytes;
		this.writer = new Writer(layer);
	}

	run(markers: readonly Marker[]): Layer {
		const { bytes } = this;
		const { length } = bytes;
		const isMarker = new Uint8Array(256);
		for (const marker of markers) isMarker[marker.charCodeAt(0)] = 1;
		while (this.at < length) {
			let end = this.at;
			while (end < length && isMarker[bytes[end] as number] === 0) end++;
			this.copyUpTo(end);
			if (end < length && !this.readMarked(bytes[end] as number)) this.copyUpTo(end + 1);
		}
		return this.writer.layer;
	}

	/** Decodes an encoded character. @returns whether there was one */
	private readMarked(marker: number): boolean {
		if (marker === PERCENT) return this.readPercent();
		return marker === AMPERSAND ? this.readReference() : this.readEscape();
	}

	/** `%6b`, or `%u006b`. */
	private readPercent(): boolean {
		if (this.bytes[this.at + 1] === 0x75) return this.readUnit(2);
		const byte = this.readHex(this.at + 1, 2);
		if (byte < 0) return false;
		this.writer.put(byte, this.at, this.at + 2);
		this.at += 3;
		return true;
	}

	/** `&lt;`, `&#107;` or `&#x6b;`. The last two may lack the semicolon, as in browsers. */
	private readReference(): boolean {
		const { bytes, at } = this;
		if (bytes[at + 1] !== 0x23) {
			let end = at + 1;
			while (end <= at + LONGEST_HTML_NAME && bytes[end] !== SEMICOLON) end++;
			const character = bytes[end] === SEMICOLON && HTML_NAMES.get(bytes.toString('latin1', at + 1, end));
			return typeof character === 'string' && this.put(character, end + 1);
		}
		const base = (bytes[at + 2] as number | undefined) === 0x78 || bytes[at + 2] === 0x58 ? 16 : 10;
		const begin = at + (base === 16 ? 3 : 2);
		return this.readCodePoint(begin, base, SEMICOLON, true);
	}

	/** `\u006b`, `\u{6b}`, `\U0000006b`, `\x6b`, `\n`, or a character with a needless backslash. */
	private readEscape(): boolean {
		const { bytes, at } = this;
		const next = bytes[at + 1];
		if (next === undefined) return false;
		if (next === 0x75 && bytes[at + 2] === 0x7b) return this.readCodePoint(at + 3, 16, BRACE, false);
		if (next === 0x75 && this.readUnit(2)) return true;
		if (next === 0x55 && this.readHex(at + 2, 8) >= 0)
			return this.put(toCharacter(this.readHex(at + 2, 8)), at + 10);
		const byte = next === 0x78 ? this.readHex(at + 2, 2) : -1;
		if (byte >= 0) {
			this.writer.put(byte, at, at + 3);
			this.at += 4;
			return true;
		}
		const escaped = ESCAPED.get(String.fromCharCode(next));
		this.writer.put(escaped?.charCodeAt(0) ?? next, at, at + 1);
		this.at += 2;
		return true;
	}

	/** A UTF-16 unit of four digits after `skipped` bytes, and the second half of its pair if that follows. */
	private readUnit(skipped: number): boolean {
		const { bytes, at } = this;
		const unit = this.readHex(at + skipped, 4);
		if (unit < 0) return false;
		const second = at + skipped + 4;
		const isPair = unit >> 10 === 0x36 && bytes[second] === bytes[at] && bytes[second + 1] === bytes[at + 1];
		const low = isPair ? this.readHex(second + skipped, 4) : -1;
		if (low >> 10 === 0x37) return this.put(String.fromCharCode(unit, low), second + skipped + 4);
		return this.put(String.fromCharCode(unit), second);
	}

	/** A code point of any number of digits. */
	private readCodePoint(begin: number, base: 10 | 16, closing: number, mayStayOpen: boolean): boolean {
		let code = 0;
		let end = begin;
		for (; ; end++) {
			const digit = HEX[this.bytes[end] ?? 0] as number;
			if (digit < 0 || digit >= base) break;
			code = Math.min(code * base + digit, 0x110000);
		}
		const isClosed = this.bytes[end] === closing;
		if (end === begin || !(isClosed || mayStayOpen)) return this.copyUpTo(end);
		return this.put(toCharacter(code), isClosed ? end + 1 : end);
	}

	/** Copies everything up to `end`, so that it is not read again. */
	private copyUpTo(end: number): true {
		this.writer.copy(this.at, end);
		this.at = end;
		return true;
	}

	/** @returns the value of the hexadecimal digits, or a negative number if there are not enough */
	private readHex(begin: number, digits: number): number {
		let value = 0;
		for (let at = begin; at < begin + digits; at++) {
			const digit = HEX[this.bytes[at] ?? 0] as number;
			if (digit < 0) return -1;
			value = value * 16 + digit;
		}
		return value;
	}

	/** Writes a character instead of everything up to `end`. */
	private put(character: string, end: number): true {
		const code = character.charCodeAt(0);
		const bytes = code < 0x80 ? [code] : Buffer.from(character);
		for (const byte of bytes) this.writer.put(byte, this.at, end - 1);
		this.at = end;
		return true;
	}
}

const toCharacter = (code: number) => (code < 0x110000 ? String.fromCodePoint(code) : '\ufffd');

/** Decodes a layer once. @returns nothing if there is nothing to decode */
export function decode(layer: Layer, markers: readonly Marker[] = MARKERS): Layer | undefined {
	if (!markers.some((marker) => layer.bytes.includes(marker))) return undefined;
	const decoded = new Decoder(layer).run(markers);
	return decoded.bytes.length < layer.bytes.length ? decoded : undefined;
}

const BLANK = 64;
const PADDING = 65;
const OTHER = 66;

/** What each byte means in base64: its six bits, a blank between lines, padding, or none of these. */
const BASE64 = new Uint8Array(256).fill(OTHER);
for (const [value, digit] of [
	...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
	BASE64[digit.charCodeAt(0)] = value;
}
BASE64['-'.charCodeAt(0)] = 62;
BASE64['_'.charCodeAt(0)] = 63;
BASE64['='.charCodeAt(0)] = PADDING;
for (const blank of ' \t\r\n') BASE64[blank.charCodeAt(0)] = BLANK;

/** A run of base64, with or without blanks, that is long enough to contain what is searched for. */
interface Run {
	first: number;
	last: number;
}

/** @param shortest how many characters a run must have at least */
export function findBase64Runs({ bytes }: Layer, shortest: number): Run[] {
	const runs: Run[] = [];
	let digits = 0;
	let first = 0;
	let last = 0;
	for (let at = 0; at <= bytes.length; at++) {
		const kind = at < bytes.length ? (BASE64[bytes[at] as number] as number) : OTHER;
		if (kind === BLANK) continue;
		if (kind < BLANK) {
			if (digits++ === 0) first = at;
			last = at;
		} else {
			if (digits >= shortest) runs.push({ first, last });
			digits = 0;
		}
	}
	return runs;
}

/**
 * Decodes runs of base64. It is not known where the base64 really begins, because other letters may be before it.
 *
 * @param skipped how many characters of each run to skip. Each of 0 to 3 gives other bytes.
 */
export function decodeBase64(layer: Layer, runs: readonly Run[], skipped: number): Layer {
	const { bytes } = layer;
	const writer = new Writer(layer);
	for (const run of runs) {
		let digits = -skipped;
		let bits = 0;
		let before = run.first;
		for (let at = run.first; at <= run.last; at++) {
			const value = BASE64[bytes[at] as number] as number;
			if (value === BLANK || digits++ < 0) continue;
			bits = ((bits << 6) | value) & 0xffff;
			// The first of four digits completes no byte.
			const place = (digits - 1) & 3;
			if (place > 0) writer.put((bits >> (6 - 2 * place)) & 0xff, before, at);
			before = at;
		}
		if (digits > 0 && (digits - 1) % 4 > 0) writer.stretch(findPaddingEnd(bytes, run.last));
		// One run does not continue in the next.
		writer.put(0, run.last, run.last);
	}
	return writer.layer;
}

/** Whether a text contains an encoded character, or a run of at least `shortest` characters that may be base64. */
export function mayBeEncoded(text: string, shortest: number): boolean {
	let digits = 0;
	for (let at = 0; at < text.length; at++) {
		const unit = text.charCodeAt(at);
		if (unit === PERCENT || unit === AMPERSAND || unit === BACKSLASH) return true;
		const kind = unit < 0x80 ? (BASE64[unit] as number) : OTHER;
		if (kind > BLANK) digits = 0;
		else if (kind < BLANK && ++digits === shortest) return true;
	}
	return false;
}

/** Finds the last byte of the padding after `last`. @returns `last` if there is no padding */
function findPaddingEnd(bytes: Buffer, last: number): number {
	let end = last;
	while (BASE64[bytes[end + 1] ?? 0] === PADDING) end++;
	return end;
}
