import type { Picture } from './picture.mts';
import { blur, LINEAR, createSampler } from './pixels.mts';

const { abs, cbrt, floor, hypot, max, min, round, sqrt } = Math;

/** The object that a picture shows: where it is, and its colours. Coordinates are the picture's pixels. */
export interface Silhouette {
	/** Box around the object. */
	bounds: { left: number; top: number; right: number; bottom: number };
	/** Positive inside the object, negative outside, smooth in between; anywhere. */
	insideAt(x: number, y: number): number;
	/** sRGB bytes; outside the object those of its nearest edge. */
	colourAt(x: number, y: number): [number, number, number];
	/** Whether the picture itself has the object's colour there, 0 to 1; else it is carried there from nearby. */
	ownAt(x: number, y: number): number;
	/** No object was found: this is a card with the whole picture on it. */
	isCard: boolean;
}

/** CIE L*a*b* (D65), 3 numbers per pixel: distances in it are roughly those that the eye sees. */
function toLab({ pixels, width, height }: Picture): Float32Array {
	const f = (t: number): number => (t > 0.008856 ? cbrt(t) : 7.787 * t + 16 / 116);
	const lab = new Float32Array(width * height * 3);
	for (let i = 0; i < width * height; i++) {
		const r = LINEAR[pixels[i * 4]!]!;
		const g = LINEAR[pixels[i * 4 + 1]!]!;
		const b = LINEAR[pixels[i * 4 + 2]!]!;
		const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
		const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
		const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
		lab[i * 3] = 116 * y - 16;
		lab[i * 3 + 1] = 500 * (x - y);
		lab[i * 3 + 2] = 200 * (y - z);
	}
	return lab;
}

/**
 * Solves linear systems that share their matrix (symmetric, positive definite), by Gauss and Jordan's elimination.
 * @param rows the matrix, each row followed by its right sides; used up
 * @returns the solutions, a row per unknown
 */
function solve(rows: number[][]): number[][] {
	rows.forEach((row, i) => {
		for (const other of rows) {
			if (other === row) continue;
			const factor = other[i]! / row[i]!;
			for (let k = i; k < row.length; k++) other[k]! -= factor * row[k]!;
		}
	});
	return rows.map((row, i) => row.slice(rows.length).map((value) => value / row[i]!));
}

function findMedian(values: number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[sorted.length >> 1] ?? 0;
}

interface Backdrop {
	/** L*a*b* of the backdrop, were there no object, at every pixel. */
	lab: Float32Array;
	/** How much the border differs from it, as a standard deviation. */
	spread: number;
	/** Part of the border, 0 to 1, that fits. */
	fit: number;
}

/**
 * Fits a smooth backdrop (a quadratic in x and y) to the picture's border. Robust: an object that reaches the border
 * in places loses its weight in the rounds.
 */
function fitBackdrop(lab: Float32Array, width: number, height: number): Backdrop {
	const ring = max(2, round(min(width, height) * 0.02));
	const border: number[] = [];
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++) {
			if (x < ring || y < ring || x >= width - ring || y >= height - ring) border.push(y * width + x);
		}
	}
	const terms = (pixel: number): number[] => {
		const x = ((pixel % width) / width) * 2 - 1;
		const y = (floor(pixel / width) / height) * 2 - 1;
		return [1, x, y, x * x, x * y, y * y];
	};
	const rows = border.map(terms);
	const centre = [0, 1, 2].map((channel) => findMedian(border.map((pixel) => lab[pixel * 3 + channel]!)));
	/** Per term: its factor in each channel. */
	let factors = [centre, ...Array.from({ length: 5 }, () => [0, 0, 0])];
	const valueOf = (row: number[], channel: number): number =>
		row.reduce((sum, term, i) => sum + term * factors[i]![channel]!, 0);
	const residuals = (): number[] =>
		border.map((pixel, i) =>
			hypot(...[0, 1, 2].map((channel) => lab[pixel * 3 + channel]! - valueOf(rows[i]!, channel))),
		);

	let distances = residuals();
	// Least squares over and over, with less and less weight on what does not fit: an object that touches the border.
	for (let pass = 0; pass < 6; pass++) {
		const scale = max(findMedian(distances) * 1.5, 1);
		const system = Array.from({ length: 6 }, (_, a) =>
			Array.from({ length: 9 }, (__, b) => (a === b ? 1e-3 : 0)),
		);
		rows.forEach((row, i) => {
			const weight = 1 / (1 + (distances[i]! / scale) ** 4);
			const pixel = border[i]! * 3;
			const values = [...row, lab[pixel]!, lab[pixel + 1]!, lab[pixel + 2]!];
			row.forEach((term, a) => values.forEach((value, b) => (system[a]![b]! += weight * term * value)));
		});
		factors = solve(system);
		distances = residuals();
	}
	const spread = findMedian(distances) * 1.2;
	const fitting = distances.filter((distance) => distance < 3 * spread + 5).length;

	const backdrop = new Float32Array(lab.length);
	for (let pixel = 0; pixel < width * height; pixel++) {
		const row = terms(pixel);
		for (let channel = 0; channel < 3; channel++) backdrop[pixel * 3 + channel] = valueOf(row, channel);
	}
	return { lab: backdrop, spread, fit: fitting / border.length };
}

