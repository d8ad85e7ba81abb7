import { readFace, type Mesh } from './mesh.mts';
import { blur } from './pixels.mts';

const { ceil, exp, floor, max, min } = Math;

const SHADOW_GRID = 96;

/** Darkness, 0 to 1, of the ground under a mesh. It is sharp where the mesh touches the ground, and soft where it hovers. */
export interface GroundShadow {
	cells: Float32Array;
	/** Half of the width of the grid, in units of the mesh. */
	extent: number;
}

/** Spreads points over a face, no farther than `spacing` from each other. A small face gets its middle. */
function spreadPoints(
	positions: Float32Array,
	[a, b, c]: readonly [number, number, number],
	spacing: number,
	add: (x: number, y: number, z: number) => void,
): void {
	const [ax, ay, az] = [positions[a * 3]!, positions[a * 3 + 1]!, positions[a * 3 + 2]!];
	const [bx, by, bz] = [positions[b * 3]!, positions[b * 3 + 1]!, positions[b * 3 + 2]!];
	const [cx, cy, cz] = [positions[c * 3]!, positions[c * 3 + 1]!, positions[c * 3 + 2]!];
	const longest = max(max(ax, bx, cx) - min(ax, bx, cx), max(az, bz, cz) - min(az, bz, cz));
	const rows = ceil(longest / spacing) || 1;
	for (let i = 0; i < rows; i++) {
		for (let j = 0; i + j < rows; j++) {
			const [toB, toC] = [(i + 1 / 3) / rows, (j + 1 / 3) / rows];
			add(
				ax + (bx - ax) * toB + (cx - ax) * toC,
				ay + (by - ay) * toB + (cy - ay) * toC,
				az + (bz - az) * toB + (cz - az) * toC,
			);
		}
	}
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
	const darken = (x: number, y: number, z: number): void => {
		const cell =
			min(floor((z + extent) * scale), SHADOW_GRID - 1) * SHADOW_GRID +
			min(floor((x + extent) * scale), SHADOW_GRID - 1);
		near[cell] = max(near[cell]!, exp(-(y - ground) * 7));
		far[cell] = max(far[cell]!, exp(-(y - ground) * 0.8));
	};
	for (let i = 0; i < faces.length; i += 3) spreadPoints(positions, readFace(faces, i), 1 / scale, darken);
	const sharp = blur(near, SHADOW_GRID, SHADOW_GRID, 2.4);
	const soft = blur(far, SHADOW_GRID, SHADOW_GRID, 6.5);
	return { extent, cells: sharp.map((value, cell) => 1 - (1 - 0.55 * value) * (1 - 0.42 * soft[cell]!)) };
}

const mix = (from: number, to: number, part: number): number => from + (to - from) * part;

/** @returns the darkness at a place on the ground, also between the cells of the grid; 0 beyond the grid */
export function readDarkness({ cells, extent }: GroundShadow, x: number, z: number): number {
	const column = ((x + extent) * SHADOW_GRID) / (2 * extent) - 0.5;
	const row = ((z + extent) * SHADOW_GRID) / (2 * extent) - 0.5;
	const [ix, iz] = [floor(column), floor(row)];
	if (ix < 0 || iz < 0 || ix >= SHADOW_GRID - 1 || iz >= SHADOW_GRID - 1) return 0;
	const at = iz * SHADOW_GRID + ix;
	const near = mix(cells[at]!, cells[at + 1]!, column - ix);
	const far = mix(cells[at + SHADOW_GRID]!, cells[at + SHADOW_GRID + 1]!, column - ix);
	return mix(near, far, row - iz);
}
