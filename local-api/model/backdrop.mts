/** Tells an object from a plain backdrop by the colors. */
import { erode, findParts, flood, listNeighbors, type Mask } from './mask.mts';
import type { Picture } from './picture.mts';
import { LINEAR } from './pixels.mts';

const { cbrt, floor, hypot, max, min, round, sqrt } = Math;

/** Converts a picture to CIE L*a*b* (D65), 3 numbers for each pixel. Its distances are roughly those that the eye sees. */
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
 * Solves linear systems that share their matrix (symmetric, positive definite), by Gauss-Jordan elimination.
 *
 * @param rows the matrix, each row followed by its right sides. They are changed.
 * @returns the solutions, a row for each unknown
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
	/** L*a*b* of the backdrop at every pixel, as if there were no object. */
	lab: Float32Array;
	/** How much the border differs from it, as a standard deviation. */
	spread: number;
	/** The share of the border that fits, 0 to 1. */
	fit: number;
}

const CHANNELS = [0, 1, 2];

/** The terms of a quadratic in x and y at a pixel. */
function computeTerms(pixel: number, width: number, height: number): number[] {
	const x = ((pixel % width) / width) * 2 - 1;
	const y = (floor(pixel / width) / height) * 2 - 1;
	return [1, x, y, x * x, x * y, y * y];
}

function listBorder(width: number, height: number): number[] {
	const ring = max(2, round(min(width, height) * 0.02));
	const border: number[] = [];
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++) {
			if (x < ring || y < ring || x >= width - ring || y >= height - ring) border.push(y * width + x);
		}
	}
	return border;
}

/** For each term: its factor in each channel. */
type Factors = number[][];

const evaluate = (factors: Factors, row: number[], channel: number): number =>
	row.reduce((sum, term, i) => sum + term * factors[i]![channel]!, 0);

/** Fits the factors by weighted least squares. What is far from the earlier factors has little weight. */
function fitFactors(lab: Float32Array, border: number[], rows: number[][], distances: number[]): Factors {
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
	return solve(system);
}

/**
 * Fits a smooth backdrop (a quadratic in x and y) to the border of a picture. An object that reaches the border in some places loses
 * its weight from round to round.
 */
function fitBackdrop(lab: Float32Array, width: number, height: number): Backdrop {
	const border = listBorder(width, height);
	const rows = border.map((pixel) => computeTerms(pixel, width, height));
	const center = CHANNELS.map((channel) => findMedian(border.map((pixel) => lab[pixel * 3 + channel]!)));
	let factors: Factors = [center, ...Array.from({ length: 5 }, () => [0, 0, 0])];
	const measure = (): number[] =>
		border.map((pixel, i) =>
			hypot(...CHANNELS.map((channel) => lab[pixel * 3 + channel]! - evaluate(factors, rows[i]!, channel))),
		);
	let distances = measure();
	for (let pass = 0; pass < 6; pass++) {
		factors = fitFactors(lab, border, rows, distances);
		distances = measure();
	}
	const spread = findMedian(distances) * 1.2;
	const fitting = distances.filter((distance) => distance < 3 * spread + 5).length;

	const backdrop = new Float32Array(lab.length);
	for (let pixel = 0; pixel < width * height; pixel++) {
		const row = computeTerms(pixel, width, height);
		for (const channel of CHANNELS) backdrop[pixel * 3 + channel] = evaluate(factors, row, channel);
	}
	return { lab: backdrop, spread, fit: fitting / border.length };
}

/** How much each pixel differs from the backdrop. */
function measureDifferences(lab: Float32Array, backdrop: Float32Array): Float32Array {
	const differences = new Float32Array(lab.length / 3);
	for (let i = 0; i < lab.length; i += 3) {
		const light = lab[i]! - backdrop[i]!;
		const a = lab[i + 1]! - backdrop[i + 1]!;
		const b = lab[i + 2]! - backdrop[i + 2]!;
		differences[i / 3] = sqrt(light * light + a * a + b * b);
	}
	return differences;
}

/** Whether a pixel can be the backdrop in a shadow. A shadow darkens a color and keeps its hue: a* and b* shrink with L*. */
function isShadow(lab: Float32Array, backdrop: Backdrop, pixel: number): boolean {
	const light = lab[pixel * 3]!;
	const plain = max(backdrop.lab[pixel * 3]!, 1);
	const da = lab[pixel * 3 + 1]! - (backdrop.lab[pixel * 3 + 1]! * light) / plain;
	const db = lab[pixel * 3 + 2]! - (backdrop.lab[pixel * 3 + 2]! * light) / plain;
	return hypot(da, db) < 6 + backdrop.spread && light > plain * 0.4 && light < plain + 12;
}

/** Cuts out what is seen of the backdrop through the object, for example through the handle of a mug. */
function cutHoles(
	mask: Mask,
	width: number,
	height: number,
	differences: Float32Array,
	tolerance: number,
): void {
	const area = mask.reduce((sum, value) => sum + value, 0);
	const alike = mask.map((value, pixel) => (value && differences[pixel]! < tolerance * 0.6 ? 1 : 0));
	for (const hole of findParts(erode(alike, width, height), width, height)) {
		// Small holes are highlights, and the whites of eyes.
		if (hole.length < max(24, area * 0.006)) continue;
		const isBackdrop = (to: number): boolean => mask[to] === 1 && differences[to]! < tolerance;
		const seen = new Uint8Array(mask.length);
		for (const pixel of flood(hole, width, height, seen, (_, to) => isBackdrop(to))) mask[pixel] = 0;
	}
}

/**
 * Finds the object in front of a plain backdrop. The backdrop is what can be reached from the border over pixels that look like it, or
 * that fade into its shadow.
 *
 * @returns an empty mask when there is no plain backdrop
 */
export function cutByColor(picture: Picture): Mask {
	const { width, height } = picture;
	const lab = toLab(picture);
	const backdrop = fitBackdrop(lab, width, height);
	if (backdrop.fit < 0.5) return new Uint8Array(width * height);

	const tolerance = min(max(3 * backdrop.spread + 4, 6), 16);
	const smoothStep = min(2.2 + backdrop.spread, 4.5);
	const differences = measureDifferences(lab, backdrop.lab);
	const step = (a: number, b: number): number =>
		hypot(lab[a * 3]! - lab[b * 3]!, lab[a * 3 + 1]! - lab[b * 3 + 1]!, lab[a * 3 + 2]! - lab[b * 3 + 2]!);
	const joins = (from: number, to: number): boolean =>
		differences[to]! < tolerance || (isShadow(lab, backdrop, to) && step(from, to) < smoothStep);

	const seeds: number[] = [];
	for (let pixel = 0; pixel < width * height; pixel++) {
		if (listNeighbors(pixel, width, height).length < 4 && differences[pixel]! < tolerance) seeds.push(pixel);
	}
	const outside = new Uint8Array(width * height);
	flood(seeds, width, height, outside, joins);
	const mask = outside.map((value) => 1 - value);
	cutHoles(mask, width, height, differences, tolerance);
	return mask;
}
