/**
 * Recognizes by a file's own structure whether the file is complete, while its bytes pass. A walk goes through the
 * structure of each kind of file. It keeps only the few bytes that say how long the parts are.
 *
 * The check is lenient: a structure that no walk knows counts as complete, and so does a file with anything after its end.
 */

/** What a walk does next. */
interface Step {
	/** Skips bytes, reads bytes, or skips lines. */
	kind: 'skip' | 'read' | 'skipLines';
	count: number;
	/** Whether a file may end before this step. */
	mayEnd?: boolean;
}

/** Goes through a file from its first byte to its end. It gets the bytes that it asks to read. */
export type Walk = Generator<Step, void, Buffer>;

const skip = (count: number): Step => ({ kind: 'skip', count });
const read = (count: number): Step => ({ kind: 'read', count });
const skipLines = (count: number): Step => ({ kind: 'skipLines', count });

const NOTHING = Buffer.alloc(0);

const LINE_FEED = 10;

/** Follows a walk through a file whose bytes arrive in chunks of any length. */
export class FileEnd {
	private step: IteratorResult<Step, void>;
	/** How many bytes or lines of the step are missing. */
	private left = 0;
	private bytes = NOTHING;

	constructor(private readonly walk: Walk) {
		this.step = this.next(NOTHING);
	}

	/** Whether the file may end here. */
	get isComplete(): boolean {
		const { done, value: step } = this.step;
		return done === true || (step.mayEnd === true && this.left === step.count);
	}

	/** Takes the next bytes of the file. */
	take(chunk: Buffer): void {
		let at = 0;
		while (!this.step.done && at < chunk.length) {
			at = this.advance(this.step.value, chunk, at);
			if (this.left === 0) this.step = this.next(this.bytes);
		}
	}

	/** Takes as much of a chunk as the step needs. @returns where in the chunk that ends */
	private advance({ kind }: Step, chunk: Buffer, at: number): number {
		if (kind === 'skipLines') {
			const lineEnd = chunk.indexOf(LINE_FEED, at);
			if (lineEnd < 0) return chunk.length;
			this.left -= 1;
			return lineEnd + 1;
		}
		const end = Math.min(chunk.length, at + this.left);
		if (kind === 'read') {
			const piece = chunk.subarray(at, end);
			this.bytes = this.bytes.length === 0 ? piece : Buffer.concat([this.bytes, piece]);
		}
		this.left -= end - at;
		return end;
	}

	/** Finds the next step that takes at least one byte. @param bytes what the step before has read */
	private next(bytes: Buffer): IteratorResult<Step, void> {
		let step = this.walk.next(bytes);
		while (!step.done && step.value.count === 0) step = this.walk.next(NOTHING);
		this.left = step.done ? 0 : step.value.count;
		this.bytes = NOTHING;
		return step;
	}
}

const GIF_IMAGE = 0x2c;
const GIF_EXTENSION = 0x21;

/** Source: the GIF89a specification. Blocks of chained sub-blocks, then a trailer. */
export function* walkGif(): Walk {
	const readTableLength = (flags = 0) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
	const screen = yield read(13);
	yield skip(readTableLength(screen[10]));
	for (;;) {
		const [block] = yield read(1);
		// Decoders skip zeros between blocks.
		if (block === 0) continue;
		if (block === GIF_IMAGE) {
			const image = yield read(9);
			yield skip(readTableLength(image[8]) + 1);
		} else if (block === GIF_EXTENSION) yield skip(1);
		else return;

		for (let [length = 0] = yield read(1); length > 0; [length = 0] = yield read(1)) yield skip(length);
	}
}

/** Source: the PNG specification. A signature, then chunks up to the one that ends the image. */
export function* walkPng(): Walk {
	yield skip(8);
	for (;;) {
		const head = yield read(8);
		const type = head.toString('latin1', 4);
		if (type === 'IEND' || !/^[A-Za-z]{4}$/.test(type)) return;
		yield skip(head.readUInt32BE(0) + 4);
	}
}

