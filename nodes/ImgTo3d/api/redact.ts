/** What stands where the key stood. */
const MASK = '***';

/**
 * Below this length a key is no secret (real ones have some 60 characters), and masking it inside other
 * words would spoil links and texts that only happen to contain it.
 */
const MIN_SECRET_LENGTH = 8;

/** Deeper answers than this are not read: no documented one comes near, and recursion has to end. */
const MAX_DEPTH = 64;

/** How an assigned property behaves. */
const ORDINARY = { configurable: true, enumerable: true, writable: true };

/**
 * A function that takes the API key out of whatever the service sent: plain, percent-encoded, within JSON, or in base64.
 * A key shorter than 8 characters is masked only where it is the whole value.
 */
export function keyRemover(key: string): (text: string) => string {
	if (key === '') return (text) => text;
	if (key.length < MIN_SECRET_LENGTH) return (text) => (text === key ? MASK : text);
	const encoded = encodeURIComponent(key);
	const bytes = Buffer.from(key);
	const forms = [
		...new Set([
			key,
			encoded,
			encoded.replace(/%../g, (escape) => escape.toLowerCase()),
			JSON.stringify(key).slice(1, -1),
			// What is padded ends in "=", or in "%3D" where it is encoded once more.
			bytes.toString('base64').replace(/=+$/, ''),
			bytes.toString('base64url'),
		]),
	];
	return (text) => forms.reduce((cleaned, form) => cleaned.replaceAll(form, MASK), text);
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
