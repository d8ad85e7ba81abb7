/** Reads the workflows of `examples/`, with the credential of an n8n server, and with images of the stand-in service. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { WorkflowFile } from './n8n.mts';
import type { World } from './worlds.mts';

const EXAMPLES = 'examples';

/** The links to images in the examples. */
const PICTURE = /https:\/\/[^"\s\\]+\.(?:jpe?g|png|webp)/g;

export function listExamples(): string[] {
	return readdirSync(EXAMPLES)
		.filter((name) => name.endsWith('.json'))
		.map((name) => name.replace(/\.json$/, ''));
}

/** Reads an example. @param name the name of the file without `.json` */
export function readExample({ service, credentials }: World, name: string): WorkflowFile {
	const samples = readdirSync('samples')
		.filter((file) => /\.(jpe?g|png|webp)$/.test(file))
		.map((file) => `${service.origin}/samples/${file}`);
	let next = 0;
	const text = readFileSync(join(EXAMPLES, `${name}.json`), 'utf8').replace(
		PICTURE,
		() => samples[next++ % samples.length] ?? '',
	);
	const workflow = JSON.parse(text) as WorkflowFile;
	for (const node of workflow.nodes) {
		if (node.credentials?.stableDiffusionApi) Object.assign(node.credentials, credentials);
	}
	return workflow;
}
