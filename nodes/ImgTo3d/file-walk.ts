/** Follows the structure of a file while its bytes pass, in chunks of any length. */

/** Takes bytes that are too many to be kept. */
export interface Sink {
	/** Whether it has all that it wants. */
	readonly isDone: boolean;
	/** Takes bytes of a chunk from a place on. @returns the place of the first byte that it does not want */
	take(chunk: Buffer, at: number): number;
	/** The file has ended. */
	end?(): void;
}

/** What a walk does next. */
interface Step {
	/** Skips bytes, reads bytes, skips lines, or has a sink take bytes until it is done. */
	kind: 'skip' | 'read' | 'skipLines' | 'pour';
	count: number;
	sink?: Sink;
	/** Whether a file may end before this step. */
	mayEnd?: boolean;
}

/** Goes through a file from its first byte to its end. It gets the bytes that it asks to read. */
export type Walk<Result = void> = Generator<Step, Result, Buffer>;

export const skip = (count: number): Step => ({ kind: 'skip', count });
export const read = (count: number): Step => ({ kind: 'read', count });
export const skipLines = (count: number): Step => ({ kind: 'skipLines', count });
export const pour = (sink: Sink): Step => ({ kind: 'pour', count: sink.isDone ? 0 : 1, sink });

const NOTHING = Buffer.alloc(0);

const LINE_FEED = 10;

/** Follows a walk. */
export class FileWalk {
	private step: IteratorResult<Step, void>;
	/** How many bytes, lines or sinks of the step are missing. */
	private left = 0;
	/** What the step has read. It may have room for more. */
	private bytes = NOTHING;
	private length = 0;

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
			if (this.left === 0) this.step = this.next(this.bytes.subarray(0, this.length));
		}
	}

	/** Tells the walk that the file has ended. */
	end(): void {
		if (this.step.done || !this.step.value.sink?.end) return;
		this.step.value.sink.end();
		this.step = this.next(NOTHING);
	}

	/** Takes as much of a chunk as the step needs. @returns where in the chunk that ends */
	private advance({ kind, sink }: Step, chunk: Buffer, at: number): number {
		if (sink) {
			const end = sink.take(chunk, at);
			if (sink.isDone) this.left = 0;
			return end;
		}
		if (kind === 'skipLines') {
			const lineEnd = chunk.indexOf(LINE_FEED, at);
			if (lineEnd < 0) return chunk.length;
			this.left -= 1;
			return lineEnd + 1;
		}
		const end = Math.min(chunk.length, at + this.left);
		if (kind === 'read') this.keep(chunk.subarray(at, end), this.left);
		this.left -= end - at;
		return end;
	}

	/** Keeps bytes that are read. The room for them grows by half at least, so that many small chunks are not copied often. */
	private keep(piece: Buffer, wanted: number): void {
		const length = this.length + piece.length;
		if (this.length === 0 && piece.length === wanted) this.bytes = piece;
		else {
			if (length > this.bytes.length) {
				const larger = Buffer.alloc(Math.min(this.length + wanted, Math.max(length, 2 * this.length)));
				this.bytes.copy(larger, 0, 0, this.length);
				this.bytes = larger;
			}
			piece.copy(this.bytes, this.length);
		}
		this.length = length;
	}

	/** Finds the next step that takes at least one byte. @param bytes what the step before has read */
	private next(bytes: Buffer): IteratorResult<Step, void> {
		let step = this.walk.next(bytes);
		while (!step.done && step.value.count === 0) step = this.walk.next(NOTHING);
		this.left = step.done ? 0 : step.value.count;
		this.bytes = NOTHING;
		this.length = 0;
		return step;
	}
}
