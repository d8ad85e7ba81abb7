import type { Mesh } from './mesh.mts';
import type { Silhouette } from './silhouette.mts';

const { abs, ceil, floor, hypot, max, min, sign, sqrt } = Math;

/** The higher, the sharper the shoulder of a plateau. */
const SHOULDER = 4;

/** Values at the nodes of a grid, row by row. */
interface Grid {
	values: Float32Array;
	width: number;
	height: number;
}

const SWEEPS = 60;
const RELAXATION = 1.9;
/** A grid this long is solved from nothing. */
const COARSEST = 24;

/**
 * Solves lap(u) = -1 inside the silhouette with u = 0 on its edge, by successive over-relaxation that begins with the
 * solution of the grid of every other node: a thousandth of the peak is the largest error. The edge runs between the
 * nodes, where the field changes its sign; unequal arm lengths there (Shortley and Weller's scheme) keep the solution
 * from showing the grid's steps.
 *
 * @param field positive inside, never inside on the outermost nodes
 * @returns u at the nodes, in squared node distances; 0 outside
 */
function solvePoisson(field: Grid): Float32Array {
	const { values, width, height } = field;
	const u = max(width, height) > COARSEST ? solveCoarsely(field) : new Float32Array(values.length);
	const nodes = Uint32Array.from(values.keys()).filter((node) => values[node]! > 0);
	/** Per node: the factors of its four neighbours, and what is added to their sum. */
	const factors = new Float32Array(nodes.length * 5);
	nodes.forEach((node, index) => {
		const [left, right] = [findCrossing(values, node, node - 1), findCrossing(values, node, node + 1)];
		const [up, down] = [findCrossing(values, node, node - width), findCrossing(values, node, node + width)];
		const weight = 1 / (left * right) + 1 / (up * down);
		const [row, column] = [(left + right) * weight, (up + down) * weight];
		factors.set(
			[1 / (left * row), 1 / (right * row), 1 / (up * column), 1 / (down * column), 0.5 / weight],
			index * 5,
		);
	});
	for (let sweep = 0; sweep < SWEEPS; sweep++) {
		for (let index = 0, at = 0; index < nodes.length; index++, at += 5) {
			const node = nodes[index]!;
			// u is 0 outside, so an arm that is cut by the edge adds nothing here.
			const settled =
				factors[at]! * u[node - 1]! +
				factors[at + 1]! * u[node + 1]! +
				factors[at + 2]! * u[node - width]! +
				factors[at + 3]! * u[node + width]! +
				factors[at + 4]!;
			u[node]! += RELAXATION * (settled - u[node]!);
		}
	}
	return u;
}

/** What `poisson` finds on every other node, brought to all of them. */
function solveCoarsely({ values, width, height }: Grid): Float32Array {
	const [columns, rows] = [ceil((width - 1) / 2) + 1, ceil((height - 1) / 2) + 1];
	const coarse = new Float32Array(columns * rows).fill(-1);
	for (let y = 0; y < height; y += 2)
		for (let x = 0; x < width; x += 2) coarse[(y / 2) * columns + x / 2] = values[y * width + x]!;
	const known = solvePoisson({ values: coarse, width: columns, height: rows });
	return values.map((value, node) => {
		if (value <= 0) return 0;
		const x = node % width;
		const y = (node - x) / width;
		const at = floor(y / 2) * columns + floor(x / 2);
		const [right, down] = [x % 2, (y % 2) * columns];
		// The mean, times 4 for the shorter node distance.
		return known[at]! + known[at + right]! + known[at + down]! + known[at + right + down]!;
	});
}

/** How far from node `inside` the edge lies towards node `other`, in node distances; 1 when `other` is inside too. */
function findCrossing(field: Float32Array, inside: number, other: number): number {
	const f = field[inside]!;
	const g = field[other]!;
	// Not nearer than this: a face would have no area. Much farther, and the edge would show steps.
	return g > 0 ? 1 : min(max(f / (f - g), 0.02), 0.98);
}

/** How high an inflated silhouette rises above its middle plane, in units of the bounds' longest half. */
export interface Relief {
	/** Of a balloon, at its highest place. */
	height: number;
	/** Where the balloon is held down: a plateau with a rounded shoulder. */
	limit: number;
}

/**
 * Inflates a silhouette to a closed mesh: a front and a back that meet in the silhouette's edge, round like a balloon.
 * The colours are the picture's, on both sides. Without a node inside the silhouette the mesh is empty.
 *
 * @param resolution nodes along the longest side of the silhouette's bounds, 16 or more
 * @returns with the bounds' middle at 0; their longest side, in the plane of the picture, is 2
 */
