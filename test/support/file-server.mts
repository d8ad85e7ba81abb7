import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import { serve, type TestServer } from './http.mts';
import type { TestClock } from './test-clock.mts';

/** Answers a request for a path. @param at ms after the first request */
export type Served = (response: ServerResponse, at: number) => unknown;

export interface FileServer extends TestServer {
	/** The requests: the path, and the time, ms after the first request. */
	asked: Array<[path: string, at: number]>;
	/** The address of a path without its slash. */
	at(path: string): string;
}

/** Starts a file server that goes by the clock. Unknown paths get 404. */
export async function serveByClock(clock: TestClock, paths: Record<string, Served>): Promise<FileServer> {
	const asked: FileServer['asked'] = [];
	let first: number | undefined;
	const server = await serve(({ url = '' }, response) => {
		first ??= clock.now();
		const at = clock.now() - first;
		asked.push([url, at]);
		const answer = paths[url];
		if (answer) answer(response, at);
		else response.writeHead(404).end();
	});
	return { ...server, asked, at: (path) => `${server.origin}/${path}` };
}

/** Sends bytes without their length, and ends the answer. */
export function sendChunked(response: ServerResponse, bytes: Buffer): void {
	response.write(bytes, () => response.end());
}

/** Makes a body that does not end. */
export const makeOpenBody = () => new PassThrough();

/** Resolves when everything that is due is done. */
export async function waitForNextTurn(): Promise<void> {
	await setImmediate();
}
