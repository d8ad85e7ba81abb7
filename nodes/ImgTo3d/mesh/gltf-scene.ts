/**
 * Counts what the scene of a glTF shows. Everything in it comes from a stranger: an entry of a wrong type counts as
 * missing, and a tree of nodes may be none.
 *
 * Source: the glTF 2.0 specification.
 */
import type { Point, Tally } from './facts';

type Fields = Record<string, unknown>;

const toFields = (value: unknown): Fields =>
	typeof value === 'object' && value !== null ? (value as Fields) : {};
const toList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const toNumbers = (value: unknown, length: number): number[] | undefined =>
	Array.isArray(value) && value.length === length && value.every((entry) => typeof entry === 'number')
		? (value as number[])
		: undefined;

/** A box as its middle and half of its size. */
interface Box {
	middle: Point;
	half: Point;
}

/** What one mesh holds. */
interface Content {
	triangles: number;
	vertices: number;
	/** Missing if an accessor does not say its limits. */
	box?: Box;
}

/** A 4x4 matrix, column by column. */
type Matrix = readonly number[];

const IDENTITY: Matrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

/** A scene with more nodes, meshes or accessors is not counted. */
const MAX_ENTRIES = 50_000;

/** How many triangles a number of corners makes, by the mode of a primitive. Points and lines make none. */
const TRIANGLES: Record<number, (corners: number) => number> = {
	4: (corners) => Math.floor(corners / 3),
	5: (corners) => Math.max(0, corners - 2),
	6: (corners) => Math.max(0, corners - 2),
};

/** What the greatest value of a type stands for in a normalized accessor, by component type. */
const NORMALIZED: Record<number, number> = { 5120: 127, 5121: 255, 5122: 32_767, 5123: 65_535 };

/**
 * Adds what the scene shows to a tally. A mesh counts as often as nodes show it.
 *
 * @returns whether the text is the JSON of a glTF with meshes
 */
export function showScene(tally: Tally, text: string): boolean {
	let json: Fields;
	try {
		json = toFields(JSON.parse(text));
	} catch {
		return false;
	}
	const { nodes, meshes, accessors } = json;
	if ([nodes, meshes, accessors].some((list) => toList(list).length > MAX_ENTRIES)) return false;
	const scene = new Scene(json);
	tally.textures = toList(json.images).length;
	return scene.show(tally);
}

class Scene {
	private readonly nodes: Fields[];
	private readonly accessors: Fields[];
	private readonly contents: Array<Content | undefined>;

	constructor(private readonly json: Fields) {
		this.nodes = toList(json.nodes).map(toFields);
		this.accessors = toList(json.accessors).map(toFields);
		this.contents = toList(json.meshes).map((mesh) => this.readMesh(toFields(mesh)));
	}

	/** Visits each node once, whatever refers to it. */
	show(tally: Tally): boolean {
		const open: Array<[node: Fields, parent: Matrix]> = [];
		const seen = new Set<unknown>();
		const add = (index: unknown, parent: Matrix): void => {
			const node = this.nodes[index as number];
			if (!node || seen.has(index)) return;
			seen.add(index);
			open.push([node, parent]);
		};
		for (const root of this.findRoots()) add(root, IDENTITY);
		for (let next = open.pop(); next; next = open.pop()) {
			const [node, parent] = next;
			const own = readMatrix(node);
			const world = own ? multiply(parent, own) : parent;
			if (node.mesh !== undefined) {
				const content = this.contents[Number(node.mesh)];
				if (!content) return false;
				addContent(tally, content, world);
			}
			for (const child of toList(node.children)) add(child, world);
		}
		return this.contents.length > 0;
	}

	/** The nodes of the scene that is shown first. Without scenes, those that no node has as its child. */
	private findRoots(): unknown[] {
		const scenes = toList(this.json.scenes);
		const scene = scenes[Number(this.json.scene ?? 0)];
		if (scene !== undefined) return toList(toFields(scene).nodes);
		const children = new Set<unknown>();
		for (const node of this.nodes) for (const child of toList(node.children)) children.add(child);
		return [...this.nodes.keys()].filter((index) => !children.has(index));
	}

