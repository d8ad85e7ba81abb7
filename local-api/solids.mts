import { fitted, joined, smoothNormals, type Mesh } from './mesh.mts';
import { hashOf, seededRandom, type Random } from './random.mts';

/** sRGB, 0 to 255. */
type Colour = readonly [number, number, number];
type Point = readonly [number, number, number];

/** Colour at a point of a surface: `turn` runs around it and `along` from its bottom to its top, both 0 to 1. */
type Paint = (point: Point, turn: number, along: number) => Colour;

const plain =
	(colour: Colour): Paint =>
	() =>
		colour;

const COLOURS: Record<string, Colour> = {
	red: [205, 42, 48],
	crimson: [176, 22, 52],
	orange: [238, 126, 36],
	yellow: [244, 200, 48],
	gold: [222, 172, 62],
	golden: [222, 172, 62],
	green: [66, 150, 72],
	mint: [150, 214, 180],
	teal: [30, 140, 140],
	turquoise: [64, 190, 190],
	blue: [48, 104, 200],
	navy: [34, 50, 110],
	purple: [126, 70, 176],
	violet: [126, 70, 176],
	pink: [240, 150, 180],
	brown: [126, 82, 52],
	chocolate: [96, 58, 40],
	black: [40, 40, 46],
	white: [240, 238, 232],
	grey: [142, 146, 152],
	gray: [142, 146, 152],
	silver: [186, 190, 198],
};

const CREAM: Colour = [250, 236, 214];
const WOOD: Colour = [122, 84, 56];
const LEAF: Colour = [52, 128, 70];
const SNOW: Colour = [240, 243, 248];
const CHERRY: Colour = [200, 30, 44];
const SPRINKLES: Colour[] = [
	[236, 92, 122],
	[88, 176, 220],
	[250, 208, 84],
	[124, 198, 120],
	[250, 250, 250],
];

/** Pairs for prompts that name no colour. */
const PALETTES: Array<readonly [Colour, Colour]> = [
	[[226, 106, 74], [250, 214, 150]],
	[[52, 116, 164], [240, 206, 132]],
	[[46, 140, 134], [240, 222, 186]],
	[[140, 92, 168], [246, 196, 206]],
	[[206, 84, 110], [250, 220, 196]],
	[[86, 142, 88], [238, 220, 150]],
	[[64, 84, 140], [150, 200, 222]],
	[[216, 150, 56], [122, 74, 58]],
];

function fromHue(hue: number, saturation: number, value: number): Colour {
	const part = (offset: number): number => {
		const k = (offset + hue * 6) % 6;
		return 255 * value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)));
	};
	return [part(5), part(3), part(1)];
}

function mixed(a: Colour, b: Colour, part: number): Colour {
	return [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part];
}

/**
 * Surface of sphere topology, from the pole at `along` = 0 (below) to the one at 1 (above). All points of a pole's row
 * have to be equal. Closed; `turn` runs counter-clockwise seen from above.
 */
function capped(rows: number, columns: number, shape: (turn: number, along: number) => Point, paint: Paint): Mesh {
	const positions: number[] = [];
	const colors: number[] = [];
	const add = (turn: number, along: number): void => {
		const point = shape(turn, along);
		positions.push(...point);
		colors.push(...paint(point, turn, along).map((value) => Math.min(Math.max(value, 0), 255)));
	};
	add(0, 0);
	for (let row = 1; row < rows; row++) {
		for (let column = 0; column < columns; column++) add(column / columns, row / rows);
	}
	add(0, 1);
	const top = positions.length / 3 - 1;
	const at = (row: number, column: number): number => 1 + (row - 1) * columns + (column % columns);
	const faces: number[] = [];
	for (let column = 0; column < columns; column++) {
		faces.push(0, at(1, column + 1), at(1, column));
		for (let row = 1; row < rows - 1; row++) {
			const [a, b] = [at(row, column), at(row, column + 1)];
			const [c, d] = [at(row + 1, column), at(row + 1, column + 1)];
			faces.push(a, b, d, a, d, c);
		}
		faces.push(at(rows - 1, column), at(rows - 1, column + 1), top);
	}
	return built(positions, colors, faces);
}

function built(positions: number[], colors: number[], faces: number[]): Mesh {
	const mesh = { positions: Float32Array.from(positions), faces: Uint32Array.from(faces), colors: Uint8Array.from(colors) };
	return { ...mesh, normals: smoothNormals(mesh.positions, mesh.faces) };
}

