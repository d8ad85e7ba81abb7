import { setImmediate as nextTurn } from 'node:timers/promises';

import { decodePicture, type Picture } from './picture.mts';
import { readFace, type Mesh, type Skin } from './mesh.mts';
import { createSampler } from './pixels.mts';
import type { Silhouette } from './silhouette.mts';

const { ceil, floor, log2, max, min, round, sqrt } = Math;

/** So far beyond the object's bounds a skin reaches, px of the picture: the mesh's edge lies within a pixel of them. */
const MARGIN = 3;
/** Longest edge, px, at which a picture is decoded for its skin: 16 MB. */
const MOST_DETAIL = 2048;
const ROWS_AT_A_TIME = 128;

const roundToPowerOfTwo = (least: number): number => 2 ** ceil(log2(least));

function findFrame({ bounds }: Silhouette): Silhouette['bounds'] {
	return {
		left: bounds.left - MARGIN,
		top: bounds.top - MARGIN,
		right: bounds.right + MARGIN,
		bottom: bounds.bottom + MARGIN,
	};
}

/**
 * The mesh of a silhouette with the picture over it, on the front and from behind: inside in the picture's full
 * sharpness, on the edge and beyond it in the object's colours. Lets other work run in between.
 *
 * @param mesh as `inflate` makes it, or some of its vertices
 * @param tint factors on red, green and blue
 * @param edge of the skin, px, along its longer side; a power of two
 */
export async function addSkin(
	mesh: Mesh,
	silhouette: Silhouette,
	picture: Picture,
	tint: readonly [number, number, number],
	edge: number,
): Promise<Mesh> {
	const { left, top, right, bottom } = findFrame(silhouette);
	const [wide, high] = [right - left, bottom - top];
	const width = roundToPowerOfTwo((edge * wide) / max(wide, high));
	const height = roundToPowerOfTwo((edge * high) / max(wide, high));
	const longest = max(picture.width, picture.height);
	const detail = await decodePicture(
		picture.file,
		min(ceil((longest * edge) / max(wide, high)), MOST_DETAIL),
	);
	const detailAt = createSampler(detail.pixels, detail.width, detail.height, 4);
	const scale = max(detail.width, detail.height) / longest;
	const pixels = new Uint8Array(width * height * 3);
	for (let row = 0; row < height; row++) {
		const y = top + ((row + 0.5) * high) / height;
		for (let column = 0; column < width; column++) {
			const x = left + ((column + 0.5) * wide) / width;
			const carried = silhouette.colourAt(x, y);
			const own = silhouette.ownAt(x, y);
			for (let channel = 0; channel < 3; channel++) {
				const sharp = detailAt((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5, channel);
				const colour = (carried[channel]! + (sharp - carried[channel]!) * own) * tint[channel]!;
				pixels[(row * width + column) * 3 + channel] = min(round(colour), 255);
			}
		}
		if (row % ROWS_AT_A_TIME === 0) await nextTurn();
	}

	const { bounds } = silhouette;
	const half = max(bounds.right - bounds.left, bounds.bottom - bounds.top) / 2;
	const places = new Float32Array((mesh.positions.length / 3) * 2);
	for (let vertex = 0; vertex < places.length / 2; vertex++) {
		const x = (bounds.left + bounds.right) / 2 + mesh.positions[vertex * 3]! * half;
		const y = (bounds.top + bounds.bottom) / 2 - mesh.positions[vertex * 3 + 1]! * half;
		places.set([(x - left) / wide, (y - top) / high], vertex * 2);
	}
	return { ...mesh, skin: { width, height, pixels, places } };
}

/** Squares of plain colour as a skin, and for each face the one in its middle's colour. */
export interface Palette {
	skin: Skin;
	squareOfFace: Uint32Array;
}

/** Edge of a palette's squares, px. */
const SQUARE = 4;
/** A channel's colours are told apart in steps of this. */
const STEP = 4;

/**
 * A mesh's colours for formats whose readers know no colours but a picture's. `places` of the skin has one entry per
 * square: a face that lies in one place of the picture is plain at every distance.
 */
export function buildPalette({ colors, faces }: Mesh): Palette {
	const squares = new Map<string, number>();
	const squareOfFace = new Uint32Array(faces.length / 3);
	const found: number[][] = [];
	squareOfFace.forEach((_, face) => {
		const corners = readFace(faces, face * 3);
		const colour = [0, 1, 2].map((channel) => {
			const mean = corners.reduce((sum, vertex) => sum + colors[vertex * 3 + channel]!, 0) / 3;
			return min(round(mean / STEP) * STEP, 255);
		});
		const key = colour.join();
		const square = squares.get(key) ?? squares.size;
		if (square === squares.size) found.push(colour);
		squares.set(key, square);
		squareOfFace[face] = square;
	});
	const columns = roundToPowerOfTwo(sqrt(found.length));
	const edge = columns * SQUARE;
	const pixels = new Uint8Array(edge * edge * 3);
	const places = new Float32Array(found.length * 2);
	found.forEach((colour, square) => {
		const [left, top] = [(square % columns) * SQUARE, floor(square / columns) * SQUARE];
		places.set([(left + SQUARE / 2) / edge, (top + SQUARE / 2) / edge], square * 2);
		for (let y = 0; y < SQUARE; y++)
			for (let x = 0; x < SQUARE; x++) pixels.set(colour, ((top + y) * edge + left + x) * 3);
	});
	return { skin: { width: edge, height: edge, pixels, places }, squareOfFace };
}
