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

const SOLIDS: ReadonlyArray<readonly [RegExp, (brief: Brief) => Mesh[]]> = [
	[/^(cupcake|cake|muffin|birthday)/, buildCupcake],
	[/^(ball|planet|earth|globe|world|moon|sun|sphere|marble|saturn|mars)s?$/, buildPlanet],
	[/^(house|home|cottage|hut|barn)/, buildHouse],
	[/^(box|gift|present|cube|crate|parcel)/, buildGift],
	[/^(donut|doughnut|ring|torus|bagel)/, buildDonut],
	[/^(rocket|spaceship|missile)/, buildRocket],
	[/^(mushroom|toadstool)/, buildMushroom],
	[/^(tree|pine|fir|christmas|xmas|cone)/, buildTree],
	[/^(bottle|wine|flask)/, buildBottle],
	[/^(vase|pot|urn|jar|cup|mug|amphora)/, buildVase],
	[/^(apple|cherry|orange|tangerine|fruit|tomato|peach)/, buildFruit],
];

/**
 * Builds the solid that the words of a prompt name (a cupcake, a planet, a house), in the colors that they name. If they name no solid,
 * it is a turned form that depends on the words.
 *
 * @param random decides what the words leave open
 * @param resolution 48 to 176. A higher one gives more rows and columns in every part.
 */
export function buildSolid(prompt: string, random: Random, resolution: number): Mesh {
	const words = prompt.toLowerCase().match(/\p{L}+/gu) ?? [];
	const says = (pattern: RegExp): boolean => words.some((word) => pattern.test(word));
	const named = words.flatMap((word) => (COLORS.has(word) ? [COLORS.get(word)!] : []));
	const palette = PALETTES[floor(random() * PALETTES.length)]!;
	const [main, second] = [named[0] ?? palette[0], named[1] ?? palette[1]];
	const or: Brief['or'] = (...defaults) => (named.length > 0 ? [main, second] : defaults);
	const [, solid] = SOLIDS.find(([pattern]) => says(pattern)) ?? [undefined, buildUnnamed];
	return fit(join(solid({ says, words, main, second, or, random, detail: round(resolution * 0.62) })));
}
