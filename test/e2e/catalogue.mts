/** Tests the catalogue and its gallery: a data table, an S3 store, and the page in Chromium. */
import axios from 'axios';
import type { IDataObject } from 'n8n-workflow';
import sharp from 'sharp';

import { takeScreenshot, visit } from '../../n8n/real/browser.mts';
import { readItems, waitForResult } from './suite.mts';
import type { ExampleSuite } from './example-suite.mts';

/** The rows of the table. Of their jobs, the second one fails. */
export const CATALOGUE_ROWS = ['mug.jpg', 'duck.png', 'cactus.jpg'];

/** Runs the catalogue's workflow by hand. @returns the rows afterwards, by name */
async function runCatalogue(suite: ExampleSuite): Promise<Record<string, IDataObject>> {
	const { main } = suite.world;
	const saved = await suite.importWorkflow(suite.readExample('catalogue'));
	await main.runManually(saved, 'Every Hour');
	const { status, error } = await waitForResult(suite.world, saved, 90_000);
	expect([status, error?.message]).toEqual(['success', undefined]);
	const rows = await main.readRows(suite.catalogue);
	return Object.fromEntries(rows.map((row) => [String(row.name), row]));
}

const read = async (url: unknown) =>
	(await axios.get<ArrayBuffer>(String(url), { responseType: 'arraybuffer', proxy: false })).data;

function testRows(suite: ExampleSuite): void {
	test('catalogue: each row has its link and size, or why it failed and whether that was paid', async () => {
		suite.failSecond();
		const { mug, duck, cactus } = await runCatalogue(suite);
		expect(suite.paid).toBe(3);
		for (const row of [mug, cactus]) {
			expect(row).toMatchObject({ status: 'done', paid: 'yes', problem: '' });
			expect(row?.triangles).toBeGreaterThan(100);
			expect((await read(row?.model)).byteLength).toBe(row?.bytes);
		}
		expect(duck).toMatchObject({ status: 'failed', paid: 'yes', model: null });
		expect(duck?.problem).toMatch(/^Job \d+ .*failed: too dark$/);
	});

	test('catalogue: run again, it pays for what is missing, and fetches what was paid for', async () => {
		const [done] = await suite.world.main.readRows(suite.catalogue);
		const job = String(done?.job);
		await suite.world.main.addRows(suite.catalogue, [
			{ name: 'again', image: '', job },
			{ name: 'no picture', image: `${suite.world.service.origin}/samples/nothing.jpg` },
		]);
		const { again, 'no picture': none, duck } = await runCatalogue(suite);
		expect(suite.paid).toBe(0);
		expect(again).toMatchObject({ status: 'done', job });
		expect(none).toMatchObject({ status: 'failed', paid: 'no' });
		expect(none?.problem).toMatch(/could not fetch the image/);
		expect(duck?.status).toBe('failed');
	});

	test('catalogue: a bucket that refuses files costs nothing', async () => {
		const { main } = suite.world;
		await main.addRows(suite.catalogue, [{ name: 'unstored', image: 'https://files.example/a.jpg' }]);
		const workflow = suite.readExample('catalogue', (text) =>
			text.replace('"catalogue"', '"no-such-bucket"'),
		);
		const saved = await suite.importWorkflow(workflow);
		await main.runManually(saved, 'Every Hour');
		const { status, data } = await waitForResult(suite.world, saved);
		expect([status, data.resultData.lastNodeExecuted, suite.paid]).toEqual(['error', 'Check Bucket', 0]);
		expect(readItems(data, 'Rows to Do')).toEqual([]);
	});
}

/** The number of different colors in an image. An empty viewer has one, with its shadow a few. */
async function countColors(image: Buffer): Promise<number> {
	const { data } = await sharp(image).removeAlpha().raw().toBuffer({ resolveWithObject: true });
	const colors = new Set<number>();
	for (let at = 0; at + 2 < data.length; at += 3) colors.add(data.readUIntBE(at, 3));
	return colors.size;
}

function testGallery(suite: ExampleSuite): void {
	test('gallery: the page draws the models', async () => {
		await suite.importWorkflow(suite.readExample('gallery'));
		const { outside, version } = suite.world;
		await visit(`${outside.origin}/webhook/gallery`, async (page) => {
			const viewers = page.locator('model-viewer');
			await page.waitForFunction(
				`[...document.querySelectorAll('model-viewer')].every(({ loaded }) => loaded)`,
			);
			await page.waitForTimeout(1000);
			await takeScreenshot(page, `gallery-${version}`);
			expect(await viewers.count()).toBe(3);
			for (const viewer of await viewers.all()) {
				expect(await countColors(await viewer.screenshot())).toBeGreaterThan(500);
			}
		});
	});
}

export function testCatalogue(suite: ExampleSuite): void {
	testRows(suite);
	testGallery(suite);
}
