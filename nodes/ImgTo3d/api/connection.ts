import type { Clock } from '../async/clock';
import type { Service } from './service';
import type { NodeContext } from './transport';

/** Everything that is needed to poll jobs and download their files. */
export interface Connection {
	context: NodeContext;
	clock: Clock;
	service: Service;
	/** Aborted when nobody needs the result any more. */
	signal: AbortSignal;
}
