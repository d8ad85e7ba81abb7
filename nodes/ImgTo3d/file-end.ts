/**
 * Recognizes by a file's own structure whether the file is complete. A walk goes through the structure of each kind of
 * file. It keeps only the few bytes that say how long the parts are.
 *
 * The check is lenient: a structure that no walk knows counts as complete, and so does a file with anything after its end.
 */
import { pour, read, skip, skipLines, type Walk } from './file-walk';
import { BinaryRows, readPlyHeader } from './file-ply';

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

/** Source: the format's description by Greg Turk. A header of lines, then the elements that it announces, as text or binary. */
export function* walkPly(): Walk {
	const header = yield* readPlyHeader();
	if (!header) return;
	const { format, elements } = header;
	if (format === 'ascii') {
		const lines = elements.reduce((sum, { count }) => sum + count, 0);
		if (lines === 0) return;
		yield skipLines(lines - 1);
		// The last line may lack its line feed.
		yield read(1);
		return;
	}
	for (const element of elements) {
		const rows = new BinaryRows(element, format);
		yield pour(rows);
		if (rows.isBroken) return;
	}
}
