import { MeshoptSimplifier } from 'meshoptimizer/simplifier';

import { computeArea, readFace, computeNormals, type Mesh } from './mesh.mts';

const { ceil, hypot, max, min, round } = Math;

/** With fewer faces, almost nothing can be recognized. */
const LEAST_FACES = 400;

/** What a change of a normal or of a color (0 to 1) costs, as a distance relative to the size of the mesh. */
const ATTRIBUTE_WEIGHTS = [0.3, 0.3, 0.3, 0.5, 0.5, 0.5];
/** If an attempt tears or pinches the surface, the next one keeps more faces by this factor. */
const RELENTING = 1.25;
/** Twice the area of a face that is only a line. The longest side of a mesh is about 2. */
const NO_AREA = 1e-15;

/** Welds the vertices at one place to one, and removes the faces that vanish by this. */
export async function weld(mesh: Mesh): Promise<Mesh> {
	await MeshoptSimplifier.ready;
	const { positions } = mesh;
	const places = MeshoptSimplifier.generatePositionRemap(positions, 3);
	const corners = mesh.faces.map((vertex) => places[vertex]!);
	const faces = corners.filter((_, corner) => {
		const [a, b, c] = readFace(corners, corner);
		return a !== b && b !== c && c !== a;
	});
	return compact({ ...mesh, normals: computeNormals(positions, faces), faces });
}

/**
 * Keeps about `share` (0 to 1) of the faces of a mesh, and at least LEAST_FACES. The vertices are some of the mesh's. A closed surface
 * stays closed. A part that becomes too small to have a volume disappears.
 *
 * @param mesh must have one vertex at each place
 */
export async function simplify(mesh: Mesh, share: number): Promise<Mesh> {
	await MeshoptSimplifier.ready;
	const { positions, normals, colors, faces } = mesh;
	const attributes = new Float32Array(positions.length * 2);
	for (let vertex = 0; vertex < positions.length; vertex += 3) {
		attributes.set(normals.subarray(vertex, vertex + 3), vertex * 2);
		for (let channel = 0; channel < 3; channel++)
			attributes[vertex * 2 + 3 + channel] = colors[vertex + channel]! / 255;
	}
	let wanted = max(round((faces.length / 3) * share), LEAST_FACES);
	for (; wanted < faces.length / 3; wanted = ceil(wanted * RELENTING)) {
		const [kept] = MeshoptSimplifier.simplifyWithAttributes(
			faces,
			positions,
			3,
			attributes,
			6,
			ATTRIBUTE_WEIGHTS,
			null,
			wanted * 3,
			Infinity,
			// Without it, flat sides fill with slivers.
			['RegularizeLight'],
		);
		const surface = removeFolds(kept);
		if (surface.length > 0 && isClosed(positions, surface)) return compact({ ...mesh, faces: surface });
	}
	return mesh;
}

/** Removes the vertices that no face has. */
function compact({ positions, normals, colors, faces }: Mesh): Mesh {
	const ordered = Uint32Array.from(faces);
	const [order, count] = MeshoptSimplifier.compactMesh(ordered);
	const taken = <T extends Float32Array | Uint8Array>(source: T, target: T): T => {
		order.forEach((to, from) => {
			if (to < count) for (let i = 0; i < 3; i++) target[to * 3 + i] = source[from * 3 + i]!;
		});
		return target;
	};
	return {
		positions: taken(positions, new Float32Array(count * 3)),
		normals: taken(normals, new Float32Array(count * 3)),
		colors: taken(colors, new Uint8Array(count * 3)),
		faces: ordered,
	};
}

/**
 * Removes pairs of faces with the same three vertices and opposite directions. A collapse leaves them where something thin was. Closed
 * edges stay closed.
 */
function removeFolds(faces: Uint32Array): Uint32Array {
	const unpaired = new Map<string, number[]>();
	const folded = new Set<number>();
	for (let face = 0; face < faces.length; face += 3) {
		const corners = readFace(faces, face);
		const lowest = corners.indexOf(min(...corners));
		const [a, b, c] = [0, 1, 2].map((i) => corners[(lowest + i) % 3]!);
		const back = unpaired.get(`${a}/${c}/${b}`)?.pop();
		if (back === undefined) {
			const key = `${a}/${b}/${c}`;
			unpaired.set(key, [...(unpaired.get(key) ?? []), face]);
		} else {
			folded.add(face).add(back);
		}
	}
	return folded.size === 0 ? faces : faces.filter((_, corner) => !folded.has(corner - (corner % 3)));
}

/** Whether each edge joins exactly two faces, which run along it in opposite directions, and each face has an area. */
function isClosed(positions: Float32Array, faces: Uint32Array): boolean {
	const vertices = positions.length / 3;
	/** A number for each direction of each edge. */
	const edges = new Set<number>();
	for (let face = 0; face < faces.length; face += 3) {
		const [a, b, c] = readFace(faces, face);
		if (hypot(...computeArea(positions, a, b, c)) < NO_AREA) return false;
		edges
			.add(a * vertices + b)
			.add(b * vertices + c)
			.add(c * vertices + a);
	}
	if (edges.size < faces.length) return false;
	for (const edge of edges) {
		const to = edge % vertices;
		if (!edges.has(to * vertices + (edge - to) / vertices)) return false;
	}
	return true;
}
