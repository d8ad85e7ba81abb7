import type { ILoadOptionsFunctions, INodeListSearchItems, INodeListSearchResult } from 'n8n-workflow';

import { writeId } from '../api/job-id';
import { readProblem, toNodeApiError } from '../api/problems';
import { openService, readCredential } from '../api/service';
import { isHttpUrl, parseUrl } from '../api/url';
import { systemClock, type Clock } from '../async/clock';
import { readJobPage, type GeneratedJob } from './generated-jobs';

/** How long each page of the list may take, with its repetitions, ms. */
const LIMIT_MS = 20_000;

/** How many pages are searched for a word before the panel asks for more. */
const PAGES_AT_ONCE = 5;

/**
 * Lists the account's finished jobs for the panel, the newest first.
 *
 * @param filter a part of a job's ID or of a file's name
 * @param paginationToken the number of the page to begin with
 * @param clock what all waiting goes by. Tests bring their own.
 * @throws NodeApiError when the service does not list the jobs
 */
export async function searchJobs(
	context: ILoadOptionsFunctions,
	filter = '',
	paginationToken = '1',
	clock: Clock = systemClock,
): Promise<INodeListSearchResult> {
	const service = openService(context, clock, await readCredential(context));
	const connection = { clock, service, signal: new AbortController().signal };
	const words = filter.trim().toLowerCase();
	const results: INodeListSearchItems[] = [];
	const first = Number(paginationToken) || 1;
	for (let page = first; page < first + PAGES_AT_ONCE; page++) {
		const read = await readJobPage(connection, page, undefined, LIMIT_MS).catch(readProblem);
		if ('message' in read) throw toNodeApiError(context.getNode(), read);
		results.push(...read.jobs.flatMap(toChoice).filter(({ name }) => name.toLowerCase().includes(words)));
		if (read.isLast) return { results };
		if (words === '' || results.length > 0) return { results, paginationToken: String(page + 1) };
	}
	return { results, paginationToken: String(first + PAGES_AT_ONCE) };
}

/** A job without an ID cannot be chosen. */
function toChoice({ id, output: [link] }: GeneratedJob): INodeListSearchItems | [] {
	if (id === undefined) return [];
	const file = (link && parseUrl(link)?.pathname.split('/').pop()) ?? '';
	return {
		name: file === '' ? writeId(id) : `${writeId(id)} (${file})`,
		value: id,
		...(link && isHttpUrl(link) && { url: link }),
	};
}
