import { LRUCache } from 'lru-cache';

import { cutByColor, type ColorCut, type Disturbance } from './backdrop.mts';
import { clean, dilate, erode, findCore, listNeighbors, type Mask } from './mask.mts';
import type { Picture } from './picture.mts';
import { blur, createSampler } from './pixels.mts';

const { abs, floor, hypot, max, min } = Math;

/** The object in a picture: where it is, and its colors. Coordinates are the pixels of the picture. */
export interface Silhouette {
	/** Box around the object. */
	bounds: { left: number; top: number; right: number; bottom: number };
	/** Positive inside the object, negative outside, and smooth in between. It is defined everywhere. */
	insideAt(x: number, y: number): number;
	/** sRGB bytes. Outside the object, they are those of the nearest edge. */
	colorAt(x: number, y: number): [number, number, number];
	/** How far the picture itself has the color of the object there, 0 to 1. Otherwise the color comes from nearby. */
	ownAt(x: number, y: number): number;
	/** Whether no object was found, and this is a card with the whole picture on it. */
	isCard: boolean;
}

/** Standard deviation, px, of the blur that evens out carried colors. */
const EVENING = 2.5;

/**
 * Carries the colors of a core outwards.
 *
 * @returns 3 numbers per pixel, sRGB 0 to 255
 */
function carryColors({ pixels, width, height }: Picture, core: Mask): Float32Array {
	const known = Uint8Array.from(core);
	const colors = new Float32Array(width * height * 3);
	let front: number[] = [];
	known.forEach((value, pixel) => {
		if (!value) return;
		for (let channel = 0; channel < 3; channel++) colors[pixel * 3 + channel] = pixels[pixel * 4 + channel]!;
		front.push(pixel);
	});
	/** Whether a pixel is on the next front. */
	const isNext = new Uint8Array(known.length);
	while (front.length > 0) {
		const next: number[] = [];
		for (const pixel of front) {
			for (const around of listNeighbors(pixel, width, height)) {
				if (known[around] || isNext[around]) continue;
				isNext[around] = 1;
				next.push(around);
			}
		}
		for (const pixel of next) {
			let [red, green, blue, count] = [0, 0, 0, 0];
			for (const around of listNeighbors(pixel, width, height)) {
				if (!known[around]) continue;
				red += colors[around * 3]!;
				green += colors[around * 3 + 1]!;
				blue += colors[around * 3 + 2]!;
				count += 1;
			}
			colors.set([red / count, green / count, blue / count], pixel * 3);
		}
		for (const pixel of next) known[pixel] = 1;
		front = next;
	}
	return colors;
}

/** Removes the streaks from carried colors. A streak comes from few pixels far away, and covers much of the sides of a mesh. */
function evenOut(colors: Float32Array, core: Mask, width: number, height: number): Float32Array {
	const soft = [0, 1, 2].map((channel) =>
		blur(
			Float32Array.from(core, (_, pixel) => colors[pixel * 3 + channel]!),
			width,
			height,
			EVENING,
		),
	);
	const even = colors.slice();
	core.forEach((value, pixel) => {
		if (value) return;
		for (let channel = 0; channel < 3; channel++) even[pixel * 3 + channel] = soft[channel]![pixel]!;
	});
	return even;
}

/**
 * Computes how much of each pixel belongs to the object, 0 to 1. On the edge, this is the position of the pixel's color between the
 * colors of the object and the backdrop nearby. A mask alone would leave steps on the slopes of the edge.
 *
 * @param colors the colors of the object, carried outwards
 */
function computeMatte(picture: Picture, mask: Mask, colors: Float32Array): Float32Array {
	const { pixels, width, height } = picture;
	const beyond = mask.map((value) => 1 - value);
	const backdrop = carryColors(picture, findCore(beyond, width, height));
	const inner = erode(erode(mask, width, height), width, height);
	const outer = dilate(dilate(mask, width, height), width, height);
	return Float32Array.from(mask, (value, pixel) => {
		if (inner[pixel] || !outer[pixel]) return value;
		let [along, length] = [0, 0];
		for (let channel = 0; channel < 3; channel++) {
			const behind = backdrop[pixel * 3 + channel]!;
			const span = colors[pixel * 3 + channel]! - behind;
			along += (pixels[pixel * 4 + channel]! - behind) * span;
			length += span * span;
		}
		// Colors that are almost equal say nothing.
		return length < 400 ? value : min(max(along / length, 0), 1);
	});
}

function findBounds(mask: Mask, width: number): Silhouette['bounds'] {
	const bounds = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
	mask.forEach((value, pixel) => {
		if (!value) return;
		const x = pixel % width;
		const y = floor(pixel / width);
		bounds.left = min(bounds.left, x);
		bounds.right = max(bounds.right, x);
		bounds.top = min(bounds.top, y);
		bounds.bottom = max(bounds.bottom, y);
	});
	return bounds;
}

