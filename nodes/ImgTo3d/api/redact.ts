import {
	decode,
	decodeBase64,
	MARKERS,
	mayBeEncoded,
	findBase64Runs,
	toLayer,
	type Layer,
	type Marker,
} from './decode';
import { STATUS_WORDS } from './status';

/** What replaces the key. */
export const MASK = '***';

/**
 * A shorter key is not a secret: real ones have about 60 characters. To mask it inside other words would damage links and
 * texts that contain it by chance.
 */
const MIN_SECRET_LENGTH = 8;

/** How deep an answer may be nested. No documented one is nearly as deep, and the recursion needs a limit. */
const MAX_DEPTH = 64;

/** The attributes of an ordinary property. */
const ORDINARY = { configurable: true, enumerable: true, writable: true };

/** How many encodings of encodings are decoded: three, one of which may be base64 whose line breaks are escaped. */
const MAX_LEVELS = 4;

/**
 * The words of the protocol are not a secret. A person whose key is one of them has entered something else there, and to
 * mask it would make answers unreadable.
 */
const PROTOCOL_WORDS = new Set(
	[
		...STATUS_WORDS,
		'starting ready ok',
		'status id request_id track_id output link meta data key webhook image',
		'message messege tip tips eta retry_after current_queue generationtime',
		'fetch_result future_links proxy_links extra_assets nsfw_content_detected',
	].flatMap((words) => words.split(' ')),
);

/** Matches a key that may be the host of links: in lower case, with a word as its last part, or an IPv4 address. */
const HOST = /^(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}$|^\d{1,3}(?:\.\d{1,3}){3}$/;

/** Matches what is before the host of a link, or before a part of it. A host has 255 characters at most. */
const BEFORE_HOST = /:\/\/(?:[\w.@:-]*[.@])?$/;
const MAX_HOST_LENGTH = 255;

/** What is searched for in each layer of a text. */
interface Traces {
	/** The key in lower case. A key that contains encoded characters itself is also here decoded. */
	plain: string[];
	/** The part of the key that is the same in base64 whatever is around it, in lower case. */
	base64: string[];
	/** The fewest characters of base64 that can contain the key. */
	shortestRun: number;
	/** The encodings that are decoded first: all together, or each alone. */
	first: ReadonlyArray<readonly Marker[]>;
}

/** Turns bytes into text, one character for each, in lower case, because hosts are in lower case. */
const toLowerLatin1 = (bytes: Buffer) => bytes.toString('latin1').toLowerCase();

function createTraces(key: string): Traces {
	const layers = [toLayer(key, false)];
	for (let layer = layers[0]; layer && layers.length <= MAX_LEVELS; ) {
		layer = decode(layer);
		if (layer && layer.bytes.length >= MIN_SECRET_LENGTH) layers.push(layer);
	}
	// A form encodes a space as a plus.
	const others = [key.replaceAll(' ', '+'), writeAsNumber(key) ?? key].map((text) => toLayer(text, false));
	const plain = new Set([...layers, ...others].map(({ bytes }) => toLowerLatin1(bytes)));
	return {
		plain: [...plain],
		base64: [...new Set([0, 1, 2].flatMap((before) => encodeWithin(key, before)))],
		shortestRun: Math.floor((Math.min(...[...plain].map(({ length }) => length)) * 4) / 3) - 1,
		first: isAmbiguous(key) ? [MARKERS, ...MARKERS.map((marker) => [marker])] : [MARKERS],
	};
}

/** Whether a key may look different even in a text that is not encoded. */
const isAmbiguous = (key: string) => /[%&\\+ ]/.test(key);

/** Writes a key of digits as the number that JSON makes of it. @returns nothing if that is the same text, or too short */
function writeAsNumber(key: string): string | undefined {
	const number = /^\d+$/.test(key) ? String(Number(key)) : key;
	return number !== key && number.length >= MIN_SECRET_LENGTH ? number : undefined;
}

/**
 * Encodes a text in both forms of base64, as it is after a number of other bytes.
 *
 * @returns the characters that depend on nothing but the text
 */
function encodeWithin(text: string, bytesBefore: number): string[] {
	const bytes = Buffer.concat([Buffer.alloc(bytesBefore), Buffer.from(text)]);
	const [start, end] = [Math.ceil((bytesBefore * 4) / 3), Math.floor((bytes.length * 4) / 3)];
	return (['base64', 'base64url'] as const).map((kind) =>
		bytes.toString(kind).slice(start, end).toLowerCase(),
	);
}

/** Yields a text as it is, and as it is after its encodings are decoded, again and again. */
function* decodeLayers(layer: Layer, traces: Traces, levels = MAX_LEVELS): Generator<Layer> {
	yield layer;
	if (levels === 0) return;
	for (const markers of levels === MAX_LEVELS ? traces.first : [MARKERS]) {
		const decoded = decode(layer, markers);
		if (decoded) yield* decodeLayers(decoded, traces, levels - 1);
	}
	const runs = findBase64Runs(layer, traces.shortestRun);
	for (let skipped = 0; runs.length > 0 && skipped < 4; skipped++) {
		yield* decodeLayers(decodeBase64(layer, runs, skipped), traces, levels - 1);
	}
}

/** A part of a layer, in bytes or in characters. */
interface Span {
	start: number;
	end: number;
}

/** Yields where the key is in a layer, in bytes of the text if the layer knows them. */
function* findInLayer(layer: Layer, { plain, base64 }: Traces): Generator<Span> {
	const text = toLowerLatin1(layer.bytes);
	for (const sought of [...plain, ...base64]) {
		for (let at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + sought.length)) {
			yield toSpan(layer, at, at + sought.length);
		}
	}
}

