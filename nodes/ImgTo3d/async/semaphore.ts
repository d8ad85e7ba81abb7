/** A number of slots. Tasks get them in the order in which they ask, and wait while all are taken. */
export class Semaphore {
	private readonly waiting: Array<() => void> = [];

	/** @param free how many slots there are */
	constructor(private free: number) {}

	/**
	 * Runs a task in a slot, and frees the slot when the task ends, also with an error.
	 *
	 * @param task may free its slot earlier
	 */
	async run<T>(task: (release: () => void) => Promise<T>): Promise<T> {
		if (this.free > 0) this.free -= 1;
		else await new Promise<void>((resolve) => this.waiting.push(resolve));
		let isHeld = true;
		const release = () => {
			if (isHeld) this.passOn();
			isHeld = false;
		};
		try {
			return await task(release);
		} finally {
			release();
		}
	}

	/** Passes a slot directly to the next waiter, so that no newcomer takes it. */
	private passOn(): void {
		const next = this.waiting.shift();
		if (next) next();
		else this.free += 1;
	}
}
