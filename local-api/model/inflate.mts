import type { Mesh } from './mesh.mts';
import type { Silhouette } from './silhouette.mts';

const { abs, ceil, floor, hypot, max, min, sign, sqrt } = Math;

/** A higher value makes the shoulder of a plateau sharper. */
const SHOULDER = 4;

/** Values at the nodes of a grid, row by row. */
interface Grid {
	values: Float32Array;
	width: number;
	height: number;
}

const SWEEPS = 60;
const RELAXATION = 1.9;
/** A grid of this length is solved without a coarser one. */
const COARSEST = 24;

/**
 * Solves lap(u) = -1 inside the silhouette with u = 0 on its edge, by successive over-relaxation. It begins with the solution for every
 * other node. The largest error is a thousandth of the peak. The edge is between the nodes, where the field changes its sign. Unequal
 * arm lengths there (the scheme of Shortley and Weller) keep the steps of the grid out of the solution.
 *
 * @param field positive inside, and negative on the outermost nodes
 * @returns u at the nodes, in squared node distances. It is 0 outside.
 */
function solvePoisson(field: Grid): Float32Array {
	const { values, width, height } = field;
	const u = max(width, height) > COARSEST ? solveCoarsely(field) : new Float32Array(values.length);
	const nodes = Uint32Array.from(values.keys()).filter((node) => values[node]! > 0);
	/** For each node: the factors of its four neighbors, and what is added to their sum. */
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
			// u is 0 outside, so an arm that the edge cuts adds nothing here.
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
		// The mean, times 4 because the node distance is half as long.
		return known[at]! + known[at + right]! + known[at + down]! + known[at + right + down]!;
	});
}

/** @returns how far the edge is from node `inside` towards node `other`, in node distances; 1 when `other` is inside too */
function findCrossing(field: Float32Array, inside: number, other: number): number {
	const f = field[inside]!;
	const g = field[other]!;
	// With a smaller minimum, a face would have no area. With a much larger one, the edge would show steps.
	return g > 0 ? 1 : min(max(f / (f - g), 0.02), 0.98);
}

/** How high an inflated silhouette rises above its middle plane, in halves of the longest side of its bounds. */
export interface Relief {
	/** The greatest height of the balloon. */
	height: number;
	/** The height at which the balloon is held down to a plateau with a rounded shoulder. */
	limit: number;
}

/** The nodes over a silhouette: where they are, and how far inside. */
interface NodeGrid extends Grid {
	/** Distance of the nodes, px of the picture. */
	step: number;
	/** The place of the first node, px. */
	originX: number;
	originY: number;
}

/** Lays a grid over a silhouette. Its outermost nodes are outside. */
function layGrid(silhouette: Silhouette, resolution: number): NodeGrid {
	const { left, top, right, bottom } = silhouette.bounds;
	const step = max(right - left, bottom - top) / resolution;
	const width = ceil((right - left) / step) + 5;
	const height = ceil((bottom - top) / step) + 5;
	// Centered, so that a symmetric object stays symmetric.
	const originX = (left + right) / 2 - ((width - 1) / 2) * step;
	const originY = (top + bottom) / 2 - ((height - 1) / 2) * step;
	const values = new Float32Array(width * height);
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++) {
			const isRim = x === 0 || y === 0 || x === width - 1 || y === height - 1;
			values[y * width + x] = isRim ? -1 : silhouette.insideAt(originX + x * step, originY + y * step);
		}
	}
	return { values, width, height, step, originX, originY };
}

type Normal = readonly [number, number, number];
/** sRGB bytes. */
type Color = readonly [number, number, number];

/** Counts the vertices of a grid's mesh: two for each inside node, and one for each step to an outside node. */
function countVertices({ values, width }: Grid): number {
	let count = 0;
	values.forEach((value, node) => {
		if (value <= 0) return;
		count += 2;
		for (const next of [node - 1, node + 1, node - width, node + width]) if (values[next]! <= 0) count += 1;
	});
	return count;
}

/** Builds the mesh of a grid: a front and a back that share the vertices on the edge. */
class Balloon {
	private readonly positions: Float32Array;

	private readonly normals: Float32Array;

