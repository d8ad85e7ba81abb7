export type Json = Record<string, unknown>;

/** Whether a value is an object of JSON, and not a list. */
export function isObject(value: unknown): value is Json {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
