import { readFace, type Mesh } from './mesh.mts';
import { blur } from './pixels.mts';
import type { Point } from './surfaces.mts';

const { ceil, exp, floor, max, min } = Math;

const SHADOW_GRID = 96;

/** Darkness, 0 to 1, of the ground under a mesh. It is sharp where the mesh touches the ground, and soft where it hovers. */
export interface GroundShadow {
	cells: Float32Array;
	/** Half of the width of the grid, in units of the mesh. */
	extent: number;
}

/** Spreads points over a face, no farther than `spacing` from each other. A small face gets its middle. */
function spreadPoints(positions: Float32Array, corners: readonly number[], spacing: number): Point[] {
	const [a, b, c] = corners.map(
		(vertex): Point => [positions[vertex * 3]!, positions[vertex * 3 + 1]!, positions[vertex * 3 + 2]!],
	) as [Point, Point, Point];
	const longest = max(
		...[0, 2].map((axis) => max(a[axis]!, b[axis]!, c[axis]!) - min(a[axis]!, b[axis]!, c[axis]!)),
	);
	const rows = ceil(longest / spacing) || 1;
	const points: Point[] = [];
	for (let i = 0; i < rows; i++) {
		for (let j = 0; i + j < rows; j++) {
			const [toB, toC] = [(i + 1 / 3) / rows, (j + 1 / 3) / rows];
			const along = (axis: 0 | 1 | 2): number =>
				a[axis] + (b[axis] - a[axis]) * toB + (c[axis] - a[axis]) * toC;
			points.push([along(0), along(1), along(2)]);
		}
	}
	return points;
}

/**
 * Casts the shadow of a mesh on the ground below it.
 *
 * @param ground y of the ground
 * @param radius greatest distance of the mesh from the y axis
 */
export function castShadow({ positions, faces }: Mesh, ground: number, radius: number): GroundShadow {
	const extent = radius * 2;
	const scale = SHADOW_GRID / (2 * extent);
	const near = new Float32Array(SHADOW_GRID * SHADOW_GRID);
	const far = new Float32Array(SHADOW_GRID * SHADOW_GRID);
	for (let i = 0; i < faces.length; i += 3) {
		for (const [x, y, z] of spreadPoints(positions, readFace(faces, i), 1 / scale)) {
			const cell =
				min(floor((z + extent) * scale), SHADOW_GRID - 1) * SHADOW_GRID +
				min(floor((x + extent) * scale), SHADOW_GRID - 1);
			near[cell] = max(near[cell]!, exp(-(y - ground) * 7));
			far[cell] = max(far[cell]!, exp(-(y - ground) * 0.8));
		}
	}
	const sharp = blur(near, SHADOW_GRID, SHADOW_GRID, 2.4);
	const soft = blur(far, SHADOW_GRID, SHADOW_GRID, 6.5);
	return { extent, cells: sharp.map((value, cell) => 1 - (1 - 0.55 * value) * (1 - 0.42 * soft[cell]!)) };
}

/** @returns the darkness at a place on the ground, also between the cells of the grid; 0 beyond the grid */
export function readDarkness({ cells, extent }: GroundShadow, x: number, z: number): number {
	const column = ((x + extent) * SHADOW_GRID) / (2 * extent) - 0.5;
	const row = ((z + extent) * SHADOW_GRID) / (2 * extent) - 0.5;
	const [ix, iz] = [floor(column), floor(row)];
	if (ix < 0 || iz < 0 || ix >= SHADOW_GRID - 1 || iz >= SHADOW_GRID - 1) return 0;
	const at = iz * SHADOW_GRID + ix;
	const mix = (from: number, to: number, part: number): number => from + (to - from) * part;
	const near = mix(cells[at]!, cells[at + 1]!, column - ix);
	const far = mix(cells[at + SHADOW_GRID]!, cells[at + SHADOW_GRID + 1]!, column - ix);
	return mix(near, far, row - iz);
}
