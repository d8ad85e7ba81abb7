/**
 * The recording for n8n's reviewer, an animated picture: in a workflow that begins with a form, the node is added, a photo
 * is chosen in the form, and the turntable is shown. Everything happens in a real editor.
 */
import { setTimeout as pause } from 'node:timers/promises';

import type { Locator, Page } from 'playwright-core';
import sharp, { type OverlayOptions, type Sharp } from 'sharp';

import type { Editor } from '../n8n/real/browser.mts';
import type { WorkflowFile } from '../n8n/real/n8n.mts';
import type { World } from '../n8n/real/worlds.mts';

/** Pixels of the recording. The editor is that large. */
const SIZE = { width: 1200, height: 720 };
/** Of the window with the form. */
const FORM_SIZE = { width: 560, height: 520 };

/** How long a frame is shown at most, and the last one, in milliseconds. Nobody wants to see the rest of the waiting. */
const MAX_FRAME_MS = 900;
/** How much faster the steps are shown than they were done. */
const PACE = 1.6;
const LAST_FRAME_MS = 2000;
/** How long the turntable is shown: two turns. */
const TURN_MS = 6000;

const FIELD = 'Photo';

/** A workflow that begins with a form with a photo. */
const WORKFLOW: WorkflowFile = {
	name: 'Photo to turntable',
	nodes: [
		{
			id: '0d4f6c1e-7b1a-4c52-9f0e-5a7d0c3b2e11',
			name: 'On form submission',
			type: 'n8n-nodes-base.formTrigger',
			typeVersion: 2.2,
			position: [0, 0],
			webhookId: '0d4f6c1e-7b1a-4c52-9f0e-5a7d0c3b2e12',
			parameters: {
				formTitle: 'Photo to turntable',
				formFields: { values: [{ fieldLabel: FIELD, fieldType: 'file', multipleFiles: false }] },
				options: { appendAttribution: false },
			},
		},
	],
	connections: {},
	settings: { executionOrder: 'v1' },
};

/** Draws a pointer on each page, because screenshots have none. It runs in the browser. */
const DRAW_POINTER = `addEventListener('mousemove', ({ clientX, clientY }) => {
	let dot = document.getElementById('recorded-pointer');
	if (!dot) {
		dot = document.createElement('div');
		dot.id = 'recorded-pointer';
		dot.style.cssText = 'position:fixed;z-index:2147483647;pointer-events:none;width:22px;height:22px;margin:-11px;border-radius:50%;background:#ff6d5a88;border:2px solid #ff6d5a;transition:left .3s,top .3s';
		document.body.append(dot);
	}
	dot.style.left = clientX + 'px';
	dot.style.top = clientY + 'px';
}, true);`;

interface Frame {
	png: Buffer;
	/** Milliseconds. */
	at: number;
	/** How fast it is shown. */
	pace: number;
}

/** Puts a picture onto another one. */
const cover = async (below: Buffer, input: Buffer, where: Omit<OverlayOptions, 'input'>): Promise<Buffer> =>
	await sharp(below)
		.composite([{ input, ...where }])
		.png({ compressionLevel: 1 })
		.toBuffer();

/** Takes frames all the time, of the editor or of a window in front of it. */
class Recorder {
	private readonly frames: Frame[] = [];
	private isDone = false;
	private taken = 0;
	private readonly taking: Promise<void>;
	/** The window in front of the editor. */
	front?: Page;
	/** What alone moves, as fast as it is. A part of the screen takes less time, so that there are more frames. */
	moving?: { x: number; y: number; width: number; height: number };

	constructor(private readonly page: Page) {
		this.taking = this.takeAll();
	}

	private async takeAll(): Promise<void> {
		while (!this.isDone) {
			const at = Date.now();
			const png = await this.take();
			if (!this.frames.at(-1)?.png.equals(png)) this.frames.push({ png, at, pace: this.moving ? 1 : PACE });
			this.taken += 1;
			await pause(20);
		}
	}

	/** Waits until a frame shows what is on the screen now. */
	async show(): Promise<void> {
		const begun = this.taken;
		while (this.taken < begun + 2) await pause(50);
	}

	private async take(): Promise<Buffer> {
		const { moving: clip, front } = this;
		const editor = await this.page.screenshot({ scale: 'css', ...(clip && { clip }) });
		if (clip) return await cover(this.frames.at(-1)?.png ?? editor, editor, { left: clip.x, top: clip.y });
		// The window closes at any time.
		const window = await front?.screenshot({ scale: 'css' }).catch(() => undefined);
		if (!window) return editor;
		const edge = { top: 2, bottom: 2, left: 2, right: 2, background: '#999' };
		const behind = await sharp(editor).modulate({ brightness: 0.6 }).toBuffer();
		return await cover(behind, await sharp(window).extend(edge).toBuffer(), { gravity: 'centre' });
	}

