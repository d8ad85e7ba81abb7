import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';

/** How long a request that nobody answers holds the clock, real ms; only tests of a hanging call wait this long. */
const PATIENCE_MS = 20_000;

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

/**
 * A clock that stands still while there is work and jumps to the next sleeper's time when there is none, so
 * that a wait of minutes takes milliseconds. The node and the stand-in service go by the same one.
 */
export class TestClock {
	private time: number;
	private sleepers: Array<{ at: number; wake: () => void }> = [];
	private isMoving = false;

	constructor(start = Date.UTC(2026, 0, 1)) {
		this.time = start;
	}

	now(): number {
		return this.time;
	}

	async sleep(ms: number, signal?: AbortSignal): Promise<void> {
		if (ms <= 0 || signal?.aborted) return;
		await new Promise<void>((resolve) => {
			const sleeper = { at: this.time + ms, wake: resolve };
			this.sleepers.push(sleeper);
			signal?.addEventListener(
				'abort',
				() => {
					this.sleepers = this.sleepers.filter((other) => other !== sleeper);
					resolve();
				},
				{ once: true },
			);
			void this.move();
		});
	}

	private async move(): Promise<void> {
		if (this.isMoving) return;
		this.isMoving = true;
		while (this.sleepers.length > 0) {
			await this.quiet();
			if (this.sleepers.length === 0) break;
			this.time = Math.max(this.time, Math.min(...this.sleepers.map(({ at }) => at)));
			const due = this.sleepers.filter(({ at }) => at <= this.time);
			this.sleepers = this.sleepers.filter(({ at }) => at > this.time);
			for (const { wake } of due) wake();
		}
		this.isMoving = false;
	}

	/** Resolves when nothing has been going on for a few turns of the event loop. */
	private async quiet(): Promise<void> {
		const since = performance.now();
		for (let idleTurns = 0; idleTurns < 5; ) {
			await turn();
			idleTurns = isBusy() && performance.now() - since < PATIENCE_MS ? 0 : idleTurns + 1;
		}
	}
}
