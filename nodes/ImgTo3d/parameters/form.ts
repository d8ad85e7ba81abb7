import { NodeOperationError, type IDataObject } from 'n8n-workflow';

import {
	describeChoices,
	describeRange,
	isEmpty,
	toBoolean,
	toChoice,
	toNumberWithin,
	toText,
	type Range,
} from '../api/values';
import { joinSentences, NOTHING_SUBMITTED, type ErrorText } from '../api/error-texts';
import type { NodeContext } from '../api/transport';
import { isHttpUrl } from '../api/url';
import { quoteValue } from '../api/words';
import { NUMERIC_OPTIONS, type NumericOption } from './options';

/**
 * Reads and checks a node's parameters. n8n has resolved the expressions in them, so a value can be of any type.
 *
 * A value that cannot be used is a `NodeOperationError`. It names the parameter, what is allowed, and what was entered.
 */
export class Form {
	/**
	 * @param context is asked for the node only when there is an error, because n8n copies the node each time
	 * @param getValue gets a parameter. n8n throws where one is missing and no fallback is given.
	 * @param itemIndex the input item that the parameters belong to, if they belong to one
	 */
	constructor(
		private readonly context: Pick<NodeContext, 'getNode'>,
		readonly getValue: (name: string) => unknown,
		private readonly itemIndex?: number,
	) {}

	/** The entries of a collection. Empty when none was added. */
	readCollection(name: string): IDataObject {
		const value = this.getValue(name);
		return typeof value === 'object' && value !== null ? (value as IDataObject) : {};
	}

	/** One or more of the choices. */
	readChoices<T extends string>(name: string, displayName: string, choices: readonly T[]): readonly T[] {
		const value = this.getValue(name);
		const chosen = Array.isArray(value) ? choices.filter((choice) => value.includes(choice)) : [];
		if (chosen.length > 0) return chosen;
		throw this.createError(displayName, value, `must be at least one of ${describeChoices(choices)}`);
	}

	readChoice<T extends string>(name: string, displayName: string, choices: readonly T[]): T {
		return this.findChoice(this.getValue(name), displayName, choices);
	}

	readBoolean(name: string, displayName: string): boolean {
		return this.toBoolean(this.getValue(name), displayName);
	}

	/** A text that is not empty. */
	readRequiredText(name: string, displayName: string): string {
		const value = this.getValue(name);
		const text = toText(value)?.trim() ?? '';
		if (text === '') throw this.createError(displayName, value, 'must be a text that is not empty');
		return text;
	}

	/**
	 * One or more texts: the entries of a list, or the parts of a text.
	 *
	 * @param rule what is allowed, for the error: "must be ..."
	 * @param split splits a text into its parts
	 */
	readTexts(name: string, displayName: string, rule: string, split: (text: string) => string[]): string[] {
		const value = this.getValue(name);
		const entries = typeof value === 'string' ? (parseList(value) ?? split(value)) : toList(value);
		const texts = entries.map((entry) => (typeof entry === 'string' ? entry.trim() : ''));
		if (texts.length > 0 && !texts.includes('')) return texts;
		throw this.createError(displayName, value, rule);
	}

	readNumber(name: string, displayName: string, range: Range): number {
		const entered = this.getValue(name);
		const value = toNumberWithin(range, entered);
		if (value !== undefined) return value;
		throw this.createError(displayName, entered, `must be ${describeRange(range)}`);
	}

	/** @param fallback for an option that was not added, or left empty */
	readOptionChoice<T extends string>(
		options: IDataObject,
		name: string,
		displayName: string,
		choices: readonly T[],
		fallback: T,
	): T {
		return isEmpty(options[name]) ? fallback : this.findChoice(options[name], displayName, choices);
	}

	/** @param fallback for an option that was not added, or left empty */
	readOptionBoolean(options: IDataObject, name: string, displayName: string, fallback = false): boolean {
		return isEmpty(options[name]) ? fallback : this.toBoolean(options[name], displayName);
	}

	/** `undefined` when the option was not added, '' when it was left empty. */
	readOptionText(options: IDataObject, name: string, displayName: string): string | undefined {
		return options[name] === undefined ? undefined : this.toText(options[name], displayName);
	}

	/** The same for an http or https address. */
	readOptionUrl(options: IDataObject, name: string, displayName: string): string | undefined {
		const url = this.readOptionText(options, name, displayName);
		if (url && !isHttpUrl(url)) {
			throw this.createError(displayName, url, 'must be an address that begins with http:// or https://');
		}
		return url;
	}

	/** `undefined` when the option was not added, or left empty. */
	readOptionNumber(options: IDataObject, name: NumericOption): number | undefined {
		if (isEmpty(options[name])) return undefined;
		const { displayName, ...range } = NUMERIC_OPTIONS[name];
		const value = toNumberWithin(range, options[name]);
		if (value === undefined) {
			throw this.createError(displayName, options[name], `must be ${describeRange(range)}`);
		}
		return value;
	}

	readNumberOrDefault(options: IDataObject, name: NumericOption): number {
		return this.readOptionNumber(options, name) ?? NUMERIC_OPTIONS[name].default;
	}

	/** @param rule what is allowed: "must be ..." */
	createError(displayName: string, entered: unknown, rule: string): NodeOperationError {
		return this.createRuleError(displayName, `${rule}, but is ${quoteValue(entered)}`);
	}

	/** The same without a quotation of what was entered. */
	createRuleError(displayName: string, rule: string): NodeOperationError {
		return this.refuse({
			message: `${displayName} ${rule}`,
			description: `Correct ${displayName}, or the expression that fills it.`,
		});
	}

	/** @param text what is wrong, and what to do about it */
	refuse({ message, description }: ErrorText): NodeOperationError {
		const { itemIndex } = this;
		return new NodeOperationError(this.context.getNode(), message, {
			itemIndex,
			description: joinSentences(description, itemIndex === undefined ? '' : NOTHING_SUBMITTED),
		});
	}

	private toBoolean(value: unknown, displayName: string): boolean {
		const isOn = toBoolean(value);
		if (isOn === undefined) throw this.createError(displayName, value, 'must be true or false');
		return isOn;
	}

	private toText(value: unknown, displayName: string): string {
		const text = value === null ? '' : toText(value)?.trim();
		if (text !== undefined) return text;
		throw this.createError(displayName, value, 'must be a text');
	}

	private findChoice<T extends string>(value: unknown, displayName: string, choices: readonly T[]): T {
		const chosen = toChoice(choices, value);
		if (chosen !== undefined) return chosen;
		throw this.createError(displayName, value, `must be ${describeChoices(choices)}`);
	}
}

const toList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** A list that was written as JSON, as models do. */
function parseList(text: string): unknown[] | undefined {
	if (!/^\s*\[/.test(text)) return undefined;
	try {
		return toList(JSON.parse(text) as unknown);
	} catch {
		return undefined;
	}
}
