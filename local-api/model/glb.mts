import { Document, WebIO, type Accessor } from '@gltf-transform/core';

import { ORIGIN } from './formats.mts';
import type { Mesh } from './mesh.mts';
import { LINEAR } from './pixels.mts';

/** The number in glTF. */
const CLAMP_TO_EDGE = 33071;

/**
 * Writes a mesh as binary glTF in one file. It is matte, with its skin as its texture, or else with a color for each vertex. y points up,
 * and the front faces +z.
 *
 * @param image the skin as a PNG
 */
export async function writeGlb(mesh: Mesh, image: Uint8Array | undefined): Promise<Buffer> {
	const document = new Document();
	document.createBuffer();
	const root = document.getRoot();
	root.getAsset().generator = `img_to_3d local-api: ${ORIGIN}`;
	const accessor = (
		type: Parameters<Accessor['setType']>[0],
		values: Float32Array | Uint16Array | Uint32Array,
	) => document.createAccessor().setType(type).setArray(values);
	const material = document.createMaterial('surface').setMetallicFactor(0).setRoughnessFactor(0.8);
	const vertices = mesh.positions.length / 3;
	const surface = document
		.createPrimitive()
		.setIndices(accessor('SCALAR', vertices < 65_535 ? Uint16Array.from(mesh.faces) : mesh.faces))
		.setAttribute('POSITION', accessor('VEC3', mesh.positions))
		.setAttribute('NORMAL', accessor('VEC3', mesh.normals))
		.setMaterial(material);
	if (mesh.skin && image) {
		surface.setAttribute('TEXCOORD_0', accessor('VEC2', mesh.skin.places));
		material.setBaseColorTexture(document.createTexture('picture').setImage(image).setMimeType('image/png'));
		material.getBaseColorTextureInfo()?.setWrapS(CLAMP_TO_EDGE).setWrapT(CLAMP_TO_EDGE);
	} else {
		surface.setAttribute(
			'COLOR_0',
			accessor(
				'VEC3',
				Float32Array.from(mesh.colors, (value) => LINEAR[value]!),
			),
		);
	}
	const node = document.createNode('object').setMesh(document.createMesh('object').addPrimitive(surface));
	root.setDefaultScene(document.createScene('scene').addChild(node).setExtras({ origin: ORIGIN }));
	return Buffer.from(await new WebIO().writeBinary(document));
}
