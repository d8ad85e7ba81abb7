import {
	decode,
	decodeBase64,
	MARKERS,
	mayBeEncoded,
	runsOfBase64,
	toLayer,
	type Layer,
	type Marker,
} from './decode';

/** What stands where the key stood. */
export const MASK = '***';

/**
 * Below this length a key is no secret (real ones have some 60 characters), and masking it inside other
 * words would spoil links and texts that only happen to contain it.
 */
const MIN_SECRET_LENGTH = 8;

/** Deeper answers than this are not read: no documented one comes near, and recursion has to end. */
const MAX_DEPTH = 64;

/** How an assigned property behaves. */
const ORDINARY = { configurable: true, enumerable: true, writable: true };

/** How many encodings may lie over each other: three, one of which may be base64 whose line breaks are escaped. */
const MAX_LEVELS = 4;

/**
 * What everybody knows is no secret: the words of the protocol. Somebody whose key is one of them has entered something
 * else there, and masking it would make answers unreadable.
 */
const WORDS_OF_PROTOCOL = new Set(
	[
		'success processing queued starting ready failed error cancelled canceled ok',
		'status id request_id track_id output link meta data key webhook image',
		'message messege tip tips eta retry_after current_queue generationtime',
		'fetch_result future_links proxy_links extra_assets nsfw_content_detected',
	].flatMap((words) => words.split(' ')),
);

/** A key that looks like this may be the host of links: in small letters, and the last part a word. */
const HOST = /^(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}$|^\d{1,3}(?:\.\d{1,3}){3}$/;

/** What stands before the host of a link or a part of it; a host has 255 characters at most. */
const BEFORE_HOST = /:\/\/(?:[\w.@:-]*[.@])?$/;
const MAX_HOST_LENGTH = 255;

/** What is looked for in each layer of a text. */
interface Traces {
	/** The key, folded; one with encoded characters of its own also decoded. */
	plain: string[];
	/** What stands of the key in base64, folded, whatever stands around it. */
	base64: string[];
	/** The fewest letters of base64 that can hold the key. */
	shortestRun: number;
	/** The encodings that are decoded first, together or each by itself. */
	first: ReadonlyArray<readonly Marker[]>;
}

/** The bytes as text, a character each, in small letters: hosts come in those. */
const folded = (bytes: Buffer) => bytes.toString('latin1').toLowerCase();

function tracesOf(key: string): Traces {
	const layers = [toLayer(key, false)];
	for (let layer = layers[0]; layer && layers.length <= MAX_LEVELS; ) {
		layer = decode(layer);
		if (layer && layer.bytes.length >= MIN_SECRET_LENGTH) layers.push(layer);
	}
	// A form writes a blank as a plus.
	const others = [key.replaceAll(' ', '+'), numberOf(key) ?? key].map((text) => toLayer(text, false));
	const plain = new Set([...layers, ...others].map(({ bytes }) => folded(bytes)));
	return {
		plain: [...plain],
		base64: [...new Set([0, 1, 2].flatMap((before) => withinBase64(key, before)))],
		shortestRun: Math.floor((Math.min(...[...plain].map(({ length }) => length)) * 4) / 3) - 1,
		first: isAwkward(key) ? [MARKERS, ...MARKERS.map((marker) => [marker])] : [MARKERS],
	};
}

/** Whether a key may look different in a text in which nothing is encoded. */
const isAwkward = (key: string) => /[%&\\+ ]/.test(key);

/** How a key of digits only comes back as a number, if that is another text that is long enough. */
function numberOf(key: string): string | undefined {
	const number = /^\d+$/.test(key) ? String(Number(key)) : key;
	return number !== key && number.length >= MIN_SECRET_LENGTH ? number : undefined;
}

/** The letters that a text does not share with what stands around it, in each base64, after a number of other bytes. */
function withinBase64(text: string, bytesBefore: number): string[] {
	const bytes = Buffer.concat([Buffer.alloc(bytesBefore), Buffer.from(text)]);
	const [start, end] = [Math.ceil((bytesBefore * 4) / 3), Math.floor((bytes.length * 4) / 3)];
	return (['base64', 'base64url'] as const).map((kind) =>
		bytes.toString(kind).slice(start, end).toLowerCase(),
	);
}

/** A text as it is, and as it reads when what is encoded in it is decoded, again and again. */
function* layersOf(layer: Layer, traces: Traces, levels = MAX_LEVELS): Generator<Layer> {
	yield layer;
	if (levels === 0) return;
	for (const markers of levels === MAX_LEVELS ? traces.first : [MARKERS]) {
		const decoded = decode(layer, markers);
		if (decoded) yield* layersOf(decoded, traces, levels - 1);
	}
	const runs = runsOfBase64(layer, traces.shortestRun);
	for (let skipped = 0; runs.length > 0 && skipped < 4; skipped++) {
		yield* layersOf(decodeBase64(layer, runs, skipped), traces, levels - 1);
	}
}

/** A part of a layer, as places of bytes or of characters. */
interface Span {
	start: number;
	end: number;
}

/** Where the key stands in a layer, in the bytes of the text if the layer knows them. */
function* echoesIn(layer: Layer, { plain, base64 }: Traces): Generator<Span> {
	const text = folded(layer.bytes);
	for (const sought of [...plain, ...base64]) {
		for (let at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + sought.length)) {
			yield spanOf(layer, at, at + sought.length);
		}
	}
}