function around(radius: number, turn: number, y: number): Point {
	const angle = turn * 2 * Math.PI;
	// z falls as x turns, so that `turn` is counter-clockwise from above.
	return [radius * Math.cos(angle), y, -radius * Math.sin(angle)];
}

/** Radius and height of a lathe's profile, from the bottom's middle (radius 0) to the top's (radius 0). */
type Profile = Array<readonly [radius: number, y: number]>;

/** Runs smoothly through a profile's points; a point given twice makes a corner. */
function along(profile: Profile, part: number): readonly [number, number] {
	const position = part * (profile.length - 1);
	const i = Math.min(Math.floor(position), profile.length - 2);
	const t = position - i;
	const at = (index: number): readonly [number, number] => profile[Math.min(Math.max(index, 0), profile.length - 1)]!;
	const [p, q, r, s] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
	const curve = (axis: 0 | 1): number => {
		const [from, to] = [(r[axis] - p[axis]) / 2, (s[axis] - q[axis]) / 2];
		const [t2, t3] = [t * t, t * t * t];
		return q[axis] * (2 * t3 - 3 * t2 + 1) + from * (t3 - 2 * t2 + t) + r[axis] * (3 * t2 - 2 * t3) + to * (t3 - t2);
	};
	return [Math.max(curve(0), 0), curve(1)];
}

function lathe(
	profile: Profile,
	paint: Paint,
	detail: number,
	ripple: (turn: number, part: number) => number = () => 1,
): Mesh {
	return capped(
		detail,
		Math.round(detail * 1.8),
		(turn, part) => {
			const [radius, y] = along(profile, part);
			return part === 0 || part === 1 ? [0, y, 0] : around(radius * ripple(turn, part), turn, y);
		},
		paint,
	);
}

function ball(centre: Point, radii: Point, paint: Paint, detail: number): Mesh {
	return capped(
		Math.max(Math.round(detail / 2), 6),
		Math.max(detail, 8),
		(turn, part) => {
			const [x, , z] = around(Math.sin(part * Math.PI), turn, 0);
			return [
				centre[0] + (part === 0 || part === 1 ? 0 : x) * radii[0],
				centre[1] - Math.cos(part * Math.PI) * radii[1],
				centre[2] + (part === 0 || part === 1 ? 0 : z) * radii[2],
			];
		},
		paint,
	);
}

/** Box with rounded edges: the smaller `roundness` (0 to 1), the sharper. */
function block(centre: Point, half: Point, paint: Paint, detail: number, roundness = 0.12): Mesh {
	return capped(
		detail,
		detail * 2,
		(turn, part) => {
			const [x, , z] = around(Math.sin(part * Math.PI), turn + 1 / 8, 0);
			const y = -Math.cos(part * Math.PI);
			const power = 2 / roundness;
			const size = Math.pow(Math.abs(x) ** power + Math.abs(y) ** power + Math.abs(z) ** power, 1 / power);
			const isPole = part === 0 || part === 1;
			return [
				centre[0] + (isPole ? 0 : (x / size) * half[0]),
				centre[1] + (y / size) * half[1],
				centre[2] + (isPole ? 0 : (z / size) * half[2]),
			];
		},
		paint,
	);
}

/** Ring around the y axis; in its paint `along` runs around the tube, 0.25 on top. */
function ring(radius: number, tube: (turn: number, along: number) => number, paint: Paint, detail: number): Mesh {
	const [columns, rows] = [detail * 2, detail];
	const positions: number[] = [];
	const colors: number[] = [];
	const faces: number[] = [];
	for (let column = 0; column < columns; column++) {
		for (let row = 0; row < rows; row++) {
			const [turn, part] = [column / columns, row / rows];
			const angle = part * 2 * Math.PI;
			const thickness = tube(turn, part);
			const point = around(radius + Math.cos(angle) * thickness, turn, Math.sin(angle) * thickness);
			positions.push(...point);
			colors.push(...paint(point, turn, part));
			const nextColumn = ((column + 1) % columns) * rows;
			const nextRow = (row + 1) % rows;
			const [a, b] = [column * rows + row, nextColumn + row];
			const [c, d] = [column * rows + nextRow, nextColumn + nextRow];
			faces.push(a, b, d, a, d, c);
		}
	}
	return built(positions, colors, faces);
}

