import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import { serve, type TestServer } from './http.mts';
import type { TestClock } from './test-clock.mts';

/** What a file server does with a request for a path. @param at ms after the first request */
export type Served = (response: ServerResponse, at: number) => unknown;

export interface FileServer extends TestServer {
	/** What it was asked for, and when, ms after the first request. */
	asked: Array<[path: string, at: number]>;
	/** The address of a path without its slash. */
	at(path: string): string;
}

/** A file server that goes by the clock. What it does not know is not there. */
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

/** Sends bytes without their length, and ends as if they were all. */
export function sendChunked(response: ServerResponse, bytes: Buffer): void {
	response.write(bytes, () => response.end());
}

/** A body that does not end. */
export const makeOpenBody = () => new PassThrough();

/** Resolves when all that is due has been done. */
export async function waitForNextTurn(): Promise<void> {
	await setImmediate();
}
