/** Reads values as people and expressions enter them, and describes the allowed ones. */

/** The numbers that are allowed. */
export interface Range {
	kind: 'integer' | 'number';
	/** Inclusive. */
	min: number;
	/** Inclusive. Absent if there is no limit. */
	max?: number;
}

/** Whether nothing was entered: an option that was not added, or an empty cell. */
export function isEmpty(entered: unknown): boolean {
	return entered === undefined || entered === null || (typeof entered === 'string' && entered.trim() === '');
}

/** Reads a finite number, from a number or from a text that is one. @returns `undefined` for anything else */
export function toNumber(entered: unknown): number | undefined {
	const value = typeof entered === 'string' && entered.trim() !== '' ? Number(entered) : entered;
	return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Reads a number within a range. @returns `undefined` for anything else */
export function toNumberWithin({ kind, min, max }: Range, entered: unknown): number | undefined {
	const value = toNumber(entered);
	const fits =
		value !== undefined &&
		value >= min &&
		(max === undefined || value <= max) &&
		(kind === 'number' || Number.isSafeInteger(value));
	return fits ? value : undefined;
}

/** Describes a range for error texts: "an integer from 1 to 64". */
export function describeRange({ kind, min, max }: Range): string {
	const noun = kind === 'integer' ? 'an integer' : 'a number';
	return max === undefined ? `${noun} from ${min}` : `${noun} from ${min} to ${max}`;
}

/** Reads a boolean, or the text of one. @returns `undefined` for anything else */
export function toBoolean(entered: unknown): boolean | undefined {
	if (entered === true || entered === 'true') return true;
	return entered === false || entered === 'false' ? false : undefined;
}

/** Lists choices for error texts: `"gif" or "ply"`. */
export function describeChoices(values: readonly string[]): string {
	return values.map((value) => `"${value}"`).join(' or ');
}
