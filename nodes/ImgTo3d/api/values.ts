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

const TRUTHS: Readonly<Record<string, boolean>> = {
	true: true,
	yes: true,
	on: true,
	false: false,
	no: false,
	off: false,
};

/** Reads a boolean, or the text of one as sheets and models write it. @returns `undefined` for anything else */
export function toBoolean(entered: unknown): boolean | undefined {
	if (typeof entered === 'boolean') return entered;
	const word = typeof entered === 'string' ? entered.trim().toLowerCase() : '';
	return Object.hasOwn(TRUTHS, word) ? TRUTHS[word] : undefined;
}

/** Reads one of the choices, in capital or small letters. @returns `undefined` for anything else */
export function toChoice<T extends string>(choices: readonly T[], entered: unknown): T | undefined {
	if (typeof entered !== 'string') return undefined;
	const word = entered.trim().toLowerCase();
	return choices.find((choice) => choice.toLowerCase() === word);
}

/** Reads a text, or the number in a cell. @returns `undefined` for anything else */
export function toText(entered: unknown): string | undefined {
	if (typeof entered === 'string') return entered;
	return typeof entered === 'number' && Number.isFinite(entered) ? String(entered) : undefined;
}

/** Lists choices for error texts: `"gif" or "ply"`. */
export function describeChoices(values: readonly string[]): string {
	return values.map((value) => `"${value}"`).join(' or ');
}
