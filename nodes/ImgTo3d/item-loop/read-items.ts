/** Reading the input items, all of them before anything is paid for. */
import { NodeOperationError, type IExecuteFunctions } from 'n8n-workflow';

import { toNodeApiError } from '../api/problems';
import type { Service } from '../api/service';
import { readImage } from '../jobs/upload';
import { readRequest } from '../operations/read-request';
import type { Failure } from '../output/items';
import type { ItemRequest } from '../request';
import type { SuspendedItem } from '../suspend/suspend';

/** An item as read: what to do, or why it cannot be done. */
export type ReadItem = ItemRequest | Failure;

export const isRequest = (reading: ReadItem): reading is ItemRequest => 'work' in reading;

/** Reads all items; the first that cannot be sent is thrown, unless the node continues on error. */
export async function readItems(
	context: IExecuteFunctions,
	service: Service,
	count: number,
	continues: boolean,
): Promise<ReadItem[]> {
	const readings: ReadItem[] = [];
	for (let itemIndex = 0; itemIndex < count; itemIndex++) {
		const reading = await captureError(
			context,
			async () => await readItem(context, service, itemIndex),
			itemIndex,
		);
		if (!(reading instanceof NodeOperationError)) readings.push(reading);
		else if (continues) readings.push({ error: reading, paid: 'no' });
		else throw reading;
	}
	return readings;
}

async function readItem(
	context: IExecuteFunctions,
	service: Service,
	itemIndex: number,
): Promise<ItemRequest> {
	const request = readRequest(context, itemIndex);
	const { work } = request;
	if (work.operation === 'getResult') return request;
	// Read here to be checked and again to be sent, so that only the images in flight are held in memory.
	if (work.image?.from === 'binary') {
		for (const property of work.image.properties) await readImage(context, itemIndex, property);
	}
	const { webhook } = work.body;
	if (typeof webhook === 'string' && !service.canReach(new URL(webhook).hostname)) {
		throw new NodeOperationError(
			context.getNode(),
			`The service cannot call Webhook URL: ${webhook} is not on the open internet`,
			{
				itemIndex,
				description:
					'Enter an address that can be reached from outside. The addresses that n8n shows for its triggers begin with what the environment variable WEBHOOK_URL says. Nothing was submitted for this item.',
			},
		);
	}
	return request;
}

/**
 * An item that went through a rest, as it was read before. When a person retries the execution, its jobs would
 * call the old one, so they are watched.
 */
export function restoreItem(context: IExecuteFunctions, carried: SuspendedItem, itemIndex: number): ReadItem {
	if ('request' in carried) {
		const { request, execution } = carried;
		const isRetried = execution !== context.getExecutionId();
		return isRetried && request.waitFor === 'webhook' ? { ...request, waitFor: 'poll' } : request;
	}
	const { problem, trackId } = carried;
	const { paid, jobId } = problem;
	return { error: toNodeApiError(context.getNode(), problem, itemIndex), paid, jobId, trackId };
}

/** What `read` brings, or its error as the node's own. */
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
			: new NodeOperationError(context.getNode(), thrown as Error, { itemIndex });
	}
}
