import { listPaths, readText } from '../support/own-files.mts';

/** What n8n 3.0 takes away or moves (docs/n8n-3.md). */
const REMOVED = [/\$getPairedItem/, /binaryData\//, /\.n8n\//];

test('nothing that users get rests on what n8n 3.0 takes away', () => {
	const files = listPaths().filter((path) => /^(nodes|credentials|examples)\/.*\.(ts|json)$/.test(path));
	expect(files.length).toBeGreaterThan(100);
	const uses = files.flatMap((path) => {
		const text = readText(path);
		return REMOVED.filter((pattern) => pattern.test(text)).map((pattern) => `${path}: ${pattern}`);
	});
	expect(uses).toEqual([]);
});
