/** What the published code can say: its texts, as they stand in the source. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';

/** Stands for what is filled in when the program runs. */
export const FILLED_IN = '\u0000';

/** The texts of all source files in these folders. */
export function textsIn(folders: readonly string[]): string[] {
	return folders.flatMap((folder) =>
		readdirSync(folder, { recursive: true, encoding: 'utf8' })
			.filter((path) => path.endsWith('.ts'))
			.flatMap((path) => textsOf(readFileSync(join(folder, path), 'utf8'))),
	);
}

/** The texts of a source file, in order. */
export function textsOf(source: string): string[] {
	const texts: string[] = [];
	const visit = (node: ts.Node): void => {
		if (ts.isStringLiteralLike(node)) texts.push(node.text);
		if (ts.isTemplateExpression(node)) {
			const parts = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
			texts.push(parts.join(FILLED_IN));
		}
		ts.forEachChild(node, visit);
	};
	visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest));
	return texts;
}
