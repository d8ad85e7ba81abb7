/**
 * Makes the sample pictures in the folder above from the SVG drawings beside this script.
 *
 *   npx tsx samples/src/make-samples.mts
 *
 * The grain is seeded, so the same drawings and the same `sharp` give the same files.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import sharp, { type Sharp } from 'sharp';

import { createRandom } from '../../local-api/model/random.mts';

const SIZE = 640;
const SOURCE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(SOURCE, '..');

/** Draws an SVG in twice the size and reduces it, for clean edges. */
async function draw(name: string): Promise<Sharp> {
	const svg = await readFile(join(SOURCE, `${name}.svg`));
	const large = await sharp(svg, { density: 144 }).png().toBuffer();
	return sharp(large).resize(SIZE, SIZE, { kernel: 'lanczos3' });
}

/** Adds luminance grain, roughly bell-shaped, of about `strength` levels. */
async function addGrain(image: Sharp, seed: number, strength: number): Promise<Sharp> {
	const { data, info } = await image
		.removeAlpha()
		.toColorspace('srgb')
		.raw()
		.toBuffer({ resolveWithObject: true });
	const random = createRandom(seed);
	for (let at = 0; at < data.length; at += info.channels) {
		const grain = (random() + random() + random() - 1.5) * 2 * strength;
		for (let channel = 0; channel < info.channels; channel++) {
			const level = Math.round((data[at + channel] ?? 0) + grain);
			data[at + channel] = Math.min(255, Math.max(0, level));
		}
	}
	return sharp(data, {
		raw: { width: info.width, height: info.height, channels: info.channels },
	});
}

/** Rounds levels to multiples of `step`, so that smooth shading packs well in a true-color PNG. */
async function roundLevels(image: Sharp, step: number): Promise<Sharp> {
	const { data, info } = await image.toColorspace('srgb').raw().toBuffer({ resolveWithObject: true });
	for (let at = 0; at < data.length; at += info.channels) {
		const clear = info.channels === 4 && data[at + 3] === 0;
		for (let channel = 0; channel < 3; channel++) {
			data[at + channel] = clear ? 0 : Math.min(255, Math.round((data[at + channel] ?? 0) / step) * step);
		}
	}
	return sharp(data, {
		raw: { width: info.width, height: info.height, channels: info.channels },
	});
}

const PNG = { compressionLevel: 9, adaptiveFiltering: true, palette: false } as const;

const makers: Record<string, () => Promise<Sharp>> = {
	'mug.jpg': async () =>
		(await addGrain(await draw('mug'), 11, 2.4)).jpeg({ quality: 88, chromaSubsampling: '4:4:4' }),
	'duck.png': async () => (await roundLevels(await draw('duck'), 2)).png(PNG),
	'rocket.webp': async () => (await draw('rocket')).removeAlpha().webp({ quality: 90, effort: 6 }),
	'mushroom.png': async () => (await roundLevels((await draw('mushroom')).removeAlpha(), 2)).png(PNG),
	'cactus.jpg': async () =>
		(await addGrain(await draw('cactus'), 23, 2.2)).jpeg({ quality: 88, chromaSubsampling: '4:4:4' }),
};

for (const [file, make] of Object.entries(makers)) {
	const path = join(TARGET, file);
	await (await make()).toFile(path);
	console.log(`${file}: ${((await stat(path)).size / 1000).toFixed(1)} kB`);
}
