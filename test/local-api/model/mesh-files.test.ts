import { createHash } from 'node:crypto';

import fc from 'fast-check';
import { validateBytes } from 'gltf-validator';
import sharp from 'sharp';

import { decodePicture, type Picture } from '../../../local-api/model/picture.mts';
import {
	makeMeshFiles,
	makeMeshTurntable,
	type MeshFormat,
	type MeshRecipe,
} from '../../../local-api/model/mesh-files.mts';
import { readMesh, type ReadMesh } from './read-mesh.mts';
import { examine, measureExtent, joinedAtPlaces } from './surface.mts';

const RECIPE: MeshRecipe = { prompt: '', seed: 5, resolution: 96, meshSimplify: 0.95 };
const FORMATS: MeshFormat[] = ['glb', 'obj', 'stl', 'ply'];

const BALL = '<circle cx="150" cy="150" r="120" fill="#d85020"/>';
const BOX = '<rect x="50" y="50" width="200" height="200" rx="4" fill="#b98a55"/>';
const CARD = '<rect x="60" y="20" width="180" height="260" rx="14" fill="#fdfdf8"/>';
/** Red over blue. */
const HALVES =
	'<circle cx="150" cy="150" r="120" fill="#d01010"/><path d="M30 150 a120 120 0 0 0 240 0" fill="#1010d0"/>';

/** @param edge px. The coordinates of the shapes are 0 to 300 for every edge. */
const drawn = async (shapes: string, edge = 300): Promise<Picture> =>
	await decodePicture(
		await sharp(
			Buffer.from(
				`<svg xmlns="http://www.w3.org/2000/svg" width="${edge}" height="${edge}" viewBox="0 0 300 300"><rect width="300" height="300" fill="#50c878"/>${shapes}</svg>`,
			),
		)
			.png()
			.toBuffer(),
	);

const sample = async (name: string): Promise<Picture> =>
	await decodePicture(await sharp(`samples/${name}`).toBuffer());

const meshOf = async (
	picture: Picture | undefined,
	recipe: Partial<MeshRecipe> = {},
	format: MeshFormat = 'ply',
): Promise<ReadMesh> =>
	await readMesh(await makeMeshFiles({ ...RECIPE, ...recipe }, picture, format, 'thing'), 'thing');

const bytesOf = async (picture: Picture | undefined, recipe: Partial<MeshRecipe>, format: MeshFormat) =>
	(await makeMeshFiles({ ...RECIPE, ...recipe }, picture, format, 'thing')).map(({ bytes }) => bytes);

/** Hashes bytes, since a printed difference of them would not help. */
const hashOf = (bytes: Buffer[]): string => {
	const hash = createHash('sha256');
	for (const part of bytes) hash.update(part);
	return hash.digest('hex');
};

function expectSolid(mesh: ReadMesh): void {
	for (const surface of [mesh, joinedAtPlaces(mesh)]) {
		const { volume, ...others } = examine(surface);
		expect(volume).toBeGreaterThan(0.01);
		// Each triangle of an STL has its own corners.
		if (surface === mesh && mesh.faces.length * 3 === mesh.positions.length) continue;
		expect(others).toEqual({ looseEdges: 0, flatFaces: 0 });
	}
}

describe('a GLB file', () => {
	test.each(['mug.jpg', 'duck.png', 'rocket.webp', 'mushroom.png', 'cactus.jpg'])(
		'of %s passes the Khronos validator',
		async (name) => {
			const [glb] = await bytesOf(await sample(name), {}, 'glb');
			const { issues } = await validateBytes(glb as Buffer);
			expect(issues).toMatchObject({ numErrors: 0, numWarnings: 0, numInfos: 0, numHints: 0 });
		},
	);

	test.each([
		['a ball', BALL],
		['a box', BOX],
		['a card', CARD],
	])('of %s passes it too', async (_, shapes) => {
		const [glb] = await bytesOf(await drawn(shapes), { resolution: 256 }, 'glb');
		const { issues } = await validateBytes(glb as Buffer);
		expect(issues).toMatchObject({ numErrors: 0, numWarnings: 0, numInfos: 0, numHints: 0 });
	});

	test.each(['a birthday cupcake', 'a blue gift box', 'a ringed planet', 'a house', 'qwerty'])(
		'of the prompt "%s" passes it too',
		async (prompt) => {
			const [glb] = await bytesOf(undefined, { prompt }, 'glb');
			const { issues } = await validateBytes(glb as Buffer);
			expect(issues).toMatchObject({ numErrors: 0, numWarnings: 0, numInfos: 0, numHints: 0 });
		},
	);

	test('says that the service did not make it', async () => {
		const [glb] = await bytesOf(undefined, { prompt: 'a vase' }, 'glb');
		expect((glb as Buffer).toString('latin1')).toContain("made by a stand-in, not the service's model");
	});
});

