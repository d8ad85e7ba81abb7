import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Mesh } from './mesh.mts';
import { createSampler, LINEAR, type Sampler } from './pixels.mts';
import { castShadow, readDarkness, type GroundShadow } from './shadow.mts';

const { PI, ceil, cos, floor, hypot, max, min, round, sin, sqrt, tanh } = Math;

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

const ELEVATION = (13 * PI) / 180;
const DISTANCE = 7;
/** Share of half of the frame that the object may fill. */
const FILL = 0.88;

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

/** A camera that has the mesh in its frame at every angle. */
interface Camera {
	/** Pixels per unit at distance 1, times the distance. */
	focal: number;
	/** Added to y in camera space, so that the object is in the center. */
	lift: number;
	/** y of the ground. */
	ground: number;
	/** Radius of the cylinder around the object. */
	radius: number;
}

function placeCamera({ positions }: Mesh, size: number): Camera {
	let [radius, ground, top] = [0, Infinity, -Infinity];
	for (let i = 0; i < positions.length; i += 3) {
		radius = max(radius, hypot(positions[i]!, positions[i + 2]!));
		ground = min(ground, positions[i + 1]!);
		top = max(top, positions[i + 1]!);
	}
	const [sinTilt, cosTilt] = [sin(ELEVATION), cos(ELEVATION)];
	// The rings at the ends of the cylinder are the limits of what the camera sees of it.
	const highest = max(
		...[-radius, radius].map((z) => (top * cosTilt - z * sinTilt) / (DISTANCE - top * sinTilt - z * cosTilt)),
	);
	const lowest = min(
		...[-radius, radius].map(
			(z) => (ground * cosTilt - z * sinTilt) / (DISTANCE - ground * sinTilt - z * cosTilt),
		),
	);
	const widest = radius / sqrt(DISTANCE * DISTANCE - radius * radius);
	const focal = ((size / 2) * FILL) / max((highest - lowest) / 2, widest);
	return { focal, lift: (-(highest + lowest) / 2) * focal, ground, radius };
}

/** Where the rays of a row of samples meet the ground. */
interface Ground {
	/** Of the rays, per unit of depth. */
	length: number;
	z: number;
}

