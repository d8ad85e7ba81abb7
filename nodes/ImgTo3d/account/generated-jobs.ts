/** The account's finished 3D jobs, as the service lists them. */
import { readId, type JobId } from '../api/job-id';
import { isRecord } from '../api/json-body';
import { toNumber } from '../api/values';
import { askAccount, toUnusable, type AccountConnection } from './ask';

/** The most jobs of a page that the service documents. */
const MAX_PER_PAGE = 30;

/** How often a list is read that becomes shorter meanwhile. */
const MAX_PASSES = 5;

/** After how many pages in a row without a new job a list ends. Otherwise a service that repeats a page is asked for ever. */
const MAX_REPEATS = 20;

/** A finished job. */
export interface GeneratedJob {
	id?: JobId;
	/** Links to its files. */
	output: string[];
}

/** A page of the list. */
export interface JobPage {
	jobs: GeneratedJob[];
	/** How many jobs the whole list has, if the service says so. */
	total?: number;
	/** Whether there is no further page: by the service's words, or else because this one is empty. */
	isLast: boolean;
}

/**
 * Reads a page of the list.
 *
 * @param page from 1
 * @param limitMs how long it may take, ms
 * @throws ProblemError when the service does not list the jobs
 * @throws StoppedError when the run was stopped
 */
export async function readJobPage(
	connection: AccountConnection,
	page: number,
	perPage = MAX_PER_PAGE,
	limitMs?: number,
): Promise<JobPage> {
	const body = { type: '3d', page, per_page: perPage };
	const { data, pagination } = await askAccount(connection, 'listJobs', body, limitMs);
	if (!Array.isArray(data)) throw toUnusable(connection, 'listJobs', 'the answer has no list');
	const { total, last_page } = isRecord(pagination) ? pagination : {};
	const [count, lastPage] = [toNumber(total), toNumber(last_page)];
	const jobs = data.filter(isRecord).map(toJob);
	const isLast = lastPage === undefined ? jobs.length === 0 : page >= lastPage;
	return { jobs, isLast, ...(count !== undefined && { total: count }) };
}

function toJob({ id, output }: Record<string, unknown>): GeneratedJob {
	const links = [output].flat().filter((link): link is string => typeof link === 'string' && link !== '');
	const jobId = readId(id);
	return { ...(jobId !== undefined && { id: jobId }), output: links };
}

/**
 * Lists the account's finished jobs, the newest first.
 *
 * The list may change while its pages are read. A job that is added moves the others down, so they come again, and are
 * listed once. A job that is deleted moves the others up, across the edge of a page that was read already. The total
 * shows that, and the list is read again from its beginning. If it changes all the time, what has been seen is listed.
 *
 * @param limit the most jobs to list
 * @throws ProblemError when the service does not list the jobs
 * @throws StoppedError when the run was stopped
 */
export async function listJobs(connection: AccountConnection, limit: number): Promise<GeneratedJob[]> {
	let seen = new Map<string, GeneratedJob>();
	for (let passes = 1; ; passes++) {
		const { jobs, isComplete } = await readList(connection, limit);
		if (isComplete) return [...jobs.values()].slice(0, limit);
		seen = new Map([...jobs, ...seen]);
		if (passes === MAX_PASSES) return [...seen.values()].slice(0, limit);
	}
}

/**
 * Reads the list once.
 *
 * @returns the jobs by their ID, and whether none of them can have been missed
 */
async function readList(
	connection: AccountConnection,
	limit: number,
): Promise<{ jobs: Map<string, GeneratedJob>; isComplete: boolean }> {
	const perPage = Math.min(MAX_PER_PAGE, limit);
	const jobs = new Map<string, GeneratedJob>();
	let isComplete = true;
	let total = 0;
	for (let page = 1, repeats = 0; jobs.size < limit && repeats <= MAX_REPEATS; page++) {
		const { size } = jobs;
		const read = await readJobPage(connection, page, perPage);
		for (const job of read.jobs) jobs.set(String(job.id ?? JSON.stringify(job.output)), job);
		isComplete &&= read.total === undefined || read.total >= total;
		total = read.total ?? total;
		repeats = jobs.size === size ? repeats + 1 : 0;
		if (read.isLast) break;
	}
	return { jobs, isComplete };
}

/**
 * Finds the newest job of the list, as a mark for later.
 *
 * @param isMark whether a job can be the mark
 * @param limitMs how long it may take, ms
 * @returns nothing if there is none on the first page
 * @throws ProblemError when the service does not list the jobs
 * @throws StoppedError when the run was stopped
 */
export async function findNewestJob(
	connection: AccountConnection,
	isMark: (id: JobId) => boolean,
	limitMs: number,
): Promise<JobId | undefined> {
	const { jobs } = await readJobPage(connection, 1, undefined, limitMs);
	return jobs.find(({ id }) => id !== undefined && isMark(id))?.id;
}
