/** Starts a task, or turns it away. */
type Start = (mayStart: boolean) => void;

/**
 * A number of slots that queues share in rotation, so that many tasks in one queue do not delay those in another. Within a
 * queue, tasks get their slots in the order in which they ask.
 */
export class FairQueue {
	/** The tasks that wait, by queue. The queue that is served next is first. */
	private readonly queues = new Map<string, Start[]>();
	private waiting = 0;

	/**
	 * @param free how many tasks may run at the same time
	 * @param maxWaiting how many tasks may wait, in all queues together
	 * @param maxInQueue how many tasks may wait in one queue
	 */
	constructor(
		private free: number,
		private readonly maxWaiting: number,
		private readonly maxInQueue = maxWaiting,
	) {}

	/**
	 * Runs a task in a slot, and frees the slot when the task ends, also with an error.
	 *
	 * @param queue the name of its queue
	 * @returns nothing if the task was turned away: when its queue is full, and when too many wait in all. Then the longest
	 *   queue loses its last task.
	 */
	async run<T>(queue: string, task: () => Promise<T>): Promise<T | undefined> {
		if (this.free > 0) this.free -= 1;
		else if (!(await this.waitIn(queue))) return undefined;
		try {
			return await task();
		} finally {
			this.passOn();
		}
	}

	private async waitIn(queue: string): Promise<boolean> {
		return await new Promise<boolean>((start) => {
			const starts = this.queues.get(queue) ?? [];
			if (starts.length >= this.maxInQueue) {
				start(false);
				return;
			}
			this.queues.set(queue, starts);
			starts.push(start);
			this.waiting += 1;
			if (this.waiting > this.maxWaiting) this.turnOneAway();
		});
	}

	private turnOneAway(): void {
		const [longest] = [...this.queues].sort(([, one], [, other]) => other.length - one.length);
		if (longest) this.remove(longest[0], longest[1].pop(), false);
	}

	/** Passes a slot directly to the next waiter, so that no newcomer takes it. */
	private passOn(): void {
		const [next] = this.queues;
		if (!next) {
			this.free += 1;
			return;
		}
		const [queue, starts] = next;
		this.queues.delete(queue);
		this.queues.set(queue, starts);
		this.remove(queue, starts.shift(), true);
	}

	private remove(queue: string, start: Start | undefined, mayStart: boolean): void {
		if (this.queues.get(queue)?.length === 0) this.queues.delete(queue);
		this.waiting -= 1;
		start?.(mayStart);
	}
}