	private readonly colors: Uint8Array;

	private vertexCount = 0;

	private readonly faces: number[] = [];

	/** By node. */
	private readonly front: Int32Array;

	private readonly back: Int32Array;

	/** The vertices on the edge, by the step between two nodes that crosses it. */
	private readonly rim = new Map<number, number>();

	/** The solution of {@link solvePoisson}. */
	private readonly u: Float32Array;

	/** Distance of the nodes in the mesh. */
	private readonly unit: number;

	/** The square root of u times this is the height of the balloon, in node distances. */
	private readonly lift: number;

	constructor(
		private readonly silhouette: Silhouette,
		private readonly grid: NodeGrid,
		resolution: number,
		private readonly relief: Relief,
	) {
		this.u = solvePoisson(grid);
		const highest = this.u.reduce((most, value) => max(most, value), 1e-6);
		this.unit = 2 / resolution;
		this.lift = relief.height / this.unit / sqrt(highest);
		const most = countVertices(grid) * 3;
		this.positions = new Float32Array(most);
		this.normals = new Float32Array(most);
		this.colors = new Uint8Array(most);
		this.front = new Int32Array(grid.values.length);
		this.back = new Int32Array(grid.values.length);
	}

	build(): Mesh {
		for (let node = 0; node < this.grid.values.length; node++) {
			if (this.grid.values[node]! > 0) this.addNode(node);
		}
		const { width, height, values } = this.grid;
		for (let y = 0; y < height - 1; y++) {
			for (let x = 0; x < width - 1; x++) {
				const node = y * width + x;
				// Counter-clockwise as seen from the front.
				const corners = [node, node + width, node + width + 1, node + 1];
				// Most cells are all inside or all outside.
				const count = corners.reduce((sum, corner) => sum + (values[corner]! > 0 ? 1 : 0), 0);
				if (count === 4) this.addCell(node, node + width, node + width + 1, node + 1);
				else if (count > 0) for (const polygon of cutCell(corners, values)) this.addFaces(polygon);
			}
		}
		const end = this.vertexCount * 3;
		return {
			positions: this.positions.slice(0, end),
			normals: this.normals.slice(0, end),
			colors: this.colors.slice(0, end),
			faces: Uint32Array.from(this.faces),
		};
	}

	/** @param x and y in node distances @param z in units of the mesh */
	private addVertex(x: number, y: number, z: number, normal: Normal, color: Color): number {
		const { width, height } = this.grid;
		const at = this.vertexCount * 3;
		const length = hypot(normal[0], normal[1], normal[2]) || 1;
		this.positions[at] = (x - (width - 1) / 2) * this.unit;
		this.positions[at + 1] = ((height - 1) / 2 - y) * this.unit;
		this.positions[at + 2] = z;
		for (let i = 0; i < 3; i++) {
			this.normals[at + i] = normal[i]! / length;
			this.colors[at + i] = color[i]!;
		}
		this.vertexCount += 1;
		return this.vertexCount - 1;
	}

	/** @param x and y in node distances */
	private findColor(x: number, y: number): Color {
		const { originX, originY, step } = this.grid;
		return this.silhouette.colorAt(originX + x * step, originY + y * step);
	}

	/** Finds the slope of u at an inside node, along the mesh's x and y. The arms are unequal at the edge. */
	private findSlope(node: number): readonly [number, number] {
		return [this.findSlopeAlong(node, 1), -this.findSlopeAlong(node, this.grid.width)];
	}

	/** @param offset from the node to the next one in the direction */
	private findSlopeAlong(node: number, offset: number): number {
		const { u } = this;
		const { values } = this.grid;
		const before = findCrossing(values, node, node - offset);
		const after = findCrossing(values, node, node + offset);
		const center = u[node]!;
		const rise =
			((u[node + offset]! - center) * before) / after + ((center - u[node - offset]!) * after) / before;
		return rise / (before + after);
	}

