/** Reads a body from outside as a JSON object. */
import { isWebPage } from '../file-type';
import { hasJobEvidence, readJobId, toUncertainId, type JobEvidence } from './evidence';
import { findIdInText, keepIdsExact } from './job-id';
import { cleanJson } from './redact';
import { readStatus } from './status';
import { quote } from './words';

/** A JSON object, without the key in it. */
export interface JsonBody {
	object: Record<string, unknown>;
	/** The status as it was sent, in case it contained the key. */
	status: unknown;
}

/** A body that is not a JSON object. */
export interface OtherBody extends Pick<JobEvidence, 'id' | 'hasEvidence'> {
	/** What it is instead. */
	why: string;
	excerpt: string;
}

/** Some servers put one before a text, and some proxies add another. JSON.parse fails on it. */
const BYTE_ORDER_MARKS = /^\uFEFF+/;

/** How much of a body that is not JSON is searched for words, characters. */
const MAX_WORDS = 100_000;

/**
 * Reads a body.
 *
 * @param clean removes the API key from a text
 * @param what names the body in `why`
 */
export function readBody(
	text: string,
	clean: (text: string) => string,
	what = 'the answer',
): JsonBody | OtherBody {
	const body = text.replace(BYTE_ORDER_MARKS, '');
	if (body.trim() === '') return { why: `${what} is empty`, excerpt: '' };
	let parsed: unknown;
	try {
		parsed = JSON.parse(keepIdsExact(body));
	} catch {
		return readText(body, clean, what);
	}
	const cleaned = cleanJson(parsed, clean);
	if (cleaned === undefined) {
		const evidence = isRecord(parsed)
			? readDeepEvidence(parsed, clean)
			: toUncertainId(findIdInText(clean(body)));
		return { why: `${what} is nested too deeply`, excerpt: '', ...evidence };
	}
	if (!isRecord(cleaned)) return readOtherJson(cleaned, what);
	return { object: cleaned, status: (parsed as Record<string, unknown>).status };
}

/** Reads a text that is not JSON. */
function readText(text: string, clean: (text: string) => string, what: string): OtherBody {
	const isPage = isWebPage(text);
	// Cleaned before it is cut: a part of the key might be at the end of the excerpt.
	const cleaned = clean(text);
	const words = cleaned.slice(0, MAX_WORDS);
	return {
		why: `${what} is ${isPage ? 'a web page' : 'not JSON'}`,
		excerpt: quote(isPage ? removeTags(words) : words),
		...(!isPage && toUncertainId(findIdInText(cleaned))),
	};
}

/** Reads JSON that is not an object. */
function readOtherJson(value: unknown, what: string): OtherBody {
	const kind = Array.isArray(value) ? 'a list' : value === null ? 'null' : `a ${typeof value}`;
	// A text may be JSON that was encoded twice.
	const id = typeof value === 'string' ? findIdInText(value) : readJobId({ value });
	return {
		why: `${what} is ${kind} instead of an object`,
		excerpt: quote(JSON.stringify(value)),
		...toUncertainId(id),
	};
}

/** Reads the evidence of a job from JSON that is nested too deeply: from all its fields except the deep ones. */
function readDeepEvidence(
	parsed: Record<string, unknown>,
	clean: (text: string) => string,
): Pick<JobEvidence, 'id' | 'hasEvidence'> {
	const fields = Object.entries(parsed).map(([name, value]) => [name, cleanJson(value, clean)] as const);
	const object = Object.fromEntries(fields.filter(([, value]) => value !== undefined));
	const id = readJobId(object);
	const status = readStatus(parsed.status);
	const isAccepted = status === 'success' || status === 'processing';
	return { ...(id !== undefined && { id }), hasEvidence: isAccepted || hasJobEvidence(object) };
}

/** A page's text says more than its first tags. A tag without an end is removed up to the end, so no part is read twice. */
const removeTags = (page: string) => page.replace(/<(script|style)[\s\S]*?(?:<\/\1>|$)|<[^>]*(?:>|$)/gi, ' ');

export function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
