/** Reads the node's parameters for one item, once, into a typed and checked request. */
import { NodeOperationError, type IDataObject, type IExecuteFunctions } from 'n8n-workflow';

import { readId } from '../api/answer';
import { generationBody } from '../api/body';
import { describeChoices, toBoolean, type ApiVersion } from '../api/fields';
import { describeRange, numberWithin } from '../api/numbers';
import { isHttpUrl } from '../api/url';
import type {
	GenerationRequest,
	ImageSource,
	ItemRequest,
	OutputMode,
	ResultRequest,
	WaitFor,
} from '../request';
import { NUMERIC_OPTIONS, type NumericOption } from './options';

const API_VERSIONS: readonly ApiVersion[] = ['v3'];
const OPERATIONS = ['imageTo3d', 'textTo3d', 'getResult'] as const;
const IMAGE_SOURCES = ['url', 'binary'] as const;
const WAITS: readonly WaitFor[] = ['poll', 'none'];
const OUTPUT_MODES: readonly OutputMode[] = ['job', 'file'];

/**
 * @param itemIndex the input item
 * @throws NodeOperationError that names the field, what was entered and what is allowed
 */
export function readRequest(context: IExecuteFunctions, itemIndex: number): ItemRequest {
	const form = new Form(context, itemIndex);
	const options = form.collection('options');
	const work = readWork(form, options);
	const waitFor = form.choice('waitFor', 'Wait For', WAITS);
	const download = waitFor !== 'none' && form.yesNo('download', 'Download Output Files');
	const trackId = form.optionText(options, 'trackId', 'Track ID');
	const pollInterval = form.optionNumber(options, 'pollInterval');

	return {
		itemIndex,
		work,
		waitFor,
		...(trackId && { trackId }),
		timeoutMs: form.numberOrDefault(options, 'timeout') * 1000,
		...(pollInterval !== undefined && { pollIntervalMs: pollInterval * 1000 }),
		download,
		outputBinaryPropertyName: download
			? form.requiredText('outputBinaryPropertyName', 'Put Output File in Field')
			: '',
		outputMode: form.option(options, 'outputMode', 'Output', OUTPUT_MODES, 'job'),
		maxFileBytes: form.numberOrDefault(options, 'maxFileSize') * 1024 * 1024,
	};
}

/** How many of the run's jobs may be open at once. One number for the run: the first item's. */
export function readMaxJobsInFlight(context: IExecuteFunctions): number {
	const form = new Form(context, 0);
	return form.numberOrDefault(form.collection('options'), 'maxJobsInFlight');
}

function readWork(form: Form, options: IDataObject): GenerationRequest | ResultRequest {
	const apiVersion = form.choice('apiVersion', 'API Version', API_VERSIONS);
	const operation = form.choice('operation', 'Operation', OPERATIONS);
	if (operation === 'getResult') {
		const entered = form.value('jobId');
		const jobId = readId(typeof entered === 'string' ? entered.trim() : entered);
		if (jobId === undefined) {
			throw form.problem(
				'Job ID',
				entered,
				'must be letters, digits, - and _ only, as in the item or the error that reported the job',
			);
		}
		return { operation, apiVersion, jobId: String(jobId) };
	}
	const entered = {
		operation,
		settings: form.collection('settings'),
		...(operation === 'textTo3d' && { prompt: form.requiredText('prompt', 'Prompt') }),
		webhookUrl: form.optionUrl(options, 'webhookUrl', 'Webhook URL'),
		trackId: form.optionText(options, 'trackId', 'Track ID'),
	};
	const made = generationBody(entered);
	if ('problem' in made) throw form.problem(made.displayName, made.entered, made.problem);
	return {
		operation,
		apiVersion,
		...(operation === 'imageTo3d' && { image: readImageSource(form) }),
		body: made.body,
	};
}

function readImageSource(form: Form): ImageSource {
	if (form.choice('imageSource', 'Image Source', IMAGE_SOURCES) === 'binary') {
		return { from: 'binary', property: form.requiredText('binaryPropertyName', 'Input Binary Field') };
	}
	const url = form.requiredText('image', 'Image URL');
	if (!isHttpUrl(url))
		throw form.problem('Image URL', url, 'must be a link that begins with http:// or https://');
	return { from: 'url', url };
}

/** The parameters of one item, as n8n hands them over: with expressions resolved, and so of any type. */
class Form {
	constructor(
		private readonly context: IExecuteFunctions,
		private readonly itemIndex: number,
	) {}

	value(name: string): unknown {
		// n8n throws where a parameter is missing and no fallback is given.
		return this.context.getNodeParameter(name, this.itemIndex, null);
	}

	collection(name: string): IDataObject {
		const value = this.context.getNodeParameter(name, this.itemIndex, {});
		return typeof value === 'object' && value !== null ? (value as IDataObject) : {};
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

	option<T extends string>(
		options: IDataObject,
		name: string,
		displayName: string,
		choices: readonly T[],
		fallback: T,
	): T {
		return options[name] === undefined ? fallback : this.among(options[name], displayName, choices);
	}

	/** `undefined` when the option was not added, empty when it was left empty. */
	optionText(options: IDataObject, name: string, displayName: string): string | undefined {
		const value = options[name];
		if (value === undefined) return undefined;
		if (value === null) return '';
		if (typeof value === 'string' || typeof value === 'number') return String(value).trim();
		throw this.problem(displayName, value, 'must be a text');
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
				description: `Correct ${displayName}, or the expression that fills it. Nothing was submitted for this item.`,
			},
		);
	}

	private among<T extends string>(value: unknown, displayName: string, choices: readonly T[]): T {
		const chosen = choices.find((choice) => choice === value);
		if (chosen !== undefined) return chosen;
		throw this.problem(displayName, value, `must be ${describeChoices(choices)}`);
	}
}
