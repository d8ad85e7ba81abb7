import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { INodeParameters } from 'n8n-workflow';

import type { WorkflowJson } from '../n8n/engine/engine.cts';

/** Reads the parameters of the Image to 3D node in the first example: a link on each item, a few settings, polling. */
export function readExampleParameters(): INodeParameters {
	const path = join(import.meta.dirname, '../examples/image-to-turntable.json');
	const { nodes } = JSON.parse(readFileSync(path, 'utf8')) as WorkflowJson;
	const node = nodes.find(({ type }) => type === 'n8n-nodes-img-to-3d.imgTo3d');
	if (!node) throw new Error('The example has no Image to 3D node.');
	return node.parameters;
}
