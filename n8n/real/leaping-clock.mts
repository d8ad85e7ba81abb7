import { systemClock, type Clock } from '../../local-api/index.mts';

/** The system's time, until it leaps ahead. */
export class LeapingClock implements Clock {
	private aheadMs = 0;
	private leaping = new AbortController();

	now(): number {
		return systemClock.now() + this.aheadMs;
	}

	async sleep(ms: number, signal?: AbortSignal): Promise<void> {
		const end = this.now() + ms;
		while (this.now() < end) {
			const wake = signal ? AbortSignal.any([signal, this.leaping.signal]) : this.leaping.signal;
			try {
				await systemClock.sleep(end - this.now(), wake);
			} catch (error) {
				if (signal?.aborted) throw error;
			}
		}
	}

	leap(seconds: number): void {
		this.aheadMs += seconds * 1000;
		this.leaping.abort();
		this.leaping = new AbortController();
	}
}
