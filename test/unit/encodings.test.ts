import { listTraces, ENCODINGS } from '../support/encodings.mts';

const KEY = 'sk/3f9c1d7be2a84f60+b5=<"71>';
const SHORT = 'sk/3f+1d="71';
const holds = (text: string, secret: string) => listTraces(secret).some((trace) => text.includes(trace));

describe.each([KEY, SHORT])('the secret %s', (secret) => {
	test.each(Object.entries(ENCODINGS))('is found written as %s', (_name, write) => {
		expect(holds(`before${write(secret)}after`, secret)).toBe(true);
	});

	test.each(['', 'a', 'ab', 'abc'])('is found in the midst of base64, after "%s"', (before) => {
		for (const alphabet of ['base64', 'base64url'] as const) {
			expect(holds(Buffer.from(`${before}${secret}{}`).toString(alphabet), secret)).toBe(true);
		}
	});

	test('is not found where it is not', () => {
		expect(holds(JSON.stringify({ key: '***', id: 4711 }), secret)).toBe(false);
	});
});

test('a long secret is found however often it was escaped, and when a part of it is gone', () => {
	const twice = JSON.stringify(JSON.stringify({ deep: JSON.stringify({ key: KEY }) }));
	expect(holds(twice, KEY)).toBe(true);
	expect(holds(KEY.slice(3), KEY)).toBe(true);
});
