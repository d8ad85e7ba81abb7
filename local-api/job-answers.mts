import type { Json } from './answers.mts';
import type { Job } from './jobs.mts';
import { API_PATHS } from './parameters.mts';

const TIP = 'for faster speed, keep resolution upto 512x512';
const PATIENCE = 'Try to fetch request after given estimated time';

/** What an answer about an open job begins with. */
const PROCESSING = { status: 'processing', tip: TIP };

/** What a client sees the beginning of when the answer to a submit that was not accepted breaks off. */
export const UNFINISHED: Json = { ...PROCESSING, messege: PATIENCE, output: [] };

function linksTo(names: string[], folder: string): string[] {
	return names.map((name) => `${folder}/${name}`);
}

/** @param eta s; undefined = not told */
export function processingOf(
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
	const extraAssets = linksTo(files.extraAssets, `${origin}/files`);
	return { ...PROCESSING, message: PATIENCE, ...known, extra_assets: extraAssets };
}

/** What an ended job's answer and its webhook call have in common. */
export function resultOf({ record, toldId: id, meta, files }: Job, origin: string): Json {
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
		proxy_links: linksTo(files.outputs, `${origin}/proxy`),
		extra_assets: linksTo(files.extraAssets, `${origin}/files`),
	};
}
