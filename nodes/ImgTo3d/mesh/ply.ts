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
	// Nothing in the file shows that they exist.
	if (vertices && vertices.count > 0 && vertices.properties.length === 0) return;
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

/** What a property of a text PLY is: one of the axes 0 to 2, a list, or something that is not counted. */
const [OTHER, LIST, CORNERS] = [3, 4, 5];

function findRoles(element: PlyElement): number[] {
	const axes = findAxes(element);
	return element.properties.map((property, index) => {
		if (property.countType) return holdsCorners(element, property) ? CORNERS : LIST;
		const axis = axes?.indexOf(index) ?? -1;
		return axis < 0 ? OTHER : axis;
	});
}

/** The numbers of a text PLY, row by row. */
class PlyWords extends Words {
	isAtEnd = false;
	private element = -1;
	/** Of the properties of the element. */
	private roles: number[] = [];
	private hasPoints = false;
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
		while (this.rowsLeft === 0 && !this.isAtEnd) {
			this.element += 1;
			const element = this.elements[this.element];
			this.roles = element ? findRoles(element) : [];
			this.hasPoints = this.roles.includes(0);
			this.rowsLeft = this.roles.length > 0 ? element!.count : 0;
			this.isDone = this.isAtEnd = element === undefined;
		}
	}

	protected takeWord(bytes: Buffer, start: number, end: number): void {
		if (this.listLeft > 0) this.listLeft -= 1;
		else this.takeProperty(this.roles[this.property]!, bytes, start, end);
		if (this.listLeft > 0 || this.isDone) return;
		this.property += 1;
		if (this.property < this.roles.length) return;
		this.property = 0;
		this.rowsLeft -= 1;
		if (this.hasPoints) this.tally.addPoint(...(this.point as [number, number, number]));
		if (this.rowsLeft === 0) this.beginElement();
	}

	private takeProperty(role: number, bytes: Buffer, start: number, end: number): void {
		if (role === OTHER) return;
		const value = readNumber(bytes, start, end);
		if (role < OTHER) {
			this.point[role] = value;
			this.isDone = Number.isNaN(value);
			return;
		}
		this.listLeft = value;
		this.isDone = !(Number.isInteger(value) && value >= 0);
		if (!this.isDone && role === CORNERS) this.tally.addFace(value);
	}

	protected takeLineEnd(): void {}
}
