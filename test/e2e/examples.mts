/** Tests every workflow in `examples/`: imports it as it is, publishes it, and runs it as a person does. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Email } from 'postal-mime';

import { listExamples } from '../../n8n/real/examples.mts';
import { readAttachment } from '../../n8n/real/parts/mailbox.mts';
import { waitUntil } from '../../n8n/real/processes.mts';
import type { Site } from '../../n8n/real/site.mts';
import { CATALOGUE_ROWS, testCatalogue } from './catalogue.mts';
import { testChatAndShop } from './chat-and-shop.mts';
import { CLICK, ExampleSuite } from './example-suite.mts';
import { testForms } from './forms.mts';
import { Recovery } from './recovery.mts';
import { downloadLink, downloadOutput, listSamples, readItems, waitForResult } from './suite.mts';

/** Tests that every example works as it is. */
export function testExamples(getWorld: () => Site): void {
	const suite = new ExampleSuite(getWorld, CATALOGUE_ROWS);
	testTurntables(suite);
	testSchedule(suite);
	testMesh(suite);
	testPrint(suite);
	testMissingFolder(suite);
	testForms(suite);
	testSubmitAndFinish(suite);
	testAgent(suite);
	testRecovery(suite);
	testCatalogue(suite);
	testChatAndShop(suite);

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

/** A folder that does not exist, in an example. */
const loseFolder = (text: string, { files }: Site) => text.replaceAll(files, join(files, 'missing'));

function testSchedule(suite: ExampleSuite): void {
	test('schedule-to-files: the files are in the folder, with a report that names all', async () => {
		const { files } = suite.world;
		suite.failSecond();
		const { items } = await suite.run(suite.readExample('schedule-to-files'), 'Every Day at 6');
		expect(suite.paid).toBe(3);
		expect(items).toHaveLength(2);
		const written = readdirSync(files).map((file) => readFileSync(join(files, file)));
		for (const item of items) {
			const output = await downloadOutput(item);
			expect(written.some((file) => file.equals(output))).toBe(true);
		}
		const [report = ''] = readdirSync(files).filter((file) => file.startsWith('report-'));
		expect(readFileSync(join(files, report), 'utf8')).toMatch(
			/^2 of 3 turntables written\nmug: written[^]*duck: failed, [^\n]*too dark/,
		);
	});
}

function testRecovery(suite: ExampleSuite): void {
	test('recover-paid-jobs: what was paid for and not delivered is delivered, once', async () => {
		const example = suite.readExample('recover-paid-jobs');
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
		const { data } = await suite.run(suite.readExample('image-to-mesh'), CLICK);
		expect(suite.paid).toBe(1);
		const outputs = service.jobs.at(-1)?.outputs ?? [];
		const names = ['mug.glb', 'mug.gif'];
		expect(readItems(data, 'Write File').map(({ json }) => json.fileName)).toEqual(
			names.map((name) => join(files, name)),
		);
		for (const [index, name] of names.entries()) {
			expect(readFileSync(join(files, name)).equals(await downloadLink(outputs[index] ?? ''))).toBe(true);
		}
	});
}

/** Measures a binary STL. @returns its size along each axis, and its volume, which is negative for a mirrored object */
function measureStl(stl: Buffer): { size: number[]; lowest: number; volume: number } {
	const corners: number[][] = [];
	for (let at = 84; at < stl.length; at += 50) {
		for (const corner of [12, 24, 36]) {
			corners.push([0, 4, 8].map((axis) => stl.readFloatLE(at + corner + axis)));
		}
	}
	const along = (axis: number) => corners.map((corner) => corner[axis] ?? NaN);
	let volume = 0;
	for (let at = 0; at < corners.length; at += 3) {
		const [[a = 0, b = 0, c = 0] = [], [d = 0, e = 0, f = 0] = [], [g = 0, h = 0, i = 0] = []] =
			corners.slice(at);
		volume += (a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)) / 6;
	}
	const most = (values: number[]) => values.reduce((one, other) => Math.max(one, other));
	const least = (values: number[]) => -most(values.map((value) => -value));
	const size = [0, 1, 2].map((axis) => most(along(axis)) - least(along(axis)));
	return { size, lowest: least(along(2)), volume };
}

