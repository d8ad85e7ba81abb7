/** Work that takes real time, for tests of the clock, which must notice it. */
import { readFile } from 'node:fs/promises';
import { setTimeout as realPause } from 'node:timers/promises';
import { createGunzip, gzipSync } from 'node:zlib';

import sharp from 'sharp';

export const LARGE = 16 * 1024 * 1024;
export const packed = gzipSync(Buffer.alloc(LARGE));

/** Makes a large picture, which takes some time. */
export const makePicture = async () =>
	await sharp({ create: { width: 3000, height: 3000, channels: 3, background: '#c33' } })
		.png()
		.toBuffer();

/** Occupies the processor, as another process can do. */
function occupy(ms: number): void {
	const start = performance.now();
	while (performance.now() - start < ms);
}

/** Pauses for a short real time, after the process was delayed. */
export async function holdUpAndPause(): Promise<void> {
	await readFile('package.json');
	occupy(20);
	await realPause(1);
}

/** Does something after some real time. */
export function runLater(ms: number, work: () => void): void {
	setTimeout(work, ms);
}

/** Begins to unpack something, and destroys the stream. */
export function unpackHalf(): void {
	const stream = createGunzip();
	stream.write(packed);
	stream.destroy();
}
