import type { Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import sharp from 'sharp';

import type { CancelSignal } from '../../nodes/ImgTo3d/async/clock';
import { isExchanging, countProgress } from './exchanges.mts';

/**
 * How long nothing must have been going on before the clock moves, ms of real time, and how many turns of the event loop more: the
 * one thing that cannot be seen are real timers, and the only short ones are n8n's pauses before a retry, of 1 ms.
 */
const QUIET_MS = 4;
const QUIET_TURNS = 3;

/** What a turn counts at most towards the clock's patience, ms: in a longer one, others had the processor. */
const LONGEST_TURN_MS = 20;

/**
 * Streams that are packing or unpacking a piece. They do it in threads that Node lists nowhere, also when the connection
 * that the piece came from has been closed.
 */
const zipping = new Set<Transform>();

type ZipTransform = (this: Transform, ...piece: Parameters<Transform['_transform']>) => void;

/** What all streams of zlib have in common. */
function zipPrototype(): { _transform: ZipTransform } {
	let prototype = createGunzip() as object;
	while (!Object.hasOwn(prototype, '_transform')) prototype = Object.getPrototypeOf(prototype) as object;
	return prototype as { _transform: ZipTransform };
}

const zip = zipPrototype();
const { _transform: zipTransform } = zip;
zip._transform = function (chunk, encoding, done) {
	zipping.add(this);
	zipTransform.call(this, chunk, encoding, (...result) => {
		zipping.delete(this);
		done(...result);
	});
};
afterAll(() => {
	zip._transform = zipTransform;
});

/** Whether a stream is zipping that anybody still wants. */
function isZipping(): boolean {
	for (const stream of zipping) if (stream.destroyed) zipping.delete(stream);
	return zipping.size > 0;
}

/** Turns that clocks wait for. */
let ownTurns = 0;

async function turn(): Promise<void> {
	ownTurns += 1;
	await new Promise((resolve) => setImmediate(resolve));
	ownTurns -= 1;
}

/** Whether this process is at work on something that is neither a timer nor an HTTP exchange. */
function isBusy(): boolean {
	const resources = process.getActiveResourcesInfo();
	const pictures = sharp.counters();
	return (
		isZipping() ||
		pictures.queue + pictures.process > 0 ||
		resources.some((resource) => /^FSReq|^CloseReq/.test(resource)) ||
		resources.filter((resource) => resource === 'Immediate').length > ownTurns
	);
}

/** The clocks that wait for quiet. */
const moving = new Set<TestClock>();
// In the same process the next test file's clocks would take their turns for work.
afterAll(() => moving.forEach((clock) => clock.stop()));

interface Sleeper {
	at: number;
	signal?: CancelSignal;
	wake: () => void;
}

/**
 * A clock that stands still while there is work and jumps to the next sleeper's time when there is none, so
 * that a wait of minutes takes milliseconds. The node and the stand-in service go by the same one.
 */
export class TestClock {
	private time: number;
	private sleepers: Sleeper[] = [];
	private isStopped = false;
	/** How long requests that nobody answers hold the clock when nothing else goes on, real ms; tests of a hanging call lower it. */
	patienceMs = 20_000;

	constructor(start = Date.UTC(2026, 0, 1)) {
		this.time = start;
	}

	now(): number {
		return this.time;
	}

	/** Nobody's clock but this one is known here. */
	toDate(time: number): Date {
		return new Date(time);
	}

	async sleep(ms: number, signal?: CancelSignal): Promise<void> {
		if (ms <= 0 || signal?.aborted) return;
		await new Promise<void>((wake) => {
			this.sleepers.push({ at: this.time + ms, signal, wake });
			void this.move();
		});
	}

	/** From now on nobody wakes any more. */
	stop(): void {
		this.isStopped = true;
	}

	private async move(): Promise<void> {
		if (moving.has(this)) return;
		moving.add(this);
		while (this.sleepers.length > 0) {
			await this.quiet();
			if (this.isStopped) break;
			if (this.wake(({ signal }) => signal?.aborted ?? false)) continue;
			this.time = Math.max(this.time, Math.min(...this.sleepers.map(({ at }) => at)));
			this.wake(({ at }) => at <= this.time);
		}
		moving.delete(this);
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
		let quietSince: number | undefined;
		let turns = 0;
		let patience = this.patienceMs;
		let latest = countProgress();
		for (let last = performance.now(); turns < QUIET_TURNS && patience > 0 && !this.isStopped; ) {
			await turn();
			const now = performance.now();
			const isWorking = isBusy() || latest !== (latest = countProgress());
			if (isWorking) patience = this.patienceMs;
			else if (isExchanging()) patience -= Math.min(now - last, LONGEST_TURN_MS);
			if (isWorking || isExchanging()) quietSince = undefined;
			else quietSince ??= now;
			const isQuiet = quietSince !== undefined && now - quietSince >= QUIET_MS;
			turns = isQuiet ? turns + 1 : 0;
			last = now;
		}
	}
}