describe.each(FORMATS)('a mesh as %s', (format) => {
	test.each(['mug.jpg', 'duck.png', 'rocket.webp'])('of %s is one closed solid', async (name) => {
		const mesh = await meshOf(await sample(name), {}, format);
		expectSolid(mesh);
		expect(Math.max(...measureExtent(mesh))).toBeCloseTo(2, 4);
	});

	test('has unit normals that point to the outside', async () => {
		const { positions, faces, normals } = await meshOf(await drawn(BALL), {}, format);
		const outwards = Array.from(faces, (vertex, corner) => {
			const [x, y, z] = normals.slice(corner * 3, corner * 3 + 3) as [number, number, number];
			if (Math.abs(Math.hypot(x, y, z) - 1) > 1e-4) throw new Error(`${x}, ${y}, ${z} at corner ${corner}`);
			const [px, py, pz] = [0, 1, 2].map((axis) => positions[vertex * 3 + axis] as number);
			return x * (px as number) + y * (py as number) + z * (pz as number);
		}).sort((a, b) => a - b);
		// On a ball, each normal points away from the center. Only the narrow faces where front and back meet are rough.
		expect(outwards[Math.floor(outwards.length / 20)]).toBeGreaterThan(0.85);
		expect(outwards[Math.floor(outwards.length / 2)]).toBeGreaterThan(0.99);
	});

	test('has the same bytes for the same recipe, and other bytes for another seed', async () => {
		const picture = await sample('duck.png');
		for (const [of, prompt] of [
			[picture, ''],
			[undefined, 'a green vase'],
		] as const) {
			const hash = async (seed: number) =>
				hashOf(await bytesOf(of, { prompt, seed, resolution: 48 }, format));
			const first = await hash(1);
			expect(await hash(1)).toBe(first);
			expect(await hash(2)).not.toBe(first);
		}
	});
});

describe.each(['glb', 'obj', 'ply'] as const)('the colors of a mesh as %s', (format) => {
	test('are upright, and the same on the front and on the back', async () => {
		const { positions, faces, colors } = await meshOf(await drawn(HALVES), {}, format);
		const sides = new Set<string>();
		Array.from(faces).forEach((vertex, corner) => {
			const [y, z] = [positions[vertex * 3 + 1] as number, positions[vertex * 3 + 2] as number];
			if (Math.abs(y) < 0.08) return;
			const [red, , blue] = colors.slice(corner * 3, corner * 3 + 3) as [number, number, number];
			const side = `${y > 0 ? 'upper' : 'lower'} ${z > 0 ? 'front' : 'back'}`;
			if (red > 150 === y > 0 && blue > 150 === y < 0) sides.add(side);
			else throw new Error(`${side} is ${red}/${blue} at ${y}`);
		});
		expect(sides.size).toBe(4);
	});

	test('contain nothing of the backdrop, not even at the edge', async () => {
		const { colors } = await meshOf(await drawn(BALL), {}, format);
		const of = (channel: number) => colors.filter((_, i) => i % 3 === channel).sort((a, b) => a - b);
		expect(of(0)[0]).toBeGreaterThan(190);
		expect(of(1).at(-1)).toBeLessThan(105);
	});

	test('are those that the prompt names', async () => {
		const { colors } = await meshOf(undefined, { prompt: 'a red gift with a blue bow' }, format);
		const [reds, blues] = [0, 2].map((channel) =>
			colors.filter((value, i) => i % 3 === channel && value > (colors[i + 2 - 2 * channel] as number) + 60),
		);
		expect(reds?.length).toBeGreaterThan(colors.length / 30);
		expect(blues?.length).toBeGreaterThan(colors.length / 30);
	});
});

test('a texture is as sharp as the picture', async () => {
	const stripes = Array.from(
		{ length: 40 },
		(_, i) => `<rect x="50" y="${130 + i}" width="200" height="0.5"/>`,
	);
	const png = (await bytesOf(await drawn(BOX + stripes.join(''), 1200), {}, 'obj'))[2];
	const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
	const column = Array.from(
		{ length: info.height },
		(_, y) => (data[(y * info.width + info.width / 2) * 3] as number) > 100,
	);
	expect(column.filter((isLight, y) => y > 0 && isLight !== column[y - 1]).length).toBeGreaterThanOrEqual(78);
});

