/** Work that takes real time, for tests of the clock that has to see it. */
import { readFile } from 'node:fs/promises';
import { setTimeout as realPause } from 'node:timers/promises';
import { createGunzip, gzipSync } from 'node:zlib';

import sharp from 'sharp';

export const LARGE = 16 * 1024 * 1024;
export const packed = gzipSync(Buffer.alloc(LARGE));

/** A large picture, which takes a while. */
export const makePicture = async () =>
	await sharp({ create: { width: 3000, height: 3000, channels: 3, background: '#c33' } })
		.png()
		.toBuffer();

/** Keeps the processor to itself, as another process might. */
function occupy(ms: number): void {
	const start = performance.now();
	while (performance.now() - start < ms);
}

/** A short pause of real time, after the process was held up. */
export async function holdUpAndPause(): Promise<void> {
	await readFile('package.json');
	occupy(20);
	await realPause(1);
}

/** Does something after some real time. */
export function runLater(ms: number, work: () => void): void {
	setTimeout(work, ms);
}

/** Begins to unpack something, and throws it away. */
export function unpackHalf(): void {
	const stream = createGunzip();
	stream.write(packed);
	stream.destroy();
}
