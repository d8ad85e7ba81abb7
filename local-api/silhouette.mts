import type { Picture } from './images.mts';

/** The object that a picture shows: where it is, and its colours. Coordinates are the picture's pixels. */
export interface Silhouette {
	/** Box around the object. */
	bounds: { left: number; top: number; right: number; bottom: number };
	/** Positive inside the object, negative outside, smooth in between; anywhere. */
	insideAt(x: number, y: number): number;
	/** sRGB bytes; outside the object those of its nearest edge. */
	colourAt(x: number, y: number): [number, number, number];
	/** No object was found: this is a card with the whole picture on it. */
	isCard: boolean;
}

/** CIE L*a*b* (D65), 3 numbers per pixel: distances in it are roughly those that the eye sees. */
function toLab({ pixels, width, height }: Picture): Float32Array {
	const linear = Float32Array.from({ length: 256 }, (_, value) => {
		const s = value / 255;
		return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
	});
	const f = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
	const lab = new Float32Array(width * height * 3);
	for (let i = 0; i < width * height; i++) {
		const r = linear[pixels[i * 4]!]!;
		const g = linear[pixels[i * 4 + 1]!]!;
		const b = linear[pixels[i * 4 + 2]!]!;
		const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
		const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
		const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
		lab[i * 3] = 116 * y - 16;
		lab[i * 3 + 1] = 500 * (x - y);
		lab[i * 3 + 2] = 200 * (y - z);
	}
	return lab;
}

/** Solves a small linear system in place by Gaussian elimination with pivoting. */
function solve(matrix: number[][], right: number[]): number[] {
	const n = right.length;
	for (let column = 0; column < n; column++) {
		let pivot = column;
		for (let row = column + 1; row < n; row++) {
			if (Math.abs(matrix[row]![column]!) > Math.abs(matrix[pivot]![column]!)) pivot = row;
		}
		[matrix[column], matrix[pivot]] = [matrix[pivot]!, matrix[column]!];
		[right[column], right[pivot]] = [right[pivot]!, right[column]!];
		for (let row = column + 1; row < n; row++) {
			const factor = matrix[row]![column]! / (matrix[column]![column]! || 1e-12);
			for (let i = column; i < n; i++) matrix[row]![i]! -= factor * matrix[column]![i]!;
			right[row]! -= factor * right[column]!;
		}
	}
	const solution = new Array<number>(n).fill(0);
	for (let row = n - 1; row >= 0; row--) {
		let rest = right[row]!;
		for (let i = row + 1; i < n; i++) rest -= matrix[row]![i]! * solution[i]!;
		solution[row] = rest / (matrix[row]![row]! || 1e-12);
	}
	return solution;
}

function median(values: number[]): number {
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
	const ring = Math.max(2, Math.round(Math.min(width, height) * 0.02));
	const border: number[] = [];
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++) {
			if (x < ring || y < ring || x >= width - ring || y >= height - ring) border.push(y * width + x);
		}
	}
	const terms = (pixel: number): number[] => {
		const x = ((pixel % width) / width) * 2 - 1;
		const y = (Math.floor(pixel / width) / height) * 2 - 1;
		return [1, x, y, x * x, x * y, y * y];
	};
	const rows = border.map(terms);
	const centre = [0, 1, 2].map((channel) => median(border.map((pixel) => lab[pixel * 3 + channel]!)));
	let coefficients = centre.map((value) => [value, 0, 0, 0, 0, 0]);
	const valueOf = (row: number[], channel: number): number =>
		row.reduce((sum, term, i) => sum + term * coefficients[channel]![i]!, 0);
	const residuals = (): number[] =>
		border.map((pixel, i) => Math.hypot(...[0, 1, 2].map((channel) => lab[pixel * 3 + channel]! - valueOf(rows[i]!, channel))));

	let distances = residuals();
	for (let round = 0; round < 6; round++) {
		const scale = Math.max(median(distances) * 1.5, 1);
		const weights = distances.map((distance) => 1 / (1 + (distance / scale) ** 4));
		const matrix = Array.from({ length: 6 }, () => new Array<number>(6).fill(0));
		const rights = [0, 1, 2].map(() => new Array<number>(6).fill(0));
		rows.forEach((row, i) => {
			for (let a = 0; a < 6; a++) {
				for (let b = 0; b < 6; b++) matrix[a]![b]! += weights[i]! * row[a]! * row[b]!;
				for (let channel = 0; channel < 3; channel++) {
					rights[channel]![a]! += weights[i]! * row[a]! * lab[border[i]! * 3 + channel]!;
				}
			}
		});
		for (let a = 0; a < 6; a++) matrix[a]![a]! += 1e-3;
		coefficients = rights.map((right) => solve(matrix.map((row) => [...row]), right));
		distances = residuals();
	}
	const spread = median(distances) * 1.2;
	const fitting = distances.filter((distance) => distance < 3 * spread + 5).length;

	const backdrop = new Float32Array(lab.length);
	for (let pixel = 0; pixel < width * height; pixel++) {
		const row = terms(pixel);
		for (let channel = 0; channel < 3; channel++) backdrop[pixel * 3 + channel] = valueOf(row, channel);
	}
	return { lab: backdrop, spread, fit: fitting / border.length };
}

