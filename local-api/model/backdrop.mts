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
	const sorted = Float64Array.from(values).sort();
	return sorted[sorted.length >> 1] ?? 0;
}

interface Backdrop {
	/** L*a*b* of the backdrop at every pixel, as if there were no object. */
	lab: Float32Array;
	/** How much the border differs from it, as a standard deviation. */
	spread: number;
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

function evaluate(factors: Factors, row: readonly number[], channel: number): number {
	let sum = 0;
	for (let i = 0; i < row.length; i++) sum += row[i]! * factors[i]![channel]!;
	return sum;
}

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
		for (let a = 0; a < row.length; a++) {
			const equation = system[a]!;
			const factor = weight * row[a]!;
			for (let b = 0; b < values.length; b++) equation[b]! += factor * values[b]!;
		}
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
		border.map((pixel, i) => {
			const row = rows[i]!;
			return hypot(
				lab[pixel * 3]! - evaluate(factors, row, 0),
				lab[pixel * 3 + 1]! - evaluate(factors, row, 1),
				lab[pixel * 3 + 2]! - evaluate(factors, row, 2),
			);
		});
	let distances = measure();
	for (let pass = 0; pass < 6; pass++) {
		factors = fitFactors(lab, border, rows, distances);
		distances = measure();
	}
	const spread = findMedian(distances) * 1.2;

