/**
 * Splits a text with one or more links, as people and sheets write them: with spaces, line breaks or commas between them.
 *
 * A link may contain both, so only what comes directly before `http://` or `https://` separates. A comma without a space
 * does not separate within a query (`?`), where links often carry another link.
 *
 * @returns the links in their order, without spaces around them; one empty text for an empty text
 */
export function splitLinks(text: string): string[] {
	const trimmed = text.replace(/^[\s,]+|(?<![\s,])[\s,]+$/g, '');
	const links: string[] = [];
	let start = 0;
	let query = trimmed.indexOf('?');
	for (const { index, 0: mark } of trimmed.matchAll(SEPARATOR)) {
		const isInQuery = query >= 0 && query < index;
		if (isInQuery && !/\s/.test(mark)) continue;
		links.push(trimmed.slice(start, index));
		start = index + mark.length;
		if (isInQuery) query = trimmed.indexOf('?', start);
	}
	return [...links, trimmed.slice(start)];
}

/**
 * What may separate two links. The lookbehind makes each run of separators match at its first character only. Without it, a
 * long text of nothing but separators would take minutes.
 */
const SEPARATOR = /(?<![\s,])[\s,]+(?=https?:\/\/)/gi;
