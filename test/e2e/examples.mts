/** Tests every workflow in `examples/`: imports it as it is, publishes it, and runs it as a person does. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import axios from 'axios';
import type { IDataObject, INodeParameters } from 'n8n-workflow';
import sharp from 'sharp';

import { listExamples, readExample } from '../../n8n/real/examples.mts';
import type { Saved, WorkflowFile } from '../../n8n/real/n8n.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import type { World } from '../../n8n/real/worlds.mts';
import { openChatModel } from './chat-model.mts';
import { openSink, type Received } from './loopback.mts';
import { Recovery } from './recovery.mts';
import {
	downloadLink,
	downloadOutput,
	listSamples,
	readItems,
	Suite,
	type Result,
	waitForResult,
} from './suite.mts';

/** Makes the settings of all Image to 3D nodes small, so that the stand-in makes turntables quickly. */
function shrink(workflow: WorkflowFile): WorkflowFile {
	for (const { parameters } of workflow.nodes) {
		if (!('settings' in parameters)) continue;
		parameters.settings =
			parameters.apiVersion === 'v6'
				? { ...(parameters.settings as INodeParameters), resolution: 24, seed: '7' }
				: { frameSize: 64, seconds: 1, steps: 4, seed: '7' };
	}
	return workflow;
}

function findNode(
	{ nodes }: WorkflowFile,
	name: string,
): { parameters: INodeParameters; webhookId?: string } {
	const node = nodes.find((candidate) => candidate.name === name);
	if (!node) throw new Error(`The example has no node "${name}".`);
	return node;
}

/** Parses a multipart body. @returns its parts by name */
function parseMultipart(body: Buffer, contentType: string): Map<string, Buffer> {
	const [, quoted, plain] = /boundary=(?:"([^"]+)"|([^;]+))/.exec(contentType) ?? [];
	const parts = body
		.toString('latin1')
		.split(`--${quoted ?? plain}`)
		.slice(1, -1);
	return new Map(
		parts.map((part) => {
			const start = part.indexOf('\r\n\r\n') + 4;
			const [, name = ''] = /name="([^"]*)"/.exec(part) ?? [];
			return [name, Buffer.from(part.slice(start, -2), 'latin1')];
		}),
	);
}

