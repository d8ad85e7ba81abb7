/**
 * The PLY format: its header, and the rows of its binary elements.
 *
 * Source: the format's description by Greg Turk.
 */
import { read, type Sink, type Walk } from './file-walk';

export type PlyFormat = 'ascii' | 'binary_little_endian' | 'binary_big_endian';

/** A number: its type, or a list of numbers. */
export interface PlyProperty {
	name: string;
	type: NumberType;
	/** For a list: the type of its length. */
	countType?: NumberType;
}

export interface PlyElement {
	name: string;
	count: number;
	properties: PlyProperty[];
}

export interface PlyHeader {
	format: PlyFormat;
	elements: PlyElement[];
}

/** A type of numbers: its size in bytes, and how it is read. */
interface NumberType {
	size: number;
	read(view: DataView, at: number, isLittleEndian: boolean): number;
	isFraction?: boolean;
}

const INT8: NumberType = { size: 1, read: (view, at) => view.getInt8(at) };
const UINT8: NumberType = { size: 1, read: (view, at) => view.getUint8(at) };
const INT16: NumberType = { size: 2, read: (view, at, isLittle) => view.getInt16(at, isLittle) };
export const UINT16: NumberType = { size: 2, read: (view, at, isLittle) => view.getUint16(at, isLittle) };
const INT32: NumberType = { size: 4, read: (view, at, isLittle) => view.getInt32(at, isLittle) };
const UINT32: NumberType = { size: 4, read: (view, at, isLittle) => view.getUint32(at, isLittle) };
export const FLOAT: NumberType = {
	size: 4,
	read: (view, at, isLittle) => view.getFloat32(at, isLittle),
	isFraction: true,
};
const DOUBLE: NumberType = {
	size: 8,
	read: (view, at, isLittle) => view.getFloat64(at, isLittle),
	isFraction: true,
};

const TYPES = new Map<string, NumberType>([
	['char', INT8],
	['uchar', UINT8],
	['short', INT16],
	['ushort', UINT16],
	['int', INT32],
	['uint', UINT32],
	['float', FLOAT],
	['double', DOUBLE],
	['int8', INT8],
	['uint8', UINT8],
	['int16', INT16],
	['uint16', UINT16],
	['int32', INT32],
	['uint32', UINT32],
	['float32', FLOAT],
	['float64', DOUBLE],
]);

/** How much of a header is read, bytes. */
const MAX_HEADER = 16 * 1024;

/** @returns nothing if the header has no end, contains something unknown, or has lines that end in carriage returns only */
export function* readPlyHeader(): Walk<PlyHeader | undefined> {
	const lines = yield* readHeaderLines();
	const format = lines && /^format (ascii|binary_(?:little|big)_endian)\b/m.exec(lines.join('\n'))?.[1];
	const elements = lines && readElements(lines);
	return format && elements ? { format: format as PlyFormat, elements } : undefined;
}

function* readHeaderLines(): Walk<string[] | undefined> {
	const lines: string[] = [];
	let line = '';
	for (let length = 0; length < MAX_HEADER; length++) {
		const character = (yield read(1)).toString('latin1');
		if (character !== '\n') {
			if (line.endsWith('\r')) return undefined;
			line += character;
			continue;
		}
		lines.push(line.trim());
		if (lines.at(-1) === 'end_header') return lines;
		line = '';
	}
	return undefined;
}

/** @returns nothing if the header contains something unknown */
function readElements(header: string[]): PlyElement[] | undefined {
	const elements: PlyElement[] = [];
	for (const line of header) {
		const [keyword, ...words] = line.split(/\s+/);
		if (keyword === 'element') {
			const [name = '', count = ''] = words;
			if (!/^\d{1,15}$/.test(count)) return undefined;
			elements.push({ name, count: Number(count), properties: [] });
		} else if (keyword === 'property') {
			const property = readProperty(words);
			if (property === undefined) return undefined;
			elements.at(-1)?.properties.push(property);
		}
	}
	return elements;
}

function readProperty(words: string[]): PlyProperty | undefined {
	const isList = words[0] === 'list';
	const [type, countType] = isList ? [words[2], words[1]] : [words[0], undefined];
	const [known, knownCount] = [type, countType].map((name) => TYPES.get(name ?? ''));
	if (!known || (isList && !knownCount)) return undefined;
	return { name: words[isList ? 3 : 1] ?? '', type: known, ...(isList && { countType: knownCount }) };
}

