import { inflate, type Relief } from './inflate.mts';
import { fit, type Mesh } from './mesh.mts';
import type { Picture } from './picture.mts';
import { createRandom, hashText, type Random } from './random.mts';
import type { View } from './render.mts';
import { measureShape } from './shape.mts';
import { makeCard, cutOut, type Silhouette } from './silhouette.mts';
import { buildSolid } from './solids.mts';

/** What a turntable depends on. Equal recipes and pictures give equal bytes. */
export interface TurntableRecipe {
	/** Chooses a solid where there is no picture. */
	prompt: string;
	/** Resolution of the mesh, 1 to 64. */
	steps: number;
	/** How round the object is, 1 to 20. */
	guidanceScale: number;
	/** Edge of a frame, px. */
	frameSize: number;
	/** Length of one turn, s. */
	seconds: number;
	/** Slightly varies the thickness, the tint and the first angle. */
	seed: number;
}

export interface Model {
	mesh: Mesh;
	view: View;
}

/** The body that a picture becomes. */
export interface Body {
	silhouette: Silhouette;
	/** As `inflate` makes it. 1 unit is half of the longest side of the silhouette's bounds. */
	mesh: Mesh;
}

/** Small differences between objects of different seeds. */
export interface Variation {
	/** Factor on the thickness. */
	thickness: number;
	/** Factors on red, green and blue. */
	tint: readonly [number, number, number];
	/** Angle of the first frame of a turntable, rad. */
	start: number;
}

const LEAST_RESOLUTION = 48;
const MOST_RESOLUTION = 176;
const MOST_STEPS = 64;

/** Half of the thickness of the card for a picture without an object. The longest side of the card is 2. */
const CARD_THICKNESS = 0.05;

/**
 * Half of the thickness of a box, divided by half of the short side of its front: of a cube, and of a book, a card or a phone. A square
 * front is taken for a cube, and an oblong front for the others.
 */
const [CUBE_THICKNESS, SLAB_THICKNESS] = [0.85, 0.14];
/** The long side of the front, divided by the short one. */
const [SQUARE_FRONT, OBLONG_FRONT] = [1.12, 1.38];

/** Chooses what a seed changes. */
export function chooseVariation(random: Random): Variation {
	const around = (spread: number): number => 1 + (random() * 2 - 1) * spread;
	return {
		tint: [around(0.03), around(0.03), around(0.03)],
		start: (random() * 2 - 1) * 0.3,
		thickness: around(0.08),
	};
}

/** Multiplies the colors of a mesh by a tint. */
export function applyTint(mesh: Mesh, tint: Variation['tint']): Mesh {
	return { ...mesh, colors: mesh.colors.map((value, index) => Math.min(value * tint[index % 3]!, 255)) };
}

/**
 * Chooses how thick an object is, since an outline does not show it. Where the object is widest, it is as thick as it is wide: a disc
 * becomes a ball. If the outline is a rectangle, the object is a box, or flat.
 */
function chooseRelief(silhouette: Silhouette, roundness: number): Relief {
	const { left, top, right, bottom } = silhouette.bounds;
	if (silhouette.isCard) return { height: roundness, limit: CARD_THICKNESS };
	const { radius, boxiness, elongation } = measureShape(silhouette);
	const height = (roundness * radius * 2) / Math.max(right - left, bottom - top);
	const oblong = (elongation - SQUARE_FRONT) / (OBLONG_FRONT - SQUARE_FRONT);
	const flatness = Math.min(Math.max(oblong, 0), 1);
	const thickness = CUBE_THICKNESS + (SLAB_THICKNESS - CUBE_THICKNESS) * flatness;
	// The balloon of a box is higher, so that it reaches its plateau near the edge.
	return { height: height * (1 + 3 * boxiness), limit: (height * thickness) / boxiness };
}

/**
 * Builds the body behind a picture.
 *
 * @param resolution nodes along its longest side, 16 or more
 * @param roundness 1 for a thickness that looks right, less for a flatter body
 */
export function buildBody(picture: Picture, resolution: number, roundness: number): Body {
	// A coarse mesh needs a smoother edge, or its corners are visible.
	const silhouette = cutOut(picture, Math.max(1.2, 200 / resolution));
	const body = (of: Silhouette): Body => ({
		silhouette: of,
		mesh: inflate(of, resolution, chooseRelief(of, roundness)),
	});
	const found = body(silhouette);
	// An object as thin as a hair falls between the nodes of a coarse grid.
	return found.mesh.faces.length > 0 ? found : body(makeCard(picture));
}

/**
 * Builds the object of a turntable, and its view. The index varies the object as the seed does. Equal arguments give equal models.
 *
 * @param picture without it, the prompt chooses a solid
 * @param index number of the file in the job, from 0
 */
export function buildModel(recipe: TurntableRecipe, picture: Picture | undefined, index: number): Model {
	const { prompt, steps, guidanceScale, frameSize, seconds, seed } = recipe;
	const random = createRandom(hashText(`${seed}/${index}`));
	const { thickness, tint, start } = chooseVariation(random);
	const roundness = (0.5 + (0.5 * (guidanceScale - 1)) / 19) * thickness;
	const resolution = Math.round(
		LEAST_RESOLUTION + ((MOST_RESOLUTION - LEAST_RESOLUTION) * steps) / MOST_STEPS,
	);
	const mesh = picture
		? buildBody(picture, resolution, roundness).mesh
		: buildSolid(prompt, random, resolution);
	const view = { size: frameSize, seconds, start: start + (index * 2 * Math.PI) / 10 };
	return { mesh: applyTint(fit(mesh), tint), view };
}