/** Reads the file from n8n's form page, which contains it in its script. */
function readFileInPage(page: string): Buffer {
	const [, encoded = ''] = /((?:%5B)?%7B%22data%22[^'"&<\s]*)/.exec(page) ?? [];
	const found = JSON.parse(decodeURIComponent(encoded)) as unknown;
	const [{ data }] = (Array.isArray(found) ? found : [found]) as [{ data: { data: number[] } | string }];
	return typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data.data);
}

/** The button of the manual trigger. */
const CLICK = 'When clicking ‘Execute workflow’';

/** What the tests of the examples share. */
class ExampleSuite extends Suite {
	/** The examples that were read. */
	readonly read = new Set<string>();

	/** Reads an example. @param edit changes its text */
	readExample(name: string, edit: (text: string) => string = (text) => text): WorkflowFile {
		this.read.add(name);
		return shrink(JSON.parse(edit(JSON.stringify(readExample(this.world, name)))) as WorkflowFile);
	}

	/** Imports a workflow, and publishes it if it has a trigger. */
	async importWorkflow(workflow: WorkflowFile): Promise<Saved> {
		const saved = await this.world.main.importWorkflow(workflow);
		await this.world.main.publish(saved).catch((error: Error) => {
			// A workflow that is started by hand cannot be published.
			if (!/trigger/i.test(error.message)) throw error;
		});
		return saved;
	}

	/** Imports a workflow, and runs it by hand. @returns the result, which must be a success */
	async run(workflow: WorkflowFile, trigger: string, input?: IDataObject): Promise<Result> {
		const saved = await this.importWorkflow(workflow);
		await this.world.main.runManually(saved, trigger, input);
		const result = await waitForResult(this.world, saved);
		expect([result.status, result.error?.message]).toEqual(['success', undefined]);
		return result;
	}
}

/** Tests that every example works as it is. */
export function testExamples(getWorld: () => World): void {
	const suite = new ExampleSuite(getWorld, 2);
	testTurntables(suite);
	testSchedule(suite);
	testMesh(suite);
	testForm(suite);
	testPhotos(suite);
	testSubmitAndFinish(suite);
	testAgent(suite);
	testRecovery(suite);

	test('these are all examples', () => {
		expect([...suite.read].sort()).toEqual(listExamples().sort());
	});
}

function testTurntables(suite: ExampleSuite): void {
	test.each(['image-to-turntable', 'suspend-with-fallback'])('%s', async (name) => {
		const { items } = await suite.run(suite.readExample(name), CLICK);
		expect(items.map(({ json }) => json.status)).toEqual(['success']);
		const file = await suite.world.main.downloadFile(items[0]);
		expect(file.equals(await downloadOutput(items[0]))).toBe(true);
		expect(suite.paid).toBe(1);
	});
}

/** In an example, replaces the folder by one that n8n may write into. */
export function replaceFolder(text: string, { files }: World): string {
	return text.replaceAll('/home/node/.n8n-files', files);
}

function testSchedule(suite: ExampleSuite): void {
	test('schedule-to-files: the files are in the folder, and one report names all', async () => {
		const sink = await openSink();
		try {
			const { files } = suite.world;
			const workflow = suite.readExample('schedule-to-files', (text) =>
				replaceFolder(text, suite.world).replaceAll('https://example.com/your-messenger', sink.origin),
			);
			const names = ['mug', 'duck', 'rocket'];
			const images = listSamples(suite.world).map((image, index) => ({ name: names[index], image }));
			const list = findNode(workflow, 'Pictures and Folder').parameters.assignments as {
				assignments: INodeParameters[];
			};
			Object.assign(list.assignments[0] ?? {}, { value: JSON.stringify(images) });
			suite.failSecond();
			const { items } = await suite.run(workflow, 'Every Day at 6');
			expect(suite.paid).toBe(3);
			expect(items).toHaveLength(2);
			const written = readdirSync(files).map((file) => readFileSync(join(files, file)));
			expect(written).toHaveLength(2);
			for (const item of items) {
				const output = await downloadOutput(item);
				expect(written.some((file) => file.equals(output))).toBe(true);
			}
			const reports = sink.received.map(({ body }) => (JSON.parse(body.toString()) as { text: string }).text);
			expect(reports).toEqual([expect.stringMatching(/^2 of 3 turntables written\n[^]*too dark/)]);
		} finally {
			await sink.close();
		}
	});
}

function testRecovery(suite: ExampleSuite): void {
	test('recover-paid-jobs: what was paid for and not delivered is delivered, once', async () => {
		const example = suite.readExample('recover-paid-jobs', (text) => replaceFolder(text, suite.world));
		const recovery = await Recovery.open(suite.world, example);
		const images = listSamples(suite.world).slice(0, 2);
		const generate = async () => {
			await recovery.startGeneration(images);
			return await recovery.waitForGeneration();
		};
		expect((await generate()).status).toBe('success');
		suite.failSecond();
		const failed = await generate();
		expect([failed.status, failed.error?.message]).toEqual(['error', expect.stringMatching('too dark')]);
		expect(recovery.jobs).toHaveLength(4);
		const good = recovery.jobs.filter(({ outcome }) => outcome === 'success');
		const ids = good.map(({ id }) => `${id}`);
		expect(await recovery.listDelivered()).toEqual(ids.slice(0, 2));

		const recovered = await recovery.recover();
		expect([recovered.status, recovered.fetched]).toEqual(['success', 1]);
		expect(await recovery.listDelivered()).toEqual(ids);
		for (const job of good) {
			expect(recovery.readFile(job)?.equals(await downloadLink(job.outputs[0] ?? ''))).toBe(true);
		}
		const again = await recovery.recover();
		expect([again.status, again.fetched, recovery.jobs.length]).toEqual(['success', 0, 4]);

		const gone = { kind: 'answer', status: 410, body: '' } as const;
		suite.world.service.addFault({ on: 'download', times: 99, do: gone });
		expect((await generate()).status).toBe('error');
		const missing = await recovery.recover();
		expect([missing.status, missing.error?.message]).toEqual([
			'error',
			expect.stringMatching(/^2 job\(s\) could not be fetched:\nJob \d+ is done, but/),
		]);
	});
}

function testMesh(suite: ExampleSuite): void {
	test('image-to-mesh: the mesh and its turntable are in the folder, under the given name', async () => {
		const { files, service } = suite.world;
		const workflow = suite.readExample('image-to-mesh', (text) => replaceFolder(text, suite.world));
		const { data } = await suite.run(workflow, CLICK);
		expect(suite.paid).toBe(1);
		const [mesh = '', turntable = ''] = service.jobs.at(-1)?.outputs ?? [];
		expect(readItems(data, 'Write File').map(({ json }) => json.fileName)).toEqual(
			['roses.glb', 'roses.gif'].map((name) => join(files, name)),
		);
		for (const [name, link] of [
			['roses.glb', mesh],
			['roses.gif', turntable],
		] as const) {
			expect(readFileSync(join(files, name)).equals(await downloadLink(link))).toBe(true);
		}
	});
}

/** A file that a person selects in a form. */
interface Selected {
	bytes: Buffer;
	mimeType: string;
	name: string;
}

/** Submits n8n's form with a file, as its page does. @returns the URL of the page that follows */
async function submitForm(url: string, { bytes, mimeType, name }: Selected): Promise<URL> {
	const fields = new FormData();
	fields.append('field-0', new Blob([bytes], { type: mimeType }), name);
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

/** Sends a file by the form of an example. @returns the page that answers, and the result of its execution */
async function sendForm(
	suite: ExampleSuite,
	workflow: WorkflowFile,
	trigger: string,
	file: Selected,
): Promise<{ page: string; result: Result }> {
	const saved = await suite.importWorkflow(workflow);
	const form = `/form/${findNode(workflow, trigger).webhookId ?? ''}`;
	const next = await submitForm(suite.world.outside.origin + form, file);
	await waitForPage(next);
	const { data: page } = await axios.get<string>(next.href, { proxy: false });
	// With this request, the page ends the execution.
	await axios.post(next.href, {}, { proxy: false, validateStatus: () => true });
	return { page, result: await waitForResult(suite.world, saved) };
}

function testForm(suite: ExampleSuite): void {
	test('form-to-turntable: the page answers with the file', async () => {
		const file = { bytes: readFileSync('samples/mug.jpg'), mimeType: 'image/jpeg', name: 'my mug (1).jpg' };
		const { page, result } = await sendForm(
			suite,
			suite.readExample('form-to-turntable'),
			'Picture Form',
			file,
		);
		expect(page).toContain('Your turntable is ready');
		expect(readFileInPage(page).equals(await downloadOutput(result.items[0]))).toBe(true);
		expect(suite.paid).toBe(1);
	});
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
		const { page, result } = await sendForm(suite, workflow, 'Photo Form', file);
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

/** Checks that the example has sent the file of each successful job, and the failure of the other one. */
async function checkMessages(received: readonly Received[]): Promise<void> {
	const turntables = received.filter(({ path }) => path === '/turntables');
	expect(turntables).toHaveLength(2);
	for (const { body, contentType } of turntables) {
		const parts = parseMultipart(body, contentType);
		const file = await downloadLink(parts.get('link')?.toString() ?? '');
		expect(parts.get('file')?.equals(file)).toBe(true);
	}
	const failure = received.find(({ path }) => path === '/failures');
	expect(failure?.body.toString()).toMatch(/order-\d: job \d+ failed: too dark/);
}

function testSubmitAndFinish(suite: ExampleSuite): void {
	test('submit-now and finish-later: each end is sent, with its file or its reason', async () => {
		const sink = await openSink();
		try {
			const { main, outside } = suite.world;
			const later = await suite.importWorkflow(
				suite.readExample('finish-later', (text) => text.replaceAll('https://example.com', sink.origin)),
			);
			const now = suite.readExample('submit-now', (text) =>
				text.replaceAll('https://n8n.example.com', outside.origin),
			);
			now.pinData = {
				[CLICK]: listSamples(suite.world).map((image, index) => ({ json: { order: 7 + index, image } })),
			};
			suite.failSecond();
			const { items } = await suite.run(now, CLICK);
			expect(items.map(({ json }) => json.status)).toEqual(['processing', 'processing', 'processing']);
			await waitUntil('three messages were sent', () => sink.received.length === 3);
			await checkMessages(sink.received);
			expect(suite.paid).toBe(3);
			await waitUntil('all executions have ended', async () => {
				const executions = await main.listExecutions(later.id);
				return executions.length === 3 && executions.every(({ status }) => status === 'success');
			});
		} finally {
			await sink.close();
		}
	});
}

function testAgent(suite: ExampleSuite): void {
	test('ai-agent: the agent uses the node and answers with the links', async () => {
		const model = await openChatModel();
		try {
			const { main, service } = suite.world;
			const { id, name } = await main.createCredential('Stand-in model', 'openAiApi', {
				apiKey: 'sk-none-needed',
				url: `${model.origin}/v1`,
				header: false,
			});
			const workflow = suite.readExample('ai-agent');
			for (const { credentials } of workflow.nodes) {
				if (credentials?.openAiApi) credentials.openAiApi = { id, name };
			}
			const [image = ''] = listSamples(suite.world);
			const { data } = await suite.run(workflow, 'When chat message received', {
				sessionId: '1',
				action: 'sendMessage',
				chatInput: `Please make a turntable of ${image}`,
			});
			const [link] = service.jobs.at(-1)?.outputs ?? [];
			const said = readItems(data, 'AI Agent')[0]?.json.output as string;
			expect(said).toMatch(/^Here it is: .*\/binary-data\/signed\?token=/);
			expect(said).toContain(link);
			expect(suite.paid).toBe(1);
		} finally {
			await model.close();
		}
	});
}
