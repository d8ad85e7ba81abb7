/**
 * A number of places that are shared out among lanes in turn, so that many in one lane do not keep those in another
 * waiting. Within a lane they are taken in the order of asking.
 */
export class FairQueue {
	/** Who waits, by lane; the lane whose turn is next comes first. */
	private readonly lines = new Map<string, Array<(mayBegin: boolean) => void>>();
	private waiting = 0;

	/**
	 * @param free how many works may be under way at the same time
	 * @param most how many may wait, in all lanes
	 */
	constructor(
		private free: number,
		private readonly most: number,
	) {}

	/**
	 * Runs `work` in a place of its own and frees the place when it ends, however it ends.
	 *
	 * @returns nothing when it was turned away: when too many wait, the longest lane loses the one that came last
	 */
	async run<T>(lane: string, work: () => Promise<T>): Promise<T | undefined> {
		if (this.free > 0) this.free -= 1;
		else if (!(await this.turn(lane))) return undefined;
		try {
			return await work();
		} finally {
			this.passOn();
		}
	}

	private async turn(lane: string): Promise<boolean> {
		return await new Promise<boolean>((begin) => {
			const line = this.lines.get(lane) ?? [];
			this.lines.set(lane, line);
			line.push(begin);
			this.waiting += 1;
			if (this.waiting > this.most) this.turnOneAway();
		});
	}

	private turnOneAway(): void {
		const [longest] = [...this.lines].sort(([, one], [, other]) => other.length - one.length);
		if (longest) this.leave(longest[0], longest[1].pop(), false);
	}

	/** A freed place goes to the next one directly: nobody can slip in between. */
	private passOn(): void {
		const [next] = this.lines;
		if (!next) {
			this.free += 1;
			return;
		}
		const [lane, line] = next;
		this.lines.delete(lane);
		this.lines.set(lane, line);
		this.leave(lane, line.shift(), true);
	}

	private leave(lane: string, begin: ((mayBegin: boolean) => void) | undefined, mayBegin: boolean): void {
		if (this.lines.get(lane)?.length === 0) this.lines.delete(lane);
		this.waiting -= 1;
		begin?.(mayBegin);
	}
}
