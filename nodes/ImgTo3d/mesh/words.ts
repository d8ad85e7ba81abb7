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
	/** Where the next line feed and the next carriage return of the chunk are, or its end. */
	private readonly lineEnds = [-1, -1];
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
		const { length } = chunk;
		this.lineEnds.fill(-1);
		let at = from;
		while (at < length && !this.isDone) {
			if (this.isSkippingLine) {
				at = this.findLineEnd(chunk, at);
				if (at === length) return length;
				this.isSkippingLine = false;
			}
			const code = chunk[at]!;
			if (code > SPACE) at = this.passWord(chunk, at);
			else if (this.splitLength > 0) this.takeSplit();
			else {
				at++;
				if (code === LINE_FEED || code === CARRIAGE_RETURN) this.takeLineEnd(code === LINE_FEED);
			}
		}
		return at;
	}

	/** Each byte is searched once for either end, because some files have one of them only. */
	private findLineEnd(chunk: Buffer, from: number): number {
		[LINE_FEED, CARRIAGE_RETURN].forEach((code, index) => {
			if (this.lineEnds[index]! >= from) return;
			const at = chunk.indexOf(code, from);
			this.lineEnds[index] = at < 0 ? chunk.length : at;
		});
		return Math.min(this.lineEnds[0]!, this.lineEnds[1]!);
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
}

/** Passes a text to its end, without the byte order mark that it may begin with. */
export function* pourText(words: Words): Walk {
	const beginning = yield read(BYTE_ORDER_MARK.length);
	if (!beginning.equals(BYTE_ORDER_MARK)) words.take(beginning, 0);
	yield pour(words);
}

/** The powers of ten that are looked up. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);

const findPower = (exponent: number) => POWERS[exponent] ?? 10 ** exponent;

/** More digits than that do not matter. */
const MAX_DIGITS = 15;

const [DOT, MINUS, PLUS, ZERO, NINE, E] = [46, 45, 43, 48, 57, 101];

/**
 * Reads a decimal number from a text, to 15 digits. That is several times faster than to make a string of it first.
 *
 * @returns NaN if it is not a number
 */
export function readNumber(bytes: Buffer, start: number, end: number): number {
	if (end - start >= MAX_WORD_BYTES) return NaN;
	let at = start;
	const isNegative = bytes[at] === MINUS;
	if (isNegative || bytes[at] === PLUS) at++;
	let [digits, count, scale] = [0, 0, 0];
	let [hasDigits, hasDot] = [false, false];
	for (; at < end; at++) {
		const code = bytes[at]!;
		if (code >= ZERO && code <= NINE) {
			hasDigits = true;
			if (count < MAX_DIGITS) {
				digits = digits * 10 + code - ZERO;
				if (digits > 0) count++;
				if (hasDot) scale--;
			} else if (!hasDot) scale++;
		} else if (code === DOT && !hasDot) hasDot = true;
		else if ((code | 32) === E && hasDigits) {
			scale += readExponent(bytes, at + 1, end);
			break;
		} else return NaN;
	}
	if (!hasDigits) return NaN;
	const value = scale < 0 ? digits / findPower(-scale) : digits * findPower(scale);
	return isNegative ? -value : value;
}

function readExponent(bytes: Buffer, start: number, end: number): number {
	const isNegative = bytes[start] === MINUS;
	let at = isNegative || bytes[start] === PLUS ? start + 1 : start;
	let exponent = at < end ? 0 : NaN;
	for (; at < end; at++) {
		const digit = bytes[at]! - ZERO;
		if (digit < 0 || digit > 9) return NaN;
		exponent = exponent * 10 + digit;
	}
	return isNegative ? -exponent : exponent;
}
