import type { Mesh } from './mesh.mts';

const { PI, cos, hypot, max, min, sin, sqrt } = Math;

export const ELEVATION = (13 * PI) / 180;
export const DISTANCE = 7;
/** Share of half of the frame that the object may fill. */
const FILL = 0.88;

/** A camera that has the mesh in its frame at every angle. */
export interface Camera {
	/** Pixels per unit at distance 1, times the distance. */
	focal: number;
	/** Added to y in camera space, so that the object is in the center. */
	lift: number;
	/** y of the ground. */
	ground: number;
	/** Radius of the cylinder around the object. */
	radius: number;
}

/** Places the camera for frames of this size. @param size edge of a frame, in samples */
export function placeCamera({ positions }: Mesh, size: number): Camera {
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
export interface Ground {
	/** Of the rays, per unit of depth. */
	length: number;
	z: number;
}

/** Finds the ground that is visible in a row of samples. @returns undefined beyond the ground */
export function findGround(
	{ focal, lift, ground }: Camera,
	samples: number,
	sampleY: number,
): Ground | undefined {
	const [sinTilt, cosTilt] = [sin(ELEVATION), cos(ELEVATION)];
	// The ray of this position, turned back from camera space into the upright space of the object.
	const rayY = -(sampleY + lift - samples / 2) / focal;
	const directionY = rayY * cosTilt - sinTilt;
	const directionZ = -rayY * sinTilt - cosTilt;
	if (directionY >= -1e-3) return undefined;
	const length = (ground - DISTANCE * sinTilt) / directionY;
	return { length, z: DISTANCE * cosTilt + directionZ * length };
}
