import { setImmediate as nextTurn } from 'node:timers/promises';

import { gifOf, mtlOf, objOf, plyOf, pngOf, stlOf } from './formats.mts';
import { glbOf } from './glb.mts';
import type { Picture } from '../images.mts';
import { fitted, type Mesh } from './mesh.mts';
import { bodyOf, tinted, variationOf, type Variation } from './model.mts';
import { hashOf, seededRandom, type Random } from './random.mts';
import { renderTurntable } from './render.mts';
import { simplified, welded } from './simplify.mts';
import { paletteOf, skinned } from './skin.mts';
import { solidOf } from './solids.mts';

export type MeshFormat = 'glb' | 'obj' | 'stl' | 'ply';

/** What a v6 job's object depends on. Equal recipes and pictures give equal bytes. */
export interface MeshRecipe {
	/** Of text_to_3d; '' with a picture. */
	prompt: string;
	seed: number;
	/** Nodes along the longest side: 1 to 512 (the service's default 256). */
	resolution: number;
	/** Part of the faces that is simplified away, 0.9 to 0.98. */
	meshSimplify: number;
}

/** A file of a mesh; the first one is the mesh itself, the others are what it refers to. */
export interface MeshFile {
	extension: 'glb' | 'obj' | 'mtl' | 'png' | 'stl' | 'ply';
	bytes: Buffer;
}

/** Of a file's skin, px along its longer side. */
const SKIN_EDGE = 1024;

/** With fewer nodes there is nothing to recognise, and nothing to simplify. */
const LEAST_RESOLUTION = 24;

/** What a recipe makes: y is up, the front looks to +z, and the longest side is 2. */
interface Made {
	mesh: Mesh;
	variation: Variation;
}

/**
 * The simplified object, in the picture's colours or skin. Lets other work run between its steps.
 * @param skinEdge px; 0 for no skin
 */
async function made(recipe: MeshRecipe, picture: Picture | undefined, skinEdge: number): Promise<Made> {
	const random = seededRandom(hashOf(`mesh/${recipe.seed}`));
	const variation = variationOf(random);
	const mesh = picture
		? await madeOfPicture(recipe, picture, variation, skinEdge)
		: await madeOfPrompt(recipe, random);
	return { mesh: tinted(fitted(mesh), variation.tint), variation };
}

async function madeOfPicture(
	{ resolution, meshSimplify }: MeshRecipe,
	picture: Picture,
	{ thickness, tint }: Variation,
	skinEdge: number,
): Promise<Mesh> {
	const { silhouette, mesh } = bodyOf(picture, Math.max(resolution, LEAST_RESOLUTION), thickness);
	await nextTurn();
	const simple = await simplified(mesh, 1 - meshSimplify);
	await nextTurn();
	return skinEdge > 0 ? await skinned(simple, silhouette, picture, tint, skinEdge) : simple;
}

async function madeOfPrompt({ prompt, resolution, meshSimplify }: MeshRecipe, random: Random): Promise<Mesh> {
	const solid = solidOf(prompt, random, Math.max(resolution, LEAST_RESOLUTION));
	await nextTurn();
	const whole = await welded(solid);
	await nextTurn();
	return await simplified(whole, 1 - meshSimplify);
}

/**
 * The files of a recipe's object.
 * @param picture of image_to_3d; without it the prompt chooses a solid
 * @param name the files' name without ending: an OBJ refers to NAME.mtl, and that to NAME.png
 */
export async function meshFilesOf(
	recipe: MeshRecipe,
	picture: Picture | undefined,
	format: MeshFormat,
	name: string,
): Promise<MeshFile[]> {
	const hasSkin = format === 'glb' || format === 'obj';
	const { mesh } = await made(recipe, picture, hasSkin ? SKIN_EDGE : 0);
	await nextTurn();
	if (format === 'stl') return [{ extension: 'stl', bytes: stlOf(mesh) }];
	if (format === 'ply') return [{ extension: 'ply', bytes: plyOf(mesh) }];
	if (format === 'glb') {
		const image = mesh.skin && (await pngOf(mesh.skin));
		return [{ extension: 'glb', bytes: await glbOf(mesh, image) }];
	}
	const palette = mesh.skin ? undefined : paletteOf(mesh);
	const skin = palette?.skin ?? mesh.skin!;
	return [
		{ extension: 'obj', bytes: objOf(mesh, palette, name) },
		{ extension: 'mtl', bytes: mtlOf(name) },
		{ extension: 'png', bytes: await pngOf(skin) },
	];
}

/**
 * The turntable GIF of the very object that `meshFilesOf` writes.
 * @param size edge of a frame, px
 * @param seconds length of one turn
 */
export async function meshTurntableOf(
	recipe: MeshRecipe,
	picture: Picture | undefined,
	size: number,
	seconds: number,
): Promise<Buffer> {
	// Two samples per pixel see the object's nearest side: a larger skin would flicker.
	const skinEdge = Math.min(2 ** Math.ceil(Math.log2(size)) * 2, SKIN_EDGE);
	const { mesh, variation } = await made(recipe, picture, skinEdge);
	return await gifOf(await renderTurntable(mesh, { size, seconds, start: variation.start }));
}
