/** The solids that a prompt can name. */
import {
	COAL,
	COLORS,
	CREAM,
	GLASS,
	LEAF,
	mix,
	scatter,
	SNOW,
	SPRINKLES,
	WOOD,
	type Brief,
} from './brief.mts';
import type { Mesh } from './mesh.mts';
import {
	buildBall,
	buildRing,
	followProfile,
	move,
	placeAround,
	squareOutline,
	tubeProfile,
	turnProfile,
	type Color,
	type Paint,
	type Point,
	type Profile,
} from './surfaces.mts';

const { abs, cos, floor, hypot, max, min, PI, sin } = Math;

/** The outline of the frosting. */
const SWIRL: Profile = [
	[0, 0.58],
	[0.7, 0.58],
	[0.8, 0.68],
	[0.74, 0.8],
	[0.62, 0.86],
	[0.62, 0.94],
	[0.54, 1.06],
	[0.42, 1.1],
	[0.42, 1.18],
	[0.34, 1.3],
	[0.2, 1.38],
	[0.08, 1.46],
	[0, 1.47],
];

function buildCandle(detail: number): Mesh[] {
	return [
		turnProfile(
			tubeProfile(0.06, 1.36, 1.98),
			(_, turn, along) => ((along * 6 + turn) % 1 < 0.5 ? SNOW : [70, 130, 210]),
			detail / 2,
		),
		turnProfile(
			[
				[0, 1.99],
				[0.07, 2.07],
				[0.05, 2.18],
				[0, 2.32],
			],
			(point) => mix([255, 224, 110], [250, 130, 40], (point[1] - 2) * 2.6),
			24,
		),
	];
}

function buildPaperCup(paper: Color, detail: number): Mesh {
	const pleats = (turn: number): number => cos(turn * 2 * PI * 26);
	return turnProfile(
		[
			[0, 0],
			[0.5, 0],
			[0.52, 0.01],
			[0.6, 0.3],
			[0.7, 0.62],
			[0.69, 0.64],
			[0, 0.66],
		],
		(_, turn) => mix(paper, SNOW, 0.3 + 0.3 * pleats(turn)),
		detail,
		(turn) => 1 + 0.025 * pleats(turn),
	);
}

export function buildCupcake({ says, or, random, detail }: Brief): Mesh[] {
	const [frosting, paper] = or([247, 172, 186], [214, 170, 226]);
	const swirls = (turn: number, along: number): number => cos((turn * 7 + along * 3) * 2 * PI);
	return [
		buildPaperCup(paper, detail),
		turnProfile(
			SWIRL,
			(_, turn, along) => mix(frosting, SNOW, 0.15 + 0.15 * swirls(turn, along)),
			detail,
			(turn, along) => 1 + 0.045 * swirls(turn, along) * sin(along * PI),
		),
		...scatter(26, 0.035, SPRINKLES, () => {
			const [radius, y] = followProfile(SWIRL, 0.16 + random() * 0.62);
			return placeAround(radius * 0.99, random(), y);
		}),
		...(says(/^(birthday|candle)/)
			? buildCandle(detail)
			: [buildBall([0, 1.55, 0], 0.15, [200, 30, 44], detail / 2)]),
	];
}

export function buildPlanet({ says, or, main, second, random, detail }: Brief): Mesh[] {
	const waves = Array.from({ length: 7 }, () => ({
		pitch: Array.from({ length: 3 }, () => (random() - 0.5) * 14),
		phase: random() * 7,
	}));
	const noise = (point: Point): number =>
		waves.reduce(
			(sum, { pitch, phase }) => sum + sin(pitch.reduce((angle, p, i) => angle + p * point[i]!, phase)),
			0,
		);
	const isEarth = says(/^(earth|globe|world)/);
	const [sea, land] = isEarth ? or([44, 100, 178], [92, 150, 78]) : [main, second];
	const ground: Paint = (point) =>
		isEarth && abs(point[1]) > 0.93 + noise(point) * 0.006 ? SNOW : mix(sea, land, noise(point) * 2.5);
	const beachBall: Paint = (point, turn) =>
		abs(point[1]) > 0.93 ? CREAM : [main, CREAM, second, CREAM][floor(turn * 8) % 4]!;
	const globe = buildBall([0, 0, 0], 1, says(/^ball/) ? beachBall : ground, detail * 1.5);
	if (!says(/^(saturn|ringed|planet)/)) return [globe];
	const flat = buildRing(
		1.58,
		0.25,
		([x, , z]) => mix(second, CREAM, 0.5 + 0.3 * sin(hypot(x, z) * 30)),
		detail,
	);
	return [globe, move(flat, ([x, y, z]) => [x - 0.03 * y, 0.3 * x + 0.06 * y, z])];
}