function testPrint(suite: ExampleSuite): void {
	test('image-to-print: the STL is in millimetres, upright, and as high as was wanted', async () => {
		const { files, service } = suite.world;
		await suite.run(suite.readExample('image-to-print'), CLICK);
		expect(suite.paid).toBe(1);
		const made = measureStl(await downloadLink(service.jobs.at(-1)?.outputs[0] ?? ''));
		const printed = measureStl(readFileSync(join(files, 'duck.stl')));
		const scale = 80 / (made.size[1] ?? NaN);
		const [width = NaN, depth = NaN, height = NaN] = printed.size;
		expect(height).toBeCloseTo(80, 3);
		expect(printed.lowest).toBeCloseTo(0, 3);
		expect([width, depth]).toEqual([
			expect.closeTo((made.size[0] ?? NaN) * scale, 3),
			expect.closeTo((made.size[2] ?? NaN) * scale, 3),
		]);
		expect(printed.volume / made.volume / scale ** 3).toBeCloseTo(1, 3);
	});
}

function testMissingFolder(suite: ExampleSuite): void {
	test.each([
		['schedule-to-files', 'Every Day at 6'],
		['image-to-mesh', CLICK],
		['image-to-print', CLICK],
	])('%s: a folder that is not there costs nothing', async (name, trigger) => {
		const example = suite.readExample(name, (text) => loseFolder(text, suite.world));
		const saved = await suite.importWorkflow(example);
		await suite.world.main.runManually(saved, trigger);
		const { status, data } = await waitForResult(suite.world, saved);
		expect([status, data.resultData.lastNodeExecuted, suite.paid]).toEqual(['error', 'Write Test File', 0]);
	});
}

/** Checks that a mail has the file of each successful job, and one the failure of the other. */
async function checkMails(mails: Email[]): Promise<void> {
	const turntables = mails.filter(({ attachments }) => attachments.length > 0);
	expect(turntables).toHaveLength(2);
	for (const mail of turntables) {
		const [link = ''] = /https?:\S+/.exec(mail.text ?? '') ?? [];
		expect(readAttachment(mail).equals(await downloadLink(link))).toBe(true);
	}
	const failure = mails.find(({ attachments }) => attachments.length === 0);
	expect(failure?.text).toMatch(/order-\d: job \d+ failed: too dark/);
}

function testSubmitAndFinish(suite: ExampleSuite): void {
	test('submit-now and finish-later: each end is mailed, with its file or its reason', async () => {
		const { main } = suite.world;
		const { mails } = suite.parts.mailbox;
		const before = mails.length;
		const later = await suite.importWorkflow(suite.readExample('finish-later'));
		suite.failSecond();
		const now = suite.readExample('submit-now');
		const orders = listSamples(suite.world).map((image, index) => ({ json: { order: 7 + index, image } }));
		now.pinData = { [CLICK]: orders };
		const { items } = await suite.run(now, CLICK);
		expect(items.map(({ json }) => json.status)).toEqual(['processing', 'processing', 'processing']);
		await waitUntil('all executions have ended', async () => {
			const executions = await main.listExecutions(later.id);
			return executions.length === 3 && executions.every(({ status }) => status === 'success');
		});
		await checkMails(mails.slice(before));
		expect(suite.paid).toBe(3);
	});
}

function testAgent(suite: ExampleSuite): void {
	test('ai-agent: the agent uses the node and answers with the links', async () => {
		const [image = ''] = listSamples(suite.world);
		const { data } = await suite.run(suite.readExample('ai-agent'), 'When chat message received', {
			sessionId: '1',
			action: 'sendMessage',
			chatInput: `Please make a turntable of ${image}`,
		});
		const [link] = suite.world.service.jobs.at(-1)?.outputs ?? [];
		const said = readItems(data, 'AI Agent')[0]?.json.output as string;
		expect(said).toMatch(/^Here it is: .*\/binary-data\/signed\?token=/);
		expect(said).toContain(link);
		expect(suite.paid).toBe(1);
	});
}
