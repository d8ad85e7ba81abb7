import { isThere, listPaths, readText } from '../support/own-files.mts';
import { Document } from './markdown.mts';
import { textsOf } from './texts.mts';

/** A test that a document names. */
interface NamedTest {
	/** From the root, or from `test/`. */
	path: string;
	/** What is quoted of its title. */
	title?: string;
}

/** What a text names: paths in code spans, and after each path the titles of its tests, in quotation marks. */
function namedTests(text: string): NamedTest[] {
	const found: NamedTest[] = [];
	let path: string | undefined;
	for (const [, code, title] of text.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
		if (code?.includes(' ')) path = undefined;
		else if (code && /^[\w.-]+\/[\w./-]+$/.test(code)) {
			path = code;
			found.push({ path });
		} else if (title && path) found.push({ path, title });
	}
	return found;
}

/** The named tests that cannot be found. A title can be any text of the file, because many titles come from tables. */
function problemsOf(named: NamedTest[]): string[] {
	const texts = new Map<string, string[]>();
	return named.flatMap(({ path, title }) => {
		const file = isThere(path) ? path : `test/${path}`;
		if (!isThere(file)) return `${path} does not exist`;
		if (title === undefined) return [];
		const ofFile = texts.get(file) ?? textsOf(readText(file));
		texts.set(file, ofFile);
		return ofFile.some((text) => text.includes(title)) ? [] : `${path} has no test "${title}"`;
	});
}

/** The cells of each row of the invariants. */
const invariants = readText('docs/invariants.md')
	.split('\n')
	.filter((line) => line.startsWith('| ') && !/^\| (---|what must hold) /.test(line))
	.map((line) => line.slice(2, -2).split(' | '));

test('each invariant has a reason, and a test or a measurement that guards it', () => {
	expect(invariants.length).toBeGreaterThan(70);
	for (const [rule, reason, guard = '', ...more] of invariants) {
		expect([rule, reason]).toEqual([expect.stringMatching(/\.$/), expect.stringMatching(/\.$/)]);
		expect(guard).toMatch(/`([\w-]+\/[\w./-]+|npm run bench -- .*)`/);
		expect(more).toEqual([]);
	}
});

test('the tests that guard the invariants exist', () => {
	expect(problemsOf(invariants.flatMap(([, , guard = '']) => namedTests(guard)))).toEqual([]);
});

test('the tests that SECURITY.md names exist', () => {
	// A list item goes on in the lines that follow it.
	const items = readText('SECURITY.md')
		.replaceAll('\n  ', ' ')
		.split('\n')
		.filter((line) => line.startsWith('* `test/'));
	const named = items.flatMap(namedTests);
	expect(named.length).toBeGreaterThan(30);
	expect(problemsOf(named)).toEqual([]);
});

test.each(['CONTRIBUTING.md', 'docs/architecture.md', 'docs/invariants.md'])(
	'the files and folders that %s names exist',
	(document) => {
		const paths = listPaths();
		const named = [...readText(document).matchAll(/`([\w./-]+)`/g)]
			.map(([, path = '']) => path)
			.filter((path) => !/^(?:\.cache|dist)\//.test(path))
			.filter((path) => /^[\w.-]+\/|\w\.(?:[cm]?[jt]s|json|md|yml)$/.test(path));
		expect(named.length).toBeGreaterThan(20);
		const isNamed = (path: string, name: string) => path === name || path.endsWith(`/${name}`);
		expect(named.filter((name) => !paths.some((path) => isNamed(path, name.replace(/\/$/, ''))))).toEqual([]);
	},
);

describe('the layers', () => {
	const names = [...readText('scripts/lint/layers.mjs').matchAll(/^\t+\{? ?name: '([a-z-]+)',\s+path: /gm)];
	const layers = names.map(([, name = '']) => {
		if (name === 'node') return '*.node.ts';
		return name === 'file-type' || name === 'request' ? `${name}.ts` : `${name}/`;
	});

	test.each(['CONTRIBUTING.md', 'docs/architecture.md'])('are in %s as the lint checks them', (path) => {
		const document = new Document(path);
		const table = document.tables().find(({ columns }) => columns[0] === 'layer');
		expect(layers.length).toBeGreaterThan(10);
		expect(table?.rows.map(([layer]) => layer?.text.split(',')[0])).toEqual(layers);
	});
});
