import { randomInt } from 'node:crypto';

/** Field -> what is wrong with it, as the service words it. */
export type FieldErrors = Record<string, string[]>;

export type Body = Record<string, unknown>;

/** What a body was read into, or what is wrong with it. */
export type Reading<P> = { parameters: P } | { errors: FieldErrors };

/** Absent, null and '' all mean "not given" to the service. */
export function isGiven(value: unknown): boolean {
	return value !== undefined && value !== null && value !== '';
}

const TRUTHS = new Map<unknown, boolean>([
	[true, true],
	['true', true],
	['yes', true],
	[false, false],
	['false', false],
	['no', false],
]);

/** The number that a text is; anything else as it is. */
function numberIn(value: unknown): unknown {
	const isNumber = typeof value === 'string' && /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i.test(value);
	return isNumber ? Number(value) : value;
}

function isText(value: unknown): value is string {
	return typeof value === 'string' && value !== '';
}

/** Reads a body's fields one by one and notes what is wrong with them. What is wrong or not given reads as its default. */
export class Check {
	private readonly errors: FieldErrors = {};

	constructor(private readonly body: Body) {}

	fail(field: string, complaint: string): void {
		(this.errors[field] ??= []).push(`The ${field} ${complaint}`);
	}

	/** The parameters that were made of the fields, unless one of these was wrong. */
	reading<P>(parameters: P): Reading<P> {
		return Object.keys(this.errors).length > 0 ? { errors: this.errors } : { parameters };
	}

	requiredText(field: string): string {
		if (!isGiven(this.body[field])) {
			this.fail(field, 'field is required.');
			return '';
		}
		return this.text(field) ?? '';
	}

	text(field: string): string | null {
		const value = this.body[field];
		if (!isGiven(value)) return null;
		if (typeof value === 'string') return value;
		this.fail(field, 'must be a string.');
		return null;
	}

	url(field: string): string | null {
		const value = this.text(field);
		if (value === null) return null;
		if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
		this.fail(field, 'must be a valid URL.');
		return null;
	}

	/** A required list of links; one link alone stands for a list of it. */
	links(field: string): string[] {
		const value = this.body[field];
		if (!Array.isArray(value)) return [this.requiredText(field)];
		if (value.length > 0 && value.every(isText)) return value;
		this.fail(field, 'must be a list of links.');
		return [];
	}

	/** A number, or a text that is one: clients send both. */
	number(field: string, least: number, most: number, fallback: number, integer = true): number {
		const value = numberIn(this.body[field]);
		if (!isGiven(value)) return fallback;
		if (typeof value !== 'number' || !Number.isFinite(value)) this.fail(field, 'must be a number.');
		else if (integer && !Number.isInteger(value)) this.fail(field, 'must be an integer.');
		else if (value >= least && value <= most) return value;
		else if (most === Infinity) this.fail(field, `must be at least ${least}.`);
		else this.fail(field, `must be between ${least} and ${most}.`);
		return fallback;
	}

	boolean(field: string): boolean {
		return this.truth(field, 'field must be true or false.');
	}

	yesOrNo(field: string): 'yes' | 'no' {
		return this.truth(field, 'must be one of: no, yes.') ? 'yes' : 'no';
	}

	/** Clients send true and false for yes and no, each as a text too, and the other way round. */
	private truth(field: string, complaint: string): boolean {
		const value = this.body[field];
		if (!isGiven(value)) return false;
		const truth = TRUTHS.get(value);
		if (truth === undefined) this.fail(field, complaint);
		return truth ?? false;
	}

	/** Drawn at random when it is not given, or 0 where that means the same. */
	seed(field: string, isZeroRandom = false): number {
		const value = numberIn(this.body[field]);
		if (!isGiven(value) || (isZeroRandom && value === 0)) return randomInt(1, 2 ** 31);
		if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
		this.fail(field, 'must be an integer.');
		return 0;
	}

	choice<T extends string>(field: string, choices: readonly [T, ...T[]]): T {
		const value = this.body[field];
		if (!isGiven(value)) return choices[0];
		const chosen = choices.find((choice) => choice === value);
		if (chosen === undefined) this.fail(field, `must be one of: ${choices.join(', ')}.`);
		return chosen ?? choices[0];
	}
}
