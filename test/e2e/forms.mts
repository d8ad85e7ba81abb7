/** Tests the examples that begin with a form. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

import axios from 'axios';
import sharp from 'sharp';

import { takeScreenshot, visit } from '../../n8n/real/browser.mts';
import type { Saved, WorkflowFile } from '../../n8n/real/n8n.mts';
import { readAttachment } from '../../n8n/real/parts/mailbox.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import { findNode, type ExampleSuite } from './example-suite.mts';
import { downloadOutput, readItems, waitForResult, type Result } from './suite.mts';

/** A file that a person selects in a form. */
interface Selected {
	bytes: Buffer;
	mimeType: string;
	name: string;
	/** What the person enters in a second field. */
	email?: string;
}

/** Submits n8n's form with a file, as its page does. @returns the URL of the page that follows */
async function submitForm(url: string, { bytes, mimeType, name, email }: Selected): Promise<URL> {
	const fields = new FormData();
	fields.append('field-0', new Blob([bytes], { type: mimeType }), name);
	if (email !== undefined) fields.append('field-1', email);
	const { data } = await axios.post<{ formWaitingUrl: string }>(url, fields, { proxy: false });
	return new URL(data.formWaitingUrl);
}

/** Waits until n8n has the next page of a form. */
async function waitForPage(page: URL): Promise<void> {
	const state = new URL(`${page.pathname}/n8n-execution-status${page.search}`, page);
	await waitUntil('the form has its next page', async () => {
		const { data: status } = await axios.get<string>(state.href, { proxy: false });
		return /form-waiting|success|error/.test(String(status));
	});
}

/** Sends a file by the form of an example. @returns the workflow, and the URL of the page that answers */
async function sendForm(
	suite: ExampleSuite,
	workflow: WorkflowFile,
	trigger: string,
	file: Selected,
): Promise<{ saved: Saved; page: URL }> {
	const saved = await suite.importWorkflow(workflow);
	const form = `/form/${findNode(workflow, trigger).webhookId ?? ''}`;
	const page = await submitForm(suite.world.outside.origin + form, file);
	await waitForPage(page);
	return { saved, page };
}

function testForm(suite: ExampleSuite): void {
	test('form-to-turntable: the page shows the turntable, and a mail has it', async () => {
		const { saved, page } = await sendForm(suite, suite.readExample('form-to-turntable'), 'Picture Form', {
			...{ bytes: readFileSync('samples/mug.jpg'), mimeType: 'image/jpeg', name: 'my mug (1).jpg' },
			email: 'ada@shop.test',
		});
		const shown = await visit(page.href, async (opened) => {
			await opened.getByText('It is on its way to you by mail, too.').waitFor();
			await takeScreenshot(opened, `form-${suite.world.version}`);
			return await opened.locator('img').getAttribute('src');
		});
		// The page has ended the execution.
		const { items } = await waitForResult(suite.world, saved);
		const turntable = await downloadOutput(items[0]);
		expect(shown).toBe(`data:image/gif;base64,${turntable.toString('base64')}`);
		const { mails } = suite.parts.mailbox;
		expect(mails.map(({ to }) => to?.[0]?.address)).toEqual(['ada@shop.test']);
		expect(mails.map((mail) => readAttachment(mail).equals(turntable))).toEqual([true]);
		expect(suite.paid).toBe(1);
	});
}

/** Reads the page that answers, and ends the execution as the page itself does. */
async function endForm(
	suite: ExampleSuite,
	saved: Saved,
	page: URL,
): Promise<{ text: string; result: Result }> {
	const { data: text } = await axios.get<string>(page.href, { proxy: false });
	await axios.post(page.href, {}, { proxy: false, validateStatus: () => true });
	return { text, result: await waitForResult(suite.world, saved) };
}

const DISC = Buffer.from(
	'<svg width="200" height="200"><circle cx="100" cy="100" r="90" fill="#a22"/></svg>',
);

/** Draws a photo as a phone takes it: an object, and noise that makes the file large. */
const drawPhoto = (width: number, height: number) =>
	sharp({
		create: {
			width,
			height,
			channels: 3,
			background: '#fff',
			noise: { type: 'gaussian', mean: 200, sigma: 40 },
		},
	}).composite([{ input: DISC }]);

function testPhotos(suite: ExampleSuite): void {
	/** @returns the page that answers, and the file from Shrink Photo: none if the photo did not go there */
	async function send(bytes: Buffer, type: string, name: string): Promise<{ page: string; made?: Buffer }> {
		const workflow = suite.readExample('shrink-photo');
		// The form of each run has its own address.
		Object.assign(findNode(workflow, 'Photo Form'), { webhookId: randomUUID() });
		const file = { bytes, mimeType: `image/${type}`, name };
		const sent = await sendForm(suite, workflow, 'Photo Form', file);
		const { text: page, result } = await endForm(suite, sent.saved, sent.page);
		const [shrunk] = readItems(result.data, 'Shrink Photo');
		return { page, ...(shrunk && { made: await suite.world.main.downloadFile(shrunk, 'Photo') }) };
	}

	test('shrink-photo: a photo of 8 to 12 MB that EXIF turns is made small enough', async () => {
		const photo = drawPhoto(4000, 3000).withMetadata({ orientation: 6 });
		const bytes = await photo.jpeg({ quality: 95 }).toBuffer();
		expect(Math.round(bytes.length / 1024 ** 2 / 2)).toBe(5);
		const { page, made } = await send(bytes, 'jpeg', 'IMG_1234.JPG');
		expect(page).toContain('Your turntable is ready');
		const { format, width, height, orientation } = await sharp(made).metadata();
		// n8n 2.0.0 keeps the mark of EXIF. Newer versions turn the picture.
		expect(['1024x768, 6', '768x1024, 1']).toContain(`${width}x${height}, ${orientation ?? 1}`);
		expect(format).toBe('jpeg');
		expect(suite.paid).toBe(1);
	});

	test('shrink-photo: what is small enough is sent as it is', async () => {
		const { page, made } = await send(await drawPhoto(300, 300).webp().toBuffer(), 'webp', 'photo.webp');
		expect(page).toContain('Your turntable is ready');
		expect(made).toBeUndefined();
		expect(suite.paid).toBe(1);
	});

	test('shrink-photo: a large PNG keeps its transparency, and a TIFF is converted', async () => {
		const png = await drawPhoto(1500, 1500).ensureAlpha(0.5).png().toBuffer();
		const { made: first } = await send(png, 'png', 'photo.png');
		expect(await sharp(first).metadata()).toMatchObject({ format: 'png', width: 1024, hasAlpha: true });
		const { made: second } = await send(await drawPhoto(300, 300).tiff().toBuffer(), 'tiff', 'photo.tif');
		expect(await sharp(second).metadata()).toMatchObject({ format: 'jpeg', width: 300 });
		expect(suite.paid).toBe(2);
	});

	test('shrink-photo: the page says what another file is', async () => {
		const { page } = await send(Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), 'heic', 'IMG_1.HEIC');
		expect(page).toContain('No turntable this time');
		expect(page).toContain('(IMG_1.HEIC) is a HEIC photo');
		expect(suite.paid).toBe(0);
	});
}

export function testForms(suite: ExampleSuite): void {
	testForm(suite);
	testPhotos(suite);
}
