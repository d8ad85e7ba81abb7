/**
 * Makes the pictures of `docs/` again, so that they show the current state.
 *
 *   npm run pictures              all of them, in some minutes
 *   npm run pictures -- canvas    only these. There are: canvas, editor, recording, polling, and canvas-NAME for each example.
 *
 * Two are not made here. `mug.gif` is a turntable of `npm start`, and `meshes.png` shows files of its V6.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { INodeParameters } from 'n8n-workflow';
import type { Locator } from 'playwright-core';
import sharp, { type Sharp } from 'sharp';

import { listExamples, prepareExamples, readExample } from '../n8n/real/examples.mts';
import { PACKAGE, type Saved, type WorkflowFile } from '../n8n/real/n8n.mts';
import { API_KEY, startWorld, type World } from '../n8n/real/worlds.mts';
import { Editor } from '../n8n/real/browser.mts';
import { FIXED_PORTS, startParts } from '../n8n/real/parts/index.mts';
import { clickFirstWorkflow, type FirstStep } from '../n8n/real/first-workflow.mts';
import { drawPollingPlot } from './polling-plot.mts';
import { recordFirstUse } from './recording.mts';

const DOCS = 'docs';

/** The pixels of a picture for a pixel of the page. The picture is sharp on dense displays, and also by itself. */
const SCALE = 1.5;

interface Box {
	x: number;
	y: number;
	width: number;
	height: number;
}

async function findBox(element: Locator, height?: number): Promise<Box> {
	const box = await element.boundingBox();
	if (!box) throw new Error('The element for the picture is not on the screen.');
	return { ...box, height: Math.min(height ?? Infinity, box.height) };
}

/** Takes a picture of a part of the screen. */
async function capture({ page }: Editor, clip: Box): Promise<Sharp> {
	// Fades have ended by then.
	await page.waitForTimeout(700);
	return sharp(await page.screenshot({ clip }));
}

/** Saves a PNG with few colors. It has a third of the size and looks the same. */
async function save(name: string, picture: Sharp): Promise<void> {
	const { size } = await picture
		.png({ palette: true, colors: 128, effort: 10, compressionLevel: 9 })
		.toFile(join(DOCS, `${name}.png`));
	console.log(`${DOCS}/${name}.png: ${Math.round(size / 1000)} kB`);
}

/** Joins two pictures of the same size side by side. */
async function joinSideBySide(left: Sharp, right: Sharp): Promise<Sharp> {
	const gap = 36;
	const { data, info } = await left.png().toBuffer({ resolveWithObject: true });
	const joined = sharp(data)
		.extend({ right: gap + info.width, background: '#ffffff' })
		.composite([{ input: await right.png().toBuffer(), left: info.width + gap, top: 0 }]);
	return sharp(await joined.png().toBuffer());
}

/** Makes the pictures of the README's first workflow, step by step, as a new user sees it. */
async function captureFirstWorkflow(world: World, editor: Editor): Promise<void> {
	await world.main.deleteCredential(world.credentials.stableDiffusionApi);
	const nodesPanel = async () => await capture(editor, await findBox(editor.getById('node-creator'), 800));
	let search: Sharp;
	const pictures: Record<FirstStep, () => Promise<void>> = {
		search: async () => {
			search = await nodesPanel();
		},
		actions: async () => await save('first-nodes', await joinSideBySide(search, await nodesPanel())),
		credential: async () =>
			await save(
				'first-credential',
				await capture(editor, await findBox(editor.page.locator('.el-dialog:visible'), 560)),
			),
		node: async () => await save('first-node', await capture(editor, await findParametersBox(editor, 570))),
		result: async () =>
			await save('first-result', await capture(editor, await findBox(editor.getById('ndv'), 640))),
	};
	await clickFirstWorkflow(editor, {
		apiKey: API_KEY,
		baseUrl: world.service.baseUrl,
		image: `${world.service.origin}/samples/mug.jpg`,
		at: async (step) => await pictures[step](),
	});
}

/** Finds the middle column of a node's panel, from its top. */
async function findParametersBox(editor: Editor, height: number): Promise<Box> {
	const column = await findBox(editor.getById('node-parameters'), height);
	const top = await findBox(editor.getById('ndv'));
	return { ...column, y: top.y + 42, height: column.height + column.y - top.y - 42 };
}

/** Builds a workflow of one node after its start node. */
function buildOneNodeWorkflow(world: World, type: string, parameters: INodeParameters): WorkflowFile {
	const example = readExample(world, 'image-to-turntable');
	const nodes = example.nodes
		.filter(({ name }) => name !== 'About')
		.map((node) =>
			node.type === `${PACKAGE}.imgTo3d`
				? {
						...node,
						type: `${PACKAGE}.${type}`,
						parameters,
						webhookId: '6f1d0c7a-3d0e-4f2b-9f5e-0a1b2c3d4e5f',
					}
				: node,
		);
	return { ...example, name: type, nodes };
}

async function openNode(
	world: World,
	editor: Editor,
	type: string,
	parameters: INodeParameters,
): Promise<void> {
	const { id } = await world.main.importWorkflow(buildOneNodeWorkflow(world, type, parameters));
	await editor.openWorkflow(id);
	await editor.openNode('Image to 3D');
}

