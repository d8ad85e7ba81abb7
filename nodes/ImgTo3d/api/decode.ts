/**
 * Reads a text as whoever unpacks it would: percent-encoding, HTML's character references, the escapes of JSON and its
 * kin, base64. Each step goes through the text once, and what comes out is never longer than what went in.
 */

/** A text as bytes (UTF-8), as it is or decoded. */
export interface Layer {
	bytes: Buffer;
	/** Where what each byte was written as begins and ends in the text's own bytes; absent where nobody asked. */
	origin?: { starts: Int32Array; ends: Int32Array };
}

/** What an encoded character begins with, by the encoding. */
export const MARKERS = ['%', '&', '\\'] as const;
export type Marker = (typeof MARKERS)[number];

export function toLayer(text: string, withOrigin: boolean): Layer {
	const bytes = Buffer.from(text);
	if (!withOrigin) return { bytes };
	const starts = Int32Array.from(bytes, (_byte, index) => index);
	return { bytes, origin: { starts, ends: starts.map((start) => start + 1) } };
}

/** Writes a layer that is made of another one. */
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

	/** A byte that is written in the other layer from `first` to `last`. */
	put(byte: number, first: number, last: number): void {
		const at = this.length++;
		this.bytes[at] = byte;
		if (!this.starts) return;
		this.starts[at] = (this.fromStarts as Int32Array)[first] as number;
		(this.ends as Int32Array)[at] = (this.fromEnds as Int32Array)[last] as number;
	}

	/** The bytes from `first` to before `end`, as they are. */
	copy(first: number, end: number): void {
		const { bytes } = this.from;
		for (let at = first; at < end; at++) this.put(bytes[at] as number, at, at);
	}

	/** The last byte is written up to `last`. */
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

/** HTML's names for what a key may have besides letters and digits, each before its character. */
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

/** What follows a backslash in place of something that cannot be seen. */
const ESCAPED = new Map(Object.entries({ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }));

const AMPERSAND = 0x26;
const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const SEMICOLON = 0x3b;
const BRACE = 0x7d;

