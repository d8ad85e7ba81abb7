import { setImmediate as nextTurn } from 'node:timers/promises';

import { decodePicture, type Picture } from './picture.mts';
import { readFace, type Mesh, type Skin } from './mesh.mts';
import { createSampler } from './pixels.mts';
import type { Silhouette } from './silhouette.mts';

const { ceil, floor, log2, max, min, round, sqrt } = Math;

/** How far a skin extends beyond the bounds of the object, px of the picture. The edge of the mesh is within a pixel of them. */
const MARGIN = 3;
/** Longest edge, px, of the picture that is decoded for a skin. It takes 16 MB. */
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

/** The picture at the sharpness of a skin. */
interface Detail {
	/** At coordinates of the coarse picture. */
	colorAt(x: number, y: number, channel: number): number;
}

/** @param edge and span: so many pixels of the skin are for so many of the picture */
async function decodeDetail(picture: Picture, edge: number, span: number): Promise<Detail> {
	const longest = max(picture.width, picture.height);
	const detail = await decodePicture(picture.file, min(ceil((longest * edge) / span), MOST_DETAIL));
	const sample = createSampler(detail.pixels, detail.width, detail.height, 4);
	const scale = max(detail.width, detail.height) / longest;
	return {
		colorAt: (x, y, channel) => sample((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5, channel),
	};
}

/** A rectangle of the picture. */
type Frame = Silhouette['bounds'];

/** Draws the pixels of a skin. Other work can run in between. */
async function drawSkin(
	silhouette: Silhouette,
	detail: Detail,
	{ left, top, right, bottom }: Frame,
	tint: readonly [number, number, number],
	{ width, height }: { width: number; height: number },
): Promise<Uint8Array> {
	const pixels = new Uint8Array(width * height * 3);
	for (let row = 0; row < height; row++) {
		const y = top + ((row + 0.5) * (bottom - top)) / height;
		for (let column = 0; column < width; column++) {
			const x = left + ((column + 0.5) * (right - left)) / width;
			const carried = silhouette.colorAt(x, y);
			const own = silhouette.ownAt(x, y);
			for (let channel = 0; channel < 3; channel++) {
				const sharp = detail.colorAt(x, y, channel);
				const color = (carried[channel]! + (sharp - carried[channel]!) * own) * tint[channel]!;
				pixels[(row * width + column) * 3 + channel] = min(round(color), 255);
			}
		}
		if (row % ROWS_AT_A_TIME === 0) await nextTurn();
	}
	return pixels;
}

/** Finds the place of each vertex in a skin. */
function placeVertices({ positions }: Mesh, { bounds }: Silhouette, frame: Frame): Float32Array {
	const half = max(bounds.right - bounds.left, bounds.bottom - bounds.top) / 2;
	const [wide, high] = [frame.right - frame.left, frame.bottom - frame.top];
	const places = new Float32Array((positions.length / 3) * 2);
	for (let vertex = 0; vertex < places.length / 2; vertex++) {
		const x = (bounds.left + bounds.right) / 2 + positions[vertex * 3]! * half;
		const y = (bounds.top + bounds.bottom) / 2 - positions[vertex * 3 + 1]! * half;
		places.set([(x - frame.left) / wide, (y - frame.top) / high], vertex * 2);
	}
	return places;
}

/**
 * Lays the picture over the mesh of its silhouette, on the front and on the back. Inside, it has the full sharpness of the picture. On
 * the edge and beyond, it has the colors of the object. Other work can run in between.
 *
 * @param mesh as `inflate` makes it, or some of its vertices
 * @param tint factors on red, green and blue
 * @param edge the longer side of the skin, px, a power of two
 */
export async function addSkin(
	mesh: Mesh,
	silhouette: Silhouette,
	picture: Picture,
	tint: readonly [number, number, number],
	edge: number,
): Promise<Mesh> {
	const frame = findFrame(silhouette);
	const [wide, high] = [frame.right - frame.left, frame.bottom - frame.top];
	const longest = max(wide, high);
	const size = {
		width: roundToPowerOfTwo((edge * wide) / longest),
		height: roundToPowerOfTwo((edge * high) / longest),
	};
	const detail = await decodeDetail(picture, edge, longest);
	const pixels = await drawSkin(silhouette, detail, frame, tint, size);
	return { ...mesh, skin: { ...size, pixels, places: placeVertices(mesh, silhouette, frame) } };
}

/** A skin of plain squares, and for each face the square in its color. */
export interface Palette {
	skin: Skin;
	squareOfFace: Uint32Array;
}

/** Edge of the squares of a palette, px. */
const SQUARE = 4;
/** The colors of a palette differ by at least this much in a channel. */
const STEP = 4;

/**
 * Builds a palette of a mesh's colors, for formats whose readers take colors from a picture only. `places` of the skin has one entry for
 * each square. A face that is in one place of the picture is plain at every distance.
 */
export function buildPalette({ colors, faces }: Mesh): Palette {
	const squares = new Map<string, number>();
	const squareOfFace = new Uint32Array(faces.length / 3);
	const found: number[][] = [];
	squareOfFace.forEach((_, face) => {
		const corners = readFace(faces, face * 3);
		const color = [0, 1, 2].map((channel) => {
			const mean = corners.reduce((sum, vertex) => sum + colors[vertex * 3 + channel]!, 0) / 3;
			return min(round(mean / STEP) * STEP, 255);
		});
		const key = color.join();
		const square = squares.get(key) ?? squares.size;
		if (square === squares.size) found.push(color);
		squares.set(key, square);
		squareOfFace[face] = square;
	});
	const columns = roundToPowerOfTwo(sqrt(found.length));
	const edge = columns * SQUARE;
	const pixels = new Uint8Array(edge * edge * 3);
	const places = new Float32Array(found.length * 2);
	found.forEach((color, square) => {
		const [left, top] = [(square % columns) * SQUARE, floor(square / columns) * SQUARE];
		places.set([(left + SQUARE / 2) / edge, (top + SQUARE / 2) / edge], square * 2);
		for (let y = 0; y < SQUARE; y++)
			for (let x = 0; x < SQUARE; x++) pixels.set(color, ((top + y) * edge + left + x) * 3);
	});
	return { skin: { width: edge, height: edge, pixels, places }, squareOfFace };
}
