import { randomUUID } from 'node:crypto';

/** A job's ID in the forms in which it is needed. */
export interface JobId {
	/** For the answers. */
	told: unknown;
	/** For links, and what a fetch finds the job by. */
	text: string;
}

/**
 * Begins a text that stands for a number which no JavaScript number keeps as it was written. A text, so that it stays
 * itself when an answer is copied or edited; a random one, so that no client can send it.
 */
const MARK = `number-${randomUUID()}:`;

const MARKED = new RegExp(`"${MARK}([^"]*)"`, 'g');

/** JSON of the value, with every number as it was written. */
export function toJson(value: unknown, indent?: number): string {
	return JSON.stringify(value, null, indent).replace(MARKED, '$1');
}

const NUMBERS_AND_TEXTS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function parsedId(literal: string): unknown {
	try {
		return JSON.parse(literal) as unknown;
	} catch {
		throw new Error(`idFor must give JSON, not: ${literal}`);
	}
}

/**
 * @param literal the ID as an answer is to write it. The text of a nested one is its last number or text
 * @throws Error when it is no JSON
 */
export function readJobId(literal: string): JobId {
	parsedId(literal);
	const marked = literal.replace(NUMBERS_AND_TEXTS, (token) =>
		token.startsWith('"') || String(Number(token)) === token ? token : `"${MARK}${token}"`,
	);
	const last = literal.match(NUMBERS_AND_TEXTS)?.at(-1) ?? '';
	return {
		told: JSON.parse(marked) as unknown,
		text: last.startsWith('"') ? (JSON.parse(last) as string) : last,
	};
}

/**
 * The ID in a body's `request_id`, '' when there is none.
 * @param source the body as it was sent: a long number is not the same any more once it is parsed
 */
export function requestIdOf(body: Record<string, unknown>, source: string): string {
	const { request_id: id } = body;
	if (typeof id === 'string') return id;
	if (typeof id !== 'number') return '';
	return /"request_id"\s*:\s*(-?[\d.]+(?:[eE][+-]?\d+)?)/.exec(source)?.[1] ?? String(id);
}
