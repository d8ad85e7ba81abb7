import sharp from 'sharp';

import { createRandom } from '../../local-api/model/random.mts';
import { SOLIDS, UNNAMED } from '../../local-api/model/solids.mts';
import { readText } from '../support/own-files.mts';
import { openStandIn, QUICK, QUICK_MESH, type StandIn } from './stand-in.mts';

const README = readText('local-api/README.md');

let standIn: StandIn;
beforeEach(async () => {
	standIn = await openStandIn({ jobSeconds: 0 });
});
afterEach(async () => {
	await standIn.close();
});

describe('an answer about words', () => {
	const note = async (path: string, prompt: string) =>
		(await standIn.post(path, { ...QUICK, ...QUICK_MESH, prompt })).json.meta.stand_in;

	test.each(['v3/txt_to_3d', 'v6/3d/text_to_3d', 'v1/enterprise/3d/text_to_3d'])(
		'says which shapes there are, and which one it is: %s',
		async (path) => {
			const text = await note(path, 'two RED muffins, on a table');
			for (const { name } of SOLIDS) expect(text).toMatch(new RegExp(`\\b${name}\\b`));
			expect(text).toContain('This one is: cupcake.');
			expect(await note(path, 'a chess set')).toContain(`This one is: ${UNNAMED}.`);
		},
	);

	test('knows each word of the README, in the singular and the plural, and no word that only begins like one', async () => {
		for (const { name, words } of SOLIDS) {
			for (const word of [name, ...words]) {
				expect(await note('v3/txt_to_3d', `A ${word}!`)).toContain(`This one is: ${name}.`);
			}
		}
		const plurals = {
			boxes: 'gift',
			cherries: 'apple',
			peaches: 'apple',
			planets: 'planet',
			houses: 'house',
		};
		for (const [word, name] of Object.entries(plurals)) {
			expect(await note('v3/txt_to_3d', word)).toContain(`This one is: ${name}.`);
		}
		for (const word of ['fire', 'potato', 'boxing', 'homework', 'ringtone']) {
			expect(await note('v3/txt_to_3d', word)).toContain(`This one is: ${UNNAMED}.`);
		}
	});

	test('the README lists the same', () => {
		for (const { name, words } of SOLIDS) {
			expect(README).toMatch(new RegExp(`\\| ${name} +\\| ${words.join(', ')} +\\|`));
		}
		const [, table = ''] = /\| shape [^\n]*\n\| -[^\n]*\n((?:\|[^\n]*\n)+)/.exec(README) ?? [];
		expect(table.trim().split('\n')).toHaveLength(SOLIDS.length);
	});
});

/** Draws noise of three colors in squares. @param square edge of the squares, px of 240 @param contrast 0 to 255 */
async function drawNoise(square: number, contrast: number): Promise<Buffer> {
	const random = createRandom(7);
	const edge = 240 / square;
	const pixels = Buffer.from(
		Array.from({ length: edge * edge * 3 }, () => Math.round(128 + (random() - 0.5) * contrast)),
	);
	return await sharp(pixels, { raw: { width: edge, height: edge, channels: 3 } })
		.resize(240, 240, { kernel: 'cubic' })
		.png()
		.toBuffer();
}

/** Puts the duck in front of a picture of 240 px. */
async function putDuckBefore(picture: Buffer): Promise<Buffer> {
	const duck = await sharp('samples/duck.png').resize(160, 160).toBuffer();
	return await sharp(picture)
		.composite([{ input: duck, left: 40, top: 40 }])
		.jpeg()
		.toBuffer();
}

const draw = async (background: string, more = ''): Promise<Buffer> =>
	await sharp(
		Buffer.from(
			`<svg xmlns="http://www.w3.org/2000/svg" width="240" height="240"><rect width="240" height="240" fill="${background}"/>${more}</svg>`,
		),
	)
		.png()
		.toBuffer();

const TABLE = '<rect y="130" width="240" height="110" fill="#7a4a26"/>';

describe('an answer about an image', () => {
	const noteOn = async (picture: Buffer) => {
		standIn.serve(picture);
		const { meta } = (await standIn.submit({ image: standIn.pictureUrl })).json;
		return meta.stand_in;
	};

	test.each(['mug.jpg', 'duck.png', 'rocket.webp', 'mushroom.png', 'cactus.jpg'])(
		'says nothing about %s, which can be cut out',
		async (name) => {
			const image = `${standIn.api.origin}/samples/${name}`;
			expect((await standIn.submit({ image })).json.meta).not.toHaveProperty('stand_in');
			expect((await standIn.submitMesh({ image })).json.meta).not.toHaveProperty('stand_in');
			expect(standIn.log.join()).not.toContain('background');
		},
	);

	test.each(['#ffffff', '#808890', '#1d2733'])('says nothing about an object on %s', async (color) => {
		expect(await noteOn(await putDuckBefore(await draw(color)))).toBeUndefined();
	});

	test.each([
		['noise in pixels', 1, 255],
		['noise in spots', 6, 255],
		['texture like in a photo', 30, 255],
		['large patches', 60, 200],
	])('warns that the background is too busy: %s', async (_, square, contrast) => {
		const text = await noteOn(await putDuckBefore(await drawNoise(square, contrast)));
		expect(text).toContain('The background is too busy to cut out an object');
		expect(standIn.log.filter((line) => line.includes(String(text)))).toHaveLength(1);
	});

	test('warns where nothing stands out, and where another thing reaches the border', async () => {
		expect(await noteOn(await draw('#e8e8e8'))).toContain('No object stands out');
		expect(await noteOn(await putDuckBefore(await draw('#f2f0ea', TABLE)))).toMatch(/busy|border differs/);
	});

	test('a fetch, a webhook call and version 6 warn, too', async () => {
		standIn.serve(await drawNoise(6, 255));
		const body = { image: standIn.pictureUrl, webhook: standIn.hookUrl };
		const text = expect.stringContaining('too busy') as string;
		const submitted = (await standIn.submitMesh(body)).json;
		expect(submitted.meta.stand_in).toEqual(text);
		expect((await standIn.fetchMesh(submitted.id)).json.meta.stand_in).toEqual(text);
		await standIn.clock.sleep(60_000);
		expect(standIn.calls[0]?.body.meta).toMatchObject({ stand_in: text });
	});
});