export function buildHouse({ or, detail }: Brief): Mesh[] {
	const [wall, roof] = or(CREAM, [178, 74, 58]);
	const walls: Paint = ([x, y, z]) => {
		const wide = abs(z) > abs(x) ? abs(x) : abs(z);
		if (z > 0.7 && wide < 0.15 && y < 0.57) return WOOD;
		return abs(wide - 0.42) < 0.14 && abs(y - 0.65) < 0.17 ? GLASS : wall;
	};
	const tiles: Paint = (_, __, along) => mix(roof, COAL, (along * 24) % 1 < 0.2 ? 0.2 : 0);
	return [
		turnProfile(tubeProfile(0.75, 0, 1.1), walls, detail * 1.5, squareOutline),
		turnProfile(
			[
				[0, 1.05],
				[0.94, 1.05],
				[0.94, 1.05],
				[0.94, 1.08],
				[0.5, 1.41],
				[0.04, 1.75],
				[0, 1.77],
			],
			tiles,
			detail,
			squareOutline,
		),
		move(turnProfile(tubeProfile(0.1, 1.3, 1.85), [150, 86, 70], detail / 3, squareOutline), ([x, y, z]) => [
			x + 0.4,
			y,
			z + 0.3,
		]),
	];
}

export function buildGift({ main, second, detail }: Brief): Mesh[] {
	const wrapped =
		(paper: Color): Paint =>
		([x, , z]) =>
			min(abs(x), abs(z)) < 0.14 ? second : paper;
	const bow = [0, 1, 2, 3].map((i) =>
		buildBall(
			placeAround(0.26, i / 4, 1.76),
			i % 2 ? [0.11, 0.13, 0.26] : [0.26, 0.13, 0.11],
			second,
			detail / 3,
		),
	);
	return [
		turnProfile(tubeProfile(0.8, 0, 1.4), wrapped(main), detail * 1.5, squareOutline),
		turnProfile(tubeProfile(0.86, 1.3, 1.64), wrapped(mix(main, SNOW, 0.12)), detail * 1.5, squareOutline),
		...bow,
		buildBall([0, 1.74, 0], 0.12, mix(second, COAL, 0.15), 20),
	];
}

export function buildDonut({ or, random, detail }: Brief): Mesh[] {
	const [icing] = or([242, 140, 190], CREAM);
	const edge = (turn: number): number =>
		0.06 + 0.05 * sin(turn * 2 * PI * 6) + 0.03 * sin(turn * 2 * PI * 11);
	const paint: Paint = (point, turn) =>
		point[1] > edge(turn) ? icing : mix([214, 158, 96], CREAM, 0.45 - abs(point[1] + 0.04) * 9);
	const sprinkle = (): Point => {
		const angle = PI * (0.2 + random() * 0.6);
		return placeAround(0.66 + cos(angle) * 0.34, random(), sin(angle) * 0.34);
	};
	return [buildRing(0.66, 0.34, paint, detail), ...scatter(48, 0.035, SPRINKLES, sprinkle)];
}

/** The outline of the rocket's body. */
const HULL: Profile = [
	[0, 0.1],
	[0.26, 0.1],
	[0.28, 0.12],
	[0.36, 0.4],
	[0.42, 0.8],
	[0.42, 1.15],
	[0.36, 1.6],
	[0.22, 2],
	[0.1, 2.2],
	[0, 2.3],
];

const NOZZLE: Profile = [
	[0, -0.06],
	[0.24, -0.06],
	[0.25, -0.04],
	[0.17, 0.14],
	[0, 0.16],
];

export function buildRocket({ or, detail }: Brief): Mesh[] {
	const [body, trim] = or([236, 238, 242], [208, 52, 48]);
	const paint: Paint = ([x, y, z]) => {
		const window = z > 0 ? hypot(x, y - 1.25) : 1;
		if (window < 0.13) return GLASS;
		return window < 0.18 || y > 1.72 || (y > 0.32 && y < 0.42) ? trim : body;
	};
	const fin = buildBall([0.48, 0.24, 0], [0.26, 0.32, 0.05], trim, detail / 2);
	const fins = [0.25, 0.25 + 1 / 3, 0.25 + 2 / 3].map((turn) =>
		move(fin, ([x, y, z]) => {
			const [along, , across] = placeAround(1, turn, 0);
			return [x * along - z * across, y - (x - 0.45) * 0.6, x * across + z * along];
		}),
	);
	return [turnProfile(HULL, paint, detail), turnProfile(NOZZLE, [70, 74, 84], detail / 2), ...fins];
}

