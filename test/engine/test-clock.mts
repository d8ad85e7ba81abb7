import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';


let inFlight = 0;
subscribe('http.client.request.start', (message) => {
	inFlight += 1;
	(message as { request: ClientRequest }).request.once('close', () => {
		inFlight -= 1;
	});
});

/** Whether this process is at work on something that is not a timer: an HTTP exchange or a file. */
function isBusy(): boolean {
	return inFlight > 0 || process.getActiveResourcesInfo().some((resource) => /^FSReq|Sharp|Zlib/.test(resource));
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

interface Sleeper {
	at: number;
	signal?: AbortSignal;
	wake: () => void;
}

/**
 * A clock that stands still while there is work and jumps to the next sleeper's time when there is none, so
 * that a wait of minutes takes milliseconds. The node and the stand-in service go by the same one.
 */
export class TestClock {
	private time: number;
	private sleepers: Sleeper[] = [];
	private isMoving = false;
	/** How long a request that nobody answers holds the clock, real ms; tests of a hanging call lower it. */
	patienceMs = 20_000;

	constructor(start = Date.UTC(2026, 0, 1)) {
		this.time = start;
	}

	now(): number {
		return this.time;
	}

	async sleep(ms: number, signal?: AbortSignal): Promise<void> {
		if (ms <= 0 || signal?.aborted) return;
		await new Promise<void>((wake) => {
			this.sleepers.push({ at: this.time + ms, signal, wake });
			void this.move();
		});
	}

	private async move(): Promise<void> {
		if (this.isMoving) return;
		this.isMoving = true;
		while (this.sleepers.length > 0) {
			await this.quiet();
			if (this.wake(({ signal }) => signal?.aborted ?? false)) continue;
			this.time = Math.max(this.time, Math.min(...this.sleepers.map(({ at }) => at)));
			this.wake(({ at }) => at <= this.time);
		}
		this.isMoving = false;
	}

	/** Wakes the sleepers that `isDue` picks, in the order they went to sleep. */
	private wake(isDue: (sleeper: Sleeper) => boolean): boolean {
		const due = this.sleepers.filter(isDue);
		this.sleepers = this.sleepers.filter((sleeper) => !due.includes(sleeper));
		for (const { wake } of due) wake();
		return due.length > 0;
	}

	/** Resolves when nothing has been going on for a few turns of the event loop. */
	private async quiet(): Promise<void> {
		const since = performance.now();
		for (let idleTurns = 0; idleTurns < 5; ) {
			await turn();
			idleTurns = isBusy() && performance.now() - since < this.patienceMs ? 0 : idleTurns + 1;
		}
	}
}
