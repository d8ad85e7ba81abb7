/**
 * The IDs of jobs. An ID is kept exactly as the service writes it: a job whose ID is lost has been paid for and cannot be
 * fetched.
 */

/** As the service sends it. V3 sends numbers. */
export type JobId = string | number;

/** The fields of an answer that contain the ID of its job, the most certain one first. */
const ID_FIELDS = ['id', 'request_id'];

/** Fields with the service's words. In these, `id` is the name of a field and not a job. */
const WORD_FIELDS = new Set(['message', 'messege', 'tip', 'tips', 'errors']);

/** How deep an ID is searched for. No recorded answer has one below the second level. */
const MAX_DEPTH = 8;

/** The longest ID in a path, characters. A longer one is sent in the body, because servers refuse long addresses. */
const MAX_PATH_LENGTH = 1000;

/** Matches a number that is the value of `id`, `request_id` or a similar field, or the first of a list there. */
const NUMERIC_ID = /(?<!\\)("(?:[a-z]{1,20}_){0,3}id"\s*:\s*(?:\[\s*){0,3})(-?\d[\d.eE+-]*)/gi;

/**
 * Turns IDs into texts that a JavaScript number would change.
 *
 * @param json valid JSON
 * @returns the same JSON with these texts
 */
export function keepIdsExact(json: string): string {
	return json.replace(NUMERIC_ID, (whole, name: string, digits: string) =>
		String(Number(digits)) === digits ? whole : `${name}"${digits}"`,
	);
}

/** Reads a single value as an ID: a number, or a text that is not blank. */
export function readId(value: unknown): JobId | undefined {
	if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
	const text = typeof value === 'string' ? value.trim() : '';
	return text === '' ? undefined : text;
}

/** Finds the ID in an answer, at any place. The least nested one counts. */
export function findId(answer: Record<string, unknown>): JobId | undefined {
	return findIdBy(readId, answer) ?? findIdBy(unwrapId, answer);
}

function findIdBy(
	read: (value: unknown) => JobId | undefined,
	answer: Record<string, unknown>,
): JobId | undefined {
	let level: Array<Record<string, unknown>> = [answer];
	for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
		for (const field of ID_FIELDS) {
			for (const part of level) {
				const id = read(part[field]);
				if (id !== undefined) return id;
			}
		}
		level = level.flatMap(listParts);
	}
	return undefined;
}

/** Reads an ID that is wrapped, as in `["326"]` or `{ "$oid": "326" }`. Several values are kept together. */
function unwrapId(value: unknown): JobId | undefined {
	let inner = value;
	for (let depth = 0; depth < MAX_DEPTH && typeof inner === 'object' && inner !== null; depth++) {
		const values: unknown[] = Object.values(inner).filter((part) => part !== null);
		if (values.length !== 1) return values.length > 1 ? JSON.stringify(inner) : undefined;
		[inner] = values;
	}
	return readId(inner);
}

/** Matches an ID in JSON that may be cut off, but not an ID that is cut off itself: nothing follows that. */
const ID_IN_TEXT =
	/(?<!\\)"(?:id|request_id)"\s*:\s*(?:"((?:[^"\\]|\\.){1,2000})"|(-?\d[\d.eE+-]{0,400}))\s*[,}\]]/;

/** Finds the first ID in a text that is not JSON, such as an answer that broke off. */
export function findIdInText(text: string): JobId | undefined {
	const [, quoted, digits] = ID_IN_TEXT.exec(text) ?? [];
	const json = quoted === undefined ? digits : `"${quoted}"`;
	if (json === undefined) return undefined;
	try {
		return readId((JSON.parse(keepIdsExact(`{"id":${json}}`)) as { id: unknown }).id);
	} catch {
		return undefined;
	}
}

function listParts(part: Record<string, unknown>): Array<Record<string, unknown>> {
	return Object.entries(part)
		.filter(([name]) => !WORD_FIELDS.has(name))
		.flatMap(([, value]): unknown[] => (Array.isArray(value) ? value : [value]))
		.filter((value): value is Record<string, unknown> => typeof value === 'object' && value !== null);
}

/** The path of an address for polling. The job's ID follows. */
const FETCH_PATH = '/fetch';

/**
 * Finds the last part of a fetch address's path. Not by a pattern: Node's stack overflows when a pattern goes back over
 * megabytes.
 */
function findFetchSegment({ pathname }: URL): string | undefined {
	const end = pathname.endsWith('/') ? pathname.length - 1 : pathname.length;
	const start = pathname.lastIndexOf('/', end - 1);
	if (start < 0 || start + 1 >= end || !pathname.slice(0, start).endsWith(FETCH_PATH)) return undefined;
	return pathname.slice(start + 1, end);
}

/** Whether an address is one for polling. Only such an address is called. */
export const isFetchAddress = (url: URL): boolean => findFetchSegment(url) !== undefined;

/** Reads the ID from the address that an answer names for polling. */
export function readIdFromAddress(url: URL | undefined): JobId | undefined {
	const encoded = (url && findFetchSegment(url)) ?? '';
	try {
		return readId(decodeURIComponent(encoded));
	} catch {
		return readId(encoded);
	}
}

/** Matches parts that would lead to another path if a server decodes them too early. */
const DOT_SEGMENTS = /(?:^|[/\\])\.{1,2}(?:$|[/\\])/;

/**
 * Encodes an ID as the last part of a path.
 *
 * @returns nothing if it does not fit there: it has "." or ".." as a part, is too long, or contains half a character
 */
export function encodeIdAsPath(id: JobId): string | undefined {
	const text = String(id);
	if (DOT_SEGMENTS.test(text)) return undefined;
	try {
		const encoded = encodeURIComponent(text);
		return encoded.length <= MAX_PATH_LENGTH ? encoded : undefined;
	} catch {
		return undefined;
	}
}

/** Whether two IDs are the same. Leading zeros of a number do not count, because a person may type them. */
export function isSameId(one: JobId, other: JobId): boolean {
	return normalizeId(one) === normalizeId(other);
}

function normalizeId(id: JobId): string {
	const text = String(id);
	return /^\d+$/.test(text) ? text.replace(/^0+(?=\d)/, '') : text;
}

/** How much of an ID is written in a sentence, characters. */
const MAX_IN_TEXT = 100;

/** Writes a whole ID on one line, for a log. */
export const writeWholeId = (id: JobId): string => String(id).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');

/** Writes an ID for people: on one line, and not too long. */
export function writeId(id: JobId): string {
	const text = writeWholeId(id);
	return text.length > MAX_IN_TEXT ? `${text.slice(0, MAX_IN_TEXT)}...` : text;
}
