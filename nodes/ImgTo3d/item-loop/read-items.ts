/** Reads the input items, all of them before anything is paid for. */
import { NodeOperationError, type IDataObject, type IExecuteFunctions } from 'n8n-workflow';

import { nameItem } from '../api/error-texts';
import { toNodeApiError, toNodeOperationError } from '../api/problems';
import type { Service } from '../api/service';
import { findOperation, OPERATION_VALUES } from '../operations';
import { findInputName } from '../output/input-name';
import type { Failure } from '../output/items';
import { readDownload, readFileName } from '../parameters/delivery';
import { Form } from '../parameters/form';
import { readWaitFor } from '../parameters/wait-for';
import { JOB_OPERATIONS, OUTPUT_MODES, type Delivery, type ItemRequest } from '../request';
import type { SuspendedItem } from '../suspend/suspended-items';
import { nameUnread, nameWork } from './item-name';
import { continuesOnError } from './on-error';

/** An item as it was read: what to do, or why it cannot be done. */
export type ReadItem = ItemRequest | Failure;

export const isRequest = (item: ReadItem): item is ItemRequest => 'work' in item;

/**
 * Reads and checks all items.
 *
 * @throws NodeOperationError for the first item that cannot be sent, unless the node continues on errors
 */
export async function readItems(context: IExecuteFunctions, service: Service): Promise<ReadItem[]> {
	const items: ReadItem[] = [];
	const { length } = context.getInputData();
	for (let itemIndex = 0; itemIndex < length; itemIndex++) {
		const item = await captureError(
			context,
			async () => await readAndCheck(context, service, itemIndex),
			itemIndex,
		);
		if (!(item instanceof NodeOperationError)) {
			items.push(item);
			continue;
		}
		if (length > 1) item.message = nameItem(item.message, nameUnread(context, itemIndex, service.clean));
		if (continuesOnError(context)) items.push({ error: item, paid: 'no', ...findInput(context, itemIndex) });
		else throw item;
	}
	return items;
}

async function readAndCheck(
	context: IExecuteFunctions,
	service: Service,
	itemIndex: number,
): Promise<ItemRequest> {
	const read = readItem(context, itemIndex);
	const name = nameWork(read.work, context.getInputData()[itemIndex]?.binary, service.clean);
	const item = { ...read, ...(name && { name }) };
	await findOperation(item.work.operation).check?.(context, service, item);
	if (!item.download) return item;
	const fileName = item.fileName ?? findInputName(context, item, service.clean);
	return fileName ? { ...item, fileName } : item;
}

const openForm = (context: IExecuteFunctions, itemIndex: number) =>
	new Form(context, (name) => context.getNodeParameter(name, itemIndex, null), itemIndex);

/** Reads the fields of an input item, if the output items are to have them too. */
function readInput(
	context: IExecuteFunctions,
	form: Form,
	options: IDataObject,
	itemIndex: number,
): Pick<Delivery, 'input'> {
	const isIncluded = form.readOptionBoolean(options, 'includeInputFields', 'Include Input Fields');
	const { json } = context.getInputData()[itemIndex] ?? {};
	return isIncluded && json ? { input: json } : {};
}

/** The same for an item whose parameters cannot be read. */
export function findInput(context: IExecuteFunctions, itemIndex: number): Pick<Delivery, 'input'> {
	try {
		const form = openForm(context, itemIndex);
		return readInput(context, form, form.readCollection('options'), itemIndex);
	} catch {
		return {};
	}
}

/**
 * Reads the node's parameters for one item.
 *
 * @throws NodeOperationError that names the parameter, what was entered and what is allowed
 */
function readItem(context: IExecuteFunctions, itemIndex: number): ItemRequest {
	const form = openForm(context, itemIndex);
	const options = form.readCollection('options');
	const operation = findOperation(form.readChoice('operation', 'Operation', OPERATION_VALUES));
	const waitFor = JOB_OPERATIONS.includes(operation.value) ? readWaitFor(form) : 'none';
	const work = operation.read(form, { waitFor, options });
	const trackId = form.readOptionText(options, 'trackId', 'Track ID');
	const maxPaidJobs = form.readOptionNumber(options, 'maxPaidJobs');
	const minimumBalance = form.readOptionNumber(options, 'minimumBalance');
	const pollInterval = form.readOptionNumber(options, 'pollInterval');
	return {
		itemIndex,
		work,
		waitFor,
		...(trackId && { trackId }),
		timeoutMs: form.readNumberOrDefault(options, 'timeout') * 1000,
		...(pollInterval !== undefined && { pollIntervalMs: pollInterval * 1000 }),
		...(waitFor === 'none' ? { download: false, outputBinaryPropertyName: '' } : readDownload(form)),
		outputMode: form.readOptionChoice(options, 'outputMode', 'Output', OUTPUT_MODES, 'job'),
		...readFileName(form, options),
		...readInput(context, form, options, itemIndex),
		maxFileBytes: form.readNumberOrDefault(options, 'maxFileSize') * 1024 * 1024,
		maxJobsInFlight: form.readNumberOrDefault(options, 'maxJobsInFlight'),
		...(maxPaidJobs !== undefined && { maxPaidJobs }),
		...(minimumBalance !== undefined && { minimumBalance }),
	};
}

/**
 * An item as it was before a suspension. When a person retries the execution, its jobs would call the old execution, so
 * they are polled.
 */
export function restoreItem(
	context: IExecuteFunctions,
	suspended: SuspendedItem,
	itemIndex: number,
): ReadItem {
	if ('request' in suspended) {
		const { request, execution } = suspended;
		const isRetried = execution !== context.getExecutionId();
		return isRetried && request.waitFor === 'webhook' ? { ...request, waitFor: 'poll' } : request;
	}
	const { problem, trackId, input } = suspended;
	const { paid, jobId } = problem;
	return { error: toNodeApiError(context.getNode(), problem, itemIndex), paid, jobId, trackId, input };
}

/** What `read` returns, or what it throws as an error of the node. */
export async function captureError<T>(
	context: IExecuteFunctions,
	read: () => Promise<T>,
	itemIndex?: number,
): Promise<T | NodeOperationError> {
	try {
		return await read();
	} catch (thrown) {
		return thrown instanceof NodeOperationError
			? thrown
			: toNodeOperationError(context.getNode(), thrown, itemIndex);
	}
}
