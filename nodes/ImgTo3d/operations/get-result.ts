import { SEARCHED_VERSIONS, VERSIONS, type ApiVersion } from '../api/versions';
import { findVersion } from '../jobs/find-version';
import type { KnownJob } from '../jobs/ledger';
import { pollOnce, pollUntilEnd } from '../jobs/poll';
import { apiVersionProperty, readApiVersion, RESULTS, sortByName } from '../parameters/api-version';
import { createJobIdProperty, readJobId } from '../parameters/job-id';
import type { ResultRequest } from '../request';
import { toJobResult } from './job-result';
import type { Operation } from './operation';

const OPERATION = 'getResult';

/** The value that leaves it to the node to find the job's version. */
const AUTO = 'auto';

const SEARCHED_NAMES = SEARCHED_VERSIONS.map((version) => VERSIONS[version].result.replace(/ \(.*/, ''));

export const getResult: Operation<ResultRequest> = {
	value: OPERATION,

	words: {
		name: 'Get Result',
		description: 'Fetch a job that was submitted before, by its ID. Costs nothing.',
		action: 'Get result of 3D job',
		tool: 'Get the result of a 3D job by its ID, once the job is done. Costs nothing.',
	},

	properties: [
		createJobIdProperty(OPERATION, 'The job to fetch. It may still be running.'),
		{
			...apiVersionProperty,
			options: sortByName([
				...RESULTS,
				{
					name: `Find Out (${SEARCHED_NAMES.join(', Then ')})`,
					value: AUTO,
					description:
						'Asks for both, but not on your own server. If both have a job with this ID, the first one counts.',
				},
			]),
			default: AUTO,
			description:
				'What the job makes. An item that refers to a job has the value in its field "api_version".',
			displayOptions: { show: { operation: [OPERATION] } },
		},
	],

	read(form) {
		const jobId = readJobId(form);
		// An expression brings nothing for an item without the field.
		const isLeftOut = (form.getValue(apiVersionProperty.name) ?? '') === '';
		const version = isLeftOut ? AUTO : readApiVersion(form, AUTO);
		const [apiVersion] = SEARCHED_VERSIONS;
		const wanted = version === AUTO ? { apiVersion, searched: SEARCHED_VERSIONS } : { apiVersion: version };
		return { operation: OPERATION, jobId: String(jobId), ...wanted };
	},

	async perform(run, item, release) {
		const { jobId, searched } = item.work;
		const begun = run.clock.now();
		const found = searched && (await findVersion(run, item, jobId, searched));
		const apiVersion = found?.apiVersion ?? item.work.apiVersion;
		const decided = { ...item, work: { ...item.work, apiVersion, searched: undefined } };
		// The search has used up a part of the time. The download has its own.
		const polled = { ...decided, timeoutMs: Math.max(0, item.timeoutMs - (run.clock.now() - begun)) };
		const options = { answer: found?.answer, release };
		const poll = item.waitFor === 'none' ? pollOnce : pollUntilEnd;
		return toJobResult(run, decided, nameVersion(await poll(run, polled, jobId, options), apiVersion));
	},
};

/** Adds the version to what leaves with the item, so that the job can be fetched again. */
function nameVersion(known: KnownJob, apiVersion: ApiVersion): KnownJob {
	const { job } = known;
	return { ...known, job: { ...job, extras: { ...job.extras, api_version: apiVersion } } };
}
