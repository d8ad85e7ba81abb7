import { fitted, type Mesh } from './mesh.mts';
import type { Silhouette } from './silhouette.mts';

const { PI, abs, ceil, hypot, max, min, sign, sqrt, tanh } = Math;

/**
 * Solves lap(u) = -1 inside the silhouette with u = 0 on its edge, by successive over-relaxation. The edge runs
 * between the grid's nodes, where the field changes its sign; unequal arm lengths there (Shortley and Weller's
 * scheme) keep the solution from showing the grid's steps.
 *
 * @param field width x height values, positive inside, never inside on the outermost nodes
 * @returns u at the nodes, in squared node distances; 0 outside
 */
function poisson(field: Float32Array, width: number, height: number): Float32Array {
	const nodes: number[] = [];
	for (let node = 0; node < field.length; node++) if (field[node]! > 0) nodes.push(node);
	const arms = new Float32Array(nodes.length * 4);
	const offsets = [-1, 1, -width, width];
	nodes.forEach((node, index) => {
		offsets.forEach((offset, arm) => {
			arms[index * 4 + arm] = crossing(field, node, node + offset);
		});
	});
	const u = new Float32Array(field.length);
	const relaxation = 2 / (1 + PI / max(width, height));
	const sweeps = ceil(max(width, height) * 1.2);
	for (let sweep = 0; sweep < sweeps; sweep++) {
		for (let index = 0; index < nodes.length; index++) {
			const node = nodes[index]!;
			const left = arms[index * 4]!;
			const right = arms[index * 4 + 1]!;
			const up = arms[index * 4 + 2]!;
			const down = arms[index * 4 + 3]!;
			// u is 0 outside, so an arm that is cut by the edge adds nothing here.
			const sum =
				(u[node - 1]! / left + u[node + 1]! / right) / (left + right) +
				(u[node - width]! / up + u[node + width]! / down) / (up + down);
			const weight = 1 / (left * right) + 1 / (up * down);
			u[node]! += relaxation * ((sum + 0.5) / weight - u[node]!);
		}
	}
	return u;
}

/** How far from node `inside` the edge lies towards node `other`, in node distances; 1 when `other` is inside too. */
function crossing(field: Float32Array, inside: number, other: number): number {
	const f = field[inside]!;
	const g = field[other]!;
	// Not nearer than this: slivers would be all but invisible, and their normals arbitrary.
	return g > 0 ? 1 : min(max(f / (f - g), 0.08), 0.92);
}

/**
 * Inflates a silhouette to a closed mesh: a front and a back that meet in the silhouette's edge, round like a balloon.
 * The colours are the picture's, on both sides. The mesh's longest side in the picture's plane is 2.
 *
 * @param resolution nodes along the silhouette's longest side, 16 or more
 * @param depth thickness: 1 makes a ball of a disc, less makes it flatter
 * @param limit greatest height above the middle plane, in the mesh's units
 */
export function inflate(silhouette: Silhouette, resolution: number, depth: number, limit = Infinity): Mesh {
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
	const u = poisson(field, width, height);

	const unit = 2 / resolution;
	const positions: number[] = [];
	const normals: number[] = [];
	const colors: number[] = [];
	const addVertex = (x: number, y: number, z: number, normal: readonly number[]): number => {
		positions.push((x - (width - 1) / 2) * unit, ((height - 1) / 2 - y) * unit, z);
		const length = hypot(...normal) || 1;
		normals.push(normal[0]! / length, normal[1]! / length, normal[2]! / length);
		colors.push(...silhouette.colourAt(originX + x * step, originY + y * step));
		return positions.length / 3 - 1;
	};
	/** Slope of u at an inside node, along the mesh's x and y; the arms are unequal at the edge. */
	const slope = (node: number): readonly [number, number] => {
		const along = (offset: number): number => {
			const before = crossing(field, node, node - offset);
			const after = crossing(field, node, node + offset);
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
		const full = 2 * depth * sqrt(max(u[node]!, 1e-6));
		// A soft limit: a plateau with a rounded shoulder.
		const part = limit === Infinity ? 0 : tanh((full * unit) / limit);
		const z = limit === Infinity ? full * unit : limit * part;
		const x = node % width;
		const y = (node - x) / width;
		// The height's derivative, times `full` so that it stays finite at the edge. Normals from the faces would show
		// the grid there, where the surface turns by 90 degrees within one cell.
		const [dx, dy] = slope(node).map((value) => -2 * depth * depth * value * (1 - part * part)) as [
			number,
			number,
		];
		front[node] = addVertex(x, y, z, [dx, dy, full]);
		back[node] = addVertex(x, y, -z, [dx, dy, -full]);
	}
	const rim = new Map<number, number>();
	const rimVertex = (inside: number, outside: number): number => {
		const edge = inside * 4 + [1, -1, width, -width].indexOf(outside - inside);
		let vertex = rim.get(edge);
		if (vertex === undefined) {
			const part = crossing(field, inside, outside);
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
			for (const polygon of cellPolygons(corners, field)) {
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
	return fitted({
		positions: Float32Array.from(positions),
		normals: Float32Array.from(normals),
		colors: Uint8Array.from(colors),
		faces: Uint32Array.from(faces),
	});
}

/** A polygon's corner: an inside node, or the crossing between an inside and an outside node. */
type Corner = [inside: number, outside?: number];

/**
 * The part of a grid cell that is inside (marching squares). Each polygon begins with an inside node such that the
 * triangle fan from it has no inner edge between two crossings: front and back would share that edge.
 */
function cellPolygons(corners: number[], field: Float32Array): Corner[][] {
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
