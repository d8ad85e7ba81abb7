import type { CancelSignal } from './clock';

/** Ends the work on an item because the run was stopped. There is nothing to report about the item. */
export class StoppedError extends Error {}

/** @throws StoppedError if the run was stopped */
export function throwIfStopped(signal: CancelSignal): void {
	if (signal.aborted) throw new StoppedError();
}

/** The cancellation of an execution: by Stop, or by a time limit of n8n. */
export class Cancellation {
	private readonly runEnded = new AbortController();
	/** Rejects when the execution is canceled. */
	private readonly canceled: Promise<never>;

	/**
	 * @param signal n8n's cancel signal, if n8n has one. A loop runs the node many times with the same signal, so each run
	 *   adds one listener and removes it at its end.
	 */
	constructor(private readonly signal: AbortSignal | undefined) {
		this.canceled = new Promise((_resolve, reject) => {
			this.onCancel(() => reject(new StoppedError()));
			if (signal?.aborted) reject(new StoppedError());
		});
		this.canceled.catch(() => undefined);
	}

	get isCanceled(): boolean {
		return this.signal?.aborted === true;
	}

	/**
	 * Waits for `work`, but not longer than until the execution is canceled. `work` itself goes on then.
	 *
	 * @throws StoppedError if the execution is canceled first
	 */
	async unlessCanceled<T>(work: Promise<T>): Promise<T> {
		work.catch(() => undefined);
		return await Promise.race([work, this.canceled]);
	}

	/** Calls `listener` in the tick of the cancellation. n8n saves the execution right after that, for the last time. */
	onCancel(listener: () => void): void {
		this.signal?.addEventListener('abort', listener, { signal: this.runEnded.signal });
	}

	/** Removes all listeners when the run is over. */
	forget(): void {
		this.runEnded.abort();
	}
}
