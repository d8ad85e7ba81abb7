import { randomInt } from 'node:crypto';

/** Field -> what is wrong with it, as the service words it. */
export type FieldErrors = Record<string, string[]>;

export type Body = Record<string, unknown>;

/** The parameters in a body, or what is wrong with it. */
export type ReadBody<P> = { parameters: P } | { errors: FieldErrors };

/** Whether a field is given. To the service, absent, null and '' all mean that it is not. */
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

/** Turns a text that is a number into that number, and returns everything else as it is. */
function parseNumber(value: unknown): unknown {
	const isNumber = typeof value === 'string' && /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i.test(value);
	return isNumber ? Number(value) : value;
}

function isText(value: unknown): value is string {
	return typeof value === 'string' && value !== '';
}

/** Reads the fields of a body one by one, and collects what is wrong with them. A wrong or missing field reads as its default. */
export class Check {
	private readonly errors: FieldErrors = {};

	constructor(private readonly body: Body) {}

	fail(field: string, complaint: string): void {
		(this.errors[field] ??= []).push(`The ${field} ${complaint}`);
	}

	/** @returns the parameters, or what is wrong with the fields that were read */
	finish<P>(parameters: P): ReadBody<P> {
		return Object.keys(this.errors).length > 0 ? { errors: this.errors } : { parameters };
	}

	readRequiredText(field: string): string {
		if (!isGiven(this.body[field])) {
			this.fail(field, 'field is required.');
			return '';
		}
		return this.readText(field) ?? '';
	}

	readText(field: string): string | null {
		const value = this.body[field];
		if (!isGiven(value)) return null;
		if (typeof value === 'string') return value;
		this.fail(field, 'must be a string.');
		return null;
	}

	readUrl(field: string): string | null {
		const value = this.readText(field);
		if (value === null) return null;
		if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
		this.fail(field, 'must be a valid URL.');
		return null;
	}

	/** Reads a required list of links. A single link is a list of one. */
	readLinks(field: string): string[] {
		const value = this.body[field];
		if (!Array.isArray(value)) return [this.readRequiredText(field)];
		if (value.length > 0 && value.every(isText)) return value;
		this.fail(field, 'must be a list of links.');
		return [];
	}

	/** Reads a number, or a text that is one. Clients send both. */
	readNumber(field: string, least: number, most: number, fallback: number, integer = true): number {
		const value = parseNumber(this.body[field]);
		if (!isGiven(value)) return fallback;
		if (typeof value !== 'number' || !Number.isFinite(value)) this.fail(field, 'must be a number.');
		else if (integer && !Number.isInteger(value)) this.fail(field, 'must be an integer.');
		else if (value >= least && value <= most) return value;
		else if (most === Infinity) this.fail(field, `must be at least ${least}.`);
		else this.fail(field, `must be between ${least} and ${most}.`);
		return fallback;
	}

	readBoolean(field: string): boolean {
		return this.readTruth(field, 'field must be true or false.');
	}

	readYesOrNo(field: string): 'yes' | 'no' {
		return this.readTruth(field, 'must be one of: no, yes.') ? 'yes' : 'no';
	}

	/** Clients send booleans and yes or no for both, also as text. */
	private readTruth(field: string, complaint: string): boolean {
		const value = this.body[field];
		if (!isGiven(value)) return false;
		const truth = TRUTHS.get(value);
		if (truth === undefined) this.fail(field, complaint);
		return truth ?? false;
	}

	/** Reads a seed, and chooses a random one when it is missing, or 0 where 0 means random. */
	readSeed(field: string, isZeroRandom = false): number {
		const value = parseNumber(this.body[field]);
		if (!isGiven(value) || (isZeroRandom && value === 0)) return randomInt(1, 2 ** 31);
		if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
		this.fail(field, 'must be an integer.');
		return 0;
	}

	readChoice<T extends string>(field: string, choices: readonly [T, ...T[]]): T {
		const value = this.body[field];
		if (!isGiven(value)) return choices[0];
		const chosen = choices.find((choice) => choice === value);
		if (chosen === undefined) this.fail(field, `must be one of: ${choices.join(', ')}.`);
		return chosen ?? choices[0];
	}
}
