import { setImmediate as nextTurn } from 'node:timers/promises';

import pLimit from 'p-limit';

import { DISTANCE, ELEVATION, findGround, placeCamera, type Camera, type Ground } from './camera.mts';
import type { Mesh } from './mesh.mts';
import { createSampler, LINEAR, type Sampler } from './pixels.mts';
import { castShadow, readDarkness, type GroundShadow } from './shadow.mts';

const { PI, ceil, cos, floor, hypot, max, min, round, sin, tanh } = Math;

/** RGB frames, 3 bytes per pixel, one below the other: the layout that sharp takes as an animation's pages. */
export interface Turntable {
	/** Edge of a frame, px. */
	size: number;
	frames: number;
	pixels: Buffer;
	/** How long each frame is shown, ms, in multiples of 10. */
	delays: number[];
}

export interface View {
	/** Edge of a frame, px. */
	size: number;
	/** Length of one turn, s. */
	seconds: number;
	/** Angle of the first frame, rad. 0 shows the front. */
	start: number;
}

const FRAMES_PER_SECOND = 15;
/** Limits the memory that a turntable takes before it is compressed. */
const MOST_PIXELS = 24_000_000;
const BACKDROP = [236, 239, 244] as const;
const SHADOW = [58, 64, 82] as const;

type Vector = readonly [number, number, number];

function normalize([x, y, z]: Vector): Vector {
	const length = hypot(x, y, z);
	return [x / length, y / length, z / length];
}

// The lights do not move while the object turns. The directions are towards the light, in camera space.
const KEY = normalize([-0.55, 0.75, 0.75]);
const FILL_LIGHT = normalize([0.85, 0.15, 0.5]);
const RIM = normalize([0.3, 0.6, -0.8]);
const HALFWAY = normalize([KEY[0], KEY[1], KEY[2] + 1]);

const GAMMA_STEPS = 4096;
const GAMMA = Float32Array.from({ length: GAMMA_STEPS + 1 }, (_, step) => {
	const l = step / GAMMA_STEPS;
	return 255 * (l <= 0.0031308 ? l * 12.92 : 1.055 * l ** (1 / 2.4) - 0.055);
});

/** @returns the sRGB value, 0 to 255, of a linear one. Bright values approach the limit instead of being cut. */
function encode(linear: number): number {
	const soft = linear < 0.8 ? linear : 0.8 + 0.2 * tanh((linear - 0.8) / 0.2);
	return GAMMA[round(soft * GAMMA_STEPS)]!;
}

/** @returns the cosine to the power of 32, and 0 for a negative one */
function computeHighlight(cosine: number): number {
	if (cosine <= 0) return 0;
	const c2 = cosine * cosine;
	const c4 = c2 * c2;
	const c8 = c4 * c4;
	const c16 = c8 * c8;
	return c16 * c16;
}

/**
 * Draws one mesh many times, from different sides, into the same buffers. What runs for each face and sample takes no array apart:
 * that takes a third longer.
 */
class Renderer {
	private readonly samples: number;

	private readonly camera: Camera;

	private readonly shadow: GroundShadow;

	/** Linear red, green and blue of the skin's pixels, or of the vertices if there is no skin. */
	private readonly albedo: Float32Array;

	private readonly skinAt: Sampler | undefined;

	/** For each vertex: x and y in samples, and 1 / distance. */
	private readonly screen: Float32Array;

	/** For each vertex: the light, as a factor on its color, and the gloss that is added. */
	private readonly light: Float32Array;

	private readonly depth: Float32Array;

	private readonly image: Float32Array;

	/** Of the angle by which the mesh is turned. */
	private sinTurn = 0;

	private cosTurn = 1;

	constructor(
		private readonly mesh: Mesh,
		private readonly size: number,
		/** Samples for each pixel along each axis. */
		private readonly sampling: number,
	) {
		this.samples = size * sampling;
		this.camera = placeCamera(mesh, this.samples);
		this.shadow = castShadow(mesh, this.camera.ground, this.camera.radius);
		this.albedo = Float32Array.from(mesh.skin?.pixels ?? mesh.colors, (value) => LINEAR[value]!);
		const { skin } = mesh;
		this.skinAt = skin && createSampler(this.albedo, skin.width, skin.height, 3);
		this.screen = new Float32Array(mesh.positions.length);
		this.light = new Float32Array((mesh.positions.length / 3) * 2);
		this.depth = new Float32Array(this.samples * this.samples);
		this.image = new Float32Array(this.samples * this.samples * 3);
	}