/** Makes the pictures of panels in the later parts of the README. */
async function capturePanels(world: World, editor: Editor): Promise<void> {
	const image = `${world.service.origin}/samples/mug.jpg`;
	await openNode(world, editor, 'imgTo3d', { image, waitFor: 'webhook' });
	const notice = await findBox(editor.page.getByText('The service calls n8n at its webhook address'));
	const column = await findBox(editor.getById('node-parameters'));
	const top = notice.y - 74;
	await save(
		'editor-suspended',
		await capture(editor, { ...column, y: top, height: notice.y + notice.height + 20 - top }),
	);

	await openNode(world, editor, 'imgTo3d', { image: `${world.service.origin}/samples/not-there.jpg` });
	await editor.page.locator('button', { hasText: 'Execute step' }).first().click();
	const message = editor.getById('output-panel').getByText('the service could not fetch the image').first();
	await message.waitFor();
	await save('editor-error', await capture(editor, await findBox(editor.getById('output-panel'), 260)));

	await openNode(world, editor, 'imgTo3dTrigger', {});
	await editor.page.getByText('Webhook URLs').first().click();
	await save('editor-trigger', await capture(editor, await findParametersBox(editor, 668)));
}

/** Makes the pictures of the workflows of `examples/` as they look when everything is filled in. */
async function captureCanvases(world: World, editor: Editor, names: readonly string[]): Promise<void> {
	const parts = await startParts(join(world.folder, 'store'), `${world.service.origin}/samples`);
	try {
		const prepared = await prepareExamples(world, parts, []);
		await editor.page.setViewportSize({ width: 1900, height: 900 });
		for (const name of names) {
			await captureCanvas(editor, name, await world.main.importWorkflow(readExample(world, name, prepared)));
		}
	} finally {
		await parts.stop();
	}
}

async function captureCanvas(editor: Editor, name: string, { id }: Saved): Promise<void> {
	const { page } = editor;
	await editor.openWorkflow(id);
	await editor.getById('zoom-to-fit').click();
	await page.waitForTimeout(700);
	// The button lies over the lower edge of a tall workflow.
	await page.addStyleTag({ content: '[data-test-id="execute-workflow-button"] { visibility: hidden }' });
	await save(`canvas-${name}`, await capture(editor, await findBoxAround(page.locator('.vue-flow__node'))));
}

/** Finds the smallest box around all elements and their labels. */
async function findBoxAround(elements: Locator): Promise<Box> {
	const boxes = await Promise.all((await elements.all()).map(async (element) => await findBox(element)));
	const left = Math.min(...boxes.map(({ x }) => x)) - 20;
	const top = Math.min(...boxes.map(({ y }) => y)) - 20;
	const right = Math.max(...boxes.map(({ x, width }) => x + width)) + 96;
	const bottom = Math.max(...boxes.map(({ y, height }) => y + height)) + 50;
	return { x: left, y: top, width: right - left, height: bottom - top };
}

async function saveRecording(world: World, editor: Editor): Promise<void> {
	const recording = await recordFirstUse(world, editor, 'samples/mug.jpg');
	const { size } = await recording.toFile(join(DOCS, 'recording.webp'));
	console.log(`${DOCS}/recording.webp: ${Math.round(size / 1000)} kB`);
}

interface Wanted {
	/** The examples whose canvases are wanted. */
	canvases: string[];
	editor: boolean;
	recording: boolean;
	polling: boolean;
}

/** Reads which pictures are wanted. @throws if one is unknown */
function readWanted(names: readonly string[]): Wanted {
	const examples = listExamples();
	const known = ['canvas', 'editor', 'recording', 'polling', ...examples.map((name) => `canvas-${name}`)];
	const unknown = names.filter((name) => !known.includes(name));
	if (unknown.length > 0) {
		throw new Error(`pictures: ${unknown.join(', ')} is unknown. The pictures are: ${known.join(', ')}.`);
	}
	const isWanted = (name: string) => names.length === 0 || names.includes(name);
	return {
		canvases: isWanted('canvas') ? examples : examples.filter((name) => names.includes(`canvas-${name}`)),
		editor: isWanted('editor'),
		recording: isWanted('recording'),
		polling: isWanted('polling'),
	};
}

async function captureN8n(capturers: ReadonlyArray<(world: World, editor: Editor) => Promise<void>>) {
	const world = await startWorld({
		version: '2.41.1',
		// The addresses of `npm run editor`, since they are in the pictures.
		service: { port: FIXED_PORTS.service, samplesDir: 'samples' },
		env: { N8N_PORT: '5678' },
	});
	try {
		for (const captureIn of capturers) {
			const editor = await Editor.open(world.main, SCALE);
			try {
				await captureIn(world, editor);
			} finally {
				await editor.close();
			}
		}
	} finally {
		await world.stop();
	}
}

async function main(): Promise<void> {
	const { canvases, editor, recording, polling } = readWanted(process.argv.slice(2));
	if (polling) writeFileSync(join(DOCS, 'polling.svg'), await drawPollingPlot());
	const capturers = [];
	if (canvases.length > 0) {
		capturers.push(async (world: World, opened: Editor) => await captureCanvases(world, opened, canvases));
	}
	if (editor) capturers.push(capturePanels, captureFirstWorkflow);
	if (recording) capturers.push(saveRecording);
	if (capturers.length > 0) await captureN8n(capturers);
}

main().catch((error: Error) => {
	console.error(error.message);
	process.exitCode = 2;
});
