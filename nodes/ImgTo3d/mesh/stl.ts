import { BinaryRows, FLOAT, UINT16 } from '../file-ply';
import { pour, read, type Walk } from '../file-walk';
import type { Tally } from './facts';
import { readNumber, Words } from './words';

/** A header of 80 bytes, and the number of triangles. */
const HEADER_BYTES = 84;

/** A normal, three corners, and two bytes of attributes. */
const ROW = [...Array.from({ length: 12 }, () => FLOAT), UINT16].map((type) => ({ name: '', type }));
const CORNERS = [12, 24, 36];

const [E, F, S, V] = [...Buffer.from('efsv')];

/** Finds out which keyword a word is, by its length and the letters in which the keywords differ. */
function readKeyword(bytes: Buffer, start: number, end: number): string | undefined {
	const first = bytes[start]! | 32;
	switch (end - start) {
		case 5:
			return first === F ? 'facet' : first === S ? 'solid' : undefined;
		case 6:
			return first === V ? 'vertex' : undefined;
		case 8:
			return first === E && (bytes[start + 3]! | 32) === S ? 'endsolid' : undefined;
	}
	return undefined;
}

/** Source: the format's description by 3D Systems. Binary, unless it begins with "solid" and has no zero byte there. */
export function* readStl(tally: Tally): Walk {
	const header = yield read(HEADER_BYTES);
	if (/^(\xef\xbb\xbf)?\s*solid\b/i.test(header.toString('latin1')) && !header.includes(0)) {
		const words = new StlWords(tally);
		words.take(header, 0);
		yield pour(words);
		return;
	}
	const count = header.readUInt32LE(HEADER_BYTES - 4);
	const element = { name: '', count, properties: ROW };
	yield pour(new BinaryRows(element, 'binary_little_endian', { visitRow: createVisitor(tally) }));
	tally.triangles = count;
	tally.vertices = 3 * count;
	tally.isWhole = true;
}

const createVisitor = (tally: Tally) => (view: DataView, row: number) => {
	for (const corner of CORNERS) {
		const at = row + corner;
		tally.addPoint(view.getFloat32(at, true), view.getFloat32(at + 4, true), view.getFloat32(at + 8, true));
	}
};

/** The words of a text STL that say what it holds. The rest of a line with "solid" is a name. */
class StlWords extends Words {
	private readonly point = [NaN, NaN, NaN];
	/** How many numbers of a vertex are missing. */
	private missing = 0;

	constructor(private readonly tally: Tally) {
		super();
	}

	protected takeWord(bytes: Buffer, start: number, end: number): void {
		const { tally } = this;
		if (this.missing > 0) {
			this.takeNumber(readNumber(bytes, start, end));
			return;
		}
		switch (readKeyword(bytes, start, end)) {
			case 'facet':
				tally.triangles += 1;
				tally.isWhole = false;
				// The normal follows.
				this.skipLine();
				break;
			case 'vertex':
				tally.vertices += 1;
				this.missing = 3;
				break;
			case 'endsolid':
				// There may be several solids.
				tally.isWhole = tally.vertices === 3 * tally.triangles;
				this.skipLine();
				break;
			case 'solid':
				this.skipLine();
		}
	}

	private takeNumber(value: number): void {
		this.point[3 - this.missing] = value;
		this.missing -= 1;
		this.isDone = Number.isNaN(value);
		if (this.missing > 0 || this.isDone) return;
		const [x, y, z] = this.point as [number, number, number];
		this.tally.addPoint(x, y, z);
	}

	protected takeLineEnd(): void {}
}
