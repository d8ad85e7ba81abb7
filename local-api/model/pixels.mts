const { floor, max, min, round, sqrt } = Math;

/** The linear intensity, 0 to 1, of an sRGB byte. */
export const LINEAR = Float32Array.from({ length: 256 }, (_, value) => {
	const s = value / 255;
	return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
});

/** The values of a picture at any place, for a channel. */
export type Sampler = (x: number, y: number, channel: number) => number;

/** A set of parallel lines in a grid. */
interface Lines {
	count: number;
	length: number;
	/** From one line to the next, and from one value to the next, in values. */
	stride: number;
	step: number;
}

/** Averages each value with its neighbors along its line. */
function boxBlur(image: Float32Array, { count, length, stride, step }: Lines, radius: number): Float32Array {
	const next = new Float32Array(image.length);
	for (let line = 0; line < count; line++) {
		const start = line * stride;
		const last = length - 1;
		let sum = 0;
		for (let i = -radius; i <= radius; i++) sum += image[start + min(max(i, 0), last) * step]!;
		for (let i = 0; i < length; i++) {
			next[start + i * step] = sum / (2 * radius + 1);
			sum += image[start + min(i + radius + 1, last) * step]! - image[start + max(i - radius, 0) * step]!;
		}
	}
	return next;
}

/** Blurs a grid of width x height values by about a Gaussian with this standard deviation: three box blurs, in both directions. */
export function blur(source: Float32Array, width: number, height: number, sigma: number): Float32Array {
	const radius = max(1, round(sqrt(4 * sigma * sigma + 1) / 2 - 0.5));
	let image = source;
	for (let pass = 0; pass < 3; pass++) {
		image = boxBlur(image, { count: height, length: width, stride: width, step: 1 }, radius);
		image = boxBlur(image, { count: width, length: height, stride: 1, step: width }, radius);
	}
	return image;
}

/**
 * Creates a function for the values between the pixels of a picture. Beyond the border, they are those of the border.
 *
 * @param values row by row, with all channels of a pixel side by side
 */
export function createSampler(
	values: Float32Array | Uint8Array,
	width: number,
	height: number,
	channels: number,
): Sampler {
	const row = width * channels;
	return (x, y, channel) => {
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
