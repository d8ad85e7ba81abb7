import type { INodePropertyOptions } from 'n8n-workflow';

import type { EndReport } from '../api/webhook-call';

/** The events that can start the workflow, and what the panel says about them. */
export const EVENTS: Record<
	EndReport['outcome'],
	Required<Pick<INodePropertyOptions, 'name' | 'description'>>
> = {
	failed: { name: 'Failed', description: 'The job has failed' },
	success: { name: 'Success', description: 'The job has succeeded' },
};

export type TriggerEvent = keyof typeof EVENTS;
