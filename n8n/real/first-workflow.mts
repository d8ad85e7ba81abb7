/** The README's "First workflow", clicked together as it says: from an empty workflow to a turntable on the screen. */
import type { Editor } from './browser.mts';

export type FirstStep = 'search' | 'actions' | 'credential' | 'node' | 'result';

export interface FirstWorkflow {
	apiKey: string;
	baseUrl: string;
	/** A link to a picture. */
	image: string;
	/** Is called at each step, when the screen shows it. */
	at?: (step: FirstStep) => Promise<void>;
}

type Step = Required<FirstWorkflow>['at'];

/** @returns the size of the turntable that the output panel shows, pixels */
export async function clickFirstWorkflow(
	editor: Editor,
	{ apiKey, baseUrl, image, at = async () => undefined }: FirstWorkflow,
): Promise<[number, number]> {
	await addNode(editor, at);
	await addCredential(editor, apiKey, baseUrl, at);
	await execute(editor, image, at);
	return await measurePicture(editor, at);
}

async function addNode(editor: Editor, at: Step): Promise<void> {
	const { page } = editor;
	await editor.goTo('/workflow/new');
	await page.getByText('Add first step').waitFor();
	await editor.getById('canvas-plus-button').click();
	await editor.getById('node-creator-search-bar').fill('image to 3d');
	const found = editor
		.getById('item-iterator-item')
		.filter({ hasText: /^\s*Image to 3D/ })
		.first();
	await found.waitFor();
	await at('search');
	await found.click();
	await page.getByText(/^Actions \(\d+\)/).click();
	const action = page.getByText('Turn image into 3D').first();
	await action.waitFor();
	await at('actions');
	await action.click();
	await editor.getById('node-parameters').waitFor();
}

async function addCredential(editor: Editor, apiKey: string, baseUrl: string, at: Step): Promise<void> {
	const { page } = editor;
	await page.getByText('Connect to Stable Diffusion').click();
	await editor.getById('credential-edit-dialog').waitFor();
	await page.locator('input[type=password]').last().fill(apiKey);
	await editor.choose('service', 'Other');
	await page.getByPlaceholder('127.0.0.1').last().fill(baseUrl);
	await page.getByText('Save', { exact: true }).last().click();
	// n8n tests it, and closes the dialog when it works.
	await editor.getById('credential-edit-dialog').waitFor({ state: 'detached' });
	await editor.getById('credential-edit-button').first().click();
	await editor.getById('credentials-config-container-test-success').waitFor();
	await at('credential');
	await page.getByRole('button', { name: 'Close' }).last().click();
	await editor.getById('credential-edit-dialog').waitFor({ state: 'detached' });
}

async function execute(editor: Editor, image: string, at: Step): Promise<void> {
	const { page } = editor;
	const link = editor.getById('parameter-input-image').locator('input').first();
	await link.fill(image);
	await link.blur();
	await at('node');
	await page.locator('button', { hasText: 'Execute step' }).first().click();
	await page.getByText('Node executed successfully').waitFor({ timeout: 60_000 });
}

async function measurePicture(editor: Editor, at: Step): Promise<[number, number]> {
	const output = editor.getById('output-panel');
	await output.getByText('Binary', { exact: true }).click();
	await output.getByText('View', { exact: true }).first().click();
	const picture = output.locator('img, embed').first();
	await picture.waitFor();
	await editor.page.waitForTimeout(1500);
	await at('result');
	return await picture.evaluate((element) => {
		const { naturalWidth = 0, naturalHeight = 0 } = element as unknown as {
			naturalWidth?: number;
			naturalHeight?: number;
		};
		return [naturalWidth, naturalHeight];
	});
}
