/** Texts that servers send instead of a file, with a status of success. */
import { readMessage, quote } from '../api/words';
import type { ServedFile } from '../file-name';
import { decodeText, findText, HEAD_BYTES, recognizeKind, WEB_PAGE } from '../file-type';
import { describeText, type DownloadFailure } from './download-failure';

/** How much of a text is searched for what it says, bytes. More than {@link HEAD_BYTES}. */
const MAX_READ = 2000;

/** Formats that are JSON or XML themselves. A page is none of them. */
const TEXT_FORMATS = /\.(?:dae|gltf|json|svg|x3d|xml)$/i;

/**
 * Refuses a page, an XML document or JSON, and quotes what it says. A file whose address says that it is JSON or XML is
 * refused only if it is a page.
 *
 * @param served what the server says about the file
 * @param start the beginning of the body: {@link HEAD_BYTES} or more, or all
 * @param isWhole whether it is all
 * @param clean removes the API key from a text
 * @returns nothing if it is no such text
 */
export function refuseText(
	{ url, contentType }: Pick<ServedFile, 'url' | 'contentType'>,
	start: Buffer,
	isWhole: boolean,
	clean: (text: string) => string,
): DownloadFailure | undefined {
	const text = decodeText(start.subarray(0, MAX_READ));
	const what =
		findText(start.subarray(0, HEAD_BYTES)) ??
		(isWhole ? findShortText(start, text, contentType) : undefined);
	if (what === undefined) return undefined;
	if (what !== WEB_PAGE && TEXT_FORMATS.test(new URL(url).pathname)) return undefined;
	const says = readWords(clean(isWhole ? text : dropLastWord(text)));
	return describeText(what, quote(clean(says)));
}

/** Recognizes a short answer that does not begin like a page or JSON: words that are sent as a page, or a single value. */
function findShortText(file: Buffer, text: string, contentType = ''): string | undefined {
	if (file.length === 0 || recognizeKind(file, file.length)) return undefined;
	try {
		JSON.parse(text);
		return 'a JSON text';
	} catch {
		return /^text\/html\b/i.test(contentType) && !/[^\P{Cc}\s]/u.test(text) ? WEB_PAGE : undefined;
	}
}

/** The last word may be a part of the key, which nobody would recognize. */
function dropLastWord(text: string): string {
	return text.slice(0, Math.max(...[...' \n\t<>"\''].map((end) => text.lastIndexOf(end) + 1)));
}

/** Finds what a text says to people: the message of JSON, the title of a page, or all that is not markup. */
function readWords(text: string): string {
	if (!text.trimStart().startsWith('<')) return readJsonMessage(text) || text;
	const title = /<title[^>]*>([^<]*[^<\s])/i.exec(text)?.[1];
	return title ?? text.replace(/<(script|style)\b[^]*?<\/\1>/gi, ' ').replace(/<[^>]*>?/g, ' ');
}

function readJsonMessage(text: string): string {
	try {
		return readMessage(JSON.parse(text) as Record<string, unknown>);
	} catch {
		return '';
	}
}