/** Makes a rounded card with the whole picture on it. For a very narrow picture, the card is wider, so that it can be seen. */
export function makeCard(picture: Picture): Silhouette {
	const { width, height, pixels } = picture;
	const color = createSampler(pixels, width, height, 4);
	const [centerX, centerY] = [(width - 1) / 2, (height - 1) / 2];
	const [halfWidth, halfHeight] = [max(centerX, height / 16), max(centerY, width / 16)];
	const radius = min(halfWidth, halfHeight) * 0.16;
	return {
		bounds: {
			left: centerX - halfWidth,
			top: centerY - halfHeight,
			right: centerX + halfWidth,
			bottom: centerY + halfHeight,
		},
		insideAt(x, y) {
			const dx = abs(x - centerX) - halfWidth + radius;
			const dy = abs(y - centerY) - halfHeight + radius;
			const outside = hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - radius;
			return -outside / radius;
		},
		colorAt: (x, y) => [color(x, y, 0), color(x, y, 1), color(x, y, 2)],
		ownAt: () => 1,
		isCard: true,
	};
}

/** The object in a picture, whatever the smoothness of its edge. */
interface FoundObject {
	bounds: Silhouette['bounds'];
	/** How much of each pixel belongs to the object, 0 to 1. */
	matte: Float32Array;
	/** 3 numbers per pixel, sRGB 0 to 255, carried outwards beyond the object. */
	colors: Float32Array;
	core: Mask;
}

/** Why an object may not be what people expect. `blank`: nothing stands out from the backdrop. */
export type Doubt = Disturbance | 'blank';

/** Where the object in a picture is. */
interface Finding {
	/** Undefined if almost nothing or almost everything would be the object. */
	mask?: Mask;
	/** Whether the picture is transparent around the object. */
	isCutOut: boolean;
	doubt: Doubt | undefined;
}

function findMask(picture: Picture): Finding {
	const { width, height, pixels } = picture;
	let transparent = 0;
	for (let i = 3; i < pixels.length; i += 4) if (pixels[i]! < 128) transparent += 1;
	const isCutOut = transparent > width * height * 0.01;
	const { mask: raw, disturbance }: ColorCut = isCutOut
		? {
				mask: Uint8Array.from({ length: width * height }, (_, pixel) =>
					pixels[pixel * 4 + 3]! < 128 ? 0 : 1,
				),
				disturbance: undefined,
			}
		: cutByColor(picture);
	const mask = clean(raw, width, height);
	const area = mask.reduce((sum, value) => sum + value, 0) / mask.length;
	if (area < 0.008 || area > 0.97) return { isCutOut, doubt: disturbance ?? 'blank' };
	return { mask, isCutOut, doubt: disturbance };
}

function findObject(picture: Picture): FoundObject | undefined {
	const { width, height, pixels } = picture;
	const { mask, isCutOut } = findMaskOnce(picture);
	if (!mask) return undefined;
	const core = findCore(mask, width, height);
	const colors = evenOut(carryColors(picture, core), core, width, height);
	const matte = isCutOut
		? Float32Array.from(dilate(mask, width, height), (value, pixel) => (value * pixels[pixel * 4 + 3]!) / 255)
		: computeMatte(picture, mask, colors);
	return { bounds: findBounds(mask, width), matte, colors, core };
}

/** What was found in the latest pictures. Each file of a job cuts the picture out, and often several jobs share one. */
const masks = new LRUCache<Picture, Finding>({ max: 8 });
const objects = new LRUCache<Picture, { object?: FoundObject }>({ max: 8 });

function findMaskOnce(picture: Picture): Finding {
	const found = masks.get(picture) ?? findMask(picture);
	masks.set(picture, found);
	return found;
}

function findObjectOnce(picture: Picture): FoundObject | undefined {
	const found = objects.get(picture) ?? { object: findObject(picture) };
	objects.set(picture, found);
	return found.object;
}

/** Says why the object of a picture may not be what people expect. @returns undefined if it can be cut out well */
export const findDoubt = (picture: Picture): Doubt | undefined => findMaskOnce(picture).doubt;

/**
 * Finds the object in a picture: by the transparency if there is any, else in front of a plain backdrop. If almost nothing or almost
 * everything would be the object, it is a rounded card with the picture on it.
 *
 * @param smoothness how much the edge is smoothed, as a standard deviation in px, 1 or more
 */
export function cutOut(picture: Picture, smoothness: number): Silhouette {
	const object = findObjectOnce(picture);
	if (!object) return makeCard(picture);
	const { width, height } = picture;
	const { bounds, matte, colors, core } = object;
	const soft = createSampler(blur(matte, width, height, smoothness), width, height, 1);
	const color = createSampler(colors, width, height, 3);
	const own = createSampler(core, width, height, 1);
	return {
		bounds,
		insideAt(x, y) {
			const isBeyond = x < 0 || y < 0 || x > width - 1 || y > height - 1;
			// A little more than half, because the pixels on the edge are half backdrop.
			return isBeyond ? -1 : soft(x, y, 0) * 2 - 1.04;
		},
		colorAt: (x, y) => [color(x, y, 0), color(x, y, 1), color(x, y, 2)],
		ownAt: (x, y) => own(x, y, 0),
		isCard: false,
	};
}