	/** Draws the mesh, turned by `angle` (rad), into size x size RGB pixels. */
	draw(angle: number, target: Uint8Array): void {
		this.depth.fill(0);
		this.sinTurn = sin(angle);
		this.cosTurn = cos(angle);
		this.placeVertices();
		this.fillFaces();
		this.resolve(target);
	}

	private placeVertices(): void {
		const { sinTurn, cosTurn } = this;
		const { positions, normals } = this.mesh;
		const [sinTilt, cosTilt] = [sin(ELEVATION), cos(ELEVATION)];
		const middle = this.samples / 2;
		for (let i = 0; i < positions.length; i += 3) {
			const x = positions[i]! * cosTurn + positions[i + 2]! * sinTurn;
			const turnedZ = positions[i + 2]! * cosTurn - positions[i]! * sinTurn;
			const y = positions[i + 1]! * cosTilt - turnedZ * sinTilt;
			const z = positions[i + 1]! * sinTilt + turnedZ * cosTilt;
			const nearness = 1 / (DISTANCE - z);
			this.screen[i] = middle + x * this.camera.focal * nearness;
			this.screen[i + 1] = middle - y * this.camera.focal * nearness - this.camera.lift;
			this.screen[i + 2] = nearness;

			const nx = normals[i]! * cosTurn + normals[i + 2]! * sinTurn;
			const turnedNz = normals[i + 2]! * cosTurn - normals[i]! * sinTurn;
			const ny = normals[i + 1]! * cosTilt - turnedNz * sinTilt;
			const nz = normals[i + 1]! * sinTilt + turnedNz * cosTilt;
			const key = max(nx * KEY[0] + ny * KEY[1] + nz * KEY[2], 0);
			const fill = max(nx * FILL_LIGHT[0] + ny * FILL_LIGHT[1] + nz * FILL_LIGHT[2], 0);
			const rim = max(nx * RIM[0] + ny * RIM[1] + nz * RIM[2], 0);
			const vertex = (i / 3) * 2;
			this.light[vertex] = 0.34 + 0.16 * normals[i + 1]! + 0.62 * key + 0.24 * fill + 0.18 * rim;
			this.light[vertex + 1] = 0.16 * computeHighlight(nx * HALFWAY[0] + ny * HALFWAY[1] + nz * HALFWAY[2]);
		}
	}

	private fillFaces(): void {
		const { faces } = this.mesh;
		for (let face = 0; face < faces.length; face += 3) this.fillFace(face);
	}

	/** Draws the samples of a face that nothing nearer covers. */
	private fillFace(face: number): void {
		const { screen, depth, samples } = this;
		const { faces } = this.mesh;
		const a = faces[face]! * 3;
		const b = faces[face + 1]! * 3;
		const c = faces[face + 2]! * 3;
		const ax = screen[a]!;
		const ay = screen[a + 1]!;
		const bx = screen[b]! - ax;
		const by = screen[b + 1]! - ay;
		const cx = screen[c]! - ax;
		const cy = screen[c + 1]! - ay;
		const area = cx * by - bx * cy;
		// The y of the screen points down, so a face towards the camera has a positive area in this order.
		if (area <= 1e-9) return;
		const nearA = screen[a + 2]!;
		const nearB = screen[b + 2]!;
		const nearC = screen[c + 2]!;
		const left = max(ceil(ax + min(0, bx, cx) - 0.5), 0);
		const right = min(floor(ax + max(0, bx, cx) - 0.5), samples - 1);
		const top = max(ceil(ay + min(0, by, cy) - 0.5), 0);
		const bottom = min(floor(ay + max(0, by, cy) - 0.5), samples - 1);
		for (let y = top; y <= bottom; y++) {
			const py = y + 0.5 - ay;
			for (let x = left; x <= right; x++) {
				const px = x + 0.5 - ax;
				const overB = cx * py - px * cy;
				const overC = px * by - bx * py;
				// Before the divisions, which most samples beside a small face do not need.
				if (overB < 0 || overC < 0) continue;
				const v = overB / area;
				const w = overC / area;
				if (v + w > 1) continue;
				const nearness = (1 - v - w) * nearA + v * nearB + w * nearC;
				const sample = y * samples + x;
				if (nearness <= depth[sample]!) continue;
				depth[sample] = nearness;
				// The shares of the corners on the face itself. Those on the screen are foreshortened.
				const partB = (v * nearB) / nearness;
				const partC = (w * nearC) / nearness;
				if (this.skinAt) this.shadeSkin(sample, face, 1 - partB - partC, partB, partC, this.skinAt);
				else this.shade(sample, face, 1 - partB - partC, partB, partC);
			}
		}
	}

