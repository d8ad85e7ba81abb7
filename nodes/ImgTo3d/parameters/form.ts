import { NodeOperationError, type IDataObject } from 'n8n-workflow';

import { describeChoices, toBoolean } from '../api/fields';
import { describeRange, numberWithin } from '../api/numbers';
import { sentences } from '../api/problems';
import type { NodeContext } from '../api/service';
import { isHttpUrl } from '../api/url';
import { NUMERIC_OPTIONS, type NumericOption } from './options';

/** A node's parameters as n8n hands them over: with expressions resolved, and so of any type. */
export class Form {
	/**
	 * @param context n8n copies the node when it is asked for it, so it is asked only for a problem
	 * @param value reads a parameter; n8n throws where one is missing and no fallback is given
	 * @param itemIndex the input item that the parameters are of, when they are of one
	 */
	constructor(
		private readonly context: Pick<NodeContext, 'getNode'>,
		readonly value: (name: string) => unknown,
		private readonly itemIndex?: number,
	) {}

	collection(name: string): IDataObject {
		const value = this.value(name);
		return typeof value === 'object' && value !== null ? (value as IDataObject) : {};
	}

	/** At least one of the choices. */
	choices<T extends string>(name: string, displayName: string, choices: readonly T[]): readonly T[] {
		const value = this.value(name);
		const chosen = Array.isArray(value) ? choices.filter((choice) => value.includes(choice)) : [];
		if (chosen.length > 0) return chosen;
		throw this.problem(displayName, value, `must be at least one of ${describeChoices(choices)}`);
	}

	choice<T extends string>(name: string, displayName: string, choices: readonly T[]): T {
		return this.among(this.value(name), displayName, choices);
	}

	yesNo(name: string, displayName: string): boolean {
		const value = this.value(name);
		const isOn = toBoolean(value);
		if (isOn === undefined) throw this.problem(displayName, value, 'must be true or false');
		return isOn;
	}

	requiredText(name: string, displayName: string): string {
		const value = this.value(name);
		const text = typeof value === 'string' ? value.trim() : '';
		if (text === '') throw this.problem(displayName, value, 'must be a text that is not empty');
		return text;
	}

	/** At least one text: the entries of a list, or the parts of a text between which `separator` stands. */
	texts(name: string, displayName: string, rule: string, separator?: string | RegExp): string[] {
		const value = this.value(name);
		const entries: unknown[] = typeof value === 'string' ? partsOf(value, separator) : asList(value);
		const texts = entries.map((entry) => (typeof entry === 'string' ? entry.trim() : ''));
		if (texts.length > 0 && !texts.includes('')) return texts;
		throw this.problem(displayName, value, rule);
	}

	option<T extends string>(
		options: IDataObject,
		name: string,
		displayName: string,
		choices: readonly T[],
		fallback: T,
	): T {
		return options[name] === undefined ? fallback : this.among(options[name], displayName, choices);
	}

	text(name: string, displayName: string): string {
		return this.textOf(this.value(name), displayName);
	}

	/** `undefined` when the option was not added, empty when it was left empty. */
	optionText(options: IDataObject, name: string, displayName: string): string | undefined {
		return options[name] === undefined ? undefined : this.textOf(options[name], displayName);
	}

	optionUrl(options: IDataObject, name: string, displayName: string): string | undefined {
		const url = this.optionText(options, name, displayName);
		if (url && !isHttpUrl(url)) {
			throw this.problem(displayName, url, 'must be an address that begins with http:// or https://');
		}
		return url;
	}

	/** `undefined` when the option was not added. */
	optionNumber(options: IDataObject, name: NumericOption): number | undefined {
		if (options[name] === undefined) return undefined;
		const { displayName, ...range } = NUMERIC_OPTIONS[name];
		const value = numberWithin(range, options[name]);
		if (value === undefined) {
			throw this.problem(displayName, options[name], `must be ${describeRange(range)}`);
		}
		return value;
	}

	numberOrDefault(options: IDataObject, name: NumericOption): number {
		return this.optionNumber(options, name) ?? NUMERIC_OPTIONS[name].default;
	}

	problem(displayName: string, entered: unknown, rule: string): NodeOperationError {
		const shown = typeof entered === 'string' ? `"${entered}"` : JSON.stringify(entered);
		return new NodeOperationError(
			this.context.getNode(),
			`${displayName} ${rule}, but is ${shown ?? 'missing'}`,
			{
				itemIndex: this.itemIndex,
				description: sentences(
					`Correct ${displayName}, or the expression that fills it.`,
					this.itemIndex === undefined ? '' : 'Nothing was submitted for this item.',
				),
			},
		);
	}

	private textOf(value: unknown, displayName: string): string {
		if (value === null) return '';
		if (typeof value === 'string' || typeof value === 'number') return String(value).trim();
		throw this.problem(displayName, value, 'must be a text');
	}

	private among<T extends string>(value: unknown, displayName: string, choices: readonly T[]): T {
		const chosen = choices.find((choice) => choice === value);
		if (chosen !== undefined) return chosen;
		throw this.problem(displayName, value, `must be ${describeChoices(choices)}`);
	}
}

const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The parts of a text; a separator may also stand at its end. */
function partsOf(text: string, separator: string | RegExp | undefined): string[] {
	if (separator === undefined) return [text];
	return text.trim().replace(/,$/, '').split(separator);
}
