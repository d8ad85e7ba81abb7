import type { IDataObject } from 'n8n-workflow';

import type { ItemRequest } from '../request';
import type { Result } from './operation';

/** The result of an operation on the account: an item of each answer. */
export function toAccountResult({ input }: ItemRequest, answers: readonly IDataObject[]): Result {
	return {
		toItems: async () =>
			await Promise.resolve(answers.map((answer) => ({ json: { ...answer, ...(input && { input }) } }))),
	};
}
