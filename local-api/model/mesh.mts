const { hypot, max, min } = Math;

/**
 * A mesh of triangles. x points to the right, y up, and z to the viewer. Faces are counter-clockwise as seen from outside. `positions` and
 * `normals` (unit length) have 3 numbers for each vertex, `colors` 3 sRGB bytes for each vertex, and `faces` 3 vertices for each face.
 */
export interface Mesh {
	positions: Float32Array;
	normals: Float32Array;
	colors: Uint8Array;
	faces: Uint32Array;
	/** Is visible instead of `colors`. */
	skin?: Skin;
}

/** A picture that is laid over a mesh. */
export interface Skin {
	width: number;
	height: number;
	/** sRGB, 3 bytes each, row by row from the top left. */
	pixels: Uint8Array;
	/** The place of each vertex in the picture: 0 to 1 from the left, and 0 to 1 from the top. */
	places: Float32Array;
}

/** @returns the vertices of the face that a corner belongs to */
export function readFace(faces: Uint32Array, corner: number): [number, number, number] {
	const first = corner - (corner % 3);
	return [faces[first]!, faces[first + 1]!, faces[first + 2]!];
}

/** @returns the direction of a face. Its length is twice the area. */
export function computeArea(
	positions: Float32Array,
	a: number,
	b: number,
	c: number,
): [number, number, number] {
	const ux = positions[b * 3]! - positions[a * 3]!;
	const uy = positions[b * 3 + 1]! - positions[a * 3 + 1]!;
	const uz = positions[b * 3 + 2]! - positions[a * 3 + 2]!;
	const vx = positions[c * 3]! - positions[a * 3]!;
	const vy = positions[c * 3 + 1]! - positions[a * 3 + 1]!;
	const vz = positions[c * 3 + 2]! - positions[a * 3 + 2]!;
	return [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
}

/** Computes the unit normal of each vertex: the mean of the faces around it, weighted by area. */
export function computeNormals(positions: Float32Array, faces: Uint32Array): Float32Array {
	const normals = new Float32Array(positions.length);
	for (let face = 0; face < faces.length; face += 3) {
		const [a, b, c] = readFace(faces, face);
		const [x, y, z] = computeArea(positions, a, b, c);
		for (const vertex of [a, b, c]) {
			normals[vertex * 3]! += x;
			normals[vertex * 3 + 1]! += y;
			normals[vertex * 3 + 2]! += z;
		}
	}
	for (let i = 0; i < normals.length; i += 3) {
		const length = hypot(normals[i]!, normals[i + 1]!, normals[i + 2]!) || 1;
		normals[i]! /= length;
		normals[i + 1]! /= length;
		normals[i + 2]! /= length;
	}
	return normals;
}

/** Joins meshes to one. Their surfaces stay separate. */
export function join(meshes: Mesh[]): Mesh {
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

/** Moves and scales a mesh so that it is centered and its longest side is 2. */
export function fit(mesh: Mesh): Mesh {
	const least = [Infinity, Infinity, Infinity];
	const most = [-Infinity, -Infinity, -Infinity];
	mesh.positions.forEach((value, index) => {
		least[index % 3] = min(least[index % 3]!, value);
		most[index % 3] = max(most[index % 3]!, value);
	});
	const longest = max(...most.map((value, axis) => value - least[axis]!)) || 1;
	const positions = mesh.positions.map(
		(value, index) => ((value - (least[index % 3]! + most[index % 3]!) / 2) * 2) / longest,
	);
	return { ...mesh, positions };
}