/** What the rows of a binary element hold, for whoever wants to know. */
export interface PlyVisitor {
	/** A row without lists has passed. */
	visitRow?(view: DataView, at: number): void;
	/** A list has begun. */
	visitList?(property: PlyProperty, length: number): void;
}

/** Passes the rows of a binary element. The triangles of a binary STL are such rows, too. */
export class BinaryRows implements Sink {
	/** Whether a list has no possible length. Nothing more can be read then. */
	isBroken = false;
	private readonly isLittleEndian: boolean;
	private readonly hasLists: boolean;
	private readonly rowSize: number;
	private rowsLeft: number;
	/** Which property comes next, in an element with lists. */
	private property = 0;
	/** How many bytes are to be skipped. */
	private toSkip = 0;
	/** A row or a length that has not arrived as a whole. */
	private readonly split: Buffer;
	private splitLength = 0;

	constructor(
		private readonly element: PlyElement,
		format: PlyFormat,
		private readonly visitor: PlyVisitor = {},
	) {
		const { count, properties } = element;
		this.isLittleEndian = format === 'binary_little_endian';
		this.hasLists = properties.some(({ countType }) => countType);
		this.rowSize = properties.reduce((sum, { type }) => sum + type.size, 0);
		this.rowsLeft = properties.length === 0 ? 0 : count;
		this.split = Buffer.alloc(this.hasLists ? 8 : this.rowSize);
	}

	get isDone(): boolean {
		return (this.rowsLeft === 0 && this.toSkip === 0) || this.isBroken;
	}

	take(chunk: Buffer, from: number): number {
		let at = from;
		while (at < chunk.length && !this.isDone) {
			if (this.toSkip > 0) {
				const skipped = Math.min(this.toSkip, chunk.length - at);
				this.toSkip -= skipped;
				at += skipped;
			} else if (this.splitLength > 0 || chunk.length - at < this.unitSize) at = this.takeSplit(chunk, at);
			else at = this.hasLists ? this.takeLists(chunk, at) : this.takeRows(chunk, at);
		}
		return at;
	}

	/** How many bytes are read at once: a row, or the next number of a row with lists. */
	private get unitSize(): number {
		if (!this.hasLists) return this.rowSize;
		const { type, countType } = this.element.properties[this.property]!;
		return (countType ?? type).size;
	}

	private takeSplit(chunk: Buffer, at: number): number {
		const size = this.unitSize;
		const end = Math.min(chunk.length, at + size - this.splitLength);
		chunk.copy(this.split, this.splitLength, at, end);
		this.splitLength += end - at;
		if (this.splitLength < size) return end;
		this.splitLength = 0;
		const whole = this.split.subarray(0, size);
		if (this.hasLists) this.takeLists(whole, 0);
		else this.takeRows(whole, 0);
		return end;
	}

	/** Takes the whole rows of a chunk. */
	private takeRows(chunk: Buffer, from: number): number {
		const { visitor, rowSize } = this;
		const rows = Math.min(this.rowsLeft, Math.floor((chunk.length - from) / rowSize));
		this.rowsLeft -= rows;
		const end = from + rows * rowSize;
		if (!visitor.visitRow) return end;
		const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
		for (let at = from; at < end; at += rowSize) visitor.visitRow(view, at);
		return end;
	}

	/** Takes the numbers and lists of a chunk. */
	private takeLists(chunk: Buffer, from: number): number {
		const { properties } = this.element;
		const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
		let at = from;
		while (this.rowsLeft > 0) {
			const property = properties[this.property]!;
			const { type, countType } = property;
			const end = at + (countType ?? type).size;
			if (end > chunk.length) return at;
			if (countType) {
				const length = countType.isFraction ? NaN : countType.read(view, at, this.isLittleEndian);
				this.isBroken = !(length >= 0);
				if (this.isBroken) return end;
				this.visitor.visitList?.(property, length);
				this.toSkip = length * type.size;
			}
			at = end;
			this.property += 1;
			if (this.property === properties.length) {
				this.property = 0;
				this.rowsLeft -= 1;
			}
			if (at + this.toSkip > chunk.length) {
				this.toSkip -= chunk.length - at;
				return chunk.length;
			}
			at += this.toSkip;
			this.toSkip = 0;
		}
		return at;
	}
}
