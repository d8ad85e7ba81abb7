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

/** What a picture becomes. */
export interface Body {
	silhouette: Silhouette;
	/** As `inflate` makes it: 1 unit is half of the longest side of the silhouette's bounds. */
	mesh: Mesh;
}

/** Small differences between objects of different seeds. */
export interface Variation {
	/** Factor on the thickness. */
	thickness: number;
	/** Factors on red, green and blue. */
	tint: readonly [number, number, number];
	/** Turn of a turntable's first frame, rad. */
	start: number;
}

const LEAST_RESOLUTION = 48;
const MOST_RESOLUTION = 176;
const MOST_STEPS = 64;

/** Half the thickness of the card that stands for a picture without an object; the card's longest side is 2. */
const CARD_THICKNESS = 0.05;

/**
 * Half the thickness of a box by half of the short side of its front: of a cube, and of a book, a card, a telephone.
 * What has a square front is taken for the one and what has an oblong front for the other.
 */
const [CUBE_THICKNESS, SLAB_THICKNESS] = [0.85, 0.14];
/** The long side of the front by the short one. */
const [SQUARE_FRONT, OBLONG_FRONT] = [1.12, 1.38];

/** What a seed changes. */
export function chooseVariation(random: Random): Variation {
	const around = (spread: number): number => 1 + (random() * 2 - 1) * spread;
	return {
		tint: [around(0.03), around(0.03), around(0.03)],
		start: (random() * 2 - 1) * 0.3,
		thickness: around(0.08),
	};
}

/** The mesh with its colors times a tint. */
export function applyTint(mesh: Mesh, tint: Variation['tint']): Mesh {
	return { ...mesh, colors: mesh.colors.map((value, index) => Math.min(value * tint[index % 3]!, 255)) };
}

/**
 * An outline alone does not tell how thick a thing is. Taken as likely: where it is widest, it is as thick as it is
 * wide (of a disc comes a ball), but when its outline is a rectangle, it is a box, or flat.
 */
function chooseRelief(silhouette: Silhouette, roundness: number): Relief {
	const { left, top, right, bottom } = silhouette.bounds;
	if (silhouette.isCard) return { height: roundness, limit: CARD_THICKNESS };
	const { radius, boxiness, elongation } = measureShape(silhouette);
	const height = (roundness * radius * 2) / Math.max(right - left, bottom - top);
	const oblong = (elongation - SQUARE_FRONT) / (OBLONG_FRONT - SQUARE_FRONT);
	const flatness = Math.min(Math.max(oblong, 0), 1);
	const thickness = CUBE_THICKNESS + (SLAB_THICKNESS - CUBE_THICKNESS) * flatness;
	// The box's balloon is higher, so that it meets its plateau near the edge.
	return { height: height * (1 + 3 * boxiness), limit: (height * thickness) / boxiness };
}

/**
 * The body behind a picture.
 * @param resolution nodes along its longest side, 16 or more
 * @param roundness 1 for a thickness that looks right, less for a flatter one
 */
export function buildBody(picture: Picture, resolution: number, roundness: number): Body {
	// Coarse meshes need a smoother edge, or its corners show.
	const silhouette = cutOut(picture, Math.max(1.2, 200 / resolution));
	const body = (of: Silhouette): Body => ({
		silhouette: of,
		mesh: inflate(of, resolution, chooseRelief(of, roundness)),
	});
	const found = body(silhouette);
	// A hair falls between the nodes of a coarse grid.
	return found.mesh.faces.length > 0 ? found : body(makeCard(picture));
}

/**
 * The object that a job shows, and how it is looked at. `steps` sets the mesh's resolution and `guidanceScale` how
 * round it is; the seed and the index vary the roundness, the tint and the first angle a little. Equal arguments give
 * equal models.
 *
 * @param picture of img_to_3d; without it the prompt chooses a solid
 * @param index of the file in the job, from 0
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