	/** @returns an animated picture that repeats */
	async stop(): Promise<Sharp> {
		const end = Date.now();
		this.isDone = true;
		await this.taking;
		const delay = this.frames.map(({ at, pace }, index) => {
			const next = this.frames[index + 1];
			return next
				? Math.min(MAX_FRAME_MS, Math.round((next.at - at) / pace))
				: Math.max(LAST_FRAME_MS, end - at);
		});
		return sharp(
			this.frames.map(({ png }) => png),
			{ join: { animated: true } },
		).webp({ quality: 85, effort: 5, minSize: true, mixed: true, loop: 0, delay });
	}
}

/** Shows where it clicks before it does. */
async function click(target: Locator): Promise<void> {
	await target.hover();
	await pause(600);
	await target.click();
	await pause(700);
}

async function type(target: Locator, text: string): Promise<void> {
	await click(target);
	await target.fill('');
	await target.pressSequentially(text, { delay: 70 });
	await pause(500);
}

/** Adds the node after the form, and sets it to the form's field. */
async function addNode(editor: Editor): Promise<void> {
	const { page } = editor;
	await click(editor.getById('canvas-handle-plus').first());
	await type(editor.getById('node-creator-search-bar'), 'image to 3d');
	const found = editor.getById('item-iterator-item').filter({ hasText: /^\s*Image to 3D/ });
	await click(found.first());
	await click(page.getByText('Turn image into 3D').first());
	await editor.getById('node-parameters').waitFor();
	await pause(800);
	await editor.getById('parameter-input-imageSource').first().hover();
	await pause(600);
	await editor.choose('imageSource', 'Binary File');
	await pause(600);
	await type(editor.getById('parameter-input-binaryPropertyName').locator('input').first(), FIELD);
}

/** Executes the node. n8n opens the form in a window. */
async function choosePhoto({ page }: Editor, recorder: Recorder, photo: string): Promise<void> {
	const opened = page.waitForEvent('popup');
	await click(page.locator('button', { hasText: 'Execute step' }).first());
	const form = await opened;
	await form.setViewportSize(FORM_SIZE);
	const input = form.locator('input[type=file]').first();
	await input.waitFor();
	recorder.front = form;
	await recorder.show();
	await input.setInputFiles(photo);
	await recorder.show();
	const submit = form.locator('#submit-btn, button[type=submit]').first();
	await submit.hover();
	await recorder.show();
	await pause(500);
	await submit.click();
	await recorder.show();
	recorder.front = undefined;
	await form.close();
}

/** Shows the photo in the panel on the left, and the turntable in the one on the right. */
async function showTurntable(editor: Editor, recorder: Recorder): Promise<void> {
	await editor.page.getByText('Node executed successfully').waitFor({ timeout: 60_000 });
	for (const id of ['ndv-input-panel', 'output-panel']) {
		const panel = editor.getById(id);
		await click(panel.getByText('Binary', { exact: true }).first());
		await click(panel.getByText('View', { exact: true }).first());
	}
	const picture = editor.getById('output-panel').locator('img, embed').first();
	await picture.waitFor();
	await editor.page.mouse.move(SIZE.width / 2, SIZE.height - 40);
	await pause(1500);
	const { x = 0, y = 0, ...size } = (await picture.boundingBox()) ?? { width: 1, height: 1 };
	recorder.moving = { ...size, x: Math.round(x), y: Math.round(y) };
	await pause(TURN_MS);
}

/** @param photo the path of a picture */
export async function recordFirstUse(world: World, editor: Editor, photo: string): Promise<Sharp> {
	const { page } = editor;
	page.setDefaultTimeout(60_000);
	await page.setViewportSize(SIZE);
	await page.context().addInitScript(DRAW_POINTER);
	const { id } = await world.main.importWorkflow(WORKFLOW);
	await editor.goTo(`/workflow/${id}`);
	await editor.getById('canvas-handle-plus').waitFor();
	await pause(1500);
	const recorder = new Recorder(page);
	try {
		await addNode(editor);
		await choosePhoto(editor, recorder, photo);
		await showTurntable(editor, recorder);
	} catch (error) {
		await editor.takeScreenshot('recording-failed');
		await recorder.stop();
		throw error;
	}
	return await recorder.stop();
}
