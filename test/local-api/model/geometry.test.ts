import fc from 'fast-check';
import sharp from 'sharp';

import { decodePicture, type Picture } from '../../../local-api/model/picture.mts';
import { inflate } from '../../../local-api/model/inflate.mts';
import type { Mesh } from '../../../local-api/model/mesh.mts';
import { buildModel } from '../../../local-api/model/model.mts';
import { readV3, type ParametersV3 } from '../../../local-api/parameters-v3.mts';
import { cutOut } from '../../../local-api/model/silhouette.mts';
import { makeMeshFiles } from '../../../local-api/model/mesh-files.mts';
import { readMesh } from './read-mesh.mts';
import { examine, joinedAtPlaces, measureExtent } from './surface.mts';

const SAMPLES = ['mug.jpg', 'duck.png', 'rocket.webp', 'mushroom.png', 'cactus.jpg'];

function parametersOf(endpoint: 'img_to_3d' | 'txt_to_3d', body: Record<string, unknown>): ParametersV3 {
	const read = readV3(endpoint, { image: 'http://127.0.0.1/a.png', seed: 20, ...body });
	if ('errors' in read) throw new Error(JSON.stringify(read.errors));
	return read.parameters;
}

const sample = async (name: string): Promise<Picture> =>
	await decodePicture(await sharp(`samples/${name}`).toBuffer());

const meshOf = (picture: Picture, steps: number): Mesh =>
	buildModel(parametersOf('img_to_3d', { steps }), picture, 0).mesh;

/** Computes vertices - edges + faces of a closed mesh: 2 for each separate piece, and 2 less for each hole through it. */
const computeEulerNumber = ({ positions, faces }: Mesh): number => positions.length / 3 - faces.length / 6;

interface Mug {
	background: string;
	clay: string;
	/** Half of the height of the hole, and its width to the right of the body, in hundredths of the picture. */
	hole: number;
	width: number;
	/** How dark the shadow in the hole is next to the body, 0 to 1. */
	shadow: number;
}

const MUG: Mug = { background: '#efece6', clay: '#1f8a96', hole: 9, width: 7, shadow: 0 };