/** A mask holds 1 for the object's pixels and 0 for the others. */
type Mask = Uint8Array;

function neighbours(pixel: number, width: number, height: number): number[] {
	const x = pixel % width;
	const found: number[] = [];
	if (x > 0) found.push(pixel - 1);
	if (x < width - 1) found.push(pixel + 1);
	if (pixel >= width) found.push(pixel - width);
	if (pixel < width * (height - 1)) found.push(pixel + width);
	return found;
}

/** Everything that is reached from the seeds by steps that `joins` allows. */
function grow(seeds: number[], width: number, height: number, joins: (from: number, to: number) => boolean): Mask {
	const reached = new Uint8Array(width * height);
	const queue = [...seeds];
	for (const seed of seeds) reached[seed] = 1;
	for (let pixel = queue.pop(); pixel !== undefined; pixel = queue.pop()) {
		for (const next of neighbours(pixel, width, height)) {
			if (reached[next] || !joins(pixel, next)) continue;
			reached[next] = 1;
			queue.push(next);
		}
	}
	return reached;
}

/** The connected parts of a mask, as lists of pixels. */
function parts(mask: Mask, width: number, height: number): number[][] {
	const seen = new Uint8Array(mask.length);
	const found: number[][] = [];
	for (let start = 0; start < mask.length; start++) {
		if (!mask[start] || seen[start]) continue;
		const part = [start];
		seen[start] = 1;
		for (let i = 0; i < part.length; i++) {
			for (const next of neighbours(part[i]!, width, height)) {
				if (!mask[next] || seen[next]) continue;
				seen[next] = 1;
				part.push(next);
			}
		}
		found.push(part);
	}
	return found;
}

/** The pixels of a mask that have no neighbour outside it; the picture's border counts as outside. */
function eroded(mask: Mask, width: number, height: number): Mask {
	const core = new Uint8Array(mask.length);
	for (let y = 1; y < height - 1; y++) {
		for (let pixel = y * width + 1; pixel < (y + 1) * width - 1; pixel++) {
			core[pixel] = mask[pixel]! & mask[pixel - 1]! & mask[pixel + 1]! & mask[pixel - width]! & mask[pixel + width]!;
		}
	}
	return core;
}

function dilated(mask: Mask, width: number, height: number): Mask {
	const grown = Uint8Array.from(mask);
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++) {
			const pixel = y * width + x;
			if (!mask[pixel]) continue;
			if (x > 0) grown[pixel - 1] = 1;
			if (x < width - 1) grown[pixel + 1] = 1;
			if (y > 0) grown[pixel - width] = 1;
			if (y < height - 1) grown[pixel + width] = 1;
		}
	}
	return grown;
}

