import type { Clock } from '../async/clock';
import type { NodeContext, Service } from './service';

/** What it takes to read jobs and bring in their files. */
export interface Connection {
	context: NodeContext;
	clock: Clock;
	service: Service;
	/** Aborted when nobody needs the result any more. */
	signal: AbortSignal;
}
