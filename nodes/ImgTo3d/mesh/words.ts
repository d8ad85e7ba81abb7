import { pour, read, type Sink, type Walk } from '../file-walk';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/** Longer words are cut off. No number is as long. */
const MAX_WORD_BYTES = 64;

/** Passes the words of a text and the ends of its lines, in whatever chunks it arrives. A word is at most 64 bytes long. */
export abstract class Words implements Sink {
	isDone = false;
	private isSkippingLine = false;
	/** The part of a word that was at the end of a chunk. */
	private readonly split = Buffer.alloc(MAX_WORD_BYTES);
	private splitLength = 0;

	/** Takes a word, from `start` up to `end`. */
	protected abstract takeWord(bytes: Buffer, start: number, end: number): void;

	/** Takes the end of a line, a line feed or a carriage return. A line may have both. */
	protected abstract takeLineEnd(isLineFeed: boolean): void;

	/** Skips the rest of the line, but not its end. */
	protected skipLine(): void {
		this.isSkippingLine = true;
	}

	take(chunk: Buffer, from: number): number {
		let at = from;
		while (at < chunk.length && !this.isDone) {
			const code = chunk[at]!;
			if (code > SPACE && !this.isSkippingLine) at = this.passWord(chunk, at);
			else {
				if (this.splitLength > 0) this.takeSplit();
				else at = this.passSpace(chunk, at);
			}
		}
		return at;
	}

	end(): void {
		this.take(Buffer.from('\n'), 0);
	}

	private passWord(chunk: Buffer, start: number): number {
		let end = start + 1;
		while (end < chunk.length && chunk[end]! > SPACE) end++;
		if (end < chunk.length && this.splitLength === 0) {
			this.takeWord(chunk, start, Math.min(end, start + MAX_WORD_BYTES));
			return end;
		}
		// The word may go on in the next chunk, or has begun in the last one.
		this.splitLength += chunk.copy(this.split, this.splitLength, start, end);
		return end;
	}

	private takeSplit(): void {
		const length = this.splitLength;
		this.splitLength = 0;
		this.takeWord(this.split, 0, length);
	}

	/** Passes a character that is not part of a word, or the rest of a line. */
	private passSpace(chunk: Buffer, at: number): number {
		if (this.isSkippingLine) {
			const lineEnd = chunk.indexOf(LINE_FEED, at);
			if (lineEnd < 0) return chunk.length;
			this.isSkippingLine = false;
			return lineEnd;
		}
		const code = chunk[at];
		if (code === LINE_FEED || code === CARRIAGE_RETURN) this.takeLineEnd(code === LINE_FEED);
		return at + 1;
	}
}

/** Passes a text to its end, without the byte order mark that it may begin with. */
export function* pourText(words: Words): Walk {
	const beginning = yield read(BYTE_ORDER_MARK.length);
	if (!beginning.equals(BYTE_ORDER_MARK)) words.take(beginning, 0);
	yield pour(words);
}

/** The powers of ten that a double has exactly. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** Up to here, a double has every whole number. */
const MAX_DIGITS = 15;

const [DOT, MINUS, PLUS, ZERO, NINE] = [46, 45, 43, 48, 57];

/**
 * Reads a number from a text. Short decimal numbers, which are nearly all, are put together from their digits. The
 * result is the same, many times faster.
 *
 * @returns NaN if it is not a number
 */
export function readNumber(bytes: Buffer, start: number, end: number): number {
	let at = start;
	const isNegative = bytes[at] === MINUS;
	if (isNegative || bytes[at] === PLUS) at++;
	let digits = 0;
	let count = 0;
	let decimals = -1;
	for (; at < end; at++) {
		const code = bytes[at]!;
		if (code >= ZERO && code <= NINE) {
			digits = digits * 10 + code - ZERO;
			count++;
			if (decimals >= 0) decimals++;
		} else if (code === DOT && decimals < 0) decimals = 0;
		else return readAnyNumber(bytes, start, end);
	}
	if (count === 0 || count > MAX_DIGITS) return readAnyNumber(bytes, start, end);
	const value = decimals > 0 ? digits / POWERS[decimals]! : digits;
	return isNegative ? -value : value;
}

function readAnyNumber(bytes: Buffer, start: number, end: number): number {
	const isCutOff = end - start >= MAX_WORD_BYTES;
	const text = bytes.toString('latin1', start, end);
	return !isCutOff && /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN;
}
