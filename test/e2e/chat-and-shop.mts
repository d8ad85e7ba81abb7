/** Tests the examples for Telegram and Shopify, against stand-ins of their APIs. */
import { readFileSync } from 'node:fs';

import { takeScreenshot, visit } from '../../n8n/real/browser.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import { CLICK, type ExampleSuite } from './example-suite.mts';
import { downloadLink, waitForResult } from './suite.mts';

/** Waits until the bot has said something. @returns what it has said since then */
async function waitForBot({ parts }: ExampleSuite, from: number, count: number): Promise<string[]> {
	const said = () => parts.chat.said.slice(from).filter(({ by }) => by === 'bot');
	await waitUntil(`the bot has said ${count} things`, () => said().length === count);
	return said().map(({ text }) => text);
}

function testChat(suite: ExampleSuite): void {
	test('chat-bot: a photo becomes a turntable, if the account has enough', async () => {
		const { chat, origin } = suite.parts;
		const { service, version } = suite.world;
		await suite.importWorkflow(suite.readExample('chat-bot'));
		await chat.sendText('hello');
		expect(await waitForBot(suite, 0, 1)).toEqual([expect.stringMatching(/^Send me a photo/)]);
		const start = chat.said.length;
		await chat.sendPhoto(readFileSync('samples/mug.jpg'));
		expect(await waitForBot(suite, start, 2)).toEqual([
			expect.stringMatching(/^I turn your photo into 3D/),
			'Here it is.',
		]);
		const [link = ''] = service.jobs.at(-1)?.outputs ?? [];
		expect(chat.said.at(-1)?.file?.equals(await downloadLink(link))).toBe(true);
		service.addFault({ on: 'submit', do: { kind: 'failJob', message: 'too dark' } });
		const failing = chat.said.length;
		await chat.sendPhoto(readFileSync('samples/mug.jpg'));
		expect((await waitForBot(suite, failing, 2)).at(-1)).toMatch(/^No turntable this time\. Job .*too dark$/);
		expect(suite.paid).toBe(2);
		await visit(`${origin}/chat`, async (page) => await takeScreenshot(page, `chat-${version}`));
	});

	test('chat-bot: with too little in the account, it says so and submits nothing', async () => {
		const { chat } = suite.parts;
		const body = JSON.stringify({ status: 'success', data: { balance: 0.5, currency: 'USD' } });
		suite.world.service.addFault({ on: 'account', times: Infinity, do: { kind: 'answer', body } });
		const start = chat.said.length;
		await chat.sendPhoto(readFileSync('samples/mug.jpg'));
		expect(await waitForBot(suite, start, 1)).toEqual([expect.stringMatching(/^I can make no turntables/)]);
		expect(suite.paid).toBe(0);
	});
}

function testShop(suite: ExampleSuite): void {
	test('shop-to-models: each product gets the model of its image, once', async () => {
		const { products } = suite.parts.shop;
		const saved = await suite.importWorkflow(suite.readExample('shop-to-models'));
		for (const paid of [products.length, 0]) {
			const before = suite.paid;
			await suite.world.main.runManually(saved, CLICK);
			const { status, error } = await waitForResult(suite.world, saved);
			expect([status, error?.message]).toEqual(['success', undefined]);
			expect(suite.paid - before).toBe(paid);
		}
		const jobs = suite.world.service.jobs.slice(-products.length);
		const files = await Promise.all(jobs.map(async ({ outputs }) => await downloadLink(outputs[0] ?? '')));
		expect(
			products.map(({ models }) => models.map((model) => files.findIndex((file) => file.equals(model)))),
		).toEqual(products.map((_product, index) => [index]));
	});

	test('shop-to-models: a shop that refuses the token costs nothing', async () => {
		const { id, name } = await suite.world.main.createCredential('Wrong shop', 'shopifyAccessTokenApi', {
			...{ shopSubdomain: 'stand-in', accessToken: 'wrong', appSecretKey: 'none-needed' },
		});
		const workflow = suite.readExample('shop-to-models');
		for (const { credentials } of workflow.nodes) {
			if (credentials?.shopifyAccessTokenApi) credentials.shopifyAccessTokenApi = { id, name };
		}
		const saved = await suite.importWorkflow(workflow);
		await suite.world.main.runManually(saved, CLICK);
		const { status, data } = await waitForResult(suite.world, saved);
		expect([status, data.resultData.lastNodeExecuted, suite.paid]).toEqual(['error', 'List Products', 0]);
	});
}

export function testChatAndShop(suite: ExampleSuite): void {
	testChat(suite);
	testShop(suite);
}
