import axios from 'axios';

import { readExample } from '../../n8n/real/examples.mts';
import { API_KEY, startWorld, type World } from '../../n8n/real/worlds.mts';
import { Editor } from '../../n8n/real/browser.mts';
import { clickFirstWorkflow } from '../../n8n/real/first-workflow.mts';
import { testKeyIsNowhere } from './secrets.mts';

const TRIGGER = 'Image to 3D Trigger';

test('the first workflow in the README ends with the turntable on the screen', async () => {
	const world = await startWorld({ version: '2.41.1', service: { samplesDir: 'samples' } });
	try {
		await world.main.deleteCredential(world.credentials.stableDiffusionApi);
		const editor = await Editor.open(world.main);
		const shown = await clickFirstWorkflow(editor, {
			apiKey: API_KEY,
			baseUrl: world.service.baseUrl,
			image: `${world.service.origin}/samples/mug.jpg`,
			at: async (step) => await editor.takeScreenshot(`first-${step}`),
		}).finally(async () => await editor.close());
		expect(shown).toEqual([256, 256]);
		expect(world.service.jobs).toHaveLength(1);
	} finally {
		await world.stop();
	}
});

describe('the editor of n8n 2.41.1', () => {
	let world: World;
	let editor: Editor;
	let workflow: string;
	beforeAll(async () => {
		world = await startWorld({ version: '2.41.1', service: { samplesDir: 'samples' } });
		editor = await Editor.open(world.main);
		const example = readExample(world, 'image-to-turntable');
		example.nodes.push({
			id: 'trigger',
			name: TRIGGER,
			type: 'n8n-nodes-img-to-3d.imgTo3dTrigger',
			typeVersion: 1,
			position: [0, 220],
			parameters: {},
			credentials: world.credentials,
			webhookId: '00000000-0000-4000-8000-000000000001',
		});
		({ id: workflow } = await world.main.importWorkflow(example));
	});
	afterAll(async () => {
		await editor?.close();
		await world?.stop();
	});

	test.each(['light', 'dark'] as const)(
		'the nodes panel finds the node by name and aliases, with its icon (%s)',
		async (theme) => {
			await editor.setTheme(theme);
			await editor.openWorkflow(workflow);
			await editor.openNodesPanel();
			const search = editor.getById('node-creator-search-bar');
			for (const words of [
				'3d model',
				'glb',
				'mesh',
				'photogrammetry',
				'turntable',
				'ModelsLab',
				'stable diffusion api',
				'img_to_3d',
				'image to 3d',
			]) {
				await search.fill(words);
				const found = editor
					.getById('item-iterator-item')
					.filter({ hasText: /^\s*Image to 3D/ })
					.first();
				await found.waitFor();
				// n8n shows both nodes as one entry, with the description of the trigger.
				expect(await found.innerText()).toMatch(/Turn images and text prompts into 3D turntables and models/);
				const icon = found.locator('img').first();
				await icon.waitFor();
				expect(await icon.getAttribute('src')).toMatch(
					theme === 'dark' ? /imgTo3d\.dark\.svg$/ : /imgTo3d\.svg$/,
				);
				expect(
					await icon.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
				).toBeGreaterThan(0);
			}
			await search.fill('image to 3d');
			await editor.takeScreenshot(`nodes-panel-${theme}`);
			await editor
				.getById('item-iterator-item')
				.filter({ hasText: /^\s*Image to 3D/ })
				.first()
				.click();
			for (const action of ['Turn image into 3D', 'Turn text prompt into 3D', 'Get result of 3D job']) {
				await editor.page.getByText(action).first().waitFor();
			}
			await editor.takeScreenshot(`nodes-panel-actions-${theme}`);
			await editor.page.keyboard.press('Escape');
			await editor.page.keyboard.press('Escape');
			await editor.openNode('Image to 3D');
			await editor.takeScreenshot(`panel-${theme}`);
		},
	);

	test('the panel of each operation shows its own fields', async () => {
		await editor.setTheme('light');
		await editor.openWorkflow(workflow);
		await editor.openNode('Image to 3D');
		const expectShown = async (names: string[]) =>
			expect(await editor.waitForParameters(names)).toEqual(names);
		const settings = ['frameSize', 'guidanceScale', 'seconds', 'seed', 'steps'];
		const output = ['download', 'outputBinaryPropertyName'];
		const withImage = (source: string) => ['operation', 'imageSource', source, 'apiVersion', 'waitFor'];
		await expectShown([...withImage('image'), ...output, ...settings]);
		await editor.choose('imageSource', 'Binary File');
		await expectShown([...withImage('binaryPropertyName'), ...output, ...settings]);
		await editor.choose('waitFor', "Don't Wait");
		await expectShown([...withImage('binaryPropertyName'), ...settings]);
		await editor.choose('waitFor', 'Suspend');
		await editor.takeScreenshot('operation-image-suspended');
		await editor.choose('operation', 'Text to 3D');
		// When the operation changes, n8n's editor removes the added settings.
		await expectShown(['operation', 'prompt', 'apiVersion', 'waitFor', ...output]);
		await editor.takeScreenshot('operation-text');
		await editor.choose('operation', 'Get Result');
		await expectShown(['operation', 'jobId', 'apiVersion', 'waitFor', ...output]);
		await editor.takeScreenshot('operation-get-result');
	});

	test('each result offers its own settings, preset with the defaults of the operation', async () => {
		const { id } = await world.main.importWorkflow({
			...readExample(world, 'image-to-turntable'),
			name: 'To set',
		});
		await editor.openWorkflow(id);
		await editor.openNode('Image to 3D');
		await editor.choose('apiVersion', '3D Model');
		const above = ['operation', 'imageSource', 'image', 'apiVersion', 'outputFormat'];
		const below = ['waitFor', 'download', 'outputBinaryPropertyName'];
		// Of the added settings, only the seed exists in V6.
		const settled = [...above, ...below, 'seed'];
		expect(await editor.waitForParameters(settled)).toEqual(settled);
		expect(await editor.add('Render')).toEqual([
			'Additional Fields',
			'Chunk Size',
			'Mesh Simplify',
			'Multi Image',
			'Render',
			'Resolution',
			'SLAT Guidance Strength',
			'SLAT Sampling Steps',
			'SS Guidance Strength',
			'SS Sampling Steps',
			'Temporary Storage',
		]);
		await editor.choose('operation', 'Text to 3D');
		for (const [name, label, preset] of [
			['guidanceScale', 'Guidance Scale', '3'],
			['resolution', 'Resolution', '512'],
		] as const) {
			await editor.add(label);
			const input = editor.getById(`parameter-input-${name}`).locator('input').first();
			expect(await input.inputValue()).toBe(preset);
		}
		await editor.takeScreenshot('v6-text');
	});

	test('the panel of the trigger says where to enter its URL', async () => {
		await editor.openWorkflow(workflow);
		await editor.openNode(TRIGGER);
		await editor.page.getByText('Webhook URLs').first().click();
		await editor.page.getByText(/Copy the Production URL/).waitFor();
		expect(await editor.listParameters()).toEqual(
			expect.arrayContaining(['events', 'verify', 'apiVersion', 'download']),
		);
		await editor.takeScreenshot('trigger');
		await editor.choose('verify', 'Not at All');
		expect(await editor.listParameters()).not.toContain('apiVersion');
	});

	test('the credential has its fields, and its test passes', async () => {
		await editor.goTo('/home/credentials');
		await editor.page.getByText('Stable Diffusion API').first().click();
		await editor.getById('credential-edit-dialog').waitFor();
		await editor.getById('credentials-config-container-test-success').waitFor();
		const labels = await editor.getById('credential-connection-parameter').allInnerTexts();
		expect(labels.join()).toMatch(/API Key[^]*Service[^]*Base URL/);
		expect(await editor.page.content()).not.toContain(API_KEY);
		await editor.takeScreenshot('credential');
		await editor.page.keyboard.press('Escape');
	});

	test('executing the sample workflow shows the items, and the turntable in the output panel', async () => {
		const { id } = await world.main.importWorkflow({
			...readExample(world, 'image-to-turntable'),
			name: 'To execute',
		});
		await editor.openWorkflow(id);
		await editor.page.getByText('Image to turntable, poll').first().waitFor();
		await editor.takeScreenshot('canvas');
		await editor.page.getByRole('button', { name: 'Execute workflow' }).last().click();
		await editor.page.getByText('Workflow executed successfully').waitFor({ timeout: 30_000 });
		await editor.openNode('Image to 3D');
		const output = editor.getById('output-panel');
		await output.getByText('JSON', { exact: true }).click();
		await output.getByText('"success"').first().waitFor();
		await editor.takeScreenshot('output-json');
		await output.getByText('Binary', { exact: true }).click();
		await output.getByText('View', { exact: true }).first().click();
		const picture = output.locator('img, embed').first();
		await picture.waitFor();
		await editor.page.waitForTimeout(1500);
		await editor.takeScreenshot('output-turntable');
		const [width, height] = await picture.evaluate((image) => {
			const { naturalWidth = 0, naturalHeight = 0 } = image as unknown as {
				naturalWidth?: number;
				naturalHeight?: number;
			};
			return [naturalWidth, naturalHeight];
		});
		expect([width, height]).toEqual([256, 256]);
	});

	test('a job is chosen from the list of the account, and fetched', async () => {
		const { service, main } = world;
		service.configure({ jobSeconds: 0 });
		const body = { key: API_KEY, prompt: 'a ball', frame_size: 32, seconds: 1, steps: 1 };
		for (let n = 0; n < 2; n++) await axios.post(`${service.baseUrl}/v3/txt_to_3d`, body, { proxy: false });
		const example = readExample(world, 'image-to-turntable');
		for (const node of example.nodes) {
			if (node.name === 'Image to 3D') node.parameters = { operation: 'getResult' };
		}
		const { id } = await main.importWorkflow({ ...example, name: 'To choose' });
		await editor.openWorkflow(id);
		await editor.openNode('Image to 3D');
		const [older, newest] = service.jobs.slice(-2).map((job) => job.id);
		const names = await editor.chooseFromList('jobId', `${older}`);
		expect(names.slice(0, 2)).toEqual(
			[`${newest}`, `${older}`].map((name) => expect.stringMatching(`^${name} `)),
		);
		await editor.takeScreenshot('job-from-list');
		await editor.page.locator('button', { hasText: 'Execute step' }).first().click();
		await editor.getById('output-panel').getByText(`job-${older}.gif`).first().waitFor();
		await editor.takeScreenshot('job-fetched');
		expect(service.jobs.at(-1)?.id).toBe(newest);
	});

	testKeyIsNowhere(
		() => world,
		() => ({ messages: editor.received }),
	);
});
