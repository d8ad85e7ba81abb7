import type { Mesh } from './mesh.mts';
import { blurred } from './pixels.mts';

const { exp, floor, max, min } = Math;

const SHADOW_GRID = 96;

/** Darkness, 0 to 1, of the ground under the mesh: sharp where it touches, soft where it hovers. */
export interface GroundShadow {
	cells: Float32Array;
	/** Half of the grid's width, in the mesh's units. */
	extent: number;
}

/**
 * The shadow of a mesh on the ground below it.
 * @param ground its y
 * @param radius the mesh's greatest distance from the y axis
 */
export function castShadow({ positions, faces }: Mesh, ground: number, radius: number): GroundShadow {
	const extent = radius * 2;
	const scale = SHADOW_GRID / (2 * extent);
	const near = new Float32Array(SHADOW_GRID * SHADOW_GRID);
	const far = new Float32Array(SHADOW_GRID * SHADOW_GRID);
	for (let i = 0; i < faces.length; i += 3) {
		// The middle of a face stands for it: faces are smaller than the grid's cells or not much larger.
		let [x, y, z] = [0, 0, 0];
		for (let corner = 0; corner < 3; corner++) {
			const vertex = faces[i + corner]! * 3;
			x += positions[vertex]! / 3;
			y += positions[vertex + 1]! / 3;
			z += positions[vertex + 2]! / 3;
		}
		const cell =
			min(floor((z + extent) * scale), SHADOW_GRID - 1) * SHADOW_GRID +
			min(floor((x + extent) * scale), SHADOW_GRID - 1);
		near[cell] = max(near[cell]!, exp(-(y - ground) * 7));
		far[cell] = max(far[cell]!, exp(-(y - ground) * 0.8));
	}
	const sharp = blurred(near, SHADOW_GRID, SHADOW_GRID, 2.4);
	const soft = blurred(far, SHADOW_GRID, SHADOW_GRID, 6.5);
	return { extent, cells: sharp.map((value, cell) => 1 - (1 - 0.55 * value) * (1 - 0.42 * soft[cell]!)) };
}

/** Darkness at a place on the ground, between the grid's cells too; 0 beyond the grid. */
export function darknessAt({ cells, extent }: GroundShadow, x: number, z: number): number {
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
