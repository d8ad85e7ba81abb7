import type { Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import sharp from 'sharp';

import type { CancelSignal } from '../../nodes/ImgTo3d/async/clock';
import { countProgress, isExchanging } from './exchanges.mts';
import { LeapingClock } from './leaping-clock.mts';

/**
 * How long nothing must happen before the clock leaps, ms of real time, and how many turns of the event loop after that. Only real
 * timers cannot be seen. The only short ones are n8n's pauses of 1 ms before a retry.
 */
const QUIET_MS = 4;
const QUIET_TURNS = 3;

/** The most that a turn uses up of the clock's patience, ms. In a longer turn, other processes had the processor. */
const LONGEST_TURN_MS = 20;

/**
 * Streams that are packing or unpacking a piece. They do it in threads that Node does not list, also after the connection of the piece
 * has closed.
 */
const zipping = new Set<Transform>();

type ZipTransform = (this: Transform, ...piece: Parameters<Transform['_transform']>) => void;

/** @returns the prototype of all streams of zlib */
function findZipPrototype(): { _transform: ZipTransform } {
	let prototype = createGunzip() as object;
	while (!Object.hasOwn(prototype, '_transform')) prototype = Object.getPrototypeOf(prototype) as object;
	return prototype as { _transform: ZipTransform };
}

const zip = findZipPrototype();
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

/** Whether a stream is packing or unpacking that is still needed. */
function isZipping(): boolean {
	for (const stream of zipping) if (stream.destroyed) zipping.delete(stream);
	return zipping.size > 0;
}

/** The turns that clocks wait for. */
let ownTurns = 0;

/** Waits for the next turn of the event loop. */
async function passTurn(): Promise<void> {
	ownTurns += 1;
	await new Promise((resolve) => setImmediate(resolve));
	ownTurns -= 1;
}

/** Whether this process works on something other than timers and HTTP exchanges. */
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

/** The clocks that wait until nothing happens. */
const moving = new Set<TestClock>();
// In the same process, the clocks of the next test file would count their turns as work.
afterAll(() => moving.forEach((clock) => clock.stop()));

/**
 * A clock that stands still while there is work, and leaps to the end of the next sleep when there is none. The node and the stand-in
 * service go by the same one.
 */
export class TestClock extends LeapingClock {
	private isStopped = false;

	/**
	 * How long unanswered requests hold the clock while nothing else happens, real ms. Tests of a call that gets no answer set less.
	 */
	patienceMs = 20_000;

	constructor(start = Date.UTC(2026, 0, 1)) {
		super(start);
	}

	override async sleep(ms: number, signal?: CancelSignal): Promise<void> {
		const slept = super.sleep(ms, signal);
		void this.move();
		await slept;
	}

	/** From now on no sleep ends. */
	stop(): void {
		this.isStopped = true;
	}

	private async move(): Promise<void> {
		if (moving.has(this)) return;
		moving.add(this);
		while (this.hasSleepers) {
			await this.waitUntilQuiet();
			if (this.isStopped) break;
			this.leap();
		}
		moving.delete(this);
	}

	/** Resolves when nothing has happened for a while, or when a request stays without an answer. */
	private async waitUntilQuiet(): Promise<void> {
		let quietSince: number | undefined;
		let turns = 0;
		let patience = this.patienceMs;
		let latest = countProgress();
		for (let last = performance.now(); turns < QUIET_TURNS && patience > 0 && !this.isStopped; ) {
			await passTurn();
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