/** Without specks, hairs, and what is small beside the largest part. */
function cleaned(mask: Mask, width: number, height: number): Mask {
	const opened = dilated(eroded(mask, width, height), width, height);
	const found = parts(opened, width, height);
	const largest = Math.max(0, ...found.map((part) => part.length));
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

	const tolerance = Math.min(Math.max(3 * backdrop.spread + 4, 6), 16);
	const smoothStep = Math.min(2.2 + backdrop.spread, 4.5);
	const differences = new Float32Array(width * height);
	for (let i = 0; i < lab.length; i += 3) {
		const [light, a, b] = [lab[i]! - backdrop.lab[i]!, lab[i + 1]! - backdrop.lab[i + 1]!, lab[i + 2]! - backdrop.lab[i + 2]!];
		differences[i / 3] = Math.sqrt(light * light + a * a + b * b);
	}
	const isShadow = (pixel: number): boolean => {
		const light = lab[pixel * 3]!;
		const plain = Math.max(backdrop.lab[pixel * 3]!, 1);
		// A shadow darkens a colour and keeps its hue: a* and b* shrink with L*.
		const da = lab[pixel * 3 + 1]! - (backdrop.lab[pixel * 3 + 1]! * light) / plain;
		const db = lab[pixel * 3 + 2]! - (backdrop.lab[pixel * 3 + 2]! * light) / plain;
		return Math.hypot(da, db) < 6 + backdrop.spread && light > plain * 0.4 && light < plain + 12;
	};
	const step = (a: number, b: number): number =>
		Math.hypot(lab[a * 3]! - lab[b * 3]!, lab[a * 3 + 1]! - lab[b * 3 + 1]!, lab[a * 3 + 2]! - lab[b * 3 + 2]!);

	const seeds: number[] = [];
	for (let pixel = 0; pixel < width * height; pixel++) {
		if (neighbours(pixel, width, height).length < 4 && differences[pixel]! < tolerance) seeds.push(pixel);
	}
	const outside = grow(
		seeds,
		width,
		height,
		(from, to) => differences[to]! < tolerance || (isShadow(to) && step(from, to) < smoothStep),
	);
	const mask = outside.map((value) => 1 - value);

	const area = mask.reduce((sum, value) => sum + value, 0);
	const alike = mask.map((value, pixel) => (value && differences[pixel]! < tolerance * 0.6 ? 1 : 0));
	for (const hole of parts(eroded(alike, width, height), width, height)) {
		// Small ones are highlights and the whites of eyes.
		if (hole.length < Math.max(24, area * 0.006)) continue;
		const whole = grow(hole, width, height, (_from, to) => mask[to] === 1 && differences[to]! < tolerance);
		whole.forEach((value, pixel) => {
			if (value) mask[pixel] = 0;
		});
	}
	return mask;
}

/** Approximates a Gaussian by three box blurs, rows then columns. */
function blurred(source: Float32Array, width: number, height: number, sigma: number): Float32Array {
	const radius = Math.max(1, Math.round(Math.sqrt((12 * sigma * sigma) / 3 + 1) / 2 - 0.5));
	let image = source;
	for (let round = 0; round < 3; round++) {
		for (const [count, length, stride, step] of [
			[height, width, width, 1],
			[width, height, 1, width],
		] as const) {
			const next = new Float32Array(image.length);
			for (let line = 0; line < count; line++) {
				const start = line * stride;
				const value = (i: number): number => image[start + Math.min(Math.max(i, 0), length - 1) * step]!;
				let sum = 0;
				for (let i = -radius; i <= radius; i++) sum += value(i);
				for (let i = 0; i < length; i++) {
					next[start + i * step] = sum / (2 * radius + 1);
					sum += value(i + radius + 1) - value(i - radius);
				}
			}
			image = next;
		}
	}
	return image;
}

/**
 * The object's colours, carried on outwards over its edge, where the backdrop has bled into the pixels.
 * @returns 3 numbers per pixel, sRGB 0 to 255
 */