/** Standard deviation, px, of the blur that evens carried colours. */
const EVENING = 2.5;

/** A mask holds 1 for the object's pixels and 0 for the others. */
type Mask = Uint8Array;

function listNeighbors(pixel: number, width: number, height: number): number[] {
	const x = pixel % width;
	const found: number[] = [];
	if (x > 0) found.push(pixel - 1);
	if (x < width - 1) found.push(pixel + 1);
	if (pixel >= width) found.push(pixel - width);
	if (pixel < width * (height - 1)) found.push(pixel + width);
	return found;
}

/**
 * Everything that is reached from the seeds by steps to neighbours that `joins` allows.
 * @param reached is marked, and not entered again
 */
function flood(
	seeds: number[],
	width: number,
	height: number,
	reached: Mask,
	joins: (from: number, to: number) => boolean,
): number[] {
	const found = [...seeds];
	for (const seed of seeds) reached[seed] = 1;
	for (const pixel of found) {
		for (const next of listNeighbors(pixel, width, height)) {
			if (reached[next] || !joins(pixel, next)) continue;
			reached[next] = 1;
			found.push(next);
		}
	}
	return found;
}

/** The connected parts of a mask, as lists of pixels. */
function findParts(mask: Mask, width: number, height: number): number[][] {
	const seen = new Uint8Array(mask.length);
	const found: number[][] = [];
	mask.forEach((value, start) => {
		if (value && !seen[start]) found.push(flood([start], width, height, seen, (_, to) => mask[to] === 1));
	});
	return found;
}

/** The pixels of a mask that have no neighbour outside it; the picture's border counts as outside. */
function erode(mask: Mask, width: number, height: number): Mask {
	return mask.map((value, pixel) => {
		if (!value) return 0;
		const around = listNeighbors(pixel, width, height);
		return around.length === 4 && around.every((other) => mask[other]) ? 1 : 0;
	});
}

function dilate(mask: Mask, width: number, height: number): Mask {
	return mask.map((value, pixel) =>
		value || listNeighbors(pixel, width, height).some((other) => mask[other]) ? 1 : 0,
	);
}