/** Draws a mug from the side, 320 px, as a JPEG. @param more SVG over it */
async function drawMug({ background, clay, hole, width, shadow }: Mug, more = ''): Promise<Picture> {
	const loop = `<ellipse cx="62" cy="50" rx="${width}" ry="${hole}"`;
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="320" height="320">
		<linearGradient id="shadow"><stop offset=".5" stop-opacity="${shadow}"/><stop offset="1" stop-opacity="0"/></linearGradient>
		<rect width="100" height="100" fill="${background}"/>
		${loop} fill="url(#shadow)" stroke="${clay}" stroke-width="9"/>${loop} fill="${background}"/>${loop} fill="url(#shadow)"/>
		<path d="M22 22 H62 V72 Q62 78 56 78 H28 Q22 78 22 72 Z" fill="${clay}"/>${more}</svg>`;
	return await decodePicture(await sharp(Buffer.from(svg)).jpeg({ quality: 85 }).toBuffer());
}

const MESH = { prompt: '', seed: 3, resolution: 128, meshSimplify: 0.95 };

function expectSound(mesh: Mesh): void {
	const { looseEdges, volume } = examine(mesh);
	expect(looseEdges).toBe(0);
	expect([...mesh.positions, ...mesh.normals].every(Number.isFinite)).toBe(true);
	expect(volume).toBeGreaterThan(0);
}

/** Measures the area that a cut-out shares with the expected one, as a share of the area of both together. */
function measureAgreement(picture: Picture, isExpected: (pixel: number) => boolean): number {
	const silhouette = cutOut(picture, 1.2);
	let [shared, either] = [0, 0];
	for (let pixel = 0; pixel < picture.width * picture.height; pixel++) {
		const isFound = silhouette.insideAt(pixel % picture.width, Math.floor(pixel / picture.width)) > 0;
		if (isFound && isExpected(pixel)) shared += 1;
		if (isFound || isExpected(pixel)) either += 1;
	}
	return shared / either;
}

describe('the mesh of a picture', () => {
	test.each(SAMPLES)('%s becomes one closed solid', async (name) => {
		const mesh = meshOf(await sample(name), 12);
		expectSound(mesh);
		expect(Math.max(...measureExtent(mesh))).toBeCloseTo(2, 5);
		// The mug has a hole through it, in its handle.
		expect(computeEulerNumber(mesh)).toBe(name === 'mug.jpg' ? 0 : 2);
	});

	test.each([
		['as it is', {}],
		['on a white backdrop', { background: '#ffffff' }],
		['on a dark backdrop', { background: '#202428' }],
		['on a colored backdrop', { background: '#e8c060' }],
		['with a small hole', { hole: 5 }],
		['with a narrow hole', { width: 2.5 }],
		['with a large hole', { hole: 14, width: 10 }],
		['with a hole in a light shadow', { shadow: 0.1 }],
		['of which both sides are almost as light as the backdrop', { clay: '#d8d0c0', background: '#ffffff' }],
	])('a handle is a loop, and its hole is open: a mug %s', async (_, mug: Partial<Mug>) => {
		const picture = await drawMug({ ...MUG, ...mug });
		for (const steps of [4, 30, 64]) {
			const mesh = meshOf(picture, steps);
			expectSound(mesh);
			expect(computeEulerNumber(mesh)).toBe(0);
		}
		const files = await makeMeshFiles(MESH, picture, 'stl', 'mug');
		const surface = joinedAtPlaces(await readMesh(files, 'mug'));
		expect(examine(surface).looseEdges).toBe(0);
		expect(surface.positions.length / 3 - surface.faces.length / 6).toBe(0);
	});

	test('a highlight that fades is no hole', async () => {
		const glow =
			'<filter id="soft"><feGaussianBlur stdDeviation="2.5"/></filter><ellipse cx="38" cy="45" rx="5" ry="14" fill="#fff" filter="url(#soft)"/>';
		const mesh = meshOf(await drawMug({ ...MUG, background: '#ffffff' }, glow), 30);
		expect(computeEulerNumber(mesh)).toBe(0);
	});

	test('a higher guidance scale makes it rounder, more steps make it finer', async () => {
		const picture = await sample('duck.png');
		const of = (body: Record<string, unknown>) =>
			buildModel(parametersOf('img_to_3d', body), picture, 0).mesh;
		const [flat, round] = [of({ guidance_scale: 1, steps: 8 }), of({ guidance_scale: 20, steps: 8 })];
		expect(measureExtent(round)[2]).toBeGreaterThan((measureExtent(flat)[2] as number) * 1.5);
		expect(of({ guidance_scale: 20, steps: 40 }).faces.length).toBeGreaterThan(round.faces.length * 2);
	});

	test('it has the colors of the picture, and not those of the backdrop', async () => {
		const square = await sharp({ create: { width: 60, height: 60, channels: 3, background: '#c81e28' } })
			.png()
			.toBuffer();
		const picture = await decodePicture(
			await sharp(square)
				.extend({ top: 40, bottom: 40, left: 40, right: 40, background: '#d8e8f8' })
				.png()
				.toBuffer(),
		);
		const { colors } = meshOf(picture, 16);
		for (let i = 0; i < colors.length; i += 3) {
			expect(colors[i]).toBeGreaterThan(170);
			expect(colors[i + 1]).toBeLessThan(90);
		}
	});

	test('any mask inflates to a closed mesh', () => {
		const edge = 12;
		fc.assert(
			fc.property(
				fc.array(fc.boolean(), { minLength: edge * edge, maxLength: edge * edge }),
				fc.integer({ min: 16, max: 40 }),
				fc.double({ min: 0.1, max: 2, noNaN: true }),
				fc.constantFrom(0.05, 0.5, Infinity),
				(mask, resolution, height, limit) => {
					fc.pre(mask.includes(true));
					const mesh = inflate(
						{
							bounds: { left: 0, top: 0, right: edge - 1, bottom: edge - 1 },
							insideAt: (x, y) => {
								const [column, row] = [Math.round(x), Math.round(y)];
								const isOut = column < 0 || row < 0 || column >= edge || row >= edge;
								return !isOut && mask[row * edge + column] ? 0.3 + Math.abs(Math.sin(x * 3 + y)) : -0.4;
							},
							colorAt: () => [200, 100, 50],
							ownAt: () => 1,
							isCard: false,
						},
						resolution,
						{ height, limit },
					);
					expectSound(mesh);
				},
			),
			{ numRuns: 40 },
		);
	});
});

describe('the cut-out', () => {
	test('follows the transparency of a picture that has one', async () => {
		const duck = await sample('duck.png');
		expect(measureAgreement(duck, (pixel) => (duck.pixels[pixel * 4 + 3] as number) >= 128)).toBeGreaterThan(
			0.98,
		);
	});

	test.each(['#ffffff', '#7f8a94', '#1d2733'])(
		'finds the same shape on a plain backdrop (%s)',
		async (background) => {
			const duck = await sample('duck.png');
			const onBackdrop = await decodePicture(
				await sharp('samples/duck.png').flatten({ background }).png().toBuffer(),
			);
			expect(
				measureAgreement(onBackdrop, (pixel) => (duck.pixels[pixel * 4 + 3] as number) >= 128),
			).toBeGreaterThan(0.96);
		},
	);

	test.each(['mug.jpg', 'rocket.webp', 'mushroom.png', 'cactus.jpg'])(
		'leaves out the backdrop and the shadow of %s',
		async (name) => {
			const picture = await sample(name);
			const { insideAt, isCard } = cutOut(picture, 1.2);
			expect(isCard).toBe(false);
			const { width, height } = picture;
			const ring = Array.from({ length: 100 }, (_, i) => (i * Math.PI) / 50);
			const rim = ring.map((angle) =>
				insideAt(width * (0.5 + 0.49 * Math.cos(angle)), height * (0.5 + 0.49 * Math.sin(angle))),
			);
			expect(Math.max(...rim)).toBeLessThan(0);
			expect(insideAt(width / 2, height / 2)).toBeGreaterThan(0);
		},
	);
});

describe('a picture without an object', () => {
	const blank = sharp({ create: { width: 90, height: 60, channels: 3, background: '#aabbcc' } });
	const noise = sharp({
		create: {
			width: 90,
			height: 60,
			channels: 3,
			background: '#888',
			noise: { type: 'gaussian', mean: 128, sigma: 60 },
		},
	});
	const clear = sharp({
		create: { width: 90, height: 60, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
	});

	test.each([
		['nothing but backdrop', blank],
		['no plain backdrop', noise],
		['nothing but transparency', clear],
	])('%s: becomes a card in the shape of the picture', async (_, image) => {
		const picture = await decodePicture(await image.png().toBuffer());
		const mesh = meshOf(picture, 8);
		expectSound(mesh);
		const [wide, high, thick] = measureExtent(mesh) as [number, number, number];
		expect(wide / high).toBeCloseTo(1.5, 1);
		expect(thick).toBeLessThan(0.15);
	});

	test.each([
		[1, 1],
		[600, 2],
		[2, 600],
	])('a picture of %i x %i px becomes a closed solid', async (width, height) => {
		const file = await sharp({ create: { width, height, channels: 3, background: '#d02020' } })
			.png()
			.toBuffer();
		expectSound(meshOf(await decodePicture(file), 8));
	});
});

describe('the solid of a prompt', () => {
	const solid = (prompt: string, index = 0) =>
		buildModel(parametersOf('txt_to_3d', { prompt, steps: 4 }), undefined, index).mesh;

	test.each([
		'A birthday cupcake',
		'a cherry cake',
		'a ringed planet',
		'the earth',
		'a beach ball',
		'a red house',
		'a gift box',
		'a donut',
		'a rocket',
		'a christmas tree',
		'a wine bottle',
		'a vase',
		'an apple',
		'a mushroom',
		'something else',
		'1234',
		'a constructor vase',
	])('"%s" is made of closed solids', (prompt) => {
		expectSound(solid(prompt));
	});

	test('it has the color that the prompt names', () => {
		const mean = ({ colors }: Mesh) =>
			[0, 1, 2].map((channel) =>
				colors.filter((_, i) => i % 3 === channel).reduce((a, b) => a + b / colors.length, 0),
			);
		const [red, , blue] = mean(solid('a red vase')) as [number, number, number];
		const [otherRed, , otherBlue] = mean(solid('a blue vase')) as [number, number, number];
		expect(red - blue).toBeGreaterThan(otherRed - otherBlue + 20);
	});

	test('prompts that name nothing known give different solids', () => {
		expect(solid('qwerty').positions).not.toEqual(solid('asdfgh').positions);
	});
});
