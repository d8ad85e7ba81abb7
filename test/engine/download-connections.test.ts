/** When the connections of downloads are closed. */
import type { Served } from '../support/file-server.mts';
import { gzip, serve } from '../support/http.mts';
import { openRig, type Rig } from '../support/rig.mts';

let rig: Rig;
beforeEach(async () => {
	rig = await openRig({ jobSeconds: 0 });
});
afterEach(async () => {
	await rig.close();
});

const run = async (options: object = {}, signal?: AbortSignal) =>
	await rig.run(
		{ operation: 'textTo3d', prompt: 'a red ball', options: options as never },
		signal && { signal },
	);

const withOutput = (output: string[]) =>
	rig.service.addFault({ on: 'submit', do: { kind: 'edit', edit: (body) => ({ ...body, output }) } });

describe('the connection of a download that was given up', () => {
	/** Serves one file, and resolves for each request when the server sees its connection closed. */
	async function serveSlowly(answer: Served, isAtOnce = false) {
		const closed: Array<Promise<unknown>> = [];
		const answers: Array<() => unknown> = [];
		const server = await serve((request, response) => {
			closed.push(new Promise((resolve) => request.socket.once('close', resolve)));
			response.on('error', () => {});
			answers.push(() => answer(response, 0));
			if (isAtOnce) answer(response, 0);
		});
		return { ...server, closed, answers };
	}
	const open: Served = (response) =>
		response.writeHead(200, { 'content-type': 'image/gif' }).write('GIF89a'.repeat(200));

	test('is closed when its headers come after the time limit', async () => {
		rig.clock.patienceMs = 300;
		const server = await serveSlowly(open);
		withOutput([`${server.origin}/a.gif`]);
		const { error } = await run();
		expect(error?.message).toMatch(/the file server did not answer in time$/);
		server.answers.forEach((answer) => answer());
		await Promise.all(server.closed);
		expect(server.closed).toHaveLength(5);
		await server.close();
	});

	test.each<[string, boolean]>([
		['before its headers', false],
		['in the middle', true],
	])('is closed when the execution is stopped %s', async (_name, isAnswered) => {
		rig.clock.patienceMs = 300;
		const server = await serveSlowly(open);
		withOutput([`${server.origin}/a.gif`]);
		const stop = new AbortController();
		const running = run({}, stop.signal);
		while (server.answers.length === 0) await rig.clock.sleep(1);
		if (isAnswered) server.answers.forEach((answer) => answer());
		stop.abort();
		await running;
		server.answers.forEach((answer) => isAnswered || answer());
		await Promise.all(server.closed);
		expect(server.closed).toHaveLength(1);
		await server.close();
	});

	test.each<[string, number, Served, RegExp]>([
		['a page is sent', 5, (response) => response.write('<html>'.padEnd(600)), /sent a web page/],
		['it is forbidden', 1, (response) => response.writeHead(403).write('x'), /HTTP 403/],
		[
			'it is too large',
			1,
			(response) => response.writeHead(200, { 'content-length': 1e9 }).write('x'),
			/larger/,
		],
		['it stalls', 5, open, /no byte came for 60 s/],
		[
			'it stalls, compressed',
			5,
			(response) =>
				response
					.writeHead(200, { 'content-encoding': 'gzip' })
					.write(gzip(Buffer.alloc(900_000, 'GIF89a')).subarray(0, 900)),
			/no byte came for 60 s/,
		],
		['it is too slow', 1, open, /it was not complete after 30 s/],
	])('is closed when %s', async (name, tries, answer, problem) => {
		rig.clock.patienceMs = 300;
		const server = await serveSlowly(answer, true);
		withOutput([`${server.origin}/a.gif`]);
		const { error } = await run(name === 'it is too slow' ? { timeout: 30 } : { maxFileSize: 10 });
		expect(error?.message).toMatch(problem);
		await Promise.all(server.closed);
		expect(server.closed.length).toBeLessThanOrEqual(tries);
		await server.close();
	});
});