	/** Colors a sample of a face. @param partA the share of the face's first corner, and so on */
	private shade(sample: number, face: number, partA: number, partB: number, partC: number): void {
		const { light, albedo, image } = this;
		const { faces } = this.mesh;
		const a = faces[face]!;
		const b = faces[face + 1]!;
		const c = faces[face + 2]!;
		const lit = partA * light[a * 2]! + partB * light[b * 2]! + partC * light[c * 2]!;
		const gloss = partA * light[a * 2 + 1]! + partB * light[b * 2 + 1]! + partC * light[c * 2 + 1]!;
		for (let channel = 0; channel < 3; channel++) {
			const color =
				partA * albedo[a * 3 + channel]! +
				partB * albedo[b * 3 + channel]! +
				partC * albedo[c * 3 + channel]!;
			image[sample * 3 + channel] = encode(color * lit + gloss);
		}
	}

	/** Colors a sample of a face from the skin. */
	private shadeSkin(
		sample: number,
		face: number,
		partA: number,
		partB: number,
		partC: number,
		skinAt: Sampler,
	): void {
		const { light, image } = this;
		const { faces, skin } = this.mesh;
		const { places, width, height } = skin!;
		const [a, b, c] = [faces[face]! * 2, faces[face + 1]! * 2, faces[face + 2]! * 2];
		const lit = partA * light[a]! + partB * light[b]! + partC * light[c]!;
		const gloss = partA * light[a + 1]! + partB * light[b + 1]! + partC * light[c + 1]!;
		const x = (partA * places[a]! + partB * places[b]! + partC * places[c]!) * width - 0.5;
		const y = (partA * places[a + 1]! + partB * places[b + 1]! + partC * places[c + 1]!) * height - 0.5;
		for (let channel = 0; channel < 3; channel++)
			image[sample * 3 + channel] = encode(skinAt(x, y, channel) * lit + gloss);
	}

	/** Colors each pixel: the samples, and the backdrop with the shadow on the ground behind them. */
	private resolve(target: Uint8Array): void {
		const { camera, samples, sampling, size } = this;
		const { left, right, top, bottom } = this.findBounds();
		for (let y = 0; y < size; y++) {
			const ground = findGround(camera, samples, (y + 0.5) * sampling);
			const mayCover = y >= top && y <= bottom;
			for (let x = 0; x < size; x++) {
				if (mayCover && x >= left && x <= right) this.averageSamples(x, y, ground, target);
				else this.showBackdrop(x, y, ground, target);
			}
		}
	}

	/** Finds the pixels beyond which the mesh covers none. */
	private findBounds(): { left: number; right: number; top: number; bottom: number } {
		const { screen, sampling } = this;
		let left = Infinity;
		let right = -Infinity;
		let top = Infinity;
		let bottom = -Infinity;
		for (let i = 0; i < screen.length; i += 3) {
			left = min(left, screen[i]!);
			right = max(right, screen[i]!);
			top = min(top, screen[i + 1]!);
			bottom = max(bottom, screen[i + 1]!);
		}
		return {
			left: floor(left / sampling),
			right: floor(right / sampling),
			top: floor(top / sampling),
			bottom: floor(bottom / sampling),
		};
	}

