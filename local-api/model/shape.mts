import type { Silhouette } from './silhouette.mts';

const { PI, cos, max, min, sin, sqrt } = Math;

/** What an outline says about the body behind it. */
export interface Shape {
	/** Radius of the largest circle inside, px of the picture. */
	radius: number;
	/** How similar the outline is to a rectangle in any direction, from 0 (a disc, a duck) to 1 (the front of a box). */
	boxiness: number;
	/** The long side of the smallest rectangle around it, divided by the short one. 1 or more. */
	elongation: number;
}

/** Nodes along the longest side. They are enough for these measurements. */
const NODES = 80;
const RECTANGLE_ANGLES = 60;
/** The share of its rectangle that an outline fills: an octagon, and a rectangle with rounded corners. */
const [ROUND_FILL, BOX_FILL] = [0.84, 0.95];

type Point = readonly [x: number, y: number];

/** Finds the nodes of a grid that are inside, and where its lines cross the edge. */
function sample({ bounds, insideAt }: Silhouette, step: number): { inside: Point[]; edge: Point[] } {
	const inside: Point[] = [];
	const edge: Point[] = [];
	for (let y = bounds.top - step; y <= bounds.bottom + step; y += step) {
		for (let x = bounds.left - step; x <= bounds.right + step; x += step) {
			const here = insideAt(x, y);
			if (here > 0) inside.push([x, y]);
			for (const [dx, dy] of [
				[step, 0],
				[0, step],
			] as const) {
				const there = insideAt(x + dx, y + dy);
				if (here > 0 === there > 0) continue;
				const part = here / (here - there);
				edge.push([x + dx * part, y + dy * part]);
			}
		}
	}
	return { inside, edge };
}

/** @returns the sides of the smallest rectangle around points, the shorter one first */
function findRectangle(points: readonly Point[]): [number, number] {
	let smallest: [number, number] = [Infinity, Infinity];
	for (let i = 0; i < RECTANGLE_ANGLES; i++) {
		const angle = (i / RECTANGLE_ANGLES) * (PI / 2);
		const [c, s] = [cos(angle), sin(angle)];
		const [least, most] = [
			[Infinity, Infinity],
			[-Infinity, -Infinity],
		] as [[number, number], [number, number]];
		for (const [x, y] of points) {
			const turned = [x * c + y * s, y * c - x * s] as const;
			for (const axis of [0, 1] as const) {
				least[axis] = min(least[axis], turned[axis]);
				most[axis] = max(most[axis], turned[axis]);
			}
		}
		const sides: [number, number] = [most[0] - least[0], most[1] - least[1]];
		if (sides[0] * sides[1] < smallest[0] * smallest[1]) smallest = sides;
	}
	return [min(...smallest), max(...smallest)];
}

/** Measures an outline. */
export function measureShape(silhouette: Silhouette): Shape {
	const { left, top, right, bottom } = silhouette.bounds;
	const step = max(right - left, bottom - top) / NODES;
	const { inside, edge } = sample(silhouette, step);
	// An object as thin as a hair falls between the nodes.
	if (inside.length === 0) return { radius: step / 2, boxiness: 0, elongation: 1 };
	let widest = (step / 2) ** 2;
	for (const [x, y] of inside) {
		let nearest = Infinity;
		for (const [edgeX, edgeY] of edge) nearest = min(nearest, (edgeX - x) ** 2 + (edgeY - y) ** 2);
		widest = max(widest, nearest);
	}
	const [short, long] = findRectangle(edge);
	const fill = (inside.length * step * step) / (short * long);
	const part = min(max((fill - ROUND_FILL) / (BOX_FILL - ROUND_FILL), 0), 1);
	return { radius: sqrt(widest), boxiness: part * part * (3 - 2 * part), elongation: long / short };
}
