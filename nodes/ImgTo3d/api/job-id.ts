/**
 * The IDs of jobs. Whatever the service tells is kept exactly as written: a job whose ID is lost is a job that was
 * paid for and cannot be fetched.
 */

/** As the service sent it: v3 sends numbers. */
export type JobId = string | number;

/** Where an answer holds the ID of its job, the surest place first. */
const ID_FIELDS = ['id', 'request_id'];

/** These hold the service's words, in which `id` is the name of a field and not a job. */
const FIELDS_OF_WORDS = new Set(['message', 'messege', 'tip', 'tips', 'errors']);

/** How deep an ID is looked for. No answer that has been recorded nests one deeper than two levels. */
const MAX_DEPTH = 8;

/** Longer IDs are sent in the body: servers refuse long addresses. */
const MAX_PATH_LENGTH = 1000;

/** A number that is the value of `id`, `request_id` and the like, or the first of a list that is. */
const NUMERIC_ID = /(?<!\\)("(?:[a-z]{1,20}_){0,3}id"\s*:\s*(?:\[\s*){0,3})(-?\d[\d.eE+-]*)/gi;

/**
 * The same JSON, in which an ID that a JavaScript number cannot hold as it was written is a text.
 *
 * @param json valid JSON
 */
export function keepIdsExact(json: string): string {
	return json.replace(NUMERIC_ID, (whole, name: string, digits: string) =>
		String(Number(digits)) === digits ? whole : `${name}"${digits}"`,
	);
}

/** A single value as an ID: a number, or a text that is not blank. */
export function readId(value: unknown): JobId | undefined {
	if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
	const text = typeof value === 'string' ? value.trim() : '';
	return text === '' ? undefined : text;
}

/** The ID that an answer tells, wherever it stands in it: the one that is nested least. */
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
		level = level.flatMap(partsOf);
	}
	return undefined;
}

/** An ID that is wrapped, as in `["326"]` or `{ "$oid": "326" }`. Where there are several values, all are kept. */
function unwrapId(value: unknown): JobId | undefined {
	let inner = value;
	for (let depth = 0; depth < MAX_DEPTH && typeof inner === 'object' && inner !== null; depth++) {
		const values: unknown[] = Object.values(inner).filter((part) => part !== null);
		if (values.length !== 1) return values.length > 1 ? JSON.stringify(inner) : undefined;
		[inner] = values;
	}
	return readId(inner);
}

/** An ID in JSON that may be cut off; one that is cut off itself is followed by nothing. */
const ID_IN_TEXT =
	/(?<!\\)"(?:id|request_id)"\s*:\s*(?:"((?:[^"\\]|\\.){1,2000})"|(-?\d[\d.eE+-]{0,400}))\s*[,}\]]/;

/** The first ID in what came in of an answer that is no JSON because it broke off. */
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

function partsOf(part: Record<string, unknown>): Array<Record<string, unknown>> {
	return Object.entries(part)
		.filter(([name]) => !FIELDS_OF_WORDS.has(name))
		.flatMap(([, value]): unknown[] => (Array.isArray(value) ? value : [value]))
		.filter((value): value is Record<string, unknown> => typeof value === 'object' && value !== null);
}

/** How the path of an address begins at which the service says how a job is. The job's ID follows. */
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

/** Whether the service says at this address how a job is. Only such an address is called. */
export const isFetchAddress = (url: URL): boolean => findFetchSegment(url) !== undefined;

/** Reads the ID from the address that an answer names for polling. */
export function idInAddress(url: URL | undefined): JobId | undefined {
	const encoded = (url && findFetchSegment(url)) ?? '';
	try {
		return readId(decodeURIComponent(encoded));
	} catch {
		return readId(encoded);
	}
}

/** What a server that decodes too early would take for steps to another path. */
const STEPS = /(?:^|[/\\])\.{1,2}(?:$|[/\\])/;

/**
 * The ID as the last part of a path.
 *
 * @returns nothing when a path cannot hold it: it has "." or ".." as a part, is too long, or has half a character
 */
export function idAsPath(id: JobId): string | undefined {
	const text = String(id);
	if (STEPS.test(text)) return undefined;
	try {
		const encoded = encodeURIComponent(text);
		return encoded.length <= MAX_PATH_LENGTH ? encoded : undefined;
	} catch {
		return undefined;
	}
}

/** Whether two IDs are the same job's. Leading zeros do not count in a number: a person may type them. */
export function isSameId(one: JobId, other: JobId): boolean {
	return canonicalId(one) === canonicalId(other);
}

function canonicalId(id: JobId): string {
	const text = String(id);
	return /^\d+$/.test(text) ? text.replace(/^0+(?=\d)/, '') : text;
}

/** The longest ID that is written out in a sentence, characters. */
const MAX_IN_TEXT = 300;

/** The whole ID on one line, for a log. */
export const writeWholeId = (id: JobId): string => String(id).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');

/** The ID for a text that people read: on one line, and not longer than a line or two. */
export function writeId(id: JobId): string {
	const text = writeWholeId(id);
	return text.length > MAX_IN_TEXT ? `${text.slice(0, MAX_IN_TEXT)}...` : text;
}