export function inflate(silhouette: Silhouette, resolution: number, { height: peak, limit }: Relief): Mesh {
	const { left, top, right, bottom } = silhouette.bounds;
	const step = max(right - left, bottom - top) / resolution;
	const width = ceil((right - left) / step) + 5;
	const height = ceil((bottom - top) / step) + 5;
	// Centred, so that a symmetric object stays symmetric.
	const originX = (left + right) / 2 - ((width - 1) / 2) * step;
	const originY = (top + bottom) / 2 - ((height - 1) / 2) * step;
	const field = new Float32Array(width * height);
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++) {
			const isRim = x === 0 || y === 0 || x === width - 1 || y === height - 1;
			field[y * width + x] = isRim ? -1 : silhouette.insideAt(originX + x * step, originY + y * step);
		}
	}
	const u = solvePoisson({ values: field, width, height });
	const highest = u.reduce((most, value) => max(most, value), 1e-6);

	const unit = 2 / resolution;
	/** The square root of u times this is the balloon's height, in node distances. */
	const lift = peak / unit / sqrt(highest);
	const positions: number[] = [];
	const normals: number[] = [];
	const colors: number[] = [];
	const addVertex = (x: number, y: number, z: number, normal: readonly [number, number, number]): number => {
		positions.push((x - (width - 1) / 2) * unit, ((height - 1) / 2 - y) * unit, z);
		const length = hypot(...normal) || 1;
		normals.push(normal[0] / length, normal[1] / length, normal[2] / length);
		colors.push(...silhouette.colourAt(originX + x * step, originY + y * step));
		return positions.length / 3 - 1;
	};
	/** Slope of u at an inside node, along the mesh's x and y; the arms are unequal at the edge. */
	const slope = (node: number): readonly [number, number] => {
		const along = (offset: number): number => {
			const before = findCrossing(field, node, node - offset);
			const after = findCrossing(field, node, node + offset);
			const centre = u[node]!;
			const rise =
				((u[node + offset]! - centre) * before) / after + ((centre - u[node - offset]!) * after) / before;
			return rise / (before + after);
		};
		return [along(1), -along(width)];
	};
	const front = new Int32Array(field.length);
	const back = new Int32Array(field.length);
	for (let node = 0; node < field.length; node++) {
		if (field[node]! <= 0) continue;
		const full = lift * sqrt(max(u[node]!, 1e-6));
		const excess = 1 + ((full * unit) / limit) ** SHOULDER;
		const z = full * unit * excess ** (-1 / SHOULDER);
		const x = node % width;
		const y = (node - x) / width;
		// The height's derivative, times `full` so that it stays finite at the edge. Normals from the faces would show
		// the grid there, where the surface turns by 90 degrees within one cell.
		const steepness = (-lift * lift * excess ** (-1 / SHOULDER - 1)) / 2;
		const [dx, dy] = slope(node);
		front[node] = addVertex(x, y, z, [dx * steepness, dy * steepness, full]);
		back[node] = addVertex(x, y, -z, [dx * steepness, dy * steepness, -full]);
	}
	const rim = new Map<number, number>();
	const rimVertex = (inside: number, outside: number): number => {
		const edge = inside * 4 + [1, -1, width, -width].indexOf(outside - inside);
		let vertex = rim.get(edge);
		if (vertex === undefined) {
			const part = findCrossing(field, inside, outside);
			const x = inside % width;
			const y = (inside - x) / width;
			const offset = outside - inside;
			const isRow = abs(offset) === 1;
			const [dx, dy] = slope(inside);
			vertex = addVertex(x + (isRow ? offset * part : 0), y + (isRow ? 0 : sign(offset) * part), 0, [
				-dx,
				-dy,
				0,
			]);
			rim.set(edge, vertex);
		}
		return vertex;
	};

	const faces: number[] = [];
	for (let y = 0; y < height - 1; y++) {
		for (let x = 0; x < width - 1; x++) {
			const node = y * width + x;
			// Counter-clockwise as seen from the front.
			const corners = [node, node + width, node + width + 1, node + 1];
			for (const polygon of cutCell(corners, field)) {
				const side = (vertices: Int32Array) =>
					polygon.map(([inside, outside]) =>
						outside === undefined ? vertices[inside]! : rimVertex(inside, outside),
					);
				const [frontSide, backSide] = [side(front), side(back)];
				for (let i = 1; i < polygon.length - 1; i++) {
					faces.push(frontSide[0]!, frontSide[i]!, frontSide[i + 1]!);
					faces.push(backSide[0]!, backSide[i + 1]!, backSide[i]!);
				}
			}
		}
	}
	return {
		positions: Float32Array.from(positions),
		normals: Float32Array.from(normals),
		colors: Uint8Array.from(colors),
		faces: Uint32Array.from(faces),
	};
}

/** A polygon's corner: an inside node, or the crossing between an inside and an outside node. */
type Corner = [inside: number, outside?: number];

/**
 * The part of a grid cell that is inside (marching squares). Each polygon begins with an inside node such that the
 * triangle fan from it has no inner edge between two crossings: front and back would share that edge.
 */
function cutCell(corners: number[], field: Float32Array): Corner[][] {
	const inside = corners.map((node) => field[node]! > 0);
	const count = inside.filter(Boolean).length;
	const at = (index: number): number => corners[index % 4]!;
	const is = (index: number): boolean => inside[index % 4]!;
	if (count === 0) return [];
	if (count === 4) return [corners.map((node): Corner => [node])];
	if (count === 3) {
		const gap = inside.indexOf(false);
		// From the corner across the gap: its fan has only edges from an inside node.
		return [[[at(gap + 2)], [at(gap + 3)], [at(gap + 3), at(gap)], [at(gap + 1), at(gap)], [at(gap + 1)]]];
	}
	const polygons: Corner[][] = [];
	for (let i = 0; i < 4; i++) {
		if (!is(i) || is(i + 3)) continue;
		if (is(i + 1)) polygons.push([[at(i)], [at(i + 1)], [at(i + 1), at(i + 2)], [at(i), at(i + 3)]]);
		else polygons.push([[at(i)], [at(i), at(i + 1)], [at(i), at(i + 3)]]);
	}
	return polygons;
}
