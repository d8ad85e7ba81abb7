import type { Transform } from 'node:stream';
import timers from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import sharp from 'sharp';

import type { CancelSignal } from '../../nodes/ImgTo3d/async/clock';
import { countProgress, isExchanging, letClockMoveDuringAll } from './exchanges.mts';
import { LeapingClock } from './leaping-clock.mts';

/** In how many turns of the event loop nothing must happen before the clock leaps. */
const QUIET_TURNS = 8;

/** How often the clock checks whether the work goes on, ms of real time. */
const CHECK_MS = 1;

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

/** Timers up to this are seen, ms: n8n pauses for 1 ms before a retry. Longer ones guard against something that hangs. */
const LONGEST_SHORT_TIMER_MS = 50;

const realTimers = { setTimeout: globalThis.setTimeout, pause: timers.setTimeout };

/** When the short timers that run are due, by `performance.now()`. */
const shortTimers = new Map<unknown, number>();

function startTimer(callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): NodeJS.Timeout {
	const timer = realTimers.setTimeout(
		(...given: unknown[]) => {
			shortTimers.delete(timer);
			callback(...given);
		},
		ms,
		...args,
	);
	if (!(ms > LONGEST_SHORT_TIMER_MS)) shortTimers.set(timer, performance.now() + (ms || 0));
	return timer;
}

async function pause<T>(ms?: number, ...rest: [value?: T, options?: object]): Promise<T> {
	const key = {};
	if (!((ms ?? 0) > LONGEST_SHORT_TIMER_MS)) shortTimers.set(key, performance.now() + (ms ?? 0));
	try {
		return await (realTimers.pause as typeof pause<T>)(ms, ...rest);
	} finally {
		shortTimers.delete(key);
	}
}

Object.defineProperties(startTimer, Object.getOwnPropertyDescriptors(realTimers.setTimeout));
globalThis.setTimeout = startTimer as typeof setTimeout;
timers.setTimeout = pause as typeof timers.setTimeout;
afterAll(() => {
	globalThis.setTimeout = realTimers.setTimeout;
	timers.setTimeout = realTimers.pause;
});

/** Whether a short timer runs. One that is long overdue has been stopped. */
function hasShortTimers(): boolean {
	const now = performance.now();
	for (const [timer, due] of shortTimers) if (now > due + LONGEST_SHORT_TIMER_MS) shortTimers.delete(timer);
	return shortTimers.size > 0;
}

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

/** Lets the work go on for a moment, without taking the processor from it. */
async function letWorkGoOn(): Promise<void> {
	await new Promise((resolve) => realTimers.setTimeout(resolve, CHECK_MS));
}

/** Whether this process works on something other than timers and HTTP exchanges. */
function isBusy(): boolean {
	const resources = process.getActiveResourcesInfo();
	const pictures = sharp.counters();
	return (
		isZipping() ||
		hasShortTimers() ||
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
	 * How long unanswered requests hold the clock while nothing else happens, real ms. After that, they hold it no longer. Tests of a call
	 * that gets no answer set less.
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

	/** Resolves when nothing happens any more, or when a request stays without an answer. */
	private async waitUntilQuiet(): Promise<void> {
		let isQuiet = true;
		let turns = 0;
		let patience = this.patienceMs;
		let latest = countProgress();
		for (let last = performance.now(); turns < QUIET_TURNS && patience > 0 && !this.isStopped; ) {
			await (isQuiet ? passTurn() : letWorkGoOn());
			const now = performance.now();
			const isWorking = isBusy() || latest !== (latest = countProgress());
			if (isWorking) patience = this.patienceMs;
			else if (isExchanging()) patience -= Math.min(now - last, LONGEST_TURN_MS);
			isQuiet = !isWorking && !isExchanging();
			turns = isQuiet ? turns + 1 : 0;
			last = now;
		}
		if (patience <= 0) letClockMoveDuringAll();
	}
}
