import { BinaryRows, readPlyHeader, type PlyElement, type PlyProperty, type PlyVisitor } from '../file-ply';
import { pour, type Walk } from '../file-walk';
import type { Tally } from './facts';
import { readNumber, Words } from './words';

/** Goes through a PLY. Faces that are strips have no number that can be told without their content. */
export function* readPly(tally: Tally): Walk {
	const header = yield* readPlyHeader();
	if (!header) return;
	const { format, elements } = header;
	if (elements.some(({ name }) => name === 'tristrips')) return;
	const vertices = elements.find(({ name }) => name === 'vertex');
	tally.vertices = vertices?.count ?? 0;
	tally.hasPoints = findAxes(vertices) !== undefined;
	if (format === 'ascii') {
		const words = new PlyWords(tally, elements);
		yield pour(words);
		tally.isWhole = words.isAtEnd;
		return;
	}
	for (const element of elements) {
		const rows = new BinaryRows(
			element,
			format,
			createVisitor(tally, element, format !== 'binary_big_endian'),
		);
		yield pour(rows);
		if (rows.isBroken) return;
	}
	tally.isWhole = true;
}

/** Finds which of the properties of a vertex are x, y and z. @returns nothing if they are not all there */
function findAxes(element: PlyElement | undefined): number[] | undefined {
	if (element?.name !== 'vertex') return undefined;
	const { properties } = element;
	const axes = ['x', 'y', 'z'].map((axis) => properties.findIndex(({ name }) => name === axis));
	return axes.includes(-1) || properties.some(({ countType }) => countType) ? undefined : axes;
}

/** Whether a list holds the corners of a face. */
const holdsCorners = (element: PlyElement, { name }: PlyProperty) =>
	element.name === 'face' && /^vertex_(index|indices)$/.test(name);

function createVisitor(tally: Tally, element: PlyElement, isLittleEndian: boolean): PlyVisitor {
	const visitList = (property: PlyProperty, length: number) => {
		if (holdsCorners(element, property)) tally.addFace(length);
	};
	const axes = findAxes(element);
	if (!axes) return { visitList };
	const { properties } = element;
	const [x, y, z] = axes.map((axis) => ({
		type: properties[axis]!.type,
		offset: properties.slice(0, axis).reduce((sum, { type }) => sum + type.size, 0),
	})) as [Axis, Axis, Axis];
	return {
		visitRow: (view, at) =>
			tally.addPoint(
				x.type.read(view, at + x.offset, isLittleEndian),
				y.type.read(view, at + y.offset, isLittleEndian),
				z.type.read(view, at + z.offset, isLittleEndian),
			),
	};
}

/** Where in a row a coordinate is. */
interface Axis {
	type: PlyProperty['type'];
	offset: number;
}

/** The numbers of a text PLY, row by row. */
class PlyWords extends Words {
	isAtEnd = false;
	private element = -1;
	private axes: number[] | undefined;
	private rowsLeft = 0;
	private property = 0;
	/** How many numbers of a list are missing. */
	private listLeft = 0;
	private readonly point = [NaN, NaN, NaN];

	constructor(
		private readonly tally: Tally,
		private readonly elements: readonly PlyElement[],
	) {
		super();
		this.beginElement();
	}

	/** Goes to the next element that has numbers. */
	private beginElement(): void {
		while (this.rowsLeft === 0 && !this.isDone) {
			this.element += 1;
			const element = this.elements[this.element];
			this.rowsLeft = element && element.properties.length > 0 ? element.count : 0;
			this.axes = findAxes(element);
			this.isDone = this.isAtEnd = element === undefined;
		}
	}

	protected takeWord(bytes: Buffer, start: number, end: number): void {
		if (this.listLeft > 0) this.listLeft -= 1;
		else this.takeProperty(bytes, start, end);
		if (this.listLeft > 0 || this.isDone) return;
		const element = this.elements[this.element]!;
		this.property += 1;
		if (this.property < element.properties.length) return;
		this.property = 0;
		this.rowsLeft -= 1;
		if (this.axes) this.tally.addPoint(...(this.point as [number, number, number]));
		this.beginElement();
	}

	private takeProperty(bytes: Buffer, start: number, end: number): void {
		const element = this.elements[this.element]!;
		const property = element.properties[this.property]!;
		const axis = this.axes?.indexOf(this.property) ?? -1;
		if (axis < 0 && !property.countType) return;
		const value = readNumber(bytes, start, end);
		if (property.countType) {
			this.listLeft = value;
			this.isDone = !(Number.isInteger(value) && value >= 0);
			if (!this.isDone && holdsCorners(element, property)) this.tally.addFace(value);
		} else {
			this.point[axis] = value;
			this.isDone = Number.isNaN(value);
		}
	}

	protected takeLineEnd(): void {}
}
