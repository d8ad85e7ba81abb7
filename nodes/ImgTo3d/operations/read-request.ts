/** Reads the node's parameters for one item, once, into a typed and checked request. */
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { buildBody } from '../api/body';
import { API_VERSIONS, GENERATIONS, type ApiVersion } from '../api/fields';
import { readId } from '../api/job-id';
import { isHttpUrl } from '../api/url';
import { Form } from '../parameters/form';
import {
	OUTPUT_MODES,
	type GenerationRequest,
	type ImageSource,
	type ItemRequest,
	type ResultRequest,
	type WaitFor,
} from '../request';

const OPERATIONS = [...GENERATIONS, 'getResult'] as const;
const IMAGE_SOURCES = ['url', 'binary'] as const;
const WAITS: readonly WaitFor[] = ['poll', 'webhook', 'none'];

/**
 * @param itemIndex the input item
 * @throws NodeOperationError that names the field, what was entered and what is allowed
 */
export function readRequest(context: IExecuteFunctions, itemIndex: number): ItemRequest {
	const value = (name: string) => context.getNodeParameter(name, itemIndex, null);
	const form = new Form(context, value, itemIndex);
	const options = form.collection('options');
	const waitFor = form.choice('waitFor', 'Wait For', WAITS);
	const work = readWork(form, options, waitFor);
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
		maxJobsInFlight: form.numberOrDefault(options, 'maxJobsInFlight'),
	};
}

function readWork(form: Form, options: IDataObject, waitFor: WaitFor): GenerationRequest | ResultRequest {
	const apiVersion = form.choice('apiVersion', 'API Version', API_VERSIONS);
	const operation = form.choice('operation', 'Operation', OPERATIONS);
	if (operation === 'getResult') {
		const entered = form.value('jobId');
		const jobId = readId(entered);
		if (jobId === undefined) {
			throw form.problem('Job ID', entered, 'must be the ID in the item or the error that reported the job');
		}
		return { operation, apiVersion, jobId: String(jobId) };
	}
	const image = operation === 'imageTo3d' ? readImageSource(form, apiVersion) : undefined;
	const made = buildBody({
		apiVersion,
		operation,
		settings: form.collection('settings'),
		...(image && { imageCount: (image.from === 'url' ? image.urls : image.properties).length }),
		...(operation === 'textTo3d' && { prompt: form.requiredText('prompt', 'Prompt') }),
		// Whoever rests is called at an address of its own.
		...(waitFor !== 'webhook' && { webhookUrl: form.optionUrl(options, 'webhookUrl', 'Webhook URL') }),
		trackId: form.optionText(options, 'trackId', 'Track ID'),
	});
	if ('problem' in made) throw form.problem(made.displayName, made.entered, made.problem);
	return { operation, apiVersion, ...(image && { image }), body: made.body };
}

/**
 * Between links in a text: blanks and commas. A link may have such in it, but not before what begins a link. Each row of
 * them is looked at from its beginning only: a text of nothing else would take minutes.
 */
const BETWEEN_LINKS = /(?<![\s,])[\s,]+(?=https?:\/\/)/i;

function readImageSource(form: Form, apiVersion: ApiVersion): ImageSource {
	if (form.choice('imageSource', 'Image Source', IMAGE_SOURCES) === 'binary') {
		// V3 takes one image, whose field may have a comma in its name.
		const comma = apiVersion === 'v3' ? undefined : ',';
		const rule = 'must be the name of a binary field, or a list of names';
		return {
			from: 'binary',
			properties: form.texts('binaryPropertyName', 'Input Binary Field', rule, comma),
		};
	}
	const urls = form.texts('image', 'Image URL', 'must be a link, or a list of links', BETWEEN_LINKS);
	const wrong = urls.find((url) => !isHttpUrl(url));
	if (wrong === undefined) return { from: 'url', urls };
	throw form.problem('Image URL', wrong, 'must be a link that begins with http:// or https://');
}
