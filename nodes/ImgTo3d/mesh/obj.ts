import type { Walk } from '../file-walk';
import type { Tally } from './facts';
import { pourText, readNumber, Words } from './words';

const [V, F, HASH, BACKSLASH] = [...Buffer.from('vf#\\')];

/** The lines of an OBJ that say what it holds: `v` with a vertex, `f` with the corners of a face. */
class ObjLines extends Words {
	/** How many words of the line have passed. */
	private words = 0;
	/** The letter that the line begins with, if it is one of the two. */
	private letter = 0;
	private readonly point = [NaN, NaN, NaN];
	/** Whether the line goes on in the next one. */
	private goesOn = false;

	constructor(private readonly tally: Tally) {
		super();
	}

	protected takeWord(bytes: Buffer, start: number, end: number): void {
		const first = bytes[start];
		if (this.words === 0) {
			this.letter = end - start === 1 && (first === V || first === F) ? first! : 0;
			if (this.letter === 0) this.skipLine();
			this.words = 1;
			return;
		}
		if (first === HASH) {
			this.skipLine();
			return;
		}
		this.goesOn = bytes[end - 1] === BACKSLASH;
		const wordEnd = this.goesOn ? end - 1 : end;
		if (wordEnd === start) return;
		if (this.letter === V && this.words <= 3) this.point[this.words - 1] = readNumber(bytes, start, wordEnd);
		this.words += 1;
	}

	protected takeLineEnd(isLineFeed: boolean): void {
		if (this.goesOn) {
			this.goesOn = !isLineFeed;
			return;
		}
		if (this.letter === V) this.takeVertex();
		else if (this.letter === F) this.tally.addFace(this.words - 1);
		this.letter = 0;
		this.words = 0;
	}

	private takeVertex(): void {
		const [x, y, z] = this.point as [number, number, number];
		this.tally.vertices += 1;
		this.tally.addPoint(x, y, z);
		// A line that has no three numbers is not of an OBJ.
		this.isDone = this.words < 4 || Number.isNaN(x + y + z);
		this.tally.isWhole = !this.isDone;
	}
}

/** Source: the format's description by Wavefront. An OBJ says nowhere that it ends. */
export function* readObj(tally: Tally): Walk {
	yield* pourText(new ObjLines(tally));
}