/** Decodes what stands encoded in a layer. */
class Decoder {
	private readonly bytes: Buffer;
	private readonly writer: Writer;
	/** Where the layer is read. */
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
			this.pass(end);
			if (end < length && !this.readMarked(bytes[end] as number)) this.pass(end + 1);
		}
		return this.writer.layer;
	}

	/** @returns whether something was encoded there, and is decoded now */
	private readMarked(marker: number): boolean {
		if (marker === PERCENT) return this.percent();
		return marker === AMPERSAND ? this.reference() : this.escape();
	}

	/** `%6b`, or `%u006b`. */
	private percent(): boolean {
		if (this.bytes[this.at + 1] === 0x75) return this.unit(2);
		const byte = this.hex(this.at + 1, 2);
		if (byte < 0) return false;
		this.writer.put(byte, this.at, this.at + 2);
		this.at += 3;
		return true;
	}

	/** `&lt;`, `&#107;` or `&#x6b;`, the last two also without the semicolon, as browsers take them. */
	private reference(): boolean {
		const { bytes, at } = this;
		if (bytes[at + 1] !== 0x23) {
			let end = at + 1;
			while (end <= at + LONGEST_HTML_NAME && bytes[end] !== SEMICOLON) end++;
			const character = bytes[end] === SEMICOLON && HTML_NAMES.get(bytes.toString('latin1', at + 1, end));
			return typeof character === 'string' && this.put(character, end + 1);
		}
		const base = (bytes[at + 2] as number | undefined) === 0x78 || bytes[at + 2] === 0x58 ? 16 : 10;
		const begin = at + (base === 16 ? 3 : 2);
		return this.number(begin, base, SEMICOLON, true);
	}

	/** `\u006b`, `\u{6b}`, `\U0000006b`, `\x6b`, `\n`, or a character that has a backslash for no need. */
	private escape(): boolean {
		const { bytes, at } = this;
		const next = bytes[at + 1];
		if (next === undefined) return false;
		if (next === 0x75 && bytes[at + 2] === 0x7b) return this.number(at + 3, 16, BRACE, false);
		if (next === 0x75 && this.unit(2)) return true;
		if (next === 0x55 && this.hex(at + 2, 8) >= 0) return this.put(toCharacter(this.hex(at + 2, 8)), at + 10);
		const byte = next === 0x78 ? this.hex(at + 2, 2) : -1;
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

	/** A UTF-16 unit in four digits after `skipped` bytes, with the second half of its pair if that follows. */
	private unit(skipped: number): boolean {
		const { bytes, at } = this;
		const unit = this.hex(at + skipped, 4);
		if (unit < 0) return false;
		const second = at + skipped + 4;
		const isPair = unit >> 10 === 0x36 && bytes[second] === bytes[at] && bytes[second + 1] === bytes[at + 1];
		const low = isPair ? this.hex(second + skipped, 4) : -1;
		if (low >> 10 === 0x37) return this.put(String.fromCharCode(unit, low), second + skipped + 4);
		return this.put(String.fromCharCode(unit), second);
	}

	/** A code point in as many digits as there are. */
	private number(begin: number, base: 10 | 16, closing: number, mayStayOpen: boolean): boolean {
		let code = 0;
		let end = begin;
		for (; ; end++) {
			const digit = HEX[this.bytes[end] ?? 0] as number;
			if (digit < 0 || digit >= base) break;
			code = Math.min(code * base + digit, 0x110000);
		}
		const isClosed = this.bytes[end] === closing;
		if (end === begin || !(isClosed || mayStayOpen)) return this.pass(end);
		return this.put(toCharacter(code), isClosed ? end + 1 : end);
	}

	/** Takes what was read over as it is: it is not read a second time. */
	private pass(end: number): true {
		this.writer.copy(this.at, end);
		this.at = end;
		return true;
	}

	/** The value of so many hexadecimal digits, or something negative. */
	private hex(begin: number, digits: number): number {
		let value = 0;
		for (let at = begin; at < begin + digits; at++) {
			const digit = HEX[this.bytes[at] ?? 0] as number;
			if (digit < 0) return -1;
			value = value * 16 + digit;
		}
		return value;
	}

	/** Writes a character in place of everything up to `end`. */
	private put(character: string, end: number): true {
		const code = character.charCodeAt(0);
		const bytes = code < 0x80 ? [code] : Buffer.from(character);
		for (const byte of bytes) this.writer.put(byte, this.at, end - 1);
		this.at = end;
		return true;
	}
}

const toCharacter = (code: number) => (code < 0x110000 ? String.fromCodePoint(code) : '\ufffd');

/** The layer with what is encoded in it decoded once; nothing where there is nothing to decode. */
export function decode(layer: Layer, markers: readonly Marker[] = MARKERS): Layer | undefined {
	if (!markers.some((marker) => layer.bytes.includes(marker))) return undefined;
	const decoded = new Decoder(layer).run(markers);
	return decoded.bytes.length < layer.bytes.length ? decoded : undefined;
}

const BLANK = 64;
const PADDING = 65;
const OTHER = 66;

/** What each byte is in base64: its six bits, a blank between lines, padding, or nothing that belongs there. */
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

/** A place where so much base64 stands in a row, with or without blanks in it, that it may hold what is looked for. */
interface Run {
	first: number;
	last: number;
}

export function runsOfBase64({ bytes }: Layer, shortest: number): Run[] {
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
 * What stands in base64 in those places. Where it begins is not known, as all kinds of letters may stand before it.
 *
 * @param skipped how many letters to pass over first: each of 0 to 3 gives other bytes
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
			// Of each four digits the first brings no byte to its end.
			const place = (digits - 1) & 3;
			if (place > 0) writer.put((bits >> (6 - 2 * place)) & 0xff, before, at);
			before = at;
		}
		if (digits > 0 && (digits - 1) % 4 > 0) writer.stretch(endOfPadding(bytes, run.last));
		// What stands in one place does not go on in the next.
		writer.put(0, run.last, run.last);
	}
	return writer.layer;
}

/** Whether something stands encoded in a text, or so much in a row as base64 may be that it is `shortest` letters. */
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

/** The last byte of the padding after `last`, or that itself. */
function endOfPadding(bytes: Buffer, last: number): number {
	let end = last;
	while (BASE64[bytes[end + 1] ?? 0] === PADDING) end++;
	return end;
}
