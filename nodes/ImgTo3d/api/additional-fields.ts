import type { IDataObject } from 'n8n-workflow';

import { FIELDS, isTaken, OUTPUT_FORMAT, toBodyName } from './fields';
import { isEmpty } from './values';
import { VERSIONS, type ApiVersion, type Generation } from './versions';

const IMAGE_FIELDS = Object.values(VERSIONS).flatMap(({ images }) => Object.keys(images.buildBody([''])));

/** The fields that only the node sets, and how a person gets them. */
const OWN_FIELDS: ReadonlyMap<string, string> = new Map([
	['key', 'it is in the credential'],
	['webhook', 'use the option Webhook URL'],
	['track_id', 'use the option Track ID'],
	...IMAGE_FIELDS.map((name) => [name, 'use the parameters of the image'] as const),
]);

/**
 * Reads further fields of the body, which this node does not know.
 *
 * @param entered a JSON object, as a text or as the result of an expression
 * @returns the fields, or what is wrong with them, to follow the setting's name. It quotes no value: a value may be a key.
 */
export function readAdditionalFields(
	entered: unknown,
	version: ApiVersion,
	operation: Generation,
): { fields: IDataObject } | { problem: string } {
	if (isEmpty(entered)) return { fields: {} };
	const fields = typeof entered === 'string' ? parseJson(entered) : entered;
	if (!isObject(fields)) return { problem: 'must be a JSON object, such as { "name": 1 }' };
	for (const name of Object.keys(fields)) {
		const advice = findAdvice(name, version, operation);
		if (advice !== undefined) return { problem: `must not have "${name}": ${advice}` };
	}
	return { fields };
}

function findAdvice(name: string, version: ApiVersion, operation: Generation): string | undefined {
	if (name === 'prompt' && operation === 'textTo3d') return 'use the parameter Prompt';
	const field = FIELDS.find((one) => toBodyName(one) === name && isTaken(one, version, operation));
	if (!field) return OWN_FIELDS.get(name);
	return `use the ${field === OUTPUT_FORMAT ? 'parameter' : 'setting'} ${field.displayName}`;
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

const isObject = (value: unknown): value is IDataObject =>
	typeof value === 'object' && value !== null && !Array.isArray(value);
