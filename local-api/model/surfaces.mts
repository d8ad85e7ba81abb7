import { computeNormals, type Mesh } from './mesh.mts';

const { ceil, cos, floor, max, min, PI, round, sin } = Math;

/** sRGB, 0 to 255. */
export type Color = readonly [number, number, number];
export type Point = readonly [number, number, number];

/** The color at a point of a surface. `turn` runs around it, and `along` from its bottom to its top, both 0 to 1. */
export type Paint = (point: Point, turn: number, along: number) => Color;

/** Outline of a turned part: radius and height, from the middle of the bottom to the middle of the top (both with radius 0). */
export type Profile = ReadonlyArray<readonly [radius: number, y: number]>;

/** @returns the point at `radius` from the y axis. `turn` is counter-clockwise as seen from above. */
export const placeAround = (radius: number, turn: number, y: number): Point => [
	radius * cos(turn * 2 * PI),
	y,
	-radius * sin(turn * 2 * PI),
];

/** @returns the slope of a curve between two rises. It is 0 where they change their sign, so the curve never overshoots its points. */
const findSlope = (before: number, after: number): number =>
	before * after > 0 ? (2 * before * after) / (before + after) : 0;

/** Follows the points of a profile smoothly (`along` 0 to 1). A point that occurs twice makes a corner. */
export function followProfile(profile: Profile, along: number): readonly [radius: number, y: number] {
	const position = along * (profile.length - 1);
	const i = min(floor(position), profile.length - 2);
	const t = position - i;
	const [p, q, r, s] = [i - 1, i, i + 1, i + 2].map(
		(index) => profile[min(max(index, 0), profile.length - 1)]!,
	);
	const curve = (axis: 0 | 1): number => {
		const [before, rise, after] = [q![axis] - p![axis], r![axis] - q![axis], s![axis] - r![axis]];
		const [from, to] = [findSlope(before, rise), findSlope(rise, after)];
		return q![axis] + t * (from + t * (3 * rise - 2 * from - to + t * (from + to - 2 * rise)));
	};
	return [max(curve(0), 0), curve(1)];
}

function buildMesh(points: readonly Point[], colors: readonly Color[], faces: readonly number[]): Mesh {
	const mesh = { positions: Float32Array.from(points.flat()), faces: Uint32Array.from(faces) };
	return {
		...mesh,
		colors: Uint8Array.from(colors.flat()),
		normals: computeNormals(mesh.positions, mesh.faces),
	};
}

/**
 * Turns a profile to a closed solid.
 *
 * @param detail rows. There are twice as many columns.
 * @param outline factor on the radius, which makes the solid less round
 */
export function turnProfile(
	profile: Profile,
	paint: Paint | Color,
	detail: number,
	outline: (turn: number, along: number) => number = () => 1,
): Mesh {
	const rows = max(round(detail), 8);
	// A multiple of 8, so that a square outline has vertices in its corners.
	const columns = ceil(rows / 4) * 8;
	const points: Point[] = [];
	const colors: Color[] = [];
	const add = (turn: number, along: number): void => {
		const [radius, y] = followProfile(profile, along);
		const point = placeAround(radius * outline(turn, along), turn, y);
		points.push(point);
		colors.push(typeof paint === 'function' ? paint(point, turn, along) : paint);
	};
	add(0, 0);
	for (let row = 1; row < rows; row++)
		for (let column = 0; column < columns; column++) add(column / columns, row / rows);
	add(0, 1);
	const at = (row: number, column: number): number => 1 + (row - 1) * columns + (column % columns);
	const faces: number[] = [];
	for (let column = 0; column < columns; column++) {
		faces.push(0, at(1, column + 1), at(1, column));
		for (let row = 1; row < rows - 1; row++) {
			const [a, b, c, d] = [
				at(row, column),
				at(row, column + 1),
				at(row + 1, column),
				at(row + 1, column + 1),
			];
			faces.push(a, b, d, a, d, c);
		}
		faces.push(at(rows - 1, column), at(rows - 1, column + 1), points.length - 1);
	}
	return buildMesh(points, colors, faces);
}

/** Builds a torus around the y axis with a radius of `tube`. For its paint, `along` runs around the tube. It is 0.25 on top. */
export function buildRing(radius: number, tube: number, paint: Paint, detail: number): Mesh {
	const [columns, rows] = [detail * 2, detail];
	const points: Point[] = [];
	const colors: Color[] = [];
	const faces: number[] = [];
	for (let i = 0; i < columns * rows; i++) {
		const [turn, along] = [floor(i / rows) / columns, (i % rows) / rows];
		const point = placeAround(radius + cos(along * 2 * PI) * tube, turn, sin(along * 2 * PI) * tube);
		points.push(point);
		colors.push(paint(point, turn, along));
		const next = (i + rows) % (columns * rows);
		const above = (index: number): number => (index % rows === rows - 1 ? index - rows + 1 : index + 1);
		faces.push(i, next, above(next), i, above(next), above(i));
	}
	return buildMesh(points, colors, faces);
}

/** Moves each point of a mesh. */
export function move(mesh: Mesh, to: (point: Point) => Point): Mesh {
	const positions = Float32Array.from(mesh.positions);
	for (let i = 0; i < positions.length; i += 3)
		positions.set(to([positions[i]!, positions[i + 1]!, positions[i + 2]!]), i);
	return { ...mesh, positions, normals: computeNormals(positions, mesh.faces) };
}

const HALF_CIRCLE: Profile = Array.from({ length: 33 }, (_, i) => [sin((i / 32) * PI), -cos((i / 32) * PI)]);

/** Builds an ellipsoid. Its paint gets the points of the unit ball. */
export function buildBall(
	[x, y, z]: Point,
	radii: Point | number,
	paint: Paint | Color,
	detail: number,
): Mesh {
	const [a, b, c] = typeof radii === 'number' ? [radii, radii, radii] : radii;
	return move(turnProfile(HALF_CIRCLE, paint, detail), (point) => [
		x + point[0] * a,
		y + point[1] * b,
		z + point[2] * c,
	]);
}

/** The outline of a square with rounded corners, 2 wide, with its sides towards the axes. */
export const squareOutline = (turn: number): number =>
	(cos(turn * 2 * PI) ** 20 + sin(turn * 2 * PI) ** 20) ** (-1 / 20);

/** The profile of a cylinder with sharp edges. */
export const tubeProfile = (radius: number, from: number, to: number): Profile => [
	[0, from],
	[0, from],
	[radius, from],
	[radius, from],
	[radius, (from * 2 + to) / 3],
	[radius, (from + to * 2) / 3],
	[radius, to],
	[radius, to],
	[0, to],
	[0, to],
];