interface Brief {
	/** The prompt's words, lower case. */
	words: string[];
	/** Colour that the prompt names, else a seeded one. */
	main: Colour;
	/** Second colour that the prompt names, else a seeded one. */
	second: Colour;
	/** The prompt named a colour. */
	isColoured: boolean;
	random: Random;
	/** Rows and columns of a large part. */
	detail: number;
}

function scattered(count: number, random: Random, place: (turn: number, height: number) => Point): Mesh[] {
	return Array.from({ length: count }, (_, index) => {
		const centre = place(random(), random());
		return ball(centre, [0.035, 0.035, 0.035], plain(SPRINKLES[index % SPRINKLES.length]!), 10);
	});
}

function cupcake({ words, main, second, isColoured, random, detail }: Brief): Mesh {
	const frosting = isColoured ? main : fromHue(0.9 + random() * 0.12, 0.35, 0.97);
	const paper = isColoured ? mixed(second, [255, 255, 255], 0.2) : fromHue(random(), 0.35, 0.85);
	const cup: Profile = [[0, 0], [0.5, 0], [0.52, 0.01], [0.6, 0.3], [0.7, 0.62], [0.69, 0.64], [0, 0.66]];
	const swirl: Profile = [
		[0, 0.58], [0.7, 0.58], [0.8, 0.68], [0.74, 0.8], [0.62, 0.86], [0.62, 0.94], [0.54, 1.06],
		[0.42, 1.1], [0.42, 1.18], [0.34, 1.3], [0.2, 1.38], [0.08, 1.46], [0, 1.47],
	];
	const pleats = (turn: number): number => Math.cos(turn * 2 * Math.PI * 26);
	const parts = [
		lathe(cup, (_, turn) => mixed(paper, [255, 255, 255], 0.3 + 0.3 * pleats(turn)), detail, (turn) => 1 + 0.025 * pleats(turn)),
		lathe(
			swirl,
			(_, turn, part) => mixed(frosting, [255, 255, 255], 0.15 + 0.15 * Math.cos((turn * 7 + part * 3) * 2 * Math.PI)),
			detail,
			(turn, part) => 1 + 0.045 * Math.cos((turn * 7 + part * 3) * 2 * Math.PI) * Math.sin(part * Math.PI),
		),
		...scattered(26, random, (turn, height) => {
			const [radius, y] = along(swirl, 0.16 + height * 0.62);
			return around(radius * 0.99, turn, y);
		}),
	];
	if (words.some((word) => /^(birthday|candle)/.test(word))) {
		const stripes: Paint = (_, turn, part) => ((part * 6 + turn) % 1 < 0.5 ? [250, 250, 250] : mixed(main, [90, 160, 230], 0.5));
		parts.push(
			lathe([[0, 1.36], [0.06, 1.36], [0.06, 1.4], [0.06, 1.7], [0.06, 1.96], [0.055, 1.98], [0, 1.98]], stripes, Math.round(detail / 2)),
			lathe([[0, 1.99], [0.07, 2.07], [0.05, 2.18], [0, 2.32]], (point) => mixed([255, 224, 110], [250, 130, 40], (point[1] - 2) * 2.6), 24),
		);
	} else {
		parts.push(ball([0, 1.55, 0], [0.15, 0.15, 0.15], plain(CHERRY), Math.round(detail / 2)));
	}
	return joined(parts);
}

function planet({ words, main, second, isColoured, random, detail }: Brief): Mesh {
	const isEarth = words.some((word) => /^(earth|globe|world)$/.test(word));
	const waves = Array.from({ length: 7 }, () => ({
		direction: [random() - 0.5, random() - 0.5, random() - 0.5],
		pitch: 4 + random() * 9,
		phase: random() * 7,
	}));
	const noise = (point: Point): number =>
		waves.reduce(
			(sum, { direction, pitch, phase }) =>
				sum + Math.sin(phase + pitch * direction.reduce((dot, d, axis) => dot + d * point[axis]!, 0) * 1.6),
			0,
		);
	const land: Colour = isEarth && !isColoured ? [92, 150, 78] : second;
	const sea: Colour = isEarth && !isColoured ? [44, 100, 178] : main;
	const paint: Paint = (point) => {
		if (isEarth && Math.abs(point[1]) > 0.93 + noise(point) * 0.006) return SNOW;
		return mixed(sea, land, Math.min(Math.max((noise(point) - 0.2) * 2.5 + 0.5, 0), 1));
	};
	const globe = ball([0, 0, 0], [1, 1, 1], words.includes('ball') ? ballStripes(main, second) : paint, detail * 2);
	if (!words.some((word) => /^(saturn|ringed|planet)/.test(word))) return globe;
	const disc = ring(1.55, (_, part) => 0.02 + 0.26 * Math.abs(Math.cos(part * 2 * Math.PI)), plain(mixed(second, CREAM, 0.5)), detail);
	const flat = disc.positions.map((value, index) => (index % 3 === 1 ? value * 0.08 : value));
	const tilt = 0.3;
	const tilted = flat.map((value, index) => {
		if (index % 3 === 2) return value;
		const [x, y] = index % 3 === 0 ? [value, flat[index + 1]!] : [flat[index - 1]!, value];
		return index % 3 === 0 ? x * Math.cos(tilt) - y * Math.sin(tilt) : x * Math.sin(tilt) + y * Math.cos(tilt);
	});
	return joined([globe, { ...disc, positions: tilted, normals: smoothNormals(tilted, disc.faces) }]);
}

