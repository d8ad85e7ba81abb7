/** Every workflow in `examples/`, imported as it is, published and run as a person would. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import axios from 'axios';
import type { INodeParameters } from 'n8n-workflow';

import { listExamples, readExample } from '../../n8n/real/examples.mts';
import type { Saved, WorkflowFile } from '../../n8n/real/n8n.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import type { World } from '../../n8n/real/worlds.mts';
import { readItems, waitForResult, listSamples, downloadOutput } from './suite.mts';
import { openChatModel, openSink } from './loopback.mts';

/** The settings of all Image to 3D nodes made small, so that turntables are made quickly. */
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

/** The parts of a multipart body, by name. */
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

/** A file that n8n's form page carries, encoded into its script. */
function readFileInPage(page: string): Buffer {
	const [, encoded = ''] = /((?:%5B)?%7B%22data%22[^'"&<\s]*)/.exec(page) ?? [];
	const found = JSON.parse(decodeURIComponent(encoded)) as unknown;
	const [{ data }] = (Array.isArray(found) ? found : [found]) as [{ data: { data: number[] } | string }];
	return typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data.data);
}

const download = async (url: string) =>
	Buffer.from((await axios.get<ArrayBuffer>(url, { responseType: 'arraybuffer', proxy: false })).data);

export function testExamples(getWorld: () => World): void {
	let world: World;
	let before = 0;
	beforeEach(() => {
		world = getWorld();
		world.service.clearFaults();
		world.service.configure({ jobSeconds: 2, webhooks: 'once' });
		before = world.service.jobs.length;
	});
	const paid = () => world.service.jobs.length - before;
	const failSecond = () =>
		world.service.addFault({ on: 'submit', skip: 1, do: { kind: 'failJob', message: 'too dark' } });
	const tried = new Set<string>();
	const example = (name: string, edit: (text: string) => string = (text) => text): WorkflowFile => {
		tried.add(name);
		return shrink(JSON.parse(edit(JSON.stringify(readExample(world, name)))) as WorkflowFile);
	};
	const imported = async (workflow: WorkflowFile): Promise<Saved> => {
		const saved = await world.main.importWorkflow(workflow);
		await world.main.publish(saved).catch((error: Error) => {
			// What is started by hand has nothing to publish.
			if (!/trigger/i.test(error.message)) throw error;
		});
		return saved;
	};
	const CLICK = 'When clicking ‘Execute workflow’';

	test.each(['image-to-turntable', 'suspend-with-fallback'])('%s', async (name) => {
		const saved = await imported(example(name));
		await world.main.runManually(saved, CLICK);
		const { status, error, items } = await waitForResult(world, saved);
		expect([status, error?.message]).toEqual(['success', undefined]);
		expect(items.map(({ json }) => json.status)).toEqual(['success']);
		expect((await world.main.downloadFile(items[0])).equals(await downloadOutput(items[0]))).toBe(true);
		expect(paid()).toBe(1);
	});

	test('schedule-to-files: the files are in the folder, and one report tells of all', async () => {
		const sink = await openSink();
		try {
			const workflow = example('schedule-to-files', (text) =>
				text
					.replaceAll('https://example.com/your-messenger', sink.origin)
					.replaceAll('/home/node/.n8n-files', world.files),
			);
			const names = ['mug', 'duck', 'rocket'];
			const pictures = listSamples(world).map((image, index) => ({ name: names[index], image }));
			const list = findNode(workflow, 'Pictures and Folder').parameters.assignments as {
				assignments: INodeParameters[];
			};
			Object.assign(list.assignments[0] ?? {}, { value: JSON.stringify(pictures) });
			failSecond();
			const saved = await imported(workflow);
			await world.main.runManually(saved, 'Every Day at 6');
			const { status, items } = await waitForResult(world, saved);
			expect(status).toBe('success');
			expect(paid()).toBe(3);
			expect(items).toHaveLength(2);
			const files = readdirSync(world.files).map((file) => readFileSync(join(world.files, file)));
			expect(files).toHaveLength(2);
			for (const item of items) {
				const original = await downloadOutput(item);
				expect(files.some((file) => file.equals(original))).toBe(true);
			}
			const reports = sink.received.map(({ body }) => (JSON.parse(body.toString()) as { text: string }).text);
			expect(reports).toEqual([expect.stringMatching(/^2 of 3 turntables written\n[^]*too dark/)]);
		} finally {
			await sink.close();
		}
	});

	test('image-to-mesh: the mesh and its turntable are in the folder, under the name given', async () => {
		const workflow = example('image-to-mesh', (text) =>
			text.replaceAll('/home/node/.n8n-files', world.files),
		);
		const saved = await imported(workflow);
		await world.main.runManually(saved, CLICK);
		const { status, error, data } = await waitForResult(world, saved);
		expect([status, error?.message]).toEqual(['success', undefined]);
		expect(paid()).toBe(1);
		const [mesh = '', turntable = ''] = world.service.jobs.at(-1)?.outputs ?? [];
		expect(readItems(data, 'Write File').map(({ json }) => json.fileName)).toEqual(
			['roses.glb', 'roses.gif'].map((name) => join(world.files, name)),
		);
		for (const [name, link] of [
			['roses.glb', mesh],
			['roses.gif', turntable],
		] as const) {
			expect(readFileSync(join(world.files, name)).equals(await download(link))).toBe(true);
		}
	});

	test('form-to-turntable: the page answers with the file', async () => {
		const workflow = example('form-to-turntable');
		const form = `/form/${findNode(workflow, 'Picture Form').webhookId ?? ''}`;
		const saved = await imported(workflow);
		const fields = new FormData();
		fields.append(
			'field-0',
			new Blob([readFileSync('samples/mug.jpg')], { type: 'image/jpeg' }),
			'my mug (1).jpg',
		);
		const { data } = await axios.post<{ formWaitingUrl: string }>(world.outside.origin + form, fields, {
			proxy: false,
		});
		const waiting = new URL(data.formWaitingUrl);
		const state = new URL(`${waiting.pathname}/n8n-execution-status${waiting.search}`, waiting);
		await waitUntil('the form goes on', async () => {
			const { data: status } = await axios.get<string>(state.href, { proxy: false });
			return /form-waiting|success|error/.test(String(status));
		});
		const { data: page } = await axios.get<string>(waiting.href, { proxy: false });
		expect(page).toContain('Your turntable is ready');
		// The page ends the execution so.
		await axios.post(waiting.href, {}, { proxy: false, validateStatus: () => true });
		const { items } = await waitForResult(world, saved);
		expect(readFileInPage(page).equals(await downloadOutput(items[0]))).toBe(true);
		expect(paid()).toBe(1);
	});

	test('submit-now and finish-later: each end is told, with its file or its reason', async () => {
		const sink = await openSink();
		try {
			const later = await imported(
				example('finish-later', (text) => text.replaceAll('https://example.com', sink.origin)),
			);
			const now = example('submit-now', (text) =>
				text.replaceAll('https://n8n.example.com', world.outside.origin),
			);
			now.pinData = {
				[CLICK]: listSamples(world).map((image, index) => ({ json: { order: 7 + index, image } })),
			};
			failSecond();
			const submitted = await imported(now);
			await world.main.runManually(submitted, CLICK);
			const { items } = await waitForResult(world, submitted);
			expect(items.map(({ json }) => json.status)).toEqual(['processing', 'processing', 'processing']);
			await waitUntil('three are told', () => sink.received.length === 3);
			const told = sink.received.filter(({ path }) => path === '/turntables');
			expect(told).toHaveLength(2);
			for (const { body, contentType } of told) {
				const parts = parseMultipart(body, contentType);
				const file = await download(parts.get('link')?.toString() ?? '');
				expect(parts.get('file')?.equals(file)).toBe(true);
			}
			const failure = sink.received.find(({ path }) => path === '/failures');
			expect(failure?.body.toString()).toMatch(/order-\d: job \d+ failed: too dark/);
			expect(paid()).toBe(3);
			await waitUntil('all executions have ended', async () => {
				const executions = await world.main.listExecutions(later.id);
				return executions.length === 3 && executions.every(({ status }) => status === 'success');
			});
		} finally {
			await sink.close();
		}
	});

	test('ai-agent: the agent uses the node and answers with the link', async () => {
		const model = await openChatModel();
		try {
			const { id, name } = await world.main.createCredential('Stand-in model', 'openAiApi', {
				apiKey: 'sk-none-needed',
				url: `${model.origin}/v1`,
				header: false,
			});
			const workflow = example('ai-agent');
			for (const { credentials } of workflow.nodes) {
				if (credentials?.openAiApi) credentials.openAiApi = { id, name };
			}
			const saved = await imported(workflow);
			const [picture = ''] = listSamples(world);
			await world.main.runManually(saved, 'When chat message received', {
				sessionId: '1',
				action: 'sendMessage',
				chatInput: `Please make a turntable of ${picture}`,
			});
			const { status, data, error } = await waitForResult(world, saved);
			expect([status, error?.message]).toEqual(['success', undefined]);
			const [link] = world.service.jobs.at(-1)?.outputs ?? [];
			expect(readItems(data, 'AI Agent')[0]?.json.output).toBe(`Here it is: ${link}`);
			expect(paid()).toBe(1);
		} finally {
			await model.close();
		}
	});

	test('that is all of them', () => {
		expect([...tried].sort()).toEqual(listExamples().sort());
	});
}
