import type { Picture } from './images.mts';
import { inflate } from './inflate.mts';
import type { Mesh } from './mesh.mts';
import type { ParametersV3 } from './parameters-v3.mts';
import { hashOf, seededRandom } from './random.mts';
import type { View } from './render.mts';
import { cardOf, cutOut, type Silhouette } from './silhouette.mts';
import { solidOf } from './solids.mts';

export interface Model {
	mesh: Mesh;
	view: View;
}

const LEAST_RESOLUTION = 48;
const MOST_RESOLUTION = 176;
const MOST_STEPS = 64;

/** Half the thickness of the card that stands for a picture without an object; the card's longest side is 2. */
const CARD_THICKNESS = 0.05;

function tinted(mesh: Mesh, tint: readonly number[]): Mesh {
	return { ...mesh, colors: mesh.colors.map((value, index) => Math.min(value * tint[index % 3]!, 255)) };
}

/**
 * The object that a job shows, and how it is looked at. `steps` sets the mesh's resolution and `guidanceScale` how
 * round it is; the seed and the index vary the roundness, the tint and the first angle a little. Equal arguments give
 * equal models.
 *
 * @param picture of img_to_3d; without it the prompt chooses a solid
 * @param index of the file in the job, from 0
 */
export function modelOf(parameters: ParametersV3, picture: Picture | undefined, index: number): Model {
	const { prompt, steps, guidanceScale, frameSize, seconds, seed } = parameters;
	const random = seededRandom(hashOf(`${seed}/${index}`));
	const around = (spread: number): number => 1 + (random() * 2 - 1) * spread;
	const tint = [around(0.03), around(0.03), around(0.03)];
	const start = (random() * 2 - 1) * 0.3 + (index * 2 * Math.PI) / 10;
	const depth = (0.5 + (0.5 * (guidanceScale - 1)) / 19) * around(0.08);
	const resolution = Math.round(
		LEAST_RESOLUTION + ((MOST_RESOLUTION - LEAST_RESOLUTION) * steps) / MOST_STEPS,
	);

	let mesh: Mesh;
	if (picture) {
		// Coarse meshes need a smoother edge, or its corners show.
		const silhouette = cutOut(picture, Math.max(1.2, 200 / resolution));
		const meshOf = (shape: Silhouette): Mesh =>
			inflate(shape, resolution, depth, shape.isCard ? CARD_THICKNESS : Infinity);
		mesh = meshOf(silhouette);
		// A hair falls between the nodes of a coarse grid.
		if (mesh.faces.length === 0) mesh = meshOf(cardOf(picture));
	} else {
		mesh = solidOf(prompt, random, resolution);
	}
	return { mesh: tinted(mesh, tint), view: { size: frameSize, seconds, start } };
}