function ballStripes(main: Colour, second: Colour): Paint {
	return (point, turn) => {
		if (Math.abs(point[1]) > 0.93) return CREAM;
		return [main, CREAM, second, CREAM][Math.floor(turn * 8) % 4]!;
	};
}

function gift({ main, second, detail }: Brief): Mesh {
	const ribbon = mixed(second, [255, 255, 255], 0.15);
	const wrapped: Paint = ([x, , z]) => (Math.abs(x) < 0.13 || Math.abs(z) < 0.13 ? ribbon : main);
	const bow = [-1, 1].map((side) =>
		ball([side * 0.24, 0.98, 0], [0.24, 0.14, 0.12], plain(ribbon), Math.round(detail / 2)),
	);
	return joined([
		block([0, 0, 0], [0.8, 0.66, 0.8], wrapped, detail, 0.1),
		block([0, 0.7, 0], [0.86, 0.16, 0.86], (point, turn, part) => mixed(wrapped(point, turn, part), [255, 255, 255], 0.12), detail, 0.12),
		...bow,
		ball([0, 0.95, 0], [0.11, 0.11, 0.11], plain(mixed(ribbon, [0, 0, 0], 0.12)), 20),
	]);
}

function house({ main, second, isColoured, detail }: Brief): Mesh {
	const wall = isColoured ? main : CREAM;
	const roof: Colour = isColoured ? second : [178, 74, 58];
	const walls: Paint = ([x, y, z]) => {
		const [wide, far] = Math.abs(z) > Math.abs(x) ? [x, z] : [z, 0];
		if (far > 0.7 && Math.abs(wide) < 0.15 && y < 0.02) return WOOD;
		if (Math.abs(Math.abs(wide) - 0.42) < 0.14 && Math.abs(y - 0.1) < 0.17) return [110, 160, 200];
		return wall;
	};
	const slope = (turn: number): number => {
		// A square's radius at this angle, with its sides towards the axes.
		const angle = ((turn + 1 / 8) % 0.25) * 2 * Math.PI - Math.PI / 4;
		return 1 / Math.cos(angle);
	};
	return joined([
		block([0, 0, 0], [0.75, 0.55, 0.75], walls, detail, 0.06),
		lathe([[0, 0.5], [0.94, 0.5], [0.94, 0.53], [0.5, 0.86], [0.04, 1.2], [0, 1.22]], (_, __, part) => mixed(roof, [0, 0, 0], (part * 24) % 1 < 0.2 ? 0.15 : 0), detail, slope),
		block([0.4, 1, 0.3], [0.1, 0.3, 0.1], plain([150, 86, 70]), Math.round(detail / 3), 0.1),
	]);
}

function donut({ main, isColoured, random, detail }: Brief): Mesh {
	const icing = isColoured ? main : fromHue(0.92, 0.42, 0.95);
	const dough: Colour = [214, 158, 96];
	const edge = (turn: number): number => 0.06 + 0.05 * Math.sin(turn * 2 * Math.PI * 6) + 0.03 * Math.sin(turn * 2 * Math.PI * 11);
	const [radius, tube] = [0.66, 0.34];
	return joined([
		ring(
			radius,
			() => tube,
			(point, turn) => (point[1] > edge(turn) ? icing : mixed(dough, CREAM, Math.max(0, 0.45 - Math.abs(point[1] + 0.04) * 9))),
			detail,
		),
		...scattered(48, random, (turn, height) => {
			const angle = Math.PI * (0.2 + height * 0.6);
			return around(radius + Math.cos(angle) * tube * 0.99, turn, Math.sin(angle) * tube * 0.99);
		}),
	]);
}

