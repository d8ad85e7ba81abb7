import type { IExecuteFunctions } from 'n8n-workflow';

import { nameAfterFile, nameAfterLink, nameAfterText } from '../file-name';
import { isGeneration, type ItemRequest } from '../request';

/**
 * Finds what an item's output files are named after: its image file, the link to its image, or its prompt.
 *
 * @param clean removes the API key from a text
 * @returns nothing for Get Result, which has none of these
 */
export function findInputName(
	context: IExecuteFunctions,
	{ itemIndex, work }: ItemRequest,
	clean: (text: string) => string,
): string | undefined {
	if (!isGeneration(work)) return undefined;
	const { image, body } = work;
	if (image?.from === 'url') return image.urls[0] && nameAfterLink(image.urls[0], clean);
	const [property] = image?.properties ?? [];
	if (property === undefined) return nameAfterText(clean(String(body.prompt)));
	const { fileName } = context.helpers.assertBinaryData(itemIndex, property);
	return fileName && nameAfterFile(clean(fileName));
}