function spanOf({ origin }: Layer, first: number, end: number): Span {
	return { start: origin?.starts[first] ?? first, end: origin?.ends[end - 1] ?? end };
}

/** Spans in their order, each of those that overlap joined to one. */
function joined(spans: Span[]): Span[] {
	const result: Span[] = [];
	for (const span of spans.sort((a, b) => a.start - b.start)) {
		const last = result.at(-1);
		if (last && span.start < last.end) last.end = Math.max(last.end, span.end);
		else result.push(span);
	}
	return result;
}

/** The same spans as places in the text, which has a unit or two for the bytes of a character. */
function inUnits(spans: readonly Span[], bytes: Buffer): Span[] {
	let at = 0;
	let units = 0;
	const unitsBefore = (end: number) => {
		for (; at < end; at++) {
			const byte = bytes[at] as number;
			if (byte >> 6 !== 2) units += byte >= 0xf0 ? 2 : 1;
		}
		return units;
	};
	return spans.map(({ start, end }) => ({ start: unitsBefore(start), end: unitsBefore(end) }));
}

/** Where the key stands in a text, however it is written. */
function echoesOf(text: string, traces: Traces): Span[] {
	const isThere = () => {
		for (const layer of layersOf(toLayer(text, false), traces)) {
			if (!echoesIn(layer, traces).next().done) return true;
		}
		return false;
	};
	// To know where takes much more memory, and hardly any text has it.
	if (!isThere()) return [];
	const whole = toLayer(text, true);
	const spans: Span[] = [];
	for (const layer of layersOf(whole, traces)) {
		for (const span of echoesIn(layer, traces)) spans.push(span);
	}
	return inUnits(joined(spans), whole.bytes);
}

/** Whether a part of a text is the host of a link, or the end or beginning of one. */
function isHostOfLink(text: string, { start, end }: Span): boolean {
	return (
		BEFORE_HOST.test(text.slice(Math.max(0, start - MAX_HOST_LENGTH), start)) &&
		!/^[\w%-]/.test(text.slice(end, end + 1))
	);
}

/** A pattern that matches a text and nothing else. */
const literal = (text: string) =>
	text.replace(/\W/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Whether a text may hold the key at all, by one look at each character: hardly any does. */
function detector(key: string, shortestRun: number): (text: string) => boolean {
	if (isAwkward(key)) return () => true;
	const asIs = new RegExp(literal(key), 'i');
	const asNumber = numberOf(key);
	return (text) => mayBeEncoded(text, shortestRun) || asIs.test(text) || text === asNumber;
}

/**
 * A function that takes the API key out of whatever the service sent.
 *
 * It is found as it is, percent-encoded, as HTML and JSON escape it, and in base64, whole or in part, in lines and in
 * the midst of something else, up to three of these over each other, in large and small letters. The time grows with the
 * length of the text only.
 *
 * Left as it is:
 *
 * - a key shorter than 8 characters, except where it is the whole value: it would spoil links and texts that only happen
 *   to contain it;
 * - a key that is a word of the protocol, like `processing`: it is no secret;
 * - the host of a link, where the key is a host name: the link would lead nowhere.
 *
 * @param ownHost the host of the credential's Base URL, which need not look like a host name
 */
export function keyRemover(key: string, ownHost?: string): (text: string) => string {
	if (key === '' || WORDS_OF_PROTOCOL.has(key.toLowerCase())) return (text) => text;
	if (key.length < MIN_SECRET_LENGTH) return (text) => (text === key ? MASK : text);
	const traces = tracesOf(key);
	const shortest = Math.min(key.length, numberOf(key)?.length ?? key.length);
	const mayHold = detector(key, traces.shortestRun);
	const isHost = key === ownHost || HOST.test(key);
	return (text) => {
		if (text.length < shortest || !mayHold(text)) return text;
		let cleaned = '';
		let done = 0;
		for (const span of echoesOf(text, traces)) {
			if (isHost && isHostOfLink(text, span)) continue;
			cleaned += text.slice(done, span.start) + MASK;
			done = span.end;
		}
		return cleaned + text.slice(done);
	};
}

/** A number, unless it is a key of digits only. */
function withoutKey(number: number, clean: (text: string) => string): number | string {
	const text = String(number);
	const cleaned = clean(text);
	return cleaned === text ? number : cleaned;
}

/**
 * A copy of parsed JSON with every text in it, names of properties included, passed through `clean`.
 *
 * @returns `undefined` when the value is nested deeper than {@link MAX_DEPTH}
 */
export function cleanJson(value: unknown, clean: (text: string) => string): unknown {
	let tooDeep = false;
	const copy = (part: unknown, depth: number): unknown => {
		if (typeof part === 'string') return clean(part);
		if (typeof part === 'number') return withoutKey(part, clean);
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
			// Assigned, it would become the object's prototype instead of an ordinary name.
			if (key === '__proto__') Object.defineProperty(cleaned, key, { value, ...ORDINARY });
			else cleaned[key] = value;
		}
		return cleaned;
	};
	const cleaned = copy(value, 0);
	return tooDeep ? undefined : cleaned;
}