function rocket({ main, second, isColoured, detail }: Brief): Mesh {
	const body: Colour = isColoured ? mixed(main, [255, 255, 255], 0.1) : [236, 238, 242];
	const trim: Colour = isColoured ? second : [208, 52, 48];
	const paint: Paint = (point) => {
		const [x, y, z] = point;
		const window = Math.hypot(x, y - 1.25);
		if (z > 0 && window < 0.13) return [96, 176, 226];
		if (z > 0 && window < 0.18) return trim;
		return y > 1.72 || (y > 0.32 && y < 0.42) ? trim : body;
	};
	const hull: Profile = [
		[0, 0.1], [0.26, 0.1], [0.28, 0.12], [0.36, 0.4], [0.42, 0.8], [0.42, 1.15], [0.36, 1.6], [0.22, 2], [0.1, 2.2], [0, 2.3],
	];
	const fins = [0, 1, 2].map((index) => {
		const angle = (index / 3) * 2 * Math.PI + Math.PI / 2;
		const fin = block([0.45, 0.24, 0], [0.26, 0.34, 0.045], plain(trim), Math.round(detail / 2), 0.5);
		return turned(sheared(fin, -0.5), angle);
	});
	const nozzle: Profile = [[0, -0.06], [0.24, -0.06], [0.25, -0.04], [0.17, 0.14], [0, 0.16]];
	return joined([lathe(hull, paint, detail), lathe(nozzle, plain([70, 74, 84]), Math.round(detail / 2)), ...fins]);
}

/** The mesh with y moved by `slope` per unit of x. */
function sheared(mesh: Mesh, slope: number): Mesh {
	const positions = mesh.positions.map((value, index) =>
		index % 3 === 1 ? value + (mesh.positions[index - 1]! - 0.45) * slope : value,
	);
	return { ...mesh, positions, normals: smoothNormals(positions, mesh.faces) };
}

function turned(mesh: Mesh, angle: number): Mesh {
	const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
	const rotate = (values: Float32Array): Float32Array =>
		values.map((value, index) => {
			if (index % 3 === 0) return value * cos + values[index + 2]! * sin;
			return index % 3 === 2 ? value * cos - values[index - 2]! * sin : value;
		});
	return { ...mesh, positions: rotate(mesh.positions), normals: rotate(mesh.normals) };
}

function vase({ main, second, detail }: Brief): Mesh {
	const outline: Profile = [
		[0, 0], [0.36, 0], [0.38, 0.03], [0.5, 0.3], [0.66, 0.7], [0.64, 1.05], [0.42, 1.4], [0.3, 1.62], [0.34, 1.82], [0.42, 1.92],
		[0.4, 1.94], [0.34, 1.9], [0.24, 1.64], [0.2, 1.4], [0, 1.3],
	];
	return lathe(outline, ([, y]) => ((y > 0.62 && y < 0.8) || (y > 0.9 && y < 0.98) ? second : main), detail);
}

function bottle({ main, isColoured, detail }: Brief): Mesh {
	const glass: Colour = isColoured ? main : [46, 112, 72];
	const outline: Profile = [
		[0, 0.06], [0.34, 0], [0.4, 0.06], [0.4, 0.5], [0.4, 1], [0.38, 1.25], [0.2, 1.5], [0.14, 1.7], [0.13, 1.95], [0.16, 1.97], [0.16, 2.08], [0, 2.1],
	];
	return lathe(outline, ([, y]) => (y > 0.35 && y < 0.95 ? CREAM : y > 1.96 ? [190, 150, 100] : glass), detail);
}

function pawn({ main, isColoured, detail }: Brief): Mesh {
	const wood: Colour = isColoured ? main : [224, 190, 140];
	const outline: Profile = [
		[0, 0], [0.52, 0], [0.54, 0.04], [0.54, 0.14], [0.46, 0.24], [0.34, 0.32], [0.24, 0.6], [0.18, 0.95], [0.2, 1.0], [0.32, 1.05],
		[0.32, 1.1], [0.18, 1.16], [0.3, 1.3], [0.32, 1.42], [0.24, 1.58], [0, 1.66],
	];
	return lathe(outline, ([x, y, z]) => mixed(wood, WOOD, 0.12 + 0.12 * Math.sin(y * 9 + x * 22 + Math.sin(z * 7))), detail);
}