/** Draws one mesh many times, from different sides, into the same buffers. */
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
		this.placeVertices(angle);
		this.fillFaces();
		this.resolve(angle, target);
	}

	private placeVertices(angle: number): void {
		const { positions, normals } = this.mesh;
		const [sinTurn, cosTurn] = [sin(angle), cos(angle)];
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
		const [a, b, c] = [faces[face]! * 3, faces[face + 1]! * 3, faces[face + 2]! * 3];
		const [ax, ay] = [screen[a]!, screen[a + 1]!];
		const [bx, by] = [screen[b]! - ax, screen[b + 1]! - ay];
		const [cx, cy] = [screen[c]! - ax, screen[c + 1]! - ay];
		const area = cx * by - bx * cy;
		// The y of the screen points down, so a face towards the camera has a positive area in this order.
		if (area <= 1e-9) return;
		const [nearA, nearB, nearC] = [screen[a + 2]!, screen[b + 2]!, screen[c + 2]!];
		const left = max(ceil(ax + min(0, bx, cx) - 0.5), 0);
		const right = min(floor(ax + max(0, bx, cx) - 0.5), samples - 1);
		const top = max(ceil(ay + min(0, by, cy) - 0.5), 0);
		const bottom = min(floor(ay + max(0, by, cy) - 0.5), samples - 1);
		for (let y = top; y <= bottom; y++) {
			const py = y + 0.5 - ay;
			for (let x = left; x <= right; x++) {
				const px = x + 0.5 - ax;
				const [overB, overC] = [cx * py - px * cy, px * by - bx * py];
				// Before the divisions, which most samples beside a small face do not need.
				if (overB < 0 || overC < 0) continue;
				const [v, w] = [overB / area, overC / area];
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
		const [a, b, c] = [faces[face]!, faces[face + 1]!, faces[face + 2]!];
		const [lightA, lightB, lightC] = [a * 2, b * 2, c * 2];
		const lit = partA * light[lightA]! + partB * light[lightB]! + partC * light[lightC]!;
		const gloss = partA * light[lightA + 1]! + partB * light[lightB + 1]! + partC * light[lightC + 1]!;
		const [colorA, colorB, colorC] = [a * 3, b * 3, c * 3];
		for (let channel = 0; channel < 3; channel++) {
			const color =
				partA * albedo[colorA + channel]! +
				partB * albedo[colorB + channel]! +
				partC * albedo[colorC + channel]!;
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

	/** Averages the samples of each pixel, with the backdrop and the shadow on the ground behind them. */
	private resolve(angle: number, target: Uint8Array): void {
		const { size, samples, sampling, depth, image } = this;
		const perPixel = sampling * sampling;
		const [sinTurn, cosTurn] = [sin(angle), cos(angle)];
		for (let y = 0; y < size; y++) {
			const ground = this.findGround((y + 0.5) * sampling);
			for (let x = 0; x < size; x++) {
				let [red, green, blue, empty] = [0, 0, 0, 0];
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
					const dark = this.readShadow((x + 0.5) * sampling, ground, sinTurn, cosTurn);
					red += empty * (BACKDROP[0] + (SHADOW[0] - BACKDROP[0]) * dark);
					green += empty * (BACKDROP[1] + (SHADOW[1] - BACKDROP[1]) * dark);
					blue += empty * (BACKDROP[2] + (SHADOW[2] - BACKDROP[2]) * dark);
				}
				const pixel = (y * size + x) * 3;
				target[pixel] = red / perPixel + 0.5;
				target[pixel + 1] = green / perPixel + 0.5;
				target[pixel + 2] = blue / perPixel + 0.5;
			}
		}
	}

	/** Finds the ground that is visible in a row of samples. @returns undefined beyond the ground */
	private findGround(sampleY: number): Ground | undefined {
		const { focal, lift, ground } = this.camera;
		const [sinTilt, cosTilt] = [sin(ELEVATION), cos(ELEVATION)];
		// The ray of this position, turned back from camera space into the upright space of the object.
		const rayY = -(sampleY + lift - this.samples / 2) / focal;
		const directionY = rayY * cosTilt - sinTilt;
		const directionZ = -rayY * sinTilt - cosTilt;
		if (directionY >= -1e-3) return undefined;
		const length = (ground - DISTANCE * sinTilt) / directionY;
		return { length, z: DISTANCE * cosTilt + directionZ * length };
	}

	/** @returns the darkness of the ground that is visible at a sample position; 0 beyond the ground */
	private readShadow(sampleX: number, ground: Ground | undefined, sinTurn: number, cosTurn: number): number {
		if (!ground) return 0;
		const rayX = (sampleX - this.samples / 2) / this.camera.focal;
		const x = rayX * ground.length;
		const { z } = ground;
		return readDarkness(this.shadow, x * cosTurn - z * sinTurn, z * cosTurn + x * sinTurn);
	}
}

/** @returns the delays of `count` frames, ms, which add up to `seconds`. Each is a multiple of 10, the unit of a GIF. */
function spreadDelays(count: number, seconds: number): number[] {
	const end = (frame: number): number => round((seconds * 100 * frame) / count);
	return Array.from({ length: count }, (_, frame) => (end(frame + 1) - end(frame)) * 10);
}

/**
 * Renders one full turn of a mesh on a light ground, at 15 frames per second. A turntable that would take too much memory has fewer
 * frames. Other work can run between frames.
 */
export async function renderTurntable(mesh: Mesh, { size, seconds, start }: View): Promise<Turntable> {
	const affordable = max(floor(MOST_PIXELS / (size * size)), 8);
	const frames = max(min(round(seconds * FRAMES_PER_SECOND), affordable), 1);
	const renderer = new Renderer(mesh, size, size > 512 ? 1 : 2);
	const frameBytes = size * size * 3;
	const pixels = Buffer.alloc(frames * frameBytes);
	for (let frame = 0; frame < frames; frame++) {
		const angle = start + (2 * PI * frame) / frames;
		renderer.draw(angle, pixels.subarray(frame * frameBytes, (frame + 1) * frameBytes));
		await nextTurn();
	}
	return { size, frames, pixels, delays: spreadDelays(frames, seconds) };
}
