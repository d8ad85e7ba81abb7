import { readFileSync } from 'node:fs';

interface CodeNode {
	name: string;
	parameters: { jsCode?: string };
}

/** A file that a Code node has made. */
export interface MadeFile {
	bytes: Buffer;
	name: string;
	type: string;
}

export interface Made {
	json: Record<string, unknown>;
	binary: Record<string, MadeFile>;
}

/**
 * Runs the code of a Code node of an example.
 *
 * @param scope the variables that n8n gives to the code
 * @param file the item's file
 */
export async function runExampleCode<T>(
	example: string,
	node: string,
	scope: Record<string, unknown>,
	file = Buffer.alloc(0),
): Promise<T> {
	const { nodes } = JSON.parse(readFileSync(`examples/${example}.json`, 'utf8')) as { nodes: CodeNode[] };
	const code = nodes.find(({ name }) => name === node)?.parameters.jsCode;
	if (code === undefined) throw new Error(`${example} has no Code node "${node}".`);
	const helpers = {
		getBinaryDataBuffer: async () => await Promise.resolve(Buffer.from(file)),
		prepareBinaryData: async (bytes: Buffer, name: string, type: string) =>
			await Promise.resolve({ bytes, name, type }),
	};
	const wrapped = `return (async function () { ${code} }).call(self)`;
	const run = new Function('self', ...Object.keys(scope), wrapped) as (...values: unknown[]) => Promise<T>;
	return await run({ helpers }, ...Object.values(scope));
}
