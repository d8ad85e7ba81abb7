/** The account's finished 3D jobs, as the service lists them. */
import { readId, type JobId } from '../api/job-id';
import { isRecord } from '../api/json-body';
import { toNumber } from '../api/values';
import { askAccount, toUnusable, type AccountConnection } from './ask';

/** The most jobs of a page that the service documents. */
const MAX_PER_PAGE = 30;

/** How often a list is read from an earlier page on, because jobs have left it. It must end. */
const MAX_STEPS_BACK = 100;

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
	/** Whether there is no further page, if the service says so. */
	isLast?: boolean;
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
	return {
		jobs: data.filter(isRecord).map(toJob),
		...(count !== undefined && { total: count }),
		...(lastPage !== undefined && { isLast: page >= lastPage }),
	};
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
 * shows that, and that page is read again.
 *
 * @param limit the most jobs to list
 * @throws ProblemError when the service does not list the jobs
 * @throws StoppedError when the run was stopped
 */
export async function listJobs(connection: AccountConnection, limit: number): Promise<GeneratedJob[]> {
	const perPage = Math.min(MAX_PER_PAGE, limit);
	const list = new JobList();
	let total: number | undefined;
	let furthest = 0;
	let stepsBack = 0;
	let repeats = 0;
	for (let page = 1; page <= furthest || list.length < limit; ) {
		const read = await readJobPage(connection, page, perPage);
		const isNew = list.insert(read.jobs);
		const change = (read.total ?? total ?? 0) - (total ?? read.total ?? 0);
		const isFirstTime = page > furthest;
		total = read.total ?? total;
		furthest = Math.max(furthest, page);
		if (change < 0 && page > 1 && stepsBack < MAX_STEPS_BACK) {
			stepsBack += 1;
			// One page more, because a job is put after the one before it.
			page = Math.max(1, page - Math.ceil(-change / perPage) - 1);
			list.goTo((page - 1) * perPage);
			continue;
		}
		repeats = isFirstTime && !isNew ? repeats + 1 : 0;
		if (repeats > MAX_REPEATS || (read.isLast ?? read.jobs.length === 0)) break;
		page += 1;
	}
	return list.take(limit);
}

/** Jobs in the order of the service's list, each of them once. */
class JobList {
	private readonly jobs: Array<{ key: string; job: GeneratedJob }> = [];
	private readonly known = new Set<string>();
	/** Where the next job belongs. */
	private at = 0;

	get length(): number {
		return this.jobs.length;
	}

	take(limit: number): GeneratedJob[] {
		return this.jobs.slice(0, limit).map(({ job }) => job);
	}

	/** Goes on at another place. */
	goTo(at: number): void {
		this.at = Math.min(at, this.jobs.length);
	}

	/**
	 * Inserts the jobs of a page that are not there yet, each after the one before it.
	 *
	 * @returns whether there was one
	 */
	insert(page: readonly GeneratedJob[]): boolean {
		const { length } = this.jobs;
		for (const job of page) {
			const key = String(job.id ?? JSON.stringify(job.output));
			if (this.known.has(key)) {
				this.at = this.jobs.findLastIndex((entry) => entry.key === key) + 1;
				continue;
			}
			this.known.add(key);
			this.jobs.splice(this.at, 0, { key, job });
			this.at += 1;
		}
		return this.jobs.length > length;
	}
}

/**
 * Finds the newest job of the list, as a mark for later.
 *
 * @param limitMs how long it may take, ms
 * @returns nothing if the list is empty
 * @throws ProblemError when the service does not list the jobs
 * @throws StoppedError when the run was stopped
 */
export async function findNewestJob(
	connection: AccountConnection,
	limitMs: number,
): Promise<JobId | undefined> {
	const { jobs } = await readJobPage(connection, 1, 1, limitMs);
	return jobs.find(({ id }) => id !== undefined)?.id;
}