function carriedColours({ pixels, width, height }: Picture, mask: Mask): Float32Array {
	const core = eroded(eroded(mask, width, height), width, height);
	// What is too thin to have a core keeps its own colours.
	const nearCore = dilated(dilated(dilated(core, width, height), width, height), width, height);
	const known = mask.map((value, pixel) => (core[pixel] || (value && !nearCore[pixel]) ? 1 : 0));
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
			for (const around of neighbours(pixel, width, height)) if (!known[around]) next.add(around);
		}
		for (const pixel of next) {
			const sources = neighbours(pixel, width, height).filter((around) => known[around]);
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

/**
 * How much of each pixel is the object's, 0 to 1. On the edge that is where the pixel's colour lies between the
 * object's and the backdrop's nearby: a mask alone would leave the edge's slopes in steps.
 *
 * @param colours the object's, carried outwards
 */
function matteOf(picture: Picture, mask: Mask, colours: Float32Array): Float32Array {
	const { pixels, width, height } = picture;
	const backdrop = carriedColours(
		picture,
		mask.map((value) => 1 - value),
	);
	const inner = eroded(eroded(mask, width, height), width, height);
	const outer = dilated(dilated(mask, width, height), width, height);
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
		return length < 400 ? value : Math.min(Math.max(along / length, 0), 1);
	});
}

function sampler(values: Float32Array, width: number, height: number, channels: number) {
	return (x: number, y: number, channel: number): number => {
		const cx = Math.min(Math.max(x, 0), width - 1.001);
		const cy = Math.min(Math.max(y, 0), height - 1.001);
		const ix = Math.floor(cx);
		const iy = Math.floor(cy);
		const at = (px: number, py: number): number =>
			values[(Math.min(py, height - 1) * width + Math.min(px, width - 1)) * channels + channel]!;
		const upper = at(ix, iy) + (at(ix + 1, iy) - at(ix, iy)) * (cx - ix);
		const lower = at(ix, iy + 1) + (at(ix + 1, iy + 1) - at(ix, iy + 1)) * (cx - ix);
		return upper + (lower - upper) * (cy - iy);
	};
}

function boundsOf(mask: Mask, width: number): Silhouette['bounds'] {
	const bounds = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
	mask.forEach((value, pixel) => {
		if (!value) return;
		const x = pixel % width;
		const y = Math.floor(pixel / width);
		bounds.left = Math.min(bounds.left, x);
		bounds.right = Math.max(bounds.right, x);
		bounds.top = Math.min(bounds.top, y);
		bounds.bottom = Math.max(bounds.bottom, y);
	});
	return bounds;
}

/** A rounded card with the whole picture on it; of a very narrow picture, a wider card, so that there is something. */
export function cardOf(picture: Picture): Silhouette {
	const { width, height, pixels } = picture;
	const colour = sampler(Float32Array.from(pixels), width, height, 4);
	const [centreX, centreY] = [(width - 1) / 2, (height - 1) / 2];
	const [halfWidth, halfHeight] = [Math.max(centreX, height / 16), Math.max(centreY, width / 16)];
	const radius = Math.min(halfWidth, halfHeight) * 0.16;
	return {
		bounds: { left: centreX - halfWidth, top: centreY - halfHeight, right: centreX + halfWidth, bottom: centreY + halfHeight },
		insideAt(x, y) {
			const dx = Math.abs(x - centreX) - halfWidth + radius;
			const dy = Math.abs(y - centreY) - halfHeight + radius;
			const outside = Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius;
			return -outside / radius;
		},
		colourAt: (x, y) => [colour(x, y, 0), colour(x, y, 1), colour(x, y, 2)],
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
	const mask = cleaned(raw, width, height);
	const area = mask.reduce((sum, value) => sum + value, 0) / mask.length;
	if (area < 0.008 || area > 0.97) return cardOf(picture);

	const colours = carriedColours(picture, mask);
	const matte = isCutOut
		? Float32Array.from(dilated(mask, width, height), (value, pixel) => (value * pixels[pixel * 4 + 3]!) / 255)
		: matteOf(picture, mask, colours);
	const soft = sampler(blurred(matte, width, height, smoothness), width, height, 1);
	const colour = sampler(colours, width, height, 3);
	return {
		bounds: boundsOf(mask, width),
		insideAt(x, y) {
			const isBeyond = x < 0 || y < 0 || x > width - 1 || y > height - 1;
			// A little within the half: the pixels on the edge are half backdrop.
			return isBeyond ? -1 : soft(x, y, 0) * 2 - 1.04;
		},
		colourAt: (x, y) => [colour(x, y, 0), colour(x, y, 1), colour(x, y, 2)],
		isCard: false,
	};
}
