import type { Silhouette } from './silhouette.mts';

/**
 * Triangle mesh. x points right, y up, z to the viewer; faces are counter-clockwise seen from outside.
 * `positions` and `normals` (unit length) hold 3 numbers per vertex, `colors` 3 sRGB bytes per vertex,
 * `faces` 3 vertex indices per face.
 */
export interface Mesh {
	positions: Float32Array;
	normals: Float32Array;
	colors: Uint8Array;
	faces: Uint32Array;
}

/** Counts, over all edges of a mesh, in how many faces an edge is: the result maps that number to a count of edges. */
export function edgeUse({ faces }: Mesh): Map<number, number> {
	const uses = new Map<number, number>();
	for (const [from, to] of directedEdges(faces)) {
		const edge = Math.min(from, to) * 2 ** 26 + Math.max(from, to);
		uses.set(edge, (uses.get(edge) ?? 0) + 1);
	}
	const histogram = new Map<number, number>();
	for (const use of uses.values()) histogram.set(use, (histogram.get(use) ?? 0) + 1);
	return histogram;
}

/** Whether the mesh bounds a volume: each edge is in exactly two faces, which run through it in opposite directions. */
export function isClosed({ faces }: Mesh): boolean {
	const directed = new Set<number>();
	for (const [from, to] of directedEdges(faces)) {
		const edge = from * 2 ** 26 + to;
		if (directed.has(edge)) return false;
		directed.add(edge);
	}
	for (const [from, to] of directedEdges(faces)) {
		if (!directed.has(to * 2 ** 26 + from)) return false;
	}
	return faces.length > 0;
}

function* directedEdges(faces: Uint32Array): Generator<[number, number]> {
	for (let i = 0; i < faces.length; i += 3) {
		const [a, b, c] = [faces[i]!, faces[i + 1]!, faces[i + 2]!];
		yield [a, b];
		yield [b, c];
		yield [c, a];
	}
}

/** Unit vertex normals: the mean of the faces around a vertex, weighted by area. */
export function smoothNormals(positions: Float32Array, faces: Uint32Array): Float32Array {
	const normals = new Float32Array(positions.length);
	for (let i = 0; i < faces.length; i += 3) {
		const a = faces[i]! * 3;
		const b = faces[i + 1]! * 3;
		const c = faces[i + 2]! * 3;
		const ux = positions[b]! - positions[a]!;
		const uy = positions[b + 1]! - positions[a + 1]!;
		const uz = positions[b + 2]! - positions[a + 2]!;
		const vx = positions[c]! - positions[a]!;
		const vy = positions[c + 1]! - positions[a + 1]!;
		const vz = positions[c + 2]! - positions[a + 2]!;
		const nx = uy * vz - uz * vy;
		const ny = uz * vx - ux * vz;
		const nz = ux * vy - uy * vx;
		for (const vertex of [a, b, c]) {
			normals[vertex]! += nx;
			normals[vertex + 1]! += ny;
			normals[vertex + 2]! += nz;
		}
	}
	for (let i = 0; i < normals.length; i += 3) {
		const length = Math.hypot(normals[i]!, normals[i + 1]!, normals[i + 2]!) || 1;
		normals[i]! /= length;
		normals[i + 1]! /= length;
		normals[i + 2]! /= length;
	}
	return normals;
}

/** One mesh of several; they stay separate surfaces. */
export function joined(meshes: Mesh[]): Mesh {
	const vertices = meshes.reduce((sum, mesh) => sum + mesh.positions.length, 0);
	const corners = meshes.reduce((sum, mesh) => sum + mesh.faces.length, 0);
	const whole: Mesh = {
		positions: new Float32Array(vertices),
		normals: new Float32Array(vertices),
		colors: new Uint8Array(vertices),
		faces: new Uint32Array(corners),
	};
	let vertex = 0;
	let corner = 0;
	for (const mesh of meshes) {
		whole.positions.set(mesh.positions, vertex);
		whole.normals.set(mesh.normals, vertex);
		whole.colors.set(mesh.colors, vertex);
		for (const index of mesh.faces) whole.faces[corner++] = index + vertex / 3;
		vertex += mesh.positions.length;
	}
	return whole;
}

/** The mesh moved and scaled so that it is centred and its longest side is 2. */
export function fitted(mesh: Mesh): Mesh {
	const least = [Infinity, Infinity, Infinity];
	const most = [-Infinity, -Infinity, -Infinity];
	mesh.positions.forEach((value, index) => {
		least[index % 3] = Math.min(least[index % 3]!, value);
		most[index % 3] = Math.max(most[index % 3]!, value);
	});
	const longest = Math.max(...most.map((value, axis) => value - least[axis]!)) || 1;
	const positions = mesh.positions.map(
		(value, index) => ((value - (least[index % 3]! + most[index % 3]!) / 2) * 2) / longest,
	);
	return { ...mesh, positions };
}

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
	const relaxation = 2 / (1 + Math.PI / Math.max(width, height));
	const sweeps = Math.ceil(Math.max(width, height) * 1.2);
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
	return g > 0 ? 1 : Math.min(Math.max(f / (f - g), 0.08), 0.92);
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
	const step = Math.max(right - left, bottom - top) / resolution;
	const width = Math.ceil((right - left) / step) + 5;
	const height = Math.ceil((bottom - top) / step) + 5;
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
		const length = Math.hypot(...normal) || 1;
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
			const rise = ((u[node + offset]! - centre) * before) / after + ((centre - u[node - offset]!) * after) / before;
			return rise / (before + after);
		};
		return [along(1), -along(width)];
	};
	const front = new Int32Array(field.length);
	const back = new Int32Array(field.length);
	for (let node = 0; node < field.length; node++) {
		if (field[node]! <= 0) continue;
		const full = 2 * depth * Math.sqrt(Math.max(u[node]!, 1e-6));
		// A soft limit: a plateau with a rounded shoulder.
		const part = limit === Infinity ? 0 : Math.tanh((full * unit) / limit);
		const z = limit === Infinity ? full * unit : limit * part;
		const x = node % width;
		const y = (node - x) / width;
		// The height's derivative, times `full` so that it stays finite at the edge. Normals from the faces would show
		// the grid there, where the surface turns by 90 degrees within one cell.
		const [dx, dy] = slope(node).map((value) => -2 * depth * depth * value * (1 - part * part)) as [number, number];
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
			const isRow = Math.abs(offset) === 1;
			const [dx, dy] = slope(inside);
			vertex = addVertex(x + (isRow ? offset * part : 0), y + (isRow ? 0 : Math.sign(offset) * part), 0, [-dx, -dy, 0]);
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
					polygon.map(([inside, outside]) => (outside === undefined ? vertices[inside]! : rimVertex(inside, outside)));
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
