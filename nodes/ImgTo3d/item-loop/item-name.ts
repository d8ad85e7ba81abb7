import type { IBinaryKeyData, IExecuteFunctions } from 'n8n-workflow';

import { quoteValue, shorten } from '../api/words';
import { isGeneration, type Work } from '../request';

/** The longest name, characters, and how much of what was entered is read for it. */
const MAX_NAME = 40;
const MAX_READ = 2000;

/** What an item makes something from, as it was entered. */
interface Entered {
	image?: unknown;
	/** The name of a binary field, or a file. */
	property?: unknown;
	prompt?: unknown;
}

/**
 * Names an item among several, for errors and progress: by its file, the last part of its link, or its prompt.
 *
 * @param binary the files of the input item
 * @param clean removes the API key from a text
 * @returns at most 40 characters, '' for an item that makes nothing
 */
export function nameWork(
	work: Work,
	binary: IBinaryKeyData | undefined,
	clean: (text: string) => string,
): string {
	if (!isGeneration(work)) return '';
	const { image, body } = work;
	return nameEntered(
		{
			image: image?.from === 'url' ? image.urls : undefined,
			property: image?.from === 'binary' ? image.properties : undefined,
			prompt: image ? undefined : body.prompt,
		},
		binary,
		clean,
	);
}

/** Names an item that could not be read. n8n does not give the parameters that its panel hides. */
export function nameUnread(
	context: IExecuteFunctions,
	itemIndex: number,
	clean: (text: string) => string,
): string {
	const get = (name: string): unknown => {
		try {
			return context.getNodeParameter(name, itemIndex, null);
		} catch {
			return undefined;
		}
	};
	const [image, property, prompt] = ['image', 'binaryPropertyName', 'prompt'].map(get);
	return nameEntered({ image, property, prompt }, context.getInputData()[itemIndex]?.binary, clean);
}

function nameEntered(
	{ image, property, prompt }: Entered,
	binary: IBinaryKeyData | undefined,
	clean: (text: string) => string,
): string {
	const short = (text: string) => shorten(clean(text), MAX_NAME);
	const link = readFirst(image);
	if (typeof link === 'string' && link !== '') return short(readLastPart(link));
	const field = readFirst(property);
	if (typeof field === 'string' && field !== '') return short(binary?.[field]?.fileName ?? field);
	if (typeof field === 'object' && field !== null)
		return short(String((field as IBinaryKeyData).fileName ?? ''));
	return typeof prompt === 'string' && prompt !== '' ? quoteValue(short(prompt.slice(0, MAX_READ))) : '';
}

const readFirst = (value: unknown): unknown => {
	const first: unknown = Array.isArray(value) ? value[0] : value;
	return typeof first === 'string' ? first.slice(0, MAX_READ).trim().split(/\s/)[0] : first;
};

/** Reads the last part of a link's path. Of anything else, the text itself. */
function readLastPart(link: string): string {
	if (/^data:/i.test(link)) return 'data URL';
	const part =
		link
			.replace(/[?#].*/, '')
			.split('/')
			.filter(Boolean)
			.pop() ?? link;
	try {
		return decodeURIComponent(part);
	} catch {
		return part;
	}
}
