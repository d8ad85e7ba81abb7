/** What a mesh holds. */
export interface MeshFacts {
	/** A polygon with more corners counts as a fan of triangles. */
	triangles: number;
	/** As the file has them: an STL has three for each triangle. */
	vertices: number;
	/** The smallest box that holds all vertices, if the file says where they are. */
	bounds?: { min: Point; max: Point };
	/** Textures in the file itself, where the format can hold any. */
	textures?: number;
}

export type Point = [x: number, y: number, z: number];

/** Single-precision numbers have so many digits. */
const DIGITS = 7;

/** Adds up what a mesh holds while its bytes pass. */
export class Tally {
	triangles = 0;
	vertices = 0;
	textures?: number;
	/** Whether the file has turned out to be a whole and correct mesh. */
	isWhole = false;
	/** Whether the file says where all vertices are. */
	hasPoints = true;
	/** The least x, y and z, then the greatest. */
	private readonly limits = new Float64Array([Infinity, Infinity, Infinity, -Infinity, -Infinity, -Infinity]);

	addPoint(x: number, y: number, z: number): void {
		const { limits } = this;
		if (x < limits[0]!) limits[0] = x;
		if (y < limits[1]!) limits[1] = y;
		if (z < limits[2]!) limits[2] = z;
		if (x > limits[3]!) limits[3] = x;
		if (y > limits[4]!) limits[4] = y;
		if (z > limits[5]!) limits[5] = z;
	}

	/** Adds a polygon, or whatever a face with so many corners is. */
	addFace(corners: number): void {
		this.triangles += Math.max(0, corners - 2);
	}

	/** @returns nothing if the file is not a whole and correct mesh */
	getFacts(): MeshFacts | undefined {
		const { triangles, vertices, textures } = this;
		const isPossible = Number.isSafeInteger(triangles) && Number.isSafeInteger(vertices);
		if (!this.isWhole || !isPossible) return undefined;
		const bounds = this.getBounds();
		return { triangles, vertices, ...(bounds && { bounds }), ...(textures !== undefined && { textures }) };
	}

	private getBounds(): MeshFacts['bounds'] {
		const limits = Array.from(this.limits, (value) => Number(value.toPrecision(DIGITS)));
		if (!this.hasPoints || !limits.every(Number.isFinite)) return undefined;
		return { min: limits.slice(0, 3) as Point, max: limits.slice(3) as Point };
	}
}
