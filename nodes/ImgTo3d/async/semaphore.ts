/** A number of places, taken in the order of asking; who asks when all are taken waits until one is free. */
export class Semaphore {
	private readonly waiting: Array<() => void> = [];

	constructor(private free: number) {}

	/**
	 * Runs `work` in a place of its own and frees the place when it ends, however it ends.
	 *
	 * @param work may give its place back sooner
	 */
	async run<T>(work: (release: () => void) => Promise<T>): Promise<T> {
		if (this.free > 0) this.free -= 1;
		else await new Promise<void>((resolve) => this.waiting.push(resolve));
		let isHeld = true;
		const release = () => {
			if (isHeld) this.passOn();
			isHeld = false;
		};
		try {
			return await work(release);
		} finally {
			release();
		}
	}

	/** A freed place goes to the next one directly: nobody can slip in between. */
	private passOn(): void {
		const next = this.waiting.shift();
		if (next) next();
		else this.free += 1;
	}
}