function tree({ words, random, detail }: Brief): Mesh {
	const isSnowy = words.some((word) => /^(snow|winter)/.test(word));
	const tiers = [0, 1, 2].map((tier): Mesh => {
		const [radius, bottom, height] = [0.72 - tier * 0.17, 0.36 + tier * 0.46, 0.82 - tier * 0.06];
		const cone: Profile = [[0, bottom + 0.06], [radius * 0.9, bottom], [radius, bottom + 0.03], [radius * 0.55, bottom + height * 0.45], [0.04, bottom + height], [0, bottom + height]];
		const paint: Paint = (_, turn, part) =>
			mixed(LEAF, isSnowy ? SNOW : [140, 190, 90], (isSnowy ? 0.85 : 0.35) * Math.max(0, Math.sin(turn * 2 * Math.PI * 9 + part * 14)) * part);
		return lathe(cone, paint, detail, (turn, part) => 1 + 0.05 * Math.cos(turn * 2 * Math.PI * 11 + tier) * (1 - part));
	});
	const isDecorated = words.some((word) => /^(christmas|xmas)/.test(word));
	const baubles = isDecorated
		? [0, 1, 2].flatMap((tier) =>
				Array.from({ length: 6 - tier }, (_, index) => {
					const centre = around(0.66 - tier * 0.17, (index + random() * 0.5) / (6 - tier), 0.44 + tier * 0.46);
					return ball(centre, [0.08, 0.08, 0.08], plain(SPRINKLES[(index + tier) % 3]!), 18);
				}),
			)
		: [];
	const star = isDecorated ? [ball([0, 2.06, 0], [0.1, 0.13, 0.1], plain([250, 208, 84]), 20)] : [];
	return joined([lathe([[0, 0], [0.15, 0], [0.15, 0.02], [0.13, 0.5], [0, 0.52]], plain(WOOD), Math.round(detail / 3)), ...tiers, ...baubles, ...star]);
}

function snowman({ detail }: Brief): Mesh {
	const coal = plain([44, 44, 50]);
	const dots = ([[-0.1, 1.72, 0.29], [0.1, 1.72, 0.29], [0, 1.2, 0.43], [0, 1.0, 0.45]] as const).map((centre) => ball(centre, [0.045, 0.045, 0.045], coal, 14));
	const nose = lathe([[0, 0], [0.06, 0], [0.06, 0.01], [0.03, 0.16], [0, 0.3]], plain([238, 126, 36]), 20);
	const forward = nose.positions.map((value, index) => {
		if (index % 3 === 1) return 1.62 - nose.positions[index + 1]!;
		return index % 3 === 2 ? 0.28 + nose.positions[index - 1]! : value;
	});
	return joined([
		ball([0, 0.5, 0], [0.64, 0.58, 0.64], plain(SNOW), detail),
		ball([0, 1.15, 0], [0.46, 0.44, 0.46], plain(SNOW), detail),
		ball([0, 1.66, 0], [0.33, 0.32, 0.33], plain(SNOW), detail),
		lathe([[0, 1.88], [0.4, 1.88], [0.4, 1.92], [0.24, 1.93], [0.24, 1.96], [0.25, 2.26], [0.24, 2.28], [0, 2.28]], coal, detail),
		...dots,
		{ ...nose, positions: forward, normals: smoothNormals(forward, nose.faces) },
	]);
}

function mushroom({ main, isColoured, random, detail }: Brief): Mesh {
	const cap: Colour = isColoured ? main : [200, 44, 40];
	const dome: Profile = [[0, 0.72], [0.5, 0.66], [0.82, 0.68], [0.84, 0.76], [0.7, 1.06], [0.4, 1.28], [0, 1.36]];
	const dots = Array.from({ length: 16 }, (_, index) => {
		const [radius, y] = along(dome, 0.56 + 0.42 * ((index + random()) / 16));
		return { centre: around(radius, index * 0.382 + random() * 0.05, y), size: 0.07 + random() * 0.07 };
	});
	const paint: Paint = (point, _, part) => {
		if (part < 0.42) return CREAM;
		const inDot = Math.max(...dots.map(({ centre, size }) => size - Math.hypot(...centre.map((value, axis) => value - point[axis]!))));
		return mixed(cap, SNOW, Math.min(Math.max(inDot * 40 + 0.5, 0), 1));
	};
	return joined([
		lathe([[0, 0], [0.3, 0], [0.32, 0.04], [0.24, 0.3], [0.2, 0.6], [0.2, 0.8], [0, 0.82]], plain(CREAM), Math.round(detail / 2)),
		lathe(dome, paint, detail),
	]);
}

