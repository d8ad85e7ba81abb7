/** Uploading a file of an item, so that the service has a link to it. */
import { NodeOperationError, type IBinaryData, type IExecuteFunctions } from 'n8n-workflow';

import {
	describeLargeImage,
	describeMissingFile,
	describeOtherFile,
	type ErrorText,
} from '../api/error-texts';
import { mayPass, readRequestedPause } from '../api/judge';
import { ProblemError } from '../api/problems';
import { CALL_LIMIT_MS, type UploadAnswer } from '../api/service';
import { quote } from '../api/words';
import { computeBackoffWithinTries, retry } from '../async/retry';
import { HEAD_BYTES } from '../file-type';
import { identifyImage } from '../image-type';
import type { BinarySource, JobItem } from '../request';
import { isToolCall } from '../tool-call';
import { readSize, readStart } from './input-file';
import type { Run } from './run';

/** The upload endpoint's limit. */
const MAX_UPLOAD_BYTES = 5 * 1024 * 1024;

/**
 * Checks that a file is an image that can be uploaded. Only its first bytes are read.
 *
 * @param property the item's binary field, or the file itself
 * @returns the file, and its MIME type by its bytes
 * @throws NodeOperationError when the field is missing, or when the file is empty, not an image, or larger than 5 MB
 */
export async function checkImage(
	context: IExecuteFunctions,
	itemIndex: number,
	property: BinarySource,
): Promise<{ file: IBinaryData; mimeType: string }> {
	if (typeof property === 'string' && isToolCall(context)) throw createToolError(context, property);
	const file = findBinary(context, itemIndex, property);
	const name = nameFile(file, property);
	const size = await readSize(context, file);
	if (size !== undefined && size > MAX_UPLOAD_BYTES)
		throw createError(context, itemIndex, describeLargeImage(name, size));
	const image = identifyImage(await readStart(context, file, HEAD_BYTES));
	if ('what' in image) throw createError(context, itemIndex, describeOtherFile(name, image));
	return { file, mimeType: image.mimeType };
}

const createError = (
	context: IExecuteFunctions,
	itemIndex: number,
	{ message, description }: ErrorText,
): NodeOperationError => new NodeOperationError(context.getNode(), message, { itemIndex, description });

/** The file, for errors: "the file in the binary field "data" (mug.jpg)". */
function nameFile({ fileName }: IBinaryData, property: BinarySource): string {
	const field = typeof property === 'string' ? ` in the binary field "${quote(property)}"` : '';
	return `The file${field}${fileName ? ` (${quote(fileName)})` : ''}`;
}

/** An agent calls its tools with JSON alone. */
function createToolError(context: IExecuteFunctions, property: string): NodeOperationError {
	return new NodeOperationError(
		context.getNode(),
		`An agent gives its tools no files, so there is no binary field "${quote(property)}"`,
		{
			description:
				"In Input Binary Field, enter an expression for the file itself: {{ $('Get File').item.binary.data }}, with the name of the node before the agent that has the file. Nothing was submitted.",
		},
	);
}

/** @throws NodeOperationError that names the item's binary fields, if this is none of them */
function findBinary(context: IExecuteFunctions, itemIndex: number, property: BinarySource): IBinaryData {
	if (typeof property !== 'string') return property;
	try {
		return context.helpers.assertBinaryData(itemIndex, property);
	} catch {
		const fields = Object.keys(context.getInputData()[itemIndex]?.binary ?? {});
		throw createError(context, itemIndex, describeMissingFile(property, fields));
	}
}

/**
 * Uploads an item's images. An upload is free, so it is repeated while the service is in trouble, until the item's
 * timeout is over.
 *
 * @param properties the binary fields that hold them
 * @returns their links
 * @throws ProblemError when the service does not take a file
 */
export async function uploadImages(
	run: Run,
	item: JobItem,
	properties: readonly BinarySource[],
): Promise<string[]> {
	const deadline = run.clock.now() + item.timeoutMs;
	const links: string[] = [];
	// One after the other, so that memory holds only one file.
	for (const property of properties) {
		const answer = await upload(run, item, property, deadline);
		if (answer.state !== 'uploaded') {
			const name = typeof property === 'string' ? property : property.fileName;
			const field = properties.length > 1 ? name : undefined;
			const { apiVersion } = item.work;
			throw new ProblemError(run.service.describeProblem(apiVersion, answer, 'upload', { field }));
		}
		links.push(answer.link);
	}
	return links;
}

async function upload(
	run: Run,
	item: JobItem,
	property: BinarySource,
	deadline: number,
): Promise<UploadAnswer> {
	const { context } = run;
	const { file, mimeType } = await checkImage(context, item.itemIndex, property);
	// One byte more shows that a file of unknown size is too large.
	const bytes = await readStart(context, file, MAX_UPLOAD_BYTES + 1);
	if (bytes.length > MAX_UPLOAD_BYTES) {
		throw createError(context, item.itemIndex, describeLargeImage(nameFile(file, property)));
	}
	const dataUri = `data:${mimeType};base64,${bytes.toString('base64')}`;
	const { clock, signal, service } = run;
	return await retry(
		{ clock, signal, deadline: () => deadline },
		async () => {
			const limitMs = Math.min(CALL_LIMIT_MS, deadline - clock.now());
			return await service.upload(item.work.apiVersion, dataUri, limitMs, signal);
		},
		(answer, tries) =>
			answer.state === 'uploaded' || !mayPass(answer)
				? undefined
				: computeBackoffWithinTries(tries, readRequestedPause(answer)),
	);
}
