import { systemClock } from '../../local-api/index.mts';

/** The part of a signal that a sleep observes. */
type CancelSignal = Pick<AbortSignal, 'aborted'>;

interface Sleeper {
	at: number;
	signal?: CancelSignal;
	end: () => void;
}

/** A clock that stands still until it leaps to the end of the next sleep, so a wait of minutes takes milliseconds. */
export class LeapingClock {
	private sleepers: Sleeper[] = [];

	/** @param time ms since the epoch */
	constructor(private time: number) {}

	now(): number {
		return this.time;
	}

	/** This clock is the only one, so its time is also the system's. */
	toDate(time: number): Date {
		return new Date(time);
	}

	async sleep(ms: number, signal?: CancelSignal): Promise<void> {
		if (ms <= 0 || signal?.aborted) return;
		await new Promise<void>((end) => this.sleepers.push({ at: this.time + ms, signal, end }));
	}

	protected get hasSleepers(): boolean {
		return this.sleepers.length > 0;
	}

	/** Ends the sleeps that are aborted. If there are none, leaps to the end of the next sleep. */
	protected leap(): void {
		if (!this.hasSleepers || this.end(({ signal }) => signal?.aborted ?? false)) return;
		this.time = Math.max(this.time, Math.min(...this.sleepers.map(({ at }) => at)));
		this.end(({ at }) => at <= this.time);
	}

	/** Ends sleeps in the order in which they began. @returns whether there were any */
	private end(isDue: (sleeper: Sleeper) => boolean): boolean {
		const due = this.sleepers.filter(isDue);
		this.sleepers = this.sleepers.filter((sleeper) => !due.includes(sleeper));
		for (const { end } of due) end();
		return due.length > 0;
	}
}

/** The system's clock, until it leaps ahead. For servers in other processes, which go by the system's clock. */
export class LeapingSystemClock {
	private aheadMs = 0;
	private leaping = new AbortController();

	now(): number {
		return systemClock.now() + this.aheadMs;
	}

	async sleep(ms: number, signal?: AbortSignal): Promise<void> {
		const end = this.now() + ms;
		while (this.now() < end) {
			const interruption = signal ? AbortSignal.any([signal, this.leaping.signal]) : this.leaping.signal;
			try {
				await systemClock.sleep(end - this.now(), interruption);
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
