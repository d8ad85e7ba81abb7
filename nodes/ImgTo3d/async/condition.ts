import type { Clock, CancelSignal } from './clock';

/** Something that happens again and again, and that others wait for. */
export class Condition {
	private readonly listeners = new Set<() => void>();

	notifyAll(): void {
		for (const listener of this.listeners) listener();
	}

	/** Sleeps like {@link Clock.sleep}, but not longer than until the condition is notified. */
	async wait(clock: Clock, ms: number, signal: CancelSignal): Promise<void> {
		let isOver = false;
		const stop = {
			get aborted() {
				return isOver || signal.aborted;
			},
		};
		let listener = () => {};
		// Each waiter has a promise of its own. A shared one would hold on to every waiter until it resolves.
		const notified = new Promise<void>((resolve) => {
			listener = resolve;
		});
		this.listeners.add(listener);
		await Promise.race([clock.sleep(ms, stop), notified]);
		this.listeners.delete(listener);
		isOver = true;
	}
}
