/** The forms of a text in other texts. A key is searched for in all of them. */

/** Ways to write a text, each as a language does it for whole values. */
export const ENCODINGS: Record<string, (text: string) => string> = {
	'as it is': (text) => text,
	JSON: (text) => JSON.stringify(text).slice(1, -1),
	'JSON as Python writes it': (text) =>
		JSON.stringify(text)
			.slice(1, -1)
			.replace(/[^\0-\x7f]/g, escaped),
	'JSON as PHP writes it': (text) =>
		JSON.stringify(text)
			.slice(1, -1)
			.replaceAll('/', '\\/')
			.replace(/[^\0-\x7f]/g, escaped),
	'a part of a URL': (text) => encodeURIComponent(wellFormed(text)),
	'a part of a URL, in small letters': (text) =>
		encodeURIComponent(wellFormed(text)).replace(/%../g, (code) => code.toLowerCase()),
	'a URL': (text) => encodeURI(wellFormed(text)),
	'a field of a form': (text) => new URLSearchParams({ key: text }).toString().slice('key='.length),
	'a part of a URL as PHP writes it': (text) =>
		encodeURIComponent(wellFormed(text)).replace(
			/[!'()*]/g,
			(character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
		),
	'a part of a URL, every letter encoded': (text) => percent(text, (code) => code.toUpperCase()),
	'a part of a URL, every letter encoded in small letters': (text) => percent(text, (code) => code),
	'a part of a URL, every letter encoded, each other in small letters': (text) =>
		percent(text, (code, index) => (index % 2 === 0 ? code : code.toUpperCase())),
	'JSON, every letter escaped': (text) => text.replace(/[^]/g, escaped),
	'a log of bytes': (text) =>
		bytesOf(text)
			.map((byte) => `\\x${hex(byte)}`)
			.join(''),
	'HTML, every letter by its number': (text) => [...text].map((letter) => `&#${codeOf(letter)};`).join(''),
	'HTML, every letter by its number in hexadecimal': (text) =>
		[...text].map((letter) => `&#x${codeOf(letter).toString(16)};`).join(''),
	'HTML as PHP writes it': (text) => html(text, { "'": '&#039;', '"': '&quot;' }),
	'HTML as Python writes it': (text) => html(text, { "'": '&#x27;', '"': '&quot;' }),
	'HTML as Go writes it': (text) => html(text, { "'": '&#39;', '"': '&#34;' }),
	'text in HTML': (text) => html(text, {}),
	base64: (text) => Buffer.from(text).toString('base64'),
	'base64 for URLs': (text) => Buffer.from(text).toString('base64url'),
	'base64 in lines': (text) => inLines(text, '\n'),
	'base64 in lines as mail has them': (text) => inLines(text, '\r\n'),
	'base64 in lines, in JSON': (text) => inLines(text, '\\n'),
	'base64 in lines as mail has them, in JSON': (text) => inLines(text, '\\r\\n'),
	'base64 in groups': (text) => inLines(text, ' '),
};

/** It is so short that a key has several lines. */
const LINE_LENGTH = 8;

const inLines = (text: string, between: string) =>
	(
		Buffer.from(text)
			.toString('base64')
			.match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? []
	).join(between);
const bytesOf = (text: string) => [...Buffer.from(text)];
const hex = (byte: number) => byte.toString(16).padStart(2, '0');
const percent = (text: string, write: (code: string, index: number) => string) =>
	bytesOf(text)
		.map((byte, index) => `%${write(hex(byte), index)}`)
		.join('');
const codeOf = (letter: string) => letter.codePointAt(0) ?? 0;

const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
const wellFormed = (text: string) => Buffer.from(text).toString();
const html = (text: string, quotes: Record<string, string>) =>
	text.replace(
		/[&<>"']/g,
		(character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', ...quotes })[character] ?? character,
	);

/** The shortest run of letters and digits that identifies a secret. */
const CORE_LENGTH = 12;

/** The part of the base64 of a text that is the same whatever is around it, after a number of other bytes. */
function withinBase64(text: string, bytesBefore: number, alphabet: 'base64' | 'base64url'): string {
	const bytes = Buffer.concat([Buffer.alloc(bytesBefore), Buffer.from(text)]);
	return bytes.toString(alphabet).slice(Math.ceil((bytesBefore * 4) / 3), Math.floor((bytes.length * 4) / 3));
}

/**
 * Lists the texts to search for in order to find a secret in any form: each of the {@link ENCODINGS}, the secret within something in
 * base64, and its longest run of letters and digits. The run stays the same in all other forms, however often they are escaped, and also
 * when a part of the secret is removed.
 */
export function listTraces(secret: string): string[] {
	const runs = secret.split(/[^A-Za-z0-9]+/).sort((a, b) => b.length - a.length);
	const core = runs.filter((run) => run.length >= CORE_LENGTH).slice(0, 1);
	const base64 = (['base64', 'base64url'] as const).flatMap((alphabet) =>
		[0, 1, 2].map((before) => withinBase64(secret, before, alphabet)),
	);
	const traces = [...Object.values(ENCODINGS).map((write) => write(secret)), ...base64, ...core];
	// A text that contains another one is found by that one.
	return [...new Set(traces)].filter(
		(trace, _index, all) => !all.some((other) => other !== trace && trace.includes(other)),
	);
}