export function buildTree({ says, detail }: Brief): Mesh[] {
	const isFestive = says(/^(christmas|xmas)/);
	const tips: Color = says(/^(snow|winter)/) ? SNOW : [110, 170, 80];
	const tiers = [0, 1, 2].map((tier) => {
		const [radius, bottom] = [0.72 - tier * 0.17, 0.36 + tier * 0.46];
		const paint: Paint = (_, turn, along) =>
			mix(LEAF, tips, 0.4 * max(0, sin(turn * 2 * PI * 9 + along * 14)) * along);
		const cone: Profile = [
			[0, bottom + 0.06],
			[radius * 0.9, bottom],
			[radius, bottom + 0.03],
			[radius * 0.55, bottom + 0.36],
			[0.04, bottom + 0.78],
			[0, bottom + 0.78],
		];
		return turnProfile(
			cone,
			paint,
			detail,
			(turn, along) => 1 + 0.05 * cos(turn * 2 * PI * 11 + tier) * (1 - along),
		);
	});
	const bauble = (i: number): Point => placeAround(0.67 - (i % 3) * 0.17, i * 0.382, 0.43 + (i % 3) * 0.46);
	const decoration = isFestive
		? [
				...scatter(15, 0.07, SPRINKLES.slice(0, 3), bauble),
				buildBall([0, 2.06, 0], [0.1, 0.13, 0.1], SPRINKLES[2]!, 20),
			]
		: [];
	return [turnProfile(tubeProfile(0.14, 0, 0.5), WOOD, detail / 3), ...tiers, ...decoration];
}

export function buildMushroom({ or, random, detail }: Brief): Mesh[] {
	const [cap] = or([200, 44, 40], SNOW);
	const dome: Profile = [
		[0, 0.72],
		[0.5, 0.66],
		[0.82, 0.68],
		[0.84, 0.76],
		[0.7, 1.06],
		[0.4, 1.28],
		[0, 1.36],
	];
	const dots = Array.from({ length: 16 }, (_, i) => {
		const [radius, y] = followProfile(dome, 0.56 + 0.42 * ((i + random()) / 16));
		return { center: placeAround(radius, i * 0.382, y), size: 0.07 + random() * 0.07 };
	});
	const paint: Paint = ([x, y, z], _, along) => {
		const inDot = max(
			...dots.map(({ center, size }) => size - hypot(center[0] - x, center[1] - y, center[2] - z)),
		);
		return along < 0.42 ? CREAM : mix(cap, SNOW, inDot * 40 + 0.5);
	};
	return [
		turnProfile(
			[
				[0, 0],
				[0.3, 0],
				[0.32, 0.04],
				[0.24, 0.3],
				[0.2, 0.6],
				[0.2, 0.8],
				[0, 0.82],
			],
			CREAM,
			detail / 2,
		),
		turnProfile(dome, paint, detail),
	];
}

export function buildFruit({ says, or, detail }: Brief): Mesh[] {
	const [skin] = says(/^(orange|tangerine)/) ? [COLORS.get('orange')!] : or([198, 40, 44], CREAM);
	const flesh: Profile = [
		[0, 0.14],
		[0.1, 0.06],
		[0.24, 0.02],
		[0.46, 0.07],
		[0.66, 0.22],
		[0.78, 0.46],
		[0.82, 0.72],
		[0.77, 0.98],
		[0.62, 1.21],
		[0.4, 1.32],
		[0.2, 1.31],
		[0.08, 1.24],
		[0, 1.16],
	];
	return [
		turnProfile(
			flesh,
			(_, turn, along) => mix(skin, [250, 220, 120], 0.1 + 0.1 * sin(turn * 16 * PI + along * 3)),
			detail,
		),
		turnProfile(tubeProfile(0.035, 1.1, 1.52), WOOD, 20),
		buildBall([0.2, 1.46, 0], [0.2, 0.03, 0.1], LEAF, 24),
	];
}

export function buildVase({ main, second, detail }: Brief): Mesh[] {
	const outline: Profile = [
		[0, 0],
		[0.36, 0],
		[0.38, 0.03],
		[0.5, 0.3],
		[0.66, 0.7],
		[0.64, 1.05],
		[0.42, 1.4],
		[0.3, 1.62],
		[0.34, 1.82],
		[0.42, 1.92],
		[0.4, 1.94],
		[0.34, 1.9],
		[0.24, 1.64],
		[0.2, 1.4],
		[0, 1.3],
	];
	return [
		turnProfile(outline, ([, y]) => ((y > 0.62 && y < 0.8) || (y > 0.9 && y < 0.98) ? second : main), detail),
	];
}

export function buildBottle({ or, detail }: Brief): Mesh[] {
	const [glass] = or([46, 112, 72], CREAM);
	const outline: Profile = [
		[0, 0.06],
		[0.34, 0],
		[0.4, 0.06],
		[0.4, 0.5],
		[0.4, 1],
		[0.38, 1.25],
		[0.2, 1.5],
		[0.14, 1.7],
		[0.13, 1.95],
		[0.16, 1.97],
		[0.16, 2.08],
		[0, 2.1],
	];
	return [
		turnProfile(
			outline,
			([, y]) => (y > 0.35 && y < 0.95 ? CREAM : y > 1.96 ? [190, 150, 100] : glass),
			detail,
		),
	];
}
