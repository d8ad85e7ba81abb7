/** What the stand-in says about itself and about its work. */
import type { Doubt } from './model/silhouette.mts';
import { findSolid, SOLIDS, UNNAMED } from './model/solids.mts';
import type { Parameters } from './parameters.mts';

export const ABOUT =
	"A stand-in for the img_to_3d API (version 3, version 6 and enterprise), for development and tests. It is not the service and not the service's model: it cuts the foreground out of the picture, inflates its silhouette to a closed mesh, and renders that.";

const SHAPES = SOLIDS.map(({ name }) => name).join(', ');

const ADVICE = 'Use an image of one object in front of a plain background, or with a transparent one.';

const DOUBTS: Record<Doubt, string> = {
	busy: `The background is too busy to cut out an object, so the whole image became a flat card. ${ADVICE}`,
	mixed: `Much of the image's border differs from its background, and may have become a part of the object. ${ADVICE}`,
	blank: `No object stands out from the background, so the whole image became a flat card. ${ADVICE}`,
};

/** Says what words become. */
function describeWords(prompt: string): string {
	const made = findSolid(prompt)?.name ?? UNNAMED;
	return `Made by a stand-in, which makes a few shapes from words: ${SHAPES}. Other words become a ${UNNAMED}. This one is: ${made}.`;
}

/**
 * Says what a user has to know about the object of a job. It is in `meta.stand_in`.
 *
 * @param doubt about the cut-out of the image
 * @returns undefined if there is nothing to say
 */
export function describeWork(parameters: Parameters, doubt: Doubt | undefined): string | undefined {
	if ('prompt' in parameters && parameters.prompt !== '') return describeWords(parameters.prompt);
	return doubt && DOUBTS[doubt];
}
