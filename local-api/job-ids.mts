import { randomUUID } from 'node:crypto';

/** A job's ID in its two forms. */
export interface JobId {
	/** For answers. */
	told: unknown;
	/** For links. A fetch finds the job by it. */
	text: string;
}

/**
 * The beginning of a text that represents a number, for numbers that JavaScript cannot hold as they were written. A text stays the
 * same when an answer is copied or edited. It is random, so no client can send it.
 */
const MARK = `number-${randomUUID()}:`;

const MARKED = new RegExp(`"${MARK}([^"]*)"`, 'g');

/** Writes JSON, with every number as it was written. */
export function toJson(value: unknown, indent?: number): string {
	return JSON.stringify(value, null, indent).replace(MARKED, '$1');
}

const NUMBERS_AND_TEXTS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function checkId(literal: string): unknown {
	try {
		return JSON.parse(literal) as unknown;
	} catch {
		throw new Error(`idFor must give JSON, not: ${literal}`);
	}
}

/**
 * @param literal the ID as JSON. Answers contain it as it is. The text of a nested ID is its last number or text.
 * @throws Error when it is not JSON
 */
export function readJobId(literal: string): JobId {
	checkId(literal);
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
 * Reads the ID in `request_id`. Returns '' when there is none.
 *
 * @param source the body as it was sent. Parsing it changes long numbers.
 */
export function readRequestId(body: Record<string, unknown>, source: string): string {
	const { request_id: id } = body;
	if (typeof id === 'string') return id;
	if (typeof id !== 'number') return '';
	return /"request_id"\s*:\s*(-?[\d.]+(?:[eE][+-]?\d+)?)/.exec(source)?.[1] ?? String(id);
}