	const backdrop = new Float32Array(lab.length);
	for (let pixel = 0; pixel < width * height; pixel++) {
		const row = computeTerms(pixel, width, height);
		for (let channel = 0; channel < 3; channel++)
			backdrop[pixel * 3 + channel] = evaluate(factors, row, channel);
	}
	return { lab: backdrop, spread };
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

/** A picture beside its backdrop. */
interface Scene {
	width: number;
	height: number;
	lab: Float32Array;
	backdrop: Backdrop;
	/** How much each pixel differs from the backdrop. */
	differences: Float32Array;
	/** A pixel that differs by less has the color of the backdrop. */
	tolerance: number;
	/** Neighbors that differ by less are on the same surface. */
	smoothStep: number;
}

/**
 * Whether a pixel can be the backdrop in a shadow. A shadow darkens a color and keeps its hue: a* and b* shrink with L*.
 *
 * @param darkest the least L*, as a share of that of the backdrop
 */
function isShadow({ lab, backdrop }: Scene, pixel: number, darkest = 0.4): boolean {
	const light = lab[pixel * 3]!;
	const plain = max(backdrop.lab[pixel * 3]!, 1);
	const da = lab[pixel * 3 + 1]! - (backdrop.lab[pixel * 3 + 1]! * light) / plain;
	const db = lab[pixel * 3 + 2]! - (backdrop.lab[pixel * 3 + 2]! * light) / plain;
	return hypot(da, db) < 6 + backdrop.spread && light > plain * darkest && light < plain + 12;
}

/** @returns how much the colors of two pixels differ */
const measureStep = ({ lab }: Scene, a: number, b: number): number =>
	hypot(lab[a * 3]! - lab[b * 3]!, lab[a * 3 + 1]! - lab[b * 3 + 1]!, lab[a * 3 + 2]! - lab[b * 3 + 2]!);

/** Whether the backdrop continues from one pixel to its neighbor: in its own color, or fading into a shadow. */
const joins = (scene: Scene, from: number, to: number, darkest?: number): boolean =>
	scene.differences[to]! < scene.tolerance ||
	(isShadow(scene, to, darkest) && measureStep(scene, from, to) < scene.smoothStep);

/** The darkest shadow in a hole, as a share of the L* of the backdrop. */
const HOLE_DARK = 0.7;
/** The least area of a hole, as a share of that of the object. Smaller ones are highlights, and the whites of eyes. */
const [HOLE_AREA, HOLE_PIXELS] = [0.006, 24];
/** The least share of the edge of a hole that is sharp. A highlight fades. What JPEG leaves at edges blurs the rest. */
const HOLE_SHARPNESS = 0.35;

/** How far an edge is looked across, px, and how much the colors of a sharp one differ there, in smooth steps. */
const [EDGE_PIXELS, EDGE_STEPS] = [3, 5];

/** @returns the share of the edge of some pixels that is sharp, 0 to 1 */
function measureSharpness(scene: Scene, pixels: readonly number[], isInside: Mask): number {
	let [edges, sharp] = [0, 0];
	for (const pixel of pixels) {
		for (const next of listNeighbors(pixel, scene.width, scene.height)) {
			if (isInside[next]) continue;
			edges += 1;
			const beyond = min(max(pixel + (next - pixel) * EDGE_PIXELS, 0), isInside.length - 1);
			if (measureStep(scene, pixel, beyond) >= EDGE_STEPS * scene.smoothStep) sharp += 1;
		}
	}
	return sharp / max(edges, 1);
}

/** Cuts out what is seen of the backdrop through the object, for example through the handle of a mug. A part of it may be in a shadow. */
function cutHoles(scene: Scene, mask: Mask): void {
	const { width, height, differences, tolerance } = scene;
	const least = max(HOLE_PIXELS, HOLE_AREA * mask.reduce((sum, value) => sum + value, 0));
	const alike = mask.map((value, pixel) => (value && differences[pixel]! < tolerance ? 1 : 0));
	const seen = new Uint8Array(mask.length);
	for (const seeds of findParts(erode(alike, width, height), width, height)) {
		if (seen[seeds[0]!]) continue;
		const hole = flood(
			seeds,
			width,
			height,
			seen,
			(from, to) => mask[to] === 1 && joins(scene, from, to, HOLE_DARK),
		);
		if (hole.length < least || measureSharpness(scene, hole, seen) < HOLE_SHARPNESS) continue;
		for (const pixel of hole) mask[pixel] = 0;
	}
}

/** What keeps an object from being told from its backdrop: a backdrop that is not plain, or other things at the border of the picture. */
export type Disturbance = 'busy' | 'mixed';

/** The least share of the border that has the color of the backdrop. */
const PLAIN_BORDER = 0.75;
/** With a larger spread, the backdrop itself is not plain. */
const PLAIN_SPREAD = 5;

function findDisturbance({
	differences,
	tolerance,
	backdrop,
	width,
	height,
}: Scene): Disturbance | undefined {
	const border = listBorder(width, height);
	const plain = border.filter((pixel) => differences[pixel]! < tolerance).length / border.length;
	if (plain >= PLAIN_BORDER) return undefined;
	return backdrop.spread > PLAIN_SPREAD || plain < 0.5 ? 'busy' : 'mixed';
}

/** What was found in front of a backdrop. */
export interface ColorCut {
	/** Empty if the backdrop is busy. */
	mask: Mask;
	disturbance: Disturbance | undefined;
}

/**
 * Finds the object in front of a plain backdrop. The backdrop is what can be reached from the border over pixels that look like it, or
 * that fade into its shadow.
 */
export function cutByColor(picture: Picture): ColorCut {
	const { width, height } = picture;
	const lab = toLab(picture);
	const backdrop = fitBackdrop(lab, width, height);
	const scene: Scene = {
		width,
		height,
		lab,
		backdrop,
		differences: measureDifferences(lab, backdrop.lab),
		tolerance: min(max(3 * backdrop.spread + 4, 6), 16),
		smoothStep: min(2.2 + backdrop.spread, 4.5),
	};
	const disturbance = findDisturbance(scene);
	if (disturbance === 'busy') return { mask: new Uint8Array(width * height), disturbance };

	const seeds: number[] = [];
	for (let pixel = 0; pixel < width * height; pixel++) {
		const [x, y] = [pixel % width, floor(pixel / width)];
		const isRim = x === 0 || y === 0 || x === width - 1 || y === height - 1;
		if (isRim && scene.differences[pixel]! < scene.tolerance) seeds.push(pixel);
	}
	const outside = new Uint8Array(width * height);
	flood(seeds, width, height, outside, (from, to) => joins(scene, from, to));
	const mask = outside.map((value) => 1 - value);
	cutHoles(scene, mask);
	return { mask, disturbance };
}
