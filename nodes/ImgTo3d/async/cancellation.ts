import type { CancelSignal } from './clock';

/** Thrown where work on an item ends because the run was stopped; there is nothing to report about the item. */
export class StoppedError extends Error {}

/** @throws StoppedError when the run was stopped */
export function throwIfStopped(signal: CancelSignal): void {
	if (signal.aborted) throw new StoppedError();
}

/** The end of an execution from outside. */
export class Cancellation {
	private readonly end = new AbortController();
	/** Rejects when the execution is canceled. */
	private readonly happened: Promise<never>;

	/** @param signal n8n's, if it has one; one listener a run, because a loop runs the node many times on one signal */
	constructor(private readonly signal: AbortSignal | undefined) {
		this.happened = new Promise((_resolve, reject) => {
			signal?.addEventListener('abort', () => reject(new StoppedError()), { signal: this.end.signal });
			if (signal?.aborted) reject(new StoppedError());
		});
		this.happened.catch(() => undefined);
	}

	get isCanceled(): boolean {
		return this.signal?.aborted === true;
	}

	/** What `work` brings, unless the execution is canceled before: `work` runs on then. @throws Stopped */
	async unlessCanceled<T>(work: Promise<T>): Promise<T> {
		work.catch(() => undefined);
		return await Promise.race([work, this.happened]);
	}

	/** Calls `listener` in the tick of the cancellation: n8n saves the execution right after it, and never again. */
	onCancel(listener: () => void): void {
		this.signal?.addEventListener('abort', listener, { signal: this.end.signal });
	}

	/** The run is over, and nobody has to be told any more. */
	forget(): void {
		this.end.abort();
	}
}