	/** Colors a pixel that the mesh does not cover. */
	private showBackdrop(x: number, y: number, ground: Ground | undefined, target: Uint8Array): void {
		const dark = this.readShadow(x, ground);
		const pixel = (y * this.size + x) * 3;
		for (let channel = 0; channel < 3; channel++)
			target[pixel + channel] = BACKDROP[channel]! + (SHADOW[channel]! - BACKDROP[channel]!) * dark + 0.5;
	}

	/** Colors a pixel with the average of its samples. */
	private averageSamples(x: number, y: number, ground: Ground | undefined, target: Uint8Array): void {
		const { size, samples, sampling, depth, image } = this;
		let red = 0;
		let green = 0;
		let blue = 0;
		let empty = 0;
		for (let row = 0; row < sampling; row++) {
			const first = (y * sampling + row) * samples + x * sampling;
			for (let sample = first; sample < first + sampling; sample++) {
				if (depth[sample] === 0) {
					empty += 1;
					continue;
				}
				red += image[sample * 3]!;
				green += image[sample * 3 + 1]!;
				blue += image[sample * 3 + 2]!;
			}
		}
		if (empty > 0) {
			const dark = this.readShadow(x, ground);
			red += empty * (BACKDROP[0] + (SHADOW[0] - BACKDROP[0]) * dark);
			green += empty * (BACKDROP[1] + (SHADOW[1] - BACKDROP[1]) * dark);
			blue += empty * (BACKDROP[2] + (SHADOW[2] - BACKDROP[2]) * dark);
		}
		const perPixel = sampling * sampling;
		const pixel = (y * size + x) * 3;
		target[pixel] = red / perPixel + 0.5;
		target[pixel + 1] = green / perPixel + 0.5;
		target[pixel + 2] = blue / perPixel + 0.5;
	}

	/** @returns the darkness of the ground that is visible behind a column of pixels; 0 beyond the ground */
	private readShadow(column: number, ground: Ground | undefined): number {
		if (!ground) return 0;
		const { camera, samples, sampling, shadow, sinTurn, cosTurn } = this;
		const rayX = ((column + 0.5) * sampling - samples / 2) / camera.focal;
		const x = rayX * ground.length;
		const { z } = ground;
		return readDarkness(shadow, x * cosTurn - z * sinTurn, z * cosTurn + x * sinTurn);
	}
}

/** @returns the delays of `count` frames, ms, which add up to `seconds`. Each is a multiple of 10, the unit of a GIF. */
function spreadDelays(count: number, seconds: number): number[] {
	const end = (frame: number): number => round((seconds * 100 * frame) / count);
	return Array.from({ length: count }, (_, frame) => (end(frame + 1) - end(frame)) * 10);
}

/** Turntables that are drawn in turns would all be late, and nothing would be compressed in the meantime. */
const oneAtATime = pLimit(1);

/**
 * Renders one full turn of a mesh on a light ground, at 15 frames per second. A turntable that would take too much memory has fewer
 * frames. Other work can run between frames, but no other turntable is drawn.
 */
export async function renderTurntable(mesh: Mesh, { size, seconds, start }: View): Promise<Turntable> {
	const affordable = max(floor(MOST_PIXELS / (size * size)), 8);
	const frames = max(min(round(seconds * FRAMES_PER_SECOND), affordable), 1);
	const pixels = await oneAtATime(async () => await drawFrames(mesh, size, start, frames));
	return { size, frames, pixels, delays: spreadDelays(frames, seconds) };
}

/** @returns the pixels of {@link Turntable} */
async function drawFrames(mesh: Mesh, size: number, start: number, frames: number): Promise<Buffer> {
	const renderer = new Renderer(mesh, size, size > 512 ? 1 : 2);
	const frameBytes = size * size * 3;
	const pixels = Buffer.alloc(frames * frameBytes);
	for (let frame = 0; frame < frames; frame++) {
		const angle = start + (2 * PI * frame) / frames;
		renderer.draw(angle, pixels.subarray(frame * frameBytes, (frame + 1) * frameBytes));
		await nextTurn();
	}
	return pixels;
}
