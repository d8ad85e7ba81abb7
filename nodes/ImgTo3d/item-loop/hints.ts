/** The hints that the editor shows above the node's output. n8n's own rule: 120 characters at most. */
import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { writeId, type JobId } from '../api/job-id';
import type { Service } from '../api/service';
import { VERSIONS } from '../api/versions';
import type { Run } from '../jobs/run';
import { countImages, isGeneration, isJobWork } from '../request';
import { isToolCall } from '../tool-call';
import { isRequest, type ReadItem } from './read-items';

const MAX_HINT = 120;

function show(context: IExecuteFunctions, type: 'info' | 'warning', message: string): void {
	context.addExecutionHints({ type, location: 'outputPane', message });
}

/** Hints that the API of the items is documented at another host than the credential's. */
export function hintAtHost(context: IExecuteFunctions, service: Service, items: readonly ReadItem[]): void {
	const works = items.flatMap((item) => (isRequest(item) ? item.work : []));
	const versions = works.flatMap((work) => (isJobWork(work) ? work.apiVersion : []));
	const version = versions.find((used) => service.findBetterBaseUrl(used) !== undefined);
	if (version === undefined) return;
	const { result } = VERSIONS[version];
	const advice = 'If calls fail, select ModelsLab in the credential.';
	show(context, 'warning', `${result} is documented for ModelsLab only. ${advice}`);
}

/** Hints that several images became one object. */
export function hintAtOneObject({ context }: Run, items: readonly ReadItem[]): void {
	const most = Math.max(
		...items.map((item) =>
			isRequest(item) && isGeneration(item.work) && item.work.image ? countImages(item.work.image) : 0,
		),
	);
	if (most < 2) return;
	const message = `${most} images became one object. For a job for each, put a Split Out node before this node.`;
	show(context, 'info', message);
}

/** Hints after a manual run that ended well that executing the node again pays again, and how not to pay. */
export function hintAtCosts({ context, ledger, progress }: Run, output: INodeExecutionData[][]): void {
	const jobs = [...ledger.values()].flatMap((entry) =>
		entry.fate === 'accepted' ? [entry.known.job.id] : [],
	);
	if (!progress.isManual || isToolCall(context) || jobs.length === 0) return;
	// n8n does not pin an output that has files.
	const hasFiles = output.flat().some(({ binary }) => binary && Object.keys(binary).length > 0);
	const message = hasFiles
		? writeFileHint(jobs)
		: 'Executing this node again pays again. Pin this output to build the next steps without paying.';
	show(context, 'info', message);
}

function writeFileHint([id, ...others]: ReadonlyArray<JobId | undefined>): string {
	const write = (job: string) =>
		`Executing again pays again, and files cannot be pinned. Get Result with ${job} fetches them free.`;
	const named = id === undefined || others.length > 0 ? undefined : write(`Job ID ${writeId(id)}`);
	return named !== undefined && named.length <= MAX_HINT ? named : write('the Job ID');
}
