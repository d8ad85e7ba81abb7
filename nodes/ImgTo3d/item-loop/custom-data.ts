import { writeId } from '../api/job-id';
import { readJobId } from '../jobs/ledger';
import type { Run } from '../jobs/run';

/** The name in the execution's custom data, and the longest value that n8n accepts without a line in its log, characters. */
const NAME = 'imgTo3d_jobs';
const MAX_LENGTH = 255;

/** n8n's `$execution.customData`, as far as it is used. */
interface CustomData {
	get(key: string): string | undefined;
	set(key: string, value: string): void;
}

/**
 * Keeps the IDs of the accepted jobs in the execution's custom data. n8n keeps nothing else of a run that is canceled:
 * neither its error, nor what it has left with its items.
 */
export function keepWithExecution({ context, ledger }: Run): void {
	const ids = [...ledger].flatMap(([, entry]) => readJobId(entry) ?? []).map(writeId);
	if (ids.length === 0) return;
	try {
		const { $execution } = context.getWorkflowDataProxy(0) as unknown as {
			$execution: { customData?: CustomData };
		};
		const earlier = $execution.customData?.get(NAME)?.split(', ') ?? [];
		let value = '';
		for (const id of new Set([...ids, ...earlier])) {
			const longer = value === '' ? id : `${value}, ${id}`;
			if (longer.length > MAX_LENGTH) break;
			value = longer;
		}
		$execution.customData?.set(NAME, value);
	} catch {
		// Nothing may keep the execution from being canceled. The log has the IDs.
	}
}