function toSpan({ origin }: Layer, first: number, end: number): Span {
	return { start: origin?.starts[first] ?? first, end: origin?.ends[end - 1] ?? end };
}

/** Sorts spans, and joins those that overlap. */
function joinSpans(spans: Span[]): Span[] {
	const result: Span[] = [];
	for (const span of spans.sort((a, b) => a.start - b.start)) {
		const last = result.at(-1);
		if (last && span.start < last.end) last.end = Math.max(last.end, span.end);
		else result.push(span);
	}
	return result;
}

/** Converts spans of bytes to spans of UTF-16 units. A character has one or two. */
function toUnits(spans: readonly Span[], bytes: Buffer): Span[] {
	let at = 0;
	let units = 0;
	const countUnits = (end: number) => {
		for (; at < end; at++) {
			const byte = bytes[at] as number;
			if (byte >> 6 !== 2) units += byte >= 0xf0 ? 2 : 1;
		}
		return units;
	};
	return spans.map(({ start, end }) => ({ start: countUnits(start), end: countUnits(end) }));
}

/** Finds where the key is in a text, in whatever encoding. */
function findKey(text: string, traces: Traces): Span[] {
	const containsKey = () => {
		for (const layer of decodeLayers(toLayer(text, false), traces)) {
			if (!findInLayer(layer, traces).next().done) return true;
		}
		return false;
	};
	// To find out where takes much more memory, and hardly any text contains the key.
	if (!containsKey()) return [];
	const whole = toLayer(text, true);
	const spans: Span[] = [];
	for (const layer of decodeLayers(whole, traces)) {
		for (const span of findInLayer(layer, traces)) spans.push(span);
	}
	return toUnits(joinSpans(spans), whole.bytes);
}

/** Whether a part of a text is the host of a link, or the beginning or end of one. */
function isHostOfLink(text: string, { start, end }: Span): boolean {
	return (
		BEFORE_HOST.test(text.slice(Math.max(0, start - MAX_HOST_LENGTH), start)) &&
		!/^[\w%-]/.test(text.slice(end, end + 1))
	);
}

/** Escapes a text for a pattern. */
const escapePattern = (text: string) =>
	text.replace(/\W/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Creates a quick check whether a text can contain the key at all. Hardly any text can. */
function createDetector(key: string, shortestRun: number): (text: string) => boolean {
	if (isAmbiguous(key)) return () => true;
	const asIs = new RegExp(escapePattern(key), 'i');
	const asNumber = writeAsNumber(key);
	return (text) => mayBeEncoded(text, shortestRun) || asIs.test(text) || text === asNumber;
}

/**
 * Creates a function that removes the API key from anything that the service sends.
 *
 * The function finds the key as it is, percent-encoded, as HTML and JSON escape it, and in base64: completely or in part,
 * in lines, and inside other data. It finds up to three of these encodings inside each other, in upper and lower case. Its
 * time grows only with the length of the text.
 *
 * The function does not remove:
 *
 * - a key of less than 8 characters, unless it is the whole value: that would damage links and texts that contain it by
 *   chance;
 * - a key that is a word of the protocol, like `processing`: that is not a secret;
 * - the host of a link, if the key is a host name: the link would lead nowhere.
 *
 * @param ownHost the host of the credential's Base URL. It may be any name, such as one without a dot.
 */
export function createKeyRemover(key: string, ownHost?: string): (text: string) => string {
	if (key === '' || PROTOCOL_WORDS.has(key.toLowerCase())) return (text) => text;
	if (key.length < MIN_SECRET_LENGTH) return (text) => (text === key ? MASK : text);
	const traces = createTraces(key);
	const shortest = Math.min(key.length, writeAsNumber(key)?.length ?? key.length);
	const mayContain = createDetector(key, traces.shortestRun);
	const isHost = key === ownHost || HOST.test(key);
	return (text) => {
		if (text.length < shortest || !mayContain(text)) return text;
		let cleaned = '';
		let done = 0;
		for (const span of findKey(text, traces)) {
			if (isHost && isHostOfLink(text, span)) continue;
			cleaned += text.slice(done, span.start) + MASK;
			done = span.end;
		}
		return cleaned + text.slice(done);
	};
}

/** Masks a number that is a key of digits. */
function cleanNumber(number: number, clean: (text: string) => string): number | string {
	const text = String(number);
	const cleaned = clean(text);
	return cleaned === text ? number : cleaned;
}

/**
 * Copies parsed JSON and passes every text in it through `clean`, names of properties included.
 *
 * @returns `undefined` if the value is nested deeper than {@link MAX_DEPTH}
 */
export function cleanJson(value: unknown, clean: (text: string) => string): unknown {
	let tooDeep = false;
	const copy = (part: unknown, depth: number): unknown => {
		if (typeof part === 'string') return clean(part);
		if (typeof part === 'number') return cleanNumber(part, clean);
		if (typeof part !== 'object' || part === null) return part;
		if (depth >= MAX_DEPTH) {
			tooDeep = true;
			return null;
		}
		if (Array.isArray(part)) return part.map((entry) => copy(entry, depth + 1));
		const cleaned: Record<string, unknown> = {};
		for (const [name, entry] of Object.entries(part)) {
			const key = clean(name);
			const value = copy(entry, depth + 1);
			// An assignment would set the object's prototype instead of an ordinary property.
			if (key === '__proto__') Object.defineProperty(cleaned, key, { value, ...ORDINARY });
			else cleaned[key] = value;
		}
		return cleaned;
	};
	const cleaned = copy(value, 0);
	return tooDeep ? undefined : cleaned;
}