/** Source: ISO 14496-12. Boxes, two of which a video needs. */
export function* walkMp4(): Walk {
	const missing = new Set(['moov', 'mdat']);
	while (missing.size > 0) {
		const head = yield { ...read(8), mayEnd: true };
		let [headLength, length] = [8, head.readUInt32BE(0)];
		if (length === 1) {
			const long = yield read(8);
			[headLength, length] = [16, long.readUInt32BE(0) * 2 ** 32 + long.readUInt32BE(4)];
		}
		// A length of 0 means that the box goes on to the end of the file, wherever that is.
		if (length < headLength) return;
		yield skip(length - headLength);
		missing.delete(head.toString('latin1', 4));
	}
}

const PLY_SIZES: Record<string, number> = {
	...{ char: 1, uchar: 1, int8: 1, uint8: 1 },
	...{ short: 2, ushort: 2, int16: 2, uint16: 2 },
	...{ int: 4, uint: 4, int32: 4, uint32: 4, float: 4, float32: 4 },
	...{ double: 8, float64: 8 },
};

/** How much of a header is read, bytes. */
const MAX_PLY_HEADER = 16 * 1024;

interface PlyList {
	countType: string;
	itemSize: number;
}

interface PlyElement {
	count: number;
	/** In order: the size of a number in bytes, or a list. */
	properties: Array<number | PlyList>;
}

/** Source: the format's description by Greg Turk. A header of lines, then the elements that it announces, as text or binary. */
export function* walkPly(): Walk {
	const header = yield* readPlyHeader();
	const format = header && /^format (ascii|binary_(?:little|big)_endian)\b/m.exec(header.join('\n'))?.[1];
	const elements = header && readPlyElements(header);
	if (!format || !elements) return;
	if (format === 'ascii') {
		const lines = elements.reduce((sum, { count }) => sum + count, 0);
		if (lines === 0) return;
		yield skipLines(lines - 1);
		// The last line may lack its line feed.
		yield read(1);
		return;
	}
	for (const element of elements) {
		if (!(yield* walkPlyElement(element, format === 'binary_big_endian'))) return;
	}
}

/** @returns the header's lines; nothing if they end in carriage returns only, or if there is no end */
function* readPlyHeader(): Generator<Step, string[] | undefined, Buffer> {
	const lines: string[] = [];
	let line = '';
	for (let length = 0; length < MAX_PLY_HEADER; length++) {
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
function readPlyElements(header: string[]): PlyElement[] | undefined {
	const elements: PlyElement[] = [];
	for (const line of header) {
		const [keyword, ...words] = line.split(/\s+/);
		if (keyword === 'element') {
			const [, count = ''] = words;
			if (!/^\d{1,15}$/.test(count)) return undefined;
			elements.push({ count: Number(count), properties: [] });
		} else if (keyword === 'property') {
			const property = readPlyProperty(words);
			if (property === undefined) return undefined;
			elements.at(-1)?.properties.push(property);
		}
	}
	return elements;
}

function readPlyProperty([type = '', countType = '', itemType = '']: string[]): number | PlyList | undefined {
	if (type !== 'list') return PLY_SIZES[type];
	const itemSize = PLY_SIZES[itemType];
	const isKnown = itemSize !== undefined && PLY_SIZES[countType] !== undefined;
	return isKnown ? { countType, itemSize } : undefined;
}

/** @returns whether the element can be read as the header says */
function* walkPlyElement(
	{ count, properties }: PlyElement,
	isBigEndian: boolean,
): Generator<Step, boolean, Buffer> {
	const sizes = properties.filter((property) => typeof property === 'number');
	if (sizes.length === properties.length) {
		yield skip(count * sizes.reduce((sum, size) => sum + size, 0));
		return true;
	}
	for (let index = 0; index < count; index++) {
		for (const property of properties) {
			if (typeof property === 'number') {
				yield skip(property);
				continue;
			}
			const bytes = yield read(PLY_SIZES[property.countType] ?? 1);
			const items = readPlyNumber(bytes, property.countType, isBigEndian);
			if (!(items >= 0)) return false;
			yield skip(items * property.itemSize);
		}
	}
	return true;
}

/** @returns NaN for a type with fractions, which cannot count items */
function readPlyNumber(bytes: Buffer, type: string, isBigEndian: boolean): number {
	const { length } = bytes;
	if (/^(float|double)/.test(type)) return NaN;
	if (/^u/.test(type)) return isBigEndian ? bytes.readUIntBE(0, length) : bytes.readUIntLE(0, length);
	return isBigEndian ? bytes.readIntBE(0, length) : bytes.readIntLE(0, length);
}
