/** Reads the name that a server suggests for a file. Sources: RFC 6266, RFC 5987 (8187). */
import type { IDataObject } from 'n8n-workflow';

import { readHeader } from '../api/words';

/** How much of the header is read, characters. */
const MAX_READ = 1000;

const NAMES = /(?:^|;)[ \t]*(filename\*?)[ \t]*=[ \t]*("(?:\\.|[^"\\])*"|[^;]*)/gi;

/**
 * Reads the name in `Content-Disposition`. `filename*`, which has a character set, counts more than `filename`.
 *
 * @param clean removes the API key from a text
 * @returns the name as it was sent, decoded: it may contain anything but the key
 */
export function readSuggestedName(headers: IDataObject, clean: (text: string) => string): string | undefined {
	const header = readHeader(headers, 'content-disposition') ?? '';
	const values = new Map<string, string>();
	for (const [, name = '', value = ''] of clean(header).slice(0, MAX_READ).matchAll(NAMES)) {
		values.set(name.toLowerCase(), unquote(value.trim()));
	}
	const name = decodeExtended(values.get('filename*')) ?? decodeBytes(values.get('filename'));
	return name && clean(name);
}

const unquote = (value: string) => value.replace(/^"|"$/g, '').replace(/\\(.)/g, '$1');

/** Decodes `UTF-8''mug%20%E2%82%AC.glb`. @returns nothing if it cannot be decoded */
function decodeExtended(value = ''): string | undefined {
	const [, charset = '', encoded] = /^([\w-]*)'[^']*'(.*)$/.exec(value) ?? [];
	if (encoded === undefined) return undefined;
	try {
		if (/^utf-8$/i.test(charset)) return decodeURIComponent(encoded);
		return encoded.replace(/%([\dA-F]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
	} catch {
		return undefined;
	}
}

/** Headers arrive as latin1, but many servers write UTF-8. */
function decodeBytes(value: string | undefined): string | undefined {
	const text = value && Buffer.from(value, 'latin1').toString('utf8');
	return text?.includes('\ufffd') ? value : text;
}