/** Without specks, hairs, and what is small beside the largest part. */
function clean(mask: Mask, width: number, height: number): Mask {
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

/**
 * Tells the object from a plain backdrop. The backdrop is what can be reached from the border over pixels that look
 * like it, or that fade into its shadow; a backdrop seen through the object (a mug's handle) is cut out as well.
 */
function cutByColour(picture: Picture): Mask {
	const { width, height } = picture;
	const lab = toLab(picture);
	const backdrop = fitBackdrop(lab, width, height);
	if (backdrop.fit < 0.5) return new Uint8Array(width * height);

	const tolerance = min(max(3 * backdrop.spread + 4, 6), 16);
	const smoothStep = min(2.2 + backdrop.spread, 4.5);
	const differences = new Float32Array(width * height);
	for (let i = 0; i < lab.length; i += 3) {
		const [light, a, b] = [
			lab[i]! - backdrop.lab[i]!,
			lab[i + 1]! - backdrop.lab[i + 1]!,
			lab[i + 2]! - backdrop.lab[i + 2]!,
		];
		differences[i / 3] = sqrt(light * light + a * a + b * b);
	}
	const isShadow = (pixel: number): boolean => {
		const light = lab[pixel * 3]!;
		const plain = max(backdrop.lab[pixel * 3]!, 1);
		// A shadow darkens a colour and keeps its hue: a* and b* shrink with L*.
		const da = lab[pixel * 3 + 1]! - (backdrop.lab[pixel * 3 + 1]! * light) / plain;
		const db = lab[pixel * 3 + 2]! - (backdrop.lab[pixel * 3 + 2]! * light) / plain;
		return hypot(da, db) < 6 + backdrop.spread && light > plain * 0.4 && light < plain + 12;
	};
	const step = (a: number, b: number): number =>
		hypot(lab[a * 3]! - lab[b * 3]!, lab[a * 3 + 1]! - lab[b * 3 + 1]!, lab[a * 3 + 2]! - lab[b * 3 + 2]!);

	const seeds: number[] = [];
	for (let pixel = 0; pixel < width * height; pixel++) {
		if (listNeighbors(pixel, width, height).length < 4 && differences[pixel]! < tolerance) seeds.push(pixel);
	}
	const outside = new Uint8Array(width * height);
	flood(
		seeds,
		width,
		height,
		outside,
		(from, to) => differences[to]! < tolerance || (isShadow(to) && step(from, to) < smoothStep),
	);
	const mask = outside.map((value) => 1 - value);

	const area = mask.reduce((sum, value) => sum + value, 0);
	const alike = mask.map((value, pixel) => (value && differences[pixel]! < tolerance * 0.6 ? 1 : 0));
	for (const hole of findParts(erode(alike, width, height), width, height)) {
		// Small ones are highlights and the whites of eyes.
		if (hole.length < max(24, area * 0.006)) continue;
		const isBackdrop = (to: number): boolean => mask[to] === 1 && differences[to]! < tolerance;
		const seen = new Uint8Array(mask.length);
		for (const pixel of flood(hole, width, height, seen, (_, to) => isBackdrop(to))) mask[pixel] = 0;
	}
	return mask;
}

/** The pixels of a mask that show nothing but what it masks: not those on its edge, where both sides have bled. */
function findCore(mask: Mask, width: number, height: number): Mask {
	const core = erode(erode(mask, width, height), width, height);
	// What is too thin to have a core keeps its own colours.
	const nearCore = dilate(dilate(dilate(core, width, height), width, height), width, height);
	return mask.map((value, pixel) => (core[pixel] || (value && !nearCore[pixel]) ? 1 : 0));
}

/**
 * The colours of a core, carried on outwards.
 * @returns 3 numbers per pixel, sRGB 0 to 255
 */
function carryColours({ pixels, width, height }: Picture, core: Mask): Float32Array {
	const known = Uint8Array.from(core);
	const colours = new Float32Array(width * height * 3);
	let front: number[] = [];
	known.forEach((value, pixel) => {
		if (!value) return;
		for (let channel = 0; channel < 3; channel++) colours[pixel * 3 + channel] = pixels[pixel * 4 + channel]!;
		front.push(pixel);
	});
	while (front.length > 0) {
		const next = new Set<number>();
		for (const pixel of front) {
			for (const around of listNeighbors(pixel, width, height)) if (!known[around]) next.add(around);
		}
		for (const pixel of next) {
			const sources = listNeighbors(pixel, width, height).filter((around) => known[around]);
			for (let channel = 0; channel < 3; channel++) {
				const sum = sources.reduce((total, source) => total + colours[source * 3 + channel]!, 0);
				colours[pixel * 3 + channel] = sum / sources.length;
			}
		}
		for (const pixel of next) known[pixel] = 1;
		front = [...next];
	}
	return colours;
}

/** Carried colours without their streaks: each is a long way from few pixels, and covers much of a mesh's sides. */
function evenOut(colours: Float32Array, core: Mask, width: number, height: number): Float32Array {
	const soft = [0, 1, 2].map((channel) =>
		blur(
			Float32Array.from(core, (_, pixel) => colours[pixel * 3 + channel]!),
			width,
			height,
			EVENING,
		),
	);
	return colours.map((value, i) => (core[floor(i / 3)] ? value : soft[i % 3]![floor(i / 3)]!));
}

/**
 * How much of each pixel is the object's, 0 to 1. On the edge that is where the pixel's colour lies between the
 * object's and the backdrop's nearby: a mask alone would leave the edge's slopes in steps.
 *
 * @param colours the object's, carried outwards
 */
function computeMatte(picture: Picture, mask: Mask, colours: Float32Array): Float32Array {
	const { pixels, width, height } = picture;
	const beyond = mask.map((value) => 1 - value);
	const backdrop = carryColours(picture, findCore(beyond, width, height));
	const inner = erode(erode(mask, width, height), width, height);
	const outer = dilate(dilate(mask, width, height), width, height);
	return Float32Array.from(mask, (value, pixel) => {
		if (inner[pixel] || !outer[pixel]) return value;
		let [along, length] = [0, 0];
		for (let channel = 0; channel < 3; channel++) {
			const behind = backdrop[pixel * 3 + channel]!;
			const span = colours[pixel * 3 + channel]! - behind;
			along += (pixels[pixel * 4 + channel]! - behind) * span;
			length += span * span;
		}
		// Colours that hardly differ say nothing.
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

/** A rounded card with the whole picture on it; of a very narrow picture, a wider card, so that there is something. */
export function makeCard(picture: Picture): Silhouette {
	const { width, height, pixels } = picture;
	const colour = createSampler(pixels, width, height, 4);
	const [centreX, centreY] = [(width - 1) / 2, (height - 1) / 2];
	const [halfWidth, halfHeight] = [max(centreX, height / 16), max(centreY, width / 16)];
	const radius = min(halfWidth, halfHeight) * 0.16;
	return {
		bounds: {
			left: centreX - halfWidth,
			top: centreY - halfHeight,
			right: centreX + halfWidth,
			bottom: centreY + halfHeight,
		},
		insideAt(x, y) {
			const dx = abs(x - centreX) - halfWidth + radius;
			const dy = abs(y - centreY) - halfHeight + radius;
			const outside = hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - radius;
			return -outside / radius;
		},
		colourAt: (x, y) => [colour(x, y, 0), colour(x, y, 1), colour(x, y, 2)],
		ownAt: () => 1,
		isCard: true,
	};
}

/**
 * Finds the object in a picture: by its transparency when it has any, else against its plain backdrop. When nothing
 * is left over, or nearly everything is, the object is a rounded card with the picture on it.
 *
 * @param smoothness width of the edge's smoothing, as a standard deviation in px; 1 or more
 */
export function cutOut(picture: Picture, smoothness: number): Silhouette {
	const { width, height, pixels } = picture;
	let transparent = 0;
	for (let i = 3; i < pixels.length; i += 4) if (pixels[i]! < 128) transparent += 1;
	const isCutOut = transparent > width * height * 0.01;
	const raw = isCutOut
		? Uint8Array.from({ length: width * height }, (_, pixel) => (pixels[pixel * 4 + 3]! < 128 ? 0 : 1))
		: cutByColour(picture);
	const mask = clean(raw, width, height);
	const area = mask.reduce((sum, value) => sum + value, 0) / mask.length;
	if (area < 0.008 || area > 0.97) return makeCard(picture);

	const core = findCore(mask, width, height);
	const colours = evenOut(carryColours(picture, core), core, width, height);
	const matte = isCutOut
		? Float32Array.from(dilate(mask, width, height), (value, pixel) => (value * pixels[pixel * 4 + 3]!) / 255)
		: computeMatte(picture, mask, colours);
	const soft = createSampler(blur(matte, width, height, smoothness), width, height, 1);
	const colour = createSampler(colours, width, height, 3);
	const own = createSampler(core, width, height, 1);
	return {
		bounds: findBounds(mask, width),
		insideAt(x, y) {
			const isBeyond = x < 0 || y < 0 || x > width - 1 || y > height - 1;
			// A little within the half: the pixels on the edge are half backdrop.
			return isBeyond ? -1 : soft(x, y, 0) * 2 - 1.04;
		},
		colourAt: (x, y) => [colour(x, y, 0), colour(x, y, 1), colour(x, y, 2)],
		ownAt: (x, y) => own(x, y, 0),
		isCard: false,
	};
}
