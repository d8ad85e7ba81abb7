/** Tests on n8n servers that no connection of a download outlives its execution. n8n's request helper differs by version. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { waitUntil } from '../../n8n/real/processes.mts';
import type { World } from '../../n8n/real/worlds.mts';
import { serve } from '../support/http.mts';
import { listSamples, startWorkflow, waitForResult } from './suite.mts';

/** How long a download may take, s. */
const LIMIT = 2;

type Answer = (response: ServerResponse) => unknown;

/** Answers with the beginning of a file whose rest never comes. */
const begin: Answer = (response) =>
	response.writeHead(200, { 'content-type': 'image/gif' }).write('GIF89a'.padEnd(2000));

/** @param answer answers each request at once, if there is one */
async function openFileServer(answer?: Answer) {
	const sockets: Socket[] = [];
	const waiting: ServerResponse[] = [];
	const server = await serve((request, response) => {
		response.on('error', () => {});
		sockets.push(request.socket);
		if (answer) answer(response);
		else waiting.push(response);
	});
	return {
		...server,
		sockets,
		/** Answers the requests that wait. */
		answerLate: () => waiting.forEach((response) => begin(response)),
	};
}

export function testLateFiles(getWorld: () => World): void {
	beforeEach(() => {
		getWorld().service.clearFaults();
		getWorld().service.configure({ jobSeconds: 0 });
	});

	const start = async (origin: string, timeout: number) => {
		const world = getWorld();
		const edit = (body: object) => ({ ...body, output: [`${origin}/a.gif`] });
		world.service.addFault({ on: 'submit', do: { kind: 'edit', edit } });
		return await startWorkflow(world, { options: { timeout } }, {}, listSamples(world, ['mug.jpg']));
	};

	test.each<[string, Answer | undefined, RegExp]>([
		['whose answer comes after the time limit', undefined, /did not answer in time$/],
		['whose rest does not come', begin, /it was not complete after 2 s$/],
	])('a download %s', async (_name, answer, problem) => {
		const server = await openFileServer(answer);
		try {
			const saved = await start(server.origin, LIMIT);
			const { status, error } = await waitForResult(getWorld(), saved);
			expect([status, error?.message]).toEqual(['error', expect.stringMatching(problem)]);
			server.answerLate();
			expect(server.sockets).toHaveLength(1);
			await waitUntil('its connection is closed', () => server.sockets[0]?.destroyed === true, 5000);
		} finally {
			await server.close();
		}
	});

	test('a download that Stop interrupts', async () => {
		const server = await openFileServer(begin);
		try {
			const { main } = getWorld();
			const saved = await start(server.origin, 600);
			await waitUntil('the download has begun', () => server.sockets.length === 1);
			await main.requestData(
				'POST',
				`/executions/${await main.waitForLatest(saved.id, ['running'])}/stop`,
				{},
			);
			await waitUntil('its connection is closed', () => server.sockets[0]?.destroyed === true, 5000);
		} finally {
			await server.close();
		}
	});
}