	/** Adds the vertices of an inside node, on the front and on the back. */
	private addNode(node: number): void {
		const { u, unit, lift } = this;
		const { width } = this.grid;
		const full = lift * sqrt(max(u[node]!, 1e-6));
		const excess = 1 + ((full * unit) / this.relief.limit) ** SHOULDER;
		const z = full * unit * excess ** (-1 / SHOULDER);
		const x = node % width;
		const y = (node - x) / width;
		// The derivative of the height, times `full` so that it stays finite at the edge. Normals from the faces would show the grid
		// there, where the surface turns by 90 degrees within one cell.
		const steepness = (-lift * lift * excess ** (-1 / SHOULDER - 1)) / 2;
		const [dx, dy] = this.findSlope(node);
		const color = this.findColor(x, y);
		this.front[node] = this.addVertex(x, y, z, [dx * steepness, dy * steepness, full], color);
		this.back[node] = this.addVertex(x, y, -z, [dx * steepness, dy * steepness, -full], color);
	}

	/** @returns the vertex where the edge crosses the step from an inside node to an outside node */
	private findRimVertex(inside: number, outside: number): number {
		const { values, width } = this.grid;
		const edge = inside * 4 + [1, -1, width, -width].indexOf(outside - inside);
		const known = this.rim.get(edge);
		if (known !== undefined) return known;
		const part = findCrossing(values, inside, outside);
		const x = inside % width;
		const y = (inside - x) / width;
		const offset = outside - inside;
		const isRow = abs(offset) === 1;
		const [dx, dy] = this.findSlope(inside);
		const rimX = x + (isRow ? offset * part : 0);
		const rimY = y + (isRow ? 0 : sign(offset) * part);
		const vertex = this.addVertex(rimX, rimY, 0, [-dx, -dy, 0], this.findColor(rimX, rimY));
		this.rim.set(edge, vertex);
		return vertex;
	}

	/** Adds a cell between four inside nodes on both sides, as `addFaces` does it. */
	private addCell(a: number, b: number, c: number, d: number): void {
		const { front, back, faces } = this;
		faces.push(front[a]!, front[b]!, front[c]!, back[a]!, back[c]!, back[b]!);
		faces.push(front[a]!, front[c]!, front[d]!, back[a]!, back[d]!, back[c]!);
	}

	/** @param side the vertices of that side, by node */
	private findVertices(polygon: readonly Corner[], side: Int32Array): number[] {
		return polygon.map(([inside, outside]) =>
			outside === undefined ? side[inside]! : this.findRimVertex(inside, outside),
		);
	}

	/** Adds a polygon of a cell on both sides, as fans of triangles. */
	private addFaces(polygon: readonly Corner[]): void {
		const front = this.findVertices(polygon, this.front);
		const back = this.findVertices(polygon, this.back);
		for (let i = 1; i < polygon.length - 1; i++) {
			this.faces.push(front[0]!, front[i]!, front[i + 1]!);
			this.faces.push(back[0]!, back[i + 1]!, back[i]!);
		}
	}
}

/**
 * Inflates a silhouette to a closed mesh: a front and a back that meet at the edge of the silhouette, round like a balloon. Both sides
 * have the colors of the picture. Without a node inside the silhouette, the mesh is empty.
 *
 * @param resolution nodes along the longest side of the bounds, 16 or more
 * @returns the mesh with the middle of the bounds at 0. Its longest side, in the plane of the picture, is 2.
 */
export function inflate(silhouette: Silhouette, resolution: number, relief: Relief): Mesh {
	return new Balloon(silhouette, layGrid(silhouette, resolution), resolution, relief).build();
}

/** A corner of a polygon: an inside node, or the crossing between an inside and an outside node. */
type Corner = [inside: number, outside?: number];

/**
 * Cuts the inside part out of a cell on the edge of the grid's field (marching squares). Each polygon begins with an inside node from which the fan of
 * triangles has no inner edge between two crossings. Front and back would share such an edge.
 */
function cutCell(corners: number[], field: Float32Array): Corner[][] {
	const inside = corners.map((node) => field[node]! > 0);
	const count = inside.filter(Boolean).length;
	const at = (index: number): number => corners[index % 4]!;
	const is = (index: number): boolean => inside[index % 4]!;
	if (count === 3) {
		const gap = inside.indexOf(false);
		// From the corner opposite the gap: all edges of its fan begin at an inside node.
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
