/** Uploading a file of an item, so that the service has a link to it. */
import { NodeOperationError, type IBinaryData, type IExecuteFunctions } from 'n8n-workflow';

import { describeMissingFile } from '../api/error-texts';
import { mayPass, readRequestedPause } from '../api/judge';
import { ProblemError } from '../api/problems';
import { CALL_LIMIT_MS, type UploadAnswer } from '../api/service';
import { quote } from '../api/words';
import { computeBackoffWithinTries, retry } from '../async/retry';
import { findKind } from '../file-type';
import type { BinarySource, ItemRequest } from '../request';
import { isToolCall } from '../tool-call';
import type { Run } from './run';

/** The upload endpoint's limit. */
const MAX_UPLOAD_BYTES = 5 * 1024 * 1024;

/**
 * Reads a file as an image that can be uploaded.
 *
 * @param property the item's binary field, or the file itself
 * @returns its bytes and MIME type
 * @throws NodeOperationError when the field is missing, empty, not an image, or larger than 5 MB
 */
export async function readImage(
	context: IExecuteFunctions,
	itemIndex: number,
	property: BinarySource,
): Promise<{ bytes: Buffer; mime: string }> {
	if (typeof property === 'string' && isToolCall(context)) throw createToolError(context, property);
	const refuse = (message: string, description: string) =>
		new NodeOperationError(context.getNode(), message, { itemIndex, description });
	const { fileName, mimeType } = findBinary(context, itemIndex, property);
	const bytes = await context.helpers.getBinaryDataBuffer(itemIndex, property);
	const named = typeof property === 'string' ? ` in the binary field "${quote(property)}"` : '';
	const what = `The file${named}${fileName ? ` (${quote(fileName)})` : ''}`;

	if (bytes.length === 0) {
		throw refuse(`${what} is empty`, 'Check the node that made the file.');
	}
	if (bytes.length > MAX_UPLOAD_BYTES) {
		throw refuse(
			`${what} has ${(bytes.length / 1024 / 1024).toFixed(1)} MB, and the service takes uploads up to 5 MB`,
			'Make the image smaller before this node, for example with the Edit Image node, or send a link to it instead (Image Source: URL).',
		);
	}
	const mime = [findKind(bytes)?.mimeType, mimeType].find((type) => type?.startsWith('image/'));
	if (mime === undefined) {
		throw refuse(
			`${what} is not an image: its type is ${quote(mimeType)}`,
			'Send a JPEG, PNG, WebP or GIF image.',
		);
	}
	return { bytes, mime };
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
	try {
		return context.helpers.assertBinaryData(itemIndex, property);
	} catch (thrown) {
		if (typeof property !== 'string') throw thrown;
		const fields = Object.keys(context.getInputData()[itemIndex]?.binary ?? {});
		const { message, description } = describeMissingFile(property, fields);
		throw new NodeOperationError(context.getNode(), message, { itemIndex, description });
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
	item: ItemRequest,
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
	item: ItemRequest,
	property: BinarySource,
	deadline: number,
): Promise<UploadAnswer> {
	const { bytes, mime } = await readImage(run.context, item.itemIndex, property);
	const dataUri = `data:${mime};base64,${bytes.toString('base64')}`;
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
