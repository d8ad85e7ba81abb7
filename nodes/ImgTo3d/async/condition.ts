import type { Clock, CancelSignal } from './clock';

/** Something that happens again and again, for those who wait for it. */
export class Condition {
	private readonly listeners = new Set<() => void>();

	notifyAll(): void {
		for (const listener of this.listeners) listener();
	}

	/** Sleeps as {@link Clock.sleep} does, but no longer than until it happens. */
	async wait(clock: Clock, ms: number, signal: CancelSignal): Promise<void> {
		let isOver = false;
		const over = {
			get aborted() {
				return isOver || signal.aborted;
			},
		};
		let listener = () => {};
		// A promise for each waiting: one for all would hold on to every waiting until it happens.
		const happened = new Promise<void>((resolve) => {
			listener = resolve;
		});
		this.listeners.add(listener);
		await Promise.race([clock.sleep(ms, over), happened]);
		this.listeners.delete(listener);
		isOver = true;
	}
}
