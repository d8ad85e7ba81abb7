/**
 * @param from the base of a relative address
 * @returns `undefined` if the text is not a URL
 */
export function parseUrl(text: string, from?: string): URL | undefined {
	try {
		return new URL(text, from);
	} catch {
		return undefined;
	}
}

/**
 * Removes all of a character from the end of a text. This is not a pattern, because a pattern would try each run inside the
 * text from each of its characters.
 */
export function trimEnd(text: string, character: string): string {
	let end = text.length;
	while (text[end - 1] === character) end--;
	return text.slice(0, end);
}

export function isHttp({ protocol }: URL): boolean {
	return protocol === 'http:' || protocol === 'https:';
}

/** Whether a text is an absolute http or https URL. */
export function isHttpUrl(text: string): boolean {
	const url = parseUrl(text);
	return url !== undefined && isHttp(url);
}
