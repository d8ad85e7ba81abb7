import { setImmediate as nextTurn } from 'node:timers/promises';

import { writeGif, writeMtl, writeObj, writePly, writePng, writeStl } from './formats.mts';
import { writeGlb } from './glb.mts';
import type { Picture } from './picture.mts';
import { fit, type Mesh } from './mesh.mts';
import { buildBody, applyTint, chooseVariation, type Variation } from './model.mts';
import { hashText, createRandom, type Random } from './random.mts';
import { renderTurntable } from './render.mts';
import { simplify, weld } from './simplify.mts';
import { buildPalette, addSkin } from './skin.mts';
import { buildSolid } from './solids.mts';

export type MeshFormat = 'glb' | 'obj' | 'stl' | 'ply';

/** What an object depends on. Equal recipes and pictures give equal bytes. */
export interface MeshRecipe {
	/** Chooses a solid. '' with a picture. */
	prompt: string;
	seed: number;
	/** Nodes along the longest side, 1 to 512. */
	resolution: number;
	/** Share of the faces that is removed, 0.9 to 0.98. */
	meshSimplify: number;
}

/** A file of a mesh. The first file is the mesh itself. The others are those that it refers to. */
export interface MeshFile {
	extension: 'glb' | 'obj' | 'mtl' | 'png' | 'stl' | 'ply';
	bytes: Buffer;
}

/** The longer side of the skin of a file, px. */
const SKIN_EDGE = 1024;

/** With fewer nodes, there is nothing to recognize and nothing to simplify. */
const LEAST_RESOLUTION = 24;

/** The object of a recipe: y points up, the front faces +z, and the longest side is 2. */
interface Made {
	mesh: Mesh;
	variation: Variation;
}

/**
 * Makes the simplified object, with the colors of the picture or with a skin. Other work can run between the steps.
 *
 * @param skinEdge the longer side of the skin, px. 0 for no skin.
 */
async function makeMesh(recipe: MeshRecipe, picture: Picture | undefined, skinEdge: number): Promise<Made> {
	const random = createRandom(hashText(`mesh/${recipe.seed}`));
	const variation = chooseVariation(random);
	const mesh = picture
		? await makeFromPicture(recipe, picture, variation, skinEdge)
		: await makeFromPrompt(recipe, random);
	return { mesh: applyTint(fit(mesh), variation.tint), variation };
}

async function makeFromPicture(
	{ resolution, meshSimplify }: MeshRecipe,
	picture: Picture,
	{ thickness, tint }: Variation,
	skinEdge: number,
): Promise<Mesh> {
	const { silhouette, mesh } = buildBody(picture, Math.max(resolution, LEAST_RESOLUTION), thickness);
	await nextTurn();
	const simple = await simplify(mesh, 1 - meshSimplify);
	await nextTurn();
	return skinEdge > 0 ? await addSkin(simple, silhouette, picture, tint, skinEdge) : simple;
}

async function makeFromPrompt(
	{ prompt, resolution, meshSimplify }: MeshRecipe,
	random: Random,
): Promise<Mesh> {
	const solid = buildSolid(prompt, random, Math.max(resolution, LEAST_RESOLUTION));
	await nextTurn();
	const whole = await weld(solid);
	await nextTurn();
	return await simplify(whole, 1 - meshSimplify);
}

/**
 * Makes the files of an object.
 *
 * @param picture without it, the prompt chooses a solid
 * @param name the name of the files without the ending. An OBJ refers to NAME.mtl, and that refers to NAME.png.
 */
export async function makeMeshFiles(
	recipe: MeshRecipe,
	picture: Picture | undefined,
	format: MeshFormat,
	name: string,
): Promise<MeshFile[]> {
	const hasSkin = format === 'glb' || format === 'obj';
	const { mesh } = await makeMesh(recipe, picture, hasSkin ? SKIN_EDGE : 0);
	await nextTurn();
	if (format === 'stl') return [{ extension: 'stl', bytes: writeStl(mesh) }];
	if (format === 'ply') return [{ extension: 'ply', bytes: writePly(mesh) }];
	if (format === 'glb') {
		const image = mesh.skin && (await writePng(mesh.skin));
		return [{ extension: 'glb', bytes: await writeGlb(mesh, image) }];
	}
	const palette = mesh.skin ? undefined : buildPalette(mesh);
	const skin = palette?.skin ?? mesh.skin!;
	return [
		{ extension: 'obj', bytes: writeObj(mesh, palette, name) },
		{ extension: 'mtl', bytes: writeMtl(name) },
		{ extension: 'png', bytes: await writePng(skin) },
	];
}

/**
 * Makes a turntable (GIF) of exactly the object that `makeMeshFiles` writes.
 *
 * @param size edge of a frame, px
 * @param seconds length of one turn
 */
export async function makeMeshTurntable(
	recipe: MeshRecipe,
	picture: Picture | undefined,
	size: number,
	seconds: number,
): Promise<Buffer> {
	// There are two samples per pixel on the nearest side of the object. A larger skin would flicker.
	const skinEdge = Math.min(2 ** Math.ceil(Math.log2(size)) * 2, SKIN_EDGE);
	const { mesh, variation } = await makeMesh(recipe, picture, skinEdge);
	return await writeGif(await renderTurntable(mesh, { size, seconds, start: variation.start }));
}
