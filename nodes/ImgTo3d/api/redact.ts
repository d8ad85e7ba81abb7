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

const HTML_NAMES: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };

const unicodeEscape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A pattern that matches a text and nothing else. */
const literal = (text: string) => text.replace(/\W/g, unicodeEscape);

/** The ways in which a character is written: as it is, in JSON, HTML, URLs and forms. Longer ones first. */
function writingsOf(character: string): string[] {
	const code = character.codePointAt(0) ?? 0;
	const writings = [
		character,
		`\\${character}`,
		JSON.stringify(character).slice(1, -1),
		character.replace(/[^]/g, unicodeEscape),
		`&${HTML_NAMES[character] ?? `#${code}`};`,
		`&#${code};`,
		`&#0${code};`,
		`&#x${code.toString(16)};`,
		character === ' ' ? '+' : '',
		// Its bytes in UTF-8.
		Buffer.from(character).toString('hex').replace(/../g, '%$&'),
	];
	return [...new Set(writings)].filter(Boolean).sort((a, b) => b.length - a.length);
}

/** A pattern for a text as it is or encoded. What no encoder changes is literal, which is all of an ordinary key. */
function encoded(text: string): string {
	// Backslashes in a row are written alike, or there would be too many ways to match them.
	return text.replace(/\\+|[^\w-]/gu, (run) => {
		const [character = run] = run;
		const writings = writingsOf(character).map((writing) => writing.repeat(run.length / character.length));
		return `(?:${writings.map(literal).join('|')})`;
	});
}

/**
 * A pattern for a text in base64 after a number of other bytes. Of the characters that it shares with what stands
 * around it, those at its end go along.
 */
function inBase64(text: string, bytesBefore: number): string {
	const bytes = Buffer.concat([Buffer.alloc(bytesBefore), Buffer.from(text)]);
	const own = bytes
		.toString('base64')
		.slice(Math.ceil((bytesBefore * 4) / 3), Math.floor((bytes.length * 4) / 3));
	const pattern = own.replaceAll('+', '[+-]').replaceAll('/', '(?:\\\\?/|_)');
	return bytes.length % 3 === 0 ? pattern : `${pattern}[\\w+/-]?=*`;
}

/**
 * A function that takes the API key out of whatever the service sent: as it is, or as it stands in JSON, HTML, URLs,
 * forms and base64. A key shorter than 8 characters is masked only where it is the whole value.
 */
export function keyRemover(key: string): (text: string) => string {
	if (key === '') return (text) => text;
	if (key.length < MIN_SECRET_LENGTH) return (text) => (text === key ? MASK : text);
	const inAnyForm = [encoded(key), ...[0, 1, 2].map((bytesBefore) => inBase64(key, bytesBefore))];
	const echoes = new RegExp(inAnyForm.join('|'), 'gi');
	return (text) => (text.length < MIN_SECRET_LENGTH ? text : text.replace(echoes, MASK));
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