	/** @returns nothing if an accessor is missing or does not say its count */
	private readMesh(mesh: Fields): Content | undefined {
		const content: Content = { triangles: 0, vertices: 0 };
		const points: Point[] = [];
		let hasLimits = true;
		const seen = new Set<unknown>();
		for (const entry of toList(mesh.primitives)) {
			const { attributes, indices, mode } = toFields(entry);
			const position = toFields(attributes).POSITION;
			// Such a primitive shows nothing.
			if (position === undefined) continue;
			const vertices = this.count(position);
			const corners = indices === undefined ? vertices : this.count(indices);
			if (vertices === undefined || corners === undefined) return undefined;
			content.triangles += TRIANGLES[Number(mode ?? 4)]?.(corners) ?? 0;
			if (seen.has(position)) continue;
			seen.add(position);
			content.vertices += vertices;
			const limits = readLimits(this.accessors[Number(position)] ?? {});
			if (limits) points.push(...limits);
			else hasLimits = false;
		}
		return hasLimits && points.length > 0 ? { ...content, box: toBox(points) } : content;
	}

	private count(accessor: unknown): number | undefined {
		const { count } = this.accessors[Number(accessor)] ?? {};
		return Number.isSafeInteger(count) && (count as number) >= 0 ? (count as number) : undefined;
	}
}

function readLimits({ min, max, normalized, componentType }: Fields): Point[] | undefined {
	const scale = normalized === true ? (NORMALIZED[Number(componentType)] ?? 1) : 1;
	const limits = [toNumbers(min, 3), toNumbers(max, 3)];
	if (!limits[0] || !limits[1]) return undefined;
	return limits.map(
		(limit) => limit!.map((value) => Math.max(value / scale, scale > 1 ? -1 : -Infinity)) as Point,
	);
}

function toBox(points: readonly Point[]): Box {
	const [min, max] = [Math.min, Math.max].map((choose) =>
		points.reduce((chosen, point) => point.map((value, axis) => choose(value, chosen[axis]!)) as Point),
	) as [Point, Point];
	return {
		middle: min.map((value, axis) => (value + max[axis]!) / 2) as Point,
		half: min.map((value, axis) => (max[axis]! - value) / 2) as Point,
	};
}

/** Adds a mesh where a node shows it: the smallest box around the mesh's own box. */
function addContent(tally: Tally, { triangles, vertices, box }: Content, world: Matrix): void {
	tally.triangles += triangles;
	tally.vertices += vertices;
	if (!box) {
		tally.hasPoints &&= vertices === 0;
		return;
	}
	const center: number[] = [];
	const reach: number[] = [];
	for (let row = 0; row < 3; row++) {
		let [middle, half] = [world[row + 12]!, 0];
		for (let axis = 0; axis < 3; axis++) {
			const factor = world[row + 4 * axis]!;
			middle += factor * box.middle[axis]!;
			half += Math.abs(factor) * box.half[axis]!;
		}
		center.push(middle);
		reach.push(half);
	}
	for (const sign of [-1, 1]) {
		tally.addPoint(...(center.map((value, axis) => value + sign * reach[axis]!) as Point));
	}
}

/** @returns nothing for a node that is where its parent is */
function readMatrix(node: Fields): Matrix | undefined {
	const { matrix, rotation, scale, translation } = node;
	if (matrix !== undefined) return toNumbers(matrix, 16);
	if (rotation === undefined && scale === undefined && translation === undefined) return undefined;
	const [x, y, z, w] = (toNumbers(rotation, 4) ?? [0, 0, 0, 1]) as [number, number, number, number];
	const [sx, sy, sz] = (toNumbers(scale, 3) ?? [1, 1, 1]) as Point;
	const [tx, ty, tz] = (toNumbers(translation, 3) ?? [0, 0, 0]) as Point;
	return [
		...[(1 - 2 * (y * y + z * z)) * sx, 2 * (x * y + z * w) * sx, 2 * (x * z - y * w) * sx, 0],
		...[2 * (x * y - z * w) * sy, (1 - 2 * (x * x + z * z)) * sy, 2 * (y * z + x * w) * sy, 0],
		...[2 * (x * z + y * w) * sz, 2 * (y * z - x * w) * sz, (1 - 2 * (x * x + y * y)) * sz, 0],
		...[tx, ty, tz, 1],
	];
}

function multiply(a: Matrix, b: Matrix): Matrix {
	const product: number[] = [];
	for (let column = 0; column < 16; column += 4) {
		for (let row = 0; row < 4; row++) {
			let sum = 0;
			for (let step = 0; step < 4; step++) sum += a[row + 4 * step]! * b[column + step]!;
			product.push(sum);
		}
	}
	return product;
}
