/** What numbers a value may be. */
export interface Range {
	kind: 'integer' | 'number';
	/** Inclusive. */
	min: number;
	/** Inclusive; absent where there is no limit. */
	max?: number;
}

/** A finite number, from a number or from a text that is nothing else; otherwise `undefined`. */
export function toNumber(entered: unknown): number | undefined {
	const value = typeof entered === 'string' && entered.trim() !== '' ? Number(entered) : entered;
	return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The number that was entered, if it is one within the range; otherwise `undefined`. */
export function numberWithin({ kind, min, max }: Range, entered: unknown): number | undefined {
	const value = toNumber(entered);
	const fits =
		value !== undefined &&
		value >= min &&
		(max === undefined || value <= max) &&
		(kind === 'number' || Number.isSafeInteger(value));
	return fits ? value : undefined;
}

/** "an integer from 1 to 64", for error texts. */
export function describeRange({ kind, min, max }: Range): string {
	const noun = kind === 'integer' ? 'an integer' : 'a number';
	return max === undefined ? `${noun} from ${min}` : `${noun} from ${min} to ${max}`;
}
