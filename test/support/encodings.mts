/** How a text stands in other texts: what a key is looked for as. */

/** Ways to write a text, each as some language does it for whole values. */
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

/** So short that a key has several lines. */
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

/** The shortest run of letters and digits by which a secret is told from everything else. */
const CORE_LENGTH = 12;

/** What stands of a text in base64 after a number of other bytes, whatever stands around it. */
function withinBase64(text: string, bytesBefore: number, alphabet: 'base64' | 'base64url'): string {
	const bytes = Buffer.concat([Buffer.alloc(bytesBefore), Buffer.from(text)]);
	return bytes.toString(alphabet).slice(Math.ceil((bytesBefore * 4) / 3), Math.floor((bytes.length * 4) / 3));
}

/**
 * What to look for to find a secret wherever and however it is written: in each of the {@link ENCODINGS}, in the midst
 * of something in base64, and its longest run of letters and digits. That one stays as it is in everything else, however
 * often it is escaped, and when a part of the secret has been taken out.
 */
export function listTraces(secret: string): string[] {
	const runs = secret.split(/[^A-Za-z0-9]+/).sort((a, b) => b.length - a.length);
	const core = runs.filter((run) => run.length >= CORE_LENGTH).slice(0, 1);
	const base64 = (['base64', 'base64url'] as const).flatMap((alphabet) =>
		[0, 1, 2].map((before) => withinBase64(secret, before, alphabet)),
	);
	const traces = [...Object.values(ENCODINGS).map((write) => write(secret)), ...base64, ...core];
	// What holds another one need not be looked for.
	return [...new Set(traces)].filter(
		(trace, _index, all) => !all.some((other) => other !== trace && trace.includes(other)),
	);
}
