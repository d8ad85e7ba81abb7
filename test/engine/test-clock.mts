import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';

import type { StopSign } from '../../nodes/ImgTo3d/jobs/clock';

/** How long nothing must have been going on before the clock moves: between two steps of some work, nothing shows. */
const QUIET_TURNS = 20;
const QUIET_MS = 4;

/** Servers, as host:port, that go by the clock while they answer, so that requests to them must not hold it. */
const waiting = new Set<string>();

/**
 * From now on the clock moves on while this server answers.
 *
 * @returns ends that: to be called when the server closes, since the next one may be given its port, and a clock
 *   that jumps while the stand-in service answers lets calls run into their time limits
 */
export function letClockMoveFor(origin: string): () => void {
	const { host } = new URL(origin);
	waiting.add(host);
	return () => waiting.delete(host);
}

const inFlight = new Set<ClientRequest>();

/**
 * From now on the clock moves on although this request is not answered: a server calls it that keeps silent, or
 * answers by the clock, with the port that the request came from.
 */
export function letClockMoveDuring(clientPort: number): void {
	for (const request of inFlight) if (request.socket?.localPort === clientPort) inFlight.delete(request);
}

/** How long a request to a server that goes by the clock holds it, real ms: until it has arrived there. */
const ARRIVAL_MS = 20;

/** When the requests to such servers were sent that are not answered yet, real ms. */
const arriving = new Map<ClientRequest, number>();

const REQUESTS = 'http.client.request.start';
const count = (message: unknown) => {
	const { request } = message as { request: ClientRequest };
	if (waiting.has(String(request.getHeader('host')))) {
		arriving.set(request, performance.now());
		request.once('close', () => arriving.delete(request));
	} else {
		inFlight.add(request);
		request.once('close', () => inFlight.delete(request));
	}
};
subscribe(REQUESTS, count);
// The channel outlives the test file, and this module is loaded anew for the next one.
afterAll(() => unsubscribe(REQUESTS, count));

/** Whether this process is at work on something that is not a timer: an HTTP exchange or a file. */
function isBusy(): boolean {
	return (
		inFlight.size > 0 ||
		[...arriving.values()].some((sentAt) => performance.now() - sentAt < ARRIVAL_MS) ||
		process.getActiveResourcesInfo().some((resource) => /^FSReq|^CloseReq|Sharp|Zlib/.test(resource))
	);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

interface Sleeper {
	at: number;
	signal?: StopSign;
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

	async sleep(ms: number, signal?: StopSign): Promise<void> {
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

	/** Resolves when nothing has been going on for a while, or when nobody answers a request. */
	private async quiet(): Promise<void> {
		const start = performance.now();
		let since = start;
		for (let turns = 0; turns < QUIET_TURNS || performance.now() - since < QUIET_MS; turns++) {
			await turn();
			if (!isBusy() || performance.now() - start > this.patienceMs) continue;
			turns = 0;
			since = performance.now();
		}
	}
}
