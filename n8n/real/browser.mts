import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { chromium, type Browser, type Locator, type Page } from 'playwright-core';

import { CACHE, installDebianPackages } from './install.mts';
import { OWNER, type N8n } from './n8n.mts';

/** The folder for screenshots. */
const SCREENSHOTS = join(CACHE, 'screenshots');

/** With these, Chromium makes no connections by itself. */
const FLAGS = [
	'--no-sandbox',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
];

async function launch(...flags: string[]): Promise<Browser> {
	await installDebianPackages(['chromium'], (line) => process.stderr.write(`${line}\n`));
	mkdirSync(SCREENSHOTS, { recursive: true });
	return await chromium.launch({ executablePath: '/usr/bin/chromium', args: [...FLAGS, ...flags] });
}

/** Opens a web page as a visitor does, and does something with it. Chromium draws 3D without a graphics card. */
export async function visit<T>(url: string, act: (page: Page) => Promise<T>): Promise<T> {
	const browser = await launch('--use-angle=swiftshader', '--enable-unsafe-swiftshader');
	try {
		const page = await browser.newPage({ viewport: { width: 1000, height: 800 } });
		await page.goto(url);
		return await act(page);
	} finally {
		await browser.close();
	}
}

/** Takes a screenshot of a page. */
export async function takeScreenshot(page: Page, name: string): Promise<void> {
	await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

/** n8n's editor in Debian's Chromium, with the owner logged in. */
export class Editor {
	/** What the page has received from n8n about workflows, executions and credentials: answers, and messages of the websocket. */
	readonly received: string[] = [];

	private constructor(
		private readonly browser: Browser,
		readonly page: Page,
		private readonly origin: string,
	) {
		page.on('websocket', (socket) => {
			socket.on('framereceived', ({ payload }) => this.received.push(payload.toString()));
		});
		page.on('response', (response) => {
			if (!new URL(response.url()).pathname.startsWith('/rest/')) return;
			// When the page has changed, the text of an earlier answer may be gone.
			void response.text().then(
				(text) => this.received.push(text),
				() => undefined,
			);
		});
	}

	/** @param scale pixels of a screenshot per pixel of the page */
	static async open({ origin }: N8n, scale = 1): Promise<Editor> {
		const browser = await launch('--disable-gpu');
		const context = await browser.newContext({
			viewport: { width: 1440, height: 900 },
			deviceScaleFactor: scale,
			reducedMotion: 'reduce',
		});
		context.setDefaultTimeout(20_000);
		await context.request.post(`${origin}/rest/login`, {
			data: { emailOrLdapLoginId: OWNER.email, password: OWNER.password },
		});
		return new Editor(browser, await context.newPage(), origin);
	}

	/** Sets the theme for the next pages. */
	async setTheme(name: 'light' | 'dark'): Promise<void> {
		await this.page.addInitScript(`localStorage.setItem('N8N_THEME', '${name}')`);
	}

	async goTo(path: string): Promise<void> {
		await this.page.goto(this.origin + path, { timeout: 90_000 });
	}

	async openWorkflow(id: string): Promise<void> {
		await this.goTo(`/workflow/${id}`);
		// n8n makes the parts of its page ready when they are first asked for. On a busy machine, this takes long.
		await this.getById('canvas-node').first().waitFor({ timeout: 90_000 });
	}

	getById(id: string): Locator {
		return this.page.locator(`[data-test-id="${id}"]`);
	}

	/** Opens the nodes panel. */
	async openNodesPanel(): Promise<void> {
		await this.getById('node-creator-plus-button').click();
		await this.getById('node-creator-search-bar').waitFor();
	}

	/** Opens the panel of a node on the canvas. */
	async openNode(name: string): Promise<void> {
		const label = this.page.getByText(name, { exact: true });
		await this.getById('canvas-node').filter({ has: label }).first().dblclick();
		await this.getById('node-parameters').waitFor();
	}

	async closeNode(): Promise<void> {
		await this.page.keyboard.press('Escape');
		await this.getById('node-parameters').waitFor({ state: 'detached' });
	}

	/** Lists the names of the parameters that the open panel shows. */
	async listParameters(): Promise<string[]> {
		const ids = await this.page
			.locator('[data-test-id="node-parameters"] [data-test-id^="parameter-input-"]')
			.evaluateAll((elements) => elements.map((element) => element.getAttribute('data-test-id') ?? ''));
		const ofEveryNode = /^(field|hint|alwaysOutputData|executeOnce|retryOnFail|onError|notes|notesInFlow)$/;
		return ids.map((id) => id.replace(/^parameter-input-/, '')).filter((name) => !ofEveryNode.test(name));
	}

	/** Waits until the open panel shows exactly these parameters. @returns those that it shows in the end */
	async waitForParameters(expected: readonly string[]): Promise<string[]> {
		let shown: string[] = [];
		for (let tries = 0; tries < 20; tries++) {
			shown = await this.listParameters();
			if (shown.join() === expected.join()) break;
			await this.page.waitForTimeout(250);
		}
		return shown;
	}

	/** Chooses an option of a parameter by its name. */
	async choose(parameter: string, option: string): Promise<void> {
		await this.getById(`parameter-input-${parameter}`).first().click();
		await this.pick(option);
	}

	/** Adds an option to the first collection of the panel, by its name. @returns the names of all options */
	async add(option: string): Promise<string[]> {
		await this.getById('collection-parameter-add').first().click();
		return await this.pick(option);
	}

	/** Chooses an entry of a resource locator's list by the beginning of its name. @returns the names of all entries */
	async chooseFromList(parameter: string, beginning: string): Promise<string[]> {
		await this.getById(`parameter-input-${parameter}`).locator('[data-test-id="rlc-input"]').first().click();
		const listed = this.page.locator('[data-test-id="rlc-item"]:visible');
		await listed.first().waitFor();
		const names = await listed.allInnerTexts();
		await listed
			.filter({ hasText: new RegExp(`^\\s*${beginning}`) })
			.first()
			.click();
		return names;
	}

	/** Picks an option from the open list. @returns the names of all options */
	private async pick(option: string): Promise<string[]> {
		const listed = this.page.locator('.el-select-dropdown__item:visible');
		const wanted = listed.filter({ hasText: option }).first();
		await wanted.waitFor();
		const names = await listed.allInnerTexts();
		await wanted.click();
		// The list fades out. If another list opened meanwhile, the two would be confused.
		await listed.first().waitFor({ state: 'hidden' });
		return names.filter((name) => name !== '');
	}

	async takeScreenshot(name: string): Promise<void> {
		await this.page.waitForTimeout(500);
		await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
	}

	async close(): Promise<void> {
		await this.browser.close();
	}
}
