import { COLORS, mix, type Brief } from './brief.mts';
import { fit, join, type Mesh } from './mesh.mts';
import {
	buildBottle,
	buildCupcake,
	buildDonut,
	buildFruit,
	buildGift,
	buildHouse,
	buildMushroom,
	buildPlanet,
	buildRocket,
	buildTree,
	buildVase,
} from './objects.mts';
import { createRandom, hashText, type Random } from './random.mts';
import { turnProfile, type Color, type Paint } from './surfaces.mts';

const { cos, floor, PI, round, sin } = Math;

/** Pairs of colors for prompts that name none. */
const PALETTES: ReadonlyArray<readonly [Color, Color]> = [
	[
		[226, 106, 74],
		[250, 214, 150],
	],
	[
		[52, 116, 164],
		[240, 206, 132],
	],
	[
		[46, 140, 134],
		[240, 222, 186],
	],
	[
		[140, 92, 168],
		[246, 196, 206],
	],
	[
		[206, 84, 110],
		[250, 220, 196],
	],
	[
		[64, 84, 140],
		[150, 200, 222],
	],
];
/** Builds a turned form without a name. The words of the prompt choose it. */
function buildUnnamed({ words, main, second, detail }: Brief): Mesh[] {
	const random = createRandom(hashText(words.join(' ')));
	const count = 5 + floor(random() * 3);
	const bulges = Array.from(
		{ length: count },
		(_, i) => [0.22 + random() * 0.5, 0.05 + ((i + 1) / count) * 1.7] as const,
	);
	const [petals, swing, bands] = [3 + floor(random() * 6), random() * 0.12, 2 + floor(random() * 4)];
	const outline = (turn: number, along: number): number =>
		1 + swing * cos((turn * petals + along) * 2 * PI) * sin(along * PI);
	const paint: Paint = (_, __, along) => mix(main, second, 0.5 - 0.5 * cos(along * bands * 2 * PI));
	return [
		turnProfile([[0, 0], [0.4, 0], [0.48, 0.05], ...bulges, [0.12, 1.9], [0, 1.92]], paint, detail, outline),
	];
}

/** A solid that words can name. */
interface Solid {
	name: string;
	/** Other words for it. */
	words: readonly string[];
	build: (brief: Brief) => Mesh[];
}

/** If a prompt names several, the first one in this list is built. */
export const SOLIDS: readonly Solid[] = [
	{ name: 'cupcake', words: ['cake', 'muffin', 'birthday'], build: buildCupcake },
	{
		name: 'planet',
		words: ['ball', 'sphere', 'marble', 'globe', 'world', 'earth', 'moon', 'sun', 'saturn', 'mars'],
		build: buildPlanet,
	},
	{ name: 'house', words: ['home', 'cottage', 'hut', 'barn'], build: buildHouse },
	{ name: 'gift', words: ['box', 'present', 'cube', 'crate', 'parcel'], build: buildGift },
	{ name: 'donut', words: ['doughnut', 'ring', 'torus', 'bagel'], build: buildDonut },
	{ name: 'rocket', words: ['spaceship', 'missile'], build: buildRocket },
	{ name: 'mushroom', words: ['toadstool'], build: buildMushroom },
	{ name: 'tree', words: ['pine', 'fir', 'christmas', 'xmas', 'cone'], build: buildTree },
	{ name: 'bottle', words: ['wine', 'flask'], build: buildBottle },
	{ name: 'vase', words: ['pot', 'urn', 'jar', 'cup', 'mug', 'amphora'], build: buildVase },
	{
		name: 'apple',
		words: ['fruit', 'cherry', 'orange', 'tangerine', 'tomato', 'peach'],
		build: buildFruit,
	},
];

/** What a prompt becomes that names none of {@link SOLIDS}. */
export const UNNAMED = 'turned form';

const readWords = (prompt: string): string[] => prompt.toLowerCase().match(/\p{L}+/gu) ?? [];

/** @returns a word and what it can be the plural of */
const listSingulars = (word: string): string[] => [
	word,
	word.replace(/s$/, ''),
	word.replace(/es$/, ''),
	word.replace(/ies$/, 'y'),
];

/** Finds the solid that a prompt names, also in the plural. */
export function findSolid(prompt: string): Solid | undefined {
	const words = new Set(readWords(prompt).flatMap(listSingulars));
	return SOLIDS.find((solid) => [solid.name, ...solid.words].some((word) => words.has(word)));
}

/**
 * Builds the solid that the words of a prompt name (a cupcake, a planet, a house), in the colors that they name. If they name no solid,
 * it is a turned form that depends on the words.
 *
 * @param random decides what the words leave open
 * @param resolution 48 to 176. A higher one gives more rows and columns in every part.
 */
export function buildSolid(prompt: string, random: Random, resolution: number): Mesh {
	const words = readWords(prompt);
	const says = (pattern: RegExp): boolean => words.some((word) => pattern.test(word));
	const named = words.flatMap((word) => (COLORS.has(word) ? [COLORS.get(word)!] : []));
	const palette = PALETTES[floor(random() * PALETTES.length)]!;
	const [main, second] = [named[0] ?? palette[0], named[1] ?? palette[1]];
	const or: Brief['or'] = (...defaults) => (named.length > 0 ? [main, second] : defaults);
	const build = findSolid(prompt)?.build ?? buildUnnamed;
	return fit(join(build({ says, words, main, second, or, random, detail: round(resolution * 0.62) })));
}
