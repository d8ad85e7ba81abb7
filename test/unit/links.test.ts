import fc from 'fast-check';

import { splitLinks } from '../../nodes/ImgTo3d/parameters/links';

const A = 'https://example.com/a.png';
const B = 'http://example.com/b.png';

test.each<[string, string, string[]]>([
	['one link', A, [A]],
	['spaces around it', `\n ${A} `, [A]],
	['a comma after it', `${A},`, [A]],
	['a space between two', `${A} ${B}`, [A, B]],
	['a line break between two', `${A}\r\n${B}`, [A, B]],
	['a comma between two', `${A},${B}`, [A, B]],
	['commas and spaces between two', `${A} , ,${B}`, [A, B]],
	['a link with a comma', 'https://example.com/a,b.png', ['https://example.com/a,b.png']],
	['a link with a space', 'https://example.com/a b.png', ['https://example.com/a b.png']],
	[
		'a link with a link in its query',
		`https://proxy.example.com/?size=9,https://example.com/a.png`,
		[`https://proxy.example.com/?size=9,https://example.com/a.png`],
	],
	[
		'a link with a link in its path',
		`https://proxy.example.com/w_9,h_9/${A}`,
		[`https://proxy.example.com/w_9,h_9/${A}`],
	],
	['two links with queries', `${A}?x=1, ${B}?y=2`, [`${A}?x=1`, `${B}?y=2`]],
	[
		'upper case',
		`HTTPS://example.com/a.png,HTTP://example.com/b.png`,
		['HTTPS://example.com/a.png', 'HTTP://example.com/b.png'],
	],
	['no text', '', ['']],
	['no link', 'mug', ['mug']],
])('%s', (_name, text, links) => {
	expect(splitLinks(text)).toEqual(links);
});

test('links that are separated by a space are found again, whatever is in them', () => {
	const anyLink = fc
		.webUrl({ withQueryParameters: true, withFragments: true })
		.map((url) => url.replace(/,+$/, ''));
	fc.assert(
		fc.property(
			fc.array(anyLink, { minLength: 1 }),
			fc.constantFrom(' ', '\n', ', ', ' ,'),
			(links, separator) => {
				expect(splitLinks(links.join(separator))).toEqual(links);
			},
		),
	);
});
