/** Points and triangles. */
export interface Surface {
	/** 3 numbers per vertex. */
	positions: ArrayLike<number>;
	/** 3 vertices per face. */
	faces: ArrayLike<number>;
}

export interface Checkup {
	/** Edges that do not join exactly two faces, which run along it in opposite directions. */
	looseEdges: number;
	/** Faces without an area, or with the same vertex twice. */
	flatFaces: number;
	/** Negative if the inside of the surface is turned out. */
	volume: number;
}

/** Four times the square of the area of a face that is only a line. A mesh is 2 long. */
const NO_AREA = 1e-31;

type Vector = [number, number, number];

const point = ({ positions }: Surface, vertex: number): Vector => [
	positions[vertex * 3] as number,
	positions[vertex * 3 + 1] as number,
	positions[vertex * 3 + 2] as number,
];

const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

const cross = (a: Vector, b: Vector): Vector => [
	a[1] * b[2] - a[2] * b[1],
	a[2] * b[0] - a[0] * b[2],
	a[0] * b[1] - a[1] * b[0],
];

const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** Welds the vertices at one place to one. */
export function joinedAtPlaces(surface: Surface): Surface {
	const vertices = new Map<string, number>();
	const positions: number[] = [];
	const faces = Array.from(surface.faces, (vertex) => {
		const place = point(surface, vertex);
		const known = vertices.get(place.join());
		if (known !== undefined) return known;
		vertices.set(place.join(), vertices.size);
		positions.push(...place);
		return vertices.size - 1;
	});
	return { positions, faces };
}

/** Examines a surface for holes and other faults. */
export function examine(surface: Surface): Checkup {
	/** For each edge, by its vertices in order: how often faces run along it and against it. */
	const edges = new Map<string, [number, number]>();
	let [flatFaces, volume] = [0, 0];
	for (let face = 0; face < surface.faces.length; face += 3) {
		const corners = [0, 1, 2].map((i) => surface.faces[face + i] as number) as Vector;
		corners.forEach((from, i) => {
			const to = corners[(i + 1) % 3] as number;
			const key = `${Math.min(from, to)}/${Math.max(from, to)}`;
			const uses = edges.get(key) ?? [0, 0];
			uses[from < to ? 0 : 1] += 1;
			edges.set(key, uses);
		});
		const [a, b, c] = corners.map((vertex) => point(surface, vertex)) as [Vector, Vector, Vector];
		const area = cross(minus(b, a), minus(c, a));
		if (new Set(corners).size < 3 || dot(area, area) < NO_AREA) flatFaces += 1;
		volume += dot(a, cross(b, c)) / 6;
	}
	const looseEdges = [...edges.values()].filter(([along, against]) => along !== 1 || against !== 1).length;
	return { looseEdges, flatFaces, volume };
}

/** Measures a surface along x, y and z. */
export function measureExtent({ positions }: Surface): Vector {
	return [0, 1, 2].map((axis) => {
		const values = Array.from(positions).filter((_, index) => index % 3 === axis);
		return values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b));
	}) as Vector;
}
