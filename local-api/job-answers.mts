import type { Job } from './jobs.mts';
import type { Json } from './json.mts';
import { API_PATHS } from './parameters.mts';

const TIP = 'for faster speed, keep resolution upto 512x512';
const PATIENCE = 'Try to fetch request after given estimated time';

/** The beginning of an answer about an open job. */
const PROCESSING = { status: 'processing', tip: TIP };

/** The answer of which a client sees the beginning when it breaks off and the submit was not accepted. */
export const UNFINISHED: Json = { ...PROCESSING, messege: PATIENCE, output: [] };

function buildLinks(names: string[], folder: string): string[] {
	return names.map((name) => `${folder}/${name}`);
}

/** @param eta s; undefined when the answer has none */
export function describeProcessing(
	{ record, toldId: id, meta, files }: Job,
	origin: string,
	eta: number | undefined,
): Json {
	const { idText, apiVersion, outputs } = record;
	const known = {
		...(eta === undefined ? {} : { eta }),
		fetch_result: `${origin}${API_PATHS[apiVersion]}/fetch/${encodeURIComponent(idText)}`,
		id,
		output: [],
		meta,
		future_links: outputs,
	};
	if (apiVersion === 'v3') return { ...PROCESSING, messege: PATIENCE, ...known };
	const extraAssets = buildLinks(files.extraAssets, `${origin}/files`);
	return { ...PROCESSING, message: PATIENCE, ...known, extra_assets: extraAssets };
}

/** The part that the answer about an ended job and its webhook call share. */
export function describeResult({ record, toldId: id, meta, files }: Job, origin: string): Json {
	const { apiVersion, outcome, failure, outputs, startedAt, endsAt } = record;
	if (outcome === 'failed') return { status: 'failed', id, message: failure };
	const result = {
		status: 'success',
		generationTime: (endsAt - startedAt) / 1000,
		id,
		output: outputs,
		meta,
	};
	if (apiVersion === 'v3') return result;
	return {
		...result,
		proxy_links: buildLinks(files.outputs, `${origin}/proxy`),
		extra_assets: buildLinks(files.extraAssets, `${origin}/files`),
	};
}