function fruit({ words, main, isColoured, detail }: Brief): Mesh {
	const isOrange = words.some((word) => /^(orange|tangerine)/.test(word));
	const skin: Colour = isOrange ? COLOURS.orange! : isColoured ? main : [198, 40, 44];
	const flesh: Profile = [[0, 0.1], [0.2, 0.02], [0.55, 0.16], [0.8, 0.62], [0.74, 1.1], [0.4, 1.34], [0.14, 1.28], [0, 1.16]];
	return joined([
		lathe(flesh, (_, turn, part) => mixed(skin, [250, 220, 120], 0.1 + 0.1 * Math.sin(turn * 50 + part * 3)), detail),
		lathe([[0, 1.1], [0.035, 1.12], [0.03, 1.4], [0.045, 1.52], [0, 1.53]], plain(WOOD), 20),
		ball([0.2, 1.46, 0], [0.2, 0.03, 0.1], plain(LEAF), 24),
	]);
}

/** A turned form that nobody has a name for: the prompt's words choose it. */
function unnamed({ words, main, second, detail }: Brief): Mesh {
	const random = seededRandom(hashOf(words.join(' ')));
	const rings = 5 + Math.floor(random() * 3);
	const profile: Profile = [[0, 0], [0.34 + random() * 0.2, 0], [0.42 + random() * 0.2, 0.05]];
	for (let i = 1; i <= rings; i++) profile.push([0.22 + random() * 0.5, 0.05 + (i / rings) * 1.7]);
	profile.push([0.12, 1.9], [0, 1.92]);
	const petals = 3 + Math.floor(random() * 6);
	const swing = random() * 0.12;
	const bands = 2 + Math.floor(random() * 4);
	return lathe(
		profile,
		(_, __, part) => mixed(main, second, 0.5 - 0.5 * Math.cos(part * bands * 2 * Math.PI)),
		detail,
		(turn, part) => 1 + swing * Math.cos((turn * petals + part) * 2 * Math.PI) * Math.sin(part * Math.PI),
	);
}

const SOLIDS: Array<[RegExp, (brief: Brief) => Mesh]> = [
	[/^(cupcake|cake|muffin|birthday)/, cupcake],
	[/^(snowman|snowmen)/, snowman],
	[/^(ball|planet|earth|globe|world|moon|sun|sphere|marble|saturn|mars)s?$/, planet],
	[/^(house|home|cottage|hut|barn)/, house],
	[/^(box|gift|present|cube|crate|parcel)/, gift],
	[/^(donut|doughnut|ring|torus|bagel)/, donut],
	[/^(rocket|spaceship|missile)/, rocket],
	[/^(mushroom|toadstool)/, mushroom],
	[/^(tree|pine|fir|christmas|xmas|cone)/, tree],
	[/^(chess|pawn)/, pawn],
	[/^(bottle|wine|flask)/, bottle],
	[/^(vase|pot|urn|jar|cup|mug|amphora)/, vase],
	[/^(apple|cherry|orange|tangerine|fruit|tomato|peach)/, fruit],
];

/**
 * The solid that a prompt's words name (a cupcake, a planet, a house, ...), in the colours that they name; a turned
 * form of their hash when they name none.
 *
 * @param random settles what the words leave open
 * @param resolution 48 to 176: rows and columns of its larger parts
 */
export function solidOf(prompt: string, random: Random, resolution: number): Mesh {
	const words = prompt.toLowerCase().match(/\p{L}+/gu) ?? [];
	const named = words.flatMap((word) => (COLOURS[word] ? [COLOURS[word]] : []));
	const palette = PALETTES[Math.floor(random() * PALETTES.length)]!;
	const brief: Brief = {
		words,
		main: named[0] ?? palette[0],
		second: named[1] ?? palette[1],
		isColoured: named.length > 0,
		random,
		detail: Math.round(resolution * 0.62),
	};
	const [, solid] = SOLIDS.find(([pattern]) => words.some((word) => pattern.test(word))) ?? [undefined, unnamed];
	return fitted(solid(brief));
}
