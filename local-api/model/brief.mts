/** What the builders of solids share: what a prompt asks for, and the colors for it. */
import type { Mesh } from './mesh.mts';
import type { Random } from './random.mts';
import { buildBall, type Color, type Point } from './surfaces.mts';

const { max, min } = Math;

/** The colors that a prompt can name. */
export const COLORS = new Map<string, Color>(
	Object.entries({
		red: [205, 42, 48],
		crimson: [176, 22, 52],
		orange: [238, 126, 36],
		yellow: [244, 200, 48],
		gold: [222, 172, 62],
		golden: [222, 172, 62],
		green: [66, 150, 72],
		mint: [150, 214, 180],
		teal: [30, 140, 140],
		turquoise: [64, 190, 190],
		blue: [48, 104, 200],
		navy: [34, 50, 110],
		purple: [126, 70, 176],
		violet: [126, 70, 176],
		pink: [240, 150, 180],
		brown: [126, 82, 52],
		chocolate: [96, 58, 40],
		black: [40, 40, 46],
		white: [240, 238, 232],
		grey: [142, 146, 152],
		gray: [142, 146, 152],
		silver: [186, 190, 198],
	}),
);
export const [CREAM, WOOD, LEAF, SNOW, COAL, GLASS]: [Color, Color, Color, Color, Color, Color] = [
	[250, 236, 214],
	[122, 84, 56],
	[52, 128, 70],
	[240, 243, 248],
	[44, 44, 50],
	[110, 170, 215],
];
export const SPRINKLES: readonly Color[] = [
	[236, 92, 122],
	[88, 176, 220],
	[250, 208, 84],
	[124, 198, 120],
	[250, 250, 250],
];

/** Mixes two colors. @param part the share of the second one. It is limited to 0 to 1. */
export const mix = (a: Color, b: Color, part: number): Color =>
	[0, 1, 2].map((i) => a[i]! + (b[i]! - a[i]!) * min(max(part, 0), 1)) as [number, number, number];

/** What a prompt asks for. */
export interface Brief {
	/** Whether a word of the prompt matches. */
	says: (pattern: RegExp) => boolean;
	words: string[];
	/** The colors that the prompt names, or else seeded ones. */
	main: Color;
	second: Color;
	/** @returns `main` and `second` if the prompt names a color, and the arguments otherwise */
	or: (main: Color, second: Color) => readonly [Color, Color];
	random: Random;
	/** The number of rows of a large part. */
	detail: number;
}

/** Places small balls of several colors. */
export function scatter(
	count: number,
	radius: number,
	colors: readonly Color[],
	place: (index: number) => Point,
): Mesh[] {
	return Array.from({ length: count }, (_, i) => buildBall(place(i), radius, colors[i % colors.length]!, 9));
}
