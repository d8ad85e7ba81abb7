/** The status words of the service, and what they mean. A new word is an entry here. */

/** What an answer says about what was asked for. */
export type Status = 'success' | 'processing' | 'failed' | 'error' | 'cancelled';

const STATUSES = new Map<string, Status>([
	['success', 'success'],
	['processing', 'processing'],
	['queued', 'processing'],
	['failed', 'failed'],
	['error', 'error'],
	['cancelled', 'cancelled'],
	['canceled', 'cancelled'],
]);

/** Each status word, in lower case. */
export const STATUS_WORDS: readonly string[] = [...STATUSES.keys()];

/**
 * Reads the `status` of an answer. Upper case and spaces around it do not count.
 *
 * @returns `unknown` for a word that is not documented, `missing` for a value that is not a text
 */
export function readStatus(value: unknown): Status | 'unknown' | 'missing' {
	if (typeof value !== 'string') return 'missing';
	return STATUSES.get(value.trim().toLowerCase()) ?? 'unknown';
}
