const { floor, max, min, round, sqrt } = Math;

/** The linear intensity, 0 to 1, of an sRGB byte. */
export const LINEAR = Float32Array.from({ length: 256 }, (_, value) => {
	const s = value / 255;
	return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
});

/** A grid of width x height values, blurred as by a Gaussian of this standard deviation: three box blurs, both ways. */
export function blur(source: Float32Array, width: number, height: number, sigma: number): Float32Array {
	const radius = max(1, round(sqrt(4 * sigma * sigma + 1) / 2 - 0.5));
	let image = source;
	for (let pass = 0; pass < 3; pass++) {
		for (const [count, length, stride, step] of [
			[height, width, width, 1],
			[width, height, 1, width],
		] as const) {
			const next = new Float32Array(image.length);
			for (let line = 0; line < count; line++) {
				const start = line * stride;
				const value = (i: number): number => image[start + min(max(i, 0), length - 1) * step]!;
				let sum = 0;
				for (let i = -radius; i <= radius; i++) sum += value(i);
				for (let i = 0; i < length; i++) {
					next[start + i * step] = sum / (2 * radius + 1);
					sum += value(i + radius + 1) - value(i - radius);
				}
			}
			image = next;
		}
	}
	return image;
}

/**
 * Values between the pixels of a picture, and beyond its border those of the border.
 * @param values row by row, all channels of a pixel side by side
 */
export function createSampler(
	values: Float32Array | Uint8Array,
	width: number,
	height: number,
	channels: number,
) {
	const row = width * channels;
	return (x: number, y: number, channel: number): number => {
		const cx = min(max(x, 0), width - 1);
		const cy = min(max(y, 0), height - 1);
		const ix = floor(cx);
		const iy = floor(cy);
		const partX = cx - ix;
		const upper = iy * row + ix * channels + channel;
		const lower = iy < height - 1 ? upper + row : upper;
		const right = ix < width - 1 ? channels : 0;
		const above = values[upper]! + (values[upper + right]! - values[upper]!) * partX;
		const below = values[lower]! + (values[lower + right]! - values[lower]!) * partX;
		return above + (below - above) * (cy - iy);
	};
}
