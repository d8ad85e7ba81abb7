/**
 * @param from the address that a relative one is relative to
 * @returns `undefined` for what is no URL
 */
export function parseUrl(text: string, from?: string): URL | undefined {
	try {
		return new URL(text, from);
	} catch {
		return undefined;
	}
}

/** A text without the run of a character that it may end in. A pattern would look at each run within from each of its places. */
export function withoutTrailing(text: string, character: string): string {
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