describe('any recipe', () => {
	test('of a picture gives a closed solid', async () => {
		const pictures = await Promise.all([sample('mug.jpg'), drawn(BOX), drawn(CARD), drawn(BALL)]);
		await fc.assert(
			fc.asyncProperty(
				fc.constantFrom(...pictures),
				fc.integer(),
				fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 4, max: 96 })),
				fc.double({ min: 0.9, max: 0.98, noNaN: true }),
				async (picture, seed, resolution, meshSimplify) => {
					const mesh = await meshOf(picture, { seed, resolution, meshSimplify }, 'stl');
					expectSolid(mesh);
					expect(mesh.faces.length / 3).toBeGreaterThanOrEqual(300);
				},
			),
			{ numRuns: 20 },
		);
	});

	test('of a prompt gives closed solids', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.constantFrom(
					'a birthday cupcake',
					'a gift',
					'a house',
					'a rocket',
					'a donut',
					'a tree',
					'an apple',
				),
				fc.integer(),
				fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 4, max: 96 })),
				fc.double({ min: 0.9, max: 0.98, noNaN: true }),
				async (prompt, seed, resolution, meshSimplify) => {
					expectSolid(await meshOf(undefined, { prompt, seed, resolution, meshSimplify }, 'ply'));
				},
			),
			{ numRuns: 30 },
		);
	});

	test('has more faces with a higher resolution, and fewer when it is simplified more', async () => {
		const faces = async (of: Picture | undefined, recipe: Partial<MeshRecipe>) =>
			(await meshOf(of, recipe)).faces.length / 3;
		for (const [of, prompt] of [
			[await sample('duck.png'), ''],
			[undefined, 'a rocket'],
		] as const) {
			const [fine, finer] = [128, 256].map((resolution) => faces(of, { prompt, resolution }));
			const times = ((await finer) as number) / ((await fine) as number);
			expect(times).toBeGreaterThan(3.4);
			expect(times).toBeLessThan(4.6);
			const [much, little] = [0.9, 0.98].map((meshSimplify) =>
				faces(of, { prompt, resolution: 256, meshSimplify }),
			);
			const part = ((await little) as number) / ((await much) as number);
			expect(part).toBeGreaterThan(0.18);
			expect(part).toBeLessThan(0.25);
		}
	});
});

describe('the shape behind a picture', () => {
	test('of a disc is a ball', async () => {
		const [wide, high, thick] = measureExtent(await meshOf(await drawn(BALL)));
		expect(high / wide).toBeCloseTo(1, 1);
		expect(thick / wide).toBeGreaterThan(0.9);
		expect(thick / wide).toBeLessThan(1.1);
	});

	test('of a square is a box: it fills most of the box around it', async () => {
		const mesh = await meshOf(await drawn(BOX));
		const [wide, high, thick] = measureExtent(mesh);
		expect(thick / wide).toBeGreaterThan(0.7);
		expect(examine(mesh).volume / (wide * high * thick)).toBeGreaterThan(0.85);
	});

	test('of an oblong rectangle is flat', async () => {
		const mesh = await meshOf(await drawn(CARD));
		const [wide, high, thick] = measureExtent(mesh);
		expect(thick / wide).toBeLessThan(0.2);
		expect(examine(mesh).volume / (wide * high * thick)).toBeGreaterThan(0.85);
	});

	test('of a rectangle on its corner is also a box', async () => {
		const turned = BOX.replace('<rect', '<rect transform="rotate(33 150 150)"');
		const mesh = await meshOf(await drawn(turned));
		expect(examine(mesh).volume).toBeGreaterThan(2.2);
	});
});

describe('the turntable of a mesh', () => {
	const frames = async (picture: Picture | undefined, recipe: Partial<MeshRecipe>) => {
		const gif = await makeMeshTurntable({ ...RECIPE, ...recipe }, picture, 96, 2);
		const { data, info } = await sharp(gif, { animated: true })
			.removeAlpha()
			.raw()
			.toBuffer({ resolveWithObject: true });
		return { data, info, metadata: await sharp(gif, { animated: true }).metadata(), gif };
	};

	test('has the requested size and length, and the same bytes each time', async () => {
		const { info, metadata, gif } = await frames(undefined, { prompt: 'a rocket', resolution: 64 });
		expect([info.width, metadata.pageHeight]).toEqual([96, 96]);
		expect(metadata.delay?.reduce((sum, ms) => sum + ms, 0)).toBe(2000);
		const again = await frames(undefined, { prompt: 'a rocket', resolution: 64 });
		expect(hashOf([again.gif])).toBe(hashOf([gif]));
	});

	test('shows the content of the picture, even if the mesh is coarse', async () => {
		const stripes = Array.from(
			{ length: 8 },
			(_, i) => `<rect x="50" y="${56 + i * 25}" width="200" height="12"/>`,
		);
		const { data } = await frames(await drawn(BOX + stripes.join('')), { resolution: 1, meshSimplify: 0.98 });
		const column = Array.from({ length: 96 }, (_, y) => data[(y * 96 + 48) * 3] as number);
		const changes = column.filter((value, y) => y > 0 && value > 90 !== (column[y - 1] as number) > 90);
		expect(changes.length).toBeGreaterThanOrEqual(14);
	});
});
