import type { IBinaryData, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

/** How long a link to a stored file lives. */
const LINK_LIFE = '7d';

/**
 * Makes what an agent reads of an item. n8n passes on the JSON of a tool only, and takes an item with nothing but files
 * for an error. So each file is a link in `files`.
 */
export function toToolItem(
	{ helpers }: Pick<IExecuteFunctions, 'helpers'>,
	{ json, binary }: INodeExecutionData,
): INodeExecutionData {
	if (!binary) return { json };
	const described = Array.isArray(json.files) ? (json.files as object[]) : [];
	const files = Object.values(binary).map((file, index) => ({
		name: file.fileName,
		mimeType: file.mimeType,
		...described[index],
		...signLink(helpers, file),
	}));
	return { json: { ...json, files } };
}

/** @returns nothing if n8n keeps files in memory, or has no secret to sign with */
function signLink(
	{ createBinarySignedUrl }: IExecuteFunctions['helpers'],
	file: IBinaryData,
): { url?: string } {
	try {
		return { url: createBinarySignedUrl(file, LINK_LIFE) };
	} catch {
		return {};
	}
}
