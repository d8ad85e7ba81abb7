/** Masks: which pixels of a picture belong to something. */

const { max } = Math;

/** Holds 1 for the pixels of the object, and 0 for the others. */
export type Mask = Uint8Array;

export function listNeighbors(pixel: number, width: number, height: number): number[] {
	const x = pixel % width;
	const found: number[] = [];
	if (x > 0) found.push(pixel - 1);
	if (x < width - 1) found.push(pixel + 1);
	if (pixel >= width) found.push(pixel - width);
	if (pixel < width * (height - 1)) found.push(pixel + width);
	return found;
}

/**
 * Finds everything that can be reached from the seeds, by steps to neighbors that `joins` allows.
 *
 * @param reached what was reached before. It is not entered again, and new pixels are added.
 */
export function flood(
	seeds: number[],
	width: number,
	height: number,
	reached: Mask,
	joins: (from: number, to: number) => boolean,
): number[] {
	const found = [...seeds];
	for (const seed of seeds) reached[seed] = 1;
	const enter = (from: number, to: number): void => {
		if (reached[to] || !joins(from, to)) return;
		reached[to] = 1;
		found.push(to);
	};
	const last = width * (height - 1);
	for (const pixel of found) {
		const x = pixel % width;
		if (x > 0) enter(pixel, pixel - 1);
		if (x < width - 1) enter(pixel, pixel + 1);
		if (pixel >= width) enter(pixel, pixel - width);
		if (pixel < last) enter(pixel, pixel + width);
	}
	return found;
}

/** Finds the connected parts of a mask. @returns lists of pixels */
export function findParts(mask: Mask, width: number, height: number): number[][] {
	const seen = new Uint8Array(mask.length);
	const found: number[][] = [];
	mask.forEach((value, start) => {
		if (value && !seen[start]) found.push(flood([start], width, height, seen, (_, to) => mask[to] === 1));
	});
	return found;
}

/** Removes the pixels that have a neighbor outside the mask. The border of the picture counts as outside. */
export function erode(mask: Mask, width: number, height: number): Mask {
	const eroded = new Uint8Array(mask.length);
	for (let y = 1; y < height - 1; y++) {
		for (let pixel = y * width + 1; pixel < (y + 1) * width - 1; pixel++) {
			const isInside = mask[pixel - 1] && mask[pixel + 1] && mask[pixel - width] && mask[pixel + width];
			if (mask[pixel] && isInside) eroded[pixel] = 1;
		}
	}
	return eroded;
}

/** Adds the neighbors of the mask. */
export function dilate(mask: Mask, width: number, height: number): Mask {
	const dilated = new Uint8Array(mask.length);
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++) {
			const pixel = y * width + x;
			if (!mask[pixel]) continue;
			dilated[pixel] = 1;
			if (x > 0) dilated[pixel - 1] = 1;
			if (x < width - 1) dilated[pixel + 1] = 1;
			if (y > 0) dilated[pixel - width] = 1;
			if (y < height - 1) dilated[pixel + width] = 1;
		}
	}
	return dilated;
}

/** Removes specks, hairs, and parts that are small in comparison with the largest part. */
export function clean(mask: Mask, width: number, height: number): Mask {
	const opened = dilate(erode(mask, width, height), width, height);
	const found = findParts(opened, width, height);
	const largest = max(0, ...found.map((part) => part.length));
	const clean = new Uint8Array(mask.length);
	for (const part of found) {
		if (part.length < largest * 0.12) continue;
		for (const pixel of part) clean[pixel] = 1;
	}
	return clean;
}

/** Finds the pixels that show nothing but the masked object. On its edge, the colors of both sides mix. */
export function findCore(mask: Mask, width: number, height: number): Mask {
	const core = erode(erode(mask, width, height), width, height);
	// A part that is too thin to have a core keeps its own colors.
	const nearCore = dilate(dilate(dilate(core, width, height), width, height), width, height);
	return mask.map((value, pixel) => (core[pixel] || (value && !nearCore[pixel]) ? 1 : 0));
}
