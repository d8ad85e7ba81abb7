/** What the service says about a job, and the job's files. */
import type { IDataObject } from 'n8n-workflow';

import { readJobId } from './evidence';
import { isSameId, type JobId } from './job-id';
import { isRecord } from './json-body';
import { isHttpUrl } from './url';
import { toSeconds } from './words';

/** The checked fields of an answer. A field that the service did not send is absent. */
export interface JobFacts {
	id?: JobId;
	/** The output URLs that can be used: http or https. */
	output: string[];
	/** s */
	generationTime?: number;
	meta?: IDataObject;
	/** What else came, for the item, e.g. `future_links`. */
	extras: IDataObject;
}

/** Fields that the node reads itself, or that concern the call and not the job. */
const READ_FIELDS =
	/^(id|request_id|status|output|link|generationTime|meta|eta|fetch_result|track_id|mess[ea]ge|tips?(_\d+)?|__proto__)$/;

/** Fields of the node's own items. The service's fields with these names are in one called `service`. */
const OWN_FIELDS = /^(files|error|description|paid|input|service|output_(url|index))$/;

export function readJobFacts(body: Record<string, unknown>): JobFacts {
	const id = readJobId(body);
	const generationTime = toSeconds(body.generationTime);
	const { meta } = body;
	const output = readLinks(body.output, body.proxy_links);
	return {
		...(id !== undefined && { id }),
		// The V3 upload has its URL in `link`.
		output: output.length > 0 ? output : readLinks(body.link),
		...(generationTime !== undefined && { generationTime }),
		...(isRecord(meta) && { meta: meta as IDataObject }),
		extras: readExtras(body),
	};
}

function readExtras(body: Record<string, unknown>): IDataObject {
	const others = Object.entries(body as IDataObject).filter(([name]) => !READ_FIELDS.test(name));
	const own = others.filter(([name]) => OWN_FIELDS.test(name));
	return {
		...Object.fromEntries(others.filter(([name]) => !OWN_FIELDS.test(name))),
		...(own.length > 0 && { service: Object.fromEntries(own) }),
	};
}

/** `output` is a list, a single URL, an empty text or null. */
const toList = (output: unknown): unknown[] => (Array.isArray(output) ? output : [output]);

const isLink = (entry: unknown): entry is string => typeof entry === 'string' && isHttpUrl(entry);

/**
 * Reads the links of an output that can be used.
 *
 * @param mirrors the same files at other addresses, in the same order. They replace links that are missing.
 */
function readLinks(output: unknown, mirrors?: unknown): string[] {
	const [links, others] = [toList(output), toList(mirrors)];
	const all = links.some(isLink) ? links : others;
	return all.map((link, index) => (isLink(link) ? link : others[index])).filter(isLink);
}

/** A file of a job that has ended well. */
export interface JobFile {
	url: string;
	/** A second address of the same file. */
	mirror?: string;
	/** Whether it only belongs to the output, like the materials of an OBJ. */
	isAsset: boolean;
}

/** Lists all files of a job that has ended well, its output first. */
export function listFiles({ output, extras }: JobFacts): JobFile[] {
	const assets = new Set(readLinks(extras.extra_assets));
	for (const url of output) assets.delete(url);
	const mirrors = readLinks(extras.proxy_links);
	// If a link is missing on either side, it is not known which mirror belongs to which file.
	const arePaired = mirrors.length === output.length && mirrors.length === toList(extras.proxy_links).length;
	return [
		...output.map((url, index) => {
			const mirror = arePaired ? mirrors[index] : undefined;
			return { url, ...(mirror !== undefined && mirror !== url && { mirror }), isAsset: false };
		}),
		...[...assets].map((url) => ({ url, isAsset: true })),
	];
}

/**
 * Completes what the latest answer says about a job with what an earlier one said. The ID stays the one that the job was
 * accepted with. Files that belong to the output may have been named before the output existed.
 */
export function mergeFacts(id: JobId, earlier: JobFacts | undefined, latest: JobFacts): JobFacts {
	const assets = earlier?.extras.extra_assets;
	return {
		...earlier,
		...latest,
		id: latest.id !== undefined && isSameId(latest.id, id) ? latest.id : id,
		extras: { ...(assets !== undefined && { extra_assets: assets }), ...latest.extras },
	};
}
